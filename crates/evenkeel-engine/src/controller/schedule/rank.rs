//! Who comes first.

use super::pace::SECOND;
use super::time::Moment;
use crate::controller::Trigger;

/// A place in the queue; the smallest comes first.
///
/// Urgency is a head start in time: a push goes before what has waited up to five minutes longer. So among equals the
/// first to come is the first to go, and whoever waits rises past the more urgent ones that come later, level by
/// level: nothing starves, and nobody needs to be moved while they wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    turn: Moment,
    seq: u64,
}

impl Rank {
    /// The rank of what `trigger` woke and what waits since `since`, as the `seq`th of all.
    pub(super) fn new(trigger: Trigger, since: Moment, seq: u64) -> Self {
        Rank { turn: since.saturating_sub(head_start(trigger)), seq }
    }
}

fn head_start(trigger: Trigger) -> Moment {
    match trigger {
        Trigger::Periodic => 0,
        Trigger::Retry => 60 * SECOND,
        Trigger::Dependency => 120 * SECOND,
        Trigger::Push => 300 * SECOND,
        Trigger::Operator => 900 * SECOND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgency_goes_first_then_age() {
        let levels =
            [Trigger::Operator, Trigger::Push, Trigger::Dependency, Trigger::Retry, Trigger::Periodic];
        assert!(levels.map(|level| Rank::new(level, 0, 0)).is_sorted());
        assert!(Rank::new(Trigger::Push, 0, 1) < Rank::new(Trigger::Push, 0, 2));
        assert!(Rank::new(Trigger::Periodic, 0, 9) < Rank::new(Trigger::Retry, 61 * SECOND, 1));
        assert!(Rank::new(Trigger::Periodic, 0, 9) > Rank::new(Trigger::Retry, 59 * SECOND, 10));
    }
}
