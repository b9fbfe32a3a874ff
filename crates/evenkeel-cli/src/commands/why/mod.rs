//! `evenkeel why`

mod account;
mod named;

pub(crate) use account::{Account, Deed, FieldAccount};

use std::collections::BTreeMap;

use evenkeel_core::manifest::load;
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::source::{Revision, Snapshot};
use evenkeel_engine::store::{AuditEntry, AuditFilter, Audited, ResourceFilter, ResourceKey};
use evenkeel_engine::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::audit::understood;
use crate::args::{Output, Why as Args};
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::memory::Memory;
use crate::picked::Known;
use crate::session;
use crate::ui;
use account::{Evidence, Wanted};
use named::Named;

/// Entries of the audit log that are read at once.
const PAGE: usize = 1000;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let memory = Place::of(&args.controller)?.memory()?;
    let account = match session::block_on_reading(read(&memory, args)) {
        Ok(found) => found?,
        Err(interrupted) => return Ok(interrupted),
    };
    match output {
        Output::Human => ui::show_why(&account),
        Output::Json => ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "why": account }))?,
    }
    Ok(Exit::Done)
}

async fn read(memory: &Memory, args: &Args) -> Result<Account, CliError> {
    let known = Known::of(memory).await?;
    let Named { key, field } = named::find(&args.resource, &args.within, &known)?;
    let status = known.resources.iter().find(|status| status.key == key);
    let filter = AuditFilter { about: about(&key), ..AuditFilter::default() };
    let entries = entries(memory, filter).await?;
    let source = ResourceFilter { source: Some(key.source.clone()), ..ResourceFilter::default() };
    let what = Some("revisionInForce".to_owned());
    let revisions =
        self::entries(memory, AuditFilter { what, about: source, ..AuditFilter::default() }).await?;
    let snapshot = memory.snapshot(&key.source).await?;
    let evidence = Evidence {
        wanted: snapshot.as_ref().map(|snapshot| wanted(snapshot, &key)).unwrap_or_default(),
        in_force: known.sources.iter().find(|s| s.name == key.source).and_then(|s| s.revision.clone()),
        revisions: revisions.iter().filter_map(revision).collect(),
        entries,
        status: status.cloned(),
    };
    let account = Account::of(key, evidence);
    match field {
        None => Ok(account),
        Some(field) => account.only(&field),
    }
}

fn about(key: &ResourceKey) -> ResourceFilter {
    ResourceFilter { source: Some(key.source.clone()), ..ResourceFilter::from(&key.id) }
}

/// All entries that the filter lets through.
async fn entries(memory: &Memory, filter: AuditFilter) -> Result<Vec<AuditEntry>, CliError> {
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let filter = AuditFilter { after: Some(after), limit: Some(PAGE), ..filter.clone() };
        let lines = memory.audit(&filter).await?;
        for line in &lines {
            after = line.seq;
            found.push(understood(line)?);
        }
        if lines.len() < PAGE {
            return Ok(found);
        }
    }
}

fn revision(entry: &AuditEntry) -> Option<(String, Revision)> {
    match &entry.entry.what {
        Audited::RevisionInForce { commit } => Some((commit.id.clone(), commit.clone())),
        _ => None,
    }
}

/// What the manifests in force want of a resource, field by field, with the places. Nothing where they cannot be read:
/// the controller says that by itself.
fn wanted(snapshot: &Snapshot, key: &ResourceKey) -> Vec<Wanted> {
    let now = SystemClock.now();
    let loaded = load(&evenkeel_drivers::registry(), &snapshot.manifests, &snapshot.values, now);
    let Some(instance) = loaded.instances.iter().find(|instance| instance.id == key.id) else {
        return Vec::new();
    };
    let claims = instance.driver.object(&instance.spec, now).claims;
    let mut fields = BTreeMap::new();
    for (path, value) in claims {
        let text = instance.driver.show(&path, &value).unwrap_or_else(|| plain(&value));
        fields.insert(path, text);
    }
    let located = |(path, value): (evenkeel_core::diff::FieldPath, String)| {
        let location = instance.node.locate_field(path.keys());
        Wanted { path, value, location }
    };
    fields.into_iter().map(located).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "absent".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
