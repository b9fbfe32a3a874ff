//! A schedule's snapshots in normal form.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::Zone;
use serde::Serialize;

use super::send::{Shipping, Token};
use super::side::{Side, Slots, Verdict};

/// The snapshots of one schedule.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ZfsSnapshotState {
    /// By slot: the datasets that have a snapshot for it, by their names below the schedule's (`.` for itself).
    pub generations: Generations,
    /// What is on the other side; not there where nothing is sent, or the other side does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica: Option<ReplicaState>,
    /// Everything else that was seen.
    #[serde(skip)]
    pub(super) seen: Option<Seen>,
    /// What is to be done, where this is what is wanted.
    #[serde(skip)]
    pub(super) todo: Todo,
}

/// Datasets by slot.
pub type Generations = BTreeMap<String, Option<BTreeSet<String>>>;

/// What was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplicaState {
    /// By slot: the datasets whose snapshot for it arrived whole.
    pub generations: Generations,
    /// By slot: the datasets that remember it by a bookmark, so that the next send can begin there.
    pub bookmarks: Generations,
    /// Receives that are half done: their snapshots' names by dataset.
    pub unfinished: BTreeMap<String, Option<String>>,
}

/// What was seen of the world besides.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) zone: Zone,
    pub(super) source: Side,
    pub(super) replica: Option<Replica>,
}

/// The other side.
#[derive(Debug, Clone)]
pub(super) enum Replica {
    /// Why nothing is known of it.
    Unknown(String),
    Known {
        side: Side,
        /// Of receives that are half done, by dataset.
        tokens: BTreeMap<String, Token>,
    },
}

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub(super) struct Todo {
    /// The slot to make, and the datasets that lack it.
    pub(super) make: Option<(String, BTreeSet<String>)>,
    /// A snapshot of somebody else that has the name.
    pub(super) taken: Option<String>,
    pub(super) source: Verdict,
    /// What goes here once something newer is on the other side.
    pub(super) later: Slots,
    pub(super) shipping: Shipping,
    pub(super) replica: Verdict,
    /// What arrives there only to be gone on from: no rule keeps it.
    pub(super) passing: Slots,
}

/// As they are in a State.
pub(super) fn generations(slots: Slots) -> Generations {
    slots.into_iter().map(|(slot, datasets)| (slot, Some(datasets))).collect()
}
