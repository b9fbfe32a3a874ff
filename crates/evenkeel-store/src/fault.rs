//! What can go wrong with the file, and how it is said.

use evenkeel_engine::store::StoreError;
use rusqlite::ErrorCode;

/// Why a piece of work on the database failed. It becomes a [`StoreError`] where the file's name is known.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite said no.
    Sql(rusqlite::Error),
    /// Something with a name of its own in the port.
    Store(StoreError),
    /// Anything else, as the second half of a sentence that begins with the file.
    Other(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

impl Fault {
    /// What it means for the store in `file`.
    pub(crate) fn on(self, file: &str) -> StoreError {
        let why = match self {
            Fault::Store(error) => return error,
            Fault::Other(why) => why,
            Fault::Sql(error) => reason(&error),
        };
        StoreError::Failed { message: format!("the store {file}: {why}") }
    }
}

fn reason(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; make room, then it goes on by itself".to_owned(),
        Some(ErrorCode::ReadOnly) => {
            "it is read-only; see to its permissions and to those of its folder".to_owned()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process keeps it locked; look which one has it open".to_owned()
        }
        Some(ErrorCode::NotADatabase) => "this is no store, or a damaged one; restore a backup".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => format!("it is damaged; restore a backup ({error})"),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("it cannot be opened; see to the permissions of file and folder ({error})")
        }
        Some(ErrorCode::SystemIoFailure) => format!("reading or writing failed; look at the disk ({error})"),
        _ => error.to_string(),
    }
}
