//! Where messages go.

mod email;
mod slack;
mod webhook;

use evenkeel_core::transport::BoxFuture;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::message::Message;

pub(crate) use email::Email;
pub(crate) use slack::Slack;
pub(crate) use webhook::Webhook;

/// Takes a message to somebody.
pub(crate) trait Receiver: Send + Sync {
    /// One attempt.
    fn deliver<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, Result<(), Failure>>;
}

#[cfg(test)]
mod tests;
