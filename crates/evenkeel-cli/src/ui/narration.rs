//! Progress where standard error is no terminal: a line now and then, and none for what is done in a moment.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use evenkeel_engine::Event;

use super::progress::{moved, resting};

/// No line follows another sooner.
const STEPS_APART: Duration = Duration::from_secs(10);
/// Nor one of bytes that move: a transfer may take hours.
const BYTES_APART: Duration = Duration::from_mins(1);

/// What is to be told, and when something was last.
#[derive(Debug)]
pub(super) struct Narration {
    last: Instant,
    /// By target, how many steps were begun, and of how many.
    steps: HashMap<String, (usize, usize)>,
}

impl Narration {
    /// From `now` on.
    pub(super) fn new(now: Instant) -> Self {
        Narration { last: now, steps: HashMap::new() }
    }

    /// The line about an event, where it is time for one: `pve1 3/16: vzctl start 555`.
    pub(super) fn line(&mut self, event: &Event<'_>, now: Instant) -> Option<String> {
        match event {
            Event::Applying { target, steps } => {
                self.steps.insert((*target).to_owned(), (0, *steps));
                None
            }
            Event::Sending { target, command } => {
                let (nth, of) = self.steps.entry((*target).to_owned()).or_default();
                *nth += 1;
                let line = format!("{target} {nth}/{of}: {}", command.lines().next().unwrap_or_default());
                self.is_time(STEPS_APART, now).then_some(line)
            }
            Event::Resting { group, seconds } => Some(resting(group, *seconds)),
            Event::Moving { target, bytes, of } => {
                self.is_time(BYTES_APART, now).then(|| format!("{target}: {}", moved(*bytes, *of, None)))
            }
            _ => None,
        }
    }

    fn is_time(&mut self, apart: Duration, now: Instant) -> bool {
        let is_time = now.saturating_duration_since(self.last) >= apart;
        if is_time {
            self.last = now;
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_only_after_a_while() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut narration = Narration::new(begin);
        let sending = |command| Event::Sending { target: "pve1", command };
        assert_eq!(narration.line(&Event::Applying { target: "pve1", steps: 16 }, at(0)), None);
        assert_eq!(narration.line(&sending("vzctl create 555"), at(0)), None);
        assert_eq!(
            narration.line(&sending("vzctl start 555"), at(40)).as_deref(),
            Some("pve1 2/16: vzctl start 555")
        );
        assert_eq!(narration.line(&sending("vzctl exec2 555 true"), at(49)), None);
        let moving = Event::Moving { target: "pve1", bytes: 1 << 30, of: Some(5 << 30) };
        assert_eq!(narration.line(&moving, at(99)), None);
        assert_eq!(narration.line(&moving, at(100)).as_deref(), Some("pve1: 1.00 GiB of 5.00 GiB"));
        assert_eq!(narration.line(&moving, at(159)), None);
    }
}
