//! What people write of data center bridging.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::period::Period;
use schemars::JsonSchema;

/// Data center bridging of a Windows host: which traffic has which priority (802.1p), which share of the bandwidth the
/// priorities have (ETS), which of them are lossless (PFC), and on which NICs that holds.
///
/// RDMA over converged Ethernet (`technology: RoCE`) must have a lossless priority with a share of its own, on the host
/// and on the switch; that is checked. The feature of Windows is installed where it is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DcbPolicySpec {
    /// Whether the host takes these settings from the switch (DCBX). `false`: it keeps its own. Not written: left as it is.
    #[serde(default)]
    pub willing: Option<bool>,
    /// The RDMA of these NICs, which says what is checked: `RoCE` needs flow control and a traffic class, `iWARP` does
    /// not. Default: `RoCE`.
    #[serde(default)]
    pub technology: Technology,
    /// Which traffic has which priority, by the policy's name. Others are left alone.
    #[serde(default)]
    pub policies: BTreeMap<String, QosPolicySpec>,
    /// Which priorities have which share of the bandwidth, by the class's name. Others are left alone; what no class
    /// has is in Windows' own class `[Default]`.
    #[serde(default)]
    pub traffic_classes: BTreeMap<String, TrafficClassSpec>,
    /// The lossless priorities: exactly these of 0 to 7, usually `[3]`. Not written: left as it is.
    #[serde(default)]
    pub flow_control: Option<BTreeSet<u8>>,
    /// The NICs on which all of this holds: each by its name, its MAC or its interface description. It is switched on
    /// there; on other NICs it is left as it is.
    #[serde(default)]
    pub adapters: Vec<String>,
    /// How long the host waits for a new connection after a change that may cut the way to it, before it puts back what was
    /// there: `1m` to `1h`. Default: `5m`.
    #[serde(default)]
    pub confirm_within: Option<Period>,
}

/// A kind of RDMA.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
pub enum Technology {
    /// RDMA over converged Ethernet, version 1 or 2.
    #[default]
    #[serde(rename = "RoCE")]
    RoCe,
    /// RDMA over TCP.
    #[serde(rename = "iWARP")]
    IWarp,
}

/// Which traffic, and its priority.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QosPolicySpec {
    /// RDMA traffic to this port: 445 is SMB Direct. Either this or `template`.
    #[serde(default)]
    pub network_direct_port: Option<u32>,
    /// A kind of traffic that Windows knows. Either this or `networkDirectPort`.
    #[serde(default)]
    pub template: Option<Template>,
    /// The priority: 0 to 7.
    pub priority: u8,
}

/// A kind of traffic that Windows knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
pub enum Template {
    /// Between the nodes of a failover cluster: its heartbeats.
    Cluster,
    /// Live migration.
    LiveMigration,
    /// SMB over TCP.
    #[serde(rename = "SMB")]
    Smb,
    /// NFS.
    #[serde(rename = "NFS")]
    Nfs,
    /// iSCSI.
    #[serde(rename = "iSCSI")]
    Iscsi,
    /// All that no other policy names.
    Default,
}

/// Priorities, and their share of the bandwidth.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficClassSpec {
    /// The priorities in it: 0 to 7, each in one class.
    pub priorities: BTreeSet<u8>,
    /// Its share of the bandwidth in percent, 1 to 100. Needed by `ETS`; `Strict` has none.
    #[serde(default)]
    pub bandwidth: Option<u64>,
    /// `ETS` shares the bandwidth, `Strict` goes before all others. Default: `ETS`.
    #[serde(default)]
    pub algorithm: Algorithm,
}

/// How a class gets its bandwidth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
pub enum Algorithm {
    /// By its share.
    #[default]
    #[serde(rename = "ETS")]
    Ets,
    /// Before all others.
    Strict,
}

impl Template {
    /// All of them.
    pub(super) const ALL: [Template; 6] = [
        Template::Cluster,
        Template::LiveMigration,
        Template::Smb,
        Template::Nfs,
        Template::Iscsi,
        Template::Default,
    ];

    /// As Windows and manifests write it, which is also the name of the parameter.
    pub(super) fn name(self) -> &'static str {
        match self {
            Template::Cluster => "Cluster",
            Template::LiveMigration => "LiveMigration",
            Template::Smb => "SMB",
            Template::Nfs => "NFS",
            Template::Iscsi => "iSCSI",
            Template::Default => "Default",
        }
    }
}

impl Algorithm {
    /// As Windows and manifests write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Algorithm::Ets => "ETS",
            Algorithm::Strict => "Strict",
        }
    }
}
