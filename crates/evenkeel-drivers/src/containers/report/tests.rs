//! What there is to tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::containers::decide::project;
use crate::containers::record::Base;
use crate::containers::spec::Refresh;

const NOW: &str = "2026-11-21T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn seen() -> Seen {
    let base = Base { name: "debian-12.tar.zst".into(), bytes: 1, mtime: 1, sha256: "b".into() };
    let elsewhere = BTreeMap::from([
        ("pve2".to_owned(), Ok(Place::default())),
        ("pve3".to_owned(), Err("timed out".to_owned())),
    ]);
    Seen { base: Some(base), elsewhere, ..Seen::default() }
}

fn state(seen: Seen) -> TemplateState {
    let mine = Mine { resource: "ContainerTemplate/web".into(), owner: "lab".into(), object: "o".into() };
    let mut state =
        TemplateState { seen: Some(Arc::new(seen)), mine: Some(mine), ..TemplateState::default() };
    project(&mut state);
    state
}

fn health(report: &Report) -> Vec<String> {
    report.health.iter().map(|h| format!("{} {} {}: {}", h.about, h.good, h.reason, h.message)).collect()
}

#[test]
fn a_template_is_current_or_it_is_told_why_it_is_not() {
    let publish = ["pve2".to_owned(), "pve3".to_owned()];
    let week = Refresh { every: Period::days(7) };
    let wish = |recipe: u8, refresh| Wish {
        recipe: json!({ "packages": recipe }),
        name: "debian-12-web_{yyyyMMdd}_amd64".into(),
        refresh,
        keep: 3,
        publish: &publish,
    };
    let told = report(&wish(1, Some(&week)), Some(&state(seen())), now());
    assert_eq!(
        health(&told),
        [
            "Current false Never: it was not built yet",
            "Published/pve2 false Never: pve2 has none yet",
            "Published/pve3 false Unreachable: pve3: timed out",
        ]
    );
    assert_eq!(told.notes, ["pve3 is left as it is: timed out"]);
    assert_eq!(told.next, Some("2026-11-26T00:00:00Z".parse().unwrap()));
    assert_eq!(health(&report(&wish(1, None), None, now())), ["Current false Never: it was not built yet"]);

    let mut built = seen();
    let mine = state(seen()).mine.unwrap();
    let decision = decide(&wish(1, None), &built, &mine, now()).unwrap();
    let three_days_ago = "2026-11-18T11:00:00Z".parse().unwrap();
    let record =
        Record { built: three_days_ago, bytes: 3 << 20, ..decision.build.as_ref().unwrap().record.clone() };
    built.here.versions.insert(decision.newest.clone(), record.clone());
    built.elsewhere.insert("pve2".into(), Ok(built.here.clone()));
    built.leftovers.insert("container 555".into(), "made by a build that ended early".into());
    let built = state(built);
    let told = report(&wish(1, None), Some(&built), now());
    let newest = "debian-12-web_20261121_amd64";
    let is = format!("the newest is {newest}, built 3d1h ago from debian-12.tar.zst");
    assert_eq!(
        health(&told),
        [
            format!("Current true Current: {is}"),
            format!("Published/pve2 true Published: pve2 has {newest}"),
            "Published/pve3 false Unreachable: pve3: timed out".to_owned(),
        ]
    );
    assert!(told.notes[1].starts_with("container 555 is left of a build"), "{:?}", told.notes);
    let stale = report(&wish(2, Some(&week)), Some(&built), now());
    let why = "the recipe is another one, it is time for a fresh one";
    assert_eq!(health(&stale)[0], format!("Current false OutOfDate: {is}; {why}"));
    // Today's would take the place of today's.
    let lost = format!(
        "the {newest} that is there is not kept: builds of one day have the same name; with {{digest}}"
    );
    assert!(stale.notes.iter().any(|note| note.starts_with(&lost)), "{:?}", stale.notes);
    let tomorrow = report(&wish(2, None), Some(&built), "2026-11-22T12:00:00Z".parse().unwrap());
    let none_kept = report(&Wish { keep: 0, ..wish(2, None) }, Some(&built), now());
    let undated = report(&Wish { name: newest.into(), ..wish(2, None) }, Some(&built), now());
    for told in [told, tomorrow, none_kept, undated] {
        assert!(!told.notes.iter().any(|note| note.contains("is not kept")), "{:?}", told.notes);
    }
    let table = table(&built, "pve1").unwrap();
    let row = |place: &str| {
        [newest, "2026-11-18T11:00:00Z", &record.digest[..12], "debian-12.tar.zst", "3 MiB", place]
            .map(str::to_owned)
    };
    assert_eq!(table.rows, [row("pve1").to_vec(), row("pve2").to_vec()]);
}
