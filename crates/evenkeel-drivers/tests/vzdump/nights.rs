//! Random nights.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::plan::Instance;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::run::{carry_out, instance, look};
use crate::world::{Cut, World};

/// A small generator of numbers, fixed by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, many: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % many.max(1)
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn cut(&mut self) -> Cut {
        [Cut::Whole, Cut::Early, Cut::Late][self.below(3)]
    }
}

const KEPT: usize = 3;
const KEPT_AWAY: usize = 5;

fn spec(layout: &str, by_folder: bool) -> String {
    let stream = if by_folder { "never" } else { "auto" };
    format!(
        "  schedule: {{ cron: \"0 2 * * *\", timeZone: UTC }}
  retention: {{ keepLast: {KEPT} }}
  vzdump:
    guests: running
    stream: {stream}
    store: {{ target: nas, directory: /dump, layout: \"{layout}\" }}
    copies: [{{ target: away, directory: /copy, retention: {{ keepLast: {KEPT_AWAY} }} }}]
"
    )
}

/// The good archives of each guest in a store: by slot, what they hold.
fn good(world: &World, target: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut good: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let Some(tree) = world.trees.get(target) else { return good };
    for (path, text) in tree {
        let Some(folder) = path.strip_suffix(".part").unwrap_or(path).strip_suffix("/evenkeel.json") else {
            continue;
        };
        let is_second =
            path.strip_suffix(".part").is_some() && tree.contains_key(&format!("{folder}/evenkeel.json"));
        if is_second || tree.contains_key(&format!("{folder}/evenkeel.removing")) {
            continue;
        }
        // A seal that was cut off is none.
        let Ok(seal) = serde_json::from_str::<Value>(text.as_ref().unwrap()) else { continue };
        for (name, record) in seal["archives"].as_object().unwrap() {
            let Some(Some(bytes)) = tree.get(&format!("{folder}/{name}")) else { continue };
            if bytes.len() as u64 == record["bytes"].as_u64().unwrap() {
                let of_guest = good.entry(record["item"].as_str().unwrap().to_owned()).or_default();
                of_guest.insert(seal["slot"].as_str().unwrap().to_owned(), bytes.clone());
            }
        }
    }
    good
}

/// What was ever good stays so while it is among the newest that are kept.
fn check_kept(
    world: &World,
    target: &str,
    kept: usize,
    ever: &mut BTreeMap<String, BTreeMap<String, String>>,
    told: &str,
) {
    let now = good(world, target);
    for (guest, slots) in &now {
        ever.entry(guest.clone()).or_default().extend(slots.clone());
    }
    for (guest, slots) in ever.iter() {
        for (slot, bytes) in slots.iter().rev().take(kept) {
            let there = now.get(guest).and_then(|slots| slots.get(slot));
            assert_eq!(there, Some(bytes), "{target}: guest {guest} slot {slot} was lost: {told}");
        }
    }
}

/// What is foreign, wherever its folder was moved to.
fn foreign(world: &World) -> BTreeSet<String> {
    let texts = world.trees.values().flat_map(BTreeMap::values).flatten();
    texts.filter(|text| text.starts_with("foreign")).cloned().collect()
}

/// Looks and carries out until nothing is left to do.
fn settle(world: &mut World, instance: &Instance, now: Timestamp, after: &mut dyn FnMut(&World, &str)) {
    for _ in 0..12 {
        let found = look(world, instance, now).unwrap();
        if found.steps.is_empty() {
            return;
        }
        for step in &found.steps {
            let done = world.perform(step, Cut::Whole);
            after(world, &step.request.display());
            if done.is_err() {
                break;
            }
        }
    }
    let left: Vec<String> =
        look(world, instance, now).unwrap().steps.iter().map(|s| s.request.display()).collect();
    panic!("it does not settle: {left:#?}");
}

fn check_settled(world: &World, layout: &str) {
    for (target, tree) in world.trees.iter().filter(|(target, _)| !world.down.contains(*target)) {
        for path in tree.keys() {
            let bad = path.strip_suffix(".part").is_some() || path.ends_with("evenkeel.removing");
            assert!(!bad, "{target}: {path} was left");
        }
    }
    if layout != "daily.{n}" {
        return;
    }
    let tree = world.trees.get("nas").unwrap();
    let numbers: BTreeMap<u32, bool> = tree
        .keys()
        .filter_map(|path| {
            let number = path.strip_prefix("/dump/daily.")?.parse().ok()?;
            Some((number, tree.contains_key(&format!("{path}/evenkeel.json"))))
        })
        .collect();
    let many = u32::try_from(numbers.len()).unwrap();
    assert_eq!(
        numbers.keys().copied().collect::<Vec<_>>(),
        (0..many).collect::<Vec<_>>(),
        "gaps: {numbers:?}"
    );
    let ours = numbers.iter().filter(|(_, ours)| **ours).map(|(number, _)| {
        let text = tree[&format!("/dump/daily.{number}/evenkeel.json")].as_ref().unwrap();
        serde_json::from_str::<Value>(text).unwrap()["slot"].as_str().unwrap().to_owned()
    });
    let slots: Vec<String> = ours.collect();
    let mut sorted = slots.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    assert_eq!(slots, sorted, "the newest is first");
}

fn nights(seed: u64, layout: &str, by_folder: bool, is_openvz: bool) {
    let instance = instance(&spec(layout, by_folder));
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed));
    let mut world = World {
        is_openvz,
        guests: BTreeMap::from([(101, true), (102, true), (103, false)]),
        ..World::default()
    };
    let file = |text: &str| Some(format!("foreign {text}"));
    for folder in ["/dump/daily.1", "/dump/daily.4", "/dump/holiday"] {
        let tree = world.trees.entry("nas".to_owned()).or_default();
        tree.insert("/dump".to_owned(), None);
        tree.insert(folder.to_owned(), None);
        tree.insert(format!("{folder}/vzdump-openvz-101-2011_11_20-02_00_00.tgz"), file(folder));
    }
    let untouched = foreign(&world);
    let (mut ever, mut ever_away) = (BTreeMap::new(), BTreeMap::new());
    let mut now: Timestamp = "2026-03-01T02:00:30Z".parse().unwrap();
    for night in 0..14 {
        if dice.one_in(3) {
            let id = 101 + u32::try_from(dice.below(4)).unwrap();
            let runs = dice.one_in(2);
            if dice.one_in(5) {
                world.guests.remove(&id)
            } else {
                world.guests.insert(id, runs)
            };
        }
        world.failing = (101..105).filter(|_| dice.one_in(6)).collect();
        world.down = if dice.one_in(4) { BTreeSet::from(["away".to_owned()]) } else { BTreeSet::new() };
        let mut after = |world: &World, told: &str| {
            let told = format!("seed {seed} night {night}: {told}");
            check_kept(world, "nas", KEPT, &mut ever, &told);
            check_kept(world, "away", KEPT_AWAY, &mut ever_away, &told);
            assert_eq!(foreign(world), untouched, "{told}");
        };
        for _ in 0..dice.below(4) {
            let found = look(&mut world, &instance, now).unwrap();
            let (many, cut) = (dice.below(found.steps.len() + 1), dice.cut());
            let told: Vec<String> =
                found.steps.iter().take(many + 1).map(|step| step.request.display()).collect();
            let _ = carry_out(&mut world, &found.steps, many, cut);
            after(&world, &format!("{cut:?} {told:#?}"));
        }
        // Some nights nobody comes back before the next one.
        if !dice.one_in(4) {
            settle(&mut world, &instance, now, &mut after);
            check_settled(&world, layout);
        }
        now = now.checked_add(SignedDuration::from_hours(24)).unwrap();
    }
    world.failing.clear();
    world.down.clear();
    let mut nothing = |_: &World, _: &str| {};
    settle(&mut world, &instance, now, &mut nothing);
    check_settled(&world, layout);
    let left = look(&mut world, &instance, now).unwrap();
    let running = world.guests.values().any(|runs| *runs);
    let trouble = left.report.trouble().map(|health| format!("{health:?}"));
    assert!(trouble.is_none() || !running, "seed {seed}: {trouble:?}");
}

/// More of them with `EVENKEEL_SEEDS=1000`.
fn seeds() -> u64 {
    std::env::var("EVENKEEL_SEEDS").ok().and_then(|many| many.parse().ok()).unwrap_or(40)
}

#[test]
fn ten_nights_of_fifty_guests_are_read_with_few_questions() {
    let instance = instance(
        "  schedule: { cron: \"0 2 * * *\", timeZone: UTC }
  retention: { keepLast: 10 }
  vzdump: { guests: all, store: { target: nas, directory: /dump } }
",
    );
    let mut world = World { guests: (101..151).map(|id| (id, true)).collect(), ..World::default() };
    let mut now: Timestamp = "2026-03-01T02:00:30Z".parse().unwrap();
    for _ in 0..12 {
        settle(&mut world, &instance, now, &mut |_, _| {});
        now = now.checked_add(SignedDuration::from_hours(24)).unwrap();
    }
    let found = look(&mut world, &instance, "2026-03-12T12:00:00Z".parse().unwrap()).unwrap();
    assert!(found.steps.is_empty(), "{:?}", found.steps);
    assert_eq!(found.report.generations.len(), 500);
    assert!(found.reads <= 15, "{} questions", found.reads);
}

#[test]
fn ten_nights_of_failing_dumps_leave_the_ten_before() {
    let instance = instance(
        "  schedule: { cron: \"0 2 * * *\", timeZone: UTC }
  retention: { keepLast: 10 }
  vzdump: { guests: running, store: { target: nas, directory: /dump, layout: \"daily.{n}\" } }
",
    );
    let mut world =
        World { is_openvz: true, guests: BTreeMap::from([(101, true), (102, true)]), ..World::default() };
    let mut now: Timestamp = "2026-03-01T02:00:30Z".parse().unwrap();
    for _ in 0..10 {
        settle(&mut world, &instance, now, &mut |_, _| {});
        now = now.checked_add(SignedDuration::from_hours(24)).unwrap();
    }
    let before = good(&world, "nas");
    assert_eq!(before["101"].len(), 10);
    world.failing = BTreeSet::from([101, 102]);
    for _ in 0..10 {
        settle(&mut world, &instance, now, &mut |_, _| {});
        let found = look(&mut world, &instance, now).unwrap();
        let trouble = found.report.health.iter().find(|health| health.about == "Whole").unwrap();
        assert!(!trouble.good && trouble.message.contains("guest 101 would not"), "{trouble:?}");
        assert_eq!(good(&world, "nas"), before);
        now = now.checked_add(SignedDuration::from_hours(24)).unwrap();
    }
    let found = look(&mut world, &instance, now).unwrap();
    assert!(found.report.health.iter().any(|health| health.about == "Fresh" && health.reason == "TooOld"));
}

/// A rule that counts from now would clear away the good copies one after the other, night after failing night.
#[test]
fn time_alone_removes_nothing_while_copies_fail() {
    let instance = instance(
        "  schedule: { cron: \"0 2 * * *\", timeZone: UTC }
  retention: { keepWithin: 5d }
  vzdump: { guests: all, store: { target: nas, directory: /dump }, copies: [{ target: away, directory: /copy }] }
",
    );
    let mut world = World { guests: BTreeMap::from([(101, true), (102, true)]), ..World::default() };
    let mut now: Timestamp = "2026-03-01T02:00:30Z".parse().unwrap();
    let night = |world: &mut World, now: &mut Timestamp| {
        settle(world, &instance, *now, &mut |_, _| {});
        *now = now.checked_add(SignedDuration::from_hours(24)).unwrap();
    };
    (0..8).for_each(|_| night(&mut world, &mut now));
    let before = good(&world, "nas");
    assert_eq!((before["101"].len(), before["102"].len()), (5, 5), "five days");
    world.failing = BTreeSet::from([101]);
    (0..10).for_each(|_| night(&mut world, &mut now));
    for store in ["nas", "away"] {
        let after = good(&world, store);
        assert_eq!(after["101"], before["101"], "{store}");
        assert_eq!(after["102"].len(), 5, "{store}: what has new copies loses old ones");
    }
    world.failing.clear();
    let found = look(&mut world, &instance, now).unwrap();
    let hazards = found.steps.iter().filter(|step| step.may_wait).flat_map(|step| &step.hazards);
    let says: Vec<&str> = hazards.map(|hazard| hazard.says.as_str()).collect();
    assert!(says.iter().any(|says| says.contains("101: 5 of 6 verified copies would go")), "{says:?}");
}

#[test]
fn folders_by_slot_survive_ends_at_any_step() {
    (0..seeds()).for_each(|seed| nights(seed, "{slot}", false, seed % 2 == 0));
}

#[test]
fn numbered_folders_survive_ends_at_any_step() {
    (0..seeds()).for_each(|seed| nights(seed, "daily.{n}", false, seed % 2 == 0));
}

#[test]
fn dumps_by_a_folder_of_the_host_survive_ends_at_any_step() {
    (0..seeds()).for_each(|seed| {
        nights(seed, if seed % 2 == 0 { "{slot}" } else { "daily.{n}" }, true, seed % 3 == 0);
    });
}
