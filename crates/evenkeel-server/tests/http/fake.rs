//! A controller and a store that say what a test tells them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use evenkeel_core::config::HistorySpec;
use evenkeel_core::transport::BoxFuture;
use evenkeel_engine::controller::{
    Decision, Handle, Health, Metrics, Notice, Reconciled, Refusal, RefusalKind, Word,
};
use evenkeel_engine::source::Snapshot;
use evenkeel_engine::store::{
    Answer, ApprovalFilter, ApprovalRecord, AuditFilter, AuditLine, Batch, Event, EventFilter, Fence,
    InventoryEntry, Journaled, NewCommand, NewEvent, NewRun, Notified, Observation, ResourceFilter,
    ResourceKey, ResourceStatus, RunFilter, RunId, RunRecord, SourceStatus, Store, StoreError,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast};

/// What the store remembers: one of each.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) events: Mutex<Vec<Event>>,
    /// Filters that were asked for.
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) broken: Mutex<bool>,
}

/// Where an acceptance waits.
#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) begun: Notify,
    pub(crate) go_on: Notify,
    pub(crate) done: Notify,
}

/// A controller that writes down what it was asked.
pub(crate) struct Fake {
    pub(crate) memory: Arc<Memory>,
    store: Arc<dyn Store>,
    pub(crate) heard: Mutex<Vec<Notice>>,
    pub(crate) wishes: Mutex<Vec<(ResourceFilter, String)>>,
    pub(crate) accepted: Mutex<Vec<(String, String, String)>>,
    pub(crate) decisions: Mutex<Vec<Decision>>,
    pub(crate) health: Mutex<Health>,
    /// Notifications are never answered.
    pub(crate) stuck: Mutex<bool>,
    /// Holds an acceptance up until it is told to go on, and tells that it has begun.
    pub(crate) gate: Mutex<Option<Arc<Gate>>>,
    hints: broadcast::Sender<Arc<Event>>,
}

/// The names of the sources that there are.
pub(crate) const SOURCES: [&str; 2] = ["infra", "lab"];

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        let memory = Arc::new(Memory::default());
        Arc::new(Fake {
            store: Arc::clone(&memory) as Arc<dyn Store>,
            memory,
            heard: Mutex::default(),
            wishes: Mutex::default(),
            accepted: Mutex::default(),
            decisions: Mutex::default(),
            health: Mutex::new(Health {
                live: true,
                ready: true,
                draining: false,
                reasons: Vec::new(),
                started: when(),
            }),
            stuck: Mutex::new(false),
            gate: Mutex::new(None),
            // Small, so that listeners fall behind easily.
            hints: broadcast::channel(4).0,
        })
    }

    /// Something happens: it is written down, and then told.
    pub(crate) fn happen(&self, name: &str) -> u64 {
        let event = self.write(name);
        // Nobody may be listening.
        let _ = self.hints.send(Arc::new(event.clone()));
        event.seq
    }

    /// Something happens, and nobody is told.
    pub(crate) fn write(&self, name: &str) -> Event {
        let mut events = self.memory.events.lock().unwrap();
        // Numbers grow by more than one now and then.
        let seq = events.last().map_or(1, |e| e.seq + 1 + e.seq % 2);
        let value = json!({
            "seq": seq, "at": when(), "weight": "normal", "reason": "Applied",
            "message": format!("{name} is as its manifest says"),
            "source": "infra", "target": "durian", "kind": "ZfsDataset", "name": name
        });
        let event: Event = serde_json::from_value(value).unwrap();
        events.push(event.clone());
        event
    }
}

pub(crate) fn when() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

impl Handle for Fake {
    fn notify<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            if *self.stuck.lock().unwrap() {
                std::future::pending::<()>().await;
            }
            self.heard.lock().unwrap().push(notice.clone());
            let all = SOURCES.iter().map(|s| (*s).to_owned());
            match notice {
                Notice::All => all.collect(),
                Notice::Sources(names) => all.filter(|s| names.contains(s)).collect(),
                Notice::Repository { .. } => all.take(1).collect(),
            }
        })
    }

    fn reconcile<'a>(&'a self, filter: &'a ResourceFilter, by: &'a str) -> BoxFuture<'a, Reconciled> {
        self.wishes.lock().unwrap().push((filter.clone(), by.to_owned()));
        Box::pin(async { Reconciled { resources: 3, targets: 2 } })
    }

    fn accept<'a>(
        &'a self,
        source: &'a str,
        revision: &'a str,
        by: &'a str,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if source != "infra" {
                return Err(format!("{source} holds no revision"));
            }
            let gate = self.gate.lock().unwrap().clone();
            if let Some(gate) = &gate {
                gate.begun.notify_one();
                gate.go_on.notified().await;
            }
            self.accepted.lock().unwrap().push((source.to_owned(), revision.to_owned(), by.to_owned()));
            if let Some(gate) = gate {
                gate.done.notify_one();
            }
            Ok(())
        })
    }

    /// The plan `0123456789ab` waits, `1123456789ab` was decided, others there are none.
    fn decide(&self, decision: Decision) -> BoxFuture<'_, Result<ApprovalRecord, Refusal>> {
        let refused = |kind, message: &str| {
            Err(Refusal { kind, message: message.to_owned(), hint: "see what waits".to_owned() })
        };
        let answer = match decision.plan.as_str() {
            "0123456789ab" => Ok(serde_json::from_value(approval(&decision.word)).unwrap()),
            "1123456789ab" => refused(RefusalKind::Conflict, "it was approved by kim already"),
            _ => refused(RefusalKind::Unknown, "no such plan waits"),
        };
        self.decisions.lock().unwrap().push(decision);
        Box::pin(async move { answer })
    }

    fn set_notified(&self, _: Notified) -> Answer<'_, ()> {
        Box::pin(async { Err(StoreError::Fenced) })
    }

    fn report(&self, _: NewEvent) {}

    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.hints.subscribe()
    }

    fn health(&self) -> Health {
        self.health.lock().unwrap().clone()
    }

    fn metrics(&self) -> Metrics {
        Metrics { resources: BTreeMap::from([("InSync".to_owned(), 7)]), ..Metrics::default() }
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

impl Memory {
    fn give<T: serde::de::DeserializeOwned + Send + 'static>(
        &self,
        asked: String,
        value: Value,
    ) -> Answer<'_, T> {
        self.asked.lock().unwrap().push(asked);
        let broken = *self.broken.lock().unwrap();
        Box::pin(async move {
            if broken {
                return Err(StoreError::Failed { message: "the disk is full".to_owned() });
            }
            Ok(serde_json::from_value(value).unwrap())
        })
    }
}

fn key() -> Value {
    json!({ "source": "infra", "target": "durian", "kind": "ZfsDataset", "name": "vm" })
}

fn merged(mut value: Value) -> Value {
    let Value::Object(mut all) = key() else { panic!("a map") };
    all.append(value.as_object_mut().unwrap());
    Value::Object(all)
}

fn source() -> Value {
    json!({
        "name": "infra", "url": "https://git.example/infra.git", "resources": 7, "targets": 2,
        "revision": { "id": "0123456789abcdef0123456789abcdef01234567", "reference": "refs/heads/main",
            "subject": "atime off", "author": "A <a@example>", "at": when(), "signer": "a@example" },
        "verdict": { "state": "held", "reasons": ["it would remove 5 of 7 resources"],
            "revision": { "id": "fedcba9876543210fedcba9876543210fedcba98" } },
        "checkedAt": when(), "since": when()
    })
}

fn field() -> Value {
    json!({ "path": ["properties", "atime"], "before": "on", "after": "off", "beforeText": "on", "afterText": "off" })
}

fn resource() -> Value {
    merged(json!({
        "object": "tank/vm", "location": { "file": "zfs.yaml", "line": 3, "column": 1 },
        "observedGeneration": 2, "digest": "d1", "fulfilled": "d0",
        "lastAttemptedRevision": "0123", "lastAppliedRevision": "0123",
        "conditions": [{ "type": "Ready", "status": "False", "reason": "Drifted", "message": "atime differs" }],
        "differs": [field()], "intent": "corrective", "observedAt": when(), "since": when(),
        "failures": 0, "next": when(), "corrections": { "properties.atime": [when()] }
    }))
}

fn run() -> Value {
    let id = json!({ "target": "durian", "kind": "ZfsDataset", "name": "vm" });
    json!({
        "id": 12, "source": "infra", "target": "durian", "trigger": "push", "by": "ci", "revision": "0123",
        "started": when(), "finished": when(), "state": "done",
        "entries": [{ "id": id, "object": "tank/vm", "intent": "corrective", "action": "update",
            "fields": [field()], "verdict": { "state": "applied" } }],
        "commands": [{ "target": "durian", "command": "zfs set atime=off tank/vm", "exit": 0 }],
        "summary": { "unchanged": 0, "applied": 1, "held": 0, "skipped": 0, "stale": 0, "drifted": 0,
            "failed": 0, "unknown": 0, "notStarted": 0, "commands": 1 }
    })
}

/// A change that was held, and what was said about it.
fn approval(word: &Word) -> Value {
    let id = json!({ "target": "durian", "kind": "ZfsDataset", "name": "vm" });
    let plan = "0123456789ab".repeat(6);
    let change = json!({
        "id": id, "object": "tank/vm", "location": { "file": "zfs.yaml", "line": 3, "column": 1 }, "level": 0,
        "action": "update", "risk": "disruptive", "plan": plan, "fields": [field()],
        "gate": { "state": "held", "reasons": ["atime=off is disruptive"], "approvable": "yes" },
    });
    let (state, said) = match word {
        Word::Approve { .. } => ("approved", "approval"),
        Word::Reject => ("rejected", "rejection"),
    };
    let mut record = json!({
        "plan": plan, "revision": "0123", "change": change, "since": when(), "state": state,
    });
    record[said] =
        json!({ "plan": plan, "by": "root", "reason": "as agreed", "at": when(), "until": when() });
    merged(record)
}

impl Store for Memory {
    fn claim<'a>(&'a self, _: &'a str, _: Timestamp, _: Timestamp) -> Answer<'a, Fence> {
        Box::pin(async { Err(StoreError::Fenced) })
    }

    fn release(&self, _: Fence) -> Answer<'_, ()> {
        Box::pin(async { Err(StoreError::Fenced) })
    }

    fn begin_run(&self, _: Fence, _: NewRun) -> Answer<'_, RunId> {
        Box::pin(async { Err(StoreError::Fenced) })
    }

    fn journal(&self, _: Fence, _: NewCommand) -> Answer<'_, ()> {
        Box::pin(async { Err(StoreError::Fenced) })
    }

    fn commit(&self, _: Fence, _: Batch) -> Answer<'_, Vec<Event>> {
        Box::pin(async { Err(StoreError::Fenced) })
    }

    fn unfinished_runs(&self) -> Answer<'_, Vec<RunRecord>> {
        Box::pin(async { Err(StoreError::Fenced) })
    }

    fn sources(&self) -> Answer<'_, Vec<SourceStatus>> {
        self.give("sources".to_owned(), json!([source()]))
    }

    fn resources<'a>(&'a self, filter: &'a ResourceFilter) -> Answer<'a, Vec<ResourceStatus>> {
        self.give(format!("{filter:?}"), json!([resource()]))
    }

    fn runs<'a>(&'a self, filter: &'a RunFilter) -> Answer<'a, Vec<RunRecord>> {
        self.give(format!("{filter:?}"), json!([run()]))
    }

    fn run(&self, id: RunId) -> Answer<'_, Option<(RunRecord, Vec<Journaled>)>> {
        let journal = json!([{ "target": "durian", "command": "zfs set atime=off tank/vm", "at": when() }]);
        let found = if id == RunId(12) { json!([run(), journal]) } else { Value::Null };
        self.give(format!("{id:?}"), found)
    }

    fn events<'a>(&'a self, filter: &'a EventFilter) -> Answer<'a, Vec<Event>> {
        let all = self.events.lock().unwrap();
        let fits = |e: &&Event| {
            let same = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
            filter.after.is_none_or(|after| e.seq > after)
                && same(&filter.about.target, &e.what.target)
                && same(&filter.about.name, &e.what.name)
        };
        let mut found: Vec<Event> = all.iter().filter(fits).cloned().collect();
        if let Some(last) = filter.last {
            found.drain(..found.len().saturating_sub(last));
        }
        found.truncate(filter.limit.unwrap_or(1000));
        drop(all);
        self.give(format!("{filter:?}"), serde_json::to_value(found).unwrap())
    }

    fn audit<'a>(&'a self, filter: &'a AuditFilter) -> Answer<'a, Vec<AuditLine>> {
        let line = json!({ "seq": 7, "at": when(), "previous": "aa", "hash": "bb", "record": "{\"seq\":7}" });
        self.give(format!("{filter:?}"), json!([line]))
    }

    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> Answer<'a, Vec<ApprovalRecord>> {
        self.give(format!("{filter:?}"), json!([approval(&Word::Reject)]))
    }

    fn inventory<'a>(&'a self, source: Option<&'a str>) -> Answer<'a, Vec<InventoryEntry>> {
        let managed = merged(json!({ "object": "tank/vm", "since": when(), "state": "managed" }));
        let leaving = merged(json!({
            "object": "tank/old", "since": when(), "state": "leaving", "leavingSince": when(), "message": "busy"
        }));
        self.give(format!("{source:?}"), json!([managed, leaving]))
    }

    fn observed_at<'a>(&'a self, filter: &'a ResourceFilter, at: Timestamp) -> Answer<'a, Vec<Observation>> {
        let seen =
            merged(json!({ "object": "tank/vm", "at": at, "state": { "properties": { "atime": "on" } } }));
        self.give(format!("{filter:?}"), json!([seen]))
    }

    fn observed<'a>(&'a self, key: &'a ResourceKey, _: usize) -> Answer<'a, Vec<Observation>> {
        self.give(format!("{key:?}"), json!([]))
    }

    fn notified<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Notified>> {
        Box::pin(async { Ok(None) })
    }

    fn set_notified(&self, _: Fence, _: Notified) -> Answer<'_, ()> {
        Box::pin(async { Err(StoreError::Fenced) })
    }

    fn expire(&self, _: Fence, _: HistorySpec, _: Timestamp) -> Answer<'_, u64> {
        Box::pin(async { Err(StoreError::Fenced) })
    }

    fn snapshot<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Snapshot>> {
        Box::pin(async { Ok(None) })
    }

    fn backup<'a>(&'a self, _: &'a Path) -> Answer<'a, ()> {
        Box::pin(async { Err(StoreError::Fenced) })
    }
}
