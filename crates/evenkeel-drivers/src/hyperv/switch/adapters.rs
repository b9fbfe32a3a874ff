//! The writes to the host's own virtual NICs: new ones, changes in place, and those that are removed.

use evenkeel_core::driver::{Delta, ObserveError, Risk, Step};
use evenkeel_core::request::Call;

use super::build::{Build, new_alias};
use super::calls;
use super::observe::{on_switch, settings};
use super::state::{HostAdapterState, HyperVSwitchState};
use super::steps::{Site, add, cuts_ours, is_ours};
use crate::hyperv::host::HostAdapter;
use crate::hyperv::way::{Touch, same};

/// The hazard of what removes a host adapter.
const HOST_ADAPTER: &str = "host adapter";

/// Nobody has anything there yet: safe.
pub(super) fn new_adapters(
    site: &Site<'_>,
    delta: &Delta<'_, HyperVSwitchState>,
) -> Result<Vec<Step>, ObserveError> {
    let build = Build::wanted(site.spec, site.host)?;
    let mut steps = Vec::new();
    for (name, wanted) in &delta.after.host_adapters {
        if wanted.is_some() && find(site, name)?.is_none() {
            steps.push(add(site.host, &build, name)?);
        }
    }
    Ok(steps)
}

/// Changes in place, each setting its step.
pub(super) fn adapter_steps(
    site: &Site<'_>,
    delta: &Delta<'_, HyperVSwitchState>,
) -> Result<Vec<Step>, ObserveError> {
    let mut steps = Vec::new();
    for (name, wanted) in &delta.after.host_adapters {
        let (Some(wanted), Some(found)) = (wanted, find(site, name)?) else { continue };
        let is_changed = |field: &str| {
            let at = ["hostAdapters", name.as_str(), field];
            delta.changes.iter().any(|change| change.path.keys() == at)
        };
        let changed = HostAdapterState {
            vlan: wanted.vlan.clone().filter(|_| is_changed("vlan")),
            uplink: wanted.uplink.clone().filter(|_| is_changed("uplink")),
            rdma: wanted.rdma.filter(|_| is_changed("rdma")),
            ieee_priority_tag: wanted.ieee_priority_tag.filter(|_| is_changed("ieeePriorityTag")),
        };
        steps.extend(in_place(site, found, &changed)?);
    }
    Ok(steps)
}

fn in_place(
    site: &Site<'_>,
    found: &HostAdapter,
    changed: &HostAdapterState,
) -> Result<Vec<Step>, ObserveError> {
    let (name, switch) = (&found.name, &site.switch.name);
    let old = settings(site.host, found)?;
    let touch = Touch::HostAdapter(name);
    let mut steps = Vec::new();
    if let Some(to) = &changed.vlan
        && let Some(call) = calls::vlan(name, to)
    {
        let before = old.vlan.clone().unwrap_or_default();
        let says = format!("{name} is in another network from then on");
        let back = calls::vlan(name, &before);
        let cannot_go_back = back.is_none() && site.host.may_cut(touch);
        let undo = (back.into_iter().collect(), format!("the VLAN of {name} ({before})"));
        let step = site.step(&[call], &[], touch, undo).hazard(Risk::Disruptive, "vlan", says);
        steps.push(if cannot_go_back {
            step.held(format!(
                "{name} carries several VLANs ({before}), which the host could not put back: change it by hand"
            ))
        } else {
            step
        });
    }
    if let Some(to) = &changed.uplink {
        let before = old.uplink.clone().unwrap_or_default();
        let says = format!("the traffic of {name} moves to another NIC");
        let undo = (vec![calls::mapping(switch, name, &before)], format!("the uplink of {name} ({before})"));
        let step = site.step(&[calls::mapping(switch, name, to)], &[], touch, undo);
        steps.push(step.hazard(Risk::Disruptive, "uplinks", says));
    }
    if let Some(on) = changed.ieee_priority_tag {
        let undo = (vec![calls::priority_tag(name, !on)], format!("the priority tag of {name}"));
        steps.push(site.step(&[calls::priority_tag(name, on)], &[], touch, undo));
    }
    if let Some(on) = changed.rdma {
        let alias = site.host.alias_of(name)?;
        let is_up = site.host.adapters()?.iter().any(|one| one.name == alias && one.status == "Up");
        let up: Vec<String> = is_up.then(|| alias.clone()).into_iter().collect();
        let says = format!("{name} is restarted, and is away for some seconds");
        let undo = (calls::rdma(&alias, !on).to_vec(), format!("RDMA of {name}"));
        let step = site.step(&calls::rdma(&alias, on), &up, touch, undo);
        steps.push(step.hazard(Risk::Disruptive, "adapter restart", says));
    }
    Ok(steps)
}

/// What shall not be any more.
pub(super) fn removed_adapters(
    site: &Site<'_>,
    delta: &Delta<'_, HyperVSwitchState>,
) -> Result<Vec<Step>, ObserveError> {
    if delta.after.allow_management_os == Some(false) {
        return Ok(no_adapters(site)?.into_iter().collect());
    }
    let switch = &site.switch.name;
    let mut steps = Vec::new();
    for (name, wanted) in &delta.after.host_adapters {
        let (None, Some(found)) = (wanted, find(site, name)?) else { continue };
        let says = format!("{} goes, and its addresses with it", found.name);
        let undo = (bring_back(site, found)?, format!("{} and its addresses", found.name));
        let call = [calls::remove(switch, &found.name)];
        let step = site.step(&call, &[], Touch::HostAdapter(&found.name), undo);
        let step = step.hazard(Risk::Destructive, HOST_ADAPTER, says);
        steps.push(not_ours(site, step, &found.name));
    }
    Ok(steps)
}

/// Takes all of them away at once; `None` where there are none.
fn no_adapters(site: &Site<'_>) -> Result<Option<Step>, ObserveError> {
    let switch = &site.switch.name;
    if !site.switch.allow_management_os {
        return Ok(None);
    }
    let all: Vec<&HostAdapter> = on_switch(site.host, site.switch)?.collect();
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let names = names.join(", ");
    let mut back = Vec::new();
    for found in &all {
        back.extend(bring_back(site, found)?);
    }
    let call = [calls::allow_management_os(switch, false)];
    let step = site.step(&call, &[], Touch::Switch(switch), (back, format!("{names} with their addresses")));
    let says = format!("the host adapters of {switch} go, and their addresses with them: {names}");
    let step = step.hazard(Risk::Destructive, HOST_ADAPTER, says);
    Ok(Some(match all.iter().find(|one| is_ours(site.host, &one.name)) {
        Some(ours) => not_ours(site, step, &ours.name),
        None => step,
    }))
}

/// What would surely cut our connection is not tried at all.
fn not_ours(site: &Site<'_>, step: Step, name: &str) -> Step {
    if is_ours(site.host, name) { step.held(cuts_ours(name)) } else { step }
}

/// Makes a host adapter again as it was. Hyper-V takes a second one of the same name, so that one which is still there
/// goes first.
fn bring_back(site: &Site<'_>, found: &HostAdapter) -> Result<Vec<Call>, ObserveError> {
    let alias = site.host.alias_of(&found.name)?;
    let switch = &site.switch.name;
    let mut back = vec![calls::remove(switch, &found.name), calls::add(switch, &found.name)];
    if !same(&alias, &new_alias(&found.name)) {
        back.push(calls::rename_connection(&found.name, &alias));
    }
    back.extend(calls::settings(switch, &found.name, &alias, &settings(site.host, found)?));
    Ok(back)
}

fn find<'a>(site: &'a Site<'_>, name: &str) -> Result<Option<&'a HostAdapter>, ObserveError> {
    Ok(on_switch(site.host, site.switch)?.find(|one| same(&one.name, name)))
}
