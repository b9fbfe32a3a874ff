//! A host as `observe.ps1` tells it.

use std::collections::BTreeMap;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Replies, Reply, Request};
use serde::{Deserialize, Serialize};

use super::scripts::observe;

/// A host. A part that could not be read is an error for who asks for it, and for nobody else.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub(super) struct Host {
    parts: Parts,
    failed: BTreeMap<String, Failure>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Parts {
    host: Option<Vec<About>>,
    adapters: Option<Vec<Adapter>>,
    addresses: Option<Vec<Address>>,
    properties: Option<Vec<Property>>,
    rdma: Option<Vec<Rdma>>,
    smb: Option<Vec<Smb>>,
    multichannel: Option<Vec<Multichannel>>,
    offload: Option<Vec<Offload>>,
    intents: Option<Vec<Intent>>,
    willing: Option<Vec<Willing>>,
    policies: Option<Vec<QosPolicy>>,
    classes: Option<Vec<TrafficClass>>,
    flow_control: Option<Vec<FlowControl>>,
    qos: Option<Vec<AdapterQos>>,
    switches: Option<Vec<Switch>>,
    teams: Option<Vec<Team>>,
    host_adapters: Option<Vec<HostAdapter>>,
    vlans: Option<Vec<Vlan>>,
    mappings: Option<Vec<Mapping>>,
    guests: Option<Vec<Guest>>,
    running: Option<Vec<Running>>,
    guard: Option<Vec<Kept>>,
}

/// Why a part could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
struct Failure {
    cmdlet: String,
    category: String,
    target: String,
    message: String,
}

/// The machine, and how we came to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    pub(super) name: String,
    pub(super) power_shell: String,
    pub(super) edition: String,
    /// The host's address that our connection came to.
    pub(super) address: Option<String>,
    /// Whether the cmdlets of Hyper-V are there.
    pub(super) hyper_v: bool,
    /// Whether those of data center bridging are.
    pub(super) dcb: bool,
    /// The host's clock, in seconds since 1970.
    pub(super) now: i64,
}

/// A network adapter: a NIC, or the host's side of a host adapter (`vEthernet (S2D1)`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Adapter {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) mac: String,
    pub(super) index: u32,
    /// `{…}`
    pub(super) guid: String,
    /// `Up`, `Disconnected`, `Disabled`, `Not Present` and the like.
    pub(super) status: String,
    /// `None` or a number without sense where the link is down.
    pub(super) bits_per_second: Option<u64>,
    #[serde(rename = "virtual")]
    pub(super) is_virtual: bool,
    /// `PCI\VEN_15B3&DEV_1015&…`: equal for NICs of one model.
    pub(super) model: Option<String>,
    pub(super) driver: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Address {
    pub(super) index: u32,
    pub(super) address: String,
    pub(super) prefix: u8,
    /// `Manual`, `Dhcp`, `WellKnown` and the like.
    pub(super) origin: String,
}

/// An advanced property of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Property {
    pub(super) adapter: String,
    /// The registry keyword: `*JumboPacket`.
    pub(super) keyword: String,
    /// In the host's language.
    pub(super) display: Option<String>,
    pub(super) values: Vec<String>,
    /// Empty where it is a number or a text.
    pub(super) valid: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rdma {
    pub(super) adapter: String,
    pub(super) enabled: bool,
    pub(super) queue_pairs: Option<u64>,
    pub(super) completion_queues: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Smb {
    pub(super) index: u32,
    pub(super) rdma_capable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Multichannel {
    pub(super) enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Offload {
    /// `Enabled` or `Disabled`.
    pub(super) network_direct: String,
    /// `Allowed` or `Blocked`.
    #[serde(rename = "networkDirectAcrossIPSubnets")]
    pub(super) network_direct_across_ip_subnets: String,
}

/// An intent of Network ATC.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Intent {
    pub(super) name: String,
    pub(super) adapters: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Willing {
    pub(super) willing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct QosPolicy {
    pub(super) name: String,
    /// The port of SMB Direct that it matches.
    pub(super) port: Option<u32>,
    /// `Cluster`, `LiveMigration`, `SMB`, …, or empty or `None`.
    pub(super) template: String,
    pub(super) priority: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct TrafficClass {
    /// `[Default]` is always there.
    pub(super) name: String,
    /// `ETS` or `Strict`.
    pub(super) algorithm: String,
    /// In percent.
    pub(super) bandwidth: Option<u64>,
    pub(super) priorities: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct FlowControl {
    pub(super) priority: u8,
    pub(super) enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdapterQos {
    pub(super) adapter: String,
    pub(super) enabled: bool,
    /// `Priority 3 Enabled`, `All Priorities Disabled` and the like.
    pub(super) flow_control: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Switch {
    pub(super) name: String,
    pub(super) id: String,
    /// `External`, `Internal`, `Private`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) embedded_teaming: bool,
    pub(super) iov: bool,
    pub(super) packet_direct: bool,
    /// `Absolute`, `Default`, `None`, `Weight`.
    pub(super) bandwidth_mode: String,
    #[serde(rename = "allowManagementOS")]
    pub(super) allow_management_os: bool,
    pub(super) notes: String,
    /// By interface description.
    pub(super) uplinks: Vec<String>,
}

/// The team of a switch with embedded teaming.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Team {
    pub(super) switch: String,
    /// By interface description.
    pub(super) uplinks: Vec<String>,
    pub(super) mode: String,
    /// `HyperVPort` or `Dynamic`.
    pub(super) load_balancing: String,
}

/// A virtual NIC of the host itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostAdapter {
    pub(super) name: String,
    pub(super) switch: String,
    /// The [`Adapter::guid`] of its other side.
    pub(super) device: String,
    /// `On` or `Off`.
    pub(super) ieee_priority_tag: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Vlan {
    pub(super) adapter: String,
    /// `Untagged`, `Access`, `Trunk` and the like.
    pub(super) mode: String,
    pub(super) vlan: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Mapping {
    pub(super) adapter: String,
    /// The NIC's name; `None` or empty without a mapping.
    pub(super) uplink: Option<String>,
}

/// A virtual NIC of a guest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Guest {
    pub(super) vm: String,
    pub(super) adapter: String,
    /// `None` or empty where it is not connected.
    pub(super) switch: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Running {
    pub(super) vm: String,
}

/// What the dead man's switch left in the registry: JSON in texts, which are empty or `None` where there is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub(super) armed: Option<String>,
    pub(super) rolled_back: Option<String>,
}

/// The accessor of a part: the rows, or why they are not known.
macro_rules! parts {
    ($($field:ident: $row:ty = $name:literal;)*) => {
        impl Host {
            $(
                pub(super) fn $field(&self) -> Result<&[$row], ObserveError> {
                    self.part($name, self.parts.$field.as_ref())
                }
            )*
        }
    };
}

parts! {
    adapters: Adapter = "adapters";
    addresses: Address = "addresses";
    properties: Property = "properties";
    rdma: Rdma = "rdma";
    smb: Smb = "smb";
    multichannel: Multichannel = "multichannel";
    offload: Offload = "offload";
    intents: Intent = "intents";
    willing: Willing = "willing";
    policies: QosPolicy = "policies";
    classes: TrafficClass = "classes";
    flow_control: FlowControl = "flowControl";
    qos: AdapterQos = "qos";
    switches: Switch = "switches";
    teams: Team = "teams";
    host_adapters: HostAdapter = "hostAdapters";
    vlans: Vlan = "vlans";
    mappings: Mapping = "mappings";
    guests: Guest = "guests";
    running: Running = "running";
    guard: Kept = "guard";
}

impl Host {
    /// The host, out of what was read. Parsed once for all resources.
    pub(super) fn read(replies: &Replies) -> Result<std::sync::Arc<Host>, ObserveError> {
        replies.parsed(&observe(), parse)
    }

    /// The machine itself.
    pub(super) fn about(&self) -> Result<&About, ObserveError> {
        self.part("host", self.parts.host.as_ref())?
            .first()
            .ok_or_else(|| unparsable("it tells nothing of the host"))
    }

    fn part<'a, T>(&self, name: &str, rows: Option<&'a Vec<T>>) -> Result<&'a [T], ObserveError> {
        match (rows, self.failed.get(name)) {
            (Some(rows), _) => Ok(rows),
            (None, Some(failure)) => {
                Err(ObserveError::Command { command: command(), exit: 1, stderr: failure.told(), hint: None })
            }
            (None, None) => Err(unparsable(&format!("it has no part `{name}`"))),
        }
    }
}

impl Failure {
    /// `Get-NetAdapter: ObjectNotFound (NIC9): …`
    fn told(&self) -> String {
        let target = if self.target.is_empty() { String::new() } else { format!(" ({})", self.target) };
        format!("{}: {}{target}: {}", self.cmdlet, self.category, self.message)
    }
}

fn parse(request: &Request, reply: &Reply) -> Result<Host, ObserveError> {
    if reply.exit != 0 {
        return Err(ObserveError::Command {
            command: request.display(),
            exit: reply.exit,
            stderr: reply.stderr_text(),
            hint: None,
        });
    }
    serde_json::from_slice(&reply.stdout).map_err(|error| unparsable(&error.to_string()))
}

fn command() -> String {
    observe().request().display()
}

fn unparsable(problem: &str) -> ObserveError {
    ObserveError::Unparsable { command: command(), problem: problem.to_owned() }
}
