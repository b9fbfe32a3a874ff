//! The port through which manifests arrive: a git repository, a folder.

use evenkeel_core::manifest::SourceFile;
use evenkeel_core::transport::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A place that manifests come from.
pub trait Source: Send + Sync {
    /// Looks what is there now. `known` is the revision that the caller has: where that is still the one,
    /// [`Fetched::Unchanged`]. Nothing is handed out that could not be fetched whole and verified as asked.
    fn fetch<'a>(&'a self, known: Option<&'a str>) -> BoxFuture<'a, Result<Fetched, SourceError>>;
}

/// What a look at a source brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The revision that the caller has is still the one.
    Unchanged,
    /// Another revision.
    New(Box<Snapshot>),
}

/// The manifests of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Which one.
    pub revision: Revision,
    /// The manifests; paths are relative to the repository or folder.
    pub manifests: Vec<SourceFile>,
    /// The values files, in the order in which they override.
    pub values: Vec<SourceFile>,
    /// Other files that manifests refer to (encrypted secrets), by their path relative to the repository or folder.
    pub attachments: Vec<SourceFile>,
}

/// A commit, or the state of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The full hash of the commit; for a folder, a digest of its files.
    pub id: String,
    /// The branch or tag that it was found by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The first line of the commit's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who wrote it: `Name <address>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Whose signature was found good: the principal or key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
}

impl Revision {
    /// The first twelve characters of the hash, for people.
    pub fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

/// Why a source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct SourceError {
    /// What kind of failure it is.
    pub kind: SourceErrorKind,
    /// One sentence: what failed, and on what. Without secrets, also where the URL holds one.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The revision that it is about, where one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceErrorKind {
    /// The server does not answer, or not in time.
    Unreachable,
    /// It does not let us in.
    AuthenticationFailed,
    /// Its host key or certificate is not to be trusted.
    Untrusted,
    /// There is no such repository, branch, tag, commit, range or folder.
    NotFound,
    /// The signature that is wanted is missing or not good.
    Unverified,
    /// More or larger files than a source may have.
    TooLarge,
    /// The settings do not work.
    Configuration,
    /// Anything else: a broken repository, a full disk.
    Failed,
}

impl SourceError {
    /// An error without a hint.
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        SourceError { kind, message: message.into(), hint: None, revision: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// One word for scripts.
    pub fn reason(&self) -> &'static str {
        match self.kind {
            SourceErrorKind::Unreachable => "Unreachable",
            SourceErrorKind::AuthenticationFailed => "AuthenticationFailed",
            SourceErrorKind::Untrusted => "Untrusted",
            SourceErrorKind::NotFound => "NotFound",
            SourceErrorKind::Unverified => "Unverified",
            SourceErrorKind::TooLarge => "TooLarge",
            SourceErrorKind::Configuration => "Configuration",
            SourceErrorKind::Failed => "Failed",
        }
    }
}
