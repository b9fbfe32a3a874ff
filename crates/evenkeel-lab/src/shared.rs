//! A machine that a test holds on to while a transport plays it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel_core::request::{Reply, Request};

use crate::machine::Machine;
use crate::random::Random;

/// A handle to a machine; clones are handles to the same, and [`Machine::copy`] is another machine.
#[derive(Debug)]
pub struct Shared<M>(Arc<Mutex<M>>);

impl<M> Shared<M> {
    /// A handle to this machine.
    pub fn new(machine: M) -> Self {
        Shared(Arc::new(Mutex::new(machine)))
    }

    /// The machine, to look at or to change.
    pub fn lock(&self) -> MutexGuard<'_, M> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Clone for Shared<M> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<M: Machine> Machine for Shared<M> {
    fn run(&mut self, argv: &[String]) -> Reply {
        Machine::run(&mut *self.lock(), argv)
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        self.lock().answer(target, request)
    }

    fn answer_in_part(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.lock().answer_in_part(target, request, random);
    }

    fn answer_and_restart(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.lock().answer_and_restart(target, request, random);
    }

    fn answer_failing(&mut self, target: &str, request: &Request) -> Reply {
        self.lock().answer_failing(target, request)
    }

    fn identity(&self) -> u64 {
        Machine::identity(&*self.lock())
    }

    fn slow_down(&mut self, seconds: u64) {
        Machine::slow_down(&mut *self.lock(), seconds);
    }

    fn is_reachable(&self) -> bool {
        Machine::is_reachable(&*self.lock())
    }

    fn pass(&mut self) {
        Machine::pass(&mut *self.lock());
    }

    fn beside(&self) -> Vec<String> {
        Machine::beside(&*self.lock())
    }

    fn fingerprint(&self) -> u64 {
        Machine::fingerprint(&*self.lock())
    }

    fn drift(&mut self, random: &mut Random) {
        Machine::drift(&mut *self.lock(), random);
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        Machine::objects(&*self.lock())
    }

    fn copy(&self) -> Box<dyn Machine> {
        self.lock().copy()
    }
}
