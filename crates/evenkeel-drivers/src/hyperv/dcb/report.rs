//! What there is to tell beside the difference: whether flow control is in operation, not only set.

use std::collections::BTreeSet;

use evenkeel_core::condition::few;
use evenkeel_core::driver::{Health, Report, Table};

use super::flow::{Operational, operational, ranges};
use super::spec::DcbPolicySpec;
use super::state::{DcbPolicyState, Evidence, desired};
use crate::hyperv::ground::left_behind;
use crate::hyperv::host::{Adapter, AdapterQos};
use crate::hyperv::way::same;

const COLUMNS: [&str; 4] = ["NIC", "STATUS", "QOS", "FLOW CONTROL IN OPERATION"];

pub(super) fn report(spec: &DcbPolicySpec, seen: &DcbPolicyState) -> Report {
    let Some(evidence) = &seen.evidence else { return Report::default() };
    let mut report = Report::default();
    let differs = desired(spec, Some(seen)) != DcbPolicyState { evidence: None, ..seen.clone() };
    report.health.extend(left_behind(&evidence.host, differs));
    if seen.feature {
        health(spec, evidence, &mut report);
    }
    report.notes.extend(unnamed(spec, evidence));
    report
}

/// Each NIC with what it tells of data center bridging.
fn told(evidence: &Evidence) -> Vec<(&Adapter, &AdapterQos)> {
    let host = &evidence.host;
    let (Ok(adapters), Ok(rows)) = (host.adapters(), host.qos()) else { return Vec::new() };
    let one = |name: &String| {
        let adapter = adapters.iter().find(|adapter| same(&adapter.name, name))?;
        let row = rows.iter().find(|row| same(&row.adapter, name))?;
        Some((adapter, row))
    };
    evidence.adapters.iter().filter_map(one).collect()
}

/// The priorities that shall be lossless: those of the spec, or else those that are set.
fn wanted(spec: &DcbPolicySpec, evidence: &Evidence) -> Option<BTreeSet<u8>> {
    let set = || {
        let rows = evidence.host.flow_control().ok()?.iter();
        Some(rows.filter(|row| row.enabled).map(|row| row.priority).collect())
    };
    spec.flow_control.clone().or_else(set)
}

fn health(spec: &DcbPolicySpec, evidence: &Evidence, report: &mut Report) {
    let (Some(wanted), told) = (wanted(spec, evidence), told(evidence)) else { return };
    let (mut wrong, mut judged) = (Vec::new(), 0_usize);
    for (adapter, row) in &told {
        let in_operation = operational(&row.flow_control);
        if adapter.status != "Up" {
            report
                .notes
                .push(format!("{} is {}: nothing is in operation on it", adapter.name, adapter.status));
        } else if !row.enabled {
            // That is the difference itself.
        } else if in_operation == Operational::Unknown {
            let note = format!(
                "{} tells of its flow control in words that are not known: `{}`",
                adapter.name, row.flow_control
            );
            report.notes.push(note);
        } else {
            judged = judged.saturating_add(1);
            if in_operation != Operational::On(wanted.clone()) {
                wrong.push(format!("{}: {}", adapter.name, row.flow_control));
            }
        }
    }
    let lossless =
        if wanted.is_empty() { "no priority".to_owned() } else { format!("priority {}", ranges(&wanted)) };
    if !wrong.is_empty() {
        let message = format!(
            "wanted {lossless} lossless, in operation is: {}; the switch must have PFC on, and `willing` be false where it does not say so by DCBX",
            few(&wrong, ", ")
        );
        report.health.push(Health::bad("FlowControl", "FlowControlNotOperational", message));
    } else if judged > 0 {
        let nics = if judged == 1 { "1 NIC".to_owned() } else { format!("{judged} NICs") };
        let message = format!("{lossless} lossless on {nics}");
        report.health.push(Health::good("FlowControl", "Operational", message));
    }
}

/// What the host has besides, and keeps.
fn unnamed(spec: &DcbPolicySpec, evidence: &Evidence) -> Vec<String> {
    if spec.policies.is_empty() {
        return Vec::new();
    }
    let rows = evidence.host.policies().unwrap_or_default();
    let others = rows.iter().filter(|row| !spec.policies.keys().any(|name| same(name, &row.name)));
    let others: Vec<&str> = others.map(|row| row.name.as_str()).collect();
    if others.is_empty() {
        Vec::new()
    } else {
        vec![format!("left alone: the policies {}", few(&others, ", "))]
    }
}

/// Every NIC of the spec.
pub(super) fn table(seen: &DcbPolicyState) -> Option<Table> {
    let evidence = seen.evidence.as_ref()?;
    let row = |(adapter, row): &(&Adapter, &AdapterQos)| {
        let on = if row.enabled { "on" } else { "off" };
        vec![adapter.name.clone(), adapter.status.clone(), on.to_owned(), row.flow_control.clone()]
    };
    let rows: Vec<Vec<String>> = told(evidence).iter().map(row).collect();
    (!rows.is_empty()).then(|| Table { columns: COLUMNS.map(str::to_owned).to_vec(), rows })
}
