//! What waits for a person's word, and what persons said.

use evenkeel_engine::store::{ApprovalFilter, ApprovalRecord};
use rusqlite::{Connection, params, params_from_iter};

use crate::fault::Fault;
use crate::filter;
use crate::read::record;
use crate::time::to_column;
use crate::write::json;

/// So many that are over are given where nobody says how many.
const OVER: usize = 100;

/// Writes one as it now is. One that is over and was never decided is removed.
pub(crate) fn put(connection: &Connection, record: &ApprovalRecord) -> Result<(), Fault> {
    let id = &record.key.id;
    let (source, since) = (&record.key.source, to_column(record.since));
    if record.ended.is_some() && !record.is_decided() {
        let sql = "DELETE FROM approval WHERE source = ?1 AND target = ?2 AND kind = ?3 AND name = ?4
                   AND plan = ?5 AND since = ?6";
        let row = params![source, id.target, id.kind, id.name, record.plan, since];
        connection.prepare_cached(sql)?.execute(row)?;
        return Ok(());
    }
    let sql = "INSERT INTO approval (source, target, kind, name, plan, since, ended, record)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT (source, target, kind, name, plan, since)
               DO UPDATE SET ended = excluded.ended, record = excluded.record";
    let ended = record.ended.map(to_column);
    let row = params![source, id.target, id.kind, id.name, record.plan, since, ended, json(record)?];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// Those that still count, the oldest first; then those that are over, the last first.
pub(crate) fn get(connection: &Connection, filter: &ApprovalFilter) -> Result<Vec<ApprovalRecord>, Fault> {
    // Both out of one snapshot: one that ends in between is neither missed nor told twice.
    let snapshot = connection.unchecked_transaction()?;
    let mut found = Vec::new();
    let over = (!filter.live).then(|| filter::approvals_over(&filter.about, filter.limit.unwrap_or(OVER)));
    for question in [Some(filter::approvals_live(&filter.about)), over].into_iter().flatten() {
        let mut ask = snapshot.prepare_cached(&question.sql)?;
        let mut rows = ask.query(params_from_iter(question.values))?;
        while let Some(row) = rows.next()? {
            found.push(record(row, "record")?);
        }
    }
    Ok(found)
}
