//! What is due when.

use std::collections::{BTreeMap, BTreeSet};

use super::lanes::Place;
use super::rank::Rank;
use super::time::Moment;
use super::words::{Ended, JobId};
use crate::controller::Trigger;
use crate::store::ResourceKey;

/// A resource, by number: names are long to compare. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(u64);

/// A resource and what is known of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: ResourceKey,
    pub(super) place: Place,
    pub(super) interval: Moment,
    pub(super) depends_on: Vec<ResourceKey>,
    pub(super) suspended: bool,
    pub(super) when: When,
    /// What woke it, or will.
    pub(super) trigger: Trigger,
    /// How often in a row it failed.
    pub(super) failures: u32,
    /// For how long it is left alone since its last failure; nought where nothing failed.
    pub(super) backoff: Moment,
    /// How often in a row something was sent.
    pub(super) changes: u32,
    /// How often in a row it was stopped before its turn.
    pub(super) stops: u32,
    pub(super) last: Option<Ended>,
    pub(super) ready: bool,
    /// What woke it while it ran.
    pub(super) pending: Option<Pending>,
}

/// Where a resource is in its round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Due at `at`; from `from` on, a job at its place takes it along. `seq` keeps the order among equals.
    Later { at: Moment, from: Moment, seq: u64 },
    /// Due since `since`.
    Due { rank: Rank, since: Moment, seq: u64 },
    /// In this job.
    Running(JobId),
    /// Suspended.
    Off,
}

/// What woke a resource while it ran.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) trigger: Trigger,
    pub(super) at: Moment,
    /// Its manifest changed, so that what the run finds says nothing about the new one.
    pub(super) renewed: bool,
}

/// All resources, by when they are due.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    ids: BTreeMap<ResourceKey, Id>,
    entries: BTreeMap<Id, Entry>,
    boards: BTreeMap<Place, Board>,
    timeline: BTreeSet<(Moment, u64, Id)>,
    dependents: BTreeMap<ResourceKey, BTreeSet<Id>>,
    last_id: u64,
    seq: u64,
}

/// What there is at one place.
#[derive(Debug, Default)]
struct Board {
    ids: BTreeSet<Id>,
    due: BTreeSet<(Rank, Id)>,
    soon: BTreeSet<(Moment, Id)>,
    /// Jobs that ended here.
    turns: u64,
}

impl Agenda {
    /// Its number, where it is known.
    pub(super) fn id(&self, key: &ResourceKey) -> Option<Id> {
        self.ids.get(key).copied()
    }

    pub(super) fn get(&self, id: Id) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Entry> {
        self.entries.get_mut(&id)
    }

    /// A new resource, which is `Off`.
    pub(super) fn insert(&mut self, entry: Entry) -> Id {
        self.last_id += 1;
        let id = Id(self.last_id);
        self.boards.entry(entry.place.clone()).or_default().ids.insert(id);
        self.ids.insert(entry.key.clone(), id);
        self.entries.insert(id, entry);
        id
    }

    /// Says what it depends on.
    pub(super) fn depend(&mut self, id: Id, on: Vec<ResourceKey>) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.depends_on != on) else { return };
        for dependency in &on {
            self.dependents.entry(dependency.clone()).or_default().insert(id);
        }
        let before = std::mem::replace(&mut entry.depends_on, on);
        let gone: Vec<ResourceKey> = before.into_iter().filter(|d| !entry.depends_on.contains(d)).collect();
        self.release(id, &gone);
    }

    fn release(&mut self, id: Id, dependencies: &[ResourceKey]) {
        for dependency in dependencies {
            let Some(dependents) = self.dependents.get_mut(dependency) else { continue };
            dependents.remove(&id);
            if dependents.is_empty() {
                self.dependents.remove(dependency);
            }
        }
    }

    /// What depends on `key`.
    pub(super) fn dependents(&self, key: &ResourceKey) -> Vec<Id> {
        self.dependents.get(key).into_iter().flatten().copied().collect()
    }

    /// Takes it out for good. Gives its place, and whether nothing is left there.
    pub(super) fn remove(&mut self, key: &ResourceKey) -> Option<(Place, bool)> {
        let id = self.ids.remove(key)?;
        self.detach(id, When::Off);
        let entry = self.entries.remove(&id)?;
        self.release(id, &entry.depends_on);
        let board = self.boards.get_mut(&entry.place)?;
        board.ids.remove(&id);
        let left = board.ids.is_empty();
        if left {
            self.boards.remove(&entry.place);
        }
        Some((entry.place, left))
    }

    /// Due at `at`, woken by `trigger`; a job at its place takes it along up to `slack` earlier.
    pub(super) fn later(&mut self, id: Id, at: Moment, slack: Moment, trigger: Trigger) {
        self.seq += 1;
        let (seq, from) = (self.seq, at.saturating_sub(slack));
        let Some((entry, board)) = self.detach(id, When::Later { at, from, seq }) else { return };
        entry.trigger = trigger;
        board.soon.insert((from, id));
        self.timeline.insert((at, seq, id));
    }

    /// Suspended.
    pub(super) fn off(&mut self, id: Id) {
        self.detach(id, When::Off);
    }

    /// `trigger` woke it as well: it may become more urgent.
    pub(super) fn raise(&mut self, id: Id, trigger: Trigger) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.trigger < trigger) else { return };
        entry.trigger = trigger;
        if let When::Due { since, seq, .. } = entry.when {
            self.due(id, trigger, since, seq);
        }
    }

    fn due(&mut self, id: Id, trigger: Trigger, since: Moment, seq: u64) {
        let rank = Rank::new(trigger, since, seq);
        if let Some((_, board)) = self.detach(id, When::Due { rank, since, seq }) {
            board.due.insert((rank, id));
        }
    }

    /// Takes it off every list, to be `when` from now on.
    fn detach(&mut self, id: Id, when: When) -> Option<(&mut Entry, &mut Board)> {
        let entry = self.entries.get_mut(&id)?;
        let board = self.boards.get_mut(&entry.place)?;
        match std::mem::replace(&mut entry.when, when) {
            When::Later { at, from, seq } => {
                board.soon.remove(&(from, id));
                self.timeline.remove(&(at, seq, id));
            }
            When::Due { rank, .. } => {
                board.due.remove(&(rank, id));
            }
            When::Running(_) | When::Off => {}
        }
        Some((entry, board))
    }

    /// What is due by now becomes so. Gives the places where something did.
    pub(super) fn advance(&mut self, now: Moment) -> BTreeSet<Place> {
        let mut places = BTreeSet::new();
        while let Some((_, _, id)) = self.timeline.first().filter(|(at, _, _)| *at <= now).copied() {
            let Some(trigger) = self.entries.get(&id).map(|entry| entry.trigger) else { break };
            self.seq += 1;
            self.due(id, trigger, now, self.seq);
            places.extend(self.entries.get(&id).map(|entry| entry.place.clone()));
        }
        places
    }

    /// When [`Agenda::advance`] has something to do.
    pub(super) fn next(&self) -> Option<Moment> {
        self.timeline.first().map(|(at, _, _)| *at)
    }

    /// The best rank of what is due at a place.
    pub(super) fn best(&self, place: &Place) -> Option<Rank> {
        self.boards.get(place)?.due.first().map(|(rank, _)| *rank)
    }

    /// What is due at a place, and what will be before long, goes into a job. Gives it with what woke it.
    pub(super) fn take(&mut self, place: &Place, job: JobId, now: Moment) -> Vec<(Id, Trigger)> {
        let Some(board) = self.boards.get(place) else { return Vec::new() };
        let due = board.due.iter().map(|(_, id)| *id);
        let soon = board.soon.iter().take_while(|(from, _)| *from <= now).map(|(_, id)| *id);
        let ids: Vec<Id> = due.chain(soon).collect();
        let mut taken = Vec::with_capacity(ids.len());
        for id in ids {
            taken.extend(self.detach(id, When::Running(job)).map(|(entry, _)| (id, entry.trigger)));
        }
        taken
    }

    /// One more job has ended at a place; gives how many before.
    pub(super) fn turn(&mut self, place: &Place) -> u64 {
        let Some(board) = self.boards.get_mut(place) else { return 0 };
        board.turns += 1;
        board.turns - 1
    }

    /// Every resource at a place.
    pub(super) fn ids_at(&self, place: &Place) -> Vec<Id> {
        self.boards.get(place).into_iter().flat_map(|board| &board.ids).copied().collect()
    }

    /// Every resource.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}
