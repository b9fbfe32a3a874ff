//! `Get-`, `Set-` and `Remove-VMNetworkAdapterTeamMapping`: which NIC of a team an adapter uses.

use super::chosen::{
    ADAPTER_NAME, Chosen, INPUT, MANAGEMENT, NAME, PASSTHRU, SWITCH_NAME, VM, VM_NAME, chosen,
};
use super::get::as_value;
use super::switch::{missing_nic, missing_parameter, refused};
use super::{Cmdlet, Given, Needs, named};
use crate::windows::machine::WindowsHost;
use crate::windows::shell::{Arguments, Takes};
use crate::windows::value::{ErrorRecord, Value};

const SETTER: &str = "Set-VMNetworkAdapterTeamMapping";

pub(super) const GET: Cmdlet = Cmdlet::new(
    "Get-VMNetworkAdapterTeamMapping",
    &[VM_NAME, VM, INPUT, MANAGEMENT, SWITCH_NAME, NAME, ADAPTER_NAME, PASSTHRU],
    get,
)
.needs(Needs::HyperV);

pub(super) const SET: Cmdlet = Cmdlet::new(
    SETTER,
    &[
        VM_NAME,
        VM,
        INPUT,
        MANAGEMENT,
        SWITCH_NAME,
        ADAPTER_NAME,
        named("PhysicalNetAdapterName", Takes::Text),
        PASSTHRU,
    ],
    set,
)
.needs(Needs::HyperV);

pub(super) const REMOVE: Cmdlet = Cmdlet::new(
    "Remove-VMNetworkAdapterTeamMapping",
    &[VM_NAME, VM, INPUT, MANAGEMENT, SWITCH_NAME, NAME, ADAPTER_NAME, PASSTHRU],
    remove,
)
.needs(Needs::HyperV);

/// Who is mapped to nothing is not told (Microsoft: Converged NIC in a teamed configuration, step 8).
fn get(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let found = chosen(host, "Get-VMNetworkAdapterTeamMapping", arguments)?;
    Ok(found.into_iter().filter_map(|one| mapping_value(host, one)).collect())
}

fn set(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let name = arguments.text("PhysicalNetAdapterName");
    let name = name.ok_or_else(|| missing_parameter(SETTER, "PhysicalNetAdapterName"))?;
    let found = chosen(host, SETTER, arguments)?;
    let nic = host.adapter(&name).filter(|nic| !nic.is_virtual());
    let guid = nic.ok_or_else(|| missing_nic(SETTER, &name))?.guid.clone();
    for one in &found {
        may_map(host, *one, &guid, &name)?;
    }
    for one in &found {
        if let Some(vnic) = one.of_mut(host) {
            vnic.mapping = Some(guid.clone());
        }
    }
    if !arguments.is_on("Passthru") {
        return Ok(Vec::new());
    }
    Ok(found.into_iter().filter_map(|one| mapping_value(host, one)).collect())
}

/// An adapter uses NICs of its own switch's team. The texts are only believed.
fn may_map(host: &WindowsHost, one: Chosen, guid: &str, name: &str) -> Result<(), ErrorRecord> {
    let switch = one.of(host).and_then(|vnic| host.switches.by_id(vnic.switch.as_deref()?));
    let Some(switch) = switch.filter(|switch| switch.teaming) else {
        let message =
            "The virtual network adapter is not connected to a virtual switch with embedded teaming enabled.";
        return Err(refused(SETTER, message));
    };
    if switch.uplinks.iter().any(|uplink| uplink == guid) {
        return Ok(());
    }
    let message = format!(
        "Physical network adapter '{name}' is not a member of the team of virtual switch '{}'.",
        switch.name
    );
    Err(refused(SETTER, message))
}

/// To take away what is not there is no error, which is only believed.
fn remove(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let found = chosen(host, "Remove-VMNetworkAdapterTeamMapping", arguments)?;
    for one in &found {
        if let Some(vnic) = one.of_mut(host) {
            vnic.mapping = None;
        }
    }
    Ok(Vec::new())
}

fn mapping_value(host: &WindowsHost, one: Chosen) -> Option<Value> {
    let guid = one.of(host)?.mapping.as_deref()?;
    let name = host.adapter_of(guid).map(|nic| nic.name.as_str()).unwrap_or_default();
    Some(Value::object(
        "Microsoft.HyperV.PowerShell.VMNetworkAdapterTeamMappingSetting",
        [
            ("NetAdapterName", Value::text(name)),
            ("NetAdapterDeviceId", Value::text(guid)),
            ("DisableOnFailover", Value::Enum { name: "None", number: 0 }),
            ("ParentAdapter", as_value(host, one)),
            ("IsTemplate", Value::Bool(false)),
            ("ComputerName", Value::text(&host.name)),
            ("IsDeleted", Value::Bool(false)),
        ],
    ))
}
