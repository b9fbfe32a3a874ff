//! What can be seen of the scheduler from outside.

use jiff::Timestamp;

use super::Scheduler;
use super::agenda::When;
use super::lanes::Obstacle;
use super::words::{Blocked, Counts, Job, Standing};
use crate::store::ResourceKey;

impl Scheduler {
    /// When [`Scheduler::next`] may have something, if nothing happens before.
    pub fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.draining {
            return None;
        }
        if self.lanes.first().is_some() {
            return Some(now);
        }
        let moments = [self.agenda.next(), self.lanes.next_trial()];
        moments.into_iter().flatten().min().map(|moment| self.clock.wall(moment))
    }

    /// The jobs that go on, in the order in which they began.
    pub fn running(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().map(|going| &going.job)
    }

    /// What there is to count.
    pub fn counts(&self, now: Timestamp) -> Counts {
        let now = self.clock.moment(now).max(self.clock.now());
        let mut counts = self.lanes.counts();
        for entry in self.agenda.entries() {
            let since = match entry.when {
                When::Due { since, .. } => since,
                When::Later { at, .. } if at <= now => at,
                _ => continue,
            };
            if !self.lanes.is_down(&entry.place) {
                let wait = u64::try_from(now.saturating_sub(since)).unwrap_or(0);
                counts.queued += 1;
                counts.oldest_wait_ms = counts.oldest_wait_ms.max(wait);
            }
        }
        counts
    }

    /// How things stand with a resource; `None` where it is not known.
    pub fn standing(&self, key: &ResourceKey) -> Option<Standing> {
        let entry = self.agenda.get(self.agenda.id(key)?)?;
        let mut standing = Standing {
            next: None,
            trigger: entry.trigger,
            failures: entry.failures,
            last: entry.last,
            running: None,
            blocked: None,
        };
        match entry.when {
            When::Off => standing.blocked = Some(Blocked::Suspended),
            When::Running(job) => standing.running = Some(job),
            When::Later { at, .. } => {
                standing.next = Some(self.clock.wall(at));
                standing.blocked = Some(Blocked::NotDue);
            }
            When::Due { since, .. } => {
                standing.next = Some(self.clock.wall(since));
                standing.blocked = Some(match self.lanes.obstacle(&entry.place) {
                    Obstacle::Busy => Blocked::Busy,
                    Obstacle::Down(until) => Blocked::HostDown { until: self.clock.wall(until) },
                    Obstacle::None => Blocked::Turn,
                });
            }
        }
        Some(standing)
    }
}
