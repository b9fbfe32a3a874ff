//! `Add-`, `Set-`, `Rename-` and `Remove-VMNetworkAdapter`.

use super::chosen::{
    ADAPTER_NAME, Chosen, INPUT, MANAGEMENT, NAME, PASSTHRU, SWITCH_NAME, VM, VM_NAME, chosen,
};
use super::get::as_value;
use super::switch::{missing, missing_machine, missing_parameter, refused};
use super::{Cmdlet, Given, Needs, at, named};
use crate::windows::cmdlets::found::fits;
use crate::windows::machine::{Bandwidth, SwitchType, Vnic, WindowsHost};
use crate::windows::shell::{Arguments, Takes};
use crate::windows::value::{ErrorRecord, Value};

/// `OnOffState`
const ON_OFF: Takes = Takes::Word(&["On", "Off"]);

pub(super) const ADD: Cmdlet = Cmdlet::new(
    "Add-VMNetworkAdapter",
    &[
        VM_NAME,
        VM,
        INPUT,
        MANAGEMENT,
        SWITCH_NAME,
        NAME,
        ADAPTER_NAME,
        named("StaticMacAddress", Takes::Text),
        named("DynamicMacAddress", Takes::Switch),
        PASSTHRU,
    ],
    add,
)
.needs(Needs::HyperV);

pub(super) const SET: Cmdlet = Cmdlet::new(
    "Set-VMNetworkAdapter",
    &[
        VM_NAME,
        VM,
        INPUT,
        MANAGEMENT,
        NAME,
        ADAPTER_NAME,
        named("IeeePriorityTag", ON_OFF),
        named("MacAddressSpoofing", ON_OFF),
        named("AllowTeaming", ON_OFF),
        named("MinimumBandwidthWeight", Takes::Int),
        PASSTHRU,
    ],
    set,
)
.needs(Needs::HyperV);

pub(super) const RENAME: Cmdlet = Cmdlet::new(
    "Rename-VMNetworkAdapter",
    &[
        VM_NAME,
        VM,
        INPUT,
        MANAGEMENT,
        at(1, "Name", Takes::Text),
        ADAPTER_NAME,
        at(2, "NewName", Takes::Text),
        PASSTHRU,
    ],
    rename,
)
.needs(Needs::HyperV);

pub(super) const REMOVE: Cmdlet = Cmdlet::new(
    "Remove-VMNetworkAdapter",
    &[VM_NAME, VM, INPUT, MANAGEMENT, SWITCH_NAME, NAME, ADAPTER_NAME, PASSTHRU],
    remove,
)
.needs(Needs::HyperV);

fn add(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Add-VMNetworkAdapter";
    let name = arguments.text("Name").or_else(|| arguments.text("VMNetworkAdapterName"));
    let name = name.unwrap_or_else(|| "Network Adapter".to_owned());
    let switch = match arguments.text("SwitchName") {
        Some(name) => Some(host.switches.named(&name).ok_or_else(|| missing(cmdlet, &name))?.id.clone()),
        None => None,
    };
    let mac = arguments.text("StaticMacAddress").map(|mac| dashed(&mac));
    let mut added = Vec::new();
    if arguments.is_on("ManagementOS") {
        let switch = for_host(host, switch)?;
        host.add_host_adapter(&name, &switch, mac, None);
        added.push(Chosen::Host(host.switches.host_adapters.len().saturating_sub(1)));
    } else {
        for machine in machines(host, cmdlet, arguments)? {
            let mac = mac.clone().unwrap_or_else(|| host.take_mac()).replace('-', "");
            if let Some(guest) = host.switches.machines.get_mut(machine) {
                guest.adapters.push(Vnic::new(&name, switch.as_deref(), &mac));
                added.push(Chosen::Guest(machine, guest.adapters.len().saturating_sub(1)));
            }
        }
    }
    Ok(passed_through(host, arguments, &added))
}

/// The switch that a new host adapter hangs on: the named one, or the only one that the host can share. The texts are only believed.
fn for_host(host: &WindowsHost, named: Option<String>) -> Result<String, ErrorRecord> {
    let cmdlet = "Add-VMNetworkAdapter";
    let shared: Vec<&String> = host
        .switches
        .all
        .iter()
        .filter(|switch| switch.kind != SwitchType::Private)
        .map(|switch| &switch.id)
        .collect();
    match (named, shared.as_slice()) {
        (Some(id), shared) if shared.contains(&&id) => Ok(id),
        (Some(_), _) => {
            let message = "A private virtual switch cannot be shared with the management operating system.";
            Err(refused(cmdlet, message))
        }
        (None, [only]) => Ok((*only).clone()),
        (None, _) => Err(missing_parameter(cmdlet, "SwitchName")),
    }
}

/// The places of the guests that are named or come down the pipeline.
fn machines(
    host: &WindowsHost,
    cmdlet: &'static str,
    arguments: &Arguments,
) -> Result<Vec<usize>, ErrorRecord> {
    let objects = arguments.get("VM").or_else(|| arguments.get("VMNetworkAdapter"));
    let names = match objects {
        Some(objects) => objects
            .items()
            .iter()
            .map(|object| object.get("VMName").unwrap_or_else(|| object.clone()).to_text())
            .collect(),
        None if arguments.get("VMName").is_none() => return Err(missing_parameter(cmdlet, "VMName")),
        None => arguments.texts("VMName"),
    };
    let mut found = Vec::new();
    for name in names {
        let before = found.len();
        let all = host.switches.machines.iter().enumerate();
        found.extend(all.filter(|(_, machine)| fits(&name, &machine.name)).map(|(place, _)| place));
        if found.len() == before {
            return Err(missing_machine(cmdlet, &name));
        }
    }
    Ok(found)
}

fn set(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Set-VMNetworkAdapter";
    let found = chosen(host, cmdlet, arguments)?;
    let is_on = |parameter: &str| arguments.text(parameter).map(|word| word.eq_ignore_ascii_case("On"));
    let weight = arguments.int("MinimumBandwidthWeight");
    for one in &found {
        if let Some(weight) = weight {
            let weight = may_weigh(host, *one, weight)?;
            if let Some(vnic) = one.of_mut(host) {
                vnic.weight = weight;
            }
        }
        let Some(vnic) = one.of_mut(host) else { continue };
        vnic.priority_tag = is_on("IeeePriorityTag").unwrap_or(vnic.priority_tag);
        vnic.spoofing = is_on("MacAddressSpoofing").unwrap_or(vnic.spoofing);
        vnic.allow_teaming = is_on("AllowTeaming").unwrap_or(vnic.allow_teaming);
    }
    Ok(passed_through(host, arguments, &found))
}

/// Weights are for switches that go by weight. The text is only believed.
fn may_weigh(host: &WindowsHost, one: Chosen, weight: i64) -> Result<u32, ErrorRecord> {
    let switch = one.of(host).and_then(|vnic| host.switches.by_id(vnic.switch.as_deref()?));
    let weight = u32::try_from(weight).ok().filter(|weight| *weight <= 100);
    match (switch, weight) {
        (Some(switch), Some(weight)) if switch.bandwidth == Bandwidth::Weight => Ok(weight),
        _ => {
            let message = "The minimum bandwidth weight cannot be set: the minimum bandwidth mode of the virtual switch is not Weight, or it is not between 0 and 100.";
            Err(refused("Set-VMNetworkAdapter", message))
        }
    }
}

fn rename(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Rename-VMNetworkAdapter";
    let new = arguments.text("NewName").ok_or_else(|| missing_parameter(cmdlet, "NewName"))?;
    let found = chosen(host, cmdlet, arguments)?;
    for one in &found {
        if let Some(device) = device_of(host, *one) {
            host.rename_host_adapter(&device, &new);
        } else if let Some(vnic) = one.of_mut(host) {
            new.clone_into(&mut vnic.name);
        }
    }
    Ok(passed_through(host, arguments, &found))
}

/// The side in the host of a host adapter.
fn device_of(host: &WindowsHost, one: Chosen) -> Option<String> {
    match one {
        Chosen::Host(place) => host.switches.host_adapters.get(place).map(|host| host.device.clone()),
        Chosen::Guest(..) => None,
    }
}

fn remove(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Remove-VMNetworkAdapter";
    let found = chosen(host, cmdlet, arguments)?;
    let told = passed_through(host, arguments, &found);
    let devices: Vec<String> = found.iter().filter_map(|one| device_of(host, *one)).collect();
    let mut macs = Vec::new();
    for one in &found {
        let Chosen::Guest(machine, _) = one else { continue };
        macs.extend(one.of(host).map(|vnic| (*machine, vnic.mac.clone())));
    }
    for device in devices {
        host.drop_host_adapter(&device);
    }
    for (machine, mac) in macs {
        if let Some(guest) = host.switches.machines.get_mut(machine) {
            guest.adapters.retain(|vnic| vnic.mac != mac);
        }
    }
    Ok(told)
}

/// `001122AABBCC` and its like, as adapters have it.
fn dashed(mac: &str) -> String {
    let digits: Vec<char> = mac.chars().filter(char::is_ascii_hexdigit).collect();
    let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect::<String>()).collect();
    pairs.join("-").to_uppercase()
}

/// The adapters, where `-Passthru` asks for them.
pub(super) fn passed_through(host: &WindowsHost, arguments: &Arguments, found: &[Chosen]) -> Vec<Value> {
    if !arguments.is_on("Passthru") {
        return Vec::new();
    }
    found.iter().map(|one| as_value(host, *one)).collect()
}
