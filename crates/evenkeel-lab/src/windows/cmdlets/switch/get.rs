//! `Get-VMSwitch`, `Get-VMSwitchTeam`, and which switches a cmdlet is about.

use super::refused::{missing, missing_parameter};
use super::{Cmdlet, Given, Needs, at, named, piped};
use crate::windows::cmdlets::found::{fits, has_wildcards};
use crate::windows::machine::{Adapter, Balancing, Bandwidth, Switch, SwitchType, WindowsHost};
use crate::windows::shell::{Arguments, Takes};
use crate::windows::value::{ErrorRecord, Value};

/// The type of switches.
pub(super) const SWITCH: &str = "Microsoft.HyperV.PowerShell.VMSwitch";

pub(super) const GET: Cmdlet = Cmdlet::new(
    "Get-VMSwitch",
    &[
        at(0, "Name", Takes::Text),
        named("SwitchName", Takes::Text),
        named("Id", Takes::Text),
        named("SwitchType", Takes::Word(&["Private", "Internal", "External"])),
    ],
    get,
)
.needs(Needs::HyperV);

pub(super) const GET_TEAM: Cmdlet = Cmdlet::new(
    "Get-VMSwitchTeam",
    &[at(0, "Name", Takes::Texts), named("SwitchName", Takes::Texts), piped("VMSwitch")],
    get_team,
)
.needs(Needs::HyperV);

fn get(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let name = arguments.text("Name").or_else(|| arguments.text("SwitchName"));
    let (id, kind) = (arguments.text("Id"), arguments.text("SwitchType"));
    let is_meant = |switch: &&Switch| {
        name.as_deref().is_none_or(|name| fits(name, &switch.name))
            && id.as_deref().is_none_or(|id| switch.id.eq_ignore_ascii_case(id))
            && kind.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case(kind_of(switch.kind).0))
    };
    let found: Vec<Value> =
        host.switches.all.iter().filter(is_meant).map(|switch| as_value(host, switch)).collect();
    match name.or(id) {
        Some(wanted) if found.is_empty() && !has_wildcards(&wanted) => Err(missing("Get-VMSwitch", &wanted)),
        _ => Ok(found),
    }
}

fn get_team(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let ids = match chosen(host, "Get-VMSwitchTeam", arguments) {
        Ok(ids) => ids,
        // Without any, all of them.
        Err(_) if arguments.given.is_empty() => {
            host.switches.all.iter().map(|switch| switch.id.clone()).collect()
        }
        Err(error) => return Err(error),
    };
    let of = |id: &String| host.switches.by_id(id).filter(|switch| switch.teaming);
    Ok(ids.iter().filter_map(of).map(|switch| team_value(host, switch)).collect())
}

/// The ids of the switches that a cmdlet is told by `-Name` (also as `-SwitchName`, `-VMSwitchName`) or `-VMSwitch`.
pub(super) fn chosen(
    host: &WindowsHost,
    cmdlet: &'static str,
    arguments: &Arguments,
) -> Result<Vec<String>, ErrorRecord> {
    if let Some(switches) = arguments.get("VMSwitch") {
        return switches.items().iter().map(|switch| chosen_object(host, cmdlet, switch)).collect();
    }
    let given = ["Name", "SwitchName", "VMSwitchName"].iter().find(|name| arguments.get(name).is_some());
    let Some(given) = given else {
        let main = if cmdlet.ends_with("TeamMember") { "VMSwitchName" } else { "Name" };
        return Err(missing_parameter(cmdlet, main));
    };
    let mut ids = Vec::new();
    for name in arguments.texts(given) {
        let before = ids.len();
        let found = host.switches.all.iter().filter(|switch| fits(&name, &switch.name));
        ids.extend(found.map(|switch| switch.id.clone()));
        if ids.len() == before && !has_wildcards(&name) {
            return Err(missing(cmdlet, &name));
        }
    }
    Ok(ids)
}

/// The id of the switch that an object is, or that a text names.
fn chosen_object(host: &WindowsHost, cmdlet: &str, object: &Value) -> Result<String, ErrorRecord> {
    let found = match object.get("Id") {
        Some(id) => host.switches.by_id(&id.to_text()),
        None => host.switches.named(&object.to_text()),
    };
    let name = || object.get("Name").unwrap_or_else(|| object.clone()).to_text();
    found.map(|switch| switch.id.clone()).ok_or_else(|| missing(cmdlet, &name()))
}

/// A switch as `Get-VMSwitch` tells it.
pub(super) fn as_value(host: &WindowsHost, switch: &Switch) -> Value {
    let uplinks: Vec<&Adapter> = host.uplinks_of(switch).collect();
    let description = match uplinks.as_slice() {
        _ if switch.teaming => Value::text("Teamed-Interface"),
        [only] => Value::text(&only.description),
        _ => Value::Null,
    };
    let descriptions = match uplinks.as_slice() {
        [] => Value::Null,
        some => Value::texts(some.iter().map(|nic| &nic.description)),
    };
    let (kind, kind_number) = kind_of(switch.kind);
    let (mode, mode_number) = match switch.bandwidth {
        Bandwidth::Weight => ("Weight", 1),
        Bandwidth::Absolute => ("Absolute", 2),
        Bandwidth::None => ("None", 3),
    };
    Value::object(
        SWITCH,
        [
            ("Name", Value::text(&switch.name)),
            ("Id", Value::text(&switch.id)),
            ("Notes", Value::text(&switch.notes)),
            ("BandwidthReservationMode", Value::Enum { name: mode, number: mode_number }),
            ("PacketDirectEnabled", Value::Bool(switch.packet_direct)),
            ("EmbeddedTeamingEnabled", Value::Bool(switch.teaming)),
            ("IovEnabled", Value::Bool(switch.iov)),
            ("SwitchType", Value::Enum { name: kind, number: kind_number }),
            ("AllowManagementOS", Value::Bool(host.switches.hosts_on(&switch.id).next().is_some())),
            ("NetAdapterInterfaceDescription", description),
            ("NetAdapterInterfaceDescriptions", descriptions),
            ("NetAdapterInterfaceGuid", guids(&uplinks)),
            ("ComputerName", Value::text(&host.name)),
            ("IsDeleted", Value::Bool(false)),
        ],
    )
}

fn team_value(host: &WindowsHost, switch: &Switch) -> Value {
    let uplinks: Vec<&Adapter> = host.uplinks_of(switch).collect();
    let (algorithm, number) = match switch.balancing {
        Balancing::HyperVPort => ("HyperVPort", 4),
        Balancing::Dynamic => ("Dynamic", 5),
    };
    Value::object(
        "Microsoft.HyperV.PowerShell.VMSwitchTeam",
        [
            ("Name", Value::text(&switch.name)),
            ("Id", Value::text(&switch.id)),
            ("NetAdapterInterfaceDescription", Value::texts(uplinks.iter().map(|nic| &nic.description))),
            ("NetAdapterInterfaceGuid", guids(&uplinks)),
            ("TeamingMode", Value::Enum { name: "SwitchIndependent", number: 1 }),
            ("LoadBalancingAlgorithm", Value::Enum { name: algorithm, number }),
        ],
    )
}

/// Guids as .NET writes them.
fn guids(nics: &[&Adapter]) -> Value {
    Value::texts(nics.iter().map(|nic| nic.guid.trim_matches(['{', '}']).to_ascii_lowercase()))
}

fn kind_of(kind: SwitchType) -> (&'static str, i64) {
    match kind {
        SwitchType::Private => ("Private", 0),
        SwitchType::Internal => ("Internal", 1),
        SwitchType::External => ("External", 2),
    }
}

/// `OnOffState`, where on is 0.
pub(in crate::windows::cmdlets) fn on_off(is_on: bool) -> Value {
    if is_on { Value::Enum { name: "On", number: 0 } } else { Value::Enum { name: "Off", number: 1 } }
}
