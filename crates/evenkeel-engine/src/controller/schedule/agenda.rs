//! What is due when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lanes::Place;
use super::rank::Rank;
use super::time::Moment;
use super::words::{Ended, JobId};
use crate::controller::Trigger;
use crate::store::ResourceKey;

/// A resource, by name.
pub(super) type Key = Arc<ResourceKey>;

/// A resource and what is known of it.
#[derive(Debug)]
pub(super) struct Entry {
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
    entries: BTreeMap<Key, Entry>,
    boards: BTreeMap<Place, Board>,
    timeline: BTreeSet<(Moment, u64, Key)>,
    dependents: BTreeMap<ResourceKey, BTreeSet<Key>>,
    seq: u64,
}

/// What there is at one place.
#[derive(Debug, Default)]
struct Board {
    keys: BTreeSet<Key>,
    due: BTreeSet<(Rank, Key)>,
    soon: BTreeSet<(Moment, Key)>,
    /// Jobs that ended here.
    turns: u64,
}

impl Agenda {
    pub(super) fn get(&self, key: &ResourceKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &ResourceKey) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    /// A new resource, which is `Off`.
    pub(super) fn insert(&mut self, key: &ResourceKey, entry: Entry) {
        let key = Arc::new(key.clone());
        self.boards.entry(entry.place.clone()).or_default().keys.insert(Arc::clone(&key));
        self.entries.insert(key, entry);
    }

    /// Says what `key` depends on.
    pub(super) fn depend(&mut self, key: &ResourceKey, on: Vec<ResourceKey>) {
        let Some((name, entry)) = self.entries.get_key_value(key) else { return };
        if entry.depends_on == on {
            return;
        }
        let name = Arc::clone(name);
        for dependency in &on {
            self.dependents.entry(dependency.clone()).or_default().insert(Arc::clone(&name));
        }
        let Some(entry) = self.entries.get_mut(key) else { return };
        let before = std::mem::replace(&mut entry.depends_on, on);
        let gone: Vec<ResourceKey> = before.into_iter().filter(|d| !entry.depends_on.contains(d)).collect();
        self.release(key, &gone);
    }

    fn release(&mut self, key: &ResourceKey, dependencies: &[ResourceKey]) {
        for dependency in dependencies {
            let Some(dependents) = self.dependents.get_mut(dependency) else { continue };
            dependents.remove(key);
            if dependents.is_empty() {
                self.dependents.remove(dependency);
            }
        }
    }

    /// What depends on `key`.
    pub(super) fn dependents(&self, key: &ResourceKey) -> Vec<Key> {
        self.dependents.get(key).into_iter().flatten().cloned().collect()
    }

    /// Takes it out for good. True where nothing is left at its place.
    pub(super) fn remove(&mut self, key: &ResourceKey) -> Option<(Place, bool)> {
        self.detach(key, When::Off);
        let entry = self.entries.remove(key)?;
        self.release(key, &entry.depends_on);
        let board = self.boards.get_mut(&entry.place)?;
        board.keys.remove(key);
        let left = board.keys.is_empty();
        if left {
            self.boards.remove(&entry.place);
        }
        Some((entry.place, left))
    }

    /// Due at `at`, woken by `trigger`; a job at its place takes it along up to `slack` earlier.
    pub(super) fn later(&mut self, key: &ResourceKey, at: Moment, slack: Moment, trigger: Trigger) {
        self.seq += 1;
        let (seq, from) = (self.seq, at.saturating_sub(slack));
        let Some(key) = self.detach(key, When::Later { at, from, seq }) else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        entry.trigger = trigger;
        if let Some(board) = self.boards.get_mut(&entry.place) {
            board.soon.insert((from, Arc::clone(&key)));
        }
        self.timeline.insert((at, seq, key));
    }

    /// Suspended.
    pub(super) fn off(&mut self, key: &ResourceKey) {
        self.detach(key, When::Off);
    }

    /// `trigger` woke it as well, while it is due: it may rise.
    pub(super) fn raise(&mut self, key: &ResourceKey, trigger: Trigger) {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.trigger < trigger) else { return };
        entry.trigger = trigger;
        if let When::Due { since, seq, .. } = entry.when {
            self.due(key, since, seq);
        }
    }

    fn due(&mut self, key: &ResourceKey, since: Moment, seq: u64) {
        let Some(trigger) = self.entries.get(key).map(|entry| entry.trigger) else { return };
        let rank = Rank::new(trigger, since, seq);
        let Some(key) = self.detach(key, When::Due { rank, since, seq }) else { return };
        let Some(place) = self.entries.get(&key).map(|entry| &entry.place) else { return };
        if let Some(board) = self.boards.get_mut(place) {
            board.due.insert((rank, key));
        }
    }

    /// Takes it off every list, to be `when` from now on.
    fn detach(&mut self, key: &ResourceKey, when: When) -> Option<Key> {
        let key = self.entries.get_key_value(key).map(|(key, _)| Arc::clone(key))?;
        let entry = self.entries.get_mut(&key)?;
        let before = std::mem::replace(&mut entry.when, when);
        let board = self.boards.get_mut(&entry.place)?;
        match before {
            When::Later { at, from, seq } => {
                board.soon.remove(&(from, Arc::clone(&key)));
                self.timeline.remove(&(at, seq, Arc::clone(&key)));
            }
            When::Due { rank, .. } => {
                board.due.remove(&(rank, Arc::clone(&key)));
            }
            When::Running(_) | When::Off => {}
        }
        Some(key)
    }

    /// What is due by now becomes so. Gives the places where something did.
    pub(super) fn advance(&mut self, now: Moment) -> BTreeSet<Place> {
        let mut places = BTreeSet::new();
        while let Some((at, _, key)) = self.timeline.first()
            && *at <= now
        {
            let key = Arc::clone(key);
            self.seq += 1;
            self.due(&key, now, self.seq);
            places.extend(self.entries.get(&key).map(|entry| entry.place.clone()));
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
    pub(super) fn take(&mut self, place: &Place, job: JobId, now: Moment) -> Vec<(Key, Trigger)> {
        let Some(board) = self.boards.get(place) else { return Vec::new() };
        let due = board.due.iter().map(|(_, key)| key);
        let soon = board.soon.iter().take_while(|(from, _)| *from <= now).map(|(_, key)| key);
        let keys: Vec<Key> = due.chain(soon).cloned().collect();
        let mut taken = Vec::with_capacity(keys.len());
        for key in keys {
            self.detach(&key, When::Running(job));
            if let Some(entry) = self.entries.get(&key) {
                taken.push((key, entry.trigger));
            }
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
    pub(super) fn keys_at(&self, place: &Place) -> Vec<Key> {
        self.boards.get(place).into_iter().flat_map(|board| &board.keys).cloned().collect()
    }

    /// Every resource.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}
