//! A toy backend: hosts that hold keys with values, and a driver for them.
//!
//! `kv get KEY…` prints `KEY=VALUE` or `KEY absent`; `kv set VALUE KEY…` writes; `kv drop KEY` removes; `kv list`
//! prints all. Keys may lie below others (`a/b` needs `a`). A key `a.b` takes over what is set on `a`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use evenkeel_core::driver::{Delta, Driver, Finding, Found, ObserveError, Observed, Registry, Risk, Step};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind};
use evenkeel_engine::{Clock, Engine, Pruning, Scope, Silent, Stop};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) struct Kv;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct KvSpec {
    key: String,
    value: String,
}

#[derive(Serialize)]
pub(crate) struct KvState {
    value: String,
}

impl Driver for Kv {
    const KIND: &'static str = "Kv";
    type Spec = KvSpec;
    type State = KvState;

    fn check(&self, _: &KvSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &KvSpec) -> String {
        spec.key.clone()
    }

    fn queries(&self, spec: &KvSpec, _: &Replies) -> Vec<Query> {
        vec![get(&spec.key)]
    }

    fn observe(&self, spec: &KvSpec, replies: &Replies) -> Result<Observed<KvState>, ObserveError> {
        let reply = replies.get(&get(&spec.key))?;
        let text = String::from_utf8_lossy(&reply.stdout);
        let container = spec.key.rsplit_once('/').map(|(above, _)| above.to_owned());
        let lacks = container.filter(|above| text.lines().any(|l| l == format!("{above} absent")));
        for line in text.lines() {
            if line == format!("{} absent", spec.key) {
                return Ok(Observed::Absent { lacks });
            }
            if let Some(value) = line.strip_prefix(&format!("{}=", spec.key)) {
                return Ok(Observed::Present(KvState { value: value.to_owned() }));
            }
        }
        Err(ObserveError::Unparsable {
            command: "kv get".into(),
            problem: format!("no line for {}", spec.key),
        })
    }

    fn desired(&self, spec: &KvSpec, _: Option<&KvState>, _: Timestamp) -> Option<KvState> {
        Some(KvState { value: spec.value.clone() })
    }

    fn steps(&self, spec: &KvSpec, _: &Delta<'_, KvState>) -> Vec<Step> {
        let step = Step::new(Request::Exec(Exec::new(["kv", "set", &spec.value]).on([&spec.key])));
        match spec.value.as_str() {
            "twice" => {
                let first = Step::new(Request::Exec(Exec::new(["kv", "set", "once"]).on([&spec.key])));
                vec![first, step]
            }
            "risky" => vec![step.hazard(Risk::DataLoss, "value=risky", "data may go")],
            _ => vec![step],
        }
    }

    fn inventory_queries(&self, _: &Replies) -> Vec<Query> {
        vec![list()]
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        let reply = replies.get(&list())?;
        if reply.exit != 0 {
            let (command, stderr) = ("kv list".to_owned(), reply.stderr_text());
            return Err(ObserveError::Command { command, exit: reply.exit, stderr, hint: None });
        }
        let text = String::from_utf8_lossy(&reply.stdout).into_owned();
        let found = |line: &str| {
            let (key, _) = line.split_once('=')?;
            let owner = key.starts_with("ours").then(|| "evenkeel".to_owned());
            Some(Found { object: key.to_owned(), spec: BTreeMap::new(), owner })
        };
        Ok(text.lines().filter_map(found).collect())
    }

    fn removal(&self, object: &str, _: &[&str], _: &Replies) -> Result<Vec<Step>, String> {
        let drop = Request::Exec(Exec::new(["kv", "drop", object]));
        Ok(vec![Step::new(drop).hazard(Risk::Destructive, format!("removing {object}"), "it is gone")])
    }
}

pub(crate) fn get(key: &str) -> Query {
    let above = key.rsplit_once('/').map(|(above, _)| above);
    Query::reading(Request::Exec(Exec::new(["kv", "get"]).on([key].into_iter().chain(above))))
}

fn list() -> Query {
    Query::reading(Request::Exec(Exec::new(["kv", "list"])))
}

/// What goes wrong, decided for each command by its text.
pub(crate) type Fault = Box<dyn Fn(&str) -> Trouble + Send + Sync>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// Nothing happens, the connection is gone.
    LostBefore,
    /// It happens, the reply is lost.
    LostAfter,
    /// The host says no.
    Refused,
    /// The host says no to this key, and does the rest.
    RefusedFor(&'static str),
    /// There is no such program on the host.
    NoProgram,
    /// The host says yes and does nothing.
    Lies,
}

/// Hosts in memory.
pub(crate) struct Hosts {
    pub(crate) state: Mutex<HashMap<String, BTreeMap<String, String>>>,
    pub(crate) log: Mutex<Vec<String>>,
    pub(crate) fault: Mutex<Fault>,
}

impl Hosts {
    pub(crate) fn new(state: &[(&str, &[(&str, &str)])]) -> Arc<Self> {
        let host =
            |keys: &[(&str, &str)]| keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let state = state.iter().map(|(name, keys)| ((*name).to_owned(), host(keys))).collect();
        Arc::new(Hosts {
            state: Mutex::new(state),
            log: Mutex::default(),
            fault: Mutex::new(Box::new(|_| Trouble::None)),
        })
    }

    pub(crate) fn with_fault(
        self: Arc<Self>,
        fault: impl Fn(&str) -> Trouble + Send + Sync + 'static,
    ) -> Arc<Self> {
        *self.fault.lock().unwrap() = Box::new(fault);
        self
    }

    pub(crate) fn value(&self, host: &str, key: &str) -> Option<String> {
        self.state.lock().unwrap()[host].get(key).cloned()
    }

    /// The writes that were sent, as `host: command`.
    pub(crate) fn writes(&self) -> Vec<String> {
        let reads = [": kv get", ": kv list"];
        self.log.lock().unwrap().iter().filter(|l| !reads.iter().any(|r| l.contains(r))).cloned().collect()
    }

    fn answer(&self, host: &str, request: &Request) -> Result<Reply, TransportError> {
        let exec = request.as_exec().expect("the toy runs commands only");
        let command = request.display();
        let trouble = (self.fault.lock().unwrap())(&format!("{host}: {command}"));
        self.log.lock().unwrap().push(format!("{host}: {command}"));
        let lost = || TransportError::new(TransportErrorKind::ConnectionLost, "connection lost");
        let words = exec.words();
        match trouble {
            Trouble::LostBefore => return Err(lost()),
            Trouble::Refused => {
                return Ok(Reply { exit: 1, stdout: vec![], stderr: b"permission denied".to_vec() });
            }
            Trouble::NoProgram => {
                return Ok(Reply { exit: 127, stdout: vec![], stderr: b"kv: not found".to_vec() });
            }
            Trouble::Lies => return Ok(Reply { exit: 0, stdout: vec![], stderr: vec![] }),
            Trouble::None | Trouble::LostAfter | Trouble::RefusedFor(_) => {}
        }
        let mut state = self.state.lock().unwrap();
        let Some(keys) = state.get_mut(host) else {
            return Err(TransportError::new(
                TransportErrorKind::Unreachable,
                format!("{host} does not answer"),
            ));
        };
        let refused = |word: &&String| matches!(trouble, Trouble::RefusedFor(key) if *word == key);
        let some_refused = words.iter().any(|word| refused(&word));
        let allowed: Vec<&str> = words.iter().filter(|word| !refused(word)).map(String::as_str).collect();
        let text = run(keys, &allowed);
        if let (Trouble::RefusedFor(key), true) = (trouble, some_refused) {
            let stderr = format!("cannot set '{key}': denied").into_bytes();
            return Ok(Reply { exit: 1, stdout: text.into_bytes(), stderr });
        }
        if trouble == Trouble::LostAfter {
            Err(lost())
        } else {
            Ok(Reply { exit: 0, stdout: text.into_bytes(), stderr: vec![] })
        }
    }
}

fn run(keys: &mut BTreeMap<String, String>, words: &[&str]) -> String {
    match words {
        ["kv", "get", wanted @ ..] => {
            let line = |k: &&str| keys.get(*k).map_or(format!("{k} absent\n"), |v| format!("{k}={v}\n"));
            wanted.iter().map(line).collect()
        }
        ["kv", "set", value, wanted @ ..] => {
            let follows = |key: &str| key.split_once('.').is_some_and(|(above, _)| wanted.contains(&above));
            keys.iter_mut().filter(|(k, _)| follows(k)).for_each(|(_, v)| (*value).clone_into(v));
            keys.extend(wanted.iter().map(|k| ((*k).to_owned(), (*value).to_owned())));
            String::new()
        }
        ["kv", "drop", key] => {
            keys.remove(*key);
            String::new()
        }
        ["kv", "list"] => keys.iter().map(|(k, v)| [k, "=", v, "\n"].concat()).collect(),
        other => panic!("unknown command {other:?}"),
    }
}

impl Transport for Hosts {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        Box::pin(async move { requests.iter().map(|r| self.answer(&target.name, r)).collect() })
    }
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-11-20T00:00:00Z".parse().unwrap()
    }
}

pub(crate) fn engine(hosts: &Arc<Hosts>, stop: &Stop) -> Engine {
    Engine::new(Arc::clone(hosts) as _, Arc::new(Fixed), Arc::new(Silent), stop.clone())
}

/// The scope of manifests; `targets` are written for you, `resources` are the YAML of the rest.
pub(crate) fn scope(targets: &[&str], resources: &str) -> Scope {
    scope_with(Registry::default().with(Kv), targets, resources)
}

/// The same with other drivers.
pub(crate) fn scope_with(registry: Registry, targets: &[&str], resources: &str) -> Scope {
    let head = "apiVersion: evenkeel.dev/v1alpha1\n";
    let target = |name: &&str| {
        let prune = name.starts_with("pruned");
        format!("{head}kind: Target\nmetadata: {{ name: {name} }}\nspec: {{ local: {{}}, prune: {prune} }}\n")
    };
    let resource = |text: &str| format!("{head}{text}\n");
    let documents: Vec<String> =
        targets.iter().map(target).chain(resources.split("---\n").map(resource)).collect();
    let text = documents.join("---\n");
    let file = SourceFile { path: "test.yaml".into(), bytes: text.into_bytes() };
    let loaded = load(&registry, &[file], &[], Fixed.now());
    assert!(
        loaded.diagnostics.iter().all(|d| d.severity != evenkeel_core::diagnostic::Severity::Error),
        "{:#?}",
        loaded.diagnostics
    );
    Scope {
        targets: loaded.targets,
        beside: std::collections::BTreeMap::new(),
        instances: loaded.instances,
        context: Vec::new(),
        prunable: registry,
        pruning: Pruning::default(),
    }
}

/// One resource.
pub(crate) fn kv(name: &str, target: &str, key: &str, value: &str, more: &str) -> String {
    format!(
        "kind: Kv\nmetadata: {{ name: {name} }}\nspec: {{ target: {target}, key: {key}, value: {value}{more} }}\n"
    )
}
