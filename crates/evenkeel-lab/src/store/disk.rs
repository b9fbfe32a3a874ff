//! The single operations of a store, and the line that may be cut after any of them, or within one.

use std::collections::BTreeMap;

use super::{Content, Node};

/// How a store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Personality {
    /// An FTP server on a NAS: it refuses to rename over a file, and renames over an empty folder.
    Nas,
    /// A folder of a machine, as POSIX has it: a rename replaces a file, and an empty folder.
    Posix,
    /// A bucket: no folders, no renames, and a file is seen only once it is whole.
    Bucket,
}

impl Personality {
    pub(super) fn has_folders(self) -> bool {
        self != Personality::Bucket
    }

    pub(super) fn renames(self) -> bool {
        self != Personality::Bucket
    }

    fn replaces_files(self) -> bool {
        self == Personality::Posix
    }
}

/// The line was cut before the work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut;

/// Why an operation was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    Missing(String),
    Refused(String),
    Cut,
}

pub(super) type Done<T> = Result<T, Trouble>;

#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) personality: Personality,
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) capacity: Option<u64>,
    /// How much work the line still carries: one for each operation, and one for each byte that is written.
    left: Option<u64>,
    /// How much work was done since it was last asked.
    done: u64,
}

/// A path from the top, without a `/` before it.
pub(super) fn absolute(path: &str) -> String {
    match path.strip_prefix('/') {
        Some(path) => path.trim_end_matches('/').to_owned(),
        None => format!("home/{}", path.trim_end_matches('/')),
    }
}

/// True for `folder` itself and for everything in it.
pub(super) fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Disk {
    pub(super) fn new(personality: Personality) -> Self {
        let nodes = BTreeMap::new();
        Disk { personality, nodes, capacity: None, left: None, done: 0 }
    }

    /// From now on the line carries so much work; `None`: all.
    pub(super) fn set_left(&mut self, left: Option<u64>) {
        self.left = left;
    }

    /// How much work was done since the last call.
    pub(super) fn take_done(&mut self) -> u64 {
        std::mem::take(&mut self.done)
    }

    /// Takes up to `wanted` of the work that the line still carries.
    fn work(&mut self, wanted: u64) -> u64 {
        let granted = self.left.map_or(wanted, |left| left.min(wanted));
        if let Some(left) = &mut self.left {
            *left -= granted;
        }
        self.done += granted;
        granted
    }

    fn operation(&mut self) -> Done<()> {
        if self.work(1) == 1 { Ok(()) } else { Err(Trouble::Cut) }
    }

    pub(super) fn used(&self) -> u64 {
        let size = |node: &Node| if let Node::File(content) = node { content.len() } else { 0 };
        self.nodes.values().map(size).sum()
    }

    pub(super) fn file(&self, path: &str) -> Option<&Content> {
        match self.nodes.get(&absolute(path)) {
            Some(Node::File(content)) => Some(content),
            _ => None,
        }
    }

    pub(super) fn read(&mut self, path: &str) -> Done<Content> {
        self.operation()?;
        let missing = || Trouble::Missing(format!("550 {path}: No such file"));
        self.file(path).cloned().ok_or_else(missing)
    }

    /// True where there is something, be it only a folder of a bucket that has something in it.
    pub(super) fn exists(&self, path: &str) -> bool {
        let path = absolute(path);
        self.nodes.contains_key(&path) || self.children(&path).next().is_some()
    }

    /// What is below a folder, with its path.
    pub(super) fn children<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a Node)> + 'a {
        let inside = move |(path, node): (&'a String, &'a Node)| {
            (path != folder && is_within(path, folder)).then_some((path.as_str(), node))
        };
        self.nodes
            .range(folder.to_owned()..)
            .take_while(move |(p, _)| p.starts_with(folder))
            .filter_map(inside)
    }

    fn has_parent(&self, path: &str) -> bool {
        let above = path.rsplit_once('/').map(|(folder, _)| folder);
        !self.personality.has_folders()
            || above.is_none_or(|folder| self.nodes.get(folder) == Some(&Node::Folder))
    }

    /// Writes a file anew. What fitted before the store was full, or the line cut, stays; not in a bucket.
    pub(super) fn put(&mut self, path: &str, bytes: &[u8]) -> Done<()> {
        let name = absolute(path);
        self.operation()?;
        if !self.has_parent(&name) || matches!(self.nodes.get(&name), Some(Node::Folder | Node::Other)) {
            return Err(Trouble::Refused(format!("553 {path}: Could not create file.")));
        }
        let keeps_parts = self.personality.has_folders();
        let replaced = self.file(path).filter(|_| keeps_parts).map_or(0, Content::len);
        let room = self.capacity.map_or(u64::MAX, |all| all.saturating_sub(self.used() - replaced));
        let wanted = bytes.len() as u64;
        let carried = self.work(wanted.min(room));
        let whole = carried == wanted;
        if whole || keeps_parts {
            let carried = usize::try_from(carried).unwrap_or(usize::MAX);
            let written = bytes.get(..carried).unwrap_or(bytes);
            self.nodes.insert(name, Node::File(Content::new(written)));
        }
        match (whole, carried == room) {
            (true, _) => Ok(()),
            (false, true) => Err(Trouble::Refused(format!("552 {path}: Disk full"))),
            (false, false) => Err(Trouble::Cut),
        }
    }

    pub(super) fn make_folder(&mut self, folder: &str) -> Done<()> {
        if !self.personality.has_folders() {
            return Ok(());
        }
        let folder = absolute(folder);
        let ends: Vec<usize> = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]).collect();
        for above in ends.into_iter().filter_map(|end| folder.get(..end)) {
            match self.nodes.get(above) {
                Some(Node::Folder) => {}
                Some(_) => return Err(Trouble::Refused(format!("550 {above}: File exists"))),
                None => {
                    self.operation()?;
                    self.nodes.insert(above.to_owned(), Node::Folder);
                }
            }
        }
        Ok(())
    }

    /// Renames as the store itself would: look first where nothing may be in the way.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Done<()> {
        if !self.personality.renames() {
            return Err(Trouble::Refused("501 this store cannot rename".to_owned()));
        }
        self.operation()?;
        let (source, goal) = (absolute(from), absolute(to));
        if !self.nodes.contains_key(&source) {
            return Err(Trouble::Missing(format!("550 {from}: No such file or directory")));
        }
        let in_the_way = match self.nodes.get(&goal) {
            Some(Node::Folder) => self.children(&goal).next().is_some(),
            Some(_) => !self.personality.replaces_files(),
            None => false,
        };
        if in_the_way || !self.has_parent(&goal) {
            return Err(Trouble::Refused(format!("550 {to}: Rename failed.")));
        }
        self.shift(&source, &goal);
        Ok(())
    }

    /// Gives a file or a folder with everything in it another name.
    pub(super) fn shift(&mut self, from: &str, to: &str) {
        let moved: Vec<String> = self.nodes.keys().filter(|path| is_within(path, from)).cloned().collect();
        for path in moved {
            if let (Some(node), Some(rest)) = (self.nodes.remove(&path), path.strip_prefix(from)) {
                self.nodes.insert(format!("{to}{rest}"), node);
            }
        }
    }

    pub(super) fn remove(&mut self, path: &str) -> Done<()> {
        let name = absolute(path);
        match self.nodes.get(&name) {
            None => Ok(()),
            Some(Node::Folder) => Err(Trouble::Refused(format!("550 {path}: Is a directory"))),
            Some(_) => {
                self.operation()?;
                self.nodes.remove(&name);
                Ok(())
            }
        }
    }

    /// Removes an empty folder.
    pub(super) fn remove_folder(&mut self, folder: &str) -> Done<()> {
        let name = absolute(folder);
        match self.nodes.get(&name) {
            None => Ok(()),
            Some(Node::Folder) if self.children(&name).next().is_none() => {
                self.operation()?;
                self.nodes.remove(&name);
                Ok(())
            }
            Some(_) => Err(Trouble::Refused(format!("550 {folder}: Directory not empty"))),
        }
    }
}
