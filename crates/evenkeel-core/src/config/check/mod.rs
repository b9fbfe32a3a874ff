//! What the types of the configuration cannot say: bounds, forms, and what goes with what.

mod controller;
mod notifier;
mod report;
mod secret;
mod source;
mod url;

pub(super) use controller::{controller, webhook_sources};
pub(super) use notifier::{notifier, notifier_sources};
pub(crate) use secret::{Place, SECRET_SOURCES, take_secret};
pub(super) use source::{directory_source, git_source};
