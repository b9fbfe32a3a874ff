//! What is read of a pool, and what it means.

use std::collections::BTreeMap;

use evenkeel_core::driver::{Found, ObserveError};
use evenkeel_core::request::{Query, Replies};
use serde_json::{Map, Value, json};

use super::table::{PROPERTIES, PoolProperty, find};
use super::{ZfsPoolSpec, ZfsPoolState};
use crate::zfs::command::zpool_get;
use crate::zfs::reply::failure::{quote, refused, unparsable};
use crate::zfs::reply::get::{Rows, Said, Source, Table};

/// Asked for with every pool, so that a spec without properties still learns whether the pool is there.
const HEALTH: &str = "health";

pub(super) fn query(spec: &ZfsPoolSpec) -> Query {
    zpool_get(spec.wanted().properties.keys().map(String::as_str).chain([HEALTH]))
}

pub(super) fn query_all() -> Query {
    zpool_get(PROPERTIES.iter().map(|p| p.name))
}

pub(super) fn observe(spec: &ZfsPoolSpec, replies: &Replies) -> Result<ZfsPoolState, ObserveError> {
    let query = query(spec);
    let table = replies.parsed(&query, Table::parse)?;
    let pool = &spec.pool;
    match table.of(pool) {
        Said::Rows(rows) => state(spec, rows, &query),
        // All pools were asked for, so the one that is not printed is not there.
        Said::Nothing => Err(ObserveError::Unfit {
            path: vec!["pool".to_owned()],
            message: format!("the pool {pool} is not imported on this host"),
            hint: Some(format!("`zpool import {pool}`, or create it: Evenkeel never creates pools")),
        }),
        Said::Refused(reason) => Err(refused(query.request(), pool, reason)),
        Said::Broken(problem) => Err(unparsable(query.request(), format!("{pool}: {problem}"))),
    }
}

fn state(spec: &ZfsPoolSpec, rows: Rows<'_>, query: &Query) -> Result<ZfsPoolState, ObserveError> {
    let mut properties = BTreeMap::new();
    for name in spec.wanted().properties.keys() {
        let (Some(row), Some(known)) = (rows.get(name), find(name)) else { continue };
        let value = str::from_utf8(row.value).map_err(|_| {
            unparsable(query.request(), format!("the value of `{name}` is not UTF-8: {}", quote(row.value)))
        })?;
        properties.insert(name.clone(), seen(known, value, row.source));
    }
    Ok(ZfsPoolState { properties })
}

fn seen(property: &PoolProperty, value: &str, source: Source) -> String {
    let unset = property.clearable && value == "-" && source != Source::Local;
    if unset { String::new() } else { property.kind.seen(value, &[]) }
}

pub(super) fn inventory(replies: &Replies) -> Result<Vec<Found>, ObserveError> {
    let table = replies.parsed(&query_all(), Table::parse)?;
    let found = table.names().into_iter().filter_map(|pool| {
        // A pool whose rows are broken cannot be described.
        let Said::Rows(rows) = table.of(pool) else { return None };
        let mut spec = BTreeMap::from([("pool".to_owned(), json!(pool))]);
        let properties = own_values(rows);
        if !properties.is_empty() {
            spec.insert("properties".to_owned(), Value::Object(properties));
        }
        Some(Found { object: pool.to_owned(), spec, owner: None })
    });
    Ok(found.collect())
}

/// What somebody set on the pool, as a manifest has it.
fn own_values(rows: Rows<'_>) -> Map<String, Value> {
    let mut values = Map::new();
    for property in PROPERTIES {
        let Some(row) = rows.get(property.name).filter(|row| row.source == Source::Local) else { continue };
        let Ok(value) = str::from_utf8(row.value) else { continue };
        if let Ok(normal) = property.kind.normalise(value, &[]) {
            values.insert(property.name.to_owned(), Value::String(normal));
        }
    }
    values
}
