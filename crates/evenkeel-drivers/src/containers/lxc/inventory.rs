//! All templates of a node that are ours, and how one goes whose resource left the manifests.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::driver::{Found, Marked, ObserveError, Step};
use evenkeel_core::request::{Query, Replies};

use super::node::{self, Node};
use super::steps::discarding;
use crate::containers::host::{Look, all_marked, look_query, new_name};

/// What to read: the folders of all storages with templates.
pub(super) fn queries(so_far: &Replies) -> Vec<Query> {
    let mut queries = vec![node::query(None)];
    if let Ok(node) = Node::read(so_far, None) {
        queries.extend(node.folders.values().map(|folder| look_query(folder)));
    }
    queries
}

fn read(replies: &Replies) -> Result<Vec<Arc<Look>>, ObserveError> {
    let node = Node::read(replies, None)?;
    let folders: BTreeSet<&String> = node.folders.values().collect();
    let looks = folders.into_iter().map(|folder| Look::read(replies, &look_query(folder)));
    // A storage that has no such folder has no templates.
    looks.filter(|look| !matches!(look, Err(ObserveError::Unfit { .. }))).collect()
}

/// The objects with our mark.
pub(super) fn marked(replies: &Replies) -> Result<Vec<Marked>, ObserveError> {
    Ok(all_marked(read(replies)?.iter().flat_map(|look| look.marked()).collect()))
}

/// The writes that remove all versions of an object, and what is left of its builds.
pub(super) fn removal(object: &str, replies: &Replies) -> Result<Vec<Step>, String> {
    let looks = read(replies).map_err(|error| error.to_string())?;
    let mut steps: Vec<Step> = Vec::new();
    for (nth, look) in looks.iter().enumerate() {
        // The marks are the machine's, and each look tells of all of them: what is left of a build goes once, with the folder
        // that it packed into.
        let is_of = |look: &Arc<Look>, name: &str| look.files.contains_key(&new_name(name));
        let discard = |id: u32, name: &str, mark: &str| {
            let is_here = is_of(look, name) || (nth == 0 && !looks.iter().any(|other| is_of(other, name)));
            is_here.then(|| discarding(&look.folder, id, name, mark))
        };
        steps.extend(look.removal(object, discard)?);
    }
    Ok(steps)
}

/// No manifest can be made of what is there: its record does not tell in which container it was built. Whether there is such
/// a node is told all the same.
pub(super) fn found(replies: &Replies) -> Result<Vec<Found>, ObserveError> {
    read(replies)?;
    Ok(Vec::new())
}

/// What there is to tell of the folders.
pub(super) fn remarks(replies: &Replies) -> Vec<String> {
    read(replies).map(|looks| looks.iter().flat_map(|look| look.remarks()).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
