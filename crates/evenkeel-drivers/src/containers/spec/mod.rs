//! What people write of a container template, as far as it is the same for every backend.

mod output;
mod provision;

pub use output::Output;
pub use provision::{FileMode, FileSpec, Packages, Provision, RunSpec};

use evenkeel_core::period::Period;
use schemars::JsonSchema;
use serde::Deserialize;

/// When a template is built anew though its recipe is the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refresh {
    /// Once in every such period: `7d`. Periods are counted from the beginning of 1970 in UTC, at least an hour.
    pub every: Period,
}

/// `cleanup` where the manifest does not say.
pub(super) fn yes() -> bool {
    true
}

/// How many older versions are kept besides the newest, where the manifest does not say.
pub(super) const KEEP: u32 = 1;
