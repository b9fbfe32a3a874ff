//! What is decided, and that it holds once it is done.

use std::sync::Arc;

use evenkeel_core::period::Period;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// What a version is called.
const NAME: &str = "scientific-6-standard_6.0-{yyyyMMdd}_i386.tar.gz";
const DAY: i64 = 86_400;

fn mine() -> Mine {
    Mine { resource: "ContainerTemplate/sl6".into(), owner: "lab".into(), object: NAME.into() }
}

fn base(sum: &str) -> Base {
    Base { name: "scientific-6-standard_6.0_i386.tar.gz".into(), bytes: 1, mtime: 2, sha256: sum.into() }
}

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_319_587_200 + day * DAY).unwrap()
}

fn wish(recipe: u8, keep: u32, publish: &[String]) -> Wish<'_> {
    Wish { recipe: json!({ "packages": recipe }), name: NAME.into(), refresh: None, keep, publish }
}

fn empty() -> Seen {
    Seen { base: Some(base("a")), ..Seen::default() }
}

/// Does what was decided, as far as nothing holds it.
fn act(decision: &Decision, seen: &mut Seen, clock: Timestamp) {
    if let Some(Build { record, held: None }) = &decision.build {
        let record = Record { built: clock, bytes: 9, sha256: "f".into(), ..record.clone() };
        seen.here.versions.insert(decision.newest.clone(), record);
    }
    for name in &decision.remove {
        seen.here.versions.remove(name).unwrap();
    }
    let newest = seen.here.versions.get(&decision.newest).cloned();
    for (target, todo) in &decision.elsewhere {
        let Some(Ok(place)) = seen.elsewhere.get_mut(target) else { panic!("{target} did not answer") };
        if let Some(newest) = newest.clone().filter(|_| todo.send && todo.held.is_none()) {
            place.foreign.remove(&decision.newest);
            place.unrecorded.remove(&decision.newest);
            place.versions.insert(decision.newest.clone(), newest);
        }
        for name in &todo.remove {
            place.versions.remove(name).unwrap();
        }
    }
}

fn is_settled(decision: &Decision) -> bool {
    let settled = |there: &Elsewhere| !there.send && there.remove.is_empty();
    decision.build.is_none() && decision.remove.is_empty() && decision.elsewhere.values().all(settled)
}

fn state(seen: &Seen) -> TemplateState {
    let (seen, mine) = (Some(Arc::new(seen.clone())), Some(mine()));
    let mut state = TemplateState { seen, mine, ..TemplateState::default() };
    project(&mut state);
    state
}

#[test]
fn the_first_is_built_and_then_there_is_nothing_to_do() {
    let (mut seen, wish) = (empty(), wish(1, 1, &[]));
    let decision = decide(&wish, &seen, &mine(), at(0)).unwrap();
    assert_eq!(decision.newest, "scientific-6-standard_6.0-20111026_i386.tar.gz");
    assert_eq!(decision.build.as_ref().unwrap().held, None);
    act(&decision, &mut seen, at(0));
    for day in [0, 1, 400] {
        assert!(is_settled(&decide(&wish, &seen, &mine(), at(day)).unwrap()), "{day}");
    }
    let told = serde_json::to_value(state(&seen)).unwrap();
    assert_eq!(told["recipe"], json!({ "packages": 1 }));
    assert_eq!(told["base"], "a");
    let versions = told["versions"].as_object().unwrap();
    assert_eq!(versions["scientific-6-standard_6.0-20111026_i386.tar.gz"], decision.digest[..12]);
}

#[test]
fn without_its_base_nothing_is_decided() {
    assert_eq!(decide(&wish(1, 1, &[]), &Seen::default(), &mine(), at(0)), None);
}

#[test]
fn a_plan_made_later_on_the_day_is_the_same() {
    let later = at(0).checked_add(jiff::SignedDuration::from_hours(23)).unwrap();
    let [a, b] = [at(0), later].map(|now| decide(&wish(1, 1, &[]), &empty(), &mine(), now));
    assert_eq!(a, b);
}

#[test]
fn another_recipe_on_the_same_day_takes_the_place_of_our_own_only() {
    let mut seen = empty();
    act(&decide(&wish(1, 1, &[]), &seen, &mine(), at(0)).unwrap(), &mut seen, at(0));
    let again = decide(&wish(2, 1, &[]), &seen, &mine(), at(0)).unwrap();
    assert_eq!(again.build.as_ref().unwrap().held, None);
    act(&again, &mut seen, at(0));
    assert_eq!(seen.here.versions.len(), 1);

    let other = Mine { resource: "ContainerTemplate/other".into(), ..mine() };
    let held = decide(&wish(2, 0, &[]), &seen, &other, at(0)).unwrap();
    assert_eq!(
        held.build.unwrap().held.unwrap(),
        "the template scientific-6-standard_6.0-20111026_i386.tar.gz that is there is of ContainerTemplate/sl6 (owner \
         lab), and is not overwritten: rename it, or change `output.version`"
    );

    // Somebody changed the archive: its record counts no more.
    let name = again.newest.clone();
    seen.here.versions.remove(&name);
    seen.here.foreign.insert(name);
    let held = decide(&wish(2, 0, &[]), &seen, &mine(), at(0)).unwrap().build.unwrap().held.unwrap();
    assert!(held.contains("was not made by Evenkeel, or was changed since"), "{held}");
    assert_eq!(decide(&wish(2, 0, &[]), &seen, &mine(), at(1)).unwrap().build.unwrap().held, None);
}

#[test]
fn while_the_newest_cannot_come_nothing_goes() {
    let publish = ["pve2".to_owned()];
    let mut seen = empty();
    seen.elsewhere.insert("pve2".into(), Ok(Place::default()));
    act(&decide(&wish(1, 0, &publish), &seen, &mine(), at(0)).unwrap(), &mut seen, at(0));
    let blocked = "scientific-6-standard_6.0-20111027_i386.tar.gz".to_owned();
    let Some(Ok(there)) = seen.elsewhere.get_mut("pve2") else { panic!() };
    there.foreign.insert(blocked.clone());
    let decision = decide(&wish(2, 0, &publish), &seen, &mine(), at(1)).unwrap();
    let there = &decision.elsewhere["pve2"];
    assert!(there.held.is_some() && there.remove.is_empty(), "{there:?}");
    assert_eq!(decision.remove.len(), 1, "what is held there holds nothing here");
    seen.here.foreign.insert(blocked);
    assert!(decide(&wish(2, 0, &publish), &seen, &mine(), at(1)).unwrap().remove.is_empty());
    seen.here.foreign.clear();
    seen.taken = Some("the id 555 is taken by mail.example: write another `build.ctid`".into());
    let held = decide(&wish(2, 0, &publish), &seen, &mine(), at(1)).unwrap().build.unwrap().held;
    assert_eq!(held, seen.taken);
}

#[test]
fn what_was_sent_and_has_no_record_yet_is_sent_again() {
    let publish = ["pve2".to_owned()];
    let mut seen = empty();
    seen.elsewhere.insert("pve2".into(), Ok(Place::default()));
    act(&decide(&wish(1, 1, &[]), &seen, &mine(), at(0)).unwrap(), &mut seen, at(0));
    let (name, bytes) =
        seen.here.versions.iter().map(|(name, record)| (name.clone(), record.bytes)).next().unwrap();
    let held = |seen: &Seen, recipe: u8| {
        let decision = decide(&wish(recipe, 1, &publish), seen, &mine(), at(0)).unwrap();
        let there = &decision.elsewhere["pve2"];
        assert!(there.send);
        there.held.clone()
    };
    // It was killed between the template's name and its record.
    let foreign = BTreeSet::from([name.clone()]);
    let cut = |unrecorded: &[u64]| Place {
        foreign: foreign.clone(),
        unrecorded: unrecorded.iter().map(|bytes| (name.clone(), *bytes)).collect(),
        ..Place::default()
    };
    seen.elsewhere.insert("pve2".into(), Ok(cut(&[bytes])));
    assert_eq!(held(&seen, 1), None);
    assert_eq!(held(&seen, 2), None, "also where another one is built under that name first");
    // That of another size is not ours, nor is one with a record that is not.
    for place in [cut(&[bytes + 1]), cut(&[])] {
        seen.elsewhere.insert("pve2".into(), Ok(place));
        assert!(held(&seen, 1).unwrap().contains("was not made by Evenkeel"));
    }
    // What somebody else's resource has at home is no proof.
    seen.elsewhere.insert("pve2".into(), Ok(cut(&[bytes])));
    for record in seen.here.versions.values_mut() {
        record.resource = "ContainerTemplate/other".into();
    }
    assert!(held(&seen, 1).is_some());
}

#[test]
fn a_target_that_does_not_answer_is_left_as_it_is() {
    let publish = ["pve2".to_owned()];
    let mut seen = empty();
    seen.elsewhere.insert("pve2".into(), Err("timed out".into()));
    let decision = decide(&wish(1, 0, &publish), &seen, &mine(), at(0)).unwrap();
    assert!(decision.elsewhere.is_empty());
    let after = desired(&state(&seen), &wish(1, 0, &publish), &decision);
    assert!(after.published.is_empty());
}

#[test]
fn three_older_ones_are_kept() {
    let mut seen = empty();
    for day in 0..6 {
        act(
            &decide(&wish(u8::try_from(day).unwrap(), 3, &[]), &seen, &mine(), at(day)).unwrap(),
            &mut seen,
            at(day),
        );
    }
    let kept: Vec<&str> =
        newest_first(&seen.here.versions, &mine()).iter().map(|(name, _)| &name[26..34]).collect();
    assert_eq!(kept, ["20111031", "20111030", "20111029", "20111028"]);
}

#[test]
fn what_left_the_recipe_is_seen_to_go() {
    let before = json!({ "files": { "/a": { "content": "x" }, "/b": {} }, "locale": "C" });
    let after = json!({ "files": { "/b": { "mode": "0644" } } });
    assert_eq!(
        over(&before, &after),
        json!({ "files": { "/a": null, "/b": { "mode": "0644" } }, "locale": null })
    );
}

/// One thing that happens in the life of a template.
#[derive(Debug, Clone)]
struct Turn {
    days: i64,
    recipe: u8,
    base: u8,
    keep: u32,
    refresh_days: u64,
    /// By how many days the host's clock is wrong.
    skew: i64,
    answers: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let parts = (0..4_i64, 0..3_u8, 0..2_u8, 0..4_u32, 0..5_u64, -9..9_i64, any::<bool>());
    parts.prop_map(|(days, recipe, base, keep, refresh_days, skew, answers)| Turn {
        days,
        recipe,
        base,
        keep,
        refresh_days,
        skew,
        answers,
    })
}

proptest! {
    #[test]
    fn what_is_decided_and_done_is_done(
        turns in proptest::collection::vec(turn(), 1..12),
        name in prop::sample::select(vec![NAME, "a-1-b_1_i386", "a-1-b_{digest}_i386"]),
        foreign in proptest::collection::btree_set(0..40_i64, 0..6),
    ) {
        let publish = ["pve2".to_owned()];
        let foreign: BTreeSet<String> = foreign.iter().map(|day| recipe::expand(NAME, "", at(*day))).collect();
        let place = Place { foreign: foreign.clone(), ..Place::default() };
        let mut seen = Seen { here: place.clone(), ..empty() };
        seen.elsewhere.insert("pve2".into(), Ok(place.clone()));
        let mut hidden = None;
        let mut day = 0;
        for turn in turns {
            day += turn.days;
            let refresh = (turn.refresh_days > 0).then(|| Refresh { every: Period::days(turn.refresh_days) });
            let wish = Wish { name: name.into(), refresh: refresh.as_ref(), ..wish(turn.recipe, turn.keep, &publish) };
            seen.base = Some(base(&turn.base.to_string()));
            if let Some(place) = hidden.take() {
                seen.elsewhere.insert("pve2".into(), Ok(place));
            }
            if !turn.answers
                && let Some(Ok(place)) = seen.elsewhere.insert("pve2".into(), Err("timed out".into()))
            {
                hidden = Some(place);
            }
            let before = seen.clone();
            let decision = decide(&wish, &seen, &mine(), at(day)).unwrap();
            prop_assert!(!decision.remove.contains(&decision.newest));
            if let Some(Build { held: None, .. }) = &decision.build {
                prop_assert!(!foreign.contains(&decision.newest));
            }
            let wanted = desired(&state(&seen), &wish, &decision);
            act(&decision, &mut seen, at(day + turn.skew));
            prop_assert!(before.here.versions.is_empty() || !seen.here.versions.is_empty());
            let is_held = |there: &Elsewhere| there.held.is_some();
            if decision.build.as_ref().is_some_and(|build| build.held.is_some())
                || decision.elsewhere.values().any(is_held)
            {
                continue;
            }
            let again = decide(&wish, &seen, &mine(), at(day)).unwrap();
            prop_assert!(is_settled(&again), "{again:?}");
            let ours = seen.here.versions.len();
            prop_assert!(ours <= usize::try_from(turn.keep).unwrap() + 1, "{ours}");
            // What was wanted is what is there, but for what shall not be.
            let is = serde_json::to_value(state(&seen)).unwrap();
            let differing = unlike(&serde_json::to_value(&wanted).unwrap(), &is);
            prop_assert!(differing.is_none(), "{differing:?}");
        }
    }
}

/// The first place where what is wanted is not there.
fn unlike(wanted: &Value, is: &Value) -> Option<String> {
    match (wanted, is) {
        (Value::Object(fields), _) => fields.iter().find_map(|(name, wanted)| {
            let rest = unlike(wanted, is.get(name).unwrap_or(&Value::Null))?;
            Some(format!("{name}.{rest}"))
        }),
        _ => (wanted != is).then(|| format!("{wanted} {is}")),
    }
}
