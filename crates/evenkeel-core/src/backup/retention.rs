//! Which copies are kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::driver::Finding;
use crate::period::Period;

/// Which copies are kept: those that any rule keeps. Without a rule, all. The newest verified copy is always kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Retention {
    /// The last so many.
    pub keep_last: Option<u32>,
    /// The newest of each of the last so many hours that have one.
    pub keep_hourly: Option<u32>,
    /// The newest of each of the last so many days that have one.
    pub keep_daily: Option<u32>,
    /// The newest of each of the last so many weeks (Monday to Sunday) that have one.
    pub keep_weekly: Option<u32>,
    /// The newest of each of the last so many months that have one.
    pub keep_monthly: Option<u32>,
    /// The newest of each of the last so many years that have one.
    pub keep_yearly: Option<u32>,
    /// All that are not older than this.
    pub keep_within: Option<Period>,
    /// The newest of each hour, of those not older than this.
    pub keep_within_hourly: Option<Period>,
    /// The newest of each day, of those not older than this.
    pub keep_within_daily: Option<Period>,
    /// The newest of each week, of those not older than this.
    pub keep_within_weekly: Option<Period>,
    /// The newest of each month, of those not older than this.
    pub keep_within_monthly: Option<Period>,
    /// The newest of each year, of those not older than this.
    pub keep_within_yearly: Option<Period>,
    /// All that carry one of these tags.
    pub keep_tags: BTreeSet<String>,
    /// Whose rules these are. Default: `proxmox`.
    pub semantics: Semantics,
}

/// Whose rules of retention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Semantics {
    /// Rules stack, from last to yearly: an interval that already holds a kept copy does not count.
    #[default]
    Proxmox,
    /// Rules run beside each other, and `keepWithin…` counts from the newest copy.
    Restic,
}

/// A copy, as far as retention is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its slot.
    pub at: Timestamp,
    /// Whether it is whole and was checked. Others count for no rule, and are removed once a verified one is newer.
    pub verified: bool,
    /// Why it is kept whatever the rules say, and counts for none.
    pub protected: Option<String>,
    /// Its tags.
    pub tags: BTreeSet<String>,
}

/// What becomes of copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Those that stay, each with the reasons: `last 3`, `daily 2026-11-18`.
    pub keep: BTreeMap<Timestamp, Vec<String>>,
    /// Those that no rule keeps.
    pub remove: BTreeSet<Timestamp>,
    /// Why a person should look at it before anything is removed: more than half would go, the clock seems wrong.
    pub alarm: Option<String>,
}

impl Retention {
    /// What can be seen without the copies. Paths begin in the retention.
    pub fn check(&self) -> Vec<Finding> {
        Vec::new()
    }

    /// What becomes of `members`, the copies of one thing in one store.
    pub fn decide(&self, members: &[Member], now: Timestamp, zone: &TimeZone) -> Decision {
        let _ = (now, zone);
        let keep = members.iter().map(|member| (member.at, vec!["all".to_owned()])).collect();
        Decision { keep, ..Decision::default() }
    }
}
