//! The State of a switch, as far as a spec speaks of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::hyperv::host::Host;

/// A switch, as far as a spec speaks of it.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HyperVSwitchState {
    pub(super) embedded_teaming: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) minimum_bandwidth_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iov: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) packet_direct: Option<bool>,
    /// By the NICs' names, however they are written.
    pub(super) uplinks: BTreeSet<String>,
    /// Only with embedded teaming.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) load_balancing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "allowManagementOS")]
    pub(super) allow_management_os: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notes: Option<String>,
    /// Those that the spec names, as it writes them; `None` for one that shall not be.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) host_adapters: BTreeMap<String, Option<HostAdapterState>>,
    /// All that was read: what the state is judged by, and no part of it. `None` in what is wanted.
    #[serde(skip)]
    pub(super) seen: Option<Arc<Host>>,
}

/// A host adapter, as far as anybody speaks of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostAdapterState {
    /// `100`, `untagged`, `trunk`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vlan: Option<String>,
    /// The NIC's name, or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uplink: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rdma: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ieee_priority_tag: Option<bool>,
}
