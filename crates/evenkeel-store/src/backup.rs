//! Consistent copies of a store while work goes on.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::fault::Fault;

/// Copies the store to `file`, which must not exist yet.
pub(crate) fn create(from: &Connection, file: &Path) -> Result<(), Fault> {
    let exists =
        || Fault::Other(format!("{} exists already; name a new file for the backup", file.display()));
    if file.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let part = copy(from, file)?;
    // Unlike a rename, a link never takes the place of a file that appeared meanwhile.
    let linked = match fs::hard_link(&part, file) {
        Ok(()) => fs::remove_file(&part),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(given_up(&part, exists())),
        // File systems without links.
        Err(_) => fs::rename(&part, file),
    };
    linked.and_then(|()| sync_folder(file)).map_err(|e| given_up(&part, on_file(file, &e)))
}

/// Copies the store to `file`, in place of what is there.
pub(crate) fn replace(from: &Connection, file: &Path) -> Result<(), Fault> {
    let part = copy(from, file)?;
    let done = fs::rename(&part, file).and_then(|()| sync_folder(file));
    done.map_err(|e| given_up(&part, on_file(file, &e)))
}

/// Copies the store to a file beside `file`, whole and on disk, and gives its name.
fn copy(from: &Connection, file: &Path) -> Result<PathBuf, Fault> {
    let mut name = OsString::from(".");
    name.push(file.file_name().ok_or_else(|| Fault::Other("a backup needs the name of a file".to_owned()))?);
    name.push(format!(".{}.part", std::process::id()));
    let part = file.with_file_name(name);
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    made.map_err(|e| on_file(&part, &e))?;
    fill(from, &part).map_err(|fault| given_up(&part, fault))?;
    Ok(part)
}

fn fill(from: &Connection, part: &Path) -> Result<(), Fault> {
    let about = |fault: Fault| Fault::Other(fault.on(&part.display().to_string()).to_string());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut to = Connection::open_with_flags(part, flags).map_err(|e| about(e.into()))?;
    // In one go, hence out of one snapshot; in WAL mode that keeps nobody from writing.
    let step = Backup::new(from, &mut to)?.step(-1).map_err(|e| about(e.into()))?;
    if step != StepResult::Done {
        return Err(Fault::Other("another process keeps it locked; the backup was not made".to_owned()));
    }
    // One plain file, which can also be read where nothing can be written.
    to.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(|e| about(e.into()))?;
    to.close().map_err(|(_, e)| about(e.into()))?;
    File::open(part).and_then(|f| f.sync_all()).map_err(|e| on_file(part, &e))
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Removes the half-made copy. Where that fails too, what failed first is more worth saying.
fn given_up(part: &Path, fault: Fault) -> Fault {
    let _ = fs::remove_file(part);
    fault
}

fn on_file(file: &Path, error: &io::Error) -> Fault {
    Fault::Other(format!("the backup {} cannot be written: {error}", file.display()))
}
