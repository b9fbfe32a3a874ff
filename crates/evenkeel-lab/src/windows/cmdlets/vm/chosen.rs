//! Which virtual network adapters a cmdlet is about: by guest, by name, of the host, or as they come down the pipeline.

use super::switch::{missing, missing_adapter, missing_machine, missing_parameter, unresolved};
use super::{at, named, piped};
use crate::windows::cmdlets::found::{fits, has_wildcards};
use crate::windows::machine::{VirtualMachine, Vnic, WindowsHost};
use crate::windows::shell::{Arguments, Parameter, Takes};
use crate::windows::value::{ErrorRecord, Value};

/// `-VMName`
pub(super) const VM_NAME: Parameter = at(0, "VMName", Takes::Texts);
/// `-VM`
pub(super) const VM: Parameter = named("VM", Takes::Any);
/// Guests or network adapters.
pub(super) const INPUT: Parameter = piped("VMNetworkAdapter");
/// `-ManagementOS`
pub(super) const MANAGEMENT: Parameter = named("ManagementOS", Takes::Switch);
/// `-SwitchName`, of host adapters.
pub(super) const SWITCH_NAME: Parameter = named("SwitchName", Takes::Text);
/// `-Name`
pub(super) const NAME: Parameter = named("Name", Takes::Text);
/// `-VMNetworkAdapterName`, in some cmdlets another word for `-Name`.
pub(super) const ADAPTER_NAME: Parameter = named("VMNetworkAdapterName", Takes::Text);
/// `-Passthru`
pub(super) const PASSTHRU: Parameter = named("Passthru", Takes::Switch);

/// A virtual network adapter. Its numbers hold until one is added or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// Of the host, by its place among them.
    Host(usize),
    /// Of a guest, by the guest's place and its own.
    Guest(usize, usize),
}

impl Chosen {
    pub(super) fn of(self, host: &WindowsHost) -> Option<&Vnic> {
        match self {
            Chosen::Host(place) => host.switches.host_adapters.get(place).map(|host| &host.vnic),
            Chosen::Guest(machine, place) => host.switches.machines.get(machine)?.adapters.get(place),
        }
    }

    pub(super) fn of_mut(self, host: &mut WindowsHost) -> Option<&mut Vnic> {
        match self {
            Chosen::Host(place) => host.switches.host_adapters.get_mut(place).map(|host| &mut host.vnic),
            Chosen::Guest(machine, place) => host.switches.machines.get_mut(machine)?.adapters.get_mut(place),
        }
    }
}

/// The adapters that the arguments choose. A name that none has is an error, unless it has wildcards.
pub(super) fn chosen(
    host: &WindowsHost,
    cmdlet: &'static str,
    arguments: &Arguments,
) -> Result<Vec<Chosen>, ErrorRecord> {
    let name = arguments.text("Name").or_else(|| arguments.text("VMNetworkAdapterName"));
    let is_meant = |vnic: &Vnic| name.as_deref().is_none_or(|name| fits(name, &vnic.name));
    let ways = ["VMNetworkAdapter", "VM", "VMName", "ManagementOS", "All"];
    let given: Vec<&str> = ways.into_iter().filter(|way| is_given(arguments, way)).collect();
    let mut found = match given.as_slice() {
        [] => return Err(missing_parameter(cmdlet, "VMName")),
        ["VMNetworkAdapter"] => in_pipeline(host, cmdlet, arguments.get("VMNetworkAdapter"))?,
        ["VM"] => in_pipeline(host, cmdlet, arguments.get("VM"))?,
        ["VMName"] => of_guests(host, cmdlet, &arguments.texts("VMName"))?,
        ["ManagementOS"] => of_host(host, cmdlet, arguments.text("SwitchName").as_deref())?,
        ["All"] => of_host(host, cmdlet, None)?.into_iter().chain(of_all(host, |_| true)).collect(),
        _ => return Err(unresolved(cmdlet)),
    };
    found.retain(|one| one.of(host).is_some_and(is_meant));
    match name {
        Some(name) if found.is_empty() && !has_wildcards(&name) => Err(missing_adapter(cmdlet)),
        _ => Ok(found),
    }
}

fn is_given(arguments: &Arguments, way: &str) -> bool {
    match way {
        "ManagementOS" | "All" => arguments.is_on(way),
        _ => arguments.get(way).is_some(),
    }
}

/// The host adapters, those of one switch where it is named.
fn of_host(host: &WindowsHost, cmdlet: &str, switch: Option<&str>) -> Result<Vec<Chosen>, ErrorRecord> {
    let id = match switch {
        Some(name) => Some(&host.switches.named(name).ok_or_else(|| missing(cmdlet, name))?.id),
        None => None,
    };
    let is_on = |vnic: &Vnic| id.is_none_or(|id| vnic.switch.as_ref() == Some(id));
    let all = host.switches.host_adapters.iter().enumerate();
    Ok(all.filter(|(_, host)| is_on(&host.vnic)).map(|(place, _)| Chosen::Host(place)).collect())
}

fn of_guests(host: &WindowsHost, cmdlet: &str, names: &[String]) -> Result<Vec<Chosen>, ErrorRecord> {
    for name in names.iter().filter(|name| !has_wildcards(name)) {
        if !host.switches.machines.iter().any(|machine| fits(name, &machine.name)) {
            return Err(missing_machine(cmdlet, name));
        }
    }
    Ok(of_all(host, |machine| names.iter().any(|name| fits(name, &machine.name))))
}

/// The adapters of all guests of a kind.
fn of_all(host: &WindowsHost, is_meant: impl Fn(&VirtualMachine) -> bool) -> Vec<Chosen> {
    let machines = host.switches.machines.iter().enumerate().filter(|(_, machine)| is_meant(machine));
    machines
        .flat_map(|(number, machine)| {
            (0..machine.adapters.len()).map(move |place| Chosen::Guest(number, place))
        })
        .collect()
}

/// What is meant by objects of Get-VMNetworkAdapter and Get-VM, or by names of guests.
fn in_pipeline(
    host: &WindowsHost,
    cmdlet: &str,
    objects: Option<&Value>,
) -> Result<Vec<Chosen>, ErrorRecord> {
    let mut found = Vec::new();
    for object in objects.map(Value::items).unwrap_or_default() {
        if let Some(device) = object.get("DeviceId").filter(|_| is_host_side(&object)) {
            let device = device.to_text();
            let place = host.switches.host_adapters.iter().position(|one| one.device == device);
            found.push(place.map(Chosen::Host).ok_or_else(|| missing_adapter(cmdlet))?);
        } else if object.get("MacAddress").is_some() {
            let (id, mac) = (text(&object, "VMId"), text(&object, "MacAddress"));
            let one = of_all(host, |machine| machine.id == id)
                .into_iter()
                .find(|one| one.of(host).is_some_and(|vnic| vnic.mac == mac));
            found.push(one.ok_or_else(|| missing_adapter(cmdlet))?);
        } else {
            let name = object.get("VMName").unwrap_or_else(|| object.clone()).to_text();
            found.extend(of_guests(host, cmdlet, &[name])?);
        }
    }
    Ok(found)
}

fn is_host_side(object: &Value) -> bool {
    object.get("IsManagementOs").is_some_and(|is| is.is_true())
}

fn text(object: &Value, property: &str) -> String {
    object.get(property).unwrap_or(Value::Null).to_text()
}
