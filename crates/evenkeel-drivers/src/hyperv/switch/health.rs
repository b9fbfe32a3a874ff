//! Whether what is set is operational, as Test-Rdma and Validate-DCB look at it.

use evenkeel_core::driver::{Health, ObserveError};

use super::check::NO_UPLINK;
use super::fits::difference;
use super::observe::{on_switch, settings};
use super::spec::HyperVSwitchSpec;
use super::state::HyperVSwitchState;
use crate::hyperv::host::{Adapter, Host, HostAdapter, Switch};
use crate::hyperv::way::same;

/// All truths about a switch that is there.
pub(super) fn health(
    spec: &HyperVSwitchSpec,
    seen: &HyperVSwitchState,
    host: &Host,
    switch: &Switch,
) -> Vec<Health> {
    let mut all = Vec::from_iter(told("Uplinks", uplinks(host, switch)));
    all.extend(told("Team", team(host, switch)));
    let with_rdma = spec.present().filter(|(name, adapter)| {
        let has = seen.host_adapters.get(*name).and_then(Option::as_ref).and_then(|state| state.rdma);
        // Where it is off, the difference tells.
        adapter.rdma == Some(true) && has == Some(true)
    });
    for (name, _) in with_rdma {
        all.extend(told(&format!("Rdma/{name}"), rdma(host, switch, name)));
    }
    all
}

/// What could not be read is no good news.
fn told(about: &str, health: Result<Option<Health>, ObserveError>) -> Option<Health> {
    health.unwrap_or_else(|error| Some(Health::bad(about, "Unknown", error.to_string())))
}

fn uplinks(host: &Host, switch: &Switch) -> Result<Option<Health>, ObserveError> {
    let names = host.uplinks(switch)?;
    let adapters = host.adapters()?;
    let status = |name: &String| adapters.iter().find(|one| one.name == *name).map(|one| one.status.clone());
    let down: Vec<String> = names
        .iter()
        .filter_map(|name| match status(name) {
            Some(status) if status == "Up" => None,
            Some(status) => Some(format!("{name} is {status}")),
            None => Some(format!("{name} is not there")),
        })
        .collect();
    let count = format!("{} of {} uplinks up", names.len().saturating_sub(down.len()), names.len());
    Ok(Some(if down.is_empty() {
        Health::good("Uplinks", "UplinksUp", count)
    } else {
        Health::bad("Uplinks", "UplinkDown", format!("{count}: {}", down.join(", ")))
    }))
}

/// Only what is wrong with the team.
fn team(host: &Host, switch: &Switch) -> Result<Option<Health>, ObserveError> {
    if !switch.embedded_teaming {
        return Ok(None);
    }
    let team = host.teams()?.iter().find(|team| same(&team.switch, &switch.name));
    if let Some(team) = team.filter(|team| team.mode != "SwitchIndependent") {
        let message = format!("the team is {}; embedded teaming knows SwitchIndependent only", team.mode);
        return Ok(Some(Health::bad("Team", "NotSwitchIndependent", message)));
    }
    let names = host.uplinks(switch)?;
    let nics: Vec<&Adapter> = host.nics()?.into_iter().filter(|nic| names.contains(&nic.name)).collect();
    let Some((first, others)) = nics.split_first() else { return Ok(None) };
    let differs = others.iter().find_map(|other| difference(first, other));
    Ok(differs.map(|differs| Health::bad("Team", "AsymmetricUplinks", differs)))
}

fn rdma(host: &Host, switch: &Switch, name: &str) -> Result<Option<Health>, ObserveError> {
    let about = format!("Rdma/{name}");
    let Some(found) = on_switch(host, switch)?.find(|one| same(&one.name, name)) else { return Ok(None) };
    let bad = |reason: &str, message: String| Ok(Some(Health::bad(about.clone(), reason, message)));
    let alias = host.alias_of(name)?;
    let of_adapter = host.rdma()?.iter().find(|rdma| same(&rdma.adapter, &alias));
    let (pairs, queues) = of_adapter
        .map_or((0, 0), |rdma| (rdma.queue_pairs.unwrap_or(0), rdma.completion_queues.unwrap_or(0)));
    if pairs == 0 || queues == 0 {
        return bad("RdmaNotOperational", format!("{name}: {pairs} queue pairs, {queues} completion queues"));
    }
    let off = rdma_off_below(host, switch, found)?;
    if !off.is_empty() {
        let hint = "`rdma: true` of NicSettings switches it on";
        return bad("RdmaOffBelow", format!("{name}: RDMA is off on {} below it ({hint})", off.join(", ")));
    }
    let index = host.adapters()?.iter().find(|one| same(&one.name, &alias)).map(|one| one.index);
    let capable = host.smb()?.iter().any(|smb| Some(smb.index) == index && smb.rdma_capable);
    if !capable {
        return bad("NotRdmaCapable", format!("{name}: SMB does not take it for RDMA capable"));
    }
    if host.multichannel()?.iter().any(|one| !one.enabled) {
        let message = format!("{name}: SMB Multichannel is off, so that SMB uses no RDMA");
        return bad("MultichannelOff", message);
    }
    Ok(Some(Health::good(about, "RdmaOperational", format!("{name}: RDMA with {pairs} queue pairs"))))
}

/// The NICs that a host adapter uses, and on which RDMA is off.
fn rdma_off_below(host: &Host, switch: &Switch, found: &HostAdapter) -> Result<Vec<String>, ObserveError> {
    let mapped = settings(host, found)?.uplink.filter(|uplink| uplink != NO_UPLINK);
    let below = match mapped {
        Some(one) => std::iter::once(one).collect(),
        None => host.uplinks(switch)?,
    };
    let rdma = host.rdma()?;
    let is_on = |nic: &String| rdma.iter().any(|one| same(&one.adapter, nic) && one.enabled);
    Ok(below.into_iter().filter(|nic| !is_on(nic)).collect())
}
