//! What a spec wants that this host cannot have, or that would hurt it.

use std::collections::BTreeSet;

use evenkeel_core::driver::ObserveError;

use super::observe::{resolve, resolve_mapping};
use super::spec::HyperVSwitchSpec;
use crate::hyperv::ground::{named, refuse_ruled};
use crate::hyperv::host::{Adapter, Address, Host, Switch};
use crate::hyperv::way::same;

/// Addresses that somebody gave to the adapter.
const GIVEN: [&str; 2] = ["Manual", "Dhcp"];

/// The manifest fits the host; `there` is the switch, where it is.
pub(super) fn fits(spec: &HyperVSwitchSpec, host: &Host, there: Option<&Switch>) -> Result<(), ObserveError> {
    let names = resolve(spec, host)?;
    refuse_ruled(host, &["uplinks"], names.iter().map(String::as_str))?;
    if let Some(switch) = there.filter(|switch| switch.kind != "External") {
        let message = format!("{} is there as an {} switch, which has no uplinks", switch.name, switch.kind);
        let hint = "write another name, or remove that switch by hand: its VMs lose their network";
        return Err(ObserveError::unfit(&["name"], message, hint));
    }
    let nics: Vec<&Adapter> = host.nics()?.into_iter().filter(|nic| names.contains(&nic.name)).collect();
    for nic in &nics {
        free(spec, host, nic)?;
    }
    equal(spec, host, &nics, there)?;
    let members = there.map(|switch| host.uplinks(switch)).transpose()?.unwrap_or_default();
    for nic in host.nics()?.into_iter().filter(|nic| members.contains(&nic.name)) {
        named(&["uplinks"], nic)?;
    }
    for (name, adapter) in spec.present() {
        if let Some(uplink) = &adapter.uplink {
            resolve_mapping(spec, host, name, uplink)?;
        }
    }
    for name in spec.host_adapters.keys() {
        alone(spec, host, name)?;
    }
    if there.is_none() {
        return taken_over(spec, host, &nics);
    }
    let new: Vec<&Adapter> = nics.into_iter().filter(|nic| !members.contains(&nic.name)).collect();
    none_lost(host, &new)
}

/// A NIC that comes to a switch which is there loses its addresses.
fn none_lost(host: &Host, new: &[&Adapter]) -> Result<(), ObserveError> {
    let given = given_addresses(host, new)?;
    let Some(first) = given.iter().find(|(_, address)| address.origin == "Manual") else { return Ok(()) };
    let message = format!("{} would be lost: a NIC below a switch has none", told(first));
    let hint = "set it at a host adapter, and take it off the NIC by hand: `Remove-NetIPAddress`";
    Err(ObserveError::unfit(&["uplinks"], message, hint))
}

/// The NIC is no other switch's, and can be used.
fn free(spec: &HyperVSwitchSpec, host: &Host, nic: &Adapter) -> Result<(), ObserveError> {
    let path = ["uplinks"];
    let switch = host.switch_of(&nic.name)?;
    if let Some(other) = switch.filter(|switch| !same(&switch.name, &spec.name)) {
        let message = format!("{} is an uplink of the switch {}", nic.name, other.name);
        return Err(ObserveError::unfit(
            &path,
            message,
            "a NIC has one switch: write another, or free it by hand",
        ));
    }
    if switch.is_none() && nic.status == "Disabled" {
        let message = format!("{} is disabled", nic.name);
        let hint = format!("`Enable-NetAdapter -Name '{}'` there, or write another NIC", nic.name);
        return Err(ObserveError::unfit(&path, message, hint));
    }
    Ok(())
}

/// The NICs of a team are alike. Those that are in the team already were taken by the host.
fn equal(
    spec: &HyperVSwitchSpec,
    host: &Host,
    nics: &[&Adapter],
    there: Option<&Switch>,
) -> Result<(), ObserveError> {
    let members = there.map(|switch| host.uplinks(switch)).transpose()?.unwrap_or_default();
    let Some((first, others)) = nics.split_first().filter(|_| spec.embedded_teaming) else { return Ok(()) };
    for other in others {
        if members.contains(&first.name) && members.contains(&other.name) {
            continue;
        }
        if let Some(difference) = difference(first, other) {
            let hint =
                "a team needs NICs of one model, speed and driver: write such, or bring them to the same";
            return Err(ObserveError::unfit(&["uplinks"], difference, hint));
        }
    }
    Ok(())
}

/// How two NICs differ in what a team needs to be alike.
pub(super) fn difference(first: &Adapter, other: &Adapter) -> Option<String> {
    let told = |what: &str, one: &str, two: &str| {
        format!("{} and {} are of different {what}: {one} and {two}", first.name, other.name)
    };
    if let (Some(one), Some(two)) = (&first.model, &other.model)
        && !same(one, two)
    {
        let what = |nic: &Adapter, model: &str| format!("{} ({model})", nic.description);
        return Some(told("models", &what(first, one), &what(other, two)));
    }
    if let (Some(one), Some(two)) = (&first.driver, &other.driver)
        && one != two
    {
        return Some(told("drivers", one, two));
    }
    let speed = |nic: &Adapter| nic.bits_per_second.filter(|_| nic.status == "Up");
    match (speed(first), speed(other)) {
        (Some(one), Some(two)) if one != two => Some(told("speeds", &bits(one), &bits(two))),
        _ => None,
    }
}

/// `10 Gbit/s`
pub(super) fn bits(per_second: u64) -> String {
    match per_second {
        1_000_000_000.. if per_second.is_multiple_of(1_000_000_000) => {
            format!("{} Gbit/s", per_second / 1_000_000_000)
        }
        _ => format!("{} Mbit/s", per_second / 1_000_000),
    }
}

/// Cmdlets name a host adapter by its name alone, so that there must be no other of it.
fn alone(spec: &HyperVSwitchSpec, host: &Host, name: &str) -> Result<(), ObserveError> {
    let named: Vec<_> = host.host_adapters()?.iter().filter(|one| same(&one.name, name)).collect();
    let path = ["hostAdapters", name];
    let hint =
        "give one of them another name: `Rename-VMNetworkAdapter -ManagementOS`, or write another here";
    match named.as_slice() {
        [] => Ok(()),
        [one] if same(&one.switch, &spec.name) => Ok(()),
        [one] => {
            let on = if one.switch.is_empty() { "no switch" } else { &format!("the switch {}", one.switch) };
            let message = format!("the host adapter {name} is on {on}");
            Err(ObserveError::unfit(&path, message, hint))
        }
        several => {
            let message = format!("the host has {} adapters called {name}", several.len());
            Err(ObserveError::unfit(&path, message, hint))
        }
    }
}

/// When the switch is made, a host adapter gets the addresses of its uplinks.
fn taken_over(spec: &HyperVSwitchSpec, host: &Host, nics: &[&Adapter]) -> Result<(), ObserveError> {
    let given = given_addresses(host, nics)?;
    let Some(first) = given.first() else { return Ok(()) };
    if spec.taking_over().is_none() && !makes_own(spec) {
        let hint = "write `takesOver: true` at the host adapter that shall have it: `hostAdapters: { Management: { takesOver: true } }`";
        let message = format!("{} would be lost: no host adapter takes it over", told(first));
        return Err(ObserveError::unfit(&["hostAdapters"], message, hint));
    }
    let of: BTreeSet<&str> = given.iter().map(|(nic, _)| nic.name.as_str()).collect();
    // Where all come by DHCP, the switch's comes by it as well.
    if of.len() > 1 && given.iter().any(|(_, address)| address.origin == "Manual") {
        let all: Vec<String> = given.iter().map(told).collect();
        let message = format!(
            "a switch takes over the addresses of one NIC, and several have some: {}",
            all.join(", ")
        );
        let hint = "take them off all NICs but one by hand: `Remove-NetIPAddress -InterfaceAlias NIC2`";
        return Err(ObserveError::unfit(&["uplinks"], message, hint));
    }
    Ok(())
}

/// True where the switch gets a host adapter of its own name.
pub(super) fn makes_own(spec: &HyperVSwitchSpec) -> bool {
    spec.allow_management_os == Some(true) && spec.present().next().is_none()
}

/// The addresses that somebody gave to these NICs.
pub(super) fn given_addresses<'a>(
    host: &'a Host,
    nics: &[&'a Adapter],
) -> Result<Vec<(&'a Adapter, &'a Address)>, ObserveError> {
    let given = host.addresses()?.iter().filter(|one| GIVEN.contains(&one.origin.as_str()));
    let of_nic = |one: &'a Address| Some((*nics.iter().find(|nic| nic.index == one.index)?, one));
    Ok(given.filter_map(of_nic).collect())
}

/// `192.168.1.10/24 of NIC1`
fn told((nic, address): &(&Adapter, &Address)) -> String {
    format!("{}/{} of {}", address.address, address.prefix, nic.name)
}
