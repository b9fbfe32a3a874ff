//! `Get-VMNetworkAdapterVlan`, `Set-VMNetworkAdapterVlan`. Private VLANs are not simulated.

use super::chosen::{ADAPTER_NAME, Chosen, INPUT, MANAGEMENT, PASSTHRU, VM, VM_NAME, chosen};
use super::get::as_value;
use super::switch::{refused, unresolved};
use super::{Cmdlet, Given, Needs, named};
use crate::windows::machine::{Vlan, WindowsHost};
use crate::windows::shell::{Arguments, Takes};
use crate::windows::value::{ErrorRecord, Value};

const SETTER: &str = "Set-VMNetworkAdapterVlan";

pub(super) const GET: Cmdlet =
    Cmdlet::new("Get-VMNetworkAdapterVlan", &[VM_NAME, VM, INPUT, MANAGEMENT, ADAPTER_NAME], get)
        .needs(Needs::HyperV);

pub(super) const SET: Cmdlet = Cmdlet::new(
    SETTER,
    &[
        VM_NAME,
        VM,
        INPUT,
        MANAGEMENT,
        ADAPTER_NAME,
        named("Untagged", Takes::Switch),
        named("Access", Takes::Switch),
        named("VlanId", Takes::Int),
        named("AccessVlanId", Takes::Int),
        named("Trunk", Takes::Switch),
        named("NativeVlanId", Takes::Int),
        named("AllowedVlanIdList", Takes::Text),
        PASSTHRU,
    ],
    set,
)
.needs(Needs::HyperV);

fn get(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let found = chosen(host, "Get-VMNetworkAdapterVlan", arguments)?;
    Ok(found.into_iter().map(|one| vlan_value(host, one)).collect())
}

fn set(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let vlan = wanted(arguments)?;
    let found = chosen(host, SETTER, arguments)?;
    for one in &found {
        if let Some(vnic) = one.of_mut(host) {
            vnic.vlan = vlan.clone();
        }
    }
    if !arguments.is_on("Passthru") {
        return Ok(Vec::new());
    }
    Ok(found.into_iter().map(|one| vlan_value(host, one)).collect())
}

/// What the arguments ask for: one mode, with what belongs to it and nothing else. The texts are only believed.
fn wanted(arguments: &Arguments) -> Result<Vlan, ErrorRecord> {
    let modes = ["Untagged", "Access", "Trunk"].map(|mode| arguments.is_on(mode));
    let id = arguments.int("VlanId").or_else(|| arguments.int("AccessVlanId"));
    let (native, allowed) = (arguments.int("NativeVlanId"), arguments.text("AllowedVlanIdList"));
    match (modes, id, native, allowed) {
        ([true, false, false], None, None, None) => Ok(Vlan::Untagged),
        ([false, true, false], Some(id), None, None) => Ok(Vlan::Access(in_range(id, 1)?)),
        ([false, false, true], None, Some(native), Some(allowed)) => {
            Ok(Vlan::Trunk { native: in_range(native, 0)?, allowed })
        }
        ([false, true, false], None, ..) => {
            Err(refused(SETTER, "The parameter VlanId must be specified in conjunction with Access."))
        }
        _ => Err(unresolved(SETTER)),
    }
}

/// A VLAN's number, from `least` on.
fn in_range(id: i64, least: u16) -> Result<u16, ErrorRecord> {
    let found = u16::try_from(id).ok().filter(|id| (least..=4094).contains(id));
    found.ok_or_else(|| {
        refused(SETTER, format!("The VLAN ID {id} is not valid. It must be between {least} and 4094."))
    })
}

fn vlan_value(host: &WindowsHost, one: Chosen) -> Value {
    let vlan = one.of(host).map_or(&Vlan::Untagged, |vnic| &vnic.vlan);
    let (mode, number, access, native, allowed) = match vlan {
        Vlan::Untagged => ("Untagged", 0, 0, 0, ""),
        Vlan::Access(id) => ("Access", 1, *id, 0, ""),
        Vlan::Trunk { native, allowed } => ("Trunk", 2, 0, *native, allowed.as_str()),
    };
    Value::object(
        "Microsoft.HyperV.PowerShell.VMNetworkAdapterVlanSetting",
        [
            ("OperationMode", Value::Enum { name: mode, number }),
            ("AccessVlanId", Value::Int(i64::from(access))),
            ("NativeVlanId", Value::Int(i64::from(native))),
            ("AllowedVlanIdListString", Value::text(allowed)),
            ("ParentAdapter", as_value(host, one)),
            ("ComputerName", Value::text(&host.name)),
            ("IsDeleted", Value::Bool(false)),
        ],
    )
}
