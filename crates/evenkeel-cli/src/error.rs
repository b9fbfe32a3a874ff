//! Errors of the command line, and how they are printed.

use std::fmt;

use evenkeel_core::diagnostic::Diagnostic;
use evenkeel_core::plan::FORMAT_VERSION;
use serde_json::{Value, json};

/// An error that ends a command: what and where, why, what to do.
#[derive(Debug)]
pub(crate) struct CliError {
    message: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    hint: Option<String>,
    diagnostics: Vec<Diagnostic>,
}

impl CliError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        CliError { message: message.into(), cause: None, hint: None, diagnostics: Vec::new() }
    }

    pub(crate) fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        self.hint_if_any(Some(hint))
    }

    pub(crate) fn hint_if_any(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// Adds the problems of manifests that led to it, which people have seen already.
    pub(crate) fn diagnostics(mut self, diagnostics: &[Diagnostic]) -> Self {
        self.diagnostics = diagnostics.to_vec();
        self
    }

    /// For scripts: the document that takes the place of the command's own.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "formatVersion": FORMAT_VERSION,
            "error": { "message": self.sentence(), "hint": self.hint, "diagnostics": self.diagnostics },
        })
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The message and the causes.
    pub(crate) fn sentence(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.cause.as_deref().map(|c| c as &dyn std::error::Error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.sentence())?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}
