//! `evenkeel inventory`: what there is on a vCenter or an ESXi host.

use std::sync::Arc;

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_core::request::Replies;
use evenkeel_core::target::Target;
use evenkeel_drivers::vsphere::inventory::{self, Contents, Inventory, Snapshot};
use evenkeel_engine::{Clock as _, Engine, Stop, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::{Inventory as Args, Manifests, Output};
use crate::error::CliError;
use crate::exit::Exit;
use crate::select::unknown_target;
use crate::session::{self, Workspace};
use crate::ui::{self, Bars};

/// A limit that is too long to be a time says that nothing is too old.
const FOREVER: SignedDuration = SignedDuration::MAX;

/// When snapshots are too old, and when that is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) now: Timestamp,
    pub(crate) age: SignedDuration,
}

impl Limit {
    /// Whether a snapshot is too old. `None`: it is not known how old it is.
    pub(crate) fn is_exceeded_by(self, snapshot: &Snapshot) -> Option<bool> {
        snapshot.is_older(self.age, self.now)
    }
}

/// The document of `inventory`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    format_version: u32,
    target: &'a str,
    server: &'a inventory::Server,
    hosts: &'a [inventory::Host],
    datastores: Option<&'a [inventory::Datastore]>,
    virtual_machines: Option<&'a [inventory::Machine]>,
    snapshots: Option<Vec<Value>>,
    snapshots_older_than_seconds: i64,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let registry = evenkeel_drivers::registry();
    let manifests =
        Manifests { paths: args.paths.clone(), values: args.values.clone(), label: vec![], target: vec![] };
    let workspace = session::open(&manifests, &registry)?;
    let target = target(&workspace, &args.target)?;
    let bars = Arc::new(Bars::new());
    let transport =
        session::transport(&args.reach, &session::credentials(&args.reach, workspace.secrets.clone()));
    let engine = session::engine(transport, Arc::clone(&bars) as _, &Stop::default());
    let read = session::read_by(&engine, read(&engine, &workspace, target));
    bars.clear();
    let inventory = match read {
        Ok(inventory) => inventory?,
        Err(interrupted) => return Ok(interrupted),
    };
    let age = SignedDuration::try_from(std::time::Duration::from(args.snapshots_older_than));
    let limit = Limit { now: SystemClock.now(), age: age.unwrap_or(FOREVER) };
    match output {
        Output::Human => ui::show_inventory(&target.name, &inventory, limit),
        Output::Json => ui::print_json(&document(&target.name, &inventory, limit))?,
    }
    Ok(if args.check { exit(inventory.contents.as_ref(), limit) } else { Exit::Done })
}

/// The target of this name, where it can have an inventory.
fn target<'w>(workspace: &'w Workspace, name: &str) -> Result<&'w Target, CliError> {
    let targets = &workspace.scope.targets;
    let target = targets.get(name).ok_or_else(|| unknown_target(name, targets.keys()))?;
    if target.runs_commands() || target.spec.vsphere.is_some() {
        return Ok(target);
    }
    Err(CliError::new(format!("{name} ({}) is no vCenter and no ESXi host", target.address()))
        .hint("an inventory is read of targets with `vsphere`, and of ESXi hosts with `ssh`"))
}

async fn read(engine: &Engine, workspace: &Workspace, target: &Target) -> Result<Inventory, CliError> {
    let query = inventory::query(target.way());
    let answer = engine.query(&workspace.scope, &target.name, &query).await;
    let mut replies = Replies::of(target.way());
    replies.insert(query, answer);
    inventory::read(&replies).map_err(|error| {
        let hint = error.hint().map(str::to_owned);
        CliError::new(format!("cannot read the inventory of {}", target.name))
            .because(error)
            .hint_if_any(hint)
    })
}

fn document<'a>(target: &'a str, inventory: &'a Inventory, limit: Limit) -> Document<'a> {
    let contents = inventory.contents.as_ref();
    let snapshot = |snapshot: &Snapshot| {
        let mut document = json!(snapshot);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("ageSeconds".to_owned(), json!(snapshot.age(limit.now).map(|age| age.as_secs())));
            fields.insert("old".to_owned(), json!(limit.is_exceeded_by(snapshot)));
        }
        document
    };
    Document {
        format_version: FORMAT_VERSION,
        target,
        server: &inventory.server,
        hosts: &inventory.hosts,
        datastores: contents.map(|contents| contents.datastores.as_slice()),
        virtual_machines: contents.map(|contents| contents.machines.as_slice()),
        snapshots: contents.map(|contents| contents.snapshots.iter().map(snapshot).collect()),
        snapshots_older_than_seconds: limit.age.as_secs(),
    }
}

/// What `--check` says. What is not known is not good.
fn exit(contents: Option<&Contents>, limit: Limit) -> Exit {
    let Some(contents) = contents else { return Exit::Error };
    let mut known = contents.unread().next().is_none();
    for snapshot in &contents.snapshots {
        match limit.is_exceeded_by(snapshot) {
            Some(true) => return Exit::Pending,
            Some(false) => {}
            None => known = false,
        }
    }
    if known { Exit::Done } else { Exit::Error }
}
