//! `Get-VM`, `Get-VMNetworkAdapter`.

use super::chosen::{ADAPTER_NAME, Chosen, INPUT, MANAGEMENT, SWITCH_NAME, VM, VM_NAME, chosen};
use super::switch::{missing_machine, on_off};
use super::{Cmdlet, Given, Needs, at, named};
use crate::windows::cmdlets::found::{fits, has_wildcards};
use crate::windows::machine::{VirtualMachine, Vnic, WindowsHost};
use crate::windows::shell::{Arguments, Takes};
use crate::windows::value::Value;

pub(super) const GET_VM: Cmdlet = Cmdlet::new(
    "Get-VM",
    &[at(0, "Name", Takes::Texts), named("VMName", Takes::Texts), named("Id", Takes::Text)],
    get_vm,
)
.needs(Needs::HyperV);

pub(super) const GET_ADAPTER: Cmdlet = Cmdlet::new(
    "Get-VMNetworkAdapter",
    &[
        VM_NAME,
        at(1, "Name", Takes::Text),
        ADAPTER_NAME,
        VM,
        INPUT,
        MANAGEMENT,
        SWITCH_NAME,
        named("All", Takes::Switch),
        named("IsLegacy", Takes::Bool),
    ],
    get_adapter,
)
.needs(Needs::HyperV);

fn get_vm(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let mut names = arguments.texts("Name");
    names.extend(arguments.texts("VMName"));
    let id = arguments.text("Id");
    let machines = &host.switches.machines;
    let missing =
        |name: &&String| !has_wildcards(name) && !machines.iter().any(|machine| fits(name, &machine.name));
    if let Some(name) = names.iter().find(missing) {
        return Err(missing_machine("Get-VM", name));
    }
    let is_meant = |machine: &&VirtualMachine| {
        id.as_deref().is_none_or(|id| machine.id.eq_ignore_ascii_case(id))
            && (names.is_empty() || names.iter().any(|name| fits(name, &machine.name)))
    };
    Ok(machines.iter().filter(is_meant).map(|machine| machine_value(host, machine)).collect())
}

fn get_adapter(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let found = chosen(host, "Get-VMNetworkAdapter", arguments)?;
    // No guest here has a legacy adapter.
    if arguments.bool("IsLegacy") == Some(true) {
        return Ok(Vec::new());
    }
    Ok(found.into_iter().map(|one| as_value(host, one)).collect())
}

fn machine_value(host: &WindowsHost, machine: &VirtualMachine) -> Value {
    let state = if machine.running {
        Value::Enum { name: "Running", number: 2 }
    } else {
        Value::Enum { name: "Off", number: 3 }
    };
    Value::object(
        "Microsoft.HyperV.PowerShell.VirtualMachine",
        [
            ("Name", Value::text(&machine.name)),
            ("VMName", Value::text(&machine.name)),
            ("Id", Value::text(&machine.id)),
            ("VMId", Value::text(&machine.id)),
            ("State", state),
            ("Status", Value::text("Operating normally")),
            ("Generation", Value::Int(2)),
            ("ComputerName", Value::text(&host.name)),
            ("IsDeleted", Value::Bool(false)),
        ],
    )
}

/// A virtual network adapter as `Get-VMNetworkAdapter` tells it.
pub(super) fn as_value(host: &WindowsHost, one: Chosen) -> Value {
    let Some(vnic) = one.of(host) else { return Value::Null };
    let switch = vnic.switch.as_deref().and_then(|id| host.switches.by_id(id));
    let switch_of = |text: fn(&crate::windows::machine::Switch) -> &String| {
        switch.map_or(Value::Null, |switch| Value::text(text(switch)))
    };
    let (of, own) = owner(host, one, vnic);
    let value = Value::object(
        of,
        [
            ("Name", Value::text(&vnic.name)),
            ("SwitchName", switch_of(|switch| &switch.name)),
            ("SwitchId", switch_of(|switch| &switch.id)),
            ("MacAddress", Value::text(&vnic.mac)),
            ("Status", Value::list(vec![Value::Enum { name: "Ok", number: 2 }])),
            ("IeeePriorityTag", on_off(vnic.priority_tag)),
            ("MacAddressSpoofing", on_off(vnic.spoofing)),
            ("AllowTeaming", on_off(vnic.allow_teaming)),
            ("ComputerName", Value::text(&host.name)),
            ("IsDeleted", Value::Bool(false)),
        ],
    );
    for (name, property) in own {
        value.set(name, property);
    }
    value
}

/// The type of an adapter, and what it has for being the host's or a guest's.
fn owner(host: &WindowsHost, one: Chosen, vnic: &Vnic) -> (&'static str, Vec<(&'static str, Value)>) {
    match one {
        Chosen::Host(place) => {
            let device = host.switches.host_adapters.get(place).map(|host| host.device.clone());
            let device = device.unwrap_or_default();
            let id = format!("Microsoft:{}", device.trim_matches(['{', '}']));
            let own = vec![
                ("Id", Value::text(id)),
                ("DeviceId", Value::text(device)),
                ("IsManagementOs", Value::Bool(true)),
                ("VMName", Value::Null),
            ];
            ("Microsoft.HyperV.PowerShell.VMInternalNetworkAdapter", own)
        }
        Chosen::Guest(machine, _) => {
            let machine = host.switches.machines.get(machine);
            let (name, id) = machine.map(|machine| (&*machine.name, &*machine.id)).unwrap_or_default();
            let own = vec![
                ("Id", Value::text(format!("Microsoft:{}\\{}", id.to_uppercase(), vnic.mac))),
                ("IsManagementOs", Value::Bool(false)),
                ("VMName", Value::text(name)),
                ("VMId", Value::text(id)),
            ];
            ("Microsoft.HyperV.PowerShell.VMNetworkAdapter", own)
        }
    }
}
