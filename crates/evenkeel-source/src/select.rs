//! Which files of a folder or repository are taken, and how many there may be.

use std::collections::HashSet;

use evenkeel_core::manifest::{MAX_FILE_BYTES, SourceFile};
use evenkeel_engine::source::{SourceError, SourceErrorKind};

/// More manifests than this are a mistake in the path.
const MAX_FILES: usize = 20_000;

/// More entries than this, of any kind, are not looked through. A hostile tree can name itself many times over.
const MAX_ENTRIES: usize = 500_000;

/// Folders in folders, at most.
const MAX_DEPTH: usize = 64;

/// All that is taken of one revision.
const MAX_TOTAL_BYTES: usize = 64 << 20;

/// An encrypted secret is small.
const MAX_ATTACHMENT_BYTES: usize = 1 << 20;

/// The values file that belongs to a folder of manifests.
pub(crate) const FOLDER_VALUES: &str = "values.yaml";

/// The ends of names of encrypted files. They are never read as manifests, also where they end in `.yaml`.
const ENCRYPTED: [&str; 7] =
    [".age", ".sops.yaml", ".sops.yml", ".sops.json", ".enc.yaml", ".enc.yml", ".enc.json"];

/// What a file is taken as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A file of manifests.
    Manifest,
    /// A file of values for `${name}`.
    Values,
    /// An encrypted file that manifests refer to.
    Attachment,
}

/// What the file of this name is taken as, as `evenkeel plan` takes it: `*.yaml` and `*.yml` that are neither hidden
/// nor values files. Encrypted files (`*.age`, `*.sops.yaml`, `*.enc.yaml` and so on) are attachments. Anything else
/// is left alone.
pub(crate) fn role(name: &str) -> Option<Role> {
    if name.starts_with('.') {
        return None;
    }
    if ENCRYPTED.iter().any(|end| name.ends_with(end)) {
        return Some(Role::Attachment);
    }
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"))?;
    (stem != "values" && !stem.ends_with(".values")).then_some(Role::Manifest)
}

/// The files taken so far, counted.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) manifests: Vec<SourceFile>,
    pub(crate) values: Vec<SourceFile>,
    pub(crate) attachments: Vec<SourceFile>,
    bytes: usize,
    entries: usize,
}

impl Taken {
    /// Counts one entry at this depth, whatever it is.
    pub(crate) fn entry(&mut self, folder: &str, depth: usize) -> Result<(), SourceError> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(too_large(format!("more than {MAX_ENTRIES} files and folders")));
        }
        if depth > MAX_DEPTH {
            return Err(too_large(format!("{folder} lies more than {MAX_DEPTH} folders deep")));
        }
        Ok(())
    }

    /// Refuses a file of this size before it is read.
    pub(crate) fn room(&self, role: Role, path: &str, size: usize) -> Result<(), SourceError> {
        let most = if role == Role::Attachment { MAX_ATTACHMENT_BYTES } else { MAX_FILE_BYTES };
        if size > most {
            return Err(too_large(format!("{path} is larger than {most} bytes")));
        }
        if self.bytes.saturating_add(size) > MAX_TOTAL_BYTES {
            return Err(too_large(format!("the manifests are larger than {} MiB", MAX_TOTAL_BYTES >> 20)));
        }
        if self.manifests.len() + self.attachments.len() >= MAX_FILES {
            return Err(too_large(format!("more than {MAX_FILES} manifests")));
        }
        Ok(())
    }

    /// The most bytes of a file in this role that are worth reading: one more than it may have.
    pub(crate) fn read_limit(role: Role) -> u64 {
        let most = if role == Role::Attachment { MAX_ATTACHMENT_BYTES } else { MAX_FILE_BYTES };
        u64::try_from(most).map_or(u64::MAX, |most| most + 1)
    }

    /// Takes a file.
    pub(crate) fn add(&mut self, role: Role, path: String, bytes: Vec<u8>) -> Result<(), SourceError> {
        self.room(role, &path, bytes.len())?;
        self.bytes += bytes.len();
        let file = SourceFile { path, bytes };
        match role {
            Role::Manifest => self.manifests.push(file),
            Role::Values => self.values.push(file),
            Role::Attachment => self.attachments.push(file),
        }
        Ok(())
    }

    /// Values files that were named twice are read once, where the last of them stands.
    pub(crate) fn settle(&mut self) {
        let mut seen = HashSet::new();
        let mut kept: Vec<SourceFile> = std::mem::take(&mut self.values)
            .into_iter()
            .rev()
            .filter(|f| seen.insert(f.path.clone()))
            .collect();
        kept.reverse();
        self.values = kept;
    }
}

fn too_large(message: String) -> SourceError {
    SourceError::new(SourceErrorKind::TooLarge, message)
        .hint("let the source's `path` name a folder further down, or split it into several sources")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is() {
        for (name, expected) in [
            ("a.yaml", Some(Role::Manifest)),
            ("a.yml", Some(Role::Manifest)),
            ("values.yaml", None),
            ("prod.values.yml", None),
            (".hidden.yaml", None),
            ("README.md", None),
            ("secret.age", Some(Role::Attachment)),
            ("secret.sops.yaml", Some(Role::Attachment)),
            ("secret.enc.yaml", Some(Role::Attachment)),
            (".sops.yaml", None),
        ] {
            assert_eq!(role(name), expected, "{name}");
        }
    }

    #[test]
    fn there_is_a_bound_on_files_sizes_and_depth() {
        let mut taken = Taken::default();
        let kind = |result: Result<(), SourceError>| result.unwrap_err().kind;
        assert_eq!(kind(taken.room(Role::Manifest, "a", MAX_FILE_BYTES + 1)), SourceErrorKind::TooLarge);
        assert_eq!(kind(taken.entry("deep", MAX_DEPTH + 1)), SourceErrorKind::TooLarge);
        for at in 0..MAX_FILES {
            taken.add(Role::Manifest, at.to_string(), Vec::new()).unwrap();
        }
        assert_eq!(kind(taken.room(Role::Manifest, "a", 0)), SourceErrorKind::TooLarge);
        let mut taken = Taken::default();
        let result =
            (0..).try_for_each(|at| taken.add(Role::Manifest, at.to_string(), vec![0; MAX_FILE_BYTES]));
        assert_eq!(kind(result), SourceErrorKind::TooLarge);
    }
}
