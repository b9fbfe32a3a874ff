//! Cases that Proxmox and restic publish themselves.

use super::*;
use serde_json::json;

/// Proxmox Backup Server's own tests: proxmox-backup, tests/prune.rs (`test_prune_hourly`, `test_prune_simple`,
/// `test_prune_simple2`).
#[test]
fn proxmox_own_tests() {
    let hourly = copies(&[
        "2019-11-15T09:39:15Z",
        "2019-11-15T10:49:15Z",
        "2019-11-15T10:59:15Z",
        "2019-11-15T11:39:15Z",
        "2019-11-15T11:49:15Z",
        "2019-11-15T11:59:15Z",
    ]);
    let months = copies(&[
        "2018-11-15T11:59:15Z",
        "2019-11-15T11:59:15Z",
        "2019-11-21T11:59:15Z",
        "2019-11-22T11:59:15Z",
        "2019-11-29T11:59:15Z",
        "2019-12-01T11:59:15Z",
        "2019-12-02T11:59:15Z",
        "2019-12-03T11:59:15Z",
        "2019-12-04T11:59:15Z",
    ]);
    let week = copies(&[
        "2019-12-02T11:59:15Z",
        "2019-12-03T11:59:15Z",
        "2019-12-04T11:59:15Z",
        "2019-12-04T12:59:15Z",
    ]);
    let (oldest, last) = ("2019-12-02T11:59:15Z", "2019-12-04T12:59:15Z");
    let newest = "2019-12-04T11:59:15Z";
    for (members, rules, expected) in [
        (
            &hourly,
            json!({ "keepHourly": 3 }),
            vec!["2019-11-15T09:39:15Z", "2019-11-15T10:59:15Z", "2019-11-15T11:59:15Z"],
        ),
        (&hourly, json!({ "keepHourly": 2 }), vec!["2019-11-15T10:59:15Z", "2019-11-15T11:59:15Z"]),
        (&months, json!({ "keepDaily": 1 }), vec![newest]),
        (&months, json!({ "keepLast": 1, "keepDaily": 1 }), vec!["2019-12-03T11:59:15Z", newest]),
        (&months, json!({ "keepDaily": 1, "keepWeekly": 1 }), vec!["2019-12-01T11:59:15Z", newest]),
        (
            &months,
            json!({ "keepDaily": 1, "keepWeekly": 1, "keepMonthly": 1 }),
            vec!["2019-11-22T11:59:15Z", "2019-12-01T11:59:15Z", newest],
        ),
        (&months, json!({ "keepMonthly": 1, "keepYearly": 1 }), vec!["2018-11-15T11:59:15Z", newest]),
        (&week, json!({ "keepLast": 4 }), vec![oldest, "2019-12-03T11:59:15Z", newest, last]),
        (&week, json!({ "keepLast": 3 }), vec!["2019-12-03T11:59:15Z", newest, last]),
        (&week, json!({ "keepLast": 2 }), vec![newest, last]),
        (&week, json!({ "keepLast": 1 }), vec![last]),
        (&week, json!({ "keepLast": 2, "keepDaily": 2 }), vec![oldest, "2019-12-03T11:59:15Z", newest, last]),
        (&week, json!({ "keepDaily": 3 }), vec![oldest, "2019-12-03T11:59:15Z", last]),
        (&week, json!({ "keepDaily": 2 }), vec!["2019-12-03T11:59:15Z", last]),
        (&week, json!({ "keepWeekly": 5 }), vec![last]),
        (&week, json!({ "keepDaily": 1, "keepWeekly": 5 }), vec![last]),
        (&week, json!({ "keepMonthly": 6 }), vec![last]),
        (&week, json!({ "keepYearly": 7 }), vec![last]),
        (&week, json!({ "keepWeekly": 5, "keepMonthly": 6, "keepYearly": 7 }), vec![last]),
    ] {
        let decision = decide(&policy(rules.clone()), members, "2019-12-05T00:00:00Z");
        assert_eq!(kept(&decision), expected, "{rules}");
    }
}

/// After the example in restic's documentation ("Removing snapshots according to a policy"): a copy of every Sunday for
/// three months, and `--keep-daily 4`: only days count that have a snapshot, and so the four last Sundays stay.
#[test]
fn restic_counts_only_days_with_a_snapshot() {
    let sundays = copies(&[
        "2014-09-07T11:00:00Z",
        "2014-09-14T11:00:00Z",
        "2014-09-21T11:00:00Z",
        "2014-09-28T11:00:00Z",
        "2014-10-05T11:00:00Z",
        "2014-10-12T11:00:00Z",
        "2014-10-19T11:00:00Z",
        "2014-10-26T11:00:00Z",
        "2014-11-02T11:00:00Z",
        "2014-11-09T11:00:00Z",
        "2014-11-16T11:00:00Z",
        "2014-11-23T11:00:00Z",
        "2014-11-30T11:00:00Z",
    ]);
    let four =
        ["2014-11-09T11:00:00Z", "2014-11-16T11:00:00Z", "2014-11-23T11:00:00Z", "2014-11-30T11:00:00Z"];
    for rules in [json!({ "semantics": "restic", "keepDaily": 4 }), json!({ "keepDaily": 4 })] {
        assert_eq!(kept(&decide(&policy(rules.clone()), &sundays, "2014-12-01T00:00:00Z")), four, "{rules}");
    }
}

/// The snapshots of restic's own test (restic, `internal/restic/snapshot_policy_test.go`), without its doublets.
fn restic_snapshots() -> Vec<Member> {
    let early = ["08", "10", "12", "13", "15", "18", "20", "21", "22"];
    let late = ["01", "02", "05", "06", "08", "09", "10", "11", "20", "22"];
    let mut times: Vec<String> = Vec::new();
    for year in ["2014", "2015"] {
        for (month, days) in [("08", &early[..]), ("09", &late), ("10", &late), ("11", &early)] {
            times.extend(days.iter().map(|day| format!("{year}-{month}-{day}T10:20:30Z")));
            if days.contains(&"13") {
                times.push(format!("{year}-{month}-13T10:20:30.1Z"));
            }
        }
    }
    let new_year = [
        "01T01:02:03",
        "01T01:03:03",
        "01T07:08:03",
        "03T07:02:03",
        "04T10:23:03",
        "04T11:23:03",
        "04T12:23:03",
        "04T12:24:03",
        "04T12:28:03",
        "04T12:30:03",
        "04T16:23:03",
        "05T09:02:03",
        "06T08:02:03",
        "07T10:02:03",
        "08T20:02:03",
        "09T21:02:03",
        "12T21:02:03",
        "12T21:08:03",
        "18T12:02:03",
    ];
    times.extend(new_year.iter().map(|time| format!("2016-01-{time}Z")));
    times.iter().map(|time| copy(at(time))).collect()
}

/// What restic keeps of them: its golden files `policy_keep_snapshots_9`, `_12`, `_13`, `_23` and `_39` (where -1, all, is
/// a number that is never used up, so that the oldest snapshot stays).
#[test]
fn restic_own_tests() {
    let newest = ["2016-01-09T21:02:03Z", "2016-01-12T21:08:03Z", "2016-01-18T12:02:03Z"];
    let weeks = [&["2016-01-03T07:02:03Z"][..], &newest].concat();
    let months = [
        "2014-08-08T10:20:30Z",
        "2014-08-22T10:20:30Z",
        "2014-09-22T10:20:30Z",
        "2014-10-22T10:20:30Z",
        "2014-11-22T10:20:30Z",
        "2015-08-22T10:20:30Z",
        "2015-09-22T10:20:30Z",
        "2015-10-22T10:20:30Z",
        "2015-11-22T10:20:30Z",
    ];
    let second = "2016-01-12T21:02:03Z";
    for (rules, expected) in [
        (
            json!({ "keepLast": 5, "keepDaily": 5 }),
            vec!["2016-01-07T10:02:03Z", "2016-01-08T20:02:03Z", newest[0], second, newest[1], newest[2]],
        ),
        (json!({ "keepWeekly": 4 }), weeks.clone()),
        (json!({ "keepDaily": 3, "keepWeekly": 4 }), weeks),
        (json!({ "keepWithin": "7d" }), vec![second, newest[1], newest[2]]),
        (
            json!({ "keepDaily": 3, "keepWeekly": 2, "keepMonthly": 1_000, "keepYearly": 1_000 }),
            [&months[..], &newest].concat(),
        ),
    ] {
        let mut policy = policy(rules.clone());
        policy.semantics = evenkeel_core::backup::Semantics::Restic;
        // restic looks from its newest snapshot, whenever it is asked.
        assert_eq!(kept(&decide(&policy, &restic_snapshots(), "2020-01-01T00:00:00Z")), expected, "{rules}");
    }
}
