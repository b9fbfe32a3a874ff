//! The scheduler: what is due when, what may run beside what, and what failed how often.
//!
//! Pure: time is an argument, and chance comes from a seed. Whoever drives it asks [`Scheduler::next`] until it gives
//! nothing, sleeps until [`Scheduler::next_at`] or until something happens, and tells what became of each job.
//!
//! - A job is a visit: all that is due of one source on one target, and what would be before long, for looking at one
//!   resource costs as much as looking at all.
//! - A wake-up is a hint that melts into others: the most urgent and the earliest count. It never counts as a failure,
//!   and only a changed manifest or a person ends the time that something is left alone after one.
//! - `agenda` knows when what is due, `lanes` who may go; `turn` is how a job begins and ends.

mod agenda;
mod lanes;
mod pace;
mod rank;
mod time;
mod turn;
mod view;
mod words;

use std::collections::BTreeMap;

use evenkeel_core::period::Period;
use jiff::Timestamp;

pub use words::{
    Aftermath, Blocked, Counts, Ended, HostNews, Job, JobId, Limits, Phase, Report, Standing, Start, Turn,
    Unit,
};

use super::Trigger;
use crate::store::ResourceKey;
use agenda::{Agenda, Entry, Id, Pending, When};
use lanes::{Lanes, Place};
use pace::{CAP, Draw, SECOND, backoff_after};
use time::{Clock, Moment};

/// Decides what is looked at and written to, and when.
#[derive(Debug)]
pub struct Scheduler {
    seed: u64,
    clock: Clock,
    agenda: Agenda,
    lanes: Lanes,
    jobs: BTreeMap<JobId, Going>,
    last_job: u64,
    draining: bool,
}

/// A job and the numbers of its resources, in the same order.
#[derive(Debug)]
struct Going {
    job: Job,
    place: Place,
    ids: Vec<Id>,
}

impl Scheduler {
    /// With nothing to do. `seed` decides how times spread.
    pub fn new(limits: Limits, seed: u64) -> Self {
        Scheduler {
            seed,
            clock: Clock::default(),
            agenda: Agenda::default(),
            lanes: Lanes::new(limits),
            jobs: BTreeMap::new(),
            last_job: 0,
            draining: false,
        }
    }

    /// A new resource is due at once. One that is known keeps its place and its failures; a shorter interval counts
    /// from now. Its end of suspension makes it due.
    pub fn put(&mut self, unit: Unit, now: Timestamp) {
        let now = self.clock.see(now);
        let Unit { key, host, group, interval, depends_on, suspended, lane } = unit;
        let on =
            |name: &str| lane.as_ref().map_or_else(|| name.to_owned(), |lane| format!("{name}{LANE}{lane}"));
        let (host, group) = (on(&host), group.map(|group| on(&group)));
        let place = Place { target: on(&key.id.target).into(), source: key.source.as_str().into() };
        // What takes longer now than before, or no longer does, begins anew elsewhere.
        if self.agenda.id(&key).and_then(|id| self.agenda.get(id)).is_some_and(|e| e.place != place) {
            self.remove(&key);
        }
        self.lanes.settle(&place, &host, group.as_deref());
        let interval = milliseconds(interval);
        let known = self.agenda.id(&key);
        let is_new = known.is_none();
        let id = known.unwrap_or_else(|| self.agenda.insert(Entry::new(key, place.clone(), interval)));
        self.agenda.depend(id, depends_on);
        let Some(entry) = self.agenda.get_mut(id) else { return };
        let resumed = is_new || (entry.suspended && !suspended);
        (entry.suspended, entry.interval) = (suspended, interval);
        let latest = now.saturating_add(interval);
        let (when, backoff, trigger) = (entry.when, entry.backoff, entry.trigger);
        match when {
            When::Running(_) => {}
            _ if suspended => self.agenda.off(id),
            _ if resumed => self.agenda.later(id, now, 0, Trigger::Push),
            When::Later { at, .. } if backoff == 0 && at > latest => {
                let span = self.draw(&place, 0).interval(interval);
                self.agenda.later(id, now.saturating_add(span), interval / 2, trigger);
            }
            _ => {}
        }
        self.offer(&place);
    }

    /// A resource that was known before a restart: it is looked at next at `next`, and failed `failures` times in a
    /// row. What is overdue is due now, the longest overdue first. Say it after [`Scheduler::put`].
    pub fn resume(&mut self, key: &ResourceKey, next: Timestamp, failures: u32, now: Timestamp) {
        let now = self.clock.see(now);
        let at = self.clock.moment(next);
        let Some(id) = self.agenda.id(key) else { return };
        let Some(entry) = self.agenda.get_mut(id) else { return };
        if matches!(entry.when, When::Running(_) | When::Off) {
            return;
        }
        (entry.failures, entry.backoff) = (failures, backoff_after(failures));
        let (place, interval) = (entry.place.clone(), entry.interval);
        let (longest, slack, trigger) = match entry.backoff {
            0 => (interval.saturating_add(interval / 20), interval / 2, Trigger::Periodic),
            wait => (CAP, wait / 10, Trigger::Retry),
        };
        // Whatever the store says, nothing is put off for ever.
        let at = at.min(now.saturating_add(longest));
        self.agenda.later(id, at, slack, trigger);
        self.offer(&place);
    }

    /// Its manifest changed: whatever failed before is forgotten, and it is due. If it runs, it runs again afterwards,
    /// and how that run ends does not count.
    pub fn renewed(&mut self, key: &ResourceKey, now: Timestamp) {
        let now = self.clock.see(now);
        if let Some(id) = self.agenda.id(key) {
            self.renew(id, now, Trigger::Push);
        }
    }

    fn renew(&mut self, id: Id, now: Moment, trigger: Trigger) {
        let Some(entry) = self.agenda.get_mut(id) else { return };
        if let When::Running(_) = entry.when {
            Pending::add(&mut entry.pending, Pending { trigger, at: now, renewed: true });
            return;
        }
        (entry.failures, entry.backoff, entry.changes, entry.last) = (0, 0, 0, None);
        // What waits for it waits for the new wish: it is woken when that is fulfilled, also if nothing is to be sent.
        entry.ready = false;
        self.rouse(id, trigger, now);
    }

    /// It left the manifests. If it runs, how that ends does not count.
    pub fn remove(&mut self, key: &ResourceKey) {
        let Some((place, left)) = self.agenda.remove(key) else { return };
        if left {
            self.lanes.leave(&place);
        } else {
            self.offer(&place);
        }
    }

    /// Something speaks for looking at it at `at`. What is not known, or is suspended, stays so.
    ///
    /// Of several wake-ups the most urgent and the earliest count. If it runs, it runs again afterwards. While it is
    /// left alone after a failure, only a person ([`Trigger::Operator`]) changes when it is tried.
    pub fn wake(&mut self, key: &ResourceKey, trigger: Trigger, at: Timestamp) {
        let at = self.clock.moment(at);
        let Some(id) = self.agenda.id(key) else { return };
        self.rouse(id, trigger, at);
        if trigger == Trigger::Operator
            && let Some(entry) = self.agenda.get(id)
        {
            self.lanes.insist(&entry.place);
        }
    }

    fn rouse(&mut self, id: Id, trigger: Trigger, at: Moment) {
        let Some(entry) = self.agenda.get_mut(id) else { return };
        match entry.when {
            When::Off => {}
            When::Running(_) => Pending::add(&mut entry.pending, Pending { trigger, at, renewed: false }),
            When::Due { .. } => {
                let place = entry.place.clone();
                self.agenda.raise(id, trigger);
                self.offer(&place);
            }
            When::Later { at: planned, .. } => {
                let left_alone = entry.backoff > 0 && trigger != Trigger::Operator;
                let most_urgent = trigger.max(entry.trigger);
                if left_alone || planned <= at {
                    self.agenda.raise(id, trigger);
                } else {
                    self.agenda.later(id, at, 0, most_urgent);
                }
            }
        }
    }

    /// From now on nothing begins, neither looks nor the writing of looks in flight.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Tells the lanes what a place has to do.
    fn offer(&mut self, place: &Place) {
        self.lanes.offer(place, self.agenda.best(place));
    }

    fn draw(&self, place: &Place, count: u64) -> Draw {
        Draw::new(self.seed, &[&place.source, &place.target], count)
    }
}

/// What no name has: behind it stands the word of a lane beside the usual one, or, where nothing stands before it, the
/// name of a group whose hosts take turns.
const LANE: char = '\n';

/// The name of a target or host, whatever lane it is seen from.
fn without_lane(name: &str) -> &str {
    name.split(LANE).next().unwrap_or(name)
}

impl Entry {
    fn new(key: ResourceKey, place: Place, interval: Moment) -> Self {
        Entry {
            key,
            place,
            interval,
            depends_on: Vec::new(),
            suspended: false,
            when: When::Off,
            trigger: Trigger::Push,
            failures: 0,
            backoff: 0,
            changes: 0,
            stops: 0,
            last: None,
            ready: false,
            pending: None,
        }
    }
}

impl Pending {
    fn add(known: &mut Option<Pending>, more: Pending) {
        *known = Some(known.map_or(more, |known| Pending {
            trigger: known.trigger.max(more.trigger),
            at: known.at.min(more.at),
            renewed: known.renewed || more.renewed,
        }));
    }
}

fn milliseconds(interval: Period) -> Moment {
    let seconds = Moment::try_from(interval.as_seconds()).unwrap_or(Moment::MAX);
    // A hundred years do for ever, and leave room to count.
    seconds.clamp(1, 100 * 366 * 86_400).saturating_mul(SECOND)
}
