//! The snapshots of one schedule on one machine, and which of them go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::backup::{Decision, Member, Retention, slot_name, slot_of};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::listing::{Dataset, Listing, Snapshot, full};
use super::spec::ZfsSnapshotSpec;

/// Datasets (relative names) by slot.
pub(super) type Slots = BTreeMap<String, BTreeSet<String>>;

/// A root dataset and what is below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Side {
    pub(super) listing: Arc<Listing>,
    pub(super) root: String,
    pub(super) recursive: bool,
    /// Of each dataset that is not left out, by relative name: the places of the schedule's own snapshots, by slot.
    ours: BTreeMap<String, BTreeMap<String, usize>>,
    /// Snapshots that are called as ours are and carry no mark that fits.
    pub(super) strangers: Vec<String>,
}

/// What becomes of the snapshots.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Verdict {
    /// What goes.
    pub(super) remove: Slots,
    /// What no rule keeps and something else still needs.
    pub(super) needed: Slots,
    /// What would not be kept if it came.
    pub(super) unwelcome: Slots,
    /// Why a slot stays, in the words for the first dataset that keeps it.
    pub(super) reasons: BTreeMap<String, Vec<String>>,
    /// Why a person should look first.
    pub(super) alarm: Option<String>,
}

/// Why snapshots stay whatever the rules say: by dataset, then slot.
pub(super) type Protected = BTreeMap<String, BTreeMap<String, String>>;

/// What there shall be a copy of, and for which slot at least.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'s> {
    /// The newest slot there is, whether it has begun, is still made up for, or not. `None`: no slot yet.
    pub(super) latest: Option<Timestamp>,
    /// The side whose datasets are copied.
    pub(super) source: &'s Side,
}

impl Expected<'_> {
    /// True for a dataset that shall be copied and lacks its newest copy. `newest` is the newest that there will be.
    fn is_behind(&self, relative: &str, newest: Option<Timestamp>) -> bool {
        let is_older = |latest| newest.is_none_or(|newest| newest < latest);
        self.source.ours.contains_key(relative) && self.latest.is_some_and(is_older)
    }
}

/// What stays of a dataset whatever the rules say.
#[derive(Debug, Clone, Copy)]
enum Stay<'a> {
    /// All that is there.
    All,
    /// Slots, with the reasons.
    These(&'a BTreeMap<String, String>),
}

impl Side {
    pub(super) fn of(spec: &ZfsSnapshotSpec, listing: Arc<Listing>, root: &str) -> Self {
        let recursive = spec.zfs_snapshot.recursive;
        let (mut ours, mut strangers) = (BTreeMap::new(), Vec::new());
        for (relative, dataset) in listing.tree(root, recursive) {
            if spec.leaves_out(relative) {
                continue;
            }
            let own: &mut BTreeMap<String, usize> = ours.entry(relative.to_owned()).or_default();
            for (at, snapshot) in dataset.snapshots.iter().enumerate() {
                let Some(slot) = spec.slot_in(&snapshot.name) else { continue };
                if is_marked(snapshot, root) {
                    own.insert(slot.to_owned(), at);
                } else {
                    strangers.push(format!("{}@{}", full(root, relative), snapshot.name));
                }
            }
        }
        Side { listing, root: root.to_owned(), recursive, ours, strangers }
    }

    /// Its datasets by relative name, without those left out.
    pub(super) fn datasets(&self) -> impl Iterator<Item = (&str, &Dataset)> {
        self.ours.keys().filter_map(|relative| Some((relative.as_str(), self.dataset(relative)?)))
    }

    pub(super) fn dataset(&self, relative: &str) -> Option<&Dataset> {
        self.listing.get(&full(&self.root, relative))
    }

    /// The schedule's own snapshots of a dataset, by slot.
    pub(super) fn ours(&self, relative: &str) -> impl DoubleEndedIterator<Item = (&str, &Snapshot)> {
        let snapshots = self.dataset(relative).map(|d| d.snapshots.as_slice()).unwrap_or_default();
        let own = self.ours.get(relative).into_iter().flatten();
        own.filter_map(|(slot, at)| Some((slot.as_str(), snapshots.get(*at)?)))
    }

    /// The schedule's own snapshot of a dataset for a slot.
    pub(super) fn our(&self, relative: &str, slot: &str) -> Option<&Snapshot> {
        self.dataset(relative)?.snapshots.get(*self.ours.get(relative)?.get(slot)?)
    }

    /// Which datasets have which slots.
    pub(super) fn slots(&self) -> Slots {
        let mut slots = Slots::new();
        for (relative, own) in &self.ours {
            for slot in own.keys() {
                slots.entry(slot.clone()).or_default().insert(relative.clone());
            }
        }
        slots
    }

    /// The transaction in which a slot's first snapshot was made.
    fn made(&self, slot: &str) -> Option<u64> {
        self.ours.keys().filter_map(|relative| self.our(relative, slot)).map(|snapshot| snapshot.txg).min()
    }

    /// The datasets that should have a slot: all that were there when it was made.
    pub(super) fn due(&self, slot: &str) -> BTreeSet<String> {
        let made = self.made(slot).unwrap_or(u64::MAX);
        self.datasets()
            .filter(|(_, dataset)| dataset.txg < made)
            .map(|(relative, _)| relative.to_owned())
            .collect()
    }

    /// The newest slot that all its datasets have.
    pub(super) fn newest_whole(&self) -> Option<Timestamp> {
        let slots = self.slots();
        let whole = slots.iter().rev().find(|(slot, have)| self.due(slot).is_subset(have));
        slot_of(whole?.0)
    }

    /// Decides for each dataset by itself, so that what comes and goes below the root changes nothing for the others.
    /// `coming` will be there as well.
    ///
    /// Time goes on while copies fail, and rules such as `keepWithin` would clear away the last good ones one after the
    /// other. So nothing goes of a dataset that is behind what is `expected`.
    pub(super) fn judge(
        &self,
        retention: &Retention,
        coming: &Slots,
        protected: &Protected,
        expected: Expected<'_>,
        (now, zone): (Timestamp, &TimeZone),
    ) -> Verdict {
        let (mut verdict, nothing) = (Verdict::default(), BTreeMap::new());
        let mut last: Option<(Vec<Member>, Decision)> = None;
        let arriving = coming.values().flatten().cloned();
        let all: BTreeSet<String> = self.ours.keys().cloned().chain(arriving).collect();
        for relative in &all {
            let members = self.members(relative, coming);
            let decision = match last.take() {
                Some((before, decision)) if before == members => decision,
                _ => retention.decide(&members, now, zone),
            };
            let newest = members.iter().map(|member| member.at).filter(|at| *at <= now).max();
            let stay = if expected.is_behind(relative, newest) {
                Stay::All
            } else {
                Stay::These(protected.get(relative).unwrap_or(&nothing))
            };
            self.note((relative, stay), &members, &decision, &mut verdict);
            last = Some((members, decision));
        }
        verdict
    }

    fn members(&self, relative: &str, coming: &Slots) -> Vec<Member> {
        let member = |slot: &str, protected| {
            Some(Member { at: slot_of(slot)?, verified: true, protected, tags: BTreeSet::new() })
        };
        let there = self.ours(relative).filter_map(|(slot, snapshot)| {
            let clones = || snapshot.clones.as_ref().map(|clones| format!("cloned as {clones}"));
            let held = snapshot.is_held.then(|| "held by zfs hold".to_owned());
            member(slot, held.or_else(clones))
        });
        let is_new = |slot: &str| self.our(relative, slot).is_none();
        let come = coming.iter().filter(|(slot, to)| to.contains(relative) && is_new(slot));
        there.chain(come.filter_map(|(slot, _)| member(slot, None))).collect()
    }

    /// What `stay` tells counts for the rules like any other, but does not go.
    fn note(
        &self,
        (relative, stay): (&str, Stay<'_>),
        members: &[Member],
        decision: &Decision,
        verdict: &mut Verdict,
    ) {
        for member in members {
            let slot = slot_name(member.at);
            let goes = decision.remove.contains(&member.at);
            let there = self.our(relative, &slot).is_some();
            let needed = match stay {
                Stay::These(slots) => slots.get(&slot),
                Stay::All => None,
            };
            let reasons = match (goes, there, needed) {
                (false, ..) => decision.keep.get(&member.at).cloned().unwrap_or_default(),
                (true, true, _) if matches!(stay, Stay::All) => vec!["until there is a new one".to_owned()],
                (true, true, Some(why)) => {
                    verdict.needed.entry(slot.clone()).or_default().insert(relative.to_owned());
                    vec![why.clone()]
                }
                _ => {
                    let list = if there { &mut verdict.remove } else { &mut verdict.unwelcome };
                    list.entry(slot).or_default().insert(relative.to_owned());
                    continue;
                }
            };
            verdict.reasons.entry(slot).or_insert(reasons);
        }
        if verdict.alarm.is_none() && !matches!(stay, Stay::All) {
            verdict.alarm =
                decision.alarm.as_ref().map(|alarm| format!("{}: {alarm}", full(&self.root, relative)));
        }
    }
}

/// True where the mark says that the snapshot was made for a schedule of `root`, under the name that it has.
fn is_marked(snapshot: &Snapshot, root: &str) -> bool {
    let named = snapshot.slot.as_deref().and_then(|slot| slot.strip_prefix(root)?.strip_prefix('@'));
    snapshot.owner.is_some() && named == Some(snapshot.name.as_str())
}
