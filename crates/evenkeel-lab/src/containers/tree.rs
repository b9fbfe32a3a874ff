//! A file tree in memory, as a POSIX machine has it: files, folders and symbolic links, room that ends, and work that may be
//! cut short at any operation.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// So many links are followed, and no more, as on Linux.
const LINKS: usize = 40;

/// A file is written in pieces of so many bytes; the work may be cut between two of them.
const PIECE: u64 = 1 << 20;

/// Something in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// A folder.
    Folder,
    /// A file.
    File(File),
    /// A symbolic link, and what it says.
    Link(String),
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct File {
    /// What it holds.
    pub bytes: Arc<[u8]>,
    /// So many bytes more, of which nobody ever asks what they are: a program, most of an archive.
    pub padding: u64,
    /// Its permissions.
    pub mode: u32,
    /// When it was last written, in seconds since 1970.
    pub mtime: i64,
}

impl File {
    /// A file with mode 644.
    pub fn new(bytes: &[u8], mtime: i64) -> Self {
        File { bytes: bytes.into(), padding: 0, mode: 0o644, mtime }
    }

    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64 + self.padding
    }

    /// True where it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A number of 64 hexadecimal digits that is equal for equal files. Where nothing is padded, it is their SHA-256.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.bytes);
        if self.padding > 0 {
            hash.update(self.padding.to_be_bytes());
        }
        hex::encode(hash.finalize())
    }

    /// Its text; what is no UTF-8 in it is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Its first `size` bytes.
    fn beginning(self, size: u64) -> Self {
        let kept = usize::try_from(size).unwrap_or(usize::MAX).min(self.bytes.len());
        let bytes = self.bytes.get(..kept).unwrap_or_default().into();
        File { bytes, padding: size.saturating_sub(kept as u64), ..self }
    }
}

/// Why an operation was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Nothing is there.
    Missing,
    /// Something is there.
    Exists,
    /// What should be a folder is none.
    NotFolder,
    /// What should be a file is a folder.
    IsFolder,
    /// There is something in the folder.
    NotEmpty,
    /// There is no room.
    Full,
    /// Links lead in a circle.
    Loop,
    /// Whoever asked for it is not any more.
    Killed,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Problem::Missing => "No such file or directory",
            Problem::Exists => "File exists",
            Problem::NotFolder => "Not a directory",
            Problem::IsFolder => "Is a directory",
            Problem::NotEmpty => "Directory not empty",
            Problem::Full => "No space left on device",
            Problem::Loop => "Too many levels of symbolic links",
            Problem::Killed => "Killed",
        })
    }
}

/// What became of an operation.
pub type Done<T> = Result<T, Problem>;

/// A tree. Paths begin with a `/` and do not end with one; the empty path is the top.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
    /// How many bytes fit in; `None`: as many as come.
    pub capacity: Option<u64>,
    /// What files are stamped with, in seconds since 1970.
    pub now: i64,
    /// How much work is still done; `None`: all.
    left: Option<u64>,
    done: u64,
}

impl Tree {
    /// An empty tree.
    pub fn new(now: i64) -> Self {
        Tree { nodes: BTreeMap::new(), capacity: None, now, left: None, done: 0 }
    }

    /// Somebody puts a file there, with the folders above it; room does not count.
    pub fn put(&mut self, path: &str, text: impl AsRef<[u8]>) {
        self.place(path, Node::File(File::new(text.as_ref(), self.now)));
    }

    /// Somebody puts anything there, with the folders above it.
    pub fn place(&mut self, path: &str, node: Node) {
        for above in above(path) {
            self.nodes.entry(above.to_owned()).or_insert(Node::Folder);
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// Somebody removes what is there, with everything in it.
    pub fn erase(&mut self, path: &str) {
        let inside = format!("{path}/");
        self.nodes.retain(|name, _| name != path && !name.starts_with(&inside));
    }

    /// From now on only so much work is done, and nothing after it; `None`: all.
    pub fn allow_work(&mut self, left: Option<u64>) {
        self.left = left;
    }

    /// How much work was done so far.
    pub fn work(&self) -> u64 {
        self.done
    }

    /// One more operation, be it on something that the tree only keeps the time of.
    pub fn operation(&mut self) -> Done<()> {
        match &mut self.left {
            Some(0) => return Err(Problem::Killed),
            Some(left) => *left -= 1,
            None => {}
        }
        self.done += 1;
        Ok(())
    }

    /// How many bytes its files have.
    pub fn used(&self) -> u64 {
        let size = |node: &Node| if let Node::File(file) = node { file.len() } else { 0 };
        self.nodes.values().map(size).sum()
    }

    /// How many bytes still fit in.
    pub fn free(&self) -> u64 {
        self.capacity.unwrap_or(1 << 40).saturating_sub(self.used())
    }

    /// Where a path leads to, links on the way followed; `root` is what `/` means. The last part itself is followed where
    /// `last` is true, and need not be there.
    pub fn resolve(&self, root: &str, path: &str, last: bool) -> Done<String> {
        let mut parts: Vec<String> = split(path).rev().map(str::to_owned).collect();
        let mut at: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = parts.pop() {
            if part == ".." {
                at.pop();
                continue;
            }
            let here = joined(root, &at);
            match self.nodes.get(&here) {
                Some(Node::File(_)) if !at.is_empty() => return Err(Problem::NotFolder),
                None if !at.is_empty() => return Err(Problem::Missing),
                _ => {}
            }
            at.push(part);
            let Some(Node::Link(leads)) = self.nodes.get(&joined(root, &at)) else { continue };
            if parts.is_empty() && !last {
                break;
            }
            links += 1;
            if links > LINKS {
                return Err(Problem::Loop);
            }
            if leads.starts_with('/') {
                at.clear();
            } else {
                at.pop();
            }
            parts.extend(split(leads).rev().map(str::to_owned));
        }
        Ok(joined(root, &at))
    }

    /// What is at a path, links not followed.
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// The file that a path of the whole tree leads to.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.file_in("", path)
    }

    /// The file that a path leads to, where `root` is what `/` means.
    pub fn file_in(&self, root: &str, path: &str) -> Option<&File> {
        match self.nodes.get(&self.resolve(root, path, true).ok()?) {
            Some(Node::File(file)) => Some(file),
            _ => None,
        }
    }

    /// True where there is a folder.
    pub fn is_folder(&self, path: &str) -> bool {
        path.is_empty()
            || self.resolve("", path, true).is_ok_and(|at| self.nodes.get(&at) == Some(&Node::Folder))
    }

    /// Everything below a folder, by its path from there without a `/` before it.
    pub fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        let inside = format!("{folder}/");
        let length = inside.len();
        self.nodes
            .range(inside.clone()..)
            .take_while(move |(path, _)| path.starts_with(&inside))
            .filter_map(move |(path, node)| Some((path.get(length..)?, node)))
    }

    /// The names directly in a folder.
    pub fn names(&self, folder: &str) -> Vec<String> {
        self.below(folder)
            .map(|(path, _)| path)
            .filter(|path| !path.contains('/'))
            .map(str::to_owned)
            .collect()
    }

    /// The folder above must be there, and what is there must be no folder.
    fn is_free(&self, path: &str) -> Done<()> {
        match above(path).last().map(|folder| self.nodes.get(folder)) {
            Some(Some(Node::Folder)) | None => {}
            Some(Some(_)) => return Err(Problem::NotFolder),
            Some(None) => return Err(Problem::Missing),
        }
        if self.nodes.get(path) == Some(&Node::Folder) { Err(Problem::IsFolder) } else { Ok(()) }
    }

    /// Writes a file anew. What fitted before there was no room, or somebody was killed, stays.
    pub fn write(&mut self, path: &str, file: File) -> Done<()> {
        self.operation()?;
        self.is_free(path)?;
        self.nodes.insert(path.to_owned(), Node::File(file.clone().beginning(0)));
        let room = self.capacity.map_or(u64::MAX, |all| all.saturating_sub(self.used()));
        let mut written = 0;
        let ended = loop {
            if written == file.len() {
                break Ok(());
            }
            if written == room {
                break Err(Problem::Full);
            }
            if let Err(problem) = self.operation() {
                break Err(problem);
            }
            written = (written + PIECE).min(file.len()).min(room);
        };
        self.nodes.insert(path.to_owned(), Node::File(File { mtime: self.now, ..file.beginning(written) }));
        ended
    }

    /// Writes a text, with the mode that the file has, or 644.
    pub fn write_text(&mut self, path: &str, text: &str) -> Done<()> {
        let mode = if let Some(Node::File(file)) = self.nodes.get(path) { file.mode } else { 0o644 };
        self.write(path, File { mode, ..File::new(text.as_bytes(), self.now) })
    }

    /// Writes behind what is in a file.
    pub fn append(&mut self, path: &str, text: &str) -> Done<()> {
        if text.is_empty() && self.nodes.contains_key(path) {
            return Ok(());
        }
        let before =
            if let Some(Node::File(file)) = self.nodes.get(path) { file.text() } else { String::new() };
        self.write_text(path, &(before + text))
    }

    /// Makes a link, where nothing is.
    pub fn link(&mut self, path: &str, leads: &str) -> Done<()> {
        self.operation()?;
        self.is_free(path)?;
        if self.nodes.contains_key(path) {
            return Err(Problem::Exists);
        }
        self.nodes.insert(path.to_owned(), Node::Link(leads.to_owned()));
        Ok(())
    }

    /// Changes a file's permissions.
    pub fn chmod(&mut self, path: &str, mode: u32) -> Done<()> {
        self.operation()?;
        if let Node::File(file) = self.nodes.get_mut(path).ok_or(Problem::Missing)? {
            file.mode = mode;
        }
        Ok(())
    }

    /// Makes a folder, and those above it, where they are not there.
    pub fn make_folder(&mut self, folder: &str) -> Done<()> {
        let all: Vec<String> = above(folder).chain([folder]).map(str::to_owned).collect();
        for folder in all.into_iter().filter(|folder| !folder.is_empty()) {
            match self.nodes.get(&folder) {
                Some(Node::Folder) => {}
                Some(_) => return Err(Problem::NotFolder),
                None => {
                    self.operation()?;
                    self.nodes.insert(folder, Node::Folder);
                }
            }
        }
        Ok(())
    }

    /// Gives a file, link or folder another name, over a file or a link of that name.
    pub fn rename(&mut self, from: &str, to: &str) -> Done<()> {
        self.operation()?;
        if !self.nodes.contains_key(from) {
            return Err(Problem::Missing);
        }
        self.is_free(to)?;
        let inside = format!("{from}/");
        let moved: Vec<String> = self
            .nodes
            .range(from.to_owned()..)
            .map(|(path, _)| path.clone())
            .filter(|path| path == from || path.starts_with(&inside))
            .collect();
        for path in moved {
            if let (Some(node), Some(rest)) = (self.nodes.remove(&path), path.strip_prefix(from)) {
                self.nodes.insert(format!("{to}{rest}"), node);
            }
        }
        Ok(())
    }

    /// Removes a file or a link, where there is one.
    pub fn remove(&mut self, path: &str) -> Done<()> {
        match self.nodes.get(path) {
            None => Ok(()),
            Some(Node::Folder) => Err(Problem::IsFolder),
            Some(_) => {
                self.operation()?;
                self.nodes.remove(path);
                Ok(())
            }
        }
    }

    /// Removes a folder with nothing in it.
    pub fn remove_folder(&mut self, folder: &str) -> Done<()> {
        if self.nodes.get(folder) != Some(&Node::Folder) {
            return Err(if self.nodes.contains_key(folder) { Problem::NotFolder } else { Problem::Missing });
        }
        if self.below(folder).next().is_some() {
            return Err(Problem::NotEmpty);
        }
        self.operation()?;
        self.nodes.remove(folder);
        Ok(())
    }

    /// Removes whatever is there, what is deepest first.
    pub fn remove_all(&mut self, path: &str) -> Done<()> {
        let inside: Vec<String> = self.below(path).map(|(rest, _)| format!("{path}/{rest}")).collect();
        for name in inside.iter().map(String::as_str).rev().chain([path]) {
            if self.nodes.contains_key(name) {
                self.operation()?;
                self.nodes.remove(name);
            }
        }
        Ok(())
    }

    /// A number that is equal for equal trees.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.nodes, self.capacity).hash(&mut hasher);
        hasher.finish()
    }
}

fn split(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

fn joined(root: &str, parts: &[String]) -> String {
    parts.iter().fold(root.to_owned(), |path, part| path + "/" + part)
}

/// The folders above a path, from the top, without the top itself.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).filter_map(|at| path.get(..at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::new(100);
        tree.put("/etc/vz/dists/gentoo.conf", "ADD_IP=gentoo\n");
        tree.place("/etc/vz/dists/sabayon.conf", Node::Link("gentoo.conf".to_owned()));
        tree.put("/c/1/etc/hosts", "inside\n");
        tree.place("/c/1/etc/up", Node::Link("/etc/hosts".to_owned()));
        tree.place("/c/1/tmp", Node::Folder);
        tree
    }

    #[test]
    fn links_are_followed_and_do_not_lead_out_of_a_root() {
        let mut tree = tree();
        assert_eq!(tree.file("/etc/vz/dists/sabayon.conf").unwrap().text(), "ADD_IP=gentoo\n");
        assert_eq!(tree.file_in("/c/1", "/etc/up").unwrap().text(), "inside\n");
        assert_eq!(tree.resolve("/c/1", "/../../etc/up", true), Ok("/c/1/etc/hosts".to_owned()));
        assert_eq!(tree.resolve("/c/1", "/etc/up", false), Ok("/c/1/etc/up".to_owned()));
        assert_eq!(tree.resolve("", "/etc/hosts/x", true), Err(Problem::Missing));
        assert_eq!(tree.resolve("/c/1", "/etc/hosts/x", true), Err(Problem::NotFolder));
        tree.place("/loop", Node::Link("loop".to_owned()));
        assert_eq!(tree.resolve("", "/loop", true), Err(Problem::Loop));
    }

    #[test]
    fn what_fits_is_kept_where_the_rest_does_not() {
        let mut tree = tree();
        tree.capacity = Some(tree.used() + 10);
        let file = File { padding: 20, ..File::new(b"12345", 0) };
        assert_eq!(tree.write("/c/new", file), Err(Problem::Full));
        let left = tree.file("/c/new").unwrap();
        assert_eq!((left.len(), left.mtime), (10, 100));
        assert_eq!(tree.free(), 0);
        assert_eq!(tree.write("/nowhere/new", File::new(b"", 0)), Err(Problem::Missing));
        assert_eq!(tree.write("/etc/vz", File::new(b"", 0)), Err(Problem::IsFolder));
    }

    #[test]
    fn a_cut_may_be_after_any_operation() {
        let mut tree = tree();
        for allowed in 0..6 {
            let mut cut = tree.clone();
            cut.allow_work(Some(allowed));
            assert_eq!(cut.remove_all("/c"), Err(Problem::Killed));
            assert_eq!(cut.work(), allowed);
        }
        tree.remove_all("/c").unwrap();
        assert_eq!(tree.work(), 6);
        assert!(tree.node("/c").is_none() && tree.is_folder("/etc/vz"));
    }

    #[test]
    fn names_move_with_all_that_is_in_them() {
        let mut tree = tree();
        tree.rename("/c/1", "/c/2").unwrap();
        assert_eq!(tree.names("/c"), ["2"]);
        assert_eq!(tree.file_in("/c/2", "/etc/up").unwrap().text(), "inside\n");
        assert_eq!(tree.rename("/c/2", "/etc"), Err(Problem::IsFolder));
        assert_eq!(tree.rename("/c/9", "/c/3"), Err(Problem::Missing));
        tree.append("/etc/vz/dists/gentoo.conf", "MORE=1\n").unwrap();
        assert_eq!(tree.file("/etc/vz/dists/gentoo.conf").unwrap().text(), "ADD_IP=gentoo\nMORE=1\n");
    }
}
