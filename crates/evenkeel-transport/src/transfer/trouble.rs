//! What went wrong, and at which end.

use evenkeel_core::request::{Goal, MISSING, Origin, REFUSED, Reply, Transfer};
use evenkeel_core::transport::{TransportError, TransportErrorKind};

use crate::stores::StoreError;

/// Why a transfer failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The origin's fault: the goal has nothing, and is told.
    Origin(Trouble),
    /// It could not begin: what the bytes come from was not reached.
    Unreached(Trouble),
    /// The goal's fault.
    Goal(Trouble),
    /// Somebody asked for that.
    Stopped,
}

/// What one end said, or that it said nothing.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// It answered.
    Answer {
        /// As an exit status; not 0.
        exit: i32,
        /// In its words.
        words: String,
    },
    /// It gave no answer.
    Broken(TransportError),
}

impl Trouble {
    pub(super) fn refused(words: impl Into<String>) -> Self {
        Trouble::Answer { exit: REFUSED, words: words.into() }
    }

    pub(super) fn words(&self) -> &str {
        match self {
            Trouble::Answer { words, .. } => words,
            Trouble::Broken(error) => &error.message,
        }
    }

    /// The same, with what else went wrong behind it.
    pub(super) fn and(self, also: Option<&Trouble>) -> Self {
        let Some(also) = also else { return self };
        let more = format!("; besides, {}", also.words());
        match self {
            Trouble::Answer { exit, words } => Trouble::Answer { exit, words: words + &more },
            Trouble::Broken(error) => {
                let message = error.message.clone() + &more;
                Trouble::Broken(TransportError { message, ..error })
            }
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing(words) => Trouble::Answer { exit: MISSING, words },
            StoreError::Refused(words) => Trouble::refused(words),
            StoreError::Failed(error) => Trouble::Broken(error),
            StoreError::OtherEnd(words) => {
                Trouble::Broken(TransportError::new(TransportErrorKind::Protocol, words))
            }
        }
    }
}

impl Failure {
    pub(super) fn goal(error: TransportError) -> Self {
        Failure::Goal(Trouble::Broken(error))
    }

    /// The reply or error of the transfer.
    pub(super) fn told(self, unwritten: Option<&str>, transfer: &Transfer) -> Result<Reply, TransportError> {
        let (at, trouble) = match self {
            Failure::Origin(trouble) | Failure::Unreached(trouble) => (from(transfer), trouble),
            Failure::Goal(trouble) => (to(transfer), trouble),
            Failure::Stopped => {
                let message = format!("stopped: {}", transfer.display());
                return Err(TransportError::new(TransportErrorKind::Stopped, message));
            }
        };
        let more = unwritten.map(|why| format!("; and that could not be written down: {why}"));
        let tell = |words: &str| format!("{at}: {words}{}", more.unwrap_or_default());
        match trouble {
            Trouble::Answer { exit, words } => {
                Ok(Reply { exit, stdout: vec![], stderr: tell(&words).into_bytes() })
            }
            Trouble::Broken(error) => {
                let message = tell(&error.message);
                Err(TransportError { message, ..error })
            }
        }
    }
}

fn from(transfer: &Transfer) -> String {
    match &transfer.from {
        Origin::Output { exec, .. } => format!("`{}`", exec.display()),
        Origin::File { path, .. } => format!("reading {path}"),
    }
}

fn to(transfer: &Transfer) -> String {
    match &transfer.to {
        Goal::File { path, .. } => format!("writing {path}"),
        Goal::Input { exec, .. } => format!("`{}`", exec.display()),
    }
}

/// An end that was done before it had everything.
pub(super) fn early(whose: &str) -> Trouble {
    Trouble::refused(format!("{whose} ended before it had taken everything"))
}
