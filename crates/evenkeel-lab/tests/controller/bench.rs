//! The bench: a controller with everything around it simulated, under a clock that the test owns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::{DriftMode, HistorySpec, LimitsSpec, PushLimit, Reconcile};
use evenkeel_core::driver::Registry;
use evenkeel_core::period::Period;
use evenkeel_core::plan::InstanceId;
use evenkeel_engine::Clock;
use evenkeel_engine::controller::{
    ConfiguredSource, Controller, Drain, Handle, Notice, Parts, Reconciled, Settings,
};
use evenkeel_engine::store::{
    NewEvent, ResourceFilter, ResourceKey, ResourceStatus, RunRecord, SourceStatus, StoreError,
};
use evenkeel_lab::machine::Machine;
use evenkeel_lab::zfs::{Version, ZfsHost};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::kill::Kill;
use crate::origin::Origin;
use crate::store::MemoryStore;
use crate::wire::Wire;

/// Waiting for longer than this, in simulated time, fails a test.
const PATIENCE: Duration = Duration::from_hours(2);

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Follows tokio's clock, which a test lets run as fast as nothing happens.
struct Following {
    start: Timestamp,
    instant: Instant,
}

impl Clock for Following {
    fn now(&self) -> Timestamp {
        self.start.saturating_add(SignedDuration::try_from(self.instant.elapsed()).unwrap()).unwrap()
    }
}

struct Going {
    task: JoinHandle<Result<(), StoreError>>,
    handle: Arc<dyn Handle>,
    drain: Drain,
}

/// A site with hosts, a source called `main`, and a controller.
pub(crate) struct Bench {
    pub(crate) wire: Arc<Wire>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) origin: Arc<Origin>,
    /// A second source, where [`Bench::two_sources`] was called.
    pub(crate) other: Option<Arc<Origin>>,
    pub(crate) kill: Arc<Kill>,
    /// What the source says of itself: change it before [`Bench::start`].
    pub(crate) terms: Reconcile,
    pub(crate) limits: LimitsSpec,
    pub(crate) registry: Registry,
    clock: Arc<Following>,
    going: Option<Going>,
    /// Events that were read.
    read: usize,
}

/// Correct drift, send what is safe.
pub(crate) fn terms() -> Reconcile {
    Reconcile {
        interval: Period::minutes(5),
        on_push: evenkeel_core::config::OnPush { apply: PushLimit::Safe },
        drift: evenkeel_core::config::Drift { every: Some(Period::minutes(30)), mode: DriftMode::Correct },
        prune: false,
        caps: evenkeel_core::config::Caps::default(),
        allow_local: false,
        suspend: false,
    }
}

impl Bench {
    /// Hosts `kiwi` and `lime`, each with a pool `tank`.
    pub(crate) fn new() -> Self {
        Bench::with_hosts(["kiwi", "lime"])
    }

    pub(crate) fn with_hosts<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let machine = |name: S| {
            let mut host = ZfsHost::new(Version::V2_3);
            host.add_pool("tank", 1 << 40);
            (name.into(), Box::new(host) as Box<dyn Machine>)
        };
        Bench::with_machines(names.into_iter().map(machine).collect())
    }

    pub(crate) fn with_machines(machines: BTreeMap<String, Box<dyn Machine>>) -> Self {
        let kill = Arc::new(Kill::default());
        Bench {
            wire: Wire::new(machines, Arc::clone(&kill)),
            store: MemoryStore::new(Arc::clone(&kill)),
            origin: Arc::new(Origin::default()),
            other: None,
            kill,
            terms: terms(),
            limits: LimitsSpec::default(),
            registry: evenkeel_drivers::registry(),
            clock: Arc::new(Following {
                start: "2026-11-20T00:00:00Z".parse().unwrap(),
                instant: Instant::now(),
            }),
            going: None,
            read: 0,
        }
    }

    /// A second source called `other` stands beside `main`.
    pub(crate) fn two_sources(mut self) -> Self {
        self.other = Some(Arc::new(Origin::default()));
        self
    }

    /// Starts a controller on what there is.
    pub(crate) async fn start(&mut self) {
        let named = |name: &str, origin: &Arc<Origin>| ConfiguredSource {
            name: name.to_owned(),
            url: format!("ssh://git.example.org/{name}.git"),
            source: Arc::clone(origin) as _,
            terms: self.terms.clone(),
            reference: Some("refs/heads/main".to_owned()),
        };
        let mut sources = vec![named("main", &self.origin)];
        sources.extend(self.other.iter().map(|origin| named("other", origin)));
        let settings = Settings {
            sources,
            limits: self.limits,
            history: HistorySpec::default(),
            holder: "bench".to_owned(),
            seed: 7,
        };
        let parts = Parts {
            registry: self.registry.clone(),
            transport: Arc::clone(&self.wire) as _,
            clock: Arc::clone(&self.clock) as _,
            store: Arc::clone(&self.store) as _,
            on_snapshot: Arc::new(|_, _| {}),
        };
        let controller = Controller::open(settings, parts).await.unwrap();
        let (handle, drain) = (controller.handle(), controller.drain());
        self.going = Some(Going { task: tokio::spawn(controller.run()), handle, drain });
    }

    /// Started, with these manifests in force and everything looked at that can be.
    pub(crate) async fn begun(mut self, manifests: &str) -> Self {
        self.origin.commit(manifests);
        self.start().await;
        self.until("the first look", Bench::is_quiet).await;
        self.events();
        self.wire.hosts.take_log();
        self
    }

    fn going(&self) -> &Going {
        self.going.as_ref().expect("a controller that was started")
    }

    pub(crate) fn handle(&self) -> &Arc<dyn Handle> {
        &self.going().handle
    }

    pub(crate) fn drain(&self) {
        self.going().drain.request();
    }

    /// Whether the controller has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.going().task.is_finished()
    }

    /// Waits for the controller to end by itself. Gives how.
    pub(crate) async fn ended(&mut self) -> Result<(), StoreError> {
        self.until("the end", Bench::is_over).await;
        self.going.take().unwrap().task.await.unwrap()
    }

    /// The controller's program is gone from one moment to the next.
    pub(crate) async fn kill(&mut self) {
        if let Some(Going { task, .. }) = self.going.take() {
            task.abort();
            assert!(task.await.is_err_and(|error| error.is_cancelled()));
        }
        self.kill.over();
    }

    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.start().await;
    }

    /// A new commit, and the hint that there is one.
    pub(crate) async fn push(&self, manifests: &str) -> String {
        let id = self.origin.commit(manifests);
        self.handle().notify(&Notice::All).await;
        id
    }

    /// A new commit that is in force, with everything looked at again.
    pub(crate) async fn pushed(&mut self, manifests: &str) -> String {
        let id = self.push(manifests).await;
        self.until("the new revision", |b| b.is_in_force(&id)).await;
        self.until("quiet", Bench::is_quiet).await;
        id
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn run_for(&self, minutes: u64) {
        tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Bench) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "no {what} within two hours.\n{}", self.story());
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// True where nothing is due within the next seconds and nothing runs.
    pub(crate) fn is_quiet(&self) -> bool {
        let metrics = self.handle().metrics();
        let memory = self.store.memory();
        let Some(source) = memory.sources.get("main") else { return false };
        let soon = self.now().saturating_add(SignedDuration::from_secs(30)).unwrap();
        source.resources > 0
            && metrics.queued + metrics.reading + metrics.writing == 0
            && memory.resources.len() as u64 >= source.resources
            && memory.resources.values().all(|status| status.next.is_some_and(|next| next > soon))
    }

    pub(crate) async fn reconcile(&self, filter: ResourceFilter) -> Reconciled {
        self.handle().reconcile(&filter, "kim").await
    }

    /// A command that somebody types on a host.
    pub(crate) fn by_hand(&self, host: &str, command: &str) {
        let argv: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let reply = self.wire.hosts.with_machine(host, |machine| machine.run(&argv)).expect("a host");
        assert_eq!(reply.exit, 0, "{command}: {}", reply.stderr_text());
    }

    /// What a host answers.
    pub(crate) fn ask(&self, host: &str, command: &str) -> String {
        let argv: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let reply = self.wire.hosts.with_machine(host, |machine| machine.run(&argv)).expect("a host");
        String::from_utf8(reply.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn objects(&self, host: &str) -> Vec<String> {
        self.wire.hosts.with_machine(host, |machine| machine.objects()).expect("a host").into_keys().collect()
    }

    /// The commands that changed a host since the last call.
    pub(crate) fn writes(&self) -> Vec<String> {
        let wrote = self.wire.hosts.take_log().into_iter().filter(|record| record.wrote);
        wrote.map(|record| format!("{}: {}", record.target, record.argv.join(" "))).collect()
    }

    /// The events since the last call.
    pub(crate) fn events(&mut self) -> Vec<NewEvent> {
        let events = self.store.memory().events.clone();
        let new = events.into_iter().skip(self.read).map(|event| event.what).collect::<Vec<_>>();
        self.read += new.len();
        new
    }

    /// The reasons of the events since the last call, with the names of what they are about.
    pub(crate) fn reasons(&mut self) -> Vec<String> {
        let about = |e: NewEvent| match (e.name, e.target) {
            (Some(name), _) => format!("{} {name}", e.reason),
            (None, Some(target)) => format!("{} {target}", e.reason),
            (None, None) => e.reason,
        };
        self.events().into_iter().map(about).collect()
    }

    /// What the store says of the source `main`.
    pub(crate) fn source(&self) -> SourceStatus {
        self.store.memory().sources.get("main").cloned().expect("the source")
    }

    /// Whether the store knows this revision to be in force.
    pub(crate) fn is_in_force(&self, id: &str) -> bool {
        let memory = self.store.memory();
        let revision = memory.sources.get("main").and_then(|source| source.revision.as_ref());
        revision.is_some_and(|revision| revision.id == id)
    }

    /// What the store says of a resource.
    pub(crate) fn status(&self, name: &str) -> ResourceStatus {
        let memory = self.store.memory();
        let found = memory.resources.values().find(|status| status.key.id.name == name);
        found.cloned().unwrap_or_else(|| panic!("nothing is known of {name}"))
    }

    /// The reason of a resource's Ready condition; `None` where nothing is known of it.
    pub(crate) fn reason(&self, name: &str) -> Option<String> {
        let memory = self.store.memory();
        let found = memory.resources.values().find(|status| status.key.id.name == name);
        found.map(|status| status.conditions[0].reason.clone())
    }

    pub(crate) fn runs(&self) -> Vec<RunRecord> {
        self.store.memory().runs.values().map(|(run, _)| run.clone()).collect()
    }

    /// Everything that happened, for the message of a test that failed.
    pub(crate) fn story(&self) -> String {
        let memory = self.store.memory();
        let mut story = format!("at {}, {:?}\n", self.now(), self.handle().metrics());
        for event in memory.events.iter().rev().take(60).rev() {
            let _ = writeln!(story, "{:.0} {}: {}", event.what.at, event.what.reason, event.what.message);
        }
        for status in memory.resources.values().take(20) {
            let ready = &status.conditions[0];
            let _ = writeln!(
                story,
                "{}: {} ({}), next {:?}",
                status.key, ready.reason, ready.message, status.next
            );
        }
        story
    }
}

/// The key of a dataset as [`crate::origin::dataset`] names it.
pub(crate) fn key(target: &str, name: &str) -> ResourceKey {
    let id = InstanceId { target: target.to_owned(), kind: "ZfsDataset".to_owned(), name: name.to_owned() };
    ResourceKey { source: "main".to_owned(), id }
}
