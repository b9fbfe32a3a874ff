//! What is read.

use evenkeel_core::plan::InstanceId;
use evenkeel_engine::store::{
    Event, EventFilter, InventoryEntry, Journaled, Notified, Observation, ResourceFilter, ResourceKey,
    ResourceStatus, RunFilter, RunId, RunRecord, SourceStatus,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::de::DeserializeOwned;

use crate::fault::Fault;
use crate::filter::{self, Question};
use crate::time::{from_column, to_column};

/// What SQLite finds wrong with the file.
pub(crate) fn damage(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare("PRAGMA quick_check(10)")?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// Runs that began and did not end, in the order in which they began.
pub(crate) fn unfinished_runs(connection: &Connection) -> Result<Vec<RunRecord>, Fault> {
    let sql = "SELECT id, record FROM run WHERE running = 1 ORDER BY id";
    all(connection, Question { sql: sql.to_owned(), values: Vec::new() }, run_of)
}

/// The sources, by name.
pub(crate) fn sources(connection: &Connection) -> Result<Vec<SourceStatus>, Fault> {
    let sql = "SELECT record FROM source ORDER BY name";
    all(connection, Question { sql: sql.to_owned(), values: Vec::new() }, |row| record(row, "record"))
}

/// The resources that `filter` lets through, by their keys.
pub(crate) fn resources(
    connection: &Connection,
    filter: &ResourceFilter,
) -> Result<Vec<ResourceStatus>, Fault> {
    all(connection, filter::resources(filter), |row| record(row, "record"))
}

/// Runs, the newest first.
pub(crate) fn runs(connection: &Connection, filter: &RunFilter) -> Result<Vec<RunRecord>, Fault> {
    all(connection, filter::runs(filter), run_of)
}

/// One run, with its journal.
pub(crate) fn run(connection: &Connection, id: RunId) -> Result<Option<(RunRecord, Vec<Journaled>)>, Fault> {
    // Both out of one snapshot.
    let snapshot = connection.unchecked_transaction()?;
    let mut ask = snapshot.prepare_cached("SELECT id, record FROM run WHERE id = ?1")?;
    let Some(run) = ask.query_row([id.0], |row| Ok(run_of(row))).optional()? else { return Ok(None) };
    let sql = "SELECT target, command, at FROM journal WHERE run = ? ORDER BY id";
    let journal = all(&snapshot, Question { sql: sql.to_owned(), values: vec![id.0.into()] }, |row| {
        Ok(Journaled { target: row.get(0)?, command: row.get(1)?, at: from_column(row.get(2)?) })
    })?;
    Ok(Some((run?, journal)))
}

/// Events in the order of their numbers.
pub(crate) fn events(connection: &Connection, filter: &EventFilter) -> Result<Vec<Event>, Fault> {
    let mut events = all(connection, filter::events(filter), |row| {
        let seq: i64 = row.get("seq")?;
        Ok(Event { seq: seq.cast_unsigned(), what: record(row, "record")? })
    })?;
    if filter.last.is_some() {
        events.reverse();
    }
    Ok(events)
}

/// The inventory, by keys.
pub(crate) fn inventory(connection: &Connection, source: Option<&str>) -> Result<Vec<InventoryEntry>, Fault> {
    all(connection, filter::inventory(source), |row| record(row, "record"))
}

/// How far a notifier has told what happened.
pub(crate) fn notified(connection: &Connection, notifier: &str) -> Result<Option<Notified>, Fault> {
    let mut ask = connection.prepare_cached("SELECT seq, record FROM notified WHERE notifier = ?1")?;
    let read = |row: &Row<'_>| {
        let seq: i64 = row.get("seq")?;
        Ok((seq.cast_unsigned(), record(row, "record")))
    };
    let Some((seq, record)) = ask.query_row([notifier], read).optional()? else { return Ok(None) };
    Ok(Some(Notified { notifier: notifier.to_owned(), seq, record: record? }))
}

/// Of each object that `filter` lets through the last state seen until `at`, by keys.
pub(crate) fn observed_at(
    connection: &Connection,
    filter: &ResourceFilter,
    at: Timestamp,
) -> Result<Vec<Observation>, Fault> {
    all(connection, filter::observed_at(filter, to_column(at)), |row| {
        let id = InstanceId { target: row.get("target")?, kind: row.get("kind")?, name: row.get("name")? };
        observation(row, ResourceKey { source: row.get("source")?, id })
    })
}

/// The states of one object, the newest first.
pub(crate) fn observed(
    connection: &Connection,
    key: &ResourceKey,
    limit: usize,
) -> Result<Vec<Observation>, Fault> {
    let sql = "SELECT object, at, state FROM observation WHERE subject =
               (SELECT id FROM subject WHERE source = ?1 AND target = ?2 AND kind = ?3 AND name = ?4)
               ORDER BY at DESC LIMIT ?5";
    let mut ask = connection.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = ask.query(params![key.source, key.id.target, key.id.kind, key.id.name, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(observation(row, key.clone())?);
    }
    Ok(found)
}

fn all<T>(
    connection: &Connection,
    question: Question,
    read: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut ask = connection.prepare_cached(&question.sql)?;
    let mut rows = ask.query(params_from_iter(question.values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn run_of(row: &Row<'_>) -> Result<RunRecord, Fault> {
    let id = RunId(row.get("id")?);
    Ok(RunRecord { id, ..record(row, "record")? })
}

fn observation(row: &Row<'_>, key: ResourceKey) -> Result<Observation, Fault> {
    let absent = row.get_ref("state")? == rusqlite::types::ValueRef::Null;
    let state = if absent { None } else { Some(record(row, "state")?) };
    Ok(Observation { key, object: row.get("object")?, at: from_column(row.get("at")?), state })
}

/// The record in a column of JSON text.
pub(crate) fn record<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, Fault> {
    let unreadable = |why: String| {
        let what = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
        Fault::Other(format!(
            "a {what} in it cannot be read ({why}): it was written by a newer Evenkeel, or is damaged; use that one, or restore a backup"
        ))
    };
    let text = row.get_ref(column)?.as_str().map_err(|e| unreadable(e.to_string()))?;
    serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))
}
