//! Changes by hand.

use super::WindowsHost;
use crate::random::Random;

impl WindowsHost {
    /// One change by hand of what our drivers could be told to own.
    pub fn drift(&mut self, random: &mut Random) {
        let _ = random;
    }

    /// Names of all objects that somebody made.
    pub(super) fn all_objects(&self) -> Vec<String> {
        self.adapters.iter().map(|adapter| format!("adapter {}", adapter.name)).collect()
    }
}
