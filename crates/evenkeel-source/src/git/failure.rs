//! What libgit2's errors mean to the user.

use evenkeel_engine::source::{SourceError, SourceErrorKind};
use git2::{ErrorClass, ErrorCode};

/// `what` failed with `error`.
pub(super) fn failed(what: &str, error: &git2::Error) -> SourceError {
    let why = error.message();
    let message = format!("{what}: {why}");
    let of = |kind| SourceError::new(kind, message.clone());
    match (error.code(), error.class()) {
        (ErrorCode::Owner, _) => of(SourceErrorKind::Configuration).hint(
            "the repository belongs to another user: `git config --global --add safe.directory <path>` as the \
             controller's user trusts it",
        ),
        (ErrorCode::Auth, _) => of(SourceErrorKind::AuthenticationFailed),
        (ErrorCode::Certificate, _) => of(SourceErrorKind::Untrusted),
        _ if why.contains("No space left") => {
            of(SourceErrorKind::Failed).hint("free some space where the controller keeps its state")
        }
        (_, ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssh) => of(SourceErrorKind::Unreachable),
        _ => of(SourceErrorKind::Failed),
    }
}
