//! A switch that is made anew, because of what it has for good: all in one request, which hangs on nobody's connection.
//!
//! What the spec does not say stays. Where that cannot be, nothing is done.

use evenkeel_core::driver::{ObserveError, Risk};
use evenkeel_core::request::Call;

use super::build::{Build, connected, new_alias};
use super::calls;
use super::check::NO_UPLINK;
use super::steps::{Site, Steps, cuts_ours, is_ours, names_up, some, texts, vms};
use crate::hyperv::ground::seconds;
use crate::hyperv::guard::{self, Back, Undo};
use crate::hyperv::host::{Address, Guest, Host, Switch};
use crate::hyperv::way::{is_pattern, same};

/// What no manifest says of a switch, and nobody reads.
const NOT_KEPT: &str = "not kept: MAC addresses, bandwidth weights, isolation, extensions, VMQ settings";

pub(super) fn replace(site: &Site<'_>) -> Steps {
    let Site { spec, host, switch } = *site;
    let (old, new) = (Build::seen(host, switch)?, Build::instead(spec, host, switch)?);
    let all = forward(&old, &new);
    let mut up = names_up(host, &new.uplinks)?;
    if !up.is_empty() {
        up.extend(new.takes_over.as_deref().map(|name| new.alias(name)));
    }
    let undo = Undo {
        calls: way_back(&all, &old, &new, &switch.id),
        absent: None,
        restores: format!("{} as it was, with its host adapters and guests", switch.name),
        seconds: seconds(spec.confirm_within),
    };
    let step = guard::step(&all, &texts(&up), Some(&undo));
    let step = step.hazard(Risk::Destructive, "switch", cost(site, &old, &new)?);
    let why = match gone(&old, &new).into_iter().find(|name| is_ours(host, name)) {
        Some(ours) => Some(cuts_ours(ours)),
        None => cannot_stay(host, switch, &old, &new)?.or_else(|| stranded(&old, &new)),
    };
    Ok(vec![match why {
        Some(why) => step.held(why),
        None => step,
    }])
}

/// The host adapter whose addresses go to the NIC with the old switch, and come back with the new one. It is the only one
/// when the switch is removed, since nobody says whose addresses a NIC gets of several.
fn carried<'a>(old: &'a Build, new: &Build) -> Option<&'a String> {
    let first = new.takes_over.as_ref()?;
    old.adapters.keys().find(|name| same(name, first))
}

/// The host adapters that the new switch will not have.
fn gone<'a>(old: &'a Build, new: &Build) -> Vec<&'a String> {
    let stays = |name: &&String| new.adapters.keys().any(|one| same(one, name));
    old.adapters.keys().filter(|name| !stays(name)).collect()
}

/// Why the addresses of a host adapter might not come to the new switch: they go to a NIC of the old one in between, and
/// nobody says to which.
fn stranded(old: &Build, new: &Build) -> Option<String> {
    let carried = carried(old, new)?;
    let left = old.uplinks.iter().find(|nic| !new.uplinks.contains(nic))?;
    let address = &old.addresses.get(carried)?.first()?.address;
    Some(format!(
        "{address} of {carried} might stay on {left}, which the new switch has not got: change `uplinks` alone first, then the rest"
    ))
}

/// The old switch is taken apart, then the new one is made, with what was on it.
fn forward(old: &Build, new: &Build) -> Vec<Call> {
    let mut all = old.disconnect_calls();
    let others = old.adapters.keys().filter(|name| Some(*name) != carried(old, new));
    all.extend(others.map(|name| calls::remove(&old.name, name)));
    all.push(calls::remove_switch(&old.name));
    all.extend(new.made_calls());
    all.extend(new.connect_calls());
    all.extend(
        given_back(old, new)
            .map(|(name, address)| calls::give(&new.alias(name), &address.address, address.prefix)),
    );
    all
}

/// The addresses that are given back to host adapters by hand.
fn given_back<'a>(old: &'a Build, new: &'a Build) -> impl Iterator<Item = (&'a str, &'a Address)> {
    let carried = carried(old, new);
    let stays = move |name: &String| Some(name) != carried && new.adapters.keys().any(|one| same(one, name));
    let of_adapter = |(name, all): (&'a String, &'a Vec<Address>)| {
        all.iter().filter(|address| address.persistent == Some(true)).map(|address| (name.as_str(), address))
    };
    old.addresses.iter().filter(move |(name, _)| stays(name)).flat_map(of_adapter)
}

/// Makes `old` again. What the change did not come to stays as it is: a switch that was not yet to be removed gets back its
/// guests and those of its host adapters that were; so does one that could not be removed, which still has its id.
fn way_back(all: &[Call], old: &Build, new: &Build, id: &str) -> Vec<Back> {
    let number = |call: &Call| all.iter().position(|one| one == call).map_or(1, |at| at.saturating_add(1));
    let removed = number(&calls::remove_switch(&old.name));
    let late = |call: Call| Back::from(call).after(removed);
    let mut back: Vec<Back> = new
        .others()
        .map(|name| Back::from(calls::remove(&new.name, name)).after(number(&calls::add(&new.name, name))))
        .collect();
    back.extend(old.disconnect_calls().into_iter().map(late));
    // A NIC that the old switch has not got must not get the addresses.
    if let Some(shared) = old.uplinks.iter().find(|nic| new.uplinks.contains(nic))
        && new.uplinks.len() > 1
    {
        let made = new.first_calls().first().map_or(removed, number);
        back.push(
            Back::from(calls::set_team(&new.name, std::slice::from_ref(shared)))
                .after(made.saturating_add(1)),
        );
    }
    back.push(late(calls::remove_switch(&old.name)).but_not(id));
    back.extend(old.first_calls().into_iter().map(late));
    for name in old.adapters.keys() {
        let is_made_with_it = old.takes_over.as_ref() == Some(name);
        let begun = match carried(old, new) {
            Some(carried) if carried == name && is_made_with_it => continue,
            Some(carried) if carried == name => removed,
            _ => number(&calls::remove(&old.name, name)),
        };
        back.extend(old.add_calls(name).into_iter().map(|call| Back::from(call).after(begun)));
    }
    back.extend(old.connect_calls().into_iter().map(Back::from));
    back
}

/// What a switch costs that is made anew.
fn cost(site: &Site<'_>, old: &Build, new: &Build) -> Result<String, ObserveError> {
    let mut all = vec![format!("{} is removed and made anew", site.switch.name)];
    all.extend(some(&vms(site.host, site.switch)?).map(|vms| format!("no network meanwhile: {vms}")));
    let told = |(name, address): (&str, &Address)| format!("{} of {name}", address.address);
    let back: Vec<String> = given_back(old, new).map(told).collect();
    if !back.is_empty() {
        all.push(format!("addresses given back, without their routes and name servers: {}", back.join(", ")));
    }
    let gone = gone(old, new);
    let is_left = |name: &String| Some(name) != carried(old, new) && !gone.contains(&name);
    for (what, persistent) in
        [("addresses to be set again", None), ("addresses that go (those of a cluster?)", Some(false))]
    {
        let left = old.addresses.iter().filter(|(name, _)| is_left(name));
        let left = left.flat_map(|(name, all)| all.iter().map(move |address| (name.as_str(), address)));
        let left: Vec<String> =
            left.filter(|(_, address)| address.persistent == persistent).map(told).collect();
        if !left.is_empty() {
            all.push(format!("{what}: {}", left.join(", ")));
        }
    }
    if !gone.is_empty() {
        let gone: Vec<&str> = gone.into_iter().map(String::as_str).collect();
        all.push(format!("its host adapters {} go, and their addresses with them", gone.join(", ")));
    }
    all.push(NOT_KEPT.to_owned());
    Ok(all.join("; "))
}

/// What of the old switch neither the new one could have, nor the old one again.
fn cannot_stay(
    host: &Host,
    switch: &Switch,
    old: &Build,
    new: &Build,
) -> Result<Option<String>, ObserveError> {
    for (name, state) in &old.adapters {
        let named = host.host_adapters()?.iter().filter(|one| same(&one.name, name)).count();
        if named > 1 {
            return Ok(Some(format!(
                "the host has {named} adapters called {name}, which cmdlets cannot tell apart: give them different names first"
            )));
        }
        if is_pattern(name) {
            return Ok(Some(format!(
                "cmdlets take the name of the host adapter {name} for a pattern: give it another one first"
            )));
        }
        if let Some(why) = old.renamed.get(name).and_then(|alias| odd_alias(old, new, name, alias)) {
            return Ok(Some(why));
        }
        let vlan = state.vlan.as_deref().unwrap_or_default();
        if calls::vlan(name, vlan).is_none() {
            return Ok(Some(format!(
                "the host adapter {name} carries several VLANs ({vlan}), which would be lost: give it one VLAN first, or take it away"
            )));
        }
    }
    for (name, state) in &new.adapters {
        let Some(uplink) = state.uplink.as_deref().filter(|uplink| *uplink != NO_UPLINK) else { continue };
        if new.embedded_teaming && !new.uplinks.iter().any(|one| same(one, uplink)) {
            return Ok(Some(format!(
                "the host adapter {name} uses {uplink}, which the new switch has not got: write another `uplink` for it, or `none`"
            )));
        }
    }
    guest(host, switch)
}

/// Why the network connection of a host adapter could not be called `alias` again.
fn odd_alias(old: &Build, new: &Build, name: &str, alias: &str) -> Option<String> {
    let mut others = old.adapters.keys().chain(new.adapters.keys()).filter(|one| !same(one, name));
    if let Some(other) = others.find(|one| same(&new_alias(one), alias)) {
        return Some(format!(
            "the network connection of {name} is called {alias}, as that of {other} will be: give it another name first"
        ));
    }
    is_pattern(alias).then(|| {
        format!(
            "cmdlets take the name of the network connection {alias} for a pattern: give it another one first"
        )
    })
}

/// A virtual machine that cmdlets could not connect again: names that are patterns, or two adapters of one name, only one of
/// which is on the switch.
fn guest(host: &Host, switch: &Switch) -> Result<Option<String>, ObserveError> {
    let all = host.guests()?;
    for here in connected(host, switch)? {
        let is_twin = |one: &&Guest| one.vm == here.vm && same(&one.adapter, &here.adapter);
        if all.iter().filter(is_twin).any(|twin| twin.switch != here.switch) {
            return Ok(Some(format!(
                "{} has adapters of one name on several switches, which cmdlets cannot tell apart: give them different names first",
                here.vm
            )));
        }
        if let Some(name) = [&here.vm, &here.adapter].into_iter().find(|name| is_pattern(name)) {
            return Ok(Some(format!(
                "cmdlets take a name of the virtual machine {} for a pattern ({name}): give it another one first",
                here.vm
            )));
        }
    }
    Ok(None)
}
