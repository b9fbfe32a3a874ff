//! Stopping at a safe point.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A wish to stop. The step in flight ends and is verified; nothing more is sent.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicU8>);

/// Nothing more is sent.
const AFTER_THIS_STEP: u8 = 1;

/// And a transfer ends before its time, or a task of a vCenter: it may take hours, and leaves nothing half done.
const AND_TRANSFERS: u8 = 2;

impl Stop {
    /// Asks to stop, soon: a transfer in flight is ended, too.
    pub fn request(&self) {
        self.0.fetch_max(AND_TRANSFERS, Ordering::SeqCst);
    }

    /// Asks to stop once the step in flight is done, however long that takes.
    pub fn request_after_step(&self) {
        self.0.fetch_max(AFTER_THIS_STEP, Ordering::SeqCst);
    }

    /// True once asked.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= AFTER_THIS_STEP
    }

    /// True once a transfer shall end, too.
    pub fn ends_transfers(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= AND_TRANSFERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_stop_soon_is_not_taken_back_by_one_that_can_wait() {
        let stop = Stop::default();
        assert!(!stop.is_requested());
        stop.request_after_step();
        assert!(stop.is_requested() && !stop.ends_transfers());
        stop.request();
        stop.request_after_step();
        assert!(stop.clone().ends_transfers());
    }
}
