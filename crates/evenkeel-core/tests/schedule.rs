//! Schedules: which slots a text means, where clocks are changed too; what is due, and what is wrong with a text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "schedule/due.rs"]
mod due;
#[path = "schedule/faults.rs"]
mod faults;
#[path = "schedule/law.rs"]
mod law;
#[path = "schedule/published.rs"]
mod published;
#[path = "schedule/zones.rs"]
mod zones;

use evenkeel_core::backup::{Schedule, Zone};
use evenkeel_core::request::Replies;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A schedule with one field.
fn schedule(field: &str, text: &str) -> Schedule {
    serde_json::from_value(serde_json::json!({ field: text })).unwrap()
}

fn zone(name: &str) -> TimeZone {
    Zone::read(Some(name), &Replies::default()).unwrap().zone
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The slots after `from`, in local time with the offset.
fn slots(schedule: &Schedule, zone: &TimeZone, from: &str, count: usize) -> Vec<String> {
    let mut now = at(from);
    let mut found = Vec::new();
    for _ in 0..count {
        let Some(slot) = schedule.slot_after(now, zone) else { break };
        found.push(slot.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M %z").to_string());
        now = slot;
    }
    found
}
