//! Time as the scheduler counts it: in milliseconds that never run backwards.
//!
//! A machine's clock may be set back by a year. Everything that was planned would then be a year away. So what is
//! planned moves along: the scheduler's own time stands still for that moment and goes on from there. A few seconds
//! are waited out instead. A clock that is set ahead makes everything due, once.

use jiff::Timestamp;

use super::pace::SECOND;

/// Milliseconds on the scheduler's own scale.
pub(super) type Moment = i64;

/// A clock that is behind by less than this is waited for: it was adjusted, or two threads told the time in turn.
const PATIENCE: Moment = 10 * SECOND;

/// Translates between the machine's clock and the scheduler's own time.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// The latest moment seen.
    now: Moment,
    /// Own time minus the machine's.
    shift: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { now: Moment::MIN, shift: 0 }
    }
}

impl Clock {
    /// The machine's clock says `wall`: what moment is that? Never before an earlier answer.
    pub(super) fn see(&mut self, wall: Timestamp) -> Moment {
        let told = self.moment(wall);
        let behind = self.now.saturating_sub(told);
        if behind > PATIENCE {
            self.shift = self.shift.saturating_add(behind);
        }
        self.now = self.now.max(told);
        self.now
    }

    /// The latest moment seen.
    pub(super) fn now(&self) -> Moment {
        self.now
    }

    /// The moment at which the machine's clock will say, or said, `wall`.
    pub(super) fn moment(&self, wall: Timestamp) -> Moment {
        wall.as_millisecond().saturating_add(self.shift)
    }

    /// What the machine's clock says at `moment`; the end of time where that is too far.
    pub(super) fn wall(&self, moment: Moment) -> Timestamp {
        let millisecond = moment.saturating_sub(self.shift);
        let end = if millisecond < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_millisecond(millisecond).unwrap_or(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_clock_that_is_set_back_moves_the_plans_along() {
        let mut clock = Clock::default();
        let planned = clock.see(at(1_000)) + 60_000;
        assert_eq!(clock.wall(planned), at(1_060));
        assert_eq!(clock.see(at(10)), 1_000_000, "it stands still for that moment");
        assert_eq!(clock.wall(planned), at(70), "a minute away is still a minute away");
        assert_eq!(clock.see(at(40)), 1_030_000);
    }

    #[test]
    fn a_clock_that_is_a_little_behind_is_waited_for() {
        let mut clock = Clock::default();
        clock.see(at(1_000));
        for _ in 0..100 {
            assert_eq!(clock.see(at(991)), 1_000_000);
        }
        assert_eq!(
            (clock.see(at(1_001)), clock.wall(1_001_000)),
            (1_001_000, at(1_001)),
            "no plan has moved"
        );
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        let mut clock = Clock::default();
        for wall in [Timestamp::MAX, Timestamp::MIN, Timestamp::MAX, Timestamp::MIN, at(0)] {
            let now = clock.see(wall);
            assert_eq!(clock.now(), now);
            clock.wall(now.saturating_add(i64::MAX));
            clock.wall(now.saturating_sub(i64::MAX));
        }
    }
}
