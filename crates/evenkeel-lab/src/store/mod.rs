//! A simulated store of files, in memory: what an FTP server, a bucket or a folder of a machine would answer.
//!
//! A stand-in that we wrote. Its personalities follow what was seen of real servers: an FTP server renames onto an
//! empty folder and refuses a folder with something in it, a NAS refuses to rename over a file, a bucket has neither
//! renames nor folders, a full store keeps the part that fitted.

mod disk;
mod drift;
mod local;
mod receive;
mod requests;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

pub use disk::{Cut, Personality};
pub use drift::{ByHand, FOREIGN};
pub(crate) use receive::Order;
pub use receive::Supply;

use disk::Disk;

/// A store. Clones are cheap: contents are shared.
#[derive(Debug, Clone)]
pub struct FileStore {
    disk: Disk,
}

/// Something in a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// A folder.
    Folder,
    /// A file.
    File(Content),
    /// A link or the like.
    Other,
}

/// What a file holds.
#[derive(Debug, Clone)]
pub struct Content {
    bytes: Arc<[u8]>,
    sha256: Arc<str>,
}

impl Content {
    /// These bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Content { bytes: bytes.into(), sha256: hex::encode(Sha256::digest(bytes)).into() }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Their SHA-256, 64 digits of hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for Content {}

impl Hash for Content {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sha256.hash(state);
    }
}

impl FileStore {
    /// An empty store.
    pub fn new(personality: Personality) -> Self {
        FileStore { disk: Disk::new(personality) }
    }

    /// How many bytes fit in; `None`: as many as come.
    pub fn set_capacity(&mut self, bytes: Option<u64>) {
        self.disk.capacity = bytes;
    }

    /// False for a bucket.
    pub fn renames(&self) -> bool {
        self.disk.personality.renames()
    }

    /// How many bytes its files have.
    pub fn used(&self) -> u64 {
        self.disk.used()
    }

    /// Everything in it, by path from the top without a `/` before it.
    pub fn nodes(&self) -> &BTreeMap<String, Node> {
        &self.disk.nodes
    }

    /// The file at a path; `None` where there is none.
    pub fn file(&self, path: &str) -> Option<&Content> {
        self.disk.file(path)
    }

    /// Somebody puts a file there, with the folders above it; capacity and line do not count.
    pub fn put_by_hand(&mut self, path: &str, bytes: &[u8]) {
        let path = disk::absolute(path);
        let mut above = path.as_str();
        while let Some((folder, _)) = above.rsplit_once('/') {
            self.make_folder_by_hand(&format!("/{folder}"));
            above = folder;
        }
        self.disk.nodes.insert(path, Node::File(Content::new(bytes)));
    }

    /// Somebody makes a folder, with those above it. A bucket has none.
    pub fn make_folder_by_hand(&mut self, folder: &str) {
        if !self.disk.personality.has_folders() {
            return;
        }
        let folder = disk::absolute(folder);
        let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
        for above in ends.filter_map(|end| folder.get(..end)) {
            self.disk.nodes.entry(above.to_owned()).or_insert(Node::Folder);
        }
    }

    /// Somebody renames a file or a folder, over whatever is there.
    pub fn rename_by_hand(&mut self, from: &str, to: &str) {
        self.remove_by_hand(to);
        let (from, to) = (disk::absolute(from), disk::absolute(to));
        self.disk.shift(&from, &to);
    }

    /// Somebody removes a file, or a folder with everything in it.
    pub fn remove_by_hand(&mut self, path: &str) {
        let path = disk::absolute(path);
        self.disk.nodes.retain(|name, _| !disk::is_within(name, &path));
    }

    /// A number that is equal for equal contents.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.disk.nodes.hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests;
