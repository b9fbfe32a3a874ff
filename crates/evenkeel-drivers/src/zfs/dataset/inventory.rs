//! All datasets of a host: for import, and to find what left the manifests.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::{Found, Marked, ObserveError, Step};
use evenkeel_core::request::{Arg, Exec, Query, Replies, Request};
use serde_json::{Map, Value, json};

use super::property::{Settable, find, is_user};
use super::spec::{DatasetType, ZfsDatasetSpec};
use super::{MARK, mount, queries as reading, replace, steps};
use crate::zfs::command::FIELDS;
use crate::zfs::reply::failure::failed;
use crate::zfs::reply::get::{Said, Table};
use crate::zfs::reply::list::Names;
use crate::zfs::reply::local::LocalValues;

const TYPES: &str = "filesystem,volume";

pub(super) fn queries() -> Vec<Query> {
    vec![marks(), values(), names(), reading::altroots()]
}

/// Marks and names, but no values: reading all properties of all datasets takes a host four times as long.
pub(super) fn marked_queries() -> Vec<Query> {
    vec![marks(), names()]
}

/// Type and mark of every dataset, in a form that no value can fake.
fn marks() -> Query {
    let set = Arg::Set([MARK, "type"].map(str::to_owned).into());
    Query::reading(Request::Exec(Exec::new(["zfs", "get", "-Hp", "-o", FIELDS, "-t", TYPES]).arg(set)))
}

/// Refuses a list that the host gave up midway: what is missing from it may well be there.
fn all_marks(replies: &Replies) -> Result<Arc<Table>, ObserveError> {
    let query = marks();
    let reply = replies.get(&query)?;
    if reply.exit != 0 {
        return Err(failed(query.request(), reply));
    }
    replies.parsed(&query, Table::parse)
}

/// Every value that a dataset has of its own.
fn values() -> Query {
    let argv = ["zfs", "get", "-Hp", "-o", FIELDS, "-s", "local,received", "-t", TYPES, "all"];
    Query::reading(Request::Exec(Exec::new(argv)))
}

/// The names of everything, for what lies below a dataset.
fn names() -> Query {
    let argv = ["zfs", "list", "-Hp", "-o", "name", "-t", "filesystem,volume,snapshot"];
    Query::reading(Request::Exec(Exec::new(argv)))
}

pub(super) fn inventory(replies: &Replies) -> Result<Vec<Found>, ObserveError> {
    let marks = all_marks(replies)?;
    let values = replies.parsed(&values(), LocalValues::parse)?;
    let pools = replies.parsed(&reading::altroots(), Table::parse)?;
    let mut found = Vec::new();
    for name in marks.names() {
        // A dataset whose rows are broken is left out: neither ours to remove nor safe to describe.
        let Said::Rows(rows) = marks.of(name) else { continue };
        let kind = match rows.get("type").map(|row| row.value) {
            Some(b"filesystem") => DatasetType::Filesystem,
            Some(b"volume") => DatasetType::Volume,
            _ => continue,
        };
        let owner = replace::owner(rows).map(str::to_owned);
        found.push(Found { object: name.to_owned(), spec: describe(name, kind, &values, &pools), owner });
    }
    Ok(found)
}

pub(super) fn marked(replies: &Replies) -> Result<Vec<Marked>, ObserveError> {
    let marks = all_marks(replies)?;
    let owner = |name| match marks.of(name) {
        Said::Rows(rows) => replace::owner(rows),
        _ => None,
    };
    let marked = marks
        .names()
        .into_iter()
        .filter_map(|name| Some(Marked { object: name.to_owned(), owner: owner(name)?.to_owned() }));
    Ok(marked.collect())
}

/// The `spec` that leaves the dataset as it is.
fn describe(name: &str, kind: DatasetType, values: &LocalValues, pools: &Table) -> BTreeMap<String, Value> {
    let mut properties: Map<String, Value> = Map::new();
    for (property, value) in values.of(name) {
        let value = if property == "mountpoint" { mount::as_set(name, value, pools) } else { value };
        if let Some(text) = writable(property, value, kind) {
            properties.insert(property.to_owned(), Value::String(text));
        }
    }
    let mut spec = BTreeMap::from([("dataset".to_owned(), json!(name))]);
    if kind == DatasetType::Volume && !properties.contains_key("volsize") {
        spec.insert("type".to_owned(), json!(kind.word()));
    }
    if !properties.is_empty() {
        spec.insert("properties".to_owned(), Value::Object(properties));
    }
    spec
}

/// The value as a manifest has it; `None` for what cannot be written in one.
fn writable(name: &str, value: &str, kind: DatasetType) -> Option<String> {
    let known = find(name);
    let text = match known {
        Some(property) if property.settable == Settable::WithKey => return None,
        Some(property) => property.kind.shortest(&property.kind.seen(value, property.spellings)),
        None if is_user(name) => value.to_owned(),
        None => return None,
    };
    // What the check would refuse (a line break, the word `inherit`) is left out.
    let alone = ZfsDatasetSpec {
        dataset: "tank/any".to_owned(),
        kind: Some(kind),
        sparse: false,
        properties: [(name, text.as_str().into())].into_iter().collect(),
        wanted: std::sync::OnceLock::new(),
    };
    (alone.wanted().findings.is_empty() && alone.wanted().exactly(name).is_some()).then_some(text)
}

pub(super) fn removal(object: &str, keep: &[&str], replies: &Replies) -> Result<Vec<Step>, String> {
    let unknown = |error: ObserveError| format!("it is not known what lies in {object}: {error}");
    let marks = all_marks(replies).map_err(unknown)?;
    let names = replies.parsed(&names(), Names::parse).map_err(unknown)?;
    let owner = |name: &str| match marks.of(name) {
        Said::Rows(rows) => replace::owner(rows),
        _ => None,
    };
    let Some(ours) = owner(object) else { return Err(format!("{object} was not created by Evenkeel")) };
    if !object.contains('/') {
        return Err(format!("{object} is a pool's own dataset"));
    }
    if !names.contains(object) {
        return Err(format!("{object} is not in the list of datasets any more"));
    }
    let below = format!("{object}/");
    if let Some(wanted) = keep.iter().find(|kept| kept.starts_with(&below)) {
        return Err(format!("{object} stays: {wanted} lies in it, or will, and is in a manifest"));
    }
    for other in names.snapshots(object).chain(names.below(object)) {
        if other.contains('@') {
            return Err(format!(
                "{object} stays: {other} would go with it; destroy the snapshot by hand first"
            ));
        }
        if owner(other) != Some(ours) {
            return Err(format!("{object} stays: {other} lies in it and was not created by these manifests"));
        }
    }
    Ok(vec![steps::destroy(object)])
}
