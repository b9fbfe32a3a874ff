//! What to ask a host, and what it is as far as a spec speaks of it.
//!
//! In steady state that are at most four commands: the devices, and what the spec needs of array types, rules and
//! vendors; the paths instead, where the policy in force uses too few to tell that enough work. Only where something of
//! a device would be changed more is asked: which disks are local or booted from, then all paths, and what stands on
//! the disks.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::request::{Query, Replies, Request};
use evenkeel_core::target::Way;

use super::arrays::nearest;
use super::host::{Host, first_reads};
use super::rules::{self, RuleKey};
use super::select::{Selection, select};
use super::spec::EsxiPathPolicySpec;
use super::state::{Evidence, SatpState};
use super::wanted::{Wishes, differs, seen_device};
use super::{PathPolicyState, api};
use crate::esxi::dialect::Dialect;
use crate::esxi::reply::failure::unparsable;

pub(super) fn queries(spec: &EsxiPathPolicySpec, so_far: &Replies) -> Vec<Query> {
    let reads = match Host::read(spec, so_far) {
        Err(_) => Vec::new(),
        Ok(None) if so_far.way() == Way::Vsphere => return api::first_queries(spec, so_far),
        Ok(None) => {
            let told = Dialect::of(so_far).ok().flatten();
            first_reads(spec, told.unwrap_or(Dialect::Five))
        }
        Ok(Some(host)) => later_reads(spec, &host).unwrap_or_default(),
    };
    reads.into_iter().map(Query::reading).collect()
}

/// What to read once the devices are known.
fn later_reads(spec: &EsxiPathPolicySpec, host: &Host) -> Result<Vec<Request>, ObserveError> {
    let access = &host.access;
    let mut reads = Vec::new();
    fits(spec, host)?;
    if host.satps.is_none() && unproven_satps(spec, host).next().is_some() {
        reads.extend(access.dialect().map(Dialect::satp_list));
    }
    let selection = select(spec, host)?;
    let pending = any_differs(spec, host, &selection)?;
    if !host.knows_scsi() && (pending || any_rule_differs(spec, host)) {
        // Which disks are left alone depends on the answer, and so does the rest.
        reads.push(access.scsi_list());
        return Ok(reads);
    }
    if pending {
        reads.extend(access.users());
    }
    if pending || any_uses_few(spec, host, &selection) {
        reads.push(access.path_list());
    }
    Ok(reads)
}

fn any_differs(spec: &EsxiPathPolicySpec, host: &Host, selection: &Selection) -> Result<bool, ObserveError> {
    let wishes = Wishes::new(spec, host);
    for device in selection.taken.iter().filter_map(|at| host.devices.get(*at)) {
        let seen = seen_device(spec, host, device)?;
        if wishes.of(device, &seen).is_some_and(|wanted| differs(&wanted, &seen)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn any_rule_differs(spec: &EsxiPathPolicySpec, host: &Host) -> bool {
    let (Some(known), Some(written)) = (&host.rules, &spec.rules) else { return false };
    written.iter().any(|rule| {
        rules::in_effect(known, rule).is_none_or(|found| rules::seen(found) != rules::wanted(rule))
    })
}

/// True where a policy uses so few paths of a device that this does not tell whether enough of them work.
fn any_uses_few(spec: &EsxiPathPolicySpec, host: &Host, selection: &Selection) -> bool {
    let least = usize::try_from(spec.min_working_paths).unwrap_or(usize::MAX);
    let mut taken = selection.taken.iter().filter_map(|at| host.devices.get(*at));
    taken.any(|device| device.paths_in_use.len() < least)
}

/// The array types of a spec that neither a device nor a rule of the host shows, each with where it is written.
fn unproven_satps<'a>(
    spec: &'a EsxiPathPolicySpec,
    host: &'a Host,
) -> impl Iterator<Item = (Vec<String>, &'a str)> {
    let of_devices = spec.devices.iter().flat_map(|devices| devices.satp.iter());
    let of_devices = of_devices.map(|name| (vec!["devices".to_owned(), "satp".to_owned()], name));
    let of_rules = spec.rules.iter().flatten().enumerate().map(|(nth, rule)| {
        (vec!["rules".to_owned(), nth.to_string(), "satp".to_owned()], rule.satp.as_str())
    });
    of_devices.chain(of_rules).filter(|(_, name)| {
        let of_device = host.devices.iter().any(|device| device.satp == *name);
        let of_rule = || host.rules.iter().flat_map(|rules| rules.iter()).any(|rule| rule.satp == *name);
        !of_device && !of_rule()
    })
}

pub(super) fn observe(
    spec: &EsxiPathPolicySpec,
    replies: &Replies,
) -> Result<Observed<PathPolicyState>, ObserveError> {
    let Some(host) = Host::read(spec, replies)? else {
        let command = match replies.way() {
            Way::Vsphere => api::hosts_query().request().display(),
            Way::Commands => Dialect::Five.device_list().display(),
        };
        return Err(ObserveError::NotAsked { command });
    };
    fits(spec, &host)?;
    Ok(Observed::Present(state(spec, host)?))
}

/// What a host is as far as a spec speaks of it.
pub(super) fn state(spec: &EsxiPathPolicySpec, host: Host) -> Result<PathPolicyState, ObserveError> {
    let selection = select(spec, &host)?;
    let mut state = PathPolicyState::default();
    for device in selection.taken.iter().filter_map(|at| host.devices.get(*at)) {
        state.devices.insert(device.id.clone(), seen_device(spec, &host, device)?);
    }
    if spec.default || spec.reset_to_default {
        state.satps = satps(spec, &host, &selection)?;
    }
    let known = host.rules.as_ref().map(|rules| rules.as_slice()).unwrap_or_default();
    for rule in spec.rules.iter().flatten() {
        if let Some(found) = rules::in_effect(known, rule) {
            state.rules.insert(RuleKey::of(rule).to_string(), Some(rules::seen(found)));
        }
    }
    state.evidence = Some(Arc::new(Evidence { host, selection, speaks_of_rules: spec.rules.is_some() }));
    Ok(state)
}

/// The default policies of the array types that the spec speaks of.
fn satps(
    spec: &EsxiPathPolicySpec,
    host: &Host,
    selection: &Selection,
) -> Result<BTreeMap<String, SatpState>, ObserveError> {
    let missing = |name: &str| {
        unparsable(&host.access.satp_list(), format!("the array type {name} of a device is missing in it"))
    };
    if spec.reset_to_default {
        for device in selection.taken.iter().filter_map(|at| host.devices.get(*at)) {
            host.default_policy(&device.satp).ok_or_else(|| missing(&device.satp))?;
        }
        return Ok(BTreeMap::new());
    }
    let named = spec.devices.iter().flat_map(|devices| devices.satp.iter());
    let of = |name: &str| {
        let default_policy = host.default_policy(name).ok_or_else(|| missing(name))?.to_owned();
        Ok((name.to_owned(), SatpState { default_policy }))
    };
    named.map(of).collect()
}

/// What a spec wants that this host cannot have.
fn fits(spec: &EsxiPathPolicySpec, host: &Host) -> Result<(), ObserveError> {
    if host.access.dialect() == Some(Dialect::Four)
        && spec.round_robin.is_some_and(|limits| limits.latency.is_some())
    {
        return Err(ObserveError::Unfit {
            path: vec!["roundRobin".to_owned(), "latency".to_owned()],
            message: "ESX 4 cannot choose paths by their latency".to_owned(),
            hint: Some("hosts can from ESXi 6.7; write `iops` or `bytes`, or leave this host out".to_owned()),
        });
    }
    let Some(satps) = &host.satps else { return Ok(()) };
    let unknown = unproven_satps(spec, host).find(|(_, name)| !satps.iter().any(|satp| satp.name == *name));
    let Some((path, name)) = unknown else { return Ok(()) };
    let names = || satps.iter().map(|satp| satp.name.as_str());
    let meant = nearest(name, names()).map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
    Err(ObserveError::Unfit {
        path,
        message: format!("the host has no array type {name}{meant}"),
        hint: Some(format!("it has: {}", names().collect::<Vec<_>>().join(", "))),
    })
}
