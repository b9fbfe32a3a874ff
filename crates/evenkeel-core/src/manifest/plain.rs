//! Files that hold one value and nothing else: rules, lists. JSON is YAML, too.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::load::{SourceFile, decode};
use super::node::Node;
use super::problems::Problems;
use super::source::Mark;
use super::{read_spec, yaml};
use crate::diagnostic::{Diagnostic, Severity};
use crate::driver::Finding;

/// Reads the one value of `file`, and has it checked. The problems are those of the file, with their places; where one
/// of them is an error there is no value.
pub fn read_plain<T: DeserializeOwned>(
    file: &SourceFile,
    check: impl FnOnce(&T) -> Vec<Finding>,
) -> (Option<T>, Vec<Diagnostic>) {
    let mut problems = Problems::default();
    let value = read(file, &mut problems).and_then(|node| {
        let value: T = read_spec(&node, &mut problems)?;
        for Finding { path, message, hint, warning } in check(&value) {
            problems.at_path(&node, &path, message, hint, warning);
        }
        Some(value)
    });
    let diagnostics = problems.into_diagnostics();
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    (value.filter(|_| !failed), diagnostics)
}

fn read(file: &SourceFile, problems: &mut Problems) -> Option<Node> {
    let source = decode(file, problems)?;
    let mut trees = yaml::parse(&source, problems).into_iter();
    let (first, second) = (trees.next(), trees.next());
    if let Some(second) = second {
        problems.error(&source, second.mark, "there is a second document in this file".to_owned(), None);
    }
    if let Some(tree) = first {
        return Some(Node::new(Arc::clone(&source), tree, &[]));
    }
    if !problems.has_unread() {
        let first = Mark { line: 1, column: 1, width: 1 };
        problems.error(&source, first, "the file is empty".to_owned(), None);
    }
    None
}
