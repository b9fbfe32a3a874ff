//! What is written, within a transaction that somebody else begins and ends.

use std::path::Path;

use evenkeel_engine::RunSummary;
use evenkeel_engine::store::{
    Batch, Event, Fence, NewCommand, NewEvent, NewRun, Notified, Observation, ResourceKey, RunId, RunRecord,
    RunState, StoreError,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use crate::approval;
use crate::audit;
use crate::fault::Fault;
use crate::snapshot;
use crate::time::{from_column, to_column};

/// Takes or prolongs the right to write.
pub(crate) fn claim(
    connection: &Connection,
    holder: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Fence, Fault> {
    let mut ask = connection.prepare_cached("SELECT fence, holder, until FROM claim WHERE id = 1")?;
    let (fence, held_by, held_until): (i64, Option<String>, Option<i64>) =
        ask.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let fence = match (held_by, held_until.map(from_column)) {
        (Some(other), Some(end)) if other != holder && end > now => {
            return Err(StoreError::Held { holder: other, until: end }.into());
        }
        (Some(same), _) if same == holder => fence,
        _ => fence + 1,
    };
    connection
        .prepare_cached("UPDATE claim SET fence = ?1, holder = ?2, until = ?3 WHERE id = 1")?
        .execute(params![fence, holder, to_column(until)])?;
    Ok(Fence(fence.cast_unsigned()))
}

/// Gives the right up.
pub(crate) fn release(connection: &Connection, fence: Fence) -> Result<(), Fault> {
    check(connection, fence)?;
    connection.prepare_cached("UPDATE claim SET holder = NULL, until = NULL WHERE id = 1")?.execute([])?;
    Ok(())
}

/// Refuses a writer that lost the right, or gave it up; and one whose file somebody removed, who would write to nobody.
pub(crate) fn check(connection: &Connection, fence: Fence) -> Result<(), Fault> {
    if connection.path().is_some_and(|path| !path.is_empty() && !Path::new(path).exists()) {
        let said = "its file was removed while it was in use; stop the controller and restore a backup";
        return Err(Fault::Other(said.to_owned()));
    }
    let mut ask = connection.prepare_cached("SELECT 1 FROM claim WHERE fence = ?1 AND holder IS NOT NULL")?;
    if ask.exists([fence.0.cast_signed()])? { Ok(()) } else { Err(StoreError::Fenced.into()) }
}

/// Writes down that a run begins.
pub(crate) fn begin_run(connection: &Connection, run: NewRun) -> Result<RunId, Fault> {
    let record = RunRecord {
        id: RunId(0), // Read back from its column.
        source: run.source,
        target: run.target,
        trigger: run.trigger,
        by: run.by,
        revision: run.revision,
        started: run.started,
        finished: None,
        state: RunState::Running,
        entries: Vec::new(),
        commands: Vec::new(),
        summary: RunSummary::default(),
    };
    let sql = "INSERT INTO run (source, target, running, record) VALUES (?1, ?2, 1, ?3)";
    connection.prepare_cached(sql)?.execute(params![record.source, record.target, json(&record)?])?;
    Ok(RunId(connection.last_insert_rowid()))
}

/// Writes down that a command is about to be sent: for the run, and for ever.
pub(crate) fn journal(connection: &Connection, new: NewCommand) -> Result<(), Fault> {
    let run = new.run;
    let known = connection.prepare_cached("SELECT 1 FROM run WHERE id = ?1")?.exists([run.0])?;
    if !known {
        return Err(unknown_run(run));
    }
    let sql = "INSERT INTO journal (run, target, command, at) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![run.0, new.target, new.command, to_column(new.at)])?;
    audit::append(connection, vec![new.into()])
}

/// Writes a batch. What is gone goes before what is there is written.
pub(crate) fn commit(connection: &Connection, batch: Batch) -> Result<Vec<Event>, Fault> {
    // By name, so that a new part cannot be forgotten here.
    let Batch {
        run,
        resources,
        gone,
        sources,
        snapshots,
        gone_sources,
        inventory,
        released,
        observations,
        approvals,
        events,
        audit,
    } = batch;
    for name in &gone_sources {
        connection.prepare_cached("DELETE FROM source WHERE name = ?1")?.execute([name])?;
    }
    snapshot::remove(connection, &gone_sources)?;
    for (source, content) in &snapshots {
        snapshot::put(connection, source, content)?;
    }
    for source in &sources {
        let sql = "INSERT INTO source (name, record) VALUES (?1, ?2)
                   ON CONFLICT (name) DO UPDATE SET record = excluded.record";
        connection.prepare_cached(sql)?.execute(params![source.name, json(source)?])?;
    }
    put_keyed(connection, "resource", &gone, resources.iter().map(|r| (&r.key, r)))?;
    put_keyed(connection, "inventory", &released, inventory.iter().map(|e| (&e.key, e)))?;
    for record in &approvals {
        approval::put(connection, record)?;
    }
    for observation in &observations {
        put_observation(connection, observation)?;
    }
    if let Some(run) = &run {
        put_run(connection, run)?;
    }
    audit::append(connection, audit)?;
    events.into_iter().map(|event| put_event(connection, event)).collect()
}

/// Writes down how far a notifier has told what happened. Refused once another writer took over.
pub(crate) fn set_notified(connection: &Connection, fence: Fence, notified: &Notified) -> Result<(), Fault> {
    // Nobody holds the one that a new store begins with.
    let mut ask = connection.prepare_cached("SELECT 1 FROM claim WHERE fence = ?1 AND fence > 0")?;
    if !ask.exists([fence.0.cast_signed()])? {
        return Err(StoreError::Fenced.into());
    }
    let sql = "INSERT INTO notified (notifier, seq, record) VALUES (?1, ?2, ?3)
               ON CONFLICT (notifier) DO UPDATE SET seq = excluded.seq, record = excluded.record";
    let row = params![notified.notifier, notified.seq.cast_signed(), json(&notified.record)?];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

fn put_run(connection: &Connection, run: &RunRecord) -> Result<(), Fault> {
    let sql =
        "UPDATE run SET source = ?2, target = ?3, finished = ?4, running = ?5, record = ?6 WHERE id = ?1";
    let running = run.state == RunState::Running;
    let finished = run.finished.map(to_column);
    let row = params![run.id.0, run.source, run.target, finished, running, json(run)?];
    if connection.prepare_cached(sql)?.execute(row)? == 0 {
        return Err(unknown_run(run.id));
    }
    connection.prepare_cached("DELETE FROM run_entry WHERE run = ?1")?.execute([run.id.0])?;
    let sql = "INSERT INTO run_entry (run, kind, name) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let mut put = connection.prepare_cached(sql)?;
    for entry in &run.entries {
        put.execute(params![run.id.0, entry.id.kind, entry.id.name])?;
    }
    Ok(())
}

/// Removes and writes rows of a table whose columns are a resource's key and a record.
fn put_keyed<'r, R: Serialize + 'r>(
    connection: &Connection,
    table: &str,
    gone: &[ResourceKey],
    rows: impl Iterator<Item = (&'r ResourceKey, &'r R)>,
) -> Result<(), Fault> {
    let mut remove = connection.prepare_cached(&format!(
        "DELETE FROM {table} WHERE source = ?1 AND target = ?2 AND kind = ?3 AND name = ?4"
    ))?;
    for key in gone {
        remove.execute(columns(key))?;
    }
    let mut put = connection.prepare_cached(&format!(
        "INSERT INTO {table} (source, target, kind, name, record) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (source, target, kind, name) DO UPDATE SET record = excluded.record"
    ))?;
    for (key, row) in rows {
        let [source, target, kind, name] = columns(key);
        put.execute([source, target, kind, name, &json(row)?])?;
    }
    Ok(())
}

fn put_observation(connection: &Connection, observation: &Observation) -> Result<(), Fault> {
    let find = "SELECT id FROM subject WHERE source = ?1 AND target = ?2 AND kind = ?3 AND name = ?4";
    let key = columns(&observation.key);
    let known: Option<i64> = connection.prepare_cached(find)?.query_row(key, |row| row.get(0)).optional()?;
    let subject = if let Some(id) = known {
        id
    } else {
        let add = "INSERT INTO subject (source, target, kind, name) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(add)?.execute(key)?;
        connection.last_insert_rowid()
    };
    let state = observation.state.as_ref().map(json).transpose()?;
    let sql = "INSERT INTO observation (subject, at, object, state) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (subject, at) DO UPDATE SET object = excluded.object, state = excluded.state";
    let row = params![subject, to_column(observation.at), observation.object, state];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

fn put_event(connection: &Connection, what: NewEvent) -> Result<Event, Fault> {
    let sql = "INSERT INTO event (at, source, target, kind, name, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let row = params![to_column(what.at), what.source, what.target, what.kind, what.name, json(&what)?];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(Event { seq: connection.last_insert_rowid().cast_unsigned(), what })
}

fn columns(key: &ResourceKey) -> [&str; 4] {
    [&key.source, &key.id.target, &key.id.kind, &key.id.name]
}

/// A record as it stands in a column.
pub(crate) fn json(record: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(record)
        .map_err(|e| Fault::Other(format!("a record cannot be written as JSON: {e}")))
}

fn unknown_run(run: RunId) -> Fault {
    Fault::Other(format!("there is no run {run}"))
}
