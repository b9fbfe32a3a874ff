//! When the next message may go, and when one that did not arrive is tried again.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// A receiver that asks for more patience gets this much.
const MOST_ASKED: Duration = Duration::from_hours(1);

/// What `maxPerHour` counts within.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How long is waited after so many failures in a row (1 is the first), where the receiver asks for `asked`.
pub(crate) fn pause(failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE).max(asked.unwrap_or_default().min(MOST_ASKED))
}

/// When messages went, within the last hour.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent(pub(crate) VecDeque<Timestamp>);

impl Sent {
    /// A message went.
    pub(crate) fn note(&mut self, now: Timestamp) {
        self.0.push_back(now);
    }

    /// When the next one may go, with at most `most` within an hour.
    pub(crate) fn next(&mut self, most: u16, now: Timestamp) -> Timestamp {
        // What lies in the future was written with a clock that was wrong.
        self.0.retain(|at| *at <= now && now.duration_since(*at) < WINDOW);
        let over = self.0.len().checked_sub(usize::from(most));
        let first = over.and_then(|over| self.0.get(over));
        first.map_or(now, |at| at.saturating_add(WINDOW).unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_end_and_a_receiver_may_ask_for_more() {
        let seconds = |n, asked| pause(n, asked).as_secs();
        assert_eq!([1, 2, 3, 8, 100].map(|n| seconds(n, None)), [5, 10, 20, 600, 600]);
        assert_eq!(seconds(1, Some(Duration::from_mins(2))), 120);
        assert_eq!(seconds(1, Some(Duration::from_secs(1))), 5);
        assert_eq!(seconds(1, Some(Duration::from_hours(100))), 3600);
    }

    #[test]
    fn no_hour_has_more_than_it_may() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let mut sent = Sent::default();
        for minute in [0, 10, 20] {
            assert_eq!(sent.next(3, at(minute)), at(minute));
            sent.note(at(minute));
        }
        assert_eq!(sent.next(3, at(30)), at(60));
        assert_eq!(sent.next(4, at(30)), at(30));
        assert_eq!(sent.next(3, at(60)), at(60));
        sent.note(at(60));
        assert_eq!(sent.next(3, at(61)), at(70));
        assert_eq!(sent.0.len(), 3, "what is older than an hour is forgotten");
        // The clock was put back.
        assert_eq!(sent.next(3, at(5)), at(5));
    }
}
