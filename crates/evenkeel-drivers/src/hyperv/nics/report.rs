//! What there is to tell beside the difference: whether RDMA, which is on, can work, and who is on what would be changed.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::condition::few;
use evenkeel_core::driver::{Health, Report, Table};

use super::names::{PACKET_DIRECT, ROCE_VERSION, TECHNOLOGY, keyword};
use super::pick::switch_of;
use super::spec::NicSettingsSpec;
use super::state::{Evidence, NicSettingsState, desired};
use super::team::Team;
use crate::hyperv::dcb::flow::{Operational, operational};
use crate::hyperv::ground::left_behind;
use crate::hyperv::host::{Adapter, Host, Property};
use crate::hyperv::way::same;

const COLUMNS: [&str; 6] = ["NIC", "DESCRIPTION", "STATUS", "SWITCH", "RDMA", "DRIVER"];

pub(super) fn report(spec: &NicSettingsSpec, seen: &NicSettingsState) -> Report {
    let Some(evidence) = &seen.evidence else { return Report::default() };
    let wanted = desired(spec, Some(seen));
    let changed: Vec<&str> = wanted
        .adapters
        .iter()
        .filter(|(nic, wanted)| seen.adapters.get(*nic) != Some(*wanted))
        .map(|(nic, _)| nic.as_str())
        .collect();
    let mut report = Report::default();
    let differs = wanted != NicSettingsState { evidence: None, ..seen.clone() };
    report.health.extend(left_behind(&evidence.host, differs));
    report.health.extend(health(spec, evidence));
    report.touches = touches(&evidence.host, &changed);
    report.notes = notes(spec, evidence);
    report
}

fn health(spec: &NicSettingsSpec, evidence: &Evidence) -> Vec<Health> {
    let host = &evidence.host;
    let nics: Vec<&str> = evidence.wanted.keys().map(String::as_str).collect();
    let mut found = Vec::new();
    if spec.rdma == Some(true) {
        found.extend(rdma(host, &nics));
    }
    if spec.rdma == Some(true) || spec.properties.keys().any(|name| keyword(name) == TECHNOLOGY) {
        found.extend(flow_control(host, &nics));
    }
    found.extend(drivers(host, &nics));
    found
}

/// Whether RDMA works on the NICs on which it is on.
fn rdma(host: &Host, nics: &[&str]) -> Option<Health> {
    let rows = host.rdma().unwrap_or_default();
    let on: Vec<_> =
        rows.iter().filter(|row| row.enabled && nics.iter().any(|nic| same(nic, &row.adapter))).collect();
    let dead: Vec<&str> = on
        .iter()
        .filter(|row| row.queue_pairs.unwrap_or(0) == 0 || row.completion_queues.unwrap_or(0) == 0)
        .map(|row| row.adapter.as_str())
        .collect();
    if dead.is_empty() {
        let on: Vec<&str> = on.iter().map(|row| row.adapter.as_str()).collect();
        return (!on.is_empty())
            .then(|| Health::good("Rdma", "RdmaOperational", format!("RDMA works on {}", few(&on, ", "))));
    }
    let message = format!(
        "RDMA is on and has no queue pairs or completion queues on {}: see to its driver and firmware, or whether the host must restart",
        few(&dead, ", ")
    );
    Some(Health::bad("Rdma", "RdmaNotOperational", message))
}

/// `RoCE` loses what the network drops, and without flow control networks drop.
fn flow_control(host: &Host, nics: &[&str]) -> Option<Health> {
    let is_roce = |nic: &str| {
        let on = host.rdma().ok()?.iter().any(|row| row.enabled && same(&row.adapter, nic));
        let technology = value(host, nic, TECHNOLOGY)?;
        Some(on && ["3", "4"].contains(&technology.as_str()))
    };
    let roce: Vec<&str> = nics.iter().copied().filter(|nic| is_roce(nic) == Some(true)).collect();
    if roce.is_empty() {
        return None;
    }
    let rows = if host.about().ok()?.dcb { host.qos().ok()? } else { &[] };
    // A link that is down has nothing in operation, and its text may be in another language: what is not known is not bad.
    let lacks = |nic: &&str| {
        let Some(row) = rows.iter().find(|row| same(&row.adapter, nic)) else { return true };
        let is_up = adapter(host, nic).is_some_and(|adapter| adapter.status == "Up");
        !row.enabled || (is_up && operational(&row.flow_control) == Operational::On(BTreeSet::new()))
    };
    let without: Vec<&str> = roce.iter().copied().filter(lacks).collect();
    if without.is_empty() {
        return Some(Health::good("FlowControl", "Lossless", "flow control is in operation for RoCE"));
    }
    let message = format!(
        "RoCE without flow control on {}: nothing there is lossless, and what is dropped is very slow; a DcbPolicy sets it up, and the switch must have PFC on",
        few(&without, ", ")
    );
    Some(Health::bad("FlowControl", "RoceWithoutFlowControl", message))
}

/// NICs of one team have one driver.
fn drivers(host: &Host, nics: &[&str]) -> Vec<Health> {
    let mut teams: BTreeMap<&str, Team<'_>> = BTreeMap::new();
    for nic in nics {
        if let Some(team) = Team::of(host, nic) {
            teams.insert(team.switch.name.as_str(), team);
        }
    }
    let odd = |(switch, team): (&str, Team<'_>)| {
        let versions: BTreeSet<&str> =
            team.uplinks.iter().filter_map(|uplink| uplink.driver.as_deref()).collect();
        if versions.len() < 2 {
            return None;
        }
        let told = |uplink: &&Adapter| Some(format!("{} has {}", uplink.name, uplink.driver.as_deref()?));
        let each: Vec<String> = team.uplinks.iter().filter_map(told).collect();
        let message = format!("the uplinks of {switch} have different drivers: {}", few(&each, ", "));
        Some(Health::bad(format!("Drivers/{switch}"), "AsymmetricDrivers", message))
    };
    teams.into_iter().filter_map(odd).collect()
}

fn notes(spec: &NicSettingsSpec, evidence: &Evidence) -> Vec<String> {
    let mut notes = Vec::new();
    if !spec.properties.keys().any(|name| keyword(name).eq_ignore_ascii_case(PACKET_DIRECT)) {
        let nics = evidence.wanted.keys().map(String::as_str);
        let on: Vec<&str> = nics
            .filter(|nic| value(&evidence.host, nic, PACKET_DIRECT).is_some_and(|value| value == "1"))
            .collect();
        if !on.is_empty() {
            notes.push(format!(
                "PacketDirect is on for {}, and the manifest does not speak of it",
                few(&on, ", ")
            ));
        }
    }
    if spec.properties.contains_key(ROCE_VERSION) && spec.rdma.is_none() {
        let rows = evidence.host.rdma().unwrap_or_default();
        let off = rows
            .iter()
            .filter(|row| !row.enabled && evidence.wanted.keys().any(|nic| same(nic, &row.adapter)));
        let off: Vec<&str> = off.map(|row| row.adapter.as_str()).collect();
        if !off.is_empty() {
            notes.push(format!("RDMA is off on {}: `rdma: true` switches it on", few(&off, ", ")));
        }
    }
    notes
}

/// The virtual machines whose network goes through a NIC that restarts.
fn touches(host: &Host, changed: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let switches: BTreeSet<&str> = changed
        .iter()
        .filter_map(|nic| switch_of(host, nic).ok().flatten())
        .map(|switch| switch.name.as_str())
        .collect();
    let (Ok(guests), Ok(running)) = (host.guests(), host.running()) else { return BTreeMap::new() };
    let is_there = |switch: &str| switches.iter().any(|one| same(one, switch));
    let vms: BTreeSet<String> = guests
        .iter()
        .filter(|guest| guest.switch.as_deref().is_some_and(is_there))
        .filter(|guest| running.iter().any(|vm| vm.vm == guest.vm))
        .map(|guest| guest.vm.clone())
        .collect();
    if vms.is_empty() { BTreeMap::new() } else { BTreeMap::from([("virtual machines".to_owned(), vms)]) }
}

/// Every NIC of the spec.
pub(super) fn table(seen: &NicSettingsState) -> Option<Table> {
    let evidence = seen.evidence.as_ref()?;
    let host = &evidence.host;
    let row = |nic: &String| {
        let adapter = adapter(host, nic)?;
        let switch =
            switch_of(host, nic).ok().flatten().map(|switch| switch.name.clone()).unwrap_or_default();
        let of_rdma = host.rdma().ok().and_then(|rows| rows.iter().find(|row| same(&row.adapter, nic)));
        let rdma = of_rdma.map_or("none", |row| if row.enabled { "on" } else { "off" });
        Some(vec![
            adapter.name.clone(),
            adapter.description.clone(),
            adapter.status.clone(),
            switch,
            rdma.to_owned(),
            adapter.driver.clone().unwrap_or_default(),
        ])
    };
    let rows: Vec<Vec<String>> = evidence.wanted.keys().filter_map(row).collect();
    (!rows.is_empty()).then(|| Table { columns: COLUMNS.map(str::to_owned).to_vec(), rows })
}

fn adapter<'a>(host: &'a Host, nic: &str) -> Option<&'a Adapter> {
    host.adapters().ok()?.iter().find(|adapter| same(&adapter.name, nic))
}

/// The value of a property; `None` where the NIC has none such.
pub(super) fn value(host: &Host, nic: &str, keyword: &str) -> Option<String> {
    let is_it = |one: &&Property| same(&one.adapter, nic) && same(&one.keyword, keyword);
    Some(host.properties().ok()?.iter().find(is_it)?.values.join(","))
}
