//! What there is to tell beside the difference.

use std::collections::BTreeMap;

use evenkeel_core::diff::{FieldChange, unmet};
use evenkeel_core::driver::{Report, Table};
use serde_json::Value;

use super::check::NO_UPLINK;
use super::fits::bits;
use super::health::health;
use super::observe::{on_switch, settings};
use super::spec::HyperVSwitchSpec;
use super::state::HyperVSwitchState;
use super::steps::vms;
use super::wanted::desired;
use crate::hyperv::ground::left_behind;
use crate::hyperv::host::{Host, Switch};
use crate::hyperv::way::same;

const COLUMNS: [&str; 6] = ["ADAPTER", "STATUS", "SPEED OR VLAN", "UPLINK", "RDMA", "PRIORITY TAG"];

pub(super) fn report(spec: &HyperVSwitchSpec, seen: &HyperVSwitchState) -> Report {
    let Some(host) = seen.seen.as_deref() else { return Report::default() };
    let Ok(Some(switch)) = host.find_switch(&spec.name) else { return Report::default() };
    let changes = pending(spec, seen);
    let health = left_behind(host, !changes.is_empty()).into_iter().chain(health(spec, seen, host, switch));
    let mut report = Report { health: health.collect(), ..Report::default() };
    if changes.iter().any(interrupts) {
        report.touches = touches(host, switch);
    }
    report.notes = notes(spec, host, switch);
    report
}

/// The fields that differ.
fn pending(spec: &HyperVSwitchSpec, seen: &HyperVSwitchState) -> Vec<FieldChange> {
    let (Ok(wanted), Ok(seen)) =
        (serde_json::to_value(desired(spec, Some(seen))), serde_json::to_value(seen))
    else {
        return Vec::new();
    };
    unmet(&wanted, Some(&seen))
}

/// True where guests notice it. The host adapters are the host's own.
fn interrupts(change: &FieldChange) -> bool {
    !["notes", "hostAdapters", "allowManagementOS"].iter().any(|top| change.path.is_within(top))
}

fn touches(host: &Host, switch: &Switch) -> BTreeMap<String, std::collections::BTreeSet<String>> {
    let vms = vms(host, switch).unwrap_or_default();
    if vms.is_empty() { BTreeMap::new() } else { BTreeMap::from([("virtual machines".to_owned(), vms)]) }
}

fn notes(spec: &HyperVSwitchSpec, host: &Host, switch: &Switch) -> Vec<String> {
    let mut notes = Vec::new();
    let Ok(all) = on_switch(host, switch) else { return notes };
    let is_written = |name: &str| spec.host_adapters.keys().any(|one| same(one, name));
    let others: Vec<&str> = all.map(|one| one.name.as_str()).filter(|name| !is_written(name)).collect();
    if !spec.host_adapters.is_empty() && !others.is_empty() {
        notes.push(format!("host adapters that are not written are left alone: {}", others.join(", ")));
    }
    for (name, adapter) in spec.present().filter(|(_, adapter)| adapter.rdma == Some(true)) {
        let found = on_switch(host, switch).ok().and_then(|mut all| all.find(|one| same(&one.name, name)));
        let Some(state) = found.and_then(|found| settings(host, found).ok()) else { continue };
        if adapter.ieee_priority_tag.is_none() && state.ieee_priority_tag == Some(false) {
            notes.push(format!(
                "{name}: packets of RDMA lose their priority without a tag; `ieeePriorityTag: true` gives them one"
            ));
        }
        if adapter.uplink.is_none() && spec.uplinks.len() > 1 && state.uplink.as_deref() == Some(NO_UPLINK) {
            notes.push(format!(
                "{name}: without `uplink` the host picks its NIC, which may be the same as another's"
            ));
        }
    }
    notes
}

/// The uplinks, then the host adapters.
pub(super) fn table(spec: &HyperVSwitchSpec, seen: &HyperVSwitchState) -> Option<Table> {
    let host = seen.seen.as_deref()?;
    let switch = host.find_switch(&spec.name).ok()??;
    let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
    let status = |name: &str| {
        let found = host.adapters().ok()?.iter().find(|one| same(&one.name, name))?;
        Some((found.status.clone(), found.bits_per_second.filter(|_| found.status == "Up").map(bits)))
    };
    let mut rows = Vec::new();
    for name in host.uplinks(switch).ok()? {
        let (status, speed) = status(&name).unwrap_or_else(|| ("not there".to_owned(), None));
        let rdma = host.rdma().map(|all| all.iter().any(|one| same(&one.adapter, &name) && one.enabled));
        let rdma = rdma.map_or_else(|_| "?".to_owned(), on_off);
        rows.push(vec![name, status, speed.unwrap_or_default(), String::new(), rdma, String::new()]);
    }
    for found in on_switch(host, switch).ok()? {
        let state = settings(host, found).unwrap_or_default();
        let alias = host.alias_of(&found.name).unwrap_or_default();
        let (status, _) = status(&alias).unwrap_or_else(|| ("?".to_owned(), None));
        let told = |on: Option<bool>| on.map_or_else(|| "?".to_owned(), on_off);
        rows.push(vec![
            found.name.clone(),
            status,
            state.vlan.unwrap_or_default(),
            state.uplink.unwrap_or_default(),
            told(state.rdma),
            told(state.ieee_priority_tag),
        ]);
    }
    (!rows.is_empty()).then(|| Table { columns: COLUMNS.map(str::to_owned).to_vec(), rows })
}

/// Lists and objects as a person reads them: `NIC1, NIC2`; `vlan 100, rdma true`.
pub(super) fn show(value: &Value) -> Option<String> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(items) => Some(items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => Some("there".to_owned()),
        Value::Object(fields) => {
            let told = fields.iter().map(|(name, value)| format!("{name} {}", plain(value)));
            Some(told.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}
