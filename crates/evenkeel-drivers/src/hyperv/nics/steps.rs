//! The writes: the host's own setting first, then one NIC after the other.

use std::collections::BTreeMap;

use evenkeel_core::condition::few;
use evenkeel_core::diff::FieldChange;
use evenkeel_core::driver::{Delta, Risk, Step};
use evenkeel_core::request::Call;

use super::spec::NicSettingsSpec;
use super::state::{Evidence, NicSettingsState, NicState};
use super::team::Team;
use crate::hyperv::ground::seconds;
use crate::hyperv::guard::{self, Back, Undo};
use crate::hyperv::host::{Host, Property};
use crate::hyperv::way::{Touch, same};

pub(super) fn steps(spec: &NicSettingsSpec, delta: &Delta<'_, NicSettingsState>) -> Vec<Step> {
    let Some((before, evidence)) = delta.before.and_then(|before| Some((before, before.evidence.as_ref()?)))
    else {
        return Vec::new();
    };
    let mut steps: Vec<Step> = whole_host(delta.changes, delta.after).into_iter().collect();
    let (mut open, mut held) = (Vec::new(), Vec::new());
    for (nic, fields) in by_nic(delta.changes) {
        let (Some(was), Some(wanted)) = (before.adapters.get(nic), delta.after.adapters.get(nic)) else {
            continue;
        };
        let step = restarted(spec, evidence, nic, &Fields { was, wanted, changed: &fields });
        if step.held.is_some() { held.push(step) } else { open.push(step) }
    }
    // What is held back holds back all that follows.
    steps.extend(open.into_iter().chain(held));
    steps
}

/// RDMA of the host as a whole.
fn whole_host(changes: &[FieldChange], after: &NicSettingsState) -> Option<Step> {
    let differs = |field: &str| changes.iter().any(|change| change.path.is_within(field));
    let direct = after.network_direct.filter(|_| differs("networkDirect"));
    let across = after.across_subnets.filter(|_| differs("acrossSubnets"));
    let mut call = Call::new("Set-NetOffloadGlobalSetting");
    if let Some(on) = direct {
        call = call.with("NetworkDirect", if on { "Enabled" } else { "Disabled" });
    }
    if let Some(on) = across {
        call = call.with("NetworkDirectAcrossIPSubnets", if on { "Allowed" } else { "Blocked" });
    }
    if direct.is_none() && across.is_none() {
        return None;
    }
    let step = guard::step(&[call], &[], None);
    let says = match (direct, across) {
        (Some(false), _) => "what uses RDMA on this host falls back to TCP at once",
        (_, Some(false)) => "RDMA to other subnets falls back to TCP at once",
        _ => return Some(step),
    };
    Some(step.hazard(Risk::Disruptive, "RDMA", says))
}

/// What differs of one NIC.
struct Fields<'a> {
    was: &'a NicState,
    wanted: &'a NicState,
    /// Keywords; `None` is RDMA.
    changed: &'a [Option<&'a str>],
}

/// The fields that differ, by NIC.
fn by_nic(changes: &[FieldChange]) -> BTreeMap<&str, Vec<Option<&str>>> {
    let mut found: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for change in changes {
        match change.path.keys() {
            [top, nic, field, keyword] if top == "adapters" && field == "properties" => {
                found.entry(nic).or_default().push(Some(keyword));
            }
            [top, nic, field] if top == "adapters" && field == "rdma" => {
                found.entry(nic).or_default().push(None);
            }
            _ => {}
        }
    }
    found
}

/// All that differs of a NIC is set, then it restarts once.
fn restarted(spec: &NicSettingsSpec, evidence: &Evidence, nic: &str, fields: &Fields<'_>) -> Step {
    let host = &evidence.host;
    let adapters = host.adapters().unwrap_or_default();
    let is_up = adapters.iter().any(|adapter| same(&adapter.name, nic) && adapter.status == "Up");
    let up: &[&str] = if is_up { &[nic] } else { &[] };
    let calls = writes(nic, fields, |keyword| {
        fields.wanted.properties.get(keyword).map(|value| serde_json::Value::from(value.as_str()))
    });
    let undo = host.may_cut(Touch::Nic(nic)).then(|| {
        let back = Fields { was: fields.wanted, wanted: fields.was, changed: fields.changed };
        Undo {
            calls: writes(nic, &back, |keyword| old_value(host, nic, keyword))
                .into_iter()
                .map(Back::from)
                .collect(),
            absent: None,
            restores: restores(host, nic, fields),
            seconds: seconds(spec.confirm_within),
        }
    });
    let mut step = guard::step(&calls, up, undo.as_ref()).may_wait();
    let team = Team::of(host, nic);
    step = step.hazard(Risk::Disruptive, "adapter restart", says(nic, team.as_ref()));
    if let Some(team) = &team {
        step = step.proven(team.proof());
        if let Some(why) = team.last_one(nic) {
            step = step.held(why);
        }
    }
    step
}

/// The calls that set what differs, with the value that `value` tells, and restart the NIC.
fn writes(nic: &str, fields: &Fields<'_>, value: impl Fn(&str) -> Option<serde_json::Value>) -> Vec<Call> {
    let mut calls = Vec::new();
    for keyword in fields.changed.iter().flatten() {
        let Some(value) = value(keyword) else { continue };
        calls.push(
            Call::new("Set-NetAdapterAdvancedProperty")
                .with("Name", nic)
                .with("RegistryKeyword", *keyword)
                .with("RegistryValue", value)
                .switch("NoRestart"),
        );
    }
    // Drivers read what kind of RDMA it is when it is switched on.
    if let (true, Some(on)) = (fields.changed.contains(&None), fields.wanted.rdma) {
        calls.push(Call::new("Set-NetAdapterRdma").with("Name", nic).with("Enabled", on).switch("NoRestart"));
    }
    calls.push(Call::new("Restart-NetAdapter").with("Name", nic).with("Confirm", false));
    calls
}

/// What comes back.
fn restores(host: &Host, nic: &str, fields: &Fields<'_>) -> String {
    let keywords = fields.changed.iter().flatten().copied();
    let without: Vec<&str> = keywords.filter(|keyword| old_value(host, nic, keyword).is_none()).collect();
    if without.is_empty() {
        return format!("the settings of {nic}");
    }
    format!("the settings of {nic} but {}, which has no value now", few(&without, ", "))
}

/// What a property was, as it is written back; `None` where it had no value.
fn old_value(host: &Host, nic: &str, keyword: &str) -> Option<serde_json::Value> {
    let is_it = |one: &&Property| same(&one.adapter, nic) && same(&one.keyword, keyword);
    let property = host.properties().ok()?.iter().find(is_it)?;
    Some(match property.values.as_slice() {
        // An empty list is nothing that a cmdlet takes.
        [] => return None,
        [one] => serde_json::Value::from(one.as_str()),
        values => serde_json::Value::from(values.to_vec()),
    })
}

/// What a restart interrupts.
fn says(nic: &str, team: Option<&Team<'_>>) -> String {
    let Some(team) = team else { return format!("{nic} restarts: its link is down for some seconds") };
    let switch = &team.switch.name;
    let others: Vec<&str> =
        team.others(nic).filter(|uplink| uplink.status == "Up").map(|uplink| uplink.name.as_str()).collect();
    if others.is_empty() {
        return format!("{nic} restarts: {switch} and all that is on it have no network for some seconds");
    }
    let others = few(&others, ", ");
    format!("{nic} restarts: its link is down for some seconds, {switch} goes on over {others} meanwhile")
}
