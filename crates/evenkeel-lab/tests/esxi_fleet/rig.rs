//! Hosts in clusters, and a line to them on which they take turns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use evenkeel_core::driver::Risk;
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::Policy;
use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind};
use evenkeel_engine::{Clock, Engine, Pruning, Run, Scope, Silent, Stop};
use evenkeel_lab::contract::now;
use evenkeel_lab::esxi::{EsxHost, Written};
use evenkeel_lab::machine::Machine;
use evenkeel_lab::random::Random;
use evenkeel_lab::sim_transport::SimTransport;
use jiff::Timestamp;

pub(crate) const POLICY: Policy = Policy::allowing(Risk::Disruptive);

/// The writes to all hosts, in the order in which they were carried out.
type Log = Arc<Mutex<Vec<(String, Written)>>>;

/// A host that tells of its writes, and that the test can get at while it is on the line.
struct Told {
    host: Arc<Mutex<EsxHost>>,
    log: Log,
}

impl Machine for Told {
    fn run(&mut self, argv: &[String]) -> Reply {
        let mut host = self.host.lock().unwrap();
        let before = host.written().len();
        let reply = host.run(argv);
        let new = host.written()[before..].iter().map(|written| (host.name.clone(), written.clone()));
        self.log.lock().unwrap().extend(new);
        reply
    }

    fn fingerprint(&self) -> u64 {
        self.host.lock().unwrap().fingerprint()
    }

    fn drift(&mut self, random: &mut Random) {
        self.host.lock().unwrap().drift(random);
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        Machine::objects(&*self.host.lock().unwrap())
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.host.lock().unwrap().clone())
    }
}

/// The line: others get on with their work during every exchange, and a host that goes down takes its connection along.
struct Line {
    hosts: SimTransport,
    machines: BTreeMap<String, Arc<Mutex<EsxHost>>>,
    random: Mutex<Random>,
}

impl Transport for Line {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        let pauses = self.random.lock().unwrap().below(4);
        let failed = |kind| Err(TransportError::new(kind, format!("{}: gone", target.name)));
        Box::pin(async move {
            for _ in 0..pauses {
                tokio::task::yield_now().await;
            }
            let is_down = || self.machines[&target.name].lock().unwrap().is_down();
            if is_down() {
                return requests.iter().map(|_| failed(TransportErrorKind::Unreachable)).collect();
            }
            let mut answers = self.hosts.exchange(target, requests).await;
            if is_down() {
                for answer in &mut answers {
                    if answer.as_ref().is_ok_and(|reply| reply.exit == 255) {
                        *answer = failed(TransportErrorKind::ConnectionLost);
                    }
                }
            }
            answers
        })
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// A host and the cluster that it belongs to.
pub(crate) struct Member {
    pub(crate) host: EsxHost,
    pub(crate) cluster: &'static str,
}

/// A fleet under one manifest.
pub(crate) struct Fleet {
    pub(crate) hosts: BTreeMap<String, Arc<Mutex<EsxHost>>>,
    pub(crate) clusters: BTreeMap<String, &'static str>,
    line: Arc<Line>,
    engine: Engine,
    scope: Scope,
    log: Log,
}

impl Fleet {
    /// `spec`: what the policy says besides whom it is for.
    pub(crate) fn new(members: Vec<Member>, spec: &str, seed: u64) -> Self {
        let log = Log::default();
        let (mut hosts, mut clusters, mut files) = (BTreeMap::new(), BTreeMap::new(), String::new());
        for Member { host, cluster } in members {
            let _ = write!(
                files,
                "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {}, labels: {{ role: esxi, cluster: {cluster} }} }}\nspec: {{ local: {{}} }}\n---\n",
                host.name
            );
            clusters.insert(host.name.clone(), cluster);
            hosts.insert(host.name.clone(), Arc::new(Mutex::new(host)));
        }
        let _ = write!(
            files,
            "apiVersion: evenkeel.dev/v1alpha1\nkind: EsxiPathPolicy\nmetadata: {{ name: svc }}\nspec:\n  targetSelector: {{ matchLabels: {{ role: esxi }} }}\n{spec}"
        );
        let file = SourceFile { path: "fleet.yaml".to_owned(), bytes: files.clone().into_bytes() };
        let loaded = load(&evenkeel_drivers::registry(), &[file], &[], now());
        assert!(!loaded.has_errors(), "{:#?}\n{files}", loaded.diagnostics);
        let told = |(name, host): (&String, &Arc<Mutex<EsxHost>>)| {
            let told = Told { host: Arc::clone(host), log: Arc::clone(&log) };
            (name.clone(), Box::new(told) as Box<dyn Machine>)
        };
        let line = Arc::new(Line {
            hosts: SimTransport::new(hosts.iter().map(told).collect()),
            machines: hosts.clone(),
            random: Mutex::new(Random::derive(seed, 61)),
        });
        let scope = Scope {
            targets: loaded.targets,
            beside: BTreeMap::new(),
            instances: loaded.instances,
            context: Vec::new(),
            prunable: evenkeel_core::driver::Registry::default(),
            pruning: Pruning::default(),
        };
        let engine = Engine::new(line.clone(), Arc::new(Stopped), Arc::new(Silent), Stop::default());
        Fleet { hosts, clusters, line, engine, scope, log }
    }

    pub(crate) fn host<R>(&self, name: &str, act: impl FnOnce(&mut EsxHost) -> R) -> R {
        act(&mut self.hosts[name].lock().unwrap())
    }

    /// From now on one request in `one_in` goes wrong; none where it is 0.
    pub(crate) fn set_trouble(&self, seed: u64, one_in: usize) {
        self.line.hosts.set_trouble(seed, one_in);
    }

    /// One run, and the writes in it.
    pub(crate) async fn reconcile(&self) -> (Run, Vec<(String, Written)>) {
        self.log.lock().unwrap().clear();
        let run = self.engine.reconcile(&self.scope, POLICY).await;
        (run, std::mem::take(&mut *self.log.lock().unwrap()))
    }

    pub(crate) async fn plan(&self) -> evenkeel_core::plan::Plan {
        self.engine.plan(&self.scope, POLICY).await
    }
}
