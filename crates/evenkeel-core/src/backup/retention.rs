//! Which copies are kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decide;
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

/// A rule that counts intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interval {
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl Retention {
    /// What can be seen without the copies. Paths begin in the retention.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let written =
            [self.keep_last].into_iter().chain(self.counts().map(|(_, count)| count)).flatten().count();
        if written > 0 && self.keeps_all() {
            let finding =
                Finding::warning([""; 0], "every number is 0, and so every copy is kept, as Proxmox does it");
            findings.push(finding.hint("leave the rules out, or write how many are kept"));
        }
        for (field, period) in self.periods() {
            if period.is_some_and(|period| period.as_seconds() == 0) {
                let finding = Finding::error([field], "a time span of nothing keeps nothing");
                findings.push(finding.hint("write a span such as 3d, or leave it out"));
            }
        }
        if self.keep_tags.iter().any(|tag| tag.trim().is_empty()) {
            findings.push(Finding::error(["keepTags"], "a tag is empty"));
        }
        findings
    }

    /// The rules as Proxmox writes them, `keep-last=3,keep-daily=7`; or why it cannot, and what to write instead.
    pub fn to_proxmox(&self) -> Result<String, String> {
        if self.semantics != Semantics::Proxmox {
            return Err("Proxmox prunes by its own rules; leave `semantics` out".to_owned());
        }
        let period = self.periods().into_iter().find(|(_, period)| period.is_some()).map(|(field, _)| field);
        if let Some(field) = period.or((!self.keep_tags.is_empty()).then_some("keepTags")) {
            return Err(format!("Proxmox has no `{field}`; write keepLast, keepHourly and so on"));
        }
        if self.keeps_all() {
            return Ok("keep-all=1".to_owned());
        }
        let names = ["hourly", "daily", "weekly", "monthly", "yearly"];
        let counts = names.into_iter().zip(self.counts()).map(|(name, (_, count))| (name, count));
        let given = [("last", self.keep_last)].into_iter().chain(counts);
        let write = |(name, count): (&str, Option<u32>)| {
            count.filter(|count| *count > 0).map(|count| format!("keep-{name}={count}"))
        };
        Ok(given.filter_map(write).collect::<Vec<_>>().join(","))
    }

    /// What becomes of `members`, the copies of one thing in one store.
    pub fn decide(&self, members: &[Member], now: Timestamp, zone: &TimeZone) -> Decision {
        decide::decide(self, members, now, zone)
    }

    /// Whether there is no rule.
    pub(super) fn keeps_all(&self) -> bool {
        self.keep_last.unwrap_or(0) == 0
            && self.counts().iter().all(|(_, count)| count.unwrap_or(0) == 0)
            && self.periods().iter().all(|(_, period)| period.is_none())
            && self.keep_tags.is_empty()
    }

    /// The rules that count intervals, in their order.
    pub(super) fn counts(&self) -> [(Interval, Option<u32>); 5] {
        [
            (Interval::Hourly, self.keep_hourly),
            (Interval::Daily, self.keep_daily),
            (Interval::Weekly, self.keep_weekly),
            (Interval::Monthly, self.keep_monthly),
            (Interval::Yearly, self.keep_yearly),
        ]
    }

    /// The rules that take the newest of every interval in a span of time.
    pub(super) fn windows(&self) -> [(Interval, Option<Period>); 5] {
        [
            (Interval::Hourly, self.keep_within_hourly),
            (Interval::Daily, self.keep_within_daily),
            (Interval::Weekly, self.keep_within_weekly),
            (Interval::Monthly, self.keep_within_monthly),
            (Interval::Yearly, self.keep_within_yearly),
        ]
    }

    fn periods(&self) -> [(&'static str, Option<Period>); 6] {
        [
            ("keepWithin", self.keep_within),
            ("keepWithinHourly", self.keep_within_hourly),
            ("keepWithinDaily", self.keep_within_daily),
            ("keepWithinWeekly", self.keep_within_weekly),
            ("keepWithinMonthly", self.keep_within_monthly),
            ("keepWithinYearly", self.keep_within_yearly),
        ]
    }
}
