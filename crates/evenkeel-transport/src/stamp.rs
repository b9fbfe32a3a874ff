//! Whether a file is still the one that was read: by what `stat` says, which is cheap.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a file looked like; equal stamps mean that it was not changed in between. A file that is not there has a stamp,
/// too: it may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    path: PathBuf,
    seen: Option<Seen>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Self {
        let seen = std::fs::metadata(path).ok().map(|m| Seen {
            device: m.dev(),
            inode: m.ino(),
            size: m.size(),
            modified: (m.mtime(), m.mtime_nsec()),
            changed: (m.ctime(), m.ctime_nsec()),
        });
        Stamp { path: path.to_owned(), seen }
    }

    /// True where the file still looks the same.
    pub(crate) fn holds(&self) -> bool {
        Stamp::of(&self.path) == *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_changes_or_is_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let none = Stamp::of(&file);
        assert!(none.holds());
        std::fs::write(&file, "one").unwrap();
        assert!(!none.holds());
        let one = Stamp::of(&file);
        assert!(one.holds());
        std::fs::write(folder.path().join("other"), "two").unwrap();
        std::fs::rename(folder.path().join("other"), &file).unwrap();
        assert!(!one.holds());
        let two = Stamp::of(&file);
        std::fs::write(&file, "longer").unwrap();
        assert!(!two.holds());
    }
}
