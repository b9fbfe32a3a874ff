//! Any text as a schedule, in any zone and at any time: no panic, and what is not refused keeps the laws of slots.
//!
//! The input is `FIELD|ZONE|SECOND|TEXT`; any text stands for one of the zones.
#![no_main]

use evenkeel_core::backup::{Schedule, Zone};
use evenkeel_core::request::Replies;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

/// Zones with every kind of change.
const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tokyo", "Africa/Casablanca"];

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let mut parts = text.splitn(4, '|');
    let mut part = || parts.next().unwrap_or_default();
    let (field, zone, second, text) = (part(), part(), part(), part());
    let known = ZONES.iter().find(|name| **name == zone).or(ZONES.get(zone.len() % ZONES.len()));
    let zone = Zone::read(known.copied(), &Replies::default()).expect("a zone of the list").zone;
    let second: i64 = second.parse().unwrap_or_default();
    // Not at the ends of time, where there may be no slot before or after.
    let now = Timestamp::from_second(second % 4_000_000_000).expect("within jiff's range");
    let mut schedule = Schedule::default();
    match field {
        "every" => schedule.every = text.parse().ok(),
        "cron" => schedule.cron = Some(text.to_owned()),
        _ => schedule.calendar = Some(text.to_owned()),
    }
    let findings = schedule.check();
    for finding in &findings {
        assert!(!finding.message.is_empty());
    }
    let (before, after) = (schedule.slot_before(now, &zone), schedule.slot_after(now, &zone));
    let due = schedule.due(now, &zone, text);
    if findings.iter().any(|finding| !finding.warning) {
        return;
    }
    assert_eq!((due.slot, due.next), (before, after));
    if let Some(slot) = before {
        assert!(slot <= now && schedule.slot_before(slot, &zone) == Some(slot));
        assert_eq!(schedule.slot_after(slot, &zone), after);
    }
    if let Some(slot) = after {
        assert!(slot > now && schedule.slot_before(slot, &zone) == Some(slot));
        assert_eq!(
            schedule.slot_before(Timestamp::from_second(slot.as_second() - 1).expect("in range"), &zone),
            before
        );
    }
    if let Ok(calendar) = schedule.to_proxmox() {
        let same = Schedule { calendar: Some(calendar.clone()), ..Schedule::default() };
        assert_eq!(
            same.slot_after(now, &jiff::tz::TimeZone::UTC),
            schedule.slot_after(now, &jiff::tz::TimeZone::UTC),
            "{calendar}"
        );
    }
});
