//! What every simulated machine can do.

use evenkeel_core::request::Reply;

use crate::random::Random;
use crate::zfs::ZfsHost;

/// A machine in memory that answers commands as the real one does.
pub trait Machine: Send {
    /// Runs a command line.
    fn run(&mut self, argv: &[String]) -> Reply;

    /// A number that is equal for equal states, clocks and counters included.
    fn fingerprint(&self) -> u64;

    /// One random change by hand.
    fn drift(&mut self, random: &mut Random);

    /// The names of all objects, whoever made them.
    fn objects(&self) -> Vec<String>;

    /// A machine in the same state.
    fn copy(&self) -> Box<dyn Machine>;
}

impl Machine for ZfsHost {
    fn run(&mut self, argv: &[String]) -> Reply {
        ZfsHost::run(self, argv)
    }

    fn fingerprint(&self) -> u64 {
        ZfsHost::fingerprint(self)
    }

    fn drift(&mut self, random: &mut Random) {
        ZfsHost::drift(self, random);
    }

    fn objects(&self) -> Vec<String> {
        self.datasets().keys().cloned().collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
