//! Whatever is written in whatever order, the store answers like a few maps and lists in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the samples are used here, the promises in promises.rs"
)]
mod contract;

use std::collections::BTreeMap;
use std::path::Path;

use contract::sample::*;
use evenkeel_core::config::HistorySpec;
use evenkeel_core::period::Period;
use evenkeel_engine::source::Snapshot;
use evenkeel_engine::store::{
    Batch, Event, EventFilter, Fence, InventoryEntry, NewAuditEntry, Observation, ResourceFilter,
    ResourceKey, ResourceStatus, RunFilter, RunId, RunRecord, RunState, SourceStatus, Store, StoreError,
};
use evenkeel_store::{Mode, SqliteStore};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// One thing that is done. Numbers choose among few keys, days and holders, so that things meet.
#[derive(Debug, Clone)]
enum Deed {
    Claim {
        holder: usize,
        day: i64,
        days: i64,
    },
    Release,
    /// With the fence that was given last, or with the one before that.
    Commit {
        late: bool,
        parts: Vec<Part>,
    },
    Expire {
        keep: u64,
        day: i64,
    },
    Reopen,
}

#[derive(Debug, Clone)]
enum Part {
    Resource(usize, u64),
    Gone(usize),
    Source(usize, u64),
    Snapshot(usize, u8),
    GoneSource(usize),
    Inventory(usize, bool),
    Released(usize),
    Observation(usize, i64, Option<i64>),
    Event(i64, Option<usize>),
    Audit(i64),
    /// A run that began and ended on these days, about these keys.
    Run(i64, i64, Vec<usize>),
    /// The end of a run that never began: the whole batch fails.
    NoSuchRun,
}

const DAYS: std::ops::Range<i64> = 0..40;

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let keys = 0..KEYS;
    let part = prop_oneof![
        4 => (keys.clone(), 0..9_u64).prop_map(|(k, g)| Part::Resource(k, g)),
        1 => keys.clone().prop_map(Part::Gone),
        1 => (0..3_usize, 0..9_u64).prop_map(|(s, n)| Part::Source(s, n)),
        1 => (0..3_usize, 0..9_u8).prop_map(|(s, n)| Part::Snapshot(s, n)),
        1 => (0..3_usize).prop_map(Part::GoneSource),
        2 => (keys.clone(), any::<bool>()).prop_map(|(k, l)| Part::Inventory(k, l)),
        1 => keys.clone().prop_map(Part::Released),
        6 => (keys.clone(), DAYS, proptest::option::of(0..9_i64)).prop_map(|(k, d, v)| Part::Observation(k, d, v)),
        4 => (DAYS, proptest::option::of(keys.clone())).prop_map(|(d, k)| Part::Event(d, k)),
        2 => DAYS.prop_map(Part::Audit),
        2 => (DAYS, DAYS, proptest::collection::vec(keys, 0..3)).prop_map(|(b, e, k)| Part::Run(b, e, k)),
    ];
    let parts = proptest::collection::vec(part, 0..12);
    let deed = prop_oneof![
        2 => (0..2_usize, DAYS, 0..20_i64).prop_map(|(holder, day, days)| Deed::Claim { holder, day, days }),
        1 => Just(Deed::Release),
        12 => (prop::bool::weighted(0.1), prop::bool::weighted(0.1), parts).prop_map(|(late, bad, mut parts)| {
            parts.extend(bad.then_some(Part::NoSuchRun));
            Deed::Commit { late, parts }
        }),
        2 => (0..30_u64, 20..60_i64).prop_map(|(keep, day)| Deed::Expire { keep, day }),
        1 => Just(Deed::Reopen),
    ];
    proptest::collection::vec(deed, 1..40)
}

const KEYS: usize = 8;

fn nth_key(number: usize) -> ResourceKey {
    key(["s0", "s1"][number % 2], ["a", "b"][number / 2 % 2], "K", ["x", "y"][number / 4 % 2])
}

fn nth_source(number: usize) -> String {
    format!("s{number}")
}

/// What a store is, as simply as it can be said.
#[derive(Default)]
struct Model {
    fence: u64,
    held: Option<(String, Timestamp)>,
    sources: BTreeMap<String, SourceStatus>,
    snapshots: BTreeMap<String, Snapshot>,
    resources: BTreeMap<ResourceKey, ResourceStatus>,
    inventory: BTreeMap<ResourceKey, InventoryEntry>,
    observations: BTreeMap<ResourceKey, BTreeMap<Timestamp, Observation>>,
    gone: BTreeMap<ResourceKey, Timestamp>,
    events: Vec<Event>,
    audit: Vec<NewAuditEntry>,
    runs: Vec<RunRecord>,
}

impl Model {
    fn claim(&mut self, holder: &str, now: Timestamp, until: Timestamp) -> Result<Fence, StoreError> {
        match &self.held {
            Some((other, end)) if other != holder && *end > now => {
                return Err(StoreError::Held { holder: other.clone(), until: *end });
            }
            Some((same, _)) if same == holder => {}
            _ => self.fence += 1,
        }
        self.held = Some((holder.to_owned(), until));
        Ok(Fence(self.fence))
    }

    fn holds(&self, fence: Fence) -> bool {
        self.held.is_some() && fence.0 == self.fence
    }

    fn commit(&mut self, batch: Batch, events: Vec<Event>) {
        if let Some(run) = batch.run {
            let id = run.id;
            *self.runs.iter_mut().find(|r| r.id == id).unwrap() = run;
        }
        for name in batch.gone_sources {
            self.sources.remove(&name);
            self.snapshots.remove(&name);
        }
        self.sources.extend(batch.sources.into_iter().map(|s| (s.name.clone(), s)));
        self.snapshots.extend(batch.snapshots);
        batch.gone.iter().for_each(|key| drop(self.resources.remove(key)));
        self.resources.extend(batch.resources.into_iter().map(|r| (r.key.clone(), r)));
        batch.released.iter().for_each(|key| drop(self.inventory.remove(key)));
        self.inventory.extend(batch.inventory.into_iter().map(|e| (e.key.clone(), e)));
        for seen in batch.observations {
            self.observations.entry(seen.key.clone()).or_default().insert(seen.at, seen);
        }
        assert_eq!(events.iter().map(|e| e.what.clone()).collect::<Vec<_>>(), batch.events);
        self.events.extend(events);
        self.audit.extend(batch.audit);
    }

    fn expire(&mut self, keep: u64, now: Timestamp) -> u64 {
        let cutoff = now - SignedDuration::from_hours(24 * i64::try_from(keep).unwrap());
        let before = self.events.len() + self.runs.len();
        self.events.retain(|e| e.what.at >= cutoff);
        self.runs.retain(|r| r.state == RunState::Running || r.finished.is_none_or(|at| at >= cutoff));
        let mut removed = before - self.events.len() - self.runs.len();
        for (key, seen) in &mut self.observations {
            let exists = self.resources.contains_key(key) || self.inventory.contains_key(key);
            let gone = self.gone.get(key).copied();
            match (exists, gone) {
                (true, _) => drop(self.gone.remove(key)),
                (false, None) => drop(self.gone.insert(key.clone(), now)),
                _ => {}
            }
            let in_force = seen.range(..=cutoff).next_back().map(|(at, _)| *at);
            let size = seen.len();
            if !exists && gone.is_some_and(|since| since < cutoff) {
                seen.clear();
                self.gone.remove(key);
            } else if let Some(in_force) = in_force {
                seen.retain(|at, _| *at >= in_force);
            }
            removed += size - seen.len();
        }
        self.observations.retain(|_, seen| !seen.is_empty());
        removed as u64
    }

    async fn compare(&self, store: &dyn Store) {
        fn all<K, V: Clone>(map: &BTreeMap<K, V>) -> Vec<V> {
            map.values().cloned().collect()
        }
        let any = ResourceFilter::default();
        assert_eq!(store.sources().await.unwrap(), all(&self.sources));
        for source in (0..3).map(nth_source) {
            assert_eq!(store.snapshot(&source).await.unwrap().as_ref(), self.snapshots.get(&source));
        }
        assert_eq!(store.resources(&any).await.unwrap(), all(&self.resources));
        assert_eq!(store.inventory(None).await.unwrap(), all(&self.inventory));
        let filter = EventFilter { limit: Some(usize::MAX), ..EventFilter::default() };
        assert_eq!(store.events(&filter).await.unwrap(), self.events);
        let log: Vec<_> = audit_log(store).await.into_iter().map(|line| line.entry).collect();
        assert_eq!(log, self.audit, "and every entry fits the one before");
        let filter = RunFilter { limit: Some(usize::MAX), ..RunFilter::default() };
        let newest_first: Vec<_> = self.runs.iter().rev().cloned().collect();
        assert_eq!(store.runs(&filter).await.unwrap(), newest_first);
        for at in DAYS.step_by(7).map(day) {
            let seen = self.observations.values().filter_map(|seen| seen.range(..=at).next_back());
            let seen: Vec<_> = seen.map(|(_, seen)| seen.clone()).collect();
            assert_eq!(store.observed_at(&any, at).await.unwrap(), seen, "{at}");
        }
        for key in (0..KEYS).map(nth_key) {
            let seen = self.observations.get(&key).into_iter().flat_map(|seen| seen.values().rev());
            assert_eq!(store.observed(&key, 99).await.unwrap(), seen.cloned().collect::<Vec<_>>());
        }
    }
}

/// The batch of `parts`. A later part about the same thing takes the place of an earlier one.
async fn batch_of(parts: &[Part], store: &dyn Store, fence: Fence, model: &mut Model) -> Option<Batch> {
    let mut batch = Batch::default();
    for part in parts {
        match part.clone() {
            Part::Resource(k, generation) => batch.resources.push(resource(nth_key(k), generation)),
            Part::Gone(k) => batch.gone.push(nth_key(k)),
            Part::Source(s, count) => batch.sources.push(source(&nth_source(s), count)),
            Part::Snapshot(s, id) => batch.snapshots.push((nth_source(s), snapshot(&id.to_string()))),
            Part::GoneSource(s) => batch.gone_sources.push(nth_source(s)),
            Part::Inventory(k, leaving) => batch.inventory.push(inventory(nth_key(k), leaving)),
            Part::Released(k) => batch.released.push(nth_key(k)),
            Part::Observation(k, d, value) => {
                batch.observations.push(observation(nth_key(k), day(d), value));
            }
            Part::Audit(d) => batch.audit.push(asked(day(d), "kim")),
            Part::Event(d, about) => batch.events.push(event(day(d), about.map(nth_key))),
            Part::Run(began, finished, about) => {
                let new = new_run("s0", "a", day(began));
                let id = match store.begin_run(fence, new.clone()).await {
                    Ok(id) => id,
                    Err(error) => {
                        assert!(error == StoreError::Fenced && !model.holds(fence));
                        return None;
                    }
                };
                assert!(model.runs.iter().all(|r| r.id < id));
                let run = begun(id, new);
                model.runs.push(run.clone());
                let keys: Vec<_> = about.into_iter().map(nth_key).collect();
                let about: Vec<_> = keys.iter().map(|k| (k.id.kind.as_str(), k.id.name.as_str())).collect();
                batch.run = Some(ended(run, day(finished), &about));
            }
            Part::NoSuchRun => {
                batch.run = Some(ended(begun(RunId(i64::MAX), new_run("s", "t", day(0))), day(1), &[]));
            }
        }
    }
    Some(batch)
}

/// Without a file nothing is opened again.
async fn live(deeds: &[Deed], file: Option<&Path>) {
    let mut store = match file {
        Some(file) => SqliteStore::open(file, Mode::Create).unwrap(),
        None => SqliteStore::in_memory().unwrap(),
    };
    let mut model = Model::default();
    let first = store.claim("h0", day(0), day(10)).await;
    assert_eq!(first, model.claim("h0", day(0), day(10)));
    let mut fences = vec![Fence(0), first.unwrap()];
    for deed in deeds {
        let fence = fences[fences.len() - 1];
        match deed {
            Deed::Claim { holder, day: d, days } => {
                let (holder, now, until) = (["h0", "h1"][*holder], day(*d), day(d + days));
                let given = store.claim(holder, now, until).await;
                assert_eq!(given, model.claim(holder, now, until));
                fences.extend(given.ok().filter(|given| *given != fence));
            }
            Deed::Release => {
                let expected = if model.holds(fence) { Ok(()) } else { Err(StoreError::Fenced) };
                assert_eq!(store.release(fence).await, expected);
                if expected.is_ok() {
                    model.held = None;
                }
            }
            Deed::Commit { late, parts } => {
                let fence = if *late { fences[fences.len() - 2] } else { fence };
                let Some(batch) = batch_of(parts, &store, fence, &mut model).await else { continue };
                let bad = batch.run.as_ref().is_some_and(|r| r.id.0 == i64::MAX);
                match store.commit(fence, batch.clone()).await {
                    Ok(events) => {
                        assert!(model.holds(fence) && !bad);
                        model.commit(batch, events);
                    }
                    Err(StoreError::Fenced) => assert!(!model.holds(fence)),
                    Err(other) => assert!(bad && model.holds(fence), "{other}"),
                }
            }
            Deed::Expire { keep, day: d } => {
                let period = Period::days(*keep);
                let spec = HistorySpec { runs: period, events: period, observations: period };
                match store.expire(fence, spec, day(*d)).await {
                    Ok(removed) => {
                        assert!(model.holds(fence));
                        assert_eq!(removed, model.expire(*keep, day(*d)));
                    }
                    Err(error) => assert!(error == StoreError::Fenced && !model.holds(fence)),
                }
            }
            Deed::Reopen => {
                let Some(file) = file else { continue };
                drop(store);
                store = SqliteStore::open(file, Mode::ReadWrite).unwrap();
            }
        }
    }
    model.compare(&store).await;
}

fn hold_against_the_model(cases: u32, on_disk: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let run = runner.run(&deeds(), |deeds| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        // What fails panics, which the runner takes for a failure and then looks for less of it.
        runtime.block_on(live(&deeds, on_disk.then_some(&file)));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn in_memory_it_answers_like_a_few_maps() {
    hold_against_the_model(200, false);
}

#[test]
fn in_a_file_it_answers_like_a_few_maps() {
    hold_against_the_model(20, true);
}
