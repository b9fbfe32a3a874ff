//! Hosts of containers under manifests, with an engine that may be killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use evenkeel_core::driver::{Registry, Risk};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Plan, Policy};
use evenkeel_engine::{Clock, Engine, Pruning, Run, Scope, Silent, Stop};
use evenkeel_lab::containers::ContainerWorld;
use evenkeel_lab::contract::now;
use evenkeel_lab::machine::Machine;
use evenkeel_lab::shared::Shared;
use evenkeel_lab::sim_transport::SimTransport;
use jiff::Timestamp;

const POLICY: Policy = Policy::allowing(Risk::Disruptive);

/// A clock that a test sets.
struct Wound(AtomicI64);

impl Clock for Wound {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// A world that a test holds on to while a transport plays it.
pub(crate) trait World: Machine + Clone + 'static {
    /// All clocks show so many seconds since 1970, where that is later than what they show.
    fn advance(&self, now: i64);
}

impl World for Shared<ContainerWorld> {
    fn advance(&self, now: i64) {
        self.lock().advance(now);
    }
}

/// A world `pve1`, with what is beside it as `pve1-NAME`, under manifests.
pub(crate) struct Rig<W = Shared<ContainerWorld>> {
    pub(crate) world: W,
    pub(crate) line: Arc<SimTransport>,
    clock: Arc<Wound>,
    manifests: String,
}

impl<W: World> Rig<W> {
    pub(crate) fn new(world: W, manifests: &str) -> Self {
        let names: Vec<String> = world.beside().iter().map(|suffix| format!("pve1-{suffix}")).collect();
        let target = |name: &str, way: &str| {
            format!(
                "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name} }}\nspec: {{ {way} }}\n---\n"
            )
        };
        let beside = names.iter().map(|name| target(name, &format!("ssh: {{ host: {name} }}")));
        let targets: String = std::iter::once(target("pve1", "local: {}")).chain(beside).collect();
        let machine: Box<dyn Machine> = Box::new(world.clone());
        let line = Arc::new(SimTransport::new(BTreeMap::from([("pve1".to_owned(), machine)])));
        let clock = Arc::new(Wound(AtomicI64::new(now().as_second())));
        let rig = Rig { world, line, clock, manifests: targets + manifests };
        rig.set_clock(now().as_second());
        rig
    }

    /// All clocks show so many seconds since 1970.
    pub(crate) fn set_clock(&self, now: i64) {
        self.clock.0.store(now, Ordering::Relaxed);
        self.world.advance(now);
    }

    /// A day goes by.
    pub(crate) fn sleep(&self, days: i64) {
        self.set_clock(self.clock.now().as_second() + days * 86_400);
    }

    /// So much time goes by that nobody can still be at work on what was begun.
    pub(crate) fn pass(&self) {
        self.line.with_machine("pve1", |machine| machine.pass());
    }

    fn scope(&self) -> Scope {
        let file = SourceFile { path: "site.yaml".to_owned(), bytes: self.manifests.clone().into_bytes() };
        let loaded = load(&evenkeel_drivers::registry(), &[file], &[], self.clock.now());
        assert!(!loaded.has_errors(), "{:#?}\n{}", loaded.diagnostics, self.manifests);
        Scope {
            targets: loaded.targets,
            beside: BTreeMap::new(),
            instances: loaded.instances,
            context: Vec::new(),
            prunable: Registry::default(),
            pruning: Pruning::default(),
        }
    }

    fn engine(&self) -> Engine {
        Engine::new(self.line.clone(), self.clock.clone(), Arc::new(Silent), Stop::default())
    }

    pub(crate) async fn plan(&self) -> Plan {
        self.engine().plan(&self.scope(), POLICY).await
    }

    /// A run; `None` where it was killed within the request number `after`.
    pub(crate) async fn reconcile(&self, after: Option<usize>) -> Option<Run> {
        self.line.kill_after(after);
        let (engine, scope) = (self.engine(), self.scope());
        let run = tokio::select! {
            biased;
            run = engine.reconcile(&scope, POLICY) => Some(run),
            () = self.line.killed() => None,
        };
        self.line.kill_after(None);
        run
    }

    /// Runs until nothing is left to do: the last run sent nothing.
    pub(crate) async fn settles(&self) -> Run {
        for _ in 0..6 {
            self.pass();
            let run = self.reconcile(None).await.unwrap();
            if run.summary.commands == 0 {
                return run;
            }
        }
        panic!("it does not settle: {:#?}", self.plan().await);
    }
}
