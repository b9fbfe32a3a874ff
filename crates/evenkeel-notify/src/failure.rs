//! Why a message did not arrive.

use std::time::Duration;

/// Why a message did not arrive. Without secrets: addresses of receivers can be such, and are not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What failed, at which receiver.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The receiver has looked at this message and does not want it: another one may do better.
    pub is_refused: bool,
    /// The receiver asks for so much patience.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Something that a later attempt, or a person, may mend.
    pub(crate) fn passing(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, is_refused: false, retry_after: None }
    }

    /// The receiver does not take this message.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Failure { is_refused: true, ..Failure::passing(message) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Failure { hint: Some(hint.into()), ..self }
    }
}
