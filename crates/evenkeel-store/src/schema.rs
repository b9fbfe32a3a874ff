//! The tables and how they came to be: numbered migrations, each in a transaction of its own.

use std::path::{Path, PathBuf};

use evenkeel_engine::store::StoreError;
use rusqlite::{Connection, TransactionBehavior};

use crate::backup;
use crate::fault::Fault;

/// In the header of every store, so that another program's database is not taken for one: `EvKl`.
const APPLICATION: i32 = 0x4576_4b6c;

/// The migrations, in order; the first makes version 1. One that has been released is never changed: a change of the
/// tables is a new file here, and a stored file of the version before it in `tests/stored/`.
pub(crate) const MIGRATIONS: &[&str] =
    &[include_str!("../migrations/0001_initial.sql"), include_str!("../migrations/0002_operations.sql")];

/// What a file is, before anything is changed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing was ever written to it.
    Empty,
    /// A store of this version.
    Version(u32),
}

/// Reads what a file is. Refuses what is no store, or one of a newer Evenkeel than that with `known` migrations.
pub(crate) fn found(connection: &Connection, file: &str, known: usize) -> Result<Found, Fault> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version, tables) =
        (pragma("application_id")?, pragma("user_version")?, pragma("schema_version")?);
    if application == 0 && version == 0 && tables == 0 {
        return Ok(Found::Empty);
    }
    let version = u32::try_from(version).unwrap_or(u32::MAX);
    if application != i64::from(APPLICATION) || version == 0 {
        return Err(Fault::Other("this is the database of another program".to_owned()));
    }
    let known = u32::try_from(known).unwrap_or(u32::MAX);
    if version > known {
        return Err(StoreError::Newer { file: file.to_owned(), found: version, known }.into());
    }
    Ok(Found::Version(version))
}

/// Brings the tables up to date. An older store is copied first, to the file beside it that
/// [`kept_before_migration`] names; `path` is `None` in memory.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: Option<&Path>,
    migrations: &[&str],
) -> Result<(), Fault> {
    let file = path.map(|p| p.display().to_string()).unwrap_or_default();
    let done = match found(connection, &file, migrations.len())? {
        Found::Empty => 0,
        Found::Version(version) => version,
    };
    if let (Some(path), true) = (path, done > 0 && (done as usize) < migrations.len()) {
        backup::replace(connection, &kept_before_migration(path, done))?;
    }
    for (number, sql) in (1_u32..).zip(migrations) {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Read again under the lock: another process may have been faster.
        let now: u32 = step.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if now < number {
            step.execute_batch(sql)?;
            step.pragma_update(None, "application_id", APPLICATION)?;
            step.pragma_update(None, "user_version", number)?;
        }
        step.commit()?;
    }
    Ok(())
}

/// Where the store of `version` is kept when it is brought up to date.
fn kept_before_migration(path: &Path, version: u32) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".v{version}"));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &str = "CREATE TABLE later (id INTEGER); INSERT INTO later SELECT fence FROM claim;";

    fn version(connection: &Connection) -> u32 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_store_is_copied_and_then_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, Some(&path), MIGRATIONS).unwrap();
        connection.execute("UPDATE claim SET fence = 7", []).unwrap();
        let old = version(&connection);
        let copy = kept_before_migration(&path, old);
        migrate(&mut connection, Some(&path), MIGRATIONS).unwrap();
        assert!(!copy.exists(), "nothing to do, nothing to copy");

        let more = [MIGRATIONS, &[NEXT]].concat();
        migrate(&mut connection, Some(&path), &more).unwrap();
        let id: i64 = connection.query_row("SELECT id FROM later", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&connection), id), (old + 1, 7));

        let copied = Connection::open(&copy).unwrap();
        let fence: i64 = copied.query_row("SELECT fence FROM claim", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&copied), fence), (old, 7));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_version_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        let more = [MIGRATIONS, &["CREATE TABLE half (id INTEGER); SELECT nothing FROM nowhere;"]].concat();
        assert!(migrate(&mut connection, None, &more).is_err());
        assert_eq!(version(&connection) as usize, MIGRATIONS.len());
        let half: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'half'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(half, 0);
    }
}
