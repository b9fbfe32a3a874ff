//! The folder of a controller: private, and for one controller at a time.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::controller::StateDirectory;
use crate::error::CliError;

/// The folder for what the controller keeps; only its owner can look into it.
pub(crate) fn make_private(folder: &Path) -> Result<(), CliError> {
    if let Ok(found) = std::fs::metadata(folder)
        && found.is_dir()
    {
        let mode = found.mode() & 0o7777;
        if mode & 0o022 == 0 {
            return Ok(());
        }
        let folder = folder.display();
        // They could put a store or a socket of their own in the place of ours.
        return Err(CliError::new(format!(
            "{folder} is not used: other users can write to it (mode {mode:04o})"
        ))
        .hint(format!("run `chmod 700 {folder}`, or name a folder of its own as `stateDirectory`")));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| {
        CliError::new(format!("cannot create {}", folder.display()))
            .because(e)
            .hint("name another folder as `stateDirectory`, or let somebody with the right create this one")
    })
}

/// Keeps a second controller out.
pub(crate) fn lock(state: &StateDirectory) -> Result<File, CliError> {
    let file = state.lock();
    let about = || CliError::new(format!("cannot lock {}", file.display()));
    let opened = File::options().create(true).truncate(false).write(true).mode(0o600).open(&file);
    let opened = opened.map_err(|e| about().because(e))?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => {
            Err(CliError::new(format!("another controller runs with {}", state.folder().display()))
                .hint("stop it first, or give this one another `stateDirectory`"))
        }
        Err(TryLockError::Error(e)) => Err(about().because(e)),
    }
}
