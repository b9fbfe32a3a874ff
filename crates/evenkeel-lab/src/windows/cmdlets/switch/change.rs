//! `Set-VMSwitch`, `Remove-VMSwitch`, `Rename-VMSwitch`.

use super::get::{as_value, chosen};
use super::make::{may_bind, nics};
use super::refused::{in_use, missing_parameter, refused, taken, unresolved, would_ask};
use super::{Cmdlet, Given, Needs, at, named, piped};
use crate::windows::machine::{SwitchType, WindowsHost};
use crate::windows::shell::{Arguments, Takes};
use crate::windows::value::{ErrorRecord, is_name};

pub(super) const SET: Cmdlet = Cmdlet::new(
    "Set-VMSwitch",
    &[
        at(0, "Name", Takes::Texts),
        named("SwitchName", Takes::Texts),
        piped("VMSwitch"),
        named("NetAdapterName", Takes::Text),
        named("NetAdapterInterfaceDescription", Takes::Text),
        named("SwitchType", Takes::Word(&["Private", "Internal", "External"])),
        named("AllowManagementOS", Takes::Bool),
        named("Notes", Takes::Text),
        named("Passthru", Takes::Switch),
    ],
    set,
)
.needs(Needs::HyperV);

pub(super) const REMOVE: Cmdlet = Cmdlet::new(
    "Remove-VMSwitch",
    &[
        at(0, "Name", Takes::Texts),
        named("SwitchName", Takes::Texts),
        piped("VMSwitch"),
        named("Force", Takes::Switch),
    ],
    remove,
)
.needs(Needs::HyperV);

pub(super) const RENAME: Cmdlet = Cmdlet::new(
    "Rename-VMSwitch",
    &[
        at(0, "Name", Takes::Text),
        at(1, "NewName", Takes::Text),
        named("SwitchName", Takes::Text),
        piped("VMSwitch"),
        named("Passthru", Takes::Switch),
    ],
    rename,
)
.needs(Needs::HyperV);

fn set(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Set-VMSwitch";
    let ids = chosen(host, cmdlet, arguments)?;
    let uplinks = nics(host, cmdlet, arguments)?;
    let kind = arguments.text("SwitchType");
    if uplinks.is_some() && kind.is_some() {
        return Err(unresolved(cmdlet));
    }
    for id in &ids {
        if uplinks.is_some() || kind.is_some() {
            convert(host, id, uplinks.as_deref(), kind.as_deref())?;
        }
        if let Some(notes) = arguments.text("Notes")
            && let Some(switch) = host.switches.by_id_mut(id)
        {
            switch.notes = notes;
        }
        if let Some(allow) = arguments.bool("AllowManagementOS") {
            allow_host(host, id, allow)?;
        }
    }
    Ok(passed_through(host, arguments, &ids))
}

/// Another NIC, or another type. A team takes neither: its uplinks are Set-VMSwitchTeam's, and its mode is what it was made with. The text
/// is only believed.
fn convert(
    host: &mut WindowsHost,
    id: &str,
    uplinks: Option<&[String]>,
    kind: Option<&str>,
) -> Result<(), ErrorRecord> {
    let cmdlet = "Set-VMSwitch";
    let Some(switch) = host.switches.by_id(id) else { return Ok(()) };
    if switch.teaming {
        let message = format!(
            "Failed while modifying virtual Ethernet switch connection settings.\r\nThe virtual switch '{}' has embedded teaming enabled.",
            switch.name
        );
        return Err(refused(cmdlet, message));
    }
    let was_external = switch.kind == SwitchType::External;
    let (kind, nics) = match (uplinks, kind) {
        (Some(nics), _) => (SwitchType::External, nics.to_vec()),
        (None, Some(kind)) if is_name(kind, "Private") => (SwitchType::Private, Vec::new()),
        (None, Some(kind)) if is_name(kind, "Internal") => (SwitchType::Internal, Vec::new()),
        // An external switch stays one; to make one takes a NIC.
        _ if was_external => return Ok(()),
        _ => return Err(missing_parameter(cmdlet, "NetAdapterName")),
    };
    for nic in &nics {
        may_bind(host, cmdlet, nic, Some(id))?;
    }
    host.set_uplinks(id, nics);
    if let Some(switch) = host.switches.by_id_mut(id) {
        switch.kind = kind;
    }
    allow_host(host, id, kind != SwitchType::Private)
}

/// With `true` a host adapter of the switch's name comes to be if there is none, with `false` all of the switch go, and with them their
/// addresses.
fn allow_host(host: &mut WindowsHost, id: &str, allow: bool) -> Result<(), ErrorRecord> {
    let Some((name, kind)) = host.switches.by_id(id).map(|switch| (switch.name.clone(), switch.kind)) else {
        return Ok(());
    };
    let has_some = host.switches.hosts_on(id).next().is_some();
    match (allow, has_some) {
        (true, false) if kind == SwitchType::Private => {
            let message = "A private virtual switch cannot be shared with the management operating system.";
            return Err(refused("Set-VMSwitch", message));
        }
        (true, false) => {
            host.add_host_adapter(&name, id, None, None);
        }
        (false, true) => host.drop_host_adapters(id),
        _ => {}
    }
    Ok(())
}

fn remove(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Remove-VMSwitch";
    let ids = chosen(host, cmdlet, arguments)?;
    if !arguments.is_on("Force") {
        return Err(would_ask(cmdlet));
    }
    for id in ids {
        if host.switches.is_in_use(&id) {
            let name = host.switches.by_id(&id).map(|switch| switch.name.clone()).unwrap_or_default();
            return Err(in_use(cmdlet, &name));
        }
        host.unmake_switch(&id);
    }
    Ok(Vec::new())
}

fn rename(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Rename-VMSwitch";
    let ids = chosen(host, cmdlet, arguments)?;
    let name = arguments.text("NewName").ok_or_else(|| missing_parameter(cmdlet, "NewName"))?;
    for id in &ids {
        if host.switches.named(&name).is_some_and(|other| other.id != *id) {
            return Err(taken(cmdlet, &name));
        }
        if let Some(switch) = host.switches.by_id_mut(id) {
            name.clone_into(&mut switch.name);
        }
    }
    Ok(passed_through(host, arguments, &ids))
}

/// The switches, where `-Passthru` asks for them.
pub(super) fn passed_through(
    host: &WindowsHost,
    arguments: &Arguments,
    ids: &[String],
) -> Vec<crate::windows::Value> {
    if !arguments.is_on("Passthru") {
        return Vec::new();
    }
    ids.iter().filter_map(|id| host.switches.by_id(id)).map(|switch| as_value(host, switch)).collect()
}
