//! Why an object could not be observed.

use serde::{Deserialize, Serialize};

use crate::transport::{TransportError, TransportErrorKind};

/// Why the state of an object is unknown. Unknown is never absent: nothing is created, changed, replaced or
/// removed on any of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ObserveError {
    /// The target did not answer.
    #[error("{0}")]
    Transport(TransportError),
    /// A command failed in a way that says nothing about the object.
    #[error("`{command}` failed with exit status {exit}: {stderr}")]
    Command {
        /// The command as sent.
        command: String,
        /// Its exit status.
        exit: i32,
        /// What it said, shortened.
        stderr: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The output is not what the command prints.
    #[error("cannot understand the output of `{command}`: {problem}")]
    Unparsable {
        /// The command as sent.
        command: String,
        /// What is wrong, with a short quote.
        problem: String,
    },
    /// The target answered, and the manifest does not fit it.
    #[error("{message}")]
    Unfit {
        /// Where in `spec`, for the position in the manifest.
        path: Vec<String>,
        /// What does not fit, and why.
        message: String,
        /// What to write or do instead.
        hint: Option<String>,
    },
    /// A driver looked for a reply that it never asked for: a mistake in the driver.
    #[error("no reply to `{command}`, which was never sent")]
    NotAsked {
        /// The command.
        command: String,
    },
}

impl ObserveError {
    /// The manifest does not fit the target: `path` is where that stands, as keys from `spec` down (none for the whole), and
    /// `hint` what to write or do instead.
    pub fn unfit(path: &[&str], message: impl Into<String>, hint: impl Into<String>) -> Self {
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        ObserveError::Unfit { path, message: message.into(), hint: Some(hint.into()) }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            ObserveError::Transport(e) => e.hint.as_deref(),
            ObserveError::Command { hint, .. } | ObserveError::Unfit { hint, .. } => hint.as_deref(),
            ObserveError::Unparsable { .. } => Some(
                "run the command by hand on the target; if its output looks right, please report it with `plan --record DIR`",
            ),
            ObserveError::NotAsked { .. } => Some("this is a bug in Evenkeel, please report it"),
        }
    }

    /// True where the program that was to be run is not on the target: it is no machine of this kind. A shell says 127;
    /// `sudo` and `doas` say 1 and tell it in words.
    pub fn lacks_program(&self) -> bool {
        if let ObserveError::Transport(error) = self {
            return error.kind == TransportErrorKind::NoShell;
        }
        let ObserveError::Command { exit, stderr, .. } = self else { return false };
        // A program that is there may miss a file of its own (`/dev/zfs`): that is a failure.
        let tells = |line: &str| {
            let of_become = line.starts_with("sudo: ") || line.starts_with("doas: ");
            let missing = line.contains(": No such file or directory");
            line.ends_with(": command not found") || (of_become && missing)
        };
        *exit == 127 || (*exit == 1 && stderr.lines().any(tells))
    }

    /// True where observing again later may succeed without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            ObserveError::Transport(e) => e.is_retryable(),
            ObserveError::Command { .. } => true,
            ObserveError::Unparsable { .. } | ObserveError::Unfit { .. } | ObserveError::NotAsked { .. } => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_there_and_fails_is_not_missing() {
        let lacks = |exit: i32, stderr: &str| {
            let (command, stderr) = ("zfs list".to_owned(), stderr.to_owned());
            ObserveError::Command { command, exit, stderr, hint: None }.lacks_program()
        };
        assert!(lacks(127, "sh: 1: zfs: not found"));
        assert!(lacks(1, "sudo: zfs: command not found"));
        assert!(lacks(1, "sudo: zfs: No such file or directory (os error 2)"));
        assert!(!lacks(1, "Unable to open /dev/zfs: No such file or directory."));
        assert!(!lacks(2, "sudo: zfs: command not found"));
    }
}
