//! The collector of problems.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::limits;
use super::node::Node;
use super::source::{Mark, Source};
use crate::diagnostic::{Diagnostic, Location, Severity};

/// Problems found so far, of all files.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    has_unread: bool,
    /// Lines that are not shown, whatever the problem.
    hidden: BTreeSet<(String, usize)>,
}

impl Problems {
    /// A problem at `path` below `node`, or at the nearest parent that is written.
    pub fn at_path(
        &mut self,
        node: &Node,
        path: &[String],
        message: String,
        hint: Option<String>,
        warning: bool,
    ) {
        let severity = if warning { Severity::Warning } else { Severity::Error };
        self.push(node.source().diagnostic(node.mark_of(path), severity, message, hint));
    }

    pub(super) fn error(&mut self, source: &Arc<Source>, mark: Mark, message: String, hint: Option<String>) {
        self.push(source.diagnostic(mark, Severity::Error, message, hint));
    }

    pub(super) fn warning(
        &mut self,
        source: &Arc<Source>,
        mark: Mark,
        message: String,
        hint: Option<String>,
    ) {
        self.push(source.diagnostic(mark, Severity::Warning, message, hint));
    }

    /// A finished diagnostic. Warnings never crowd out errors.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let count = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= limits::PROBLEMS {
            self.found.push(diagnostic);
        }
    }

    /// Leaves the line of the field at `path` out of what is shown: a secret stands in it.
    pub(crate) fn hide(&mut self, node: &Node, path: &[String]) {
        let Location { file, line, .. } = node.locate(path);
        self.hidden.insert((file, line));
    }

    /// Notes that a document could not be read, whatever stands in it.
    pub(super) fn unread(&mut self) {
        self.has_unread = true;
    }

    /// True where a document could not be read: what is not known may stand there.
    pub(crate) fn has_unread(&self) -> bool {
        self.has_unread
    }

    /// True where looking on would only bury what was found.
    pub(super) fn is_full(&self) -> bool {
        self.errors >= limits::PROBLEMS
    }

    /// Everything found, by file and place, each once.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        let is_full = self.is_full();
        let mut found = self.found;
        for d in found.iter_mut().filter(|_| !self.hidden.is_empty()) {
            let place = d.location.as_ref().map(|place| (place.file.clone(), place.line));
            if place.is_some_and(|place| self.hidden.contains(&place)) {
                d.source_line = String::new();
            }
        }
        found.sort_by(|a, b| {
            (&a.location, a.severity, &a.message).cmp(&(&b.location, b.severity, &b.message))
        });
        found.dedup();
        if is_full {
            found.push(Diagnostic {
                severity: Severity::Error,
                message: format!("there are {} problems or more; the others are left out", limits::PROBLEMS),
                location: None,
                source_line: String::new(),
                length: 1,
                hint: Some("mend these and look again".to_owned()),
            });
        }
        found
    }
}
