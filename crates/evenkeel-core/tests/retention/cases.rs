//! Single cases: reasons, what does not count, and when a person shall look first.

use super::*;
use serde_json::json;

/// Nightly copies at 02:00 of the days before 20 November 2026, newest first.
fn nights(count: i64) -> Vec<Member> {
    let newest = at("2026-11-20T02:00:00Z");
    (0..count).map(|n| copy(newest - jiff::SignedDuration::from_hours(24 * n))).collect()
}

const NOW: &str = "2026-11-20T18:00:00Z";

#[test]
fn every_kept_copy_has_its_reasons() {
    let members = nights(40);
    let rules = policy(json!({ "keepLast": 2, "keepDaily": 2, "keepWeekly": 1, "keepMonthly": 1 }));
    let decision = decide(&rules, &members, NOW);
    let told: Vec<String> = decision
        .keep
        .iter()
        .rev()
        .map(|(at, why)| format!("{}: {}", at.strftime("%m-%d"), why.join(", ")))
        .collect();
    assert_eq!(
        told,
        [
            "11-20: last 1",
            "11-19: last 2",
            "11-18: daily 2026-11-18",
            "11-17: daily 2026-11-17",
            "11-15: weekly 2026-W46",
            "10-31: monthly 2026-10"
        ]
    );
    let beside = Retention { semantics: evenkeel_core::backup::Semantics::Restic, ..rules };
    let decision = decide(&beside, &members, NOW);
    let first = decision.keep.values().next_back().unwrap();
    assert_eq!(first.join(", "), "last 1, daily 2026-11-20, weekly 2026-W47, monthly 2026-11");
    assert_eq!(decision.keep.len(), 2);
}

#[test]
fn spans_count_from_now_and_in_restics_way_from_the_newest() {
    let members = nights(10);
    let later = "2026-11-23T02:00:00Z";
    let ours = policy(json!({ "keepWithin": "4d" }));
    assert_eq!(decide(&ours, &members, later).keep.len(), 2, "20 and 19 November");
    let restic = policy(json!({ "keepWithin": "4d", "semantics": "restic" }));
    assert_eq!(decide(&restic, &members, later).keep.len(), 4, "20 to 17 November");
    let hourly = copies(&["2026-11-20T01:10:00Z", "2026-11-20T01:50:00Z", "2026-11-20T02:30:00Z"]);
    let decision = decide(&policy(json!({ "keepWithinHourly": "1d" })), &hourly, NOW);
    assert_eq!(kept(&decision), ["2026-11-20T01:50:00Z", "2026-11-20T02:30:00Z"]);
    assert_eq!(decision.keep.values().next().unwrap().join(", "), "hourly 2026-11-20 01h, within 1d");
}

#[test]
fn tags_keep_and_do_not_count() {
    let mut members = nights(5);
    members[3].tags = BTreeSet::from(["release".to_owned(), "other".to_owned()]);
    let decision = decide(&policy(json!({ "keepLast": 2, "keepTags": ["release"] })), &members, NOW);
    assert_eq!(decision.keep[&members[3].at], ["tag release"]);
    assert_eq!(decision.keep.len(), 3);
}

#[test]
fn protected_copies_stay_and_do_not_count() {
    let mut members = nights(5);
    members[0].protected = Some("held by zfs hold".to_owned());
    let decision = decide(&policy(json!({ "keepLast": 2 })), &members, NOW);
    assert_eq!(decision.keep[&members[0].at], ["protected: held by zfs hold"]);
    assert_eq!(decision.keep.len(), 3);
    assert_eq!(decision.remove.len(), 2);
}

#[test]
fn unverified_copies_count_for_nothing_and_go_when_a_newer_one_is_verified() {
    let mut members = nights(5);
    for index in [0, 2] {
        members[index].verified = false;
    }
    let decision = decide(&policy(json!({ "keepLast": 2 })), &members, NOW);
    assert_eq!(decision.keep[&members[0].at], ["not verified, and no newer one is"]);
    assert_eq!(decision.keep[&members[1].at], ["last 1"]);
    assert_eq!(decision.keep[&members[3].at], ["last 2"]);
    assert_eq!(decision.remove, BTreeSet::from([members[2].at, members[4].at]));
    // Nothing is verified: nothing is removed.
    for member in &mut members {
        member.verified = false;
    }
    assert!(decide(&policy(json!({ "keepLast": 1 })), &members, NOW).remove.is_empty());
}

#[test]
fn the_newest_verified_copy_stays_whatever_the_rules_say() {
    let decision = decide(&policy(json!({ "keepWithin": "1d" })), &nights(5), "2027-11-20T18:00:00Z");
    assert_eq!(decision.keep.values().collect::<Vec<_>>(), [&["newest verified"]]);
    assert!(decision.alarm.unwrap().contains("4 of 5 verified copies would go, and only 1 would stay"));
}

#[test]
fn without_a_rule_everything_stays() {
    for rules in [json!({}), json!({ "keepLast": 0 }), json!({ "keepDaily": 0, "semantics": "restic" })] {
        let decision = decide(&policy(rules), &nights(5), NOW);
        assert!(decision.remove.is_empty() && decision.alarm.is_none());
        assert_eq!(decision.keep.len(), 5);
    }
}

#[test]
fn what_is_in_the_future_stays_counts_for_nothing_and_raises_the_alarm() {
    let members = nights(4);
    let decision = decide(&policy(json!({ "keepLast": 1 })), &members, "2026-11-19T01:00:00Z");
    assert_eq!(kept(&decision).len(), 3);
    assert_eq!(decision.keep[&members[0].at], ["in the future"]);
    assert_eq!(decision.keep[&members[2].at], ["last 1"]);
    let alarm = decision.alarm.unwrap();
    assert_eq!(
        alarm,
        "2 copies are in the future (2026-11-19T02:00:00Z to 2026-11-20T02:00:00Z): a clock is wrong, or was"
    );
}

#[test]
fn a_nights_rotation_and_a_small_step_down_raise_no_alarm() {
    let alarm = |rules: serde_json::Value, there: i64| decide(&policy(rules), &nights(there), NOW).alarm;
    for last in 1..12_u32 {
        let there = i64::from(last);
        assert_eq!(alarm(json!({ "keepLast": last }), there + 1), None, "a night with keepLast {last}");
        assert_eq!(alarm(json!({ "keepLast": last }), there + 2), None, "lowered to {last}");
    }
    assert_eq!(alarm(json!({ "keepDaily": 1 }), 2), None);
    assert_eq!(alarm(json!({ "keepWithin": "3d" }), 4), None);
    // The seed's ten nights, cut down to three.
    assert_eq!(
        alarm(json!({ "keepLast": 3 }), 11).as_deref(),
        Some("8 of 11 verified copies would go, and 3 would stay")
    );
    assert_eq!(alarm(json!({ "keepLast": 5 }), 10), None, "half is not more than half");
    assert!(alarm(json!({ "keepDaily": 1 }), 3).is_some());
}

#[test]
fn intervals_are_those_of_the_zone() {
    // 23:30 and 00:30 in Tokyo are one day in UTC.
    let members = copies(&["2026-11-19T14:30:00Z", "2026-11-19T15:30:00Z"]);
    let rules = policy(json!({ "keepDaily": 5 }));
    let tokyo =
        evenkeel_core::backup::Zone::read(Some("Asia/Tokyo"), &evenkeel_core::request::Replies::default());
    assert_eq!(rules.decide(&members, at(NOW), &tokyo.unwrap().zone).keep.len(), 2);
    assert_eq!(decide(&rules, &members, NOW).keep.len(), 1);
}

#[test]
fn proxmox_is_told_only_what_it_can_do() {
    let written = |rules: serde_json::Value| policy(rules).to_proxmox();
    assert_eq!(written(json!({ "keepLast": 3, "keepDaily": 7 })).as_deref(), Ok("keep-last=3,keep-daily=7"));
    assert_eq!(
        written(
            json!({ "keepHourly": 1, "keepWeekly": 2, "keepMonthly": 3, "keepYearly": 4, "keepLast": 0 })
        )
        .as_deref(),
        Ok("keep-hourly=1,keep-weekly=2,keep-monthly=3,keep-yearly=4")
    );
    assert_eq!(written(json!({})).as_deref(), Ok("keep-all=1"));
    for (rules, word) in [
        (json!({ "keepWithin": "3d" }), "keepWithin"),
        (json!({ "keepWithinDaily": "3d", "keepLast": 1 }), "keepWithinDaily"),
        (json!({ "keepTags": ["a"] }), "keepTags"),
        (json!({ "keepLast": 1, "semantics": "restic" }), "semantics"),
    ] {
        assert!(written(rules).unwrap_err().contains(word));
    }
}

#[test]
fn rules_that_keep_nothing_are_found() {
    let found = |rules: serde_json::Value| {
        let findings = policy(rules).check();
        findings.first().map(|f| (f.warning, f.path.join("."), f.message.clone()))
    };
    assert_eq!(found(json!({ "keepLast": 3, "keepDaily": 0 })), None);
    assert_eq!(found(json!({})), None);
    let (warning, _, message) = found(json!({ "keepLast": 0 })).unwrap();
    assert!(warning && message.contains("every copy is kept"));
    let (warning, path, _) = found(json!({ "keepWithin": "0s" })).unwrap();
    assert!(!warning && path == "keepWithin");
    assert!(found(json!({ "keepTags": [""] })).is_some());
}
