//! Problems of manifests, with the place where they stand.

use serde::{Deserialize, Serialize};

/// A place in a manifest file. Lines and columns count from 1; columns count characters, not bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Nothing is planned while it stands.
    Error,
    /// Worth a look.
    Warning,
}

/// One problem: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, and why.
    pub message: String,
    /// Where. `None` for a problem of a file as a whole that could not be read.
    #[serde(flatten)]
    pub location: Option<Location>,
    /// The line itself, for the caret (shortened where it is very long).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_line: String,
    /// How many characters the caret underlines, at least 1.
    pub length: usize,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
