//! What people write of the settings of NICs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use evenkeel_core::period::Period;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The settings of a Windows host's NICs: advanced properties of their drivers, RDMA, and what the host does with RDMA as
/// a whole.
///
/// NICs are changed one at a time: all that differs of one is set, then it restarts once. A NIC that is the last working
/// uplink of a switch is held back, and where the way to the host itself may be cut, the host puts the old settings back
/// unless a new connection comes in time.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NicSettingsSpec {
    /// Which NICs: each by its name (`NIC1`), its MAC (`00-15-5D-00-00-01`, with any separators) or its interface
    /// description (`Mellanox ConnectX-5 Adapter #2`). Either this or `selector`.
    #[serde(default)]
    pub adapters: Option<Vec<String>>,
    /// Which NICs: those that fit all that is written in it. Either this or `adapters`.
    #[serde(default)]
    pub selector: Option<NicSelector>,
    /// Advanced properties by their registry keywords (`"*JumboPacket": 9014`), or by these names: `roceVersion` (1 or 2),
    /// `jumbo` (the largest frame with its header, such as 9014), `vlanId` (0: none), `encapOverhead`, `flowControl` (0: off)
    /// and `packetDirect` (1 or 0). A NIC that has not got such a property is an error. What is not written is left alone.
    #[serde(default)]
    pub properties: BTreeMap<String, PropertyValue>,
    /// Whether RDMA is on. Not written: left as it is.
    #[serde(default)]
    pub rdma: Option<bool>,
    /// RDMA of the host as a whole.
    #[serde(default)]
    pub network_direct: Option<NetworkDirect>,
    /// `off` switches off what a switch with embedded teaming cannot live with, on each NIC that has it: SR-IOV (`*SRIOV`),
    /// RSS of the host (`*RSS`), RSC (`*RscIPv4`, `*RscIPv6`), `IPsec` offload (`*IPsecOffloadV2`) and TCP chimney
    /// (`*TCPConnectionOffloadIPv4`, `*TCPConnectionOffloadIPv6`). Not written: left as it is.
    #[serde(default)]
    pub set_incompatible: Option<Off>,
    /// How long the host waits for a new connection after a change that may cut the way to it, before it puts back what was
    /// there: `1m` to `1h`. Default: `5m`.
    #[serde(default)]
    pub confirm_within: Option<Period>,
}

/// Which NICs: those that fit all that is written. One that fits none is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NicSelector {
    /// The interface description, where `*` stands for anything: `Mellanox ConnectX-5*`.
    #[serde(default)]
    pub description: Option<String>,
    /// The uplinks of this virtual switch.
    #[serde(default)]
    pub uplinks_of: Option<String>,
}

/// RDMA of the host as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkDirect {
    /// Whether RDMA may be used at all. Not written: left as it is.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Whether it may be used between different IP subnets. Not written: left as it is.
    #[serde(default)]
    pub across_subnets: Option<bool>,
}

/// The value of an advanced property: a number or a text, exactly as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyValue(String);

impl PropertyValue {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PropertyValue {
    fn from(text: &str) -> Self {
        PropertyValue(text.to_owned())
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = PropertyValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PropertyValue, E> {
        Ok(PropertyValue(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<PropertyValue, E> {
        Ok(PropertyValue(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<PropertyValue, E> {
        Ok(PropertyValue(number.to_string()))
    }
}

impl<'de> Deserialize<'de> for PropertyValue {
    /// Asks for a text, so that `001122334455` keeps its zeros.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ValueVisitor)
    }
}

impl JsonSchema for PropertyValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PropertyValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

/// The word `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Off;

struct OffVisitor;

impl Visitor<'_> for OffVisitor {
    type Value = Off;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`off`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Off, E> {
        if ["off", "false", "no"].contains(&text.to_ascii_lowercase().as_str()) {
            return Ok(Off);
        }
        Err(E::custom(format!(
            "expected `off`, found `{}`: leave the field out to keep what is set",
            text.escape_debug()
        )))
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Off, E> {
        self.visit_str(if on { "true" } else { "false" })
    }
}

impl<'de> Deserialize<'de> for Off {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(OffVisitor)
    }
}

impl JsonSchema for Off {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Off".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["off", false] })
    }
}
