//! Places in a run, named by what it does there: the same from one night to the next, whatever numbers the server gives.

use std::collections::BTreeMap;
use std::fmt;

use evenkeel_tests::soap_proxy::Call;

/// A call in a run: the how many'th since which write, itself the 0th.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// `CloneVM_Task of avocado2`; before the first one, nothing.
    pub(super) write: String,
    pub(super) calls: usize,
}

impl Place {
    /// So many calls after this method was called for a machine.
    pub(super) fn of(method: &str, machine: &str, calls: usize) -> Self {
        Place { write: format!("{method} of {machine}"), calls }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write = if self.write.is_empty() { "the start" } else { &self.write };
        write!(f, "{write} +{}", self.calls)
    }
}

/// How far a run has come.
#[derive(Debug)]
pub(super) struct Trail {
    here: Option<Place>,
    /// The machine that the latest write was for.
    machine: String,
    /// Which machine the virtual machines are, or are clones of, that were there before the run.
    of: BTreeMap<String, String>,
}

impl Trail {
    pub(super) fn new(of: BTreeMap<String, String>) -> Self {
        Trail { here: None, machine: String::new(), of }
    }

    /// The place of the next call.
    pub(super) fn at(&mut self, call: &Call) -> Place {
        let place = if is_write(&call.method) {
            // What is not known was made in this run just before, for the machine that it is about.
            self.machine = this(call).and_then(|id| self.of.get(id)).unwrap_or(&self.machine).clone();
            Place { write: format!("{} of {}", call.method, self.machine), calls: 0 }
        } else {
            match self.here.take() {
                Some(here) => Place { calls: here.calls + 1, ..here },
                None => Place { write: String::new(), calls: 1 },
            }
        };
        self.here = Some(place.clone());
        place
    }
}

/// True for a method that changes something in a vCenter.
pub(super) fn is_write(method: &str) -> bool {
    !method.starts_with("Retrieve")
        && !method.starts_with("Continue")
        && !matches!(method, "Login" | "Logout")
}

/// The identifier of the object that is called.
fn this(call: &Call) -> Option<&str> {
    let (_, rest) = call.body.split_once("<_this")?;
    let (_, rest) = rest.split_once('>')?;
    rest.split('<').next()
}
