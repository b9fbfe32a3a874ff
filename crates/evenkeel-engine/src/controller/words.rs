//! What woke a run, and why a difference is there.

use serde::{Deserialize, Serialize};

/// What woke a resource. In order of urgency, the least urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trigger {
    /// Its interval has passed.
    Periodic,
    /// It is tried again after a failure.
    Retry,
    /// What it depends on became ready.
    Dependency,
    /// A new revision.
    Push,
    /// A person asked.
    Operator,
}

/// Why a resource differs from its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Intent {
    /// The manifest changed, or was never fulfilled: somebody wants it.
    Intentional,
    /// It was as the manifest says and is no longer: drift.
    Corrective,
}
