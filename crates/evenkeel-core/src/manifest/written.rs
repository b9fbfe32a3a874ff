//! Manifests of any kind, one after the other: for the kinds that are no resources.

use std::sync::Arc;

use super::document::{self, Document};
use super::load::{SourceFile, decode, read_values};
use super::node::Node;
use super::problems::Problems;
use super::source::{Mark, Source};
use super::yaml;
use crate::diagnostic::Location;

/// A manifest whose `spec` nobody has read yet.
#[derive(Debug)]
pub(crate) struct Written {
    /// The kind's name, which need not be known.
    pub(crate) kind: String,
    /// The name in `metadata.name`.
    pub(crate) name: String,
    /// What stands below `spec`.
    pub(crate) node: Node,
    source: Arc<Source>,
    kind_mark: Mark,
    name_mark: Mark,
    mark: Mark,
}

impl Written {
    pub(super) fn new(source: &Arc<Source>, document: Document) -> Self {
        let Document { kind, kind_mark, metadata, name_mark, mark, spec } = document;
        let node = Node::new(Arc::clone(source), spec, &[]);
        Written { kind, name: metadata.name, node, source: Arc::clone(source), kind_mark, name_mark, mark }
    }

    /// Where the manifest begins.
    pub(crate) fn location(&self) -> Location {
        self.source.location(self.mark)
    }

    /// A problem with its kind.
    pub(crate) fn kind_error(&self, message: String, hint: Option<String>, problems: &mut Problems) {
        problems.error(&self.source, self.kind_mark, message, hint);
    }

    /// A problem with its name.
    pub(crate) fn name_error(&self, message: String, hint: Option<String>, problems: &mut Problems) {
        problems.error(&self.source, self.name_mark, message, hint);
    }
}

/// Reads the heads of all manifests in `files`, with the values files laid over each other in this order.
pub(crate) fn read(files: &[SourceFile], values: &[SourceFile], problems: &mut Problems) -> Vec<Written> {
    let mut values = read_values(values, problems);
    let mut found = Vec::new();
    for file in files {
        let Some(source) = decode(file, problems) else { continue };
        for mut tree in yaml::parse(&source, problems) {
            if problems.is_full() {
                return found;
            }
            values.fill(&source, &mut tree, problems);
            match document::open(&source, tree, problems) {
                Some(document) => found.push(Written::new(&source, document)),
                None => problems.unread(),
            }
        }
    }
    found
}
