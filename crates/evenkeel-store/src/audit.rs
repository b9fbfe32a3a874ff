//! The audit log: a chain of entries in a table that is only ever added to.

use evenkeel_engine::store::{AuditFilter, AuditLine, FIRST, NewAuditEntry};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use crate::fault::Fault;
use crate::time::{from_column, to_column};

/// How many entries are given where nobody says how many.
const ENTRIES: usize = 1000;

/// Adds entries, within a transaction that somebody else begins and ends.
pub(crate) fn append(connection: &Connection, entries: Vec<NewAuditEntry>) -> Result<(), Fault> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut ask = connection.prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?;
    let last = ask.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).optional()?;
    let mut last = last.map(|(seq, hash)| (seq.cast_unsigned(), hash));
    let sql = "INSERT INTO audit (seq, at, record, hash) VALUES (?1, ?2, ?3, ?4)";
    let mut add = connection.prepare_cached(sql)?;
    for entry in entries {
        let before = last.as_ref().map(|(seq, hash)| (*seq, hash.as_str()));
        let line = AuditLine::next(before, entry)
            .map_err(|e| Fault::Other(format!("an entry of the audit log cannot be written as JSON: {e}")))?;
        add.execute(params![line.seq.cast_signed(), to_column(line.at), line.record, line.hash])?;
        last = Some((line.seq, line.hash));
    }
    Ok(())
}

/// The entries that `filter` lets through, in the order of their numbers.
pub(crate) fn lines(connection: &Connection, filter: &AuditFilter) -> Result<Vec<AuditLine>, Fault> {
    let (sql, values) = question(filter);
    let mut ask = connection.prepare_cached(&sql)?;
    let mut rows = ask.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(line(row)?);
    }
    if filter.last.is_some() {
        found.reverse();
    }
    Ok(found)
}

/// As it stands there: whether it fits is for who goes through the chain.
fn line(row: &Row<'_>) -> Result<AuditLine, Fault> {
    let seq: i64 = row.get("seq")?;
    Ok(AuditLine {
        seq: seq.cast_unsigned(),
        at: from_column(row.get("at")?),
        previous: row.get::<_, Option<String>>("previous")?.unwrap_or_else(|| FIRST.to_owned()),
        hash: row.get("hash")?,
        record: row.get("record")?,
    })
}

fn question(filter: &AuditFilter) -> (String, Vec<Value>) {
    let mut sql = "SELECT seq, at, record, hash,
                     (SELECT p.hash FROM audit p WHERE p.seq = audit.seq - 1) AS previous
                   FROM audit WHERE true"
        .to_owned();
    let mut values: Vec<Value> = Vec::new();
    let mut and = |condition: &str, value: Value| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(after) = filter.after {
        and("seq > ?", i64::try_from(after).unwrap_or(i64::MAX).into());
    }
    if let Some(since) = filter.since {
        and("at >= ?", to_column(since).into());
    }
    if let Some(what) = &filter.what {
        and("json_valid(record) AND record ->> '$.what' = ?", what.clone().into());
    }
    let about = &filter.about;
    if let Some(source) = &about.source {
        and("json_valid(record) AND record ->> '$.source' = ?", source.clone().into());
    }
    let is_of_resource = about.kind.is_some() || about.name.is_some();
    if let Some(target) = about.target.as_ref().filter(|_| !is_of_resource) {
        and("json_valid(record) AND record ->> '$.target' = ?", target.clone().into());
    }
    if is_of_resource {
        let columns = [("target", &about.target), ("kind", &about.kind), ("name", &about.name)];
        let wanted: Vec<_> = columns.into_iter().filter_map(|(c, v)| Some((c, v.as_ref()?))).collect();
        let conditions: Vec<_> = wanted.iter().map(|(c, _)| format!("value ->> '$.{c}' = ?")).collect();
        // An entry that somebody damaged is no JSON any more, and is found by going through the chain.
        sql.push_str(" AND json_valid(record) AND EXISTS (SELECT 1 FROM json_each(record, '$.about') WHERE ");
        sql.push_str(&conditions.join(" AND "));
        sql.push(')');
        values.extend(wanted.into_iter().map(|(_, value)| Value::from(value.clone())));
    }
    let (order, limit) = match filter.last {
        Some(last) => (" ORDER BY seq DESC LIMIT ?", last.min(filter.limit.unwrap_or(last))),
        None => (" ORDER BY seq LIMIT ?", filter.limit.unwrap_or(ENTRIES)),
    };
    sql.push_str(order);
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    (sql, values)
}
