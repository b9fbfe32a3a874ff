//! A store as a controller leaves it: three sources, two targets, three runs, and what was seen.

use std::sync::Arc;

use evenkeel_core::condition::{Condition, ConditionType, Status};
use evenkeel_core::diagnostic::{Diagnostic, Location, Severity};
use evenkeel_core::diff::{FieldChange, FieldPath};
use evenkeel_core::plan::{Action, Field, InstanceId};
use evenkeel_engine::controller::{Intent, Trigger};
use evenkeel_engine::source::Revision;
use evenkeel_engine::store::{
    About, Batch, Fence, NewCommand, NewEvent, NewRun, Observation, ResourceKey, ResourceStatus, RunEntry,
    RunId, RunRecord, RunState, SourceStatus, SourceVerdict, Store, Weight,
};
use evenkeel_engine::{RunSummary, Sent, Verdict};
use evenkeel_store::{Mode, SqliteStore};
use evenkeel_tests::evenkeel::Workdir;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The revision in force.
pub(crate) const REVISION: &str = "3f2a9c1d77e0b1c2d3e4f5a6b7c8d9e0f1a2b3c4";

/// A revision that waits for a person.
pub(crate) const HELD: &str = "b7c8d9e0f1a2b3c43f2a9c1d77e0b1c2d3e4f5a6";

/// A folder with a configuration and the store that it names, which this process may write to.
pub(crate) struct Stored {
    pub(crate) work: Workdir,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) fence: Fence,
    pub(crate) runtime: Runtime,
}

/// A configuration, and an empty store.
pub(crate) fn empty() -> Stored {
    let work = Workdir::new();
    work.write(
        "evenkeel.yaml",
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Controller\nmetadata: { name: main }\nspec: { stateDirectory: state }\n---\n\
         apiVersion: evenkeel.dev/v1alpha1\nkind: GitSource\nmetadata: { name: site }\nspec: { url: https://git.example/site.git }\n",
    );
    let runtime = Runtime::new().unwrap();
    let store = Arc::new(SqliteStore::open(work.path().join("state/evenkeel.db"), Mode::Create).unwrap());
    let now = Timestamp::now();
    let fence = runtime.block_on(store.claim("the test", now, now + SignedDuration::from_hours(24))).unwrap();
    Stored { work, store, fence, runtime }
}

/// A store in which a day has been written down.
pub(crate) fn stored() -> Stored {
    let stored = empty();
    stored.runtime.block_on(async {
        let now = Timestamp::now();
        let batch = Batch {
            sources: sources(now),
            resources: resources(now),
            observations: observations(),
            events: events(),
            ..Batch::default()
        };
        stored.store.commit(stored.fence, batch).await.unwrap();
        for (new, record) in runs() {
            let id = stored.store.begin_run(stored.fence, new).await.unwrap();
            if record.state == RunState::Interrupted {
                for (nth, text) in
                    ["zfs set atime=off tank/scratch", "zfs set quota=10737418240 tank/scratch"]
                        .into_iter()
                        .enumerate()
                {
                    let at = record.started + SignedDuration::from_secs(i64::try_from(nth).unwrap());
                    stored.store.journal(stored.fence, command(id, &record, text, at)).await.unwrap();
                }
            }
            let mut batch = Batch::default();
            batch.end(RunRecord { id, ..record });
            stored.store.commit(stored.fence, batch).await.unwrap();
        }
    });
    stored
}

/// A command of a run on beta, for the dataset `scratch`.
fn command(run: RunId, record: &RunRecord, command: &str, at: Timestamp) -> NewCommand {
    NewCommand {
        run,
        source: record.source.clone(),
        target: "beta".into(),
        command: command.into(),
        at,
        revision: record.revision.clone(),
        trigger: record.trigger,
        by: record.by.clone(),
        about: vec![About::of(key("beta", "scratch").id)],
    }
}

/// A time on the day.
pub(crate) fn at(time: &str) -> Timestamp {
    format!("2026-11-01T{time}Z").parse().unwrap()
}

pub(crate) fn key(target: &str, name: &str) -> ResourceKey {
    let id = InstanceId { target: target.into(), kind: "ZfsDataset".into(), name: name.into() };
    ResourceKey { source: "site".into(), id }
}

fn revision(id: &str, subject: &str) -> Revision {
    Revision {
        id: id.into(),
        reference: Some("refs/heads/main".into()),
        subject: Some(subject.into()),
        author: None,
        at: None,
        signer: None,
    }
}

/// A span that is shown the same for half an hour.
fn days_ago(now: Timestamp, days: i64) -> Timestamp {
    now - SignedDuration::from_mins(days * 24 * 60 + 4 * 60 + 30)
}

fn sources(now: Timestamp) -> Vec<SourceStatus> {
    let source = |name: &str, verdict| SourceStatus {
        name: name.into(),
        url: format!("https://git.example/{name}.git"),
        revision: Some(revision(REVISION, "home: more quota")),
        resources: 3,
        targets: 2,
        verdict,
        checked_at: Some(now),
        since: days_ago(now, 2),
        suspended: false,
    };
    let problem = |line: usize, message: &str| Diagnostic {
        severity: Severity::Error,
        message: message.into(),
        location: Some(Location { file: "hosts/a.yaml".into(), line, column: 3 }),
        source_line: String::new(),
        length: 1,
        hint: None,
    };
    vec![
        source(
            "broken",
            SourceVerdict::Invalid {
                revision: revision(HELD, "a slip"),
                diagnostics: vec![problem(7, "unknown field `qota`"), problem(9, "another")],
            },
        ),
        source(
            "lab",
            SourceVerdict::Held {
                revision: revision(HELD, "all gone"),
                reasons: vec!["it would prune 40 of 100 resources".into()],
            },
        ),
        source("site", SourceVerdict::InForce),
    ]
}

/// How things stand with one resource.
pub(crate) fn status(
    key: ResourceKey,
    ready: Status,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> ResourceStatus {
    let condition = |kind, status| Condition { kind, status, reason: reason.into(), message: message.into() };
    ResourceStatus {
        object: format!("tank/{}", key.id.name),
        key,
        location: Some(Location { file: "hosts/a.yaml".into(), line: 3, column: 1 }),
        observed_generation: 1,
        digest: "d".into(),
        fulfilled: Some("d".into()),
        last_attempted_revision: REVISION.into(),
        last_applied_revision: Some(REVISION.into()),
        conditions: vec![
            condition(ConditionType::Ready, ready),
            condition(ConditionType::Reconciling, Status::False),
            condition(ConditionType::Stalled, Status::False),
        ],
        differs: Vec::new(),
        intent: None,
        attributions: Vec::new(),
        observed_at: Some(days_ago(now, 1)),
        since: days_ago(now, 2),
        failures: 0,
        failed: false,
        halted: None,
        next: Some(now + SignedDuration::from_mins(3 * 60 + 30)),
        health: Vec::new(),
        corrections: std::collections::BTreeMap::new(),
    }
}

fn resources(now: Timestamp) -> Vec<ResourceStatus> {
    vec![
        status(key("alpha", "home"), Status::True, "InSync", "as the manifest says", now),
        status(
            key("alpha", "vm"),
            Status::False,
            "Drifted",
            "properties.quota is 5 GiB, shall be 10 GiB\nand so on",
            now,
        ),
        status(key("beta", "scratch"), Status::True, "InSync", "as the manifest says", now),
    ]
}

fn observations() -> Vec<Observation> {
    let seen = |target: &str, name: &str, time: &str, state: Option<Value>| Observation {
        key: key(target, name),
        object: format!("tank/{name}"),
        at: at(time),
        state,
    };
    let vm = |atime: Value, quota: &str| Some(json!({ "properties": { "atime": atime, "quota": quota } }));
    let plain = || Some(json!({ "properties": { "compression": "lz4" } }));
    vec![
        seen("alpha", "home", "09:00:00", None),
        seen("alpha", "home", "10:00:02", plain()),
        seen("alpha", "old", "09:00:00", plain()),
        seen("alpha", "old", "12:30:00", None),
        seen("alpha", "vm", "09:00:00", vm(json!({ "value": "on", "source": "default" }), "10737418240")),
        seen("alpha", "vm", "10:00:02", vm(json!("off"), "10737418240")),
        seen("alpha", "vm", "11:30:00", vm(json!("off"), "5368709120")),
        seen("beta", "scratch", "12:00:00", plain()),
    ]
}

/// An event about a resource.
pub(crate) fn event(time: Timestamp, weight: Weight, reason: &str, message: &str, name: &str) -> NewEvent {
    NewEvent {
        at: time,
        weight,
        reason: reason.into(),
        message: message.into(),
        source: Some("site".into()),
        target: Some("alpha".into()),
        kind: Some("ZfsDataset".into()),
        name: Some(name.into()),
        revision: Some(REVISION.into()),
        run: None,
    }
}

fn events() -> Vec<NewEvent> {
    let in_force = NewEvent {
        target: None,
        kind: None,
        name: None,
        ..event(at("09:59:59"), Weight::Normal, "RevisionInForce", "3f2a9c1d77e0 is in force", "")
    };
    let applied = NewEvent {
        run: Some(RunId(1)),
        ..event(at("10:00:02"), Weight::Normal, "Applied", "tank/vm: properties.atime on -> off", "vm")
    };
    let drift =
        event(at("11:30:00"), Weight::Warning, "DriftFound", "tank/vm: properties.quota\nis 5 GiB", "vm");
    vec![in_force, applied, drift]
}

fn entry(
    name: &str,
    intent: Intent,
    action: Action,
    field: (&str, Value, &str, &str),
    verdict: Verdict,
) -> RunEntry {
    let (path, after, before_text, after_text) = field;
    let change = FieldChange { path: FieldPath::of(path.split('.')), before: None, after: Some(after) };
    RunEntry {
        id: key("alpha", name).id,
        object: format!("tank/{name}"),
        intent,
        action,
        fields: vec![Field { change, before_text: before_text.into(), after_text: after_text.into() }],
        verdict,
        approval: None,
    }
}

fn runs() -> Vec<(NewRun, RunRecord)> {
    let record = |new: &NewRun, state, entries, commands: &[(&str, Option<i32>)]| RunRecord {
        id: RunId(0),
        source: new.source.clone(),
        target: new.target.clone(),
        trigger: new.trigger,
        by: new.by.clone(),
        revision: new.revision.clone(),
        started: new.started,
        finished: Some(new.started + SignedDuration::from_secs(2)),
        state,
        entries,
        commands: commands
            .iter()
            .map(|(command, exit)| Sent {
                target: new.target.clone(),
                command: (*command).into(),
                exit: *exit,
            })
            .collect(),
        summary: RunSummary { commands: commands.len(), ..RunSummary::default() },
    };
    let new = |target: &str, trigger, by: Option<&str>, time: &str| NewRun {
        source: "site".into(),
        target: target.into(),
        trigger,
        by: by.map(str::to_owned),
        revision: REVISION.into(),
        started: at(time),
    };
    let atime = ("properties.atime", json!("off"), "on (default)", "off");
    let compression = ("properties.compression", json!("lz4"), "(absent)", "lz4");
    let quota = ("properties.quota", json!("10737418240"), "5 GiB", "10 GiB");
    let failed = Verdict::Failed { message: "zfs set: out of space".into(), hint: Some("free some".into()) };
    let pushed = new("alpha", Trigger::Push, None, "10:00:00");
    let asked = new("alpha", Trigger::Operator, Some("ops"), "12:00:00");
    let killed = new("beta", Trigger::Periodic, None, "13:00:00");
    let first = record(
        &pushed,
        RunState::Done,
        vec![
            entry("home", Intent::Intentional, Action::Create, compression, Verdict::Applied),
            entry("vm", Intent::Intentional, Action::Update, atime, Verdict::Applied),
        ],
        &[("zfs create -o compression=lz4 tank/home", Some(0)), ("zfs set atime=off tank/vm", Some(0))],
    );
    let second = record(
        &asked,
        RunState::Failed,
        vec![entry("vm", Intent::Corrective, Action::Update, quota, failed)],
        &[("zfs set quota=10737418240 tank/vm", Some(1))],
    );
    let third = record(&killed, RunState::Interrupted, Vec::new(), &[]);
    vec![(pushed, first), (asked, second), (killed, third)]
}
