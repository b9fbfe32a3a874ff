//! The cmdlets that switches and host adapters are changed by.

use evenkeel_core::request::Call;

use super::build::new_alias;
use super::check::NO_UPLINK;
use super::state::HostAdapterState;

pub(super) fn remove_switch(name: &str) -> Call {
    Call::new("Remove-VMSwitch").with("Name", name).switch("Force")
}

/// Sets exactly these members.
pub(super) fn set_team(switch: &str, uplinks: &[String]) -> Call {
    Call::new("Set-VMSwitchTeam").with("Name", switch).with("NetAdapterName", uplinks.to_vec())
}

/// Sets the NIC of a switch without a team.
pub(super) fn set_uplink(switch: &str, uplink: &str) -> Call {
    Call::new("Set-VMSwitch").with("Name", switch).with("NetAdapterName", uplink)
}

pub(super) fn set_load_balancing(switch: &str, algorithm: &str) -> Call {
    Call::new("Set-VMSwitchTeam").with("Name", switch).with("LoadBalancingAlgorithm", algorithm)
}

pub(super) fn set_notes(switch: &str, notes: &str) -> Call {
    Call::new("Set-VMSwitch").with("Name", switch).with("Notes", notes)
}

pub(super) fn allow_management_os(switch: &str, allow: bool) -> Call {
    Call::new("Set-VMSwitch").with("Name", switch).with("AllowManagementOS", allow)
}

pub(super) fn rename(name: &str, new: &str) -> Call {
    Call::new("Rename-VMNetworkAdapter").switch("ManagementOS").with("Name", name).with("NewName", new)
}

/// Gives the host's side of a host adapter that was just made the name that it had.
pub(super) fn rename_connection(name: &str, alias: &str) -> Call {
    Call::new("Rename-NetAdapter").with("Name", new_alias(name)).with("NewName", alias)
}

pub(super) fn add(switch: &str, name: &str) -> Call {
    Call::new("Add-VMNetworkAdapter").switch("ManagementOS").with("SwitchName", switch).with("Name", name)
}

pub(super) fn remove(switch: &str, name: &str) -> Call {
    Call::new("Remove-VMNetworkAdapter").switch("ManagementOS").with("SwitchName", switch).with("Name", name)
}

/// `vlan` is a number or `untagged`; `None` for what this cmdlet cannot be told by that, such as a trunk.
pub(super) fn vlan(name: &str, vlan: &str) -> Option<Call> {
    let call =
        Call::new("Set-VMNetworkAdapterVlan").switch("ManagementOS").with("VMNetworkAdapterName", name);
    match (vlan, vlan.parse::<u16>()) {
        ("untagged", _) => Some(call.switch("Untagged")),
        (_, Ok(number)) => Some(call.switch("Access").with("VlanId", number)),
        _ => None,
    }
}

/// `uplink` is a NIC's name or `none`.
pub(super) fn mapping(switch: &str, name: &str, uplink: &str) -> Call {
    let of = |cmdlet| {
        let call = Call::new(cmdlet).switch("ManagementOS").with("SwitchName", switch);
        call.with("VMNetworkAdapterName", name)
    };
    match uplink {
        NO_UPLINK => of("Remove-VMNetworkAdapterTeamMapping"),
        nic => of("Set-VMNetworkAdapterTeamMapping").with("PhysicalNetAdapterName", nic),
    }
}

pub(super) fn priority_tag(name: &str, on: bool) -> Call {
    let call = Call::new("Set-VMNetworkAdapter").switch("ManagementOS").with("Name", name);
    call.with("IeeePriorityTag", if on { "On" } else { "Off" })
}

/// Takes effect by the restart. `alias` is the host's side of it.
pub(super) fn rdma(alias: &str, on: bool) -> [Call; 2] {
    [
        Call::new("Set-NetAdapterRdma").with("Name", alias).with("Enabled", on).switch("NoRestart"),
        Call::new("Restart-NetAdapter").with("Name", alias).with("Confirm", false),
    ]
}

/// Gives a host adapter that was just made an address. `alias` is the host's side of it.
pub(super) fn give(alias: &str, address: &str, prefix: u8) -> Call {
    let call = Call::new("New-NetIPAddress").with("InterfaceAlias", alias);
    call.with("IPAddress", address).with("PrefixLength", prefix)
}

pub(super) fn disconnect(vm: &str, adapter: &str) -> Call {
    Call::new("Disconnect-VMNetworkAdapter").with("VMName", vm).with("Name", adapter)
}

pub(super) fn connect(vm: &str, adapter: &str, switch: &str) -> Call {
    Call::new("Connect-VMNetworkAdapter").with("VMName", vm).with("Name", adapter).with("SwitchName", switch)
}

/// Gives a host adapter that was just made its settings. What it has by itself is not set.
pub(super) fn settings(switch: &str, name: &str, alias: &str, wanted: &HostAdapterState) -> Vec<Call> {
    let mut calls = Vec::new();
    let wanted_vlan = wanted.vlan.as_deref().filter(|vlan| *vlan != "untagged");
    calls.extend(wanted_vlan.and_then(|number| vlan(name, number)));
    let uplink = wanted.uplink.as_deref().filter(|uplink| *uplink != NO_UPLINK);
    calls.extend(uplink.map(|uplink| mapping(switch, name, uplink)));
    if wanted.ieee_priority_tag == Some(true) {
        calls.push(priority_tag(name, true));
    }
    if wanted.rdma == Some(true) {
        calls.extend(rdma(alias, true));
    }
    calls
}
