//! A host as `observe.ps1` tells it.

use std::collections::BTreeMap;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Replies, Reply, Request};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scripts::observe;

/// What the script prints.
#[derive(Debug, Deserialize)]
struct Document {
    parts: BTreeMap<String, Value>,
    failed: BTreeMap<String, Failure>,
}

/// A part: its rows, or why they are not known.
type Part<T> = Result<Vec<T>, Unknown>;

/// Why a part is not known.
#[derive(Debug, Clone, PartialEq)]
enum Unknown {
    /// The host could not tell it.
    Failed(Failure),
    /// It was told in a way that is not understood, or not at all.
    Odd(String),
}

/// Why a part could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
struct Failure {
    cmdlet: String,
    category: String,
    target: String,
    message: String,
}

/// The part that is not there where a host knows nothing of it: teams by LBFO.
const NOT_EVERYWHERE: &str = "lbfo";

/// What a host may leave open (`null`), where nothing is as good as an empty text or 0.
fn or_nothing<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(row: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(row)?.unwrap_or_default())
}

fn yes() -> bool {
    true
}

fn or_yes<'de, D: Deserializer<'de>>(row: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(row)?.unwrap_or(true))
}

/// A text that says nothing is none.
fn filled<'de, D: Deserializer<'de>>(row: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(row)?.filter(|text| !text.is_empty()))
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
    /// Empty, as the next one, where it has none.
    #[serde(default, deserialize_with = "or_nothing")]
    pub(super) description: String,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(super) mac: String,
    pub(super) index: u32,
    /// `{…}`
    pub(super) guid: String,
    /// `Up`, `Disconnected`, `Disabled`, `Not Present` and the like.
    pub(super) status: String,
    /// `None` or a number without sense where the link is down.
    pub(super) bits_per_second: Option<u64>,
    /// True also where nobody says.
    #[serde(rename = "virtual", default = "yes", deserialize_with = "or_yes")]
    pub(super) is_virtual: bool,
    /// `PCI\VEN_15B3&DEV_1015&…`: equal for NICs of one model.
    #[serde(default, deserialize_with = "filled")]
    pub(super) model: Option<String>,
    /// Its version.
    #[serde(default, deserialize_with = "filled")]
    pub(super) driver: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the script tells it")]
pub(super) struct Address {
    pub(super) index: u32,
    pub(super) address: String,
    pub(super) prefix: u8,
    /// `Manual`, `Dhcp`, `WellKnown` and the like.
    pub(super) origin: String,
    /// Whether the host has it again when it starts. An address of a cluster is there only while the cluster wants it.
    pub(super) persistent: Option<bool>,
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

/// A NIC in a team of the older kind (LBFO).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct LbfoMember {
    pub(super) team: String,
    pub(super) nic: String,
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
#[expect(clippy::struct_excessive_bools, reason = "as the script tells it")]
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
    /// Empty where it is not connected.
    #[serde(default, deserialize_with = "or_nothing")]
    pub(super) switch: String,
    /// The [`Adapter::guid`] of its other side.
    #[serde(default, deserialize_with = "or_nothing")]
    pub(super) device: String,
    /// `On` or `Off`.
    #[serde(default, deserialize_with = "or_nothing")]
    pub(super) ieee_priority_tag: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the script tells it")]
pub(super) struct Vlan {
    pub(super) adapter: String,
    /// `Untagged`, `Access`, `Trunk` and the like.
    pub(super) mode: String,
    /// 0 where it is of another mode than `Access`.
    #[serde(default, deserialize_with = "or_nothing")]
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
    /// Whether the task that would put it back is there.
    pub(super) task: Option<bool>,
    /// What could not be put back, in words, until a person clears it.
    pub(super) unfinished: Option<String>,
}

/// The host with its parts, and the accessor of each.
macro_rules! host {
    ($($field:ident: $row:ty = $name:literal;)*) => {
        /// A host. A part that could not be read is an error for who asks for it, and for nobody else.
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(from = "Document")]
        pub(super) struct Host {
            $($field: Part<$row>,)*
        }

        impl From<Document> for Host {
            fn from(document: Document) -> Self {
                Host { $($field: document.part($name),)* }
            }
        }

        impl Host {
            $(
                pub(super) fn $field(&self) -> Result<&[$row], ObserveError> {
                    self.$field.as_deref().map_err(Unknown::to_error)
                }
            )*
        }
    };
}

host! {
    machine: About = "host";
    adapters: Adapter = "adapters";
    addresses: Address = "addresses";
    properties: Property = "properties";
    rdma: Rdma = "rdma";
    smb: Smb = "smb";
    multichannel: Multichannel = "multichannel";
    offload: Offload = "offload";
    intents: Intent = "intents";
    lbfo: LbfoMember = "lbfo";
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
        self.machine()?.first().ok_or_else(|| unparsable("it tells nothing of the host"))
    }
}

impl Document {
    /// One odd row makes its part unknown, and no other.
    fn part<T: DeserializeOwned>(&self, name: &str) -> Part<T> {
        let rows = match (self.parts.get(name), self.failed.get(name)) {
            (Some(Value::Array(rows)), _) => rows,
            (Some(_), _) => return Err(Unknown::Odd(format!("its part `{name}` is no list"))),
            (None, Some(failure)) => return Err(Unknown::Failed(failure.clone())),
            (None, None) if name == NOT_EVERYWHERE => return Ok(Vec::new()),
            (None, None) => return Err(Unknown::Odd(format!("it has no part `{name}`"))),
        };
        let row = |row: &Value| {
            let odd =
                |error| Unknown::Odd(format!("its part `{name}` has a row that is odd: {error}: {row}"));
            T::deserialize(row).map_err(odd)
        };
        rows.iter().map(row).collect()
    }
}

impl Unknown {
    fn to_error(&self) -> ObserveError {
        match self {
            Unknown::Failed(failure) => {
                ObserveError::Command { command: command(), exit: 1, stderr: failure.told(), hint: None }
            }
            Unknown::Odd(problem) => unparsable(problem),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a host with everything on it tells.
    fn told() -> Value {
        let case = include_str!("switch/cases/nothing-to-do.case");
        let (_, reply) = case.split_once("== reply hyperv/observe.ps1\n").unwrap();
        serde_json::from_str(reply.split_once("== expect").unwrap().0).unwrap()
    }

    fn known(document: &Value) -> BTreeMap<&'static str, bool> {
        let host: Host = serde_json::from_value(document.clone()).unwrap();
        BTreeMap::from([
            ("host", host.about().is_ok()),
            ("adapters", host.adapters().is_ok()),
            ("addresses", host.addresses().is_ok()),
            ("rdma", host.rdma().is_ok()),
            ("smb", host.smb().is_ok()),
            ("multichannel", host.multichannel().is_ok()),
            ("offload", host.offload().is_ok()),
            ("switches", host.switches().is_ok()),
            ("teams", host.teams().is_ok()),
            ("hostAdapters", host.host_adapters().is_ok()),
            ("vlans", host.vlans().is_ok()),
            ("mappings", host.mappings().is_ok()),
            ("guests", host.guests().is_ok()),
            ("running", host.running().is_ok()),
        ])
    }

    #[test]
    fn a_field_that_is_nothing_costs_its_part_at_most() {
        let whole = told();
        assert!(known(&whole).values().all(|known| *known));
        let open = [
            "address",
            "description",
            "mac",
            "bitsPerSecond",
            "virtual",
            "model",
            "driver",
            "queuePairs",
            "completionQueues",
            "device",
            "ieeePriorityTag",
            "uplink",
        ];
        for (part, rows) in whole["parts"].as_object().unwrap() {
            let Some(row) = rows.get(0).and_then(Value::as_object) else { continue };
            for field in row.keys() {
                let mut odd = whole.clone();
                odd["parts"][part][0][field] = Value::Null;
                let is_open = open.contains(&field.as_str())
                    && (part.as_str(), field.as_str()) != ("addresses", "address");
                let or_switch = ["hostAdapters", "guests"].contains(&part.as_str()) && field == "switch";
                let or_vlan = part == "vlans" && field == "vlan";
                for (one, known) in known(&odd) {
                    let should = one != part || is_open || or_switch || or_vlan;
                    assert_eq!(known, should, "{one}, where {part} has no {field}");
                }
            }
        }
    }
}
