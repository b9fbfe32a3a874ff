//! How a store's file is found, made and opened.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use evenkeel_engine::store::StoreError;
use rusqlite::{Connection, OpenFlags};

use crate::fault::Fault;
use crate::schema::{self, Found, MIGRATIONS};

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To write; what is missing of folder and file is made, for its owner only.
    Create,
    /// To write; it must be there.
    ReadWrite,
    /// To look, also while another process writes. Nothing is changed, not even an older form of the tables.
    ReadOnly,
}

/// How long a lock of another process is waited for. Ours are held for milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The write-ahead log is cut back to this size after a large commit.
const LOG_BYTES: i64 = 16 << 20;

/// The connections to one file.
pub(crate) struct Opened {
    pub(crate) file: PathBuf,
    pub(crate) writer: Option<Connection>,
    pub(crate) readers: Vec<Connection>,
}

/// Opens the store in `path`, with so many connections to read.
pub(crate) fn open(path: &Path, mode: Mode, readers: usize) -> Result<Opened, StoreError> {
    let name = path.display().to_string();
    let bad = |fault: Fault| fault.on(&name);
    // Absolute, since some relative names mean something else to SQLite, and the folder may change.
    let file = std::path::absolute(path).map_err(|e| bad(Fault::Other(e.to_string())))?;
    if mode == Mode::Create {
        make(&file).map_err(|e| bad(Fault::Other(format!("it cannot be created: {e}"))))?;
    }
    match fs::metadata(&file) {
        Ok(about) if about.is_dir() => return Err(bad(Fault::Other("this is a folder".to_owned()))),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing { file: name }),
        Err(e) => return Err(bad(Fault::Other(format!("it cannot be looked at: {e}")))),
    }
    let writer = match mode {
        Mode::Create | Mode::ReadWrite => Some(writer(&file, &name, mode).map_err(bad)?),
        Mode::ReadOnly => None,
    };
    let readers = (0..readers).map(|_| reader(&file, &name).map_err(bad)).collect::<Result<_, _>>()?;
    Ok(Opened { file, writer, readers })
}

/// An empty store in memory.
pub(crate) fn in_memory() -> Result<Connection, Fault> {
    let mut connection = Connection::open_in_memory()?;
    settle(&connection)?;
    schema::migrate(&mut connection, None, MIGRATIONS)?;
    Ok(connection)
}

fn make(file: &Path) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Before SQLite does, which would leave it to the umask who may read it. Its other files take over this mode.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => File::open(folder)?.sync_all(),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

fn writer(file: &Path, name: &str, mode: Mode) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let found = schema::found(&connection, name, MIGRATIONS.len())?;
    if found == Found::Empty {
        if mode != Mode::Create {
            return Err(StoreError::Missing { file: name.to_owned() }.into());
        }
        // Can be chosen only while there are no tables.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let journal: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !journal.eq_ignore_ascii_case("wal") {
        return Err(Fault::Other(
            "its file system cannot hold it (no shared memory, as on network shares); use a local disk"
                .to_owned(),
        ));
    }
    settle(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    schema::migrate(&mut connection, Some(file), MIGRATIONS)?;
    Ok(connection)
}

/// A connection to look only.
pub(crate) fn reader(file: &Path, name: &str) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(PATIENCE)?;
    match schema::found(&connection, name, MIGRATIONS.len())? {
        Found::Empty => return Err(StoreError::Missing { file: name.to_owned() }.into()),
        Found::Version(version) if (version as usize) < MIGRATIONS.len() => {
            return Err(Fault::Other(format!(
                "it was written by an older Evenkeel (schema {version}); `evenkeel serve` brings it up to date"
            )));
        }
        Found::Version(_) => {}
    }
    settle(&connection)?;
    Ok(connection)
}

fn settle(connection: &Connection) -> Result<(), Fault> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}
