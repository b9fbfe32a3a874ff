//! Retention: what is kept and why, and that what matters is never removed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "retention/cases.rs"]
mod cases;
#[path = "retention/law.rs"]
mod law;
#[path = "retention/published.rs"]
mod published;

use std::collections::BTreeSet;

use evenkeel_core::backup::{Decision, Member, Retention};
use jiff::Timestamp;
use jiff::tz::TimeZone;

fn policy(fields: serde_json::Value) -> Retention {
    serde_json::from_value(fields).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A verified copy.
fn copy(at: Timestamp) -> Member {
    Member { at, verified: true, protected: None, tags: BTreeSet::new() }
}

fn copies(times: &[&str]) -> Vec<Member> {
    times.iter().map(|time| copy(at(time))).collect()
}

fn decide(policy: &Retention, members: &[Member], now: &str) -> Decision {
    policy.decide(members, at(now), &TimeZone::UTC)
}

/// The kept ones, oldest first.
fn kept(decision: &Decision) -> Vec<String> {
    decision.keep.keys().map(Timestamp::to_string).collect()
}
