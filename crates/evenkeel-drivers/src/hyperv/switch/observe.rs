//! What a switch is, as far as a spec speaks of it, and what a host cannot have.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::request::Replies;

use super::build::Build;
use super::check::NO_UPLINK;
use super::fits::fits;
use super::spec::HyperVSwitchSpec;
use super::state::{HostAdapterState, HyperVSwitchState};
use super::wanted::desired;
use crate::hyperv::ground::{Ground, look, nic};
use crate::hyperv::host::{Host, HostAdapter, Switch};
use crate::hyperv::scripts::observe as query;
use crate::hyperv::way::same;

pub(super) fn observe(
    spec: &HyperVSwitchSpec,
    replies: &Replies,
) -> Result<Observed<HyperVSwitchState>, ObserveError> {
    let host = match look(replies, true)? {
        Ground::Busy(reason) => return Ok(Observed::Busy { reason }),
        Ground::Free(host) => host,
    };
    let there = host.find_switch(&spec.name)?;
    fits(spec, &host, there)?;
    match there {
        None => Ok(Observed::Absent { lacks: None }),
        Some(switch) => {
            let state = state(spec, &host, switch)?;
            ask(spec, &host, switch, &state)?;
            Ok(Observed::Present(state))
        }
    }
}

/// What a change is made from: where that is not known, a difference would look like one that needs nothing.
fn ask(
    spec: &HyperVSwitchSpec,
    host: &Host,
    switch: &Switch,
    seen: &HyperVSwitchState,
) -> Result<(), ObserveError> {
    host.guests()?;
    host.running()?;
    let wanted = desired(spec, Some(seen));
    let for_good = |state: &HyperVSwitchState| {
        (state.embedded_teaming, state.minimum_bandwidth_mode.clone(), state.iov, state.packet_direct)
    };
    let all_go = wanted.allow_management_os == Some(false) && switch.allow_management_os;
    if all_go || for_good(&wanted) != for_good(seen) {
        Build::seen(host, switch)?;
    }
    Ok(())
}

fn state(
    spec: &HyperVSwitchSpec,
    host: &Arc<Host>,
    switch: &Switch,
) -> Result<HyperVSwitchState, ObserveError> {
    let mut state = HyperVSwitchState {
        embedded_teaming: switch.embedded_teaming,
        minimum_bandwidth_mode: spec.minimum_bandwidth_mode.map(|_| switch.bandwidth_mode.clone()),
        iov: spec.iov.map(|_| switch.iov),
        packet_direct: spec.packet_direct.map(|_| switch.packet_direct),
        uplinks: host.uplinks(switch)?,
        load_balancing: None,
        allow_management_os: spec.allow_management_os.map(|_| switch.allow_management_os),
        notes: spec.notes.as_ref().map(|_| switch.notes.clone()),
        host_adapters: std::collections::BTreeMap::new(),
        seen: Some(Arc::clone(host)),
    };
    if spec.embedded_teaming {
        state.load_balancing = load_balancing(host, switch)?;
    }
    for (name, wanted) in &spec.host_adapters {
        let Some(found) = on_switch(host, switch)?.find(|one| same(&one.name, name)) else { continue };
        let mut seen = settings(host, found)?;
        if !wanted.absent {
            seen.vlan = seen.vlan.filter(|_| wanted.vlan.is_some());
            seen.uplink = seen.uplink.filter(|_| wanted.uplink.is_some());
            seen.rdma = seen.rdma.filter(|_| wanted.rdma.is_some());
            seen.ieee_priority_tag = seen.ieee_priority_tag.filter(|_| wanted.ieee_priority_tag.is_some());
        }
        state.host_adapters.insert(name.clone(), Some(seen));
    }
    Ok(state)
}

/// The host adapters of a switch.
pub(super) fn on_switch<'a>(
    host: &'a Host,
    switch: &'a Switch,
) -> Result<impl Iterator<Item = &'a HostAdapter>, ObserveError> {
    Ok(host.host_adapters()?.iter().filter(|one| same(&one.switch, &switch.name)))
}

/// How the team of a switch spreads traffic; `None` where it has no team.
pub(super) fn load_balancing(host: &Host, switch: &Switch) -> Result<Option<String>, ObserveError> {
    if !switch.embedded_teaming {
        return Ok(None);
    }
    let team = host.teams()?.iter().find(|team| same(&team.switch, &switch.name));
    let team = team.ok_or_else(|| unparsable(&format!("it tells nothing of the team of {}", switch.name)))?;
    Ok(Some(team.load_balancing.clone()))
}

/// All settings of a host adapter.
pub(super) fn settings(host: &Host, found: &HostAdapter) -> Result<HostAdapterState, ObserveError> {
    let name = &found.name;
    let vlan = host.vlans()?.iter().find(|vlan| same(&vlan.adapter, name));
    let vlan = vlan.ok_or_else(|| unparsable(&format!("it tells no VLAN of {name}")))?;
    let vlan = match vlan.mode.as_str() {
        "Untagged" => "untagged".to_owned(),
        "Access" => vlan.vlan.to_string(),
        other => other.to_lowercase(),
    };
    // One without a mapping need not be in the list.
    let mapping = host.mappings()?.iter().find(|mapping| same(&mapping.adapter, name));
    let uplink = mapping.and_then(|mapping| mapping.uplink.clone()).filter(|uplink| !uplink.is_empty());
    let alias = host.alias_of(name)?;
    // An adapter that cannot do it is not in the list.
    let rdma = host.rdma()?.iter().any(|rdma| same(&rdma.adapter, &alias) && rdma.enabled);
    Ok(HostAdapterState {
        vlan: Some(vlan),
        uplink: Some(uplink.unwrap_or_else(|| NO_UPLINK.to_owned())),
        rdma: Some(rdma),
        ieee_priority_tag: Some(found.ieee_priority_tag.eq_ignore_ascii_case("On")),
    })
}

/// The uplinks of a spec by the NICs' names, in its order.
pub(super) fn resolve(spec: &HyperVSwitchSpec, host: &Host) -> Result<Vec<String>, ObserveError> {
    let mut names: Vec<String> = Vec::new();
    for (nth, reference) in spec.uplinks.iter().enumerate() {
        let nth = nth.to_string();
        let path = ["uplinks", nth.as_str()];
        let found = nic(host, &path, reference)?;
        if names.contains(&found.name) {
            let message = format!("{reference} is {}, which is in the list already", found.name);
            return Err(ObserveError::unfit(
                &path,
                message,
                "write each NIC once, by its name, its MAC or its description",
            ));
        }
        names.push(found.name.clone());
    }
    Ok(names)
}

/// The uplink that a host adapter shall use, by the NIC's name, or `none`.
pub(super) fn resolve_mapping(
    spec: &HyperVSwitchSpec,
    host: &Host,
    name: &str,
    reference: &str,
) -> Result<String, ObserveError> {
    if reference == NO_UPLINK {
        return Ok(reference.to_owned());
    }
    let path = ["hostAdapters", name, "uplink"];
    let found = &nic(host, &path, reference)?.name;
    let uplinks = resolve(spec, host)?;
    if uplinks.contains(found) {
        return Ok(found.clone());
    }
    let message = format!("{found} is not among `uplinks`");
    Err(ObserveError::unfit(&path, message, format!("one of: {}, or `none`", uplinks.join(", "))))
}

/// The uplinks of a spec; as they are written where the host is not known.
pub(super) fn wanted_uplinks(spec: &HyperVSwitchSpec, host: Option<&Host>) -> BTreeSet<String> {
    let resolved = host.and_then(|host| resolve(spec, host).ok());
    resolved.unwrap_or_else(|| spec.uplinks.clone()).into_iter().collect()
}

pub(super) fn unparsable(problem: &str) -> ObserveError {
    ObserveError::Unparsable { command: query().request().display(), problem: problem.to_owned() }
}
