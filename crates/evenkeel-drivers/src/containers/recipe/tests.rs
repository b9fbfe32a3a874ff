//! Equal recipes are equal digests, and periods begin when they shall.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::period::Period;
use proptest::prelude::*;

use super::*;
use crate::containers::spec::{FileMode, Packages, RunSpec};

fn base(sum: &str) -> Base {
    Base { name: "b".into(), bytes: 1, mtime: 1, sha256: sum.into() }
}

fn file(path: &str) -> FileSpec {
    FileSpec { path: path.into(), content: None, line: None, absent: false, mode: None, owner: None }
}

#[test]
fn a_recipe_names_what_it_puts_where() {
    let line = |line: &str| FileSpec { line: Some(line.into()), ..file("/etc/php.ini") };
    let provision = Provision {
        packages: Packages { upgrade: true, install: ["php".to_owned()].into(), remove: BTreeSet::new() },
        time_zone: Some("Asia/Tokyo".into()),
        locale: None,
        files: vec![
            line("date.timezone = Asia/Tokyo"),
            line("expose_php = Off"),
            FileSpec { absent: true, ..file("/etc/motd") },
            FileSpec { content: Some("x\n".into()), mode: Some(FileMode("0600".into())), ..file("/etc/x") },
        ],
        links: BTreeMap::from([("/etc/localtime".into(), "/usr/share/zoneinfo/Asia/Tokyo".into())]),
        run: vec![RunSpec { name: "tune".into(), script: "true".into() }],
    };
    assert_eq!(
        recipe("scientific-6-standard_6.0_i386", &provision, true),
        json!({
            "base": "scientific-6-standard_6.0_i386",
            "cleanup": true,
            "packages": { "upgrade": true, "install": { "php": true } },
            "timeZone": "Asia/Tokyo",
            "files": {
                "/etc/php.ini": { "line 1": "date.timezone = Asia/Tokyo", "line 2": "expose_php = Off" },
                "/etc/motd": { "absent": true },
                "/etc/x": { "content": "x\n", "mode": "0600" }
            },
            "links": { "/etc/localtime": "/usr/share/zoneinfo/Asia/Tokyo" },
            "run": { "1. tune": "true" }
        })
    );
    assert_eq!(recipe("b", &Provision::default(), false), json!({ "base": "b", "cleanup": false }));
}

#[test]
fn a_period_begins_at_the_same_moment_for_everybody() {
    let week = Refresh { every: Period::days(7) };
    // 1970 began on a Thursday, and so do weeks.
    for (now, begin, next) in [
        ("2026-11-21T12:00:00Z", "2026-11-19T00:00:00Z", "2026-11-26T00:00:00Z"),
        ("2026-11-19T00:00:00Z", "2026-11-19T00:00:00Z", "2026-11-26T00:00:00Z"),
        // The night in which clocks are turned back in Europe.
        ("2026-10-25T01:30:00Z", "2026-10-22T00:00:00Z", "2026-10-29T00:00:00Z"),
        ("1969-12-31T23:59:59Z", "1969-12-25T00:00:00Z", "1970-01-01T00:00:00Z"),
    ] {
        let now = now.parse().unwrap();
        assert_eq!(slot(Some(&week), now), Some(begin.parse().unwrap()));
        assert_eq!(next_slot(Some(&week), now), Some(next.parse().unwrap()));
    }
    assert_eq!((slot(None, Timestamp::UNIX_EPOCH), next_slot(None, Timestamp::UNIX_EPOCH)), (None, None));
}

#[test]
fn what_stands_in_braces_is_replaced() {
    let now = "2011-10-26T23:59:59Z".parse().unwrap();
    assert_eq!(expand("a_6.0-{yyyyMMdd}-{digest}_x", "0123456789", now), "a_6.0-20111026-01234567_x");
}

fn provision() -> impl Strategy<Value = Provision> {
    let names = || proptest::collection::btree_set("[ab]", 0..2);
    let text = || prop::option::of("[ab]");
    let content = ("/[ab]", text(), text()).prop_map(|(path, content, line)| FileSpec {
        content: content.clone(),
        line: if content.is_none() { line.or(Some("z".into())) } else { None },
        ..file(&path)
    });
    let run = ("[ab]", "[ab]").prop_map(|(name, script)| RunSpec { name, script });
    let links = proptest::collection::btree_map("/[ab]", "[ab]", 0..2);
    let parts = (
        (any::<bool>(), names(), names()),
        text(),
        text(),
        prop::option::of(content),
        links,
        proptest::collection::vec(run, 0..3),
    );
    parts.prop_map(|((upgrade, install, remove), time_zone, locale, file, links, run)| Provision {
        packages: Packages { upgrade, install, remove },
        time_zone,
        locale,
        files: file.into_iter().collect(),
        links,
        run,
    })
}

proptest! {
    #[test]
    fn equal_is_what_is_made_of_equal_things(
        a in (provision(), any::<bool>(), "[ab]", 0..3_i64),
        b in (provision(), any::<bool>(), "[ab]", 0..3_i64),
    ) {
        let digest = |(provision, cleanup, sum, at): &(Provision, bool, String, i64)| {
            digest(&recipe("base", provision, *cleanup), &base(sum), Timestamp::from_second(*at).ok())
        };
        prop_assert_eq!(digest(&a) == digest(&b), a == b);
        prop_assert_eq!(digest(&a), digest(&a.clone()));
        prop_assert_eq!(digest(&a).len(), 64);
    }
}
