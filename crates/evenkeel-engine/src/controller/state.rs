//! What a running controller has in its head. Everything in it can be had again from the sources, the targets and the
//! store.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_core::condition::Status;
use evenkeel_core::config::{LimitsSpec, Reconcile};
use evenkeel_core::driver::Registry;
use evenkeel_core::period::Period;
use evenkeel_core::plan::InstanceId;
use evenkeel_core::transport::Transport;
use jiff::Timestamp;
use tokio::sync::{Notify, broadcast, watch};

use super::approvals::Approvals;
use super::outbox::Outbox;
use super::rollout::Rests;
use super::schedule::{Job, JobId, Scheduler, Unit};
use super::watch::Watched;
use super::work::Prepared;
use super::world::World;
use crate::clock::Clock;
use crate::source::{Snapshot, Source};
use crate::stop::Stop;
use crate::store::{
    Batch, Event, Fence, InventoryEntry, NewEvent, NewRun, ResourceKey, ResourceStatus, RunId, SourceStatus,
    SourceVerdict, Store, StoreError, Weight,
};

/// How often a resource is looked at where neither it nor its source says so.
const DEFAULT_INTERVAL: Period = Period::minutes(30);

/// The kind of the units that look for what left the manifests of a target. No driver serves it.
const SWEEP: &str = "Prune";

/// Hears the name of a source, and a snapshot of it.
pub type SnapshotListener = Arc<dyn Fn(&str, &Snapshot) + Send + Sync>;

/// What a controller works with.
pub struct Parts {
    /// The drivers.
    pub registry: Registry,
    /// What reaches targets.
    pub transport: Arc<dyn Transport>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What remembers.
    pub store: Arc<dyn Store>,
    /// Hears of every snapshot before it comes into force: encrypted secrets come with it.
    pub on_snapshot: SnapshotListener,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// A source as it is configured.
pub struct ConfiguredSource {
    /// Its name.
    pub name: String,
    /// Where it is, without secrets.
    pub url: String,
    /// What fetches it.
    pub source: Arc<dyn Source>,
    /// What the loop does with it.
    pub terms: Reconcile,
    /// The branch or tag it follows, as `refs/heads/main`; `None` where that is not known beforehand.
    pub reference: Option<String>,
}

impl std::fmt::Debug for ConfiguredSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfiguredSource")
            .field("name", &self.name)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What all tasks of a controller share.
pub(super) struct Shared {
    pub(super) parts: Parts,
    pub(super) limits: LimitsSpec,
    pub(super) fence: Fence,
    pub(super) started: Timestamp,
    state: Mutex<State>,
    /// Something may be due.
    pub(super) turn: Notify,
    /// There is something in the outbox.
    pub(super) unwritten: Notify,
    /// How many batches of the outbox the store has taken.
    pub(super) written: watch::Sender<u64>,
    /// Another controller has the store now.
    pub(super) fenced: watch::Sender<bool>,
    /// It is on its way out.
    pub(super) draining: watch::Sender<bool>,
    pub(super) events: broadcast::Sender<Arc<Event>>,
}

/// What is known.
pub(super) struct State {
    pub(super) scheduler: Scheduler,
    pub(super) sources: BTreeMap<String, SourceState>,
    pub(super) resources: BTreeMap<ResourceKey, ResourceStatus>,
    pub(super) inventory: BTreeMap<ResourceKey, InventoryEntry>,
    /// What waits for persons, and what they said.
    pub(super) approvals: Approvals,
    /// A hash of the State that was last seen of each object.
    pub(super) seen: HashMap<ResourceKey, u64>,
    pub(super) running: HashMap<JobId, Running>,
    pub(super) prepared: HashMap<JobId, Prepared>,
    /// Who asked for a look at what.
    pub(super) asked: HashMap<ResourceKey, String>,
    /// What is to be written down.
    pub(super) outbox: Outbox,
    pub(super) rests: Rests,
    pub(super) store_trouble: Option<String>,
    pub(super) counters: Counters,
    /// When the loop last turned.
    pub(super) turned: Timestamp,
}

/// A source, and what it says now.
pub(super) struct SourceState {
    pub(super) terms: Reconcile,
    pub(super) watched: Arc<Watched>,
    pub(super) world: Option<Arc<World>>,
    pub(super) status: SourceStatus,
    /// The revision that was judged last, and how.
    pub(super) judged: Option<(String, SourceVerdict)>,
    /// A revision that waits for a person.
    pub(super) held: Option<Arc<Snapshot>>,
    /// When it was last fetched with success.
    pub(super) fetched: Option<Timestamp>,
}

/// A job that runs.
pub(super) struct Running {
    pub(super) job: Job,
    pub(super) stop: Stop,
    /// The run, where it writes.
    pub(super) run: Option<(RunId, NewRun)>,
}

/// Numbers since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) looks: u64,
    pub(super) commands: u64,
    pub(super) runs: BTreeMap<String, u64>,
    pub(super) changes: BTreeMap<String, u64>,
    pub(super) fetches: BTreeMap<String, u64>,
}

impl Shared {
    pub(super) fn new(parts: Parts, limits: LimitsSpec, fence: Fence, state: State) -> Self {
        let started = parts.clock.now();
        Shared {
            parts,
            limits,
            fence,
            started,
            state: Mutex::new(state),
            turn: Notify::new(),
            unwritten: Notify::new(),
            written: watch::channel(0).0,
            fenced: watch::channel(false).0,
            draining: watch::channel(false).0,
            events: broadcast::channel(1024).0,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Held only for as long as it takes to read or change something: never while waiting.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Has `batch` written down soon, and the loop take a turn.
    pub(super) fn put(&self, batch: Batch) {
        self.state().outbox.put(batch);
        self.unwritten.notify_one();
        self.turn.notify_one();
    }

    /// Waits until everything that happened so far is written down. False where the store does not take it within
    /// `patience`.
    pub(super) async fn is_written(&self, patience: Duration) -> bool {
        let count = self.state().outbox.count();
        let mut written = self.written.subscribe();
        let all = written.wait_for(|written| *written >= count);
        matches!(tokio::time::timeout(patience, all).await, Ok(Ok(_)))
    }

    /// The store refused something.
    pub(super) fn store_failed(&self, error: &StoreError) {
        self.state().store_trouble = Some(error.to_string());
        if *error == StoreError::Fenced {
            self.fenced.send_replace(true);
        }
    }
}

impl State {
    /// The look at a resource, as the scheduler takes it.
    pub(super) fn unit(&self, source: &str, world: &World, id: &InstanceId) -> Option<Unit> {
        let terms = &self.sources.get(source)?.terms;
        let instance = &world.wanted.get(id)?.instance;
        Some(Unit {
            key: ResourceKey { source: source.to_owned(), id: id.clone() },
            host: world.machine(&id.target),
            group: world.exclusion_group(&id.target),
            interval: instance.interval.or(terms.drift.every).unwrap_or(DEFAULT_INTERVAL),
            depends_on: world.dependencies(source, instance),
            suspended: false,
            lane: instance.driver.takes_long(&instance.spec).then(|| {
                let driver = &instance.driver;
                driver.backend().unwrap_or(driver.kind()).to_owned()
            }),
        })
    }

    /// The look for what left the manifests of a target, where that is pruned.
    pub(super) fn sweep_unit(&self, source: &str, world: &World, target: &str) -> Option<Unit> {
        let terms = &self.sources.get(source)?.terms;
        world.targets.get(target).filter(|target| target.spec.prune && target.carries_marks())?;
        Some(Unit {
            key: sweep_key(source, target),
            host: world.machine(target),
            group: world.exclusion_group(target),
            interval: terms.drift.every.unwrap_or(DEFAULT_INTERVAL),
            depends_on: Vec::new(),
            suspended: false,
            lane: None,
        })
    }

    /// The hash of what the manifest of a resource says now.
    pub(super) fn digest(&self, key: &ResourceKey) -> Option<&str> {
        let world = self.sources.get(&key.source)?.world.as_ref()?;
        Some(&world.wanted.get(&key.id)?.digest)
    }

    /// True where a resource was seen fulfilled as its manifest says now.
    pub(super) fn is_ready(&self, key: &ResourceKey) -> bool {
        self.resources.get(key).is_some_and(|status| {
            let ready = status.conditions.first().is_some_and(|ready| ready.status == Status::True);
            ready && Some(status.digest.as_str()) == self.digest(key)
        })
    }
}

/// The key of the look for what left the manifests of a target.
pub(super) fn sweep_key(source: &str, target: &str) -> ResourceKey {
    let id = InstanceId { target: target.to_owned(), kind: SWEEP.to_owned(), name: target.to_owned() };
    ResourceKey { source: source.to_owned(), id }
}

pub(super) fn is_sweep(id: &InstanceId) -> bool {
    id.kind == SWEEP
}

/// An event about a source.
pub(super) fn about_source(
    source: &str,
    at: Timestamp,
    weight: Weight,
    reason: &str,
    message: String,
    revision: Option<&str>,
) -> NewEvent {
    NewEvent {
        at,
        weight,
        reason: reason.to_owned(),
        message,
        source: Some(source.to_owned()),
        target: None,
        kind: None,
        name: None,
        revision: revision.map(str::to_owned),
        run: None,
    }
}

/// An event about a resource.
pub(super) fn about_resource(
    key: &ResourceKey,
    at: Timestamp,
    weight: Weight,
    reason: &str,
    message: String,
) -> NewEvent {
    NewEvent {
        target: Some(key.id.target.clone()),
        kind: Some(key.id.kind.clone()),
        name: Some(key.id.name.clone()),
        ..about_source(&key.source, at, weight, reason, message, None)
    }
}
