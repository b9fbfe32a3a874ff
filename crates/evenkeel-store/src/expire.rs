//! Forgetting what is old, in pieces that are short enough to let others write in between.

use rusqlite::{Connection, params};

use crate::fault::Fault;

/// So many runs go at once; each takes its entries and its journal with it.
pub(crate) const RUNS: u16 = 50;

/// So many events or observations go at once.
pub(crate) const ROWS: u16 = 1000;

/// So many subjects are looked at at once.
const SUBJECTS: u16 = 500;

/// Pages that are free and stay so, for what comes next; and how many are given back at once.
const SPARE_PAGES: i64 = 256;

/// Removes at most [`RUNS`] runs that ended before `cutoff`. Gives how many.
pub(crate) fn runs(connection: &Connection, cutoff: i64) -> Result<usize, Fault> {
    let sql = "DELETE FROM run WHERE id IN
               (SELECT id FROM run WHERE finished < ?1 ORDER BY finished LIMIT ?2)";
    Ok(connection.prepare_cached(sql)?.execute(params![cutoff, RUNS])?)
}

/// Removes at most [`ROWS`] decisions that were over before `cutoff`. Gives how many.
pub(crate) fn approvals(connection: &Connection, cutoff: i64) -> Result<usize, Fault> {
    let sql = "DELETE FROM approval WHERE id IN
               (SELECT id FROM approval WHERE ended < ?1 ORDER BY ended LIMIT ?2)";
    Ok(connection.prepare_cached(sql)?.execute(params![cutoff, ROWS])?)
}

/// Removes at most [`ROWS`] events from before `cutoff`. Gives how many.
pub(crate) fn events(connection: &Connection, cutoff: i64) -> Result<usize, Fault> {
    let sql = "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE at < ?1 ORDER BY at LIMIT ?2)";
    Ok(connection.prepare_cached(sql)?.execute(params![cutoff, ROWS])?)
}

/// How far the observations have been gone through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    /// The last subject that is done with.
    pub(crate) subject: i64,
    /// How many observations went in this piece.
    pub(crate) removed: usize,
    /// True where there are no more subjects.
    pub(crate) done: bool,
}

/// Goes on behind `subject` and removes what nobody can ask for any more: states that had been followed by another one by
/// `cutoff`, and all of an object that was gone by then. What was in force at `cutoff` stays, so that every question about
/// a later time has its answer.
pub(crate) fn observations(
    connection: &Connection,
    subject: i64,
    cutoff: i64,
    now: i64,
) -> Result<Progress, Fault> {
    let mut progress = Progress { subject, removed: 0, done: false };
    let subjects = subjects_after(connection, subject, cutoff)?;
    progress.done = subjects.len() < usize::from(SUBJECTS);
    for Subject { id, exists, gone, in_force } in subjects {
        match (exists, gone) {
            (true, Some(_)) => mark(connection, id, None)?,
            (false, None) => mark(connection, id, Some(now))?,
            _ => {}
        }
        let outlived = !exists && gone.is_some_and(|since| since < cutoff);
        let keep_from = if outlived { i64::MAX } else { in_force.unwrap_or(i64::MIN) };
        let sql = "DELETE FROM observation WHERE id IN
                   (SELECT id FROM observation WHERE subject = ?1 AND at < ?2 ORDER BY at LIMIT ?3)";
        let removed = connection.prepare_cached(sql)?.execute(params![id, keep_from, ROWS])?;
        progress.removed += removed;
        if removed == usize::from(ROWS) {
            // It may have more: the next piece begins with it again.
            progress.done = false;
            return Ok(progress);
        }
        if outlived {
            connection.prepare_cached("DELETE FROM subject WHERE id = ?1")?.execute([id])?;
        }
        progress.subject = id;
        if progress.removed >= usize::from(ROWS) {
            progress.done = false;
            return Ok(progress);
        }
    }
    Ok(progress)
}

/// Gives free pages back to the file system. True where there may be more.
pub(crate) fn shrink(connection: &Connection) -> Result<bool, Fault> {
    let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let before = free()?;
    if before <= SPARE_PAGES {
        return Ok(false);
    }
    // Each step of this statement frees one page, hence the loop.
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({SPARE_PAGES})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(free()? < before)
}

struct Subject {
    id: i64,
    exists: bool,
    gone: Option<i64>,
    /// When the observation was made that was the last one at the cutoff.
    in_force: Option<i64>,
}

fn subjects_after(connection: &Connection, subject: i64, cutoff: i64) -> Result<Vec<Subject>, Fault> {
    let sql = "SELECT s.id, s.gone,
                 EXISTS (SELECT 1 FROM resource r WHERE r.source = s.source AND r.target = s.target
                         AND r.kind = s.kind AND r.name = s.name)
                 OR EXISTS (SELECT 1 FROM inventory i WHERE i.source = s.source AND i.target = s.target
                            AND i.kind = s.kind AND i.name = s.name),
                 (SELECT max(o.at) FROM observation o WHERE o.subject = s.id AND o.at <= ?2)
               FROM subject s WHERE s.id > ?1 ORDER BY s.id LIMIT ?3";
    let mut ask = connection.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Subject { id: row.get(0)?, gone: row.get(1)?, exists: row.get(2)?, in_force: row.get(3)? })
    };
    let found = ask.query_map(params![subject, cutoff, SUBJECTS], read)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn mark(connection: &Connection, id: i64, gone: Option<i64>) -> Result<(), Fault> {
    connection.prepare_cached("UPDATE subject SET gone = ?2 WHERE id = ?1")?.execute(params![id, gone])?;
    Ok(())
}
