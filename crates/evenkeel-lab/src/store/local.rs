//! A store as the disk of a machine, for the programs that run there.

use super::disk::{Disk, absolute, is_within};
use super::{Cut, FileStore, Node};

impl FileStore {
    /// How much work was done since the last call: operations, and bytes written.
    pub(crate) fn take_work(&mut self) -> u64 {
        self.disk.take_done()
    }

    /// From now on only so much work is done, and nothing after it; `None`: all.
    pub(crate) fn allow_work(&mut self, left: Option<u64>) {
        self.disk.set_left(left);
    }

    /// How many bytes fit in; `None`: as many as come.
    pub fn capacity(&self) -> Option<u64> {
        self.disk.capacity
    }

    /// True where there is a folder at the path.
    pub fn is_folder(&self, path: &str) -> bool {
        matches!(self.disk.nodes.get(&absolute(path)), Some(Node::Folder))
    }

    pub(crate) fn write_here(&mut self, path: &str, bytes: &[u8]) -> Result<(), Cut> {
        self.disk.put(path, bytes).map_err(|_| Cut)
    }

    pub(crate) fn make_folder_here(&mut self, folder: &str) -> Result<(), Cut> {
        self.disk.make_folder(folder).map_err(|_| Cut)
    }

    /// True where it has its new name.
    pub(crate) fn rename_here(&mut self, from: &str, to: &str) -> bool {
        self.disk.rename(from, to).is_ok()
    }

    pub(crate) fn remove_here(&mut self, path: &str) {
        // As `rm -f` in a script whose status nobody looks at.
        let _ = self.disk.remove(path);
    }

    /// `rm -rf`: files first, then the folders from the deepest.
    pub(crate) fn remove_tree_here(&mut self, path: &str) {
        let top = absolute(path);
        let inside = |disk: &Disk| -> Vec<String> {
            disk.nodes.keys().filter(|name| is_within(name, &top)).map(|name| format!("/{name}")).collect()
        };
        for name in inside(&self.disk).into_iter().rev() {
            let _ =
                if self.is_folder(&name) { self.disk.remove_folder(&name) } else { self.disk.remove(&name) };
        }
    }
}
