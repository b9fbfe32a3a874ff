//! Seeded simulation: the real engine, simulated machines, and a line on which anything can go wrong.
//!
//! A failure prints its seed; `EVENKEEL_SEED=n` runs that seed alone.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evenkeel_core::driver::{Registry, Risk};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Action, Policy};
use evenkeel_drivers::zfs::{ZfsDataset, ZfsPool};
use evenkeel_engine::{Clock, Engine, Outcome, Pruning, Run, Scope, Silent, Stop, Verdict};
use evenkeel_lab::contract::twin::stays_held;
use evenkeel_lab::contract::{TARGET, fixtures, now, target_spec};
use evenkeel_lab::machine::Machine;
use evenkeel_lab::random::Random;
use evenkeel_lab::sim_transport::SimTransport;
use jiff::Timestamp;

/// How many seeds; `EVENKEEL_SEEDS=n` plays more.
const SEEDS: u64 = 2000;
/// What carries this owner's mark may be removed.
const OWNER: &str = "evenkeel";
const POLICY: Policy = Policy::allowing(Risk::Destructive);

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// A few machines with the manifests for them.
struct World {
    transport: Arc<SimTransport>,
    engine: Engine,
    scope: Scope,
    names: Vec<String>,
    /// Objects that were there before and are in no manifest.
    foreign: BTreeMap<String, Vec<String>>,
}

impl World {
    fn new(registry: &Registry, seed: u64) -> Self {
        let mut random = Random::derive(seed, 30);
        let mut machines: BTreeMap<String, Box<dyn Machine>> = BTreeMap::new();
        let mut files = String::new();
        for at in 0..=random.below(3) {
            let name = format!("host{at}");
            // Schedules want hosts of their own kind; `backup_simulation` plays them.
            let all: Vec<_> = fixtures().into_iter().filter(|fixture| fixture.backend.is_none()).collect();
            let fixture = random.pick(&all).unwrap();
            let scenario = (fixture.scenario)(random.next_u64());
            let reached = target_spec(scenario.machine.way(), &name);
            machines.insert(name.clone(), scenario.machine);
            let manifests = scenario
                .manifests
                .replace(&format!("\"target\":\"{TARGET}\""), &format!("\"target\":\"{name}\""));
            let manifests = manifests.replace("metadata: { name: ", &format!("metadata: {{ name: {name}-"));
            // What is pruned here is looked for on every host, and only storage hosts know of it.
            let prune = fixture.kind.starts_with("Zfs");
            let _ = write!(
                files,
                "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name} }}\nspec: {{ {reached}, prune: {prune} }}\n---\n{manifests}"
            );
        }
        let file = SourceFile { path: "site.yaml".to_owned(), bytes: files.clone().into_bytes() };
        let loaded = load(registry, &[file], &[], now());
        assert!(!loaded.has_errors(), "{:#?}\n{files}", loaded.diagnostics);
        let names: Vec<String> = machines.keys().cloned().collect();
        let transport = Arc::new(SimTransport::new(machines));
        let scope = Scope {
            targets: loaded.targets,
            beside: BTreeMap::new(),
            instances: loaded.instances,
            context: Vec::new(),
            prunable: Registry::default().with(ZfsDataset).with(ZfsPool),
            pruning: Pruning::default(),
        };
        let engine = Engine::new(transport.clone(), Arc::new(Stopped), Arc::new(Silent), Stop::default());
        let mut world = World { transport, engine, scope, names, foreign: BTreeMap::new() };
        world.foreign = world.foreign_now();
        world
    }

    /// What is there, and in no manifest.
    fn foreign_now(&self) -> BTreeMap<String, Vec<String>> {
        let wanted = |name: &str, object: &String| {
            self.scope.instances.iter().any(|i| i.id.target == name && i.object == *object)
        };
        let objects = |name: &str| self.transport.with_machine(name, |m| m.objects()).unwrap();
        let foreign = self.names.iter().map(|name| {
            let others = objects(name).into_iter().filter(|(_, owner)| owner.as_deref() != Some(OWNER));
            (name.clone(), others.map(|(object, _)| object).filter(|object| !wanted(name, object)).collect())
        });
        foreign.collect()
    }

    async fn reconcile(&self) -> Run {
        self.engine.reconcile(&self.scope, POLICY).await
    }

    /// Planning sends queries and nothing else, whatever is on the line.
    async fn plan_writes_nothing(&self) {
        self.transport.take_log();
        self.engine.plan(&self.scope, POLICY).await;
        let wrote: Vec<_> = self.transport.take_log().into_iter().filter(|record| record.wrote).collect();
        assert!(wrote.is_empty(), "plan mode wrote: {wrote:?}");
    }

    /// Nothing is said to be applied or unchanged that is not as the manifests say.
    async fn no_run_claims_too_much(&self, run: &Run) {
        self.transport.set_trouble(0, 0);
        let truth = self.engine.plan(&self.scope, POLICY).await;
        for outcome in &run.outcomes {
            let Some(change) =
                truth.changes.iter().find(|c| c.id == outcome.id && c.object == outcome.object)
            else {
                continue;
            };
            if outcome.verdict == Verdict::Applied && change.action != Action::NoOp {
                assert!(!change.is_pending(), "claims {outcome:?}, but there is {change:?}");
            }
        }
    }

    async fn settles(&self) {
        self.transport.set_trouble(0, 0);
        // A guard that was left armed comes to its end.
        for name in &self.names {
            self.transport.with_machine(name, |machine| machine.pass());
        }
        let last = self.reconcile().await;
        let plan = self.engine.plan(&self.scope, POLICY).await;
        let is_held = |outcome: &&Outcome| {
            let change = plan.changes.iter().find(|c| c.id == outcome.id && c.object == outcome.object);
            matches!(outcome.verdict, Verdict::Held { .. }) && change.is_some_and(stays_held)
        };
        let unsettled = last
            .outcomes
            .iter()
            .find(|o| !matches!(o.verdict, Verdict::Applied | Verdict::Unchanged) && !is_held(o));
        assert!(unsettled.is_none(), "{unsettled:?}\nof {last:#?}");
        self.transport.take_log();
        let again = self.reconcile().await;
        assert_eq!(again.summary.commands, 0, "a run with nothing to do sends: {again:#?}");
        assert!(self.transport.take_log().iter().all(|record| !record.wrote));
        for name in &self.names {
            let there = self.transport.with_machine(name, |m| m.objects()).unwrap();
            let gone = self.foreign[name].iter().find(|object| !there.contains_key(*object));
            assert!(gone.is_none(), "{gone:?} on {name} was in no manifest, and is gone");
        }
    }
}

async fn play(registry: &Registry, seed: u64) {
    let mut world = World::new(registry, seed);
    let mut random = Random::derive(seed, 31);
    for attempt in 0..=random.below(3) {
        world.transport.set_trouble(seed + attempt as u64, 2 + random.below(8));
        world.plan_writes_nothing().await;
        let run = world.reconcile().await;
        world.no_run_claims_too_much(&run).await;
    }
    world.settles().await;
    for name in &world.names {
        world.transport.with_machine(name, |machine| machine.drift(&mut random));
    }
    // By hand anything may be removed.
    world.foreign = world.foreign_now();
    world.settles().await;
}

/// Plays the seeds of one quarter, or the one seed that `EVENKEEL_SEED` names.
fn play_quarter(quarter: u64) {
    let registry = evenkeel_drivers::registry();
    // Nobody waits for a guard's time in earnest.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match (number("EVENKEEL_SEED"), number("EVENKEEL_SEEDS").unwrap_or(SEEDS) / 4) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => quarter * count..(quarter + 1) * count,
    };
    for seed in seeds {
        let play = AssertUnwindSafe(|| runtime.block_on(play(&registry, seed)));
        assert!(
            catch_unwind(play).is_ok(),
            "seed {seed} fails; again: EVENKEEL_SEED={seed} cargo nextest run -p evenkeel-lab --test simulation"
        );
    }
}

// In quarters, so that they run side by side.

#[test]
fn whatever_happens_on_the_line_it_ends_well_1() {
    play_quarter(0);
}

#[test]
fn whatever_happens_on_the_line_it_ends_well_2() {
    play_quarter(1);
}

#[test]
fn whatever_happens_on_the_line_it_ends_well_3() {
    play_quarter(2);
}

#[test]
fn whatever_happens_on_the_line_it_ends_well_4() {
    play_quarter(3);
}
