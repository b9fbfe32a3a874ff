//! What people do to a store by hand.

use super::{FileStore, Node};
use crate::random::Random;

/// What stands in files that others put there.
pub const FOREIGN: &[u8] = b"mine";

/// What somebody did, for the one who checks afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByHand {
    /// A file or folder that was not there before.
    Added(String),
    /// Something that is gone, or not what it was.
    Spoiled(String),
}

impl FileStore {
    /// Somebody puts something of their own into `folder`, be it beside our generations or into one.
    pub fn add_by_hand(&mut self, folder: &str, random: &mut Random) -> Option<ByHand> {
        let mut folders: Vec<String> = vec![folder.to_owned()];
        folders.extend(self.folders(folder));
        let inside = random.pick(&folders)?.clone();
        let name =
            random.pick(&["notes.txt", "README", "old.tar.gz", "vzdump.log", "会計.xls", "lost+found"])?;
        let path = format!("{inside}/{name}");
        if self.disk.exists(&path) {
            return None;
        }
        self.put_by_hand(&path, FOREIGN);
        Some(ByHand::Added(path))
    }

    /// Somebody removes, shortens or overwrites a file below `folder`.
    pub fn spoil_by_hand(&mut self, folder: &str, random: &mut Random) -> Option<ByHand> {
        let files: Vec<String> = self.files(folder);
        let path = random.pick(&files)?.clone();
        let mut bytes = self.file(&path)?.bytes().to_vec();
        match random.below(3) {
            0 => self.remove_by_hand(&path),
            1 => {
                bytes.truncate(bytes.len() / 2);
                self.put_by_hand(&path, &bytes);
            }
            _ => self.put_by_hand(&path, b""),
        }
        Some(ByHand::Spoiled(path))
    }

    /// Somebody gives a folder directly in `folder` another name, which is not taken.
    pub fn rename_folder_by_hand(&mut self, folder: &str, random: &mut Random) {
        let folders = self.folders(folder);
        let Some(from) = random.pick(&folders).cloned() else { return };
        let name =
            random.pick(&["daily.9", "daily.2", "before-the-upgrade", "20200101T000000Z"]).unwrap_or(&"x");
        let to = format!("{folder}/{name}");
        if !self.disk.exists(&to) {
            self.rename_by_hand(&from, &to);
        }
    }

    /// The names of the files that others put there, wherever they are.
    pub fn foreign(&self) -> Vec<String> {
        let files = self.disk.nodes.iter().filter_map(|(path, node)| match node {
            Node::File(content) if content.bytes().starts_with(FOREIGN) => path.rsplit('/').next(),
            _ => None,
        });
        files.map(str::to_owned).collect()
    }

    /// Paths of the files of this name.
    pub fn files_named(&self, name: &str) -> Vec<String> {
        let paths = self.disk.nodes.keys().filter(|path| path.rsplit('/').next() == Some(name));
        paths.map(|path| format!("/{path}")).collect()
    }

    /// Paths of the folders directly in `folder`, with the `/` before them.
    pub fn folders(&self, folder: &str) -> Vec<String> {
        let is_folder = |(_, node): &(&str, &Node)| **node == Node::Folder;
        let top = super::disk::absolute(folder);
        let direct = |path: &str| !path.get(top.len() + 1..).unwrap_or_default().contains('/');
        let folders = self.disk.children(&top).filter(is_folder).map(|(path, _)| path);
        folders.filter(|path| direct(path)).map(|path| format!("/{path}")).collect()
    }

    /// Paths of the files below `folder`, with the `/` before them.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let top = super::disk::absolute(folder);
        let files = self.disk.children(&top).filter(|(_, node)| matches!(node, Node::File(_)));
        files.map(|(path, _)| format!("/{path}")).collect()
    }
}
