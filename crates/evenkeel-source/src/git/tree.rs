//! Manifests read out of a commit's tree. Nothing is checked out: no hooks, no filters, no links.

use evenkeel_core::config::GitSourceSpec;
use evenkeel_engine::source::{SourceError, SourceErrorKind};
use git2::{ObjectType, Oid, Repository, Tree, TreeEntry};

use super::failure::failed;
use crate::select::{FOLDER_VALUES, Role, Taken, role};

/// The mode of a symbolic link.
const LINK: i32 = 0o120_000;

/// The files of `tree` that `spec` asks for.
pub(super) fn read(
    repository: &Repository,
    tree: &Tree<'_>,
    spec: &GitSourceSpec,
) -> Result<Taken, SourceError> {
    let reader = Reader { repository };
    let mut taken = Taken::default();
    let path = inside(spec.path.as_deref().unwrap_or_default())?;
    let folder = reader.folder(tree, &path)?;
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    if let Some(entry) = folder.get_name(FOLDER_VALUES).filter(|e| e.kind() == Some(ObjectType::Blob)) {
        reader.file(&entry, &format!("{prefix}{FOLDER_VALUES}"), Role::Values, &mut taken)?;
    }
    for path in &spec.values {
        let path = inside(path)?;
        let entry = tree.get_path(path.as_ref()).map_err(|_| {
            let message = format!("there is no values file {path} in the repository");
            SourceError::new(SourceErrorKind::NotFound, message)
                .hint("`values` are named relative to the repository, not to `path`")
        })?;
        reader.file(&entry, &path, Role::Values, &mut taken)?;
    }
    reader.walk(&folder, &prefix, 0, &mut taken)?;
    taken.settle();
    Ok(taken)
}

struct Reader<'a> {
    repository: &'a Repository,
}

impl<'a> Reader<'a> {
    fn folder(&self, tree: &Tree<'a>, path: &str) -> Result<Tree<'a>, SourceError> {
        if path.is_empty() {
            return Ok(tree.clone());
        }
        let entry = tree.get_path(path.as_ref()).map_err(|_| {
            let message = format!("there is no folder {path} in the repository");
            SourceError::new(SourceErrorKind::NotFound, message)
                .hint("check the `path` of the source, and that it is on this branch or tag")
        })?;
        if entry.kind() != Some(ObjectType::Tree) {
            let message = format!("{path} is not a folder of the repository");
            return Err(SourceError::new(SourceErrorKind::Configuration, message)
                .hint("let the source's `path` name the folder that holds the manifests"));
        }
        self.tree(entry.id(), path)
    }

    fn tree(&self, id: Oid, path: &str) -> Result<Tree<'a>, SourceError> {
        self.repository.find_tree(id).map_err(|e| failed(&format!("cannot read the folder {path}"), &e))
    }

    /// Files in the order of their names, then folders. Hidden entries and submodules are left out.
    fn walk(
        &self,
        tree: &Tree<'a>,
        prefix: &str,
        depth: usize,
        taken: &mut Taken,
    ) -> Result<(), SourceError> {
        let mut folders = Vec::new();
        // Trees are sorted as if the names of folders ended in `/`; among files alone that is the order of names.
        for entry in tree {
            taken.entry(prefix, depth)?;
            let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
            match entry.kind() {
                Some(ObjectType::Tree) if !name.starts_with('.') => folders.push((name, entry.id())),
                Some(ObjectType::Blob) => {
                    if let Some(role) = role(&name) {
                        self.file(&entry, &format!("{prefix}{name}"), role, taken)?;
                    }
                }
                _ => {}
            }
        }
        folders.sort();
        for (name, id) in folders {
            let path = format!("{prefix}{name}/");
            self.walk(&self.tree(id, &path)?, &path, depth + 1, taken)?;
        }
        Ok(())
    }

    fn file(
        &self,
        entry: &TreeEntry<'_>,
        path: &str,
        role: Role,
        taken: &mut Taken,
    ) -> Result<(), SourceError> {
        if entry.filemode() == LINK {
            // Leaving it out would look as if its resources had left the manifests.
            let message = format!("{path} is a symbolic link; links in a repository are not followed");
            return Err(SourceError::new(SourceErrorKind::Configuration, message)
                .hint("put the file itself there, or name both folders as sources"));
        }
        let unreadable = |e: git2::Error| failed(&format!("cannot read {path}"), &e);
        // The header says how large it is before all of it is unpacked.
        let objects = self.repository.odb().map_err(unreadable)?;
        let (size, kind) = objects.read_header(entry.id()).map_err(unreadable)?;
        if kind != ObjectType::Blob {
            let message = format!("{path} is not a file");
            return Err(SourceError::new(SourceErrorKind::Configuration, message));
        }
        taken.room(role, path, size)?;
        let blob = objects.read(entry.id()).map_err(unreadable)?;
        taken.add(role, path.to_owned(), blob.data().to_vec())
    }
}

/// A path within the repository, without `.` and trailing slashes.
pub(super) fn inside(path: &str) -> Result<String, SourceError> {
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        let message = format!("`{path}` leads out of the repository");
        return Err(SourceError::new(SourceErrorKind::Configuration, message)
            .hint("write it relative to the top of the repository"));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Ok(parts.join("/"))
}
