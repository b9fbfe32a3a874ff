//! What others document of their own schedules.

use super::*;
use jiff::SignedDuration;

/// The next event after a moment, in UTC. From Proxmox's own tests (proxmox-rs, proxmox-time/src/test.rs) and the examples
/// of its documentation (pbs.proxmox.com/docs/calendarevents.html).
#[test]
fn proxmox_calendar_events_mean_what_proxmox_says() {
    let thursday = "1970-01-01T00:00:00Z";
    let july = "2020-07-31T00:00:00Z";
    let december = "2020-12-31T00:00:00Z";
    for (text, from, expected) in [
        ("0", thursday, "1970-01-01T01:00:00Z"),
        ("*", thursday, "1970-01-01T00:01:00Z"),
        ("*:0", thursday, "1970-01-01T01:00:00Z"),
        ("*:3:5", thursday, "1970-01-01T00:03:05Z"),
        ("mon *:*", thursday, "1970-01-05T00:00:00Z"),
        ("mon 2:*", thursday, "1970-01-05T02:00:00Z"),
        ("mon 2:50", thursday, "1970-01-05T02:50:00Z"),
        ("tue", thursday, "1970-01-06T00:00:00Z"),
        ("thu", thursday, "1970-01-08T00:00:00Z"),
        ("sun", thursday, "1970-01-04T00:00:00Z"),
        ("4..10/2:0", thursday, "1970-01-01T04:00:00Z"),
        ("4..10/2:0", "1970-01-01T05:00:00Z", "1970-01-01T06:00:00Z"),
        ("4..10/2:0", "1970-01-01T11:00:00Z", "1970-01-02T04:00:00Z"),
        ("5,10:4,8", thursday, "1970-01-01T05:04:00Z"),
        ("10,5:8,4", thursday, "1970-01-01T05:04:00Z"),
        ("6,4..10:23,5/5", thursday, "1970-01-01T04:05:00Z"),
        ("sat", july, "2020-08-01T00:00:00Z"),
        ("fri", july, "2020-08-07T00:00:00Z"),
        ("fri", december, "2021-01-01T00:00:00Z"),
        ("daily", "1970-01-01T00:00:01Z", "1970-01-02T00:00:00Z"),
        ("5/2:0", "1970-01-01T05:00:00Z", "1970-01-01T07:00:00Z"),
        ("1:0", "1970-01-01T15:00:00Z", "1970-01-02T01:00:00Z"),
        ("2020-07-31", thursday, july),
        ("02-28", thursday, "1970-02-28T00:00:00Z"),
        ("02-29", thursday, "1972-02-29T00:00:00Z"),
        ("2020-7..9-2/2", july, "2020-08-02T00:00:00Z"),
        ("2020,2021-12-31", july, december),
        ("minutely", thursday, "1970-01-01T00:01:00Z"),
        ("hourly", thursday, "1970-01-01T01:00:00Z"),
        ("weekly", thursday, "1970-01-05T00:00:00Z"),
        ("monthly", thursday, "1970-02-01T00:00:00Z"),
        ("quarterly", thursday, "1970-04-01T00:00:00Z"),
        ("semiannually", thursday, "1970-07-01T00:00:00Z"),
        ("semi-annually", thursday, "1970-07-01T00:00:00Z"),
        ("yearly", thursday, "1971-01-01T00:00:00Z"),
        ("annually", thursday, "1971-01-01T00:00:00Z"),
        ("mon..wed *:30/10", thursday, "1970-01-05T00:30:00Z"),
        ("mon..fri 8..17,22:0/15", "1970-01-01T17:45:00Z", "1970-01-01T22:00:00Z"),
        ("mon..fri 8..17,22:0/15", "1970-01-02T22:45:00Z", "1970-01-05T08:00:00Z"),
        ("fri 12..13:5/20", thursday, "1970-01-02T12:05:00Z"),
        ("sat *-1..7 15:00", thursday, "1970-01-03T15:00:00Z"),
        ("sat *-1..7 15:00", "1970-01-03T15:00:00Z", "1970-02-07T15:00:00Z"),
        ("*-*-01 03:00", thursday, "1970-01-01T03:00:00Z"),
        ("fri..mon", "1970-01-05T00:00:00Z", "1970-01-09T00:00:00Z"),
        ("MON,wednesday..fri", "1970-01-05T00:00:00Z", "1970-01-07T00:00:00Z"),
        ("2199-01-01", thursday, "2199-01-01T00:00:00Z"),
        ("wed 02-29", thursday, "1984-02-29T00:00:00Z"),
    ] {
        let schedule = schedule("calendar", text);
        let found = schedule.slot_after(at(from), &TimeZone::UTC);
        assert_eq!(found, Some(at(expected)), "{text} after {from}");
        assert_eq!(schedule.slot_before(at(expected), &TimeZone::UTC), found, "{text} at {expected}");
        let just_before = at(expected) - SignedDuration::from_nanos(1);
        assert!(
            schedule.slot_before(just_before, &TimeZone::UTC).is_none_or(|slot| slot <= at(from)),
            "{text}"
        );
    }
    for never in ["2021-02-29", "02-30", "04-31 12:00"] {
        assert_eq!(schedule("calendar", never).slot_after(at(thursday), &TimeZone::UTC), None, "{never}");
    }
}

#[test]
fn cron_means_what_crontab_says() {
    let from = "2026-11-20T18:00:00Z";
    for (text, expected) in [
        ("0 2 * * *", "2026-11-21T02:00:00Z"),
        ("0 2 * * mon-fri", "2026-11-23T02:00:00Z"),
        ("*/15 * * * *", "2026-11-20T18:15:00Z"),
        ("5-50/15 8-17 * * *", "2026-11-21T08:05:00Z"),
        ("30 4 1,15 * *", "2026-12-01T04:30:00Z"),
        // crontab(5): where both are restricted, either will do.
        ("30 4 1,15 * 5", "2026-11-27T04:30:00Z"),
        // And where one begins with a star, both must fit.
        ("0 0 */2 * mon", "2026-11-23T00:00:00Z"),
        ("0 0 1 jan *", "2027-01-01T00:00:00Z"),
        ("0 0 * JAN,mar Sun", "2027-01-03T00:00:00Z"),
        ("0 0 * * 7", "2026-11-22T00:00:00Z"),
        ("0 0 * * 0", "2026-11-22T00:00:00Z"),
        ("0 0 * * 5-7", "2026-11-21T00:00:00Z"),
        ("  @daily ", "2026-11-21T00:00:00Z"),
        ("@weekly", "2026-11-22T00:00:00Z"),
        ("@annually", "2027-01-01T00:00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
    ] {
        assert_eq!(schedule("cron", text).slot_after(at(from), &TimeZone::UTC), Some(at(expected)), "{text}");
    }
}

#[test]
fn every_counts_from_midnight_or_from_a_monday() {
    let berlin = zone("Europe/Berlin");
    let show = |text: &str| slots(&schedule("every", text), &berlin, "2026-11-20T18:10:00Z", 3);
    assert_eq!(
        show("30m"),
        ["Fri 2026-11-20 19:30 +0100", "Fri 2026-11-20 20:00 +0100", "Fri 2026-11-20 20:30 +0100"]
    );
    assert_eq!(
        show("6h"),
        ["Sat 2026-11-21 00:00 +0100", "Sat 2026-11-21 06:00 +0100", "Sat 2026-11-21 12:00 +0100"]
    );
    assert_eq!(
        show("1d"),
        ["Sat 2026-11-21 00:00 +0100", "Sun 2026-11-22 00:00 +0100", "Mon 2026-11-23 00:00 +0100"]
    );
    assert_eq!(
        show("1w"),
        ["Mon 2026-11-23 00:00 +0100", "Mon 2026-11-30 00:00 +0100", "Mon 2026-12-07 00:00 +0100"]
    );
    // 7 h do not fit into a day: counted from Monday, 5 January 1970, in UTC.
    let week = schedule("every", "7h");
    assert_eq!(week.slot_after(at("1970-01-04T23:59:59Z"), &berlin), Some(at("1970-01-05T00:00:00Z")));
    assert_eq!(week.slot_after(at("1970-01-05T00:00:00Z"), &berlin), Some(at("1970-01-05T07:00:00Z")));
    assert_eq!(week.slot_before(at("1969-12-31T23:59:59.5Z"), &berlin), Some(at("1969-12-31T22:00:00Z")));
}

#[test]
fn a_skipped_slot_comes_when_the_gap_ends_and_a_doubled_one_once() {
    let berlin = zone("Europe/Berlin");
    let spring = |schedule: &Schedule| slots(schedule, &berlin, "2026-03-28T22:00:00Z", 4);
    let autumn = |schedule: &Schedule| slots(schedule, &berlin, "2026-10-24T22:30:00Z", 5);
    assert_eq!(
        spring(&schedule("calendar", "02:30"))[..2],
        ["Sun 2026-03-29 03:00 +0200", "Mon 2026-03-30 02:30 +0200"]
    );
    assert_eq!(
        autumn(&schedule("calendar", "02:30"))[..2],
        ["Sun 2026-10-25 02:30 +0200", "Mon 2026-10-26 02:30 +0100"]
    );
    // What comes in every hour comes in both; two slots of the gap are one.
    for half_hourly in
        [schedule("every", "30m"), schedule("cron", "*/30 * * * *"), schedule("calendar", "*:0/30")]
    {
        assert_eq!(
            slots(&half_hourly, &berlin, "2026-03-29T00:00:00Z", 3),
            ["Sun 2026-03-29 01:30 +0100", "Sun 2026-03-29 03:00 +0200", "Sun 2026-03-29 03:30 +0200"]
        );
        assert_eq!(
            slots(&half_hourly, &berlin, "2026-10-24T23:30:00Z", 5),
            [
                "Sun 2026-10-25 02:00 +0200",
                "Sun 2026-10-25 02:30 +0200",
                "Sun 2026-10-25 02:00 +0100",
                "Sun 2026-10-25 02:30 +0100",
                "Sun 2026-10-25 03:00 +0100"
            ]
        );
    }
    // Named hours: once each.
    assert_eq!(
        autumn(&schedule("calendar", "1..3:0/30")),
        [
            "Sun 2026-10-25 01:00 +0200",
            "Sun 2026-10-25 01:30 +0200",
            "Sun 2026-10-25 02:00 +0200",
            "Sun 2026-10-25 02:30 +0200",
            "Sun 2026-10-25 03:00 +0100"
        ]
    );
    // Samoa left out a whole day: its slot comes when the next day begins.
    let apia = zone("Pacific/Apia");
    assert_eq!(
        slots(&schedule("calendar", "02:30"), &apia, "2011-12-29T11:00:00Z", 3),
        ["Thu 2011-12-29 02:30 -1000", "Sat 2011-12-31 00:00 +1400", "Sat 2011-12-31 02:30 +1400"]
    );
}
