//! Hyper-V hosts under manifests, and a line to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use evenkeel_core::driver::Risk;
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Plan, Policy};
use evenkeel_core::request::{Reply, Request};
use evenkeel_engine::{Clock, Engine, Pruning, Run, Scope, Silent, Stop};
use evenkeel_lab::contract::now;
use evenkeel_lab::machine::Machine;
use evenkeel_lab::random::Random;
use evenkeel_lab::sim_transport::{Record, SimTransport};
use evenkeel_lab::windows::WindowsHost;
use futures_util::FutureExt;
use jiff::Timestamp;

pub(crate) const POLICY: Policy = Policy::allowing(Risk::Disruptive);

/// A host that the test can get at while it is on the line.
#[derive(Clone)]
struct Shared(Arc<Mutex<WindowsHost>>);

impl Machine for Shared {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.0.lock().unwrap().run(argv)
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        self.0.lock().unwrap().answer(target, request)
    }

    fn answer_in_part(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.0.lock().unwrap().answer_in_part(target, request, random);
    }

    fn is_reachable(&self) -> bool {
        self.0.lock().unwrap().is_reachable()
    }

    fn pass(&mut self) {
        Machine::pass(&mut *self.0.lock().unwrap());
    }

    fn fingerprint(&self) -> u64 {
        self.0.lock().unwrap().fingerprint()
    }

    fn drift(&mut self, random: &mut Random) {
        self.0.lock().unwrap().drift(random);
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        self.0.lock().unwrap().objects()
    }

    fn copy(&self) -> Box<dyn Machine> {
        self.0.lock().unwrap().copy()
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// Hosts under the same manifests.
pub(crate) struct Fleet {
    pub(crate) hosts: BTreeMap<String, Arc<Mutex<WindowsHost>>>,
    pub(crate) line: Arc<SimTransport>,
    engine: Engine,
    scope: Scope,
}

impl Fleet {
    /// Hosts that are `crossed` have a cluster of their own: after their failures the others would be left alone.
    pub(crate) fn new(
        hosts: BTreeMap<String, WindowsHost>,
        crossed: &BTreeSet<String>,
        manifests: &str,
    ) -> Self {
        let mut files = String::new();
        for name in hosts.keys() {
            let cluster = if crossed.contains(name) { "crossed" } else { "straight" };
            let _ = write!(
                files,
                "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name}, labels: {{ role: hyperv, cluster: {cluster} }} }}\nspec: {{ local: {{}} }}\n---\n"
            );
        }
        files.push_str(manifests);
        let file = SourceFile { path: "fleet.yaml".to_owned(), bytes: files.clone().into_bytes() };
        let loaded = load(&evenkeel_drivers::registry(), &[file], &[], now());
        assert!(!loaded.has_errors(), "{:#?}\n{files}", loaded.diagnostics);
        let hosts: BTreeMap<_, _> =
            hosts.into_iter().map(|(name, host)| (name, Arc::new(Mutex::new(host)))).collect();
        let shared = |(name, host): (&String, &Arc<Mutex<WindowsHost>>)| {
            (name.clone(), Box::new(Shared(Arc::clone(host))) as Box<dyn Machine>)
        };
        let line = Arc::new(SimTransport::new(hosts.iter().map(shared).collect()));
        let scope = Scope {
            targets: loaded.targets,
            beside: BTreeMap::new(),
            instances: loaded.instances,
            context: Vec::new(),
            prunable: evenkeel_core::driver::Registry::default(),
            pruning: Pruning::default(),
        };
        let engine = Engine::new(line.clone(), Arc::new(Stopped), Arc::new(Silent), Stop::default());
        Fleet { hosts, line, engine, scope }
    }

    pub(crate) fn host<R>(&self, name: &str, act: impl FnOnce(&mut WindowsHost) -> R) -> R {
        act(&mut self.hosts[name].lock().unwrap())
    }

    /// One run, `None` where it was killed; and all that was sent in it.
    pub(crate) async fn reconcile(&self) -> (Option<Run>, Vec<Record>) {
        self.line.take_log();
        let run = tokio::select! {
            biased;
            () = self.line.killed() => None,
            run = self.engine.reconcile(&self.scope, POLICY) => Some(run),
        };
        self.line.kill_after(None);
        // Work on several hosts is killed on each of them.
        self.line.killed().now_or_never();
        (run, self.line.take_log())
    }

    /// Looks, and says what it sent for that.
    pub(crate) async fn plan(&self) -> (Plan, Vec<Record>) {
        self.line.take_log();
        let plan = self.engine.plan(&self.scope, POLICY).await;
        (plan, self.line.take_log())
    }
}
