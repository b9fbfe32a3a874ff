//! Why a lab does not start.

use std::io;
use std::path::{Path, PathBuf};

/// Why a lab does not start.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The binary that plays `zfs` on the simulated machines was not built.
    #[error("{path} is missing; build it: cargo build -p evenkeel-lab", path = path.display())]
    ShimMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file of the lab could not be written.
    #[error("cannot write {path}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key could not be made.
    #[error("cannot make an SSH key")]
    Key(#[source] russh::keys::Error),
    /// No thread, port or runtime could be had.
    #[error("cannot start the lab's server")]
    Runtime(#[source] io::Error),
}

impl LabError {
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| LabError::File { path, source }
    }
}
