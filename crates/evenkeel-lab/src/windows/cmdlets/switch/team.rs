//! `Set-VMSwitchTeam`, `Add-VMSwitchTeamMember`, `Remove-VMSwitchTeamMember`.

use super::change::passed_through;
use super::get::chosen;
use super::make::{may_bind, nics, too_many};
use super::refused::{missing_nic, missing_parameter, refused};
use super::{Cmdlet, Given, Needs, at, named, piped};
use crate::windows::machine::{Balancing, Switch, WindowsHost};
use crate::windows::shell::{Arguments, Parameter, Takes};
use crate::windows::value::ErrorRecord;

pub(super) const SET: Cmdlet = Cmdlet::new(
    "Set-VMSwitchTeam",
    &[
        at(0, "Name", Takes::Texts),
        named("SwitchName", Takes::Texts),
        piped("VMSwitch"),
        named("NetAdapterName", Takes::Texts),
        named("NetAdapterInterfaceDescription", Takes::Texts),
        named("TeamingMode", Takes::Word(&["SwitchIndependent"])),
        named("LoadBalancingAlgorithm", Takes::Word(&["HyperVPort", "Dynamic"])),
        named("Passthru", Takes::Switch),
    ],
    set,
)
.needs(Needs::HyperV);

const MEMBER: &[Parameter] = &[
    at(0, "VMSwitchName", Takes::Texts),
    named("SwitchName", Takes::Texts),
    piped("VMSwitch"),
    named("NetAdapterName", Takes::Texts),
    named("NetAdapterInterfaceDescription", Takes::Texts),
    named("Passthru", Takes::Switch),
];

pub(super) const ADD_MEMBER: Cmdlet =
    Cmdlet::new("Add-VMSwitchTeamMember", MEMBER, add_member).needs(Needs::HyperV);

pub(super) const REMOVE_MEMBER: Cmdlet =
    Cmdlet::new("Remove-VMSwitchTeamMember", MEMBER, remove_member).needs(Needs::HyperV);

/// The NICs that are named are all that the team has afterwards.
fn set(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Set-VMSwitchTeam";
    let ids = chosen(host, cmdlet, arguments)?;
    let wanted = nics(host, cmdlet, arguments)?;
    let algorithm = arguments.text("LoadBalancingAlgorithm");
    let balancing = algorithm.map(|algorithm| {
        if algorithm.eq_ignore_ascii_case("Dynamic") { Balancing::Dynamic } else { Balancing::HyperVPort }
    });
    for id in &ids {
        let team = team(host, cmdlet, id)?;
        if team.packet_direct && balancing == Some(Balancing::Dynamic) {
            let message = "Packet direct needs the load balancing algorithm HyperVPort.";
            return Err(refused(cmdlet, message));
        }
        if let Some(wanted) = &wanted {
            change_members(host, cmdlet, id, wanted.clone())?;
        }
        if let (Some(balancing), Some(switch)) = (balancing, host.switches.by_id_mut(id)) {
            switch.balancing = balancing;
        }
    }
    Ok(passed_through(host, arguments, &ids))
}

fn add_member(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Add-VMSwitchTeamMember";
    let ids = chosen(host, cmdlet, arguments)?;
    let added = nics(host, cmdlet, arguments)?.ok_or_else(|| no_source(cmdlet))?;
    for id in &ids {
        let mut members = team(host, cmdlet, id)?.uplinks.clone();
        members.extend(added.iter().filter(|nic| !members.contains(nic)).cloned().collect::<Vec<_>>());
        change_members(host, cmdlet, id, members)?;
    }
    Ok(passed_through(host, arguments, &ids))
}

fn remove_member(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Remove-VMSwitchTeamMember";
    let ids = chosen(host, cmdlet, arguments)?;
    let gone = nics(host, cmdlet, arguments)?
        .ok_or_else(|| missing_parameter(cmdlet, "NetAdapterInterfaceDescription"))?;
    for id in &ids {
        let mut members = team(host, cmdlet, id)?.uplinks.clone();
        if let Some(stranger) = gone.iter().find(|nic| !members.contains(nic)) {
            let name = host.adapter_of(stranger).map(|nic| nic.name.clone()).unwrap_or_default();
            return Err(missing_nic(cmdlet, &name));
        }
        members.retain(|nic| !gone.contains(nic));
        change_members(host, cmdlet, id, members)?;
    }
    Ok(passed_through(host, arguments, &ids))
}

/// Add-VMSwitchTeamMember without NICs, as somebody reported it.
fn no_source(cmdlet: &str) -> ErrorRecord {
    refused(cmdlet, "Value cannot be null.\r\nParameter name: source")
}

/// A switch that has a team; the text for one without is only believed.
fn team<'a>(host: &'a WindowsHost, cmdlet: &str, id: &str) -> Result<&'a Switch, ErrorRecord> {
    let switch = host.switches.by_id(id).ok_or_else(|| refused(cmdlet, "The switch is gone."))?;
    if switch.teaming {
        return Ok(switch);
    }
    Err(refused(
        cmdlet,
        format!("The virtual switch '{}' does not have embedded teaming enabled.", switch.name),
    ))
}

/// Gives a team its NICs, or leaves it as it was. The text of an empty team is only believed.
fn change_members(
    host: &mut WindowsHost,
    cmdlet: &str,
    id: &str,
    members: Vec<String>,
) -> Result<(), ErrorRecord> {
    if members.is_empty() {
        return Err(refused(cmdlet, "A switch team must have at least one physical network adapter."));
    }
    if members.len() > 8 {
        return Err(too_many(cmdlet));
    }
    for nic in &members {
        may_bind(host, cmdlet, nic, Some(id))?;
    }
    host.set_uplinks(id, members);
    Ok(())
}
