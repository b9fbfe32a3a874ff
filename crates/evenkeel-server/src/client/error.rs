//! Why a controller gave no answer.

use std::io;
use std::path::PathBuf;

/// Why a controller gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers at the socket.
    #[error("no controller answers at {}", path.display())]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The socket is somebody else's.
    #[error("{} may not be opened by this user", path.display())]
    Denied {
        /// The socket.
        path: PathBuf,
    },
    /// No connection.
    #[error("{door} cannot be reached: {source}")]
    Unreachable {
        /// Which controller.
        door: String,
        /// Why.
        source: io::Error,
    },
    /// A connection, and no trust.
    #[error("the certificate of {door} is not to be trusted: {message}")]
    Untrusted {
        /// Which controller.
        door: String,
        /// Why.
        message: String,
    },
    /// A token, and nothing that hides it.
    #[error("a token would travel to {url} in the clear")]
    Plaintext {
        /// Where.
        url: String,
    },
    /// It did not answer in time.
    #[error("{door} did not answer in time")]
    TooSlow {
        /// Which controller.
        door: String,
    },
    /// The connection ended in the middle.
    #[error("the connection to {door} ended early: {message}")]
    Cut {
        /// Which controller.
        door: String,
        /// What was seen of it.
        message: String,
    },
    /// It answered that it does not do that.
    #[error("{detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the controller said.
        detail: String,
        /// What it said to do.
        hint: Option<String>,
    },
    /// It answered something else than expected.
    #[error("the answer of {door} to {path} is not as expected: {message}")]
    Unreadable {
        /// Which controller.
        door: String,
        /// What was asked.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// The address or the authorities do not work.
    #[error("{message}")]
    Setting {
        /// What, and why.
        message: String,
    },
}

impl ClientError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            ClientError::NotRunning { .. } => {
                Some("is `evenkeel serve` running, with the same stateDirectory?")
            }
            ClientError::Denied { .. } => {
                Some("ask as the user that the controller runs as, or by its HTTP address with a token")
            }
            ClientError::Unreachable { .. } => {
                Some("check the address, and that `evenkeel serve` runs there")
            }
            ClientError::Untrusted { .. } => Some("name the file with the authority that signed it"),
            ClientError::Plaintext { .. } => Some("use https://, or the control socket on that machine"),
            ClientError::TooSlow { .. } | ClientError::Cut { .. } => {
                Some("try again; the controller's log may say more")
            }
            ClientError::Refused { hint, .. } => hint.as_deref(),
            ClientError::Unreadable { .. } => Some("is that a controller, and of the same version?"),
            ClientError::Setting { .. } => None,
        }
    }

    /// True where the same may work a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            ClientError::NotRunning { .. }
            | ClientError::Unreachable { .. }
            | ClientError::TooSlow { .. }
            | ClientError::Cut { .. } => true,
            ClientError::Refused { status, .. } => matches!(status, 429 | 503),
            ClientError::Denied { .. }
            | ClientError::Untrusted { .. }
            | ClientError::Plaintext { .. }
            | ClientError::Unreadable { .. }
            | ClientError::Setting { .. } => false,
        }
    }
}
