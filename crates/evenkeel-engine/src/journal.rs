//! Writing commands down before they are sent.

use evenkeel_core::plan::Change;
use evenkeel_core::transport::BoxFuture;

/// Hears of every command before it is sent, so that after a crash it is known what may have happened.
pub trait Journal: Send + Sync {
    /// Writes the command (as a person would type it, without secrets) down durably, with the changes that it is for.
    /// `Err` gives the reason in one sentence; the command is not sent then.
    fn about_to_send<'a>(
        &'a self,
        target: &'a str,
        command: &'a str,
        changes: &'a [&'a Change],
    ) -> BoxFuture<'a, Result<(), String>>;
}
