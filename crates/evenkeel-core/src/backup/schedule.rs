//! When a copy is due.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::field::Fault;
use super::slots::{Days, Slots, Times};
use super::zone;
use super::{calendar, cron};

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
    /// The newest verified copy must not be older than this. Default: as long as two slots
    /// last, with the jitter and an hour.
    pub fresh_within: Option<Period>,
    /// For one run: this slot, whatever the rest says.
    #[serde(skip)]
    pub once: Option<Timestamp>,
    /// For one run: no slot.
    #[serde(skip)]
    pub paused: bool,
}

/// What a schedule wants at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// The slot for which there shall be a copy now: the newest one, if it has begun (with jitter) and its deadline has
    /// not passed.
    pub slot: Option<Timestamp>,
    /// When the answer changes next.
    pub next: Option<Timestamp>,
}

/// So many seconds a slot that is being made may take, before a missing copy is called late.
const GRACE: u64 = 3_600;

/// Freshness where a schedule has no slots: ten years.
const LONG: u64 = 3_653 * 86_400;

const DAY: u64 = 86_400;

/// Monday, 5 January 1970, in UTC: from here periods are counted that do not fit into days.
const MONDAY: i64 = 4 * 86_400;

/// What a schedule means, once it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Times of local days.
    Local(Slots),
    /// Every so many seconds, whatever clocks show.
    Steady(i64),
}

impl Schedule {
    /// What can be seen without the target. Paths begin in the schedule.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        match self.pattern() {
            Err(finding) => findings.push(finding),
            Ok(pattern) => findings.extend(self.check_pattern(&pattern)),
        }
        if let Some(name) = &self.time_zone
            && let Err((message, hint)) = zone::named(name)
        {
            findings.push(Finding::error(["timeZone"], message).hint(hint));
        }
        let zero = |period: Option<Period>| period.is_some_and(|period| period.as_seconds() == 0);
        if zero(self.starting_deadline) {
            let finding = Finding::error(["startingDeadline"], "no slot could ever be made up");
            findings.push(finding.hint("leave it out: a slot is made up until the next one"));
        }
        if zero(self.fresh_within) {
            let finding = Finding::error(["freshWithin"], "no copy can be as fresh as that");
            findings.push(finding.hint("leave it out: then it follows the schedule"));
        }
        if self.attempts == Some(0) {
            let finding = Finding::error(["attempts"], "no copy would ever be tried");
            findings.push(finding.hint("write `suspend: true` in the resource to stop it"));
        }
        findings
    }

    fn check_pattern(&self, pattern: &Pattern) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some((message, hint)) = self.calendar.as_deref().and_then(calendar::doubt) {
            findings.push(Finding::warning(["calendar"], message).hint(hint));
        }
        let Some(first) = pattern.after(Timestamp::UNIX_EPOCH, &TimeZone::UTC) else {
            let field = if self.cron.is_some() { "cron" } else { "calendar" };
            findings
                .push(Finding::error([field], "there is no such day").hint("look at the day and the month"));
            return findings;
        };
        let second = pattern.after(first, &TimeZone::UTC);
        let distance = second.map(|second| second.duration_since(first).as_secs());
        if let (Some(jitter), Some(distance)) = (self.jitter, distance)
            && i64::try_from(jitter.as_seconds()).is_ok_and(|jitter| jitter >= distance)
        {
            let message =
                format!("slots are {} apart, and would begin later than the next one", whole(distance));
            findings.push(Finding::error(["jitter"], message).hint("write less than that"));
        }
        findings
    }

    /// What is due at `now`. `seed` fixes the jitter: `Kind/name on target`.
    pub fn due(&self, now: Timestamp, zone: &TimeZone, seed: &str) -> Due {
        if self.once.is_some() || self.paused {
            return Due { slot: self.once, next: None };
        }
        self.pattern().ok().and_then(|pattern| self.due_of(&pattern, now, zone, seed)).unwrap_or_default()
    }

    fn due_of(&self, pattern: &Pattern, now: Timestamp, zone: &TimeZone, seed: &str) -> Option<Due> {
        let later = SignedDuration::from_secs(self.delay(seed));
        let then = now.checked_sub(later).ok()?;
        let slot = pattern.before(then, zone);
        let next = pattern.after(then, zone).and_then(|slot| slot.checked_add(later).ok());
        let deadline = self.starting_deadline.and_then(|deadline| {
            let deadline = SignedDuration::try_from(std::time::Duration::from(deadline)).ok()?;
            slot?.checked_add(later).ok()?.checked_add(deadline).ok()
        });
        match deadline {
            Some(deadline) if deadline <= now => Some(Due { slot: None, next }),
            Some(deadline) => {
                Some(Due { slot, next: Some(next.map_or(deadline, |next| next.min(deadline))) })
            }
            None => Some(Due { slot, next }),
        }
    }

    /// So many seconds every slot begins later.
    fn delay(&self, seed: &str) -> i64 {
        let most = self.jitter.map_or(0, Period::as_seconds);
        let hash = Sha256::digest(seed.as_bytes());
        let number = hash.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        i64::try_from(number % most.saturating_add(1)).unwrap_or_default()
    }

    /// The newest slot at or before `at`.
    pub fn slot_before(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.pattern().ok()?.before(at, zone)
    }

    /// The first slot after `at`.
    pub fn slot_after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.pattern().ok()?.after(at, zone)
    }

    /// How old the newest verified copy may be at `now`, in seconds, counted from its slot.
    ///
    /// Where `freshWithin` is not given: from the slot before the current one to the next one, the jitter, and an hour.
    /// At equal distances that is two slots and an hour; over a weekend it waits for Monday.
    pub fn fresh_within_seconds(&self, now: Timestamp, zone: &TimeZone) -> u64 {
        if let Some(period) = self.fresh_within {
            return period.as_seconds();
        }
        let Ok(pattern) = self.pattern() else { return LONG };
        let current = pattern.before(now, zone);
        let previous = current
            .and_then(|slot| pattern.before(slot.checked_sub(SignedDuration::from_secs(1)).ok()?, zone));
        let next = pattern.after(now, zone);
        let (Some(previous), Some(next)) = (previous.or(current), next) else { return LONG };
        let distance = u64::try_from(next.duration_since(previous).as_secs()).unwrap_or(LONG);
        distance.saturating_add(self.jitter.map_or(0, Period::as_seconds)).saturating_add(GRACE)
    }

    /// The schedule as Proxmox writes it in its own jobs, without time zone, jitter and deadline; or why it cannot, and
    /// what to write instead.
    pub fn to_proxmox(&self) -> Result<String, String> {
        if let Some(text) = &self.calendar {
            return Ok(text.trim().to_owned());
        }
        let pattern = self.pattern().map_err(|finding| finding.message)?;
        let written = match &pattern {
            Pattern::Local(slots) => calendar::proxmox(slots),
            Pattern::Steady(_) => None,
        };
        written.ok_or_else(|| {
            let given = match (&self.cron, self.every) {
                (Some(cron), _) => format!("cron `{cron}`"),
                (None, Some(every)) => format!("every {every}"),
                (None, None) => "this schedule".to_owned(),
            };
            format!("Proxmox's calendar has no words for {given}; write `calendar` with times that it has")
        })
    }

    /// What the schedule means; or the one thing that is wrong with it.
    pub(super) fn pattern(&self) -> Result<Pattern, Finding> {
        let wrong =
            |field: &str, fault: Fault| Finding::error([field], fault.message).hint_if_any(fault.hint);
        match (self.every, &self.cron, &self.calendar) {
            (Some(every), None, None) => every_so_often(every),
            (None, Some(text), None) => {
                cron::parse(text).map(Pattern::Local).map_err(|fault| wrong("cron", fault))
            }
            (None, None, Some(text)) => {
                calendar::parse(text).map(Pattern::Local).map_err(|fault| wrong("calendar", fault))
            }
            (None, None, None) => {
                let finding = Finding::error([""; 0], "it says nowhere when copies are made");
                Err(finding.hint("give one of `every: 1d`, `cron: 0 2 * * *` and `calendar: mon..fri 02:00`"))
            }
            _ => {
                let finding = Finding::error([""; 0], "it says more than once when copies are made");
                Err(finding.hint("keep one of `every`, `cron` and `calendar`"))
            }
        }
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

/// `every`: within days from local midnight, for whole days from a Monday, else steadily.
fn every_so_often(every: Period) -> Result<Pattern, Finding> {
    let seconds = every.as_seconds();
    if seconds < 60 {
        let finding = Finding::error(["every"], format!("{every} is less than a minute"));
        return Err(finding.hint("write at least 1m"));
    }
    let too_long = || Finding::error(["every"], format!("{every} is too long"));
    if DAY.is_multiple_of(seconds) {
        let step = u32::try_from(seconds).map_err(|_| too_long())?;
        let repeats = 3_600 % step == 0;
        return Ok(Pattern::Local(Slots { days: Days::Every(1), times: Times::Every(step), repeats }));
    }
    if seconds.is_multiple_of(DAY) {
        let days = Days::Every(i32::try_from(seconds / DAY).map_err(|_| too_long())?);
        return Ok(Pattern::Local(Slots { days, times: Times::Every(86_400), repeats: false }));
    }
    i64::try_from(seconds).map(Pattern::Steady).map_err(|_| too_long())
}

impl Pattern {
    pub(super) fn before(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Pattern::Local(slots) => slots.before(at, zone),
            Pattern::Steady(step) => {
                let second = floor(at);
                Timestamp::from_second(second - (second - MONDAY).checked_rem_euclid(*step)?).ok()
            }
        }
    }

    pub(super) fn after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Pattern::Local(slots) => slots.after(at, zone),
            Pattern::Steady(step) => {
                let second = floor(at);
                Timestamp::from_second(second - (second - MONDAY).checked_rem_euclid(*step)? + step).ok()
            }
        }
    }
}

/// The second that has begun. jiff's own rounds towards 1970.
fn floor(at: Timestamp) -> i64 {
    at.as_second() - i64::from(at.subsec_nanosecond() < 0)
}

fn whole(seconds: i64) -> Period {
    Period::seconds(seconds.unsigned_abs())
}
