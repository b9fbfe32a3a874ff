//! What people write of switches.

use std::collections::BTreeMap;
use std::fmt;

use evenkeel_core::period::Period;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// An external virtual switch of a Hyper-V host, with Switch Embedded Teaming (SET) or over one NIC, and the host's own
/// virtual NICs on it. Windows Server 2016 and later, over SSH.
///
/// The uplinks of a team are changed in place, one at a time, and never by making the switch anew. What can cut the
/// connection that it comes by is tried out: the host itself puts back what was there, unless a new connection confirms
/// the change in time. What is not written is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HyperVSwitchSpec {
    /// The switch's name.
    pub name: String,
    /// The NICs below it, one to eight, by name (`NIC1`), MAC (`00-15-5D-00-00-01`) or interface description. Those of a
    /// team have to be of one model, speed and driver. Exactly these: others are taken out of the team.
    pub uplinks: Vec<String>,
    /// Switch Embedded Teaming. Cannot be changed later: the switch is made anew, and every VM on it is cut off
    /// meanwhile. Default: true. With `false` there is exactly one uplink.
    #[serde(default = "yes")]
    pub embedded_teaming: bool,
    /// How the team spreads traffic over its NICs. Default: `HyperVPort`, which is always set explicitly.
    #[serde(default)]
    pub load_balancing: Option<LoadBalancing>,
    /// How the switch guarantees bandwidth. Cannot be changed later: the switch is made anew. `Default` lets the host
    /// choose, and fits whatever there is.
    #[serde(default)]
    pub minimum_bandwidth_mode: Option<MinimumBandwidthMode>,
    /// SR-IOV. Cannot be changed later: the switch is made anew.
    #[serde(default)]
    pub iov: Option<bool>,
    /// Packet Direct, which needs `loadBalancing: HyperVPort`. Cannot be changed later: the switch is made anew.
    #[serde(default)]
    pub packet_direct: Option<bool>,
    /// Whether the host itself has virtual NICs on the switch. `false` removes them, with their addresses.
    #[serde(default, rename = "allowManagementOS")]
    pub allow_management_os: Option<bool>,
    /// The host's own virtual NICs on the switch, by name. Others are left alone.
    #[serde(default)]
    pub host_adapters: BTreeMap<String, HostAdapterSpec>,
    /// Words for people, which the switch keeps.
    #[serde(default)]
    pub notes: Option<String>,
    /// The host puts back what was there before a change that can cut the connection, unless that is confirmed over a new
    /// connection within this time: 1m to 1h. Default: 5m.
    #[serde(default)]
    pub confirm_within: Option<Period>,
}

fn yes() -> bool {
    true
}

/// One of the host's own virtual NICs. What is not written of it is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostAdapterSpec {
    /// It gets the uplinks' addresses when the switch is made. Default: the only one without `vlan` and `rdma`.
    #[serde(default)]
    pub takes_over: Option<bool>,
    /// The VLAN of its traffic, 1 to 4094, or `untagged`.
    #[serde(default)]
    pub vlan: Option<VlanId>,
    /// Whether RDMA (SMB Direct) is on.
    #[serde(default)]
    pub rdma: Option<bool>,
    /// The one uplink that it uses (team mapping), or `none`.
    #[serde(default)]
    pub uplink: Option<String>,
    /// Whether its packets carry their priority (802.1p) to the physical switch, as RDMA over Ethernet needs it.
    #[serde(default)]
    pub ieee_priority_tag: Option<bool>,
    /// It shall not be: it is removed, and its addresses with it. Stands alone.
    #[serde(default)]
    pub absent: bool,
}

/// How a team spreads traffic over its NICs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
pub enum LoadBalancing {
    /// Each port of the switch uses one NIC. What Microsoft recommends from 10 GbE on.
    #[expect(clippy::doc_markdown, reason = "GbE is a unit")]
    #[default]
    HyperVPort,
    /// Flows are spread over the NICs.
    Dynamic,
}

impl LoadBalancing {
    pub(super) fn word(self) -> &'static str {
        match self {
            LoadBalancing::HyperVPort => "HyperVPort",
            LoadBalancing::Dynamic => "Dynamic",
        }
    }
}

/// How a switch guarantees bandwidth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
pub enum MinimumBandwidthMode {
    /// In bits per second.
    Absolute,
    /// As the host chooses.
    Default,
    /// Not at all.
    None,
    /// By weights.
    Weight,
}

impl MinimumBandwidthMode {
    pub(super) fn word(self) -> &'static str {
        match self {
            MinimumBandwidthMode::Absolute => "Absolute",
            MinimumBandwidthMode::Default => "Default",
            MinimumBandwidthMode::None => "None",
            MinimumBandwidthMode::Weight => "Weight",
        }
    }
}

/// A VLAN, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VlanId {
    /// Packets carry no tag.
    Untagged,
    /// Packets carry this number.
    Tagged(u64),
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VlanId::Untagged => f.write_str("untagged"),
            VlanId::Tagged(number) => number.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for VlanId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VlanVisitor)
    }
}

struct VlanVisitor;

impl Visitor<'_> for VlanVisitor {
    type Value = VlanId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a VLAN from 1 to 4094, or `untagged`")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<VlanId, E> {
        Ok(VlanId::Tagged(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<VlanId, E> {
        u64::try_from(number)
            .map(VlanId::Tagged)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<VlanId, E> {
        match text {
            "untagged" => Ok(VlanId::Untagged),
            _ => text
                .parse()
                .map(VlanId::Tagged)
                .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

/// A number, or a word.
impl JsonSchema for VlanId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "VlanId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 4094 }, { "const": "untagged" }] })
    }
}

impl HyperVSwitchSpec {
    /// How the team shall spread traffic; `None` without a team.
    pub(super) fn wanted_load_balancing(&self) -> Option<LoadBalancing> {
        self.embedded_teaming.then(|| self.load_balancing.unwrap_or_default())
    }

    /// The host adapters that shall be.
    pub(super) fn present(&self) -> impl Iterator<Item = (&String, &HostAdapterSpec)> {
        self.host_adapters.iter().filter(|(_, adapter)| !adapter.absent)
    }

    /// The host adapter that gets the uplinks' addresses when the switch is made.
    pub(super) fn taking_over(&self) -> Option<&str> {
        if let Some((name, _)) = self.present().find(|(_, adapter)| adapter.takes_over == Some(true)) {
            return Some(name);
        }
        let plain = |adapter: &HostAdapterSpec| {
            let is_tagged = adapter.vlan.is_some_and(|vlan| vlan != VlanId::Untagged);
            adapter.takes_over.is_none() && !is_tagged && adapter.rdma != Some(true)
        };
        let mut plain = self.present().filter(|(_, adapter)| plain(adapter));
        let first = plain.next()?;
        plain.next().is_none().then_some(first.0.as_str())
    }
}
