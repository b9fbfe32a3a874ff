//! A host of guests, its stores, and an engine whose clock can be set.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use evenkeel_core::driver::{Registry, Risk};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Acceptance, Change, Gate, Plan, Policy};
use evenkeel_engine::{Clock, Engine, Pruning, Run, Scope, Silent, Stop};
use evenkeel_lab::machine::Machine;
use evenkeel_lab::shared::Shared;
use evenkeel_lab::sim_transport::SimTransport;
use evenkeel_lab::store::{Content, FOREIGN, FileStore, Personality};
use evenkeel_lab::vzdump::{Dialect, DumpHost, World};
use jiff::{SignedDuration, Timestamp};

/// The folder of the schedule in each store.
pub(crate) const DIRECTORY: &str = "/disk1/backup/dump";
pub(crate) const HOST: &str = "pve1";
const POLICY: Policy = Policy::allowing(Risk::Disruptive);

/// What a seed decides once for all days.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) dialect: Dialect,
    /// Whether dumps go straight to the store.
    pub(crate) streams: bool,
    pub(crate) personality: Personality,
    pub(crate) layout: &'static str,
    pub(crate) schedule: String,
    pub(crate) retention: &'static str,
    /// Retention and layout of an offsite copy.
    pub(crate) copy: Option<(&'static str, &'static str)>,
}

impl Setting {
    /// The seed article's: an old host, an old NAS, ten generations.
    pub(crate) fn linkstation(layout: &'static str) -> Self {
        Setting {
            dialect: Dialect::OpenVz,
            streams: true,
            personality: Personality::Nas,
            layout,
            schedule: "{ cron: '0 2 * * *', timeZone: Asia/Tokyo }".to_owned(),
            retention: "{ keepLast: 10 }",
            copy: None,
        }
    }

    fn manifests(&self) -> String {
        let target = |name: &str, how: &str| {
            format!(
                "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name} }}\nspec: {{ {how} }}\n---\n"
            )
        };
        // Today's versions can always write to standard output.
        let dump_dir = match (self.streams, self.dialect) {
            (true, _) => "",
            (false, Dialect::OpenVz) => ", dumpDir: /dumps",
            (false, Dialect::Today) => ", dumpDir: /dumps, stream: never",
        };
        let copies = self.copy.map(|(retention, layout)| {
            format!(", copies: [{{ target: {HOST}-off, directory: {DIRECTORY}, layout: '{layout}', retention: {retention} }}]")
        });
        format!(
            "{}{}{}apiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: {{ name: nightly }}\nspec:\n  target: {HOST}\n  schedule: {}\n  retention: {}\n  vzdump: {{ guests: running{dump_dir}, store: {{ target: {HOST}-nas, directory: {DIRECTORY}, layout: '{}' }}{} }}\n",
            target(HOST, "local: {}"),
            target(&format!("{HOST}-nas"), "ftp: { host: nas, tls: none }"),
            self.copy
                .map(|_| target(&format!("{HOST}-off"), "ftp: { host: off, tls: none }"))
                .unwrap_or_default(),
            self.schedule,
            self.retention,
            self.layout,
            copies.unwrap_or_default(),
        )
    }
}

/// A clock that stands until it is set.
struct Standing(AtomicI64);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

pub(crate) struct Site {
    pub(crate) world: Shared<World>,
    pub(crate) transport: Arc<SimTransport>,
    scope: Mutex<Arc<Scope>>,
    clock: Arc<Standing>,
    engine: Engine,
}

impl Site {
    pub(crate) fn new(registry: &Registry, setting: &Setting, begin: Timestamp) -> Self {
        let mut host = DumpHost::new(HOST, setting.dialect, "Asia/Tokyo");
        host.has_stdout = setting.streams || setting.dialect == Dialect::Today;
        host.files.make_folder_by_hand("/dumps");
        for id in 101..=103 {
            host.add_guest(id, &format!("guest{id}"));
        }
        let mut world = World::new(host, begin);
        let mut nas = FileStore::new(setting.personality);
        nas.put_by_hand("/disk1/photos/cat.jpg", FOREIGN);
        world.stores.insert("nas".to_owned(), nas);
        if setting.copy.is_some() {
            world.stores.insert("off".to_owned(), FileStore::new(Personality::Posix));
        }
        let world = Shared::new(world);
        let machines: BTreeMap<String, Box<dyn Machine>> =
            BTreeMap::from([(HOST.to_owned(), Box::new(world.clone()) as Box<dyn Machine>)]);
        let transport = Arc::new(SimTransport::new(machines));
        let manifests = setting.manifests();
        let file = SourceFile { path: "site.yaml".to_owned(), bytes: manifests.clone().into_bytes() };
        let loaded = load(registry, &[file], &[], begin);
        assert!(!loaded.has_errors(), "{:#?}\n{manifests}", loaded.diagnostics);
        let scope = Scope {
            targets: loaded.targets,
            beside: BTreeMap::new(),
            instances: loaded.instances,
            context: Vec::new(),
            prunable: registry.clone(),
            pruning: Pruning::default(),
        };
        let scope = Mutex::new(Arc::new(scope));
        let clock = Arc::new(Standing(AtomicI64::new(begin.as_second())));
        let engine = Engine::new(transport.clone(), clock.clone(), Arc::new(Silent), Stop::default());
        Site { world, transport, scope, clock, engine }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sets every clock.
    pub(crate) fn set(&self, now: Timestamp) {
        self.clock.0.store(now.as_second(), Ordering::Relaxed);
        self.world.lock().now = self.now();
    }

    pub(crate) fn later(&self, by: SignedDuration) {
        self.set(self.now() + by);
    }

    /// The names of the stores, as targets.
    pub(crate) fn stores(&self) -> Vec<String> {
        self.world.lock().stores.keys().map(|suffix| format!("{HOST}-{suffix}")).collect()
    }

    fn scope(&self) -> Arc<Scope> {
        Arc::clone(&self.scope.lock().unwrap())
    }

    /// Writes into the manifest that much may be removed at once, or takes that back.
    pub(crate) fn accept(&self, accepts: bool) {
        let mut scope = self.scope.lock().unwrap();
        let mut changed = Scope::clone(&scope);
        let until = "2099-12-31".parse().unwrap();
        let acceptance = Acceptance { of: "retention".to_owned(), reason: "seen".to_owned(), until };
        changed.instances[0].accepted = if accepts { vec![acceptance] } else { Vec::new() };
        *scope = Arc::new(changed);
    }

    pub(crate) async fn plan(&self) -> Plan {
        self.engine.plan(&self.scope(), POLICY).await
    }

    /// The one change of a plan.
    pub(crate) async fn look(&self) -> Change {
        self.plan().await.changes.into_iter().next().expect("there is one resource")
    }

    /// A run; `None` where it was killed.
    pub(crate) async fn reconcile(&self) -> Option<Run> {
        let scope = self.scope();
        tokio::select! {
            biased;
            run = self.engine.reconcile(&scope, POLICY) => Some(run),
            () = self.transport.killed() => None,
        }
    }

    /// Runs until nothing is left to do but what is held for a person; so many runs at most.
    pub(crate) async fn settles(&self) -> Change {
        let mut last = None;
        for _ in 0..12 {
            last = self.reconcile().await;
            let change = self.look().await;
            let is_held = matches!(change.gate, Gate::Held { .. }) && change.withheld.is_none();
            if change.error.is_none() && (!change.is_pending() || is_held) {
                return change;
            }
        }
        panic!("it does not settle at {}\n{}\n{last:#?}", self.now(), self.told().await);
    }

    /// What is there and what would be done, for failures.
    pub(crate) async fn told(&self) -> String {
        let change = self.look().await;
        let mut text =
            format!("{} {:?} {:?} {:?}\n", change.headline(), change.gate, change.error, change.withheld);
        for field in &change.fields {
            let _ = writeln!(text, "  {}: {} → {}", field.change.path, field.before_text, field.after_text);
        }
        for step in &change.steps {
            let _ = writeln!(text, "  > {:?}: {}", step.target, step.request.display());
        }
        for health in change.report.health.iter().filter(|health| !health.good) {
            let _ = writeln!(text, "  {}: {}", health.about, health.message);
        }
        for note in &change.report.notes {
            let _ = writeln!(text, "  {note}");
        }
        let world = self.world.lock();
        for (id, guest) in &world.host.guests {
            let _ = writeln!(text, "  guest {id}: running {}, {:?}", guest.running, guest.trouble);
        }
        for (name, store) in &world.stores {
            let _ = writeln!(text, "{name}: {:?} of {:?}", store.used(), store.capacity());
            for path in store.nodes().keys() {
                let _ =
                    writeln!(text, "  {path} {}", store.file(&format!("/{path}")).map_or(0, Content::len));
            }
        }
        for path in world.host.files.nodes().keys().filter(|path| path.starts_with("work/")) {
            let _ = writeln!(text, "host: {path}");
        }
        text
    }
}
