//! What is due: deadlines, jitter, single runs, and how fresh copies have to be.

use super::*;
use evenkeel_core::backup::Due;
use evenkeel_core::driver::Demand;
use evenkeel_core::period::Period;

#[test]
fn a_slot_is_made_up_until_the_next_or_until_its_deadline() {
    let nightly = schedule("calendar", "02:00");
    let due = |schedule: &Schedule, now: &str| schedule.due(at(now), &TimeZone::UTC, "");
    let slot = Some(at("2026-11-20T02:00:00Z"));
    let next = Some(at("2026-11-21T02:00:00Z"));
    assert_eq!(due(&nightly, "2026-11-20T02:00:00Z"), Due { slot, next });
    assert_eq!(due(&nightly, "2026-11-21T01:59:59Z"), Due { slot, next });
    let strict = Schedule { starting_deadline: Some(Period::minutes(60)), ..nightly };
    assert_eq!(due(&strict, "2026-11-20T02:59:59Z"), Due { slot, next: Some(at("2026-11-20T03:00:00Z")) });
    assert_eq!(due(&strict, "2026-11-20T03:00:00Z"), Due { slot: None, next });
}

#[test]
fn jitter_moves_the_beginning_and_not_the_slot() {
    let nightly = Schedule { jitter: Some(Period::minutes(60)), ..schedule("calendar", "02:00") };
    let begins = |seed: &str| nightly.due(at("2026-11-20T01:00:00Z"), &TimeZone::UTC, seed).next.unwrap();
    let seeds: Vec<String> = (0..50).map(|n| format!("BackupSchedule/nightly on h{n}")).collect();
    let mut different: Vec<Timestamp> = seeds.iter().map(|seed| begins(seed)).collect();
    for (seed, begin) in seeds.iter().zip(&different) {
        assert!((at("2026-11-20T02:00:00Z")..=at("2026-11-20T03:00:00Z")).contains(begin));
        assert_eq!(nightly.due(*begin, &TimeZone::UTC, seed).slot, Some(at("2026-11-20T02:00:00Z")));
    }
    different.sort();
    different.dedup();
    assert!(different.len() > 40, "{} different beginnings", different.len());
    // Fixed for ever: another version of the program must not move it.
    assert_eq!(begins("BackupSchedule/nightly on h1"), at("2026-11-20T02:57:39Z"));
}

#[test]
fn a_run_on_demand_is_one_slot_and_pruning_is_none() {
    let nightly = schedule("calendar", "02:00");
    let now = at("2026-11-20T18:00:05Z");
    let run = nightly.on_demand(Demand::Run(now));
    assert_eq!(run.due(now, &TimeZone::UTC, ""), Due { slot: Some(now), next: None });
    let prune = nightly.on_demand(Demand::Prune);
    assert_eq!(prune.due(now, &TimeZone::UTC, ""), Due::default());
}

#[test]
fn freshness_follows_the_slots() {
    const HOUR: u64 = 3_600;
    let fresh =
        |schedule: &Schedule, now: &str| schedule.fresh_within_seconds(at(now), &TimeZone::UTC) / HOUR;
    let nightly = schedule("calendar", "02:00");
    assert_eq!(fresh(&nightly, "2026-11-20T18:00:00Z"), 49);
    assert_eq!(fresh(&schedule("every", "30m"), "2026-11-20T18:00:00Z"), 2);
    // Friday's copy is enough until Monday's is made, and no longer when Tuesday's is.
    let working_days = schedule("calendar", "mon..fri 02:00");
    assert_eq!(fresh(&working_days, "2026-11-22T18:00:00Z"), 4 * 24 + 1);
    assert_eq!(fresh(&working_days, "2026-11-23T01:59:59Z"), 4 * 24 + 1);
    assert_eq!(fresh(&working_days, "2026-11-24T02:00:00Z"), 2 * 24 + 1);
    let jittered = Schedule { jitter: Some(Period::minutes(60)), ..nightly.clone() };
    assert_eq!(fresh(&jittered, "2026-11-20T18:00:00Z"), 50);
    let given = Schedule { fresh_within: Some(Period::minutes(60 * 30)), ..nightly };
    assert_eq!(fresh(&given, "2026-11-20T18:00:00Z"), 30);
}

#[test]
fn proxmox_is_told_only_what_it_can_do_exactly() {
    let written = |field: &str, text: &str| schedule(field, text).to_proxmox();
    for (field, text, expected) in [
        ("calendar", " mon..fri 02:00 ", "mon..fri 02:00"),
        ("cron", "0 2 * * mon-fri", "mon,tue,wed,thu,fri 02:00"),
        ("cron", "*/15 8-17 * * *", "8..17:0/15"),
        ("cron", "30 4 1,15 * *", "*-*-1,15 04:30"),
        ("cron", "0 0 1 1-3 *", "*-1..3-1 00:00"),
        ("cron", "5 * * * *", "*:05"),
        ("every", "30m", "*:0,30"),
        ("every", "5m", "*:0/5"),
        ("every", "1h", "*:00"),
        ("every", "6h", "0/6:00"),
        ("every", "1d", "00:00"),
        ("every", "1w", "mon 00:00"),
    ] {
        assert_eq!(written(field, text).as_deref(), Ok(expected), "{field} {text}");
    }
    for (field, text) in
        [("every", "1h30m"), ("every", "2d"), ("every", "7h"), ("cron", "30 4 1,15 * 5"), ("every", "1m30s")]
    {
        let error = written(field, text).unwrap_err();
        assert!(error.contains(text) && error.contains("write `calendar`"), "{error}");
    }
}
