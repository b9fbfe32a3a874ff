//! What a person can ask of a schedule besides reconciling it: make a copy now, only prune, check, restore.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Generation, Step};
use crate::request::{Digest, Query};

/// A wish that holds for one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// A copy now, whatever the schedule says: its slot is this time. Nothing is removed.
    Run(Timestamp),
    /// Nothing is made; what no rule keeps is removed.
    Prune,
}

/// A copy to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The copy.
    pub generation: Generation,
    /// What to read. The reply of a [`crate::request::FileRequest::Digest`] is compared with `expected`; of any other
    /// query only the exit status counts.
    pub query: Query,
    /// What it held when it was made.
    pub expected: Option<Digest>,
}

/// The copies to read again, as far as it is known where copies are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verifications {
    /// Those in the stores that answered.
    pub copies: Vec<Verification>,
    /// The stores that did not, each with why.
    pub unread: Vec<String>,
}

/// What to restore, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// What was copied: a guest's id, a dataset. `None`: the only one.
    pub item: Option<String>,
    /// The slot. `None`: the newest that is verified.
    pub slot: Option<Timestamp>,
    /// The store, as [`Generation::store`] names it or only its target. `None`: the first that has it.
    pub store: Option<String>,
    /// What it shall be called when it is back: another guest's id, another dataset. `None`: a driver's own default,
    /// which never is in the way of what is there.
    pub to: Option<String>,
    /// The folder on the host where an archive is put. `None`: where the host's own tool looks.
    pub folder: Option<String>,
    /// Options of the driver, by name.
    pub options: BTreeMap<String, String>,
}

/// How a copy comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// The copy.
    pub generation: Generation,
    /// Brings it to where the host's own tool can use it, checked; in order.
    pub fetch: Vec<Step>,
    /// What makes use of it: the host's own command, or calls of its interface; in order.
    pub work: Vec<Step>,
    /// What to know before that is run.
    pub notes: Vec<String>,
}

impl Restoration {
    /// What makes use of it, as a person would type it: a line each.
    pub fn command(&self) -> String {
        self.work.iter().map(|step| step.request.display()).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Fate;
    use super::*;
    use crate::request::{Exec, Request};

    #[test]
    fn what_makes_use_of_a_copy_is_a_line_for_each_step() {
        let step = |words: &[&str]| Step::new(Request::Exec(Exec::new(words.iter().copied())));
        let generation = Generation {
            store: "s".to_owned(),
            slot: Timestamp::UNIX_EPOCH,
            item: "a".to_owned(),
            name: "a-1".to_owned(),
            bytes: None,
            verified: true,
            fate: Fate::Expired,
        };
        let work = vec![step(&["clone", "a"]), step(&["rename", "a b"])];
        let restoration = Restoration { generation, fetch: Vec::new(), work, notes: Vec::new() };
        assert_eq!(restoration.command(), "clone a\nrename 'a b'");
    }
}
