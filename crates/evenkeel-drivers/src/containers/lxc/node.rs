//! What a node of Proxmox VE has for templates, as one exchange tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};

use super::scripts::LOOK;
use crate::containers::host::{nearest, told};

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// The storages that are not switched off, with what they may have; empty where that is not said.
    storages: BTreeMap<String, BTreeSet<String>>,
    /// The folders of templates, by storage.
    pub folders: BTreeMap<String, String>,
    /// The guests of the cluster by id, with what they are and their node.
    guests: BTreeMap<u32, String>,
}

/// Asks for it; of another target where one is named.
pub(super) fn query(target: Option<&str>) -> Query {
    let query = Query::reading(Request::Exec(Exec::new(["sh", "-s"]).reading(LOOK)));
    match target {
        Some(target) => query.at(target),
        None => query,
    }
}

impl Node {
    /// What was told.
    pub(super) fn read(replies: &Replies, target: Option<&str>) -> Result<Arc<Node>, ObserveError> {
        replies.parsed(&query(target), parse)
    }

    /// What has the id, if anything.
    pub(super) fn holder(&self, id: u32) -> Option<&str> {
        self.guests.get(&id).map(String::as_str)
    }

    /// The folder of the templates of a storage.
    pub(super) fn folder(&self, storage: &str) -> Result<&str, ObserveError> {
        self.has(storage, "vztmpl", &["lxc", "storage"])?;
        self.folders.get(storage).map(String::as_str).ok_or_else(|| {
            let message = format!("the storage {storage} has no folder for templates");
            ObserveError::unfit(&["lxc", "storage"], message, "name one that is a folder of the node")
        })
    }

    /// Problems of a storage that shall have `content`; `at` is where it stands.
    pub(super) fn has(&self, storage: &str, content: &str, at: &[&str]) -> Result<(), ObserveError> {
        let fits = |kinds: &BTreeSet<String>| kinds.is_empty() || kinds.contains(content);
        let Some(kinds) = self.storages.get(storage) else {
            let names =
                || self.storages.iter().filter(|(_, kinds)| fits(kinds)).map(|(name, _)| name.as_str());
            let hint = match nearest(storage, names()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
            };
            return Err(ObserveError::unfit(at, format!("there is no storage {storage} on this node"), hint));
        };
        if fits(kinds) {
            return Ok(());
        }
        let message = format!("the storage {storage} is not for content of the kind {content}");
        let all: Vec<&str> = kinds.iter().map(String::as_str).chain([content]).collect();
        let hint = format!("name another, or run `pvesm set {storage} --content {}` there", all.join(","));
        Err(ObserveError::unfit(at, message, hint))
    }
}

fn parse(request: &Request, reply: &Reply) -> Result<Node, ObserveError> {
    let hint = "name a node of Proxmox VE as the target, and log in as root (`become: sudo` in the Target)";
    let mut node = Node::default();
    told(request, reply, Some(hint), |line, _| Ok(node.take(line)))?;
    Ok(node)
}

impl Node {
    fn take(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "storage" => {
                let (name, content) = rest.split_once(' ')?;
                let kinds = content.split(',').filter(|kind| !kind.is_empty() && *kind != "-");
                self.storages.insert(name.to_owned(), kinds.map(str::to_owned).collect());
            }
            "folder" => {
                let (name, path) = rest.split_once(' ').filter(|(_, path)| path.starts_with('/'))?;
                self.folders.insert(name.to_owned(), path.to_owned());
            }
            "guest" => {
                let mut parts = rest.splitn(3, ' ');
                let (id, kind, node) = (parts.next()?, parts.next()?, parts.next()?);
                let what = if kind == "lxc" { "the container" } else { "the virtual machine" };
                // What has no number for a name is no guest.
                self.guests.extend(id.parse().ok().map(|id: u32| (id, format!("{what} {id} (node {node})"))));
            }
            _ => return None,
        }
        Some(())
    }
}
