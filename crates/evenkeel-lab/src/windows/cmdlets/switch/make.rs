//! `New-VMSwitch`, and the NICs that a cmdlet is told.

use super::get::as_value;
use super::refused::{
    already_bound, bind_failed, missing_nic, missing_parameter, refused, taken, unresolved,
};
use super::{Cmdlet, Given, Needs, at, named};
use crate::windows::machine::{Adapter, Bandwidth, NewSwitch, SwitchType, WindowsHost};
use crate::windows::shell::{Arguments, Takes};
use crate::windows::value::{ErrorRecord, is_name};

/// The most NICs of a team.
const MOST: usize = 8;

const CMDLET: &str = "New-VMSwitch";

pub(super) const NEW: Cmdlet = Cmdlet::new(
    CMDLET,
    &[
        at(0, "Name", Takes::Text),
        named("SwitchName", Takes::Text),
        named("NetAdapterName", Takes::Texts),
        named("NetAdapterInterfaceDescription", Takes::Texts),
        named("SwitchType", Takes::Word(&["Internal", "Private"])),
        named("AllowManagementOS", Takes::Bool),
        named("Notes", Takes::Text),
        named("MinimumBandwidthMode", Takes::Word(&["Default", "Weight", "Absolute", "None"])),
        named("EnableIov", Takes::Bool),
        named("EnablePacketDirect", Takes::Bool),
        named("EnableEmbeddedTeaming", Takes::Bool),
    ],
    new,
)
.needs(Needs::HyperV);

fn new(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let name = arguments.text("Name").or_else(|| arguments.text("SwitchName"));
    let name = name.ok_or_else(|| missing_parameter(CMDLET, "Name"))?;
    let uplinks = nics(host, CMDLET, arguments)?;
    let kind = arguments.text("SwitchType");
    if uplinks.is_some() && kind.is_some() {
        return Err(unresolved(CMDLET));
    }
    if uplinks.is_none() && kind.is_none() {
        return Err(missing_parameter(CMDLET, "NetAdapterName"));
    }
    if host.switches.named(&name).is_some() {
        return Err(taken(CMDLET, &name));
    }
    let kind = match kind {
        None => SwitchType::External,
        Some(kind) if kind.eq_ignore_ascii_case("Internal") => SwitchType::Internal,
        Some(_) => SwitchType::Private,
    };
    let uplinks = uplinks.unwrap_or_default();
    let teaming = is_team(arguments, &uplinks)?;
    for nic in &uplinks {
        may_bind(host, CMDLET, nic, None)?;
    }
    let (iov, packet_direct) = modes(arguments)?;
    let bandwidth = bandwidth(arguments, iov)?;
    let for_host = match kind {
        SwitchType::External => arguments.bool("AllowManagementOS").unwrap_or(true),
        SwitchType::Internal => true,
        SwitchType::Private => false,
    };
    let notes = arguments.text("Notes").unwrap_or_default();
    let new = NewSwitch { name, kind, uplinks, teaming, iov, packet_direct, bandwidth, notes };
    let id = host.make_switch(new, for_host);
    Ok(host.switches.by_id(&id).map(|switch| as_value(host, switch)).into_iter().collect())
}

/// Whether it shall be a team. More than one NIC make one without being told so (Microsoft: User Guide for SET); told not to, they are too
/// many, in words that are only believed.
fn is_team(arguments: &Arguments, uplinks: &[String]) -> Result<bool, ErrorRecord> {
    let teaming = arguments.bool("EnableEmbeddedTeaming").unwrap_or(uplinks.len() > 1);
    if !teaming && uplinks.len() > 1 {
        let message = "A virtual switch without embedded teaming takes one physical network adapter only.";
        return Err(refused(CMDLET, message));
    }
    if uplinks.len() > MOST {
        return Err(too_many(CMDLET));
    }
    Ok(teaming)
}

/// The text is only believed.
pub(super) fn too_many(cmdlet: &str) -> ErrorRecord {
    refused(cmdlet, format!("A switch team cannot have more than {MOST} physical network adapters."))
}

/// SR-IOV and packet direct, which exclude one another. The text is only believed.
fn modes(arguments: &Arguments) -> Result<(bool, bool), ErrorRecord> {
    let is_on = |parameter| arguments.bool(parameter).unwrap_or(false);
    let (iov, packet_direct) = (is_on("EnableIov"), is_on("EnablePacketDirect"));
    if iov && packet_direct {
        let message = "A virtual switch cannot have both IO virtualization and packet direct.";
        return Err(refused(CMDLET, message));
    }
    Ok((iov, packet_direct))
}

/// `Default` is `Weight` without and `None` with SR-IOV (reference of New-VMSwitch), which gets along with nothing else.
fn bandwidth(arguments: &Arguments, iov: bool) -> Result<Bandwidth, ErrorRecord> {
    let mode = arguments.text("MinimumBandwidthMode").unwrap_or_default().to_lowercase();
    let mode = match mode.as_str() {
        "weight" => Bandwidth::Weight,
        "absolute" => Bandwidth::Absolute,
        "none" => Bandwidth::None,
        _ if iov => Bandwidth::None,
        _ => Bandwidth::Weight,
    };
    if iov && mode != Bandwidth::None {
        let message = "Minimum bandwidth is not supported on a virtual switch with IO virtualization.";
        return Err(refused(CMDLET, message));
    }
    Ok(mode)
}

/// The guids of the NICs that are told by name or by description, each once; `None` where none are told.
pub(super) fn nics(
    host: &WindowsHost,
    cmdlet: &str,
    arguments: &Arguments,
) -> Result<Option<Vec<String>>, ErrorRecord> {
    type Find = for<'a> fn(&'a WindowsHost, &str) -> Option<&'a Adapter>;
    let (parameter, find): (_, Find) = match (
        arguments.get("NetAdapterName").is_some(),
        arguments.get("NetAdapterInterfaceDescription").is_some(),
    ) {
        (true, true) => return Err(unresolved(cmdlet)),
        (true, false) => ("NetAdapterName", WindowsHost::adapter),
        (false, true) => ("NetAdapterInterfaceDescription", WindowsHost::described),
        (false, false) => return Ok(None),
    };
    let mut guids = Vec::new();
    for told in arguments.texts(parameter) {
        let nic = find(host, &told).filter(|nic| !nic.is_virtual());
        let guid = &nic.ok_or_else(|| missing_nic(cmdlet, &told))?.guid;
        if !guids.contains(guid) {
            guids.push(guid.clone());
        }
    }
    Ok(Some(guids))
}

/// Whether a NIC can come below a switch: it is below none (but `own`), and not switched off. That the NICs of a team are of one model and
/// speed is a rule that Microsoft's documents have and nothing enforces.
pub(super) fn may_bind(
    host: &WindowsHost,
    cmdlet: &str,
    guid: &str,
    own: Option<&str>,
) -> Result<(), ErrorRecord> {
    let Some(nic) = host.adapter_of(guid) else { return Err(missing_nic(cmdlet, guid)) };
    match host.switches.above(guid) {
        Some(switch) if own == Some(switch.id.as_str()) => Ok(()),
        Some(_) => Err(already_bound(cmdlet, &nic.description)),
        // That a NIC below an LBFO team is refused is believed; no document says that it works.
        None if !nic.enabled || host.lbfo.values().flatten().any(|member| is_name(member, &nic.name)) => {
            Err(bind_failed(cmdlet, guid))
        }
        None => Ok(()),
    }
}
