//! A folder of manifests on this machine.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use evenkeel_core::config::DirectorySourceSpec;
use evenkeel_core::transport::BoxFuture;
use evenkeel_engine::source::{Fetched, Revision, Snapshot, Source, SourceError, SourceErrorKind};
use sha2::{Digest as _, Sha256};

use crate::select::{FOLDER_VALUES, Role, Taken, role};

/// A folder that is read whole at each look. Its revision is a digest of the names and contents of its files.
/// Values files are named relative to the folder.
#[derive(Debug, Clone)]
pub struct DirectorySource {
    folder: PathBuf,
    values: Vec<String>,
}

impl DirectorySource {
    /// The folder of `spec`; a relative path is meant from `base`.
    pub fn new(spec: &DirectorySourceSpec, base: &Path) -> Self {
        DirectorySource { folder: base.join(&spec.path), values: spec.values.clone() }
    }

    fn look(&self, known: Option<&str>) -> Result<Fetched, SourceError> {
        let mut taken = Taken::default();
        let folder = &self.folder;
        let found = std::fs::metadata(folder).map_err(|e| unreadable(folder, &e))?;
        if !found.is_dir() {
            let message = format!("{} is not a folder", folder.display());
            return Err(SourceError::new(SourceErrorKind::Configuration, message)
                .hint("let the source's `path` name the folder that holds the manifests"));
        }
        let values = folder.join(FOLDER_VALUES);
        if values.is_file() {
            read(&values, FOLDER_VALUES.to_owned(), Role::Values, &mut taken)?;
        }
        for path in &self.values {
            read(&folder.join(path), path.clone(), Role::Values, &mut taken)?;
        }
        walk(folder, "", 0, &mut taken)?;
        taken.settle();
        let id = digest(&taken);
        if known == Some(id.as_str()) {
            return Ok(Fetched::Unchanged);
        }
        let revision = Revision { id, reference: None, subject: None, author: None, at: None, signer: None };
        let Taken { manifests, values, attachments, .. } = taken;
        Ok(Fetched::New(Box::new(Snapshot { revision, manifests, values, attachments })))
    }
}

impl Source for DirectorySource {
    fn fetch<'a>(&'a self, known: Option<&'a str>) -> BoxFuture<'a, Result<Fetched, SourceError>> {
        Box::pin(async move {
            let (source, known) = (self.clone(), known.map(str::to_owned));
            let looked = tokio::task::spawn_blocking(move || source.look(known.as_deref())).await;
            looked.unwrap_or_else(|e| {
                let message = format!("reading {} ended early: {e}", self.folder.display());
                Err(SourceError::new(SourceErrorKind::Failed, message))
            })
        })
    }
}

/// Files in the order of their names, then folders. Hidden entries and links to folders are left out: links can go
/// round in circles.
fn walk(folder: &Path, shown: &str, depth: usize, taken: &mut Taken) -> Result<(), SourceError> {
    let about = |e: io::Error| unreadable(folder, &e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(about)? {
        let entry = entry.map_err(about)?;
        taken.entry(shown, depth)?;
        let kind = entry.file_type().map_err(about)?;
        names.push((entry.file_name(), kind));
    }
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, kind) in &names {
        let path = folder.join(name);
        let name = name.to_string_lossy();
        if let Some(role) = role(&name)
            && !kind.is_dir()
            && path.is_file()
        {
            read(&path, format!("{shown}{name}"), role, taken)?;
        }
    }
    for (name, kind) in &names {
        let shown = format!("{shown}{}/", name.to_string_lossy());
        if kind.is_dir() && !name.to_string_lossy().starts_with('.') {
            walk(&folder.join(name), &shown, depth + 1, taken)?;
        }
    }
    Ok(())
}

fn read(path: &Path, shown: String, role: Role, taken: &mut Taken) -> Result<(), SourceError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(Taken::read_limit(role)).read_to_end(&mut bytes))
        .map_err(|e| unreadable(path, &e))?;
    taken.add(role, shown, bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> SourceError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::new(SourceErrorKind::NotFound, format!("there is no {path}"))
            .hint("check the `path` and the `values` of the source"),
        io::ErrorKind::PermissionDenied => {
            let message = format!("cannot read {path}: permission denied");
            SourceError::new(SourceErrorKind::Failed, message).hint("let the controller's user read it")
        }
        _ => SourceError::new(SourceErrorKind::Failed, format!("cannot read {path}: {error}")),
    }
}

fn digest(taken: &Taken) -> String {
    let mut hash = Sha256::new();
    for files in [&taken.values, &taken.manifests, &taken.attachments] {
        hash.update(files.len().to_le_bytes());
        for file in files {
            for part in [file.path.as_bytes(), &file.bytes] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        }
    }
    hex::encode(hash.finalize())
}
