//! The snapshot of each source that is in force, file by file.

use evenkeel_core::manifest::SourceFile;
use evenkeel_engine::source::Snapshot;
use rusqlite::{Connection, OptionalExtension, params};

use crate::fault::Fault;
use crate::{read, write};

const MANIFEST: &str = "manifest";
const VALUES: &str = "values";
const ATTACHMENT: &str = "attachment";

/// Removes the snapshots of `sources`.
pub(crate) fn remove(connection: &Connection, sources: &[String]) -> Result<(), Fault> {
    for source in sources {
        connection.prepare_cached("DELETE FROM snapshot WHERE source = ?1")?.execute([source])?;
    }
    Ok(())
}

/// Puts a snapshot in the place of the one before.
pub(crate) fn put(connection: &Connection, source: &str, snapshot: &Snapshot) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM snapshot WHERE source = ?1")?.execute([source])?;
    let sql = "INSERT INTO snapshot (source, revision) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![source, write::json(&snapshot.revision)?])?;
    let sql = "INSERT INTO snapshot_file (source, part, path, bytes) VALUES (?1, ?2, ?3, ?4)";
    let mut add = connection.prepare_cached(sql)?;
    let parts =
        [(MANIFEST, &snapshot.manifests), (VALUES, &snapshot.values), (ATTACHMENT, &snapshot.attachments)];
    for (part, files) in parts {
        for file in files {
            add.execute(params![source, part, file.path, file.bytes])?;
        }
    }
    Ok(())
}

/// The snapshot of `source`.
pub(crate) fn get(connection: &Connection, source: &str) -> Result<Option<Snapshot>, Fault> {
    // All of it out of one state of the database.
    let view = connection.unchecked_transaction()?;
    let mut ask = view.prepare_cached("SELECT revision FROM snapshot WHERE source = ?1")?;
    let revision = ask.query_row([source], |row| Ok(read::record(row, "revision"))).optional()?;
    let Some(revision) = revision.transpose()? else { return Ok(None) };
    let files = |part: &str| -> Result<Vec<SourceFile>, Fault> {
        let sql = "SELECT path, bytes FROM snapshot_file WHERE source = ?1 AND part = ?2 ORDER BY id";
        let mut ask = view.prepare_cached(sql)?;
        let rows =
            ask.query_map([source, part], |row| Ok(SourceFile { path: row.get(0)?, bytes: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    Ok(Some(Snapshot {
        revision,
        manifests: files(MANIFEST)?,
        values: files(VALUES)?,
        attachments: files(ATTACHMENT)?,
    }))
}
