//! Spans of time that begin at slots: how long a maintenance window is open.
//!
//! A span keeps the times that clocks on the wall show: it begins at its slot and ends `duration` later as a calendar
//! counts, so that 22:00 and 8h end at 06:00 in every night, be it one hour shorter or longer. As with slots, an end in a
//! gap is where the gap ends, and an end that comes twice is meant the first time. A span that lies in a gap altogether
//! does not come on that day. Where slots come in every hour, or at distances that do not fit into days, there is nothing
//! on the wall to keep: there the duration is a real one.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Schedule;
use super::schedule::Pattern;

/// So many empty spans are passed over, one after the other. There is a gap twice a year at the most.
const PATIENCE: usize = 8;

/// Spans of one length, which begin at the slots of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spans {
    pattern: Pattern,
    zone: TimeZone,
    duration: SignedDuration,
}

impl Spans {
    /// Those that begin at the slots of `schedule`. `None` where that cannot be read, which its own check reports.
    pub(crate) fn new(schedule: &Schedule, zone: TimeZone, duration: SignedDuration) -> Option<Self> {
        Some(Spans { pattern: schedule.pattern().ok()?, zone, duration })
    }

    /// The zone of their times.
    pub(crate) const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// When the span that lasts at `now` ends; `None` where none does. Of spans that overlap, the one that began last.
    pub(crate) fn end_of_current(&self, now: Timestamp) -> Option<Timestamp> {
        let (from, to) = self.newest(now)?;
        (from <= now && now < to).then_some(to)
    }

    /// When the first span after `now` begins.
    pub(crate) fn next_begin(&self, now: Timestamp) -> Option<Timestamp> {
        let mut slot = self.pattern.after(now, &self.zone)?;
        for _ in 0..PATIENCE {
            if self.end_of_current(slot).is_some() {
                return Some(slot);
            }
            slot = self.pattern.after(slot, &self.zone)?;
        }
        None
    }

    /// The span that began last at `now`. Spans end in the order in which they begin.
    fn newest(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match &self.pattern {
            Pattern::Local(slots) if !slots.repeats => slots.span_before(now, &self.zone, self.duration),
            Pattern::Local(_) | Pattern::Steady(_) => {
                let from = self.pattern.before(now, &self.zone)?;
                Some((from, from.checked_add(self.duration).ok()?))
            }
        }
    }
}
