//! When a copy is due.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::driver::{Demand, Finding};
use crate::period::Period;

/// When copies are made. Exactly one of `every`, `cron` and `calendar` is given. Each time that it means is a slot: there
/// shall be a copy for the newest slot, whenever it is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Schedule {
    /// At equal distances, counted from midnight: `30m`, `6h`, `1d`.
    pub every: Option<Period>,
    /// Five fields as in crontab: `0 2 * * mon-fri`.
    pub cron: Option<String>,
    /// A calendar event as Proxmox and systemd take it: `mon..fri 02:00`, `*/30`, `sat *-1..7 15:00`.
    pub calendar: Option<String>,
    /// The time zone, such as `Asia/Tokyo`. Default: the target's own, which the plan names.
    pub time_zone: Option<String>,
    /// A slot that is older than this is not made up for any more. Default: until the next slot.
    pub starting_deadline: Option<Period>,
    /// Each slot begins up to so much later, by an amount that is always the same for one resource on one target.
    pub jitter: Option<Period>,
    /// How often a copy is tried for one slot. Default: 3.
    pub attempts: Option<u32>,
    /// The newest verified copy must not be older than this. Default: two slots and an hour.
    pub fresh_within: Option<Period>,
    /// For one run: this slot, whatever the rest says.
    #[serde(skip)]
    pub once: Option<Timestamp>,
    /// For one run: no slot.
    #[serde(skip)]
    pub paused: bool,
}

/// What a schedule wants at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The slot for which there shall be a copy now: the newest one, if it has begun (with jitter) and its deadline has
    /// not passed.
    pub slot: Option<Timestamp>,
    /// When the answer changes next.
    pub next: Option<Timestamp>,
}

impl Schedule {
    /// What can be seen without the target. Paths begin in the schedule.
    pub fn check(&self) -> Vec<Finding> {
        Vec::new()
    }

    /// What is due at `now`. `seed` fixes the jitter: `Kind/name on target`.
    pub fn due(&self, now: Timestamp, zone: &TimeZone, seed: &str) -> Due {
        let _ = (now, zone, seed);
        Due { slot: self.once, next: None }
    }

    /// The newest slot at or before `at`.
    pub fn slot_before(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let _ = (at, zone);
        None
    }

    /// The first slot after `at`.
    pub fn slot_after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let _ = (at, zone);
        None
    }

    /// How old the newest verified copy may be at `now`, in seconds.
    pub fn fresh_within_seconds(&self, now: Timestamp, zone: &TimeZone) -> u64 {
        let _ = (now, zone);
        self.fresh_within.map_or(0, Period::as_seconds)
    }

    /// The schedule for one run with this demand.
    #[must_use]
    pub fn on_demand(&self, demand: Demand) -> Schedule {
        match demand {
            Demand::Run(at) => Schedule { once: Some(at), ..self.clone() },
            Demand::Prune => Schedule { paused: true, ..self.clone() },
        }
    }
}
