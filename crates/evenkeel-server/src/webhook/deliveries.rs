//! The memory of deliveries that already came.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// So many marks are remembered for each webhook. A delivery leaves two at most.
const MOST: usize = 4096;

/// What a delivery is known again by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Mark([u8; 32]);

impl Mark {
    /// The mark of something that came in parts; `what` tells apart things of different kinds.
    pub(crate) fn new(what: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(what.as_bytes());
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Mark(hash.finalize().into())
    }
}

/// The deliveries that came of late, by webhook.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<HashMap<String, Seen>>);

#[derive(Debug, Default)]
struct Seen {
    marks: HashSet<Mark>,
    order: VecDeque<Mark>,
}

impl Deliveries {
    /// True where none of the marks was seen before. They are from now on.
    pub(crate) fn is_new(&self, webhook: &str, marks: &[Mark]) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(webhook.to_owned()).or_default();
        let mut new = true;
        for mark in marks {
            if !seen.marks.insert(*mark) {
                new = false;
                continue;
            }
            seen.order.push_back(*mark);
            if seen.order.len() > MOST
                && let Some(oldest) = seen.order.pop_front()
            {
                seen.marks.remove(&oldest);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_known_again_by_either_mark_and_memory_is_bounded() {
        let deliveries = Deliveries::default();
        let (id, body) = (Mark::new("id", &[b"1"]), Mark::new("body", &[b"1"]));
        assert_ne!(id, body);
        assert!(deliveries.is_new("a", &[id, body]));
        assert!(!deliveries.is_new("a", &[id, Mark::new("body", &[b"2"])]));
        assert!(!deliveries.is_new("a", &[Mark::new("id", &[b"2"]), body]));
        assert!(deliveries.is_new("b", &[id, body]), "another webhook");
        for n in 0..MOST {
            assert!(deliveries.is_new("a", &[Mark::new("id", &[b"many", &n.to_be_bytes()])]));
        }
        let all = deliveries.0.lock().unwrap();
        assert_eq!((all["a"].marks.len(), all["a"].order.len()), (MOST, MOST));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(Mark::new("x", &[b"ab", b"c"]), Mark::new("x", &[b"a", b"bc"]));
    }
}
