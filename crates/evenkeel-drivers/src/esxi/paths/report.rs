//! What there is to tell beside the difference: whether enough paths work, every device with its policy, and what stands
//! on the disks that would be changed.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::{Health, Report, Table};

use super::PathPolicyState;
use super::arrays::ROUND_ROBIN;
use super::host::{Host, short_name};
use super::notes;
use super::spec::EsxiPathPolicySpec;
use super::state::Evidence;
use super::steps::{Holds, name_few, too_few};
use super::wanted::pending;
use crate::esxi::reply::NmpDevice;

const COLUMNS: [&str; 6] = ["DEVICE", "NAME", "ARRAY TYPE", "POLICY", "LIMITS", "WORKING PATHS"];

pub(super) fn report(spec: &EsxiPathPolicySpec, seen: &PathPolicyState) -> Report {
    let Some(evidence) = &seen.evidence else { return Report::default() };
    let mut report = Report::default();
    let changed = pending(spec, seen, evidence);
    if spec.devices.is_some() {
        report.health = health(spec, evidence);
        report.touches = touches(spec, evidence, &changed);
    }
    report.notes = notes::notes(spec, seen, evidence, &changed);
    report
}

fn taken(evidence: &Evidence) -> impl Iterator<Item = &NmpDevice> {
    evidence.selection.taken.iter().filter_map(|at| evidence.host.devices.get(*at))
}

fn health(spec: &EsxiPathPolicySpec, evidence: &Evidence) -> Vec<Health> {
    let selection = &evidence.selection;
    let mut all = Vec::new();
    if !selection.missing.is_empty() {
        let message = format!("not on this host: {}", some(&selection.missing, 3));
        all.push(Health::bad("Devices", "NotFound", message));
    }
    if selection.taken.is_empty() {
        all.push(Health::good("Paths", "NoDevice", "no device fits"));
        return all;
    }
    let least = spec.min_working_paths;
    let paths = if least == 1 { "path" } else { "paths" };
    let few = match evidence.host.working_paths() {
        Some(working) => too_few(taken(evidence), &working, least),
        // Where it was not asked, the paths in use are enough by themselves.
        None => Vec::new(),
    };
    all.push(if few.is_empty() {
        let message =
            format!("{}, each with {least} working {paths} or more", devices(selection.taken.len()));
        Health::good("Paths", "EnoughPaths", message)
    } else {
        let message = format!(
            "{} of {} with fewer than {least} working {paths}: {}",
            few.len(),
            devices(selection.taken.len()),
            name_few(&few)
        );
        Health::bad("Paths", "TooFewPaths", message)
    });
    all
}

/// `1 device`, `200 devices`
pub(super) fn devices(count: usize) -> String {
    if count == 1 { "1 device".to_owned() } else { format!("{count} devices") }
}

fn some(names: &[String], most: usize) -> String {
    let mut shown: Vec<String> = names.iter().take(most).cloned().collect();
    if names.len() > most {
        shown.push(format!("and {} more", names.len() - most));
    }
    shown.join(", ")
}

/// Every device of the selection.
pub(super) fn table(seen: &PathPolicyState) -> Option<Table> {
    let evidence = seen.evidence.as_ref()?;
    let working = evidence.host.working_paths();
    let row = |device: &NmpDevice| {
        let limits = if device.psp == ROUND_ROBIN {
            device.limits().map(|limits| limits.to_string())
        } else {
            Ok(String::new())
        };
        let paths = match &working {
            Some(working) => working.get(device.id.as_str()).map_or(0, Vec::len).to_string(),
            None => format!("{} or more", device.paths_in_use.len()),
        };
        vec![
            device.id.clone(),
            short_name(device).to_owned(),
            device.satp.clone(),
            device.psp.clone(),
            limits.unwrap_or_else(|_| "?".to_owned()),
            paths,
        ]
    };
    let rows: Vec<Vec<String>> = taken(evidence).map(row).collect();
    (!rows.is_empty()).then(|| Table { columns: COLUMNS.map(str::to_owned).to_vec(), rows })
}

/// The datastores on the devices that would be changed, and the virtual machines that run from those.
fn touches(
    spec: &EsxiPathPolicySpec,
    evidence: &Evidence,
    changed: &[&NmpDevice],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut touched = BTreeMap::new();
    let Host { users: Some(Ok(users)), .. } = &evidence.host else { return touched };
    let holds = Holds::of(spec, &evidence.host, changed);
    let is_touched = |id: &str| changed.iter().any(|device| device.id == id && holds.why(device).is_none());
    let extents: Vec<_> = users.extents.iter().filter(|extent| is_touched(&extent.device)).collect();
    let runs_there = |config_file: &str| {
        let volume = config_file.strip_prefix("/vmfs/volumes/").and_then(|rest| rest.split('/').next());
        volume.is_some_and(|volume| extents.iter().any(|e| e.datastore == volume || e.uuid == volume))
    };
    let datastores: BTreeSet<String> = extents.iter().map(|extent| extent.datastore.clone()).collect();
    let vms = users.vms.iter().filter(|vm| runs_there(&vm.config_file));
    let vms: BTreeSet<String> = vms.map(|vm| vm.name.clone()).collect();
    for (what, names) in [("datastores", datastores), ("virtual machines", vms)] {
        if !names.is_empty() {
            touched.insert(what.to_owned(), names);
        }
    }
    touched
}
