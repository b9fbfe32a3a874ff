//! Where the paths of a secret lead: into a folder of this machine, or into the files of a commit.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_core::manifest::SourceFile;
use evenkeel_core::transport::TransportError;

use super::problem;
use crate::stamp::Stamp;

/// An encrypted file is no larger than this, in bytes.
const LARGEST: u64 = 4 << 20;

/// Where relative paths of a secret start.
#[derive(Clone)]
pub enum Base {
    /// A folder of this machine: that of the file in which the secret is declared.
    Folder(PathBuf),
    /// Files that came with manifests, for instance those of a git commit.
    Attachments {
        /// The folder of the manifest that declares the secret, as a path within the repository; empty at its root.
        folder: String,
        /// The files by their path within the repository.
        files: Arc<[SourceFile]>,
    },
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Base::Folder(folder) => f.debug_tuple("Folder").field(folder).finish(),
            Base::Attachments { folder, files } => {
                f.debug_struct("Attachments").field("folder", folder).field("files", &files.len()).finish()
            }
        }
    }
}

/// A file that was read, and how to find out whether it has changed since.
pub(super) struct Opened {
    pub(super) bytes: Vec<u8>,
    /// None for a file of a commit, which never changes.
    pub(super) stamp: Option<Stamp>,
}

impl Base {
    /// The path of a file of this machine.
    pub(super) fn local(&self, path: &str) -> Result<PathBuf, TransportError> {
        match self {
            Base::Folder(folder) => Ok(folder.join(path)),
            Base::Attachments { .. } => Err(problem(format!("`{path}` is looked for on no machine"))),
        }
    }

    /// Reads a file that may be readable by everybody.
    pub(super) fn open(&self, path: &str) -> Result<Opened, TransportError> {
        match self {
            Base::Folder(folder) => open_local(&folder.join(path)),
            Base::Attachments { folder, files } => {
                let wanted = within(folder, path)
                    .ok_or_else(|| problem(format!("the path `{path}` leads out of the repository")))?;
                let file = files.iter().find(|file| file.path == wanted).ok_or_else(|| {
                    let error = problem(format!("there is no file `{wanted}` in the repository"));
                    error.hint("paths start at the manifest that declares the secret; is the file committed?")
                })?;
                Ok(Opened { bytes: file.bytes.clone(), stamp: None })
            }
        }
    }
}

fn open_local(path: &Path) -> Result<Opened, TransportError> {
    let failed = |why: &str| problem(format!("cannot read {}: {why}", path.display()));
    // First, so that a change while it is read is noticed.
    let stamp = Stamp::of(path);
    let metadata = std::fs::metadata(path).map_err(|e| failed(&e.to_string()))?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(failed(&format!("it is not a file of at most {LARGEST} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|e| failed(&e.to_string()))?;
    Ok(Opened { bytes, stamp: Some(stamp) })
}

/// `path` as seen from `folder`, from the root; `None` where it leads out.
fn within(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_repository() {
        assert_eq!(within("sites/teppi", "secrets/a.age").as_deref(), Some("sites/teppi/secrets/a.age"));
        assert_eq!(within("sites/teppi", "../../a.age").as_deref(), Some("a.age"));
        assert_eq!(within("", "./a.age").as_deref(), Some("a.age"));
        assert_eq!(within("sites", "../../a.age"), None);
        assert_eq!(within("sites", "/etc/shadow"), None);
    }
}
