//! What waits for a person's word, and what persons said.

use evenkeel_core::plan::{Approvable, Approval, Change, Rejection};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::records::{ResourceFilter, ResourceKey, RunId};

/// A change that is held and that a person may let through, from when it was first seen until it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRecord {
    /// The resource, or what is left of it where it left the manifests.
    #[serde(flatten)]
    pub key: ResourceKey,
    /// The hash of what would be sent: [`Change::plan`].
    pub plan: String,
    /// The revision that wants it.
    pub revision: String,
    /// What would be sent, and why it is held.
    pub change: Change,
    /// When it was first seen.
    pub since: Timestamp,
    /// How it stands.
    pub state: ApprovalState,
    /// Who let it through, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Who did not, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The run that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// How it stands with a change that is, or was, held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ApprovalState {
    /// Nobody said anything yet.
    Waiting,
    /// A person let it through; it was not sent yet, or not with success.
    Approved,
    /// A person did not.
    Rejected,
    /// It was approved, sent, and read back.
    Used,
    /// Something else is to be sent now, or nothing: what was said counts no more.
    Void,
    /// It was approved, and not sent in time.
    Expired,
}

impl ApprovalState {
    /// True where it still counts.
    pub fn is_live(self) -> bool {
        matches!(self, ApprovalState::Waiting | ApprovalState::Approved | ApprovalState::Rejected)
    }
}

impl ApprovalRecord {
    /// Whether an approval would open it as things are.
    pub fn approvable(&self) -> Approvable {
        self.change.approvable()
    }

    /// True where a person said something about it. What ended without is not kept.
    pub fn is_decided(&self) -> bool {
        self.approval.is_some() || self.rejection.is_some()
    }
}

/// Which of them are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Only those that still count.
    pub live: bool,
    /// The resource that they are about.
    pub about: ResourceFilter,
    /// Of those that are over, at most so many of the last. Default: 100.
    pub limit: Option<usize>,
}
