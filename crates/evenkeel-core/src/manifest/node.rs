//! A written mapping with its places, as drivers and plans hold it.

use std::sync::Arc;

use super::source::{Mark, Source};
use super::yaml::{Entry, Kind, Tree};
use crate::diagnostic::Location;

/// A YAML value with its places: the `spec` of a resource.
///
/// Cheap to hold: text is not copied out of the file, and all of a file's nodes share it.
#[derive(Debug)]
pub struct Node {
    source: Arc<Source>,
    tree: Tree,
    hidden: &'static [&'static str],
}

impl Node {
    /// `hidden` are the fields of the top mapping that are not the reader's business, but may be written.
    pub(super) fn new(source: Arc<Source>, tree: Tree, hidden: &'static [&'static str]) -> Self {
        Node { source, tree, hidden }
    }

    /// The place of the field at `path` (keys, and indexes in lists), or of its nearest parent that is written.
    pub fn locate(&self, path: &[String]) -> Location {
        self.source.location(self.source.within(self.mark_of(path)))
    }

    /// The place of a field of a driver's State, which need not have the form of the spec: at its path where that is
    /// written, else where its last key is written anywhere, else of its nearest parent.
    pub fn locate_field(&self, path: &[String]) -> Location {
        self.source.location(self.source.within(self.mark_of_claim(path)))
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn hidden(&self) -> &'static [&'static str] {
        self.hidden
    }

    /// The keys of the top mapping; none where it is no mapping.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let entries: &[Entry] = match &self.tree.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } | Kind::List(_) => &[],
        };
        entries.iter().map(|entry| entry.key.get(self.source.text()))
    }

    pub(super) fn mark_of(&self, path: &[String]) -> Mark {
        self.walk(path).0
    }

    /// The place of a field of a driver's State, which need not have the form of the spec: at its path where
    /// that is written, else where the last key is written anywhere, else at the nearest parent.
    pub(super) fn mark_of_claim(&self, path: &[String]) -> Mark {
        let (nearest, whole) = self.walk(path);
        if whole {
            return nearest;
        }
        path.last().and_then(|key| self.find_key(&self.tree, key)).unwrap_or(nearest)
    }

    fn walk(&self, path: &[String]) -> (Mark, bool) {
        let mut mark = self.tree.mark;
        let mut at = &self.tree;
        for key in path {
            match &at.kind {
                Kind::Map(entries) => match entries.iter().find(|e| self.is_key(e, key)) {
                    Some(entry) => (mark, at) = (field_mark(entry), &entry.value),
                    None => return (mark, false),
                },
                Kind::List(items) => match key.parse::<usize>().ok().and_then(|i| items.get(i)) {
                    Some(item) => (mark, at) = (item.mark, item),
                    None => return (mark, false),
                },
                Kind::Scalar { .. } => return (mark, false),
            }
        }
        (mark, true)
    }

    fn find_key(&self, tree: &Tree, key: &str) -> Option<Mark> {
        match &tree.kind {
            Kind::Map(entries) => entries
                .iter()
                .find(|e| self.is_key(e, key))
                .map(field_mark)
                .or_else(|| entries.iter().find_map(|e| self.find_key(&e.value, key))),
            Kind::List(items) => items.iter().find_map(|item| self.find_key(item, key)),
            Kind::Scalar { .. } => None,
        }
    }

    fn is_key(&self, entry: &Entry, key: &str) -> bool {
        entry.key.get(self.source.text()) == key
    }
}

/// A field's place: its value where that stands beside the key, else the key.
fn field_mark(entry: &Entry) -> Mark {
    match entry.value.kind {
        Kind::Scalar { .. } => entry.value.mark,
        Kind::Map(_) | Kind::List(_) => entry.key_mark,
    }
}
