//! Transfers between local commands and stores in memory, and what is left after every fault.

mod faults;
mod files;
mod outputs;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use evenkeel_core::request::REFUSED;
use evenkeel_core::target::{LocalSpec, TargetSpec};
use serde_json::{Map, Value, json};

use crate::credentials::EnvironmentCredentials;
use crate::ssh::{SshClient, SshOptions};
use crate::stores::memory::{MemoryServer, digest};

use super::*;

/// This machine, and stores in memory by the names of targets.
pub(super) struct Rig {
    pub(super) stores: BTreeMap<String, MemoryServer>,
}

impl Ends for Rig {
    fn store<'a>(&'a self, target: &'a Target, _: Lane) -> BoxFuture<'a, Stored<Box<dyn Store>>> {
        let store = self.stores[&target.name].connect();
        Box::pin(std::future::ready(Ok(Box::new(store) as Box<dyn Store>)))
    }

    fn machine(&self, target: &Target, lane: Lane) -> Result<Machine, TransportError> {
        let credentials: Arc<dyn crate::Credentials> = Arc::new(EnvironmentCredentials::new([]));
        let options = SshOptions::isolated("/nonexistent", "nobody");
        let client = Arc::new(SshClient::new(options, Arc::clone(&credentials)));
        Ok(Machine::of(target, &client, &credentials, lane).unwrap())
    }
}

/// Sees everything, and stops it once so many bytes were moved.
#[derive(Default)]
pub(super) struct Eyes {
    pub(super) seen: Mutex<Vec<(u64, Option<u64>)>>,
    pub(super) stop: AtomicBool,
}

impl Watch for Eyes {
    fn moved(&self, bytes: u64, of: Option<u64>) {
        self.seen.lock().unwrap().push((bytes, of));
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

pub(super) fn target(name: &str) -> Target {
    let spec = TargetSpec { local: Some(LocalSpec::default()), ..TargetSpec::default() };
    Target { name: name.into(), labels: BTreeMap::new(), spec }
}

/// The output of a shell command.
pub(super) fn output(command: &str) -> Origin {
    let exec = Exec::new(["sh", "-c", command]);
    Origin::Output { target: None, exec, must_say: vec![], must_not_say: vec![] }
}

pub(super) fn fields() -> Map<String, Value> {
    json!({"guest": "101", "attempt": 1}).as_object().unwrap().clone()
}

/// `g/a.tar` with a record and a log.
pub(super) fn archive(check: Check) -> Goal {
    Goal::File {
        target: None,
        path: "g/a.tar".into(),
        check,
        record: Some(fields()),
        log: Some("g/a.log".into()),
    }
}

pub(super) fn transfer(from: Origin, to: Goal) -> Transfer {
    Transfer { from, to, rate: None, patience: Some(60) }
}

impl Rig {
    /// With one store, `nas`, and the folder `g` in it.
    pub(super) fn of(nas: &MemoryServer) -> Self {
        nas.folder("g");
        Rig { stores: BTreeMap::from([("nas".to_owned(), nas.clone())]) }
    }

    pub(super) async fn run(&self, transfer: &Transfer) -> Result<Reply, TransportError> {
        self.watched(transfer, &Eyes::default()).await
    }

    pub(super) async fn watched(
        &self,
        transfer: &Transfer,
        watch: &dyn Watch,
    ) -> Result<Reply, TransportError> {
        let from = target(if matches!(transfer.from, Origin::File { .. }) { "first" } else { "host" });
        let to = target(if matches!(transfer.to, Goal::File { .. }) { "nas" } else { "host" });
        Mover { ends: self, from: &from, to: &to, transfer, watch }.run().await
    }
}

pub(super) fn moved(reply: Result<Reply, TransportError>) -> Moved {
    let reply = reply.unwrap();
    assert_eq!(reply.exit, 0, "{}", reply.stderr_text());
    serde_json::from_slice(&reply.stdout).unwrap()
}

/// What `g/NAME` holds as JSON.
pub(super) fn noted(nas: &MemoryServer, name: &str) -> Value {
    serde_json::from_slice(&nas.file(&format!("g/{name}")).unwrap()).unwrap()
}
