//! Tells people what happened: chat, webhooks, e-mail, commit statuses and comments.
//!
//! Notifiers follow the events that the controller has written down, each from where it stands (`diary.rs` is the port to
//! them), and tell them in batches: `interest.rs` chooses, `message.rs` and `words.rs` make the text, `escape.rs` keeps what
//! stands in it from being anything but text, `pace.rs` says when, and `follow.rs` is the loop. `receivers/` takes messages
//! to where they go. `commit/` shows the state of a revision at its commit, and `forge/` knows the forges; `comment.rs` puts
//! a plan into a pull request.

mod comment;
mod commit;
mod credential;
mod diary;
mod escape;
mod failure;
mod follow;
mod forge;
mod http;
mod interest;
mod message;
mod pace;
mod prepare;
mod receivers;
mod running;
#[cfg(test)]
mod stand_in;
mod words;

pub use comment::{Posted, PullRequest, Remark};
pub use credential::Secrets;
pub use diary::{Diary, OfController};
pub use failure::Failure;
pub use prepare::{Notifier, PrepareError, Settings, prepare};
pub use running::{Running, start};
