//! Putting a copy of a store in the place of the one that is there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use evenkeel_engine::store::{AuditFilter, Audited, Broken, Chain, NewAuditEntry, StoreError, Verified};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::fault::Fault;
use crate::schema::{self, Found, MIGRATIONS};
use crate::{audit, backup};

/// Entries of the audit log that are read at once.
const PAGE: usize = 1000;

/// What a restoration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where the store lies that was there before, if there was one.
    pub kept: Option<PathBuf>,
    /// The version of the tables that the copy had.
    pub version: u32,
    /// The audit log of the copy; `None` where it had none yet.
    pub audit: Option<Verified>,
    /// Runs that went on when the copy was made.
    pub unfinished: u64,
}

/// Puts the copy in `file` in the place of the store at `store`, which nobody may have open. The store that is there is
/// kept beside. Nothing is changed unless the copy is whole: a store of a known version, of which every page and every
/// entry of the audit log is as it was written.
///
/// Revisions in force are not put back: until each source is read, nothing is in force, or an old revision would be
/// enforced for that long. Nor are approvals, which may have been used since.
///
/// # Errors
/// [`StoreError::Missing`] where there is no copy, [`StoreError::Newer`] for one of a newer Evenkeel,
/// [`StoreError::Failed`] for anything else.
pub fn restore(file: &Path, store: &Path, now: Timestamp) -> Result<Restored, StoreError> {
    let name = file.display().to_string();
    if !file.is_file() {
        return Err(StoreError::Missing { file: name });
    }
    let part = beside(store, ".restore.part");
    let done = copied(file, &name, &part).and_then(|version| {
        let checked = prepare(&part)?;
        let (kept, head) = aside(store, now)?;
        finish(&part, store, file, kept.as_deref(), head, now)?;
        Ok(Restored { kept, version, audit: checked.audit, unfinished: checked.unfinished })
    });
    done.map_err(|fault| {
        // The copy of the copy is of no use to anybody.
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(beside(&part, suffix));
        }
        fault.on(&name)
    })
}

/// Copies it to `part`, and gives its version.
fn copied(file: &Path, name: &str, part: &Path) -> Result<u32, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = Connection::open_with_flags(file, flags)?;
    let Found::Version(version) = schema::found(&from, name, MIGRATIONS.len())? else {
        return Err(Fault::Other("there is nothing in it".to_owned()));
    };
    whole(&from)?;
    backup::replace(&from, part)?;
    Ok(version)
}

/// Reads every page and every index.
fn whole(connection: &Connection) -> Result<(), Fault> {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said == "ok" { Ok(()) } else { Err(Fault::Other(format!("it is damaged: {said}"))) }
}

/// A copy that nobody else knows of: it needs no log beside it.
fn opened(part: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(part, flags)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

struct Checked {
    audit: Option<Verified>,
    unfinished: u64,
}

/// Makes the copy fit to be used: of this version, held by nobody, and with nothing in force.
fn prepare(part: &Path) -> Result<Checked, Fault> {
    let mut connection = opened(part)?;
    schema::migrate(&mut connection, None, MIGRATIONS)?;
    let audit = verified(&connection)?;
    connection.execute("UPDATE claim SET holder = NULL, until = NULL WHERE id = 1", [])?;
    connection.execute("DELETE FROM snapshot", [])?;
    // One that was used since would count once more.
    connection.execute("DELETE FROM approval", [])?;
    let unfinished: i64 =
        connection.query_row("SELECT count(*) FROM run WHERE running = 1", [], |row| row.get(0))?;
    Ok(Checked { audit, unfinished: unfinished.cast_unsigned() })
}

/// Goes through the audit log; `None` where nothing was ever written to it.
fn verified(connection: &Connection) -> Result<Option<Verified>, Fault> {
    let mut chain = Chain::whole(None);
    let mut after = 0;
    loop {
        let filter = AuditFilter { after: Some(after), limit: Some(PAGE), ..AuditFilter::default() };
        let lines = audit::lines(connection, &filter)?;
        for line in &lines {
            chain.add(line).map_err(|broken| broken_log(&broken))?;
            after = line.seq;
        }
        if lines.len() < PAGE {
            break;
        }
    }
    match chain.end() {
        Ok(verified) => Ok(Some(verified)),
        Err(Broken::Empty) => Ok(None),
        Err(broken) => Err(broken_log(&broken)),
    }
}

fn broken_log(broken: &Broken) -> Fault {
    Fault::Other(format!("its audit log does not hold, so somebody changed it: {broken}"))
}

/// Keeps the store that is there under another name, with all that belongs to it. Gives that name, and the last hash of
/// its audit log.
fn aside(store: &Path, now: Timestamp) -> Result<(Option<PathBuf>, Option<String>), Fault> {
    if store.symlink_metadata().is_err() {
        return Ok((None, None));
    }
    let time = now.strftime("%Y%m%dT%H%M%SZ");
    let kept = beside(store, &format!(".before-restore-{time}"));
    if kept.symlink_metadata().is_ok() {
        return Err(Fault::Other(format!("{} exists already; try again in a second", kept.display())));
    }
    // A damaged store is moved with its log as it is.
    let head = folded(store).ok().flatten();
    let failed = |e: io::Error| {
        Fault::Other(format!("the store that is there could not be kept as {}: {e}", kept.display()))
    };
    for suffix in ["-wal", "-shm"] {
        match fs::rename(beside(store, suffix), beside(&kept, suffix)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
    }
    // A second name, so that at no time there is no store.
    fs::hard_link(store, &kept).or_else(|_| fs::copy(store, &kept).map(|_| ())).map_err(failed)?;
    Ok((Some(kept), head))
}

/// Puts a store's log into its one file. Gives the last hash of its audit log.
fn folded(store: &Path) -> Result<Option<String>, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(store, flags)?;
    connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    let ask = "SELECT hash FROM audit ORDER BY seq DESC LIMIT 1";
    Ok(connection.query_row(ask, [], |row| row.get(0)).optional()?)
}

/// Says in the audit log that it was restored, and puts the new store in its place.
fn finish(
    part: &Path,
    store: &Path,
    file: &Path,
    kept: Option<&Path>,
    head: Option<String>,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut connection = opened(part)?;
    let shown = |path: &Path| path.display().to_string();
    let what = Audited::Restored { file: shown(file), kept: kept.map(shown), head };
    let step = connection.transaction()?;
    audit::append(&step, vec![NewAuditEntry::new(now, what)])?;
    step.commit()?;
    connection.close().map_err(|(_, e)| Fault::from(e))?;
    let folder = store.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let placed = fs::rename(part, store).and_then(|()| File::open(folder)?.sync_all());
    placed.map_err(|e| Fault::Other(format!("it could not be put at {}: {e}", store.display())))
}

/// The file whose name goes on like this.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}
