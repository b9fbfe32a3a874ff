//! The flags of the commands that decide about what is held.

use clap::Args;
use evenkeel_core::period::Period;

use super::controller::{Controller, Within};

#[derive(Debug, Args)]
pub(crate) struct Approvals {
    /// Only about this resource.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) resource: Option<String>,
    #[command(flatten)]
    pub(crate) within: Within,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    #[command(flatten)]
    pub(crate) held: Held,
    /// For how long it may be sent, at most 30d.
    #[arg(long = "for", value_name = "TIME", default_value = "24h")]
    pub(crate) within: Period,
    /// It may also be sent outside of its maintenance windows. That is written down with the approval.
    #[arg(long)]
    pub(crate) override_window: bool,
    /// Do not ask.
    #[arg(long = "auto-approve")]
    pub(crate) unasked: bool,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    pub(crate) held: Held,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

/// What is decided about, and why.
#[derive(Debug, Args)]
pub(crate) struct Held {
    /// The plan, by at least the first eight digits of its hash; or its resource.
    #[arg(value_name = "PLAN|KIND/NAME")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) within: Within,
    /// Why, in one line of at most 500 characters: it is what others read afterwards.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}
