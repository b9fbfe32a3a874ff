//! Records to write: each with every field filled, so that one which gets lost on the way is missed.

use evenkeel_core::condition::{Condition, ConditionType, Status};
use evenkeel_core::diagnostic::Location;
use evenkeel_core::diff::FieldPath;
use evenkeel_core::driver::Attribution;
use evenkeel_core::manifest::SourceFile;
use evenkeel_core::plan::{Action, InstanceId};
use evenkeel_engine::controller::{Intent, Trigger};
use evenkeel_engine::source::{Revision, Snapshot};
use evenkeel_engine::store::{
    About, AuditEntry, AuditFilter, Audited, Batch, Chain, Fence, InventoryEntry, InventoryState,
    NewAuditEntry, NewCommand, NewEvent, NewRun, Observation, ResourceFilter, ResourceKey, ResourceStatus,
    RunEntry, RunId, RunRecord, RunState, SourceStatus, SourceVerdict, Store, Weight,
};
use evenkeel_engine::{RunSummary, Sent, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// So many seconds after the beginning of the test's time, and a bit: stores must not round.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_790_000_000 + seconds, 123_456_789).unwrap()
}

/// So many days after the beginning of the test's time.
pub(crate) fn day(days: i64) -> Timestamp {
    at(days * 86_400)
}

/// The right to write, for as long as a test can last.
pub(crate) async fn fence(store: &dyn Store) -> Fence {
    store.claim("the test", at(0), at(0) + SignedDuration::from_hours(24 * 3650)).await.unwrap()
}

pub(crate) fn key(source: &str, target: &str, kind: &str, name: &str) -> ResourceKey {
    let id = InstanceId { target: target.into(), kind: kind.into(), name: name.into() };
    ResourceKey { source: source.into(), id }
}

fn attribution() -> Attribution {
    Attribution {
        fields: vec![FieldPath::of(["properties", "atime"])],
        by: Some("root@pve1".into()),
        at: Some(at(2)),
        how: "zfs set atime=on tank".into(),
        source: "zpool history".into(),
    }
}

pub(crate) fn resource(key: ResourceKey, generation: u64) -> ResourceStatus {
    let message = format!("generation {generation} of 'it' \"is\" — schön\n");
    ResourceStatus {
        object: format!("tank/{}", key.id.name),
        key,
        location: Some(Location { file: "hosts/a.yaml".into(), line: 7, column: 3 }),
        observed_generation: generation,
        digest: format!("digest-{generation}"),
        fulfilled: Some("digest-0".into()),
        last_attempted_revision: "abc".into(),
        last_applied_revision: Some("abb".into()),
        conditions: vec![Condition {
            kind: ConditionType::Ready,
            status: Status::True,
            reason: "InSync".into(),
            message,
        }],
        differs: vec![],
        intent: Some(Intent::Corrective),
        attributions: (generation > 2).then(attribution).into_iter().collect(),
        observed_at: Some(at(1)),
        since: at(0),
        failures: 2,
        next: Some(at(300)),
        // Stores of the first version, which hold generations 1 and 2, do not know it.
        failed: generation > 2,
        halted: (generation > 2).then(|| "naa.1 has 1 working paths, it had 2".to_owned()),
        health: Vec::new(),
        corrections: [("atime".to_owned(), vec![at(5), at(6)])].into(),
    }
}

pub(crate) fn revision(id: &str) -> Revision {
    Revision {
        id: id.into(),
        reference: Some("refs/heads/main".into()),
        subject: Some("a subject".into()),
        author: Some("A <a@example.org>".into()),
        at: Some(at(-60)),
        signer: Some("a key".into()),
    }
}

pub(crate) fn source(name: &str, resources: u64) -> SourceStatus {
    SourceStatus {
        name: name.into(),
        url: "ssh://git.example.org/x.git".into(),
        revision: Some(revision("abc")),
        resources,
        targets: 3,
        verdict: SourceVerdict::Held { revision: revision("abd"), reasons: vec!["too much".into()] },
        checked_at: Some(at(9)),
        since: at(8),
        suspended: false,
    }
}

pub(crate) fn snapshot(id: &str) -> Snapshot {
    let file = |path: &str, bytes: &[u8]| SourceFile { path: path.into(), bytes: bytes.into() };
    Snapshot {
        revision: revision(id),
        manifests: vec![file("z.yaml", b"kind: Z\n"), file("a.yaml", b"")],
        values: vec![file("values/b.yaml", id.as_bytes()), file("values/a.yaml", b"a: 1\n")],
        attachments: vec![file("secrets/key.age", &[0, 255, 13, 10, 0])],
    }
}

pub(crate) fn inventory(key: ResourceKey, leaving: bool) -> InventoryEntry {
    let state = if leaving {
        InventoryState::Leaving { since: at(4), message: "still busy".into() }
    } else {
        InventoryState::Managed
    };
    InventoryEntry { object: format!("tank/{}", key.id.name), key, since: at(2), state }
}

pub(crate) fn observation(key: ResourceKey, at: Timestamp, value: Option<i64>) -> Observation {
    let state = value.map(|v| json!({"quota": v, "set": {"atime": "off", "nothing": null}}));
    Observation { object: format!("tank/{}", key.id.name), key, at, state }
}

/// An event about everything that there is, or about nothing.
pub(crate) fn event(at: Timestamp, about: Option<ResourceKey>) -> NewEvent {
    let (source, id) = about.map(|key| (key.source, key.id)).unzip();
    let (target, kind, name) = match id {
        Some(id) => (Some(id.target), Some(id.kind), Some(id.name)),
        None => (None, None, None),
    };
    NewEvent {
        at,
        weight: Weight::Warning,
        reason: "DriftFound".into(),
        message: "somebody was here".into(),
        source,
        target,
        kind,
        name,
        revision: Some("abc".into()),
        run: Some(RunId(12)),
    }
}

pub(crate) fn new_run(source: &str, target: &str, started: Timestamp) -> NewRun {
    NewRun {
        source: source.into(),
        target: target.into(),
        trigger: Trigger::Push,
        by: Some("ops".into()),
        revision: "abc".into(),
        started,
    }
}

/// A command for a resource that the run's target has.
pub(crate) fn command(run: RunId, command: &str, at: Timestamp) -> NewCommand {
    let about = About {
        object: Some("tank/n".into()),
        location: Some(Location { file: "hosts/a.yaml".into(), line: 7, column: 3 }),
        action: Some(Action::Update),
        intent: Some(Intent::Corrective),
        fields: vec![FieldPath::of(["properties", "com.example:x"])],
        ..About::of(key("s", "t", "K", "n").id)
    };
    NewCommand {
        run,
        source: "s".into(),
        target: "t".into(),
        command: command.into(),
        at,
        revision: "abc".into(),
        trigger: Trigger::Push,
        by: Some("ops".into()),
        about: vec![about],
    }
}

/// A person's wish, for the audit log.
pub(crate) fn asked(at: Timestamp, by: &str) -> NewAuditEntry {
    let what = Audited::Asked { filter: ResourceFilter::default() };
    NewAuditEntry { by: Some(by.into()), ..NewAuditEntry::new(at, what) }
}

/// The whole audit log, every entry of which must fit.
pub(crate) async fn audit_log(store: &dyn Store) -> Vec<AuditEntry> {
    let filter = AuditFilter { limit: Some(usize::MAX), ..AuditFilter::default() };
    let lines = store.audit(&filter).await.unwrap();
    let mut chain = Chain::whole(None);
    for line in &lines {
        chain.add(line).unwrap();
    }
    lines.iter().map(|line| line.entry().unwrap()).collect()
}

/// A run that is as it begins.
pub(crate) fn begun(id: RunId, new: NewRun) -> RunRecord {
    RunRecord {
        id,
        source: new.source,
        target: new.target,
        trigger: new.trigger,
        by: new.by,
        revision: new.revision,
        started: new.started,
        finished: None,
        state: RunState::Running,
        entries: vec![],
        commands: vec![],
        summary: RunSummary::default(),
    }
}

/// The same run as it ends, having had to do with these kinds and names.
pub(crate) fn ended(run: RunRecord, finished: Timestamp, about: &[(&str, &str)]) -> RunRecord {
    let entry = |(kind, name): &(&str, &str)| RunEntry {
        id: InstanceId { target: run.target.clone(), kind: (*kind).into(), name: (*name).into() },
        object: format!("tank/{name}"),
        intent: Intent::Intentional,
        action: Action::Update,
        fields: vec![],
        verdict: Verdict::Failed { message: "busy".into(), hint: Some("wait".into()) },
        approval: None,
    };
    let sent = Sent { target: run.target.clone(), command: "zfs set a=b tank/x".into(), exit: Some(1) };
    RunRecord {
        finished: Some(finished),
        state: RunState::Failed,
        entries: about.iter().map(entry).collect(),
        commands: vec![sent],
        summary: RunSummary { failed: about.len(), commands: 1, ..RunSummary::default() },
        ..run
    }
}

/// Begins and ends a run.
pub(crate) async fn record_run(
    store: &dyn Store,
    fence: Fence,
    new: NewRun,
    finished: Timestamp,
    about: &[(&str, &str)],
) -> RunRecord {
    let id = store.begin_run(fence, new.clone()).await.unwrap();
    let run = ended(begun(id, new), finished, about);
    store.commit(fence, Batch { run: Some(run.clone()), ..Batch::default() }).await.unwrap();
    run
}
