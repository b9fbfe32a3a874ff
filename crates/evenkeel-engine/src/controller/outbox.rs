//! What is to be written down, in the order in which it happened.

use std::collections::{BTreeSet, VecDeque};

use crate::store::{Batch, InventoryEntry, ResourceStatus};

/// While the store takes nothing, so many events and observed states are kept; beyond that the oldest are lost.
const KEPT: usize = 10_000;

/// Batches that the store has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Batch>,
    /// How many batches were ever put here.
    count: u64,
}

impl Outbox {
    /// Adds what happened last.
    pub(super) fn put(&mut self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        self.count += 1;
        // One batch holds one run: so all others melt together, and a store that fails for long costs no memory.
        match self.waiting.back_mut() {
            Some(last) if last.run.is_none() || batch.run.is_none() => merge(last, batch),
            _ => self.waiting.push_back(batch),
        }
    }

    /// How many batches were ever put here: what was put until now is written when as many are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Everything that waits.
    pub(super) fn take(&mut self) -> VecDeque<Batch> {
        std::mem::take(&mut self.waiting)
    }

    /// Puts back what the store did not take, before what came since.
    pub(super) fn put_back(&mut self, mut older: VecDeque<Batch>) {
        let newer = std::mem::take(&mut self.waiting);
        for batch in newer {
            match older.back_mut() {
                Some(last) if last.run.is_none() || batch.run.is_none() => merge(last, batch),
                _ => older.push_back(batch),
            }
        }
        self.waiting = older;
    }
}

/// Makes `batch` say what it and then `later` say. At most one of them has a run.
fn merge(batch: &mut Batch, later: Batch) {
    batch.run = batch.run.take().or(later.run);
    let status = |row: &ResourceStatus| row.key.clone();
    lay_over((&mut batch.resources, &mut batch.gone), (later.resources, later.gone), status);
    let entry = |row: &InventoryEntry| row.key.clone();
    lay_over((&mut batch.inventory, &mut batch.released), (later.inventory, later.released), entry);
    let source = |row: &crate::store::SourceStatus| row.name.clone();
    lay_over((&mut batch.sources, &mut Vec::new()), (later.sources, later.gone_sources.clone()), source);
    let snapshot = |row: &(String, crate::source::Snapshot)| row.0.clone();
    lay_over(
        (&mut batch.snapshots, &mut batch.gone_sources),
        (later.snapshots, later.gone_sources),
        snapshot,
    );
    let approval = |row: &crate::store::ApprovalRecord| (row.key.clone(), row.plan.clone(), row.since);
    lay_over((&mut batch.approvals, &mut Vec::new()), (later.approvals, Vec::new()), approval);
    append(&mut batch.observations, later.observations);
    append(&mut batch.events, later.events);
    // Of these none is lost: while the store takes nothing, nothing is sent, and so few come.
    batch.audit.extend(later.audit);
}

/// Rows and removals, and then others. Removals go first where both are in one batch.
fn lay_over<R, K: Ord + Clone>(
    (rows, gone): (&mut Vec<R>, &mut Vec<K>),
    (later, later_gone): (Vec<R>, Vec<K>),
    key: impl Fn(&R) -> K,
) {
    let replaced: BTreeSet<K> = later.iter().map(&key).chain(later_gone.iter().cloned()).collect();
    if !rows.is_empty() {
        rows.retain(|row| !replaced.contains(&key(row)));
    }
    rows.extend(later);
    let known: BTreeSet<K> = gone.iter().cloned().collect();
    gone.extend(later_gone.into_iter().filter(|key| !known.contains(key)));
}

fn append<R>(rows: &mut Vec<R>, later: Vec<R>) {
    rows.extend(later);
    let over = rows.len().saturating_sub(KEPT);
    rows.drain(..over);
}

#[cfg(test)]
mod tests {
    use evenkeel_core::plan::InstanceId;
    use jiff::Timestamp;

    use super::*;
    use crate::store::{InventoryState, NewEvent, ResourceKey, Weight};

    fn key(name: &str) -> ResourceKey {
        let id = InstanceId { target: "t".into(), kind: "K".into(), name: name.into() };
        ResourceKey { source: "s".into(), id }
    }

    fn entry(name: &str, object: &str) -> InventoryEntry {
        let (since, state) = (Timestamp::UNIX_EPOCH, InventoryState::Managed);
        InventoryEntry { key: key(name), object: object.into(), since, state }
    }

    fn event(message: &str) -> NewEvent {
        super::super::state::about_source(
            "s",
            Timestamp::UNIX_EPOCH,
            Weight::Normal,
            "R",
            message.into(),
            None,
        )
    }

    #[test]
    fn the_last_word_on_each_row_counts() {
        let mut outbox = Outbox::default();
        let first = vec![entry("a", "1"), entry("b", "1"), entry("c", "1")];
        outbox.put(Batch { inventory: first, events: vec![event("1")], ..Batch::default() });
        let (inventory, released) = (vec![entry("a", "2")], vec![key("b")]);
        outbox.put(Batch { inventory, released, events: vec![event("2")], ..Batch::default() });
        outbox.put(Batch { inventory: vec![entry("b", "3")], ..Batch::default() });
        outbox.put(Batch::default());
        assert_eq!(outbox.count(), 3);
        let batches = outbox.take();
        assert_eq!(batches.len(), 1);
        let batch = &batches[0];
        assert_eq!(batch.inventory, [entry("c", "1"), entry("a", "2"), entry("b", "3")]);
        assert_eq!(batch.released, [key("b")], "removed, and then written anew");
        assert_eq!(batch.events.len(), 2);
    }

    #[test]
    fn a_store_that_fails_for_long_costs_no_memory() {
        let mut outbox = Outbox::default();
        for nth in 0..3 * KEPT {
            let (inventory, events) = (vec![entry("a", "1")], vec![event(&nth.to_string())]);
            outbox.put(Batch { inventory, events, ..Batch::default() });
            if nth % 1000 == 0 {
                let taken = outbox.take();
                outbox.put_back(taken);
            }
        }
        let batches = outbox.take();
        assert_eq!((batches.len(), batches[0].inventory.len(), batches[0].events.len()), (1, 1, KEPT));
        assert_eq!(batches[0].events.last().unwrap().message, (3 * KEPT - 1).to_string());
    }
}
