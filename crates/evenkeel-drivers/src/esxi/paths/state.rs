//! The State of a host's path policies, as far as a spec speaks of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::host::Host;
use super::select::Selection;
use crate::esxi::reply::ClaimRule;

/// What a host does with the paths to its disks, as far as a spec speaks of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PathPolicyState {
    /// By id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) devices: BTreeMap<String, DeviceState>,
    /// By the name of the array type.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) satps: BTreeMap<String, SatpState>,
    /// What each rule gives, by what it is known by; `None` for one that shall not be.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) rules: BTreeMap<String, Option<String>>,
    /// The rules that carry the resource's mark, by what they are known by.
    #[serde(skip)]
    pub(super) ours: BTreeMap<String, Vec<ClaimRule>>,
    /// What else was read: what the state is judged by, and no part of it. `None` in what is wanted.
    #[serde(skip)]
    pub(super) evidence: Option<Arc<Evidence>>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceState {
    /// `VMW_PSP_RR`
    pub(super) policy: String,
    /// When round robin goes on: `iops=1`. Only where the spec says so, and under round robin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limits: Option<String>,
    /// Only where the spec says one, and under `VMW_PSP_FIXED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) preferred_path: Option<String>,
}

/// An array type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SatpState {
    /// The policy of its devices that have no other.
    pub(super) default_policy: String,
}

/// What a state is judged by.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) host: Host,
    pub(super) selection: Selection,
    /// Whether the spec says which rules there shall be: those of ours that it does not say shall not be.
    pub(super) speaks_of_rules: bool,
}

impl Evidence {
    /// The rules of the host, where the spec speaks of rules.
    pub(super) fn own_rules(&self) -> Option<Arc<Vec<ClaimRule>>> {
        self.host.rules.clone().filter(|_| self.speaks_of_rules)
    }
}
