//! One host: who waits for it, how many are on it, and whether it answers.

use std::collections::BTreeSet;

use super::{Name, Place, Rank};
use crate::controller::schedule::pace::Draw;
use crate::controller::schedule::time::Moment;
use crate::controller::schedule::words::JobId;

/// So often in a row a host must not answer until it is given up.
const STRIKES: u32 = 2;

/// A host and its queues.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// Targets that it carries.
    pub(super) targets: BTreeSet<Name>,
    /// Jobs that read or write on it.
    pub(super) busy: usize,
    pub(super) breaker: Breaker,
    /// Places with something to do, on targets that are free.
    pub(super) queue: BTreeSet<(Rank, Place)>,
    /// Jobs that want to write.
    pub(super) writers: BTreeSet<(Rank, JobId)>,
    /// What of the queue is shown.
    pub(super) look: Option<Shown>,
    /// Which of the writers is shown.
    pub(super) writer: Option<(Rank, JobId)>,
}

/// How a host stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) rank: Rank,
    pub(super) doubtful: bool,
}

impl Host {
    /// Nobody needs it any more.
    pub(super) fn is_left(&self) -> bool {
        self.targets.is_empty() && self.busy == 0 && self.writers.is_empty()
    }

    /// The first of its queue, where it may begin.
    pub(super) fn first_look(&self, room: bool) -> Option<Shown> {
        let (rank, _) = self.queue.first().filter(|_| room && self.breaker.lets_through())?;
        Some(Shown { rank: *rank, doubtful: self.breaker.is_doubtful() })
    }
}

/// Whether a host answers.
///
/// One that did not the last time is doubtful: one job at a time, in the doubtful lane. One that did not twice in a row
/// is given up: one job tries it now and then. The first job that it answers makes all well.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Breaker {
    strikes: u32,
    /// For how long it was last given up.
    wait: Moment,
    /// Given up, and not tried before then.
    until: Option<Moment>,
    /// A job tries it.
    trying: bool,
}

impl Breaker {
    /// It did not answer the last time.
    fn is_doubtful(&self) -> bool {
        self.strikes > 0
    }

    /// It was given up.
    pub(super) fn is_open(&self) -> bool {
        self.strikes >= STRIKES
    }

    /// Given up, and not tried before then.
    pub(super) fn until(&self) -> Option<Moment> {
        self.until
    }

    fn lets_through(&self) -> bool {
        self.until.is_none() && !self.trying
    }

    /// The time has come to try.
    pub(super) fn may_try(&mut self) {
        self.until = None;
    }

    /// A job begins. True where it is one that tries.
    pub(super) fn begin(&mut self) -> bool {
        self.trying = self.is_doubtful();
        self.trying
    }

    /// A job ends. What is true now and was not: that it answers, or does not.
    pub(super) fn end(
        &mut self,
        trial: bool,
        answered: Option<bool>,
        now: Moment,
        draw: Draw,
    ) -> Option<bool> {
        let was_open = self.is_open();
        self.trying &= !trial;
        match answered {
            None => None,
            Some(true) => {
                *self = Breaker::default();
                was_open.then_some(true)
            }
            // A job that began while it answered still says so; that is no news and not another strike.
            Some(false) if was_open && !trial => None,
            Some(false) => {
                self.strikes = self.strikes.saturating_add(1);
                if self.is_open() {
                    self.wait = draw.backoff(self.wait);
                    self.until = Some(now.saturating_add(self.wait));
                }
                (!was_open && self.is_open()).then_some(false)
            }
        }
    }
}
