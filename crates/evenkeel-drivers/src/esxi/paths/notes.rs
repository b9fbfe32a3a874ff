//! What the reader of a plan should know before it is carried out: which disks a default or a rule will not reach, which
//! it will reach though nobody may expect it, and what could not be read.

use super::PathPolicyState;
use super::host::{Host, name_some};
use super::report::devices;
use super::rules;
use super::select::Reason;
use super::spec::{EsxiPathPolicySpec, Rule};
use super::state::Evidence;
use crate::esxi::dialect::Dialect;
use crate::esxi::reply::NmpDevice;

/// How many devices a note names.
const MOST_NAMES: usize = 10;

/// Notes are printed with every plan, so that there are none where nothing would be changed.
pub(super) fn notes(
    spec: &EsxiPathPolicySpec,
    seen: &PathPolicyState,
    evidence: &Evidence,
    changed: &[&NmpDevice],
) -> Vec<String> {
    let mut notes = Vec::new();
    if !changed.is_empty() {
        notes.extend(left_alone(evidence));
        if let Some(Err(why)) = &evidence.host.users {
            notes.push(format!("what stands on these disks is not known: {why}"));
        }
    }
    if let Some(policy) = spec.path_selection_policy.as_deref().filter(|_| spec.default) {
        for (satp, state) in seen.satps.iter().filter(|(_, state)| state.default_policy != policy) {
            notes.extend(of_default(satp, &state.default_policy, policy, evidence));
        }
    }
    let known = evidence.host.rules.as_ref().map(|rules| rules.as_slice()).unwrap_or_default();
    for rule in spec.rules.iter().flatten() {
        let found = rules::in_effect(known, rule);
        if found.is_none_or(|found| rules::seen(found) != rules::wanted(rule)) {
            notes.extend(of_rule(rule, evidence));
            notes.extend(rules::unclear(known, rule).map(|there| {
                format!(
                    "there is a rule {} already that gives {}: this host does not tell whose it is; the later one may not count",
                    rules::RuleKey::seen(there),
                    rules::seen(there)
                )
            }));
        }
    }
    notes
}

/// The disks that would fit and that nobody named, though they are local or booted from.
fn left_alone(evidence: &Evidence) -> Vec<String> {
    let mut notes = Vec::new();
    let of = |wanted: Reason| {
        let left = evidence.selection.left.iter().filter(move |(_, reason)| *reason == wanted);
        left.filter_map(|(at, _)| evidence.host.devices.get(*at)).collect::<Vec<_>>()
    };
    for (reason, why) in [(Reason::Boot, "the host boots from it"), (Reason::Local, "it is local")] {
        let left = of(reason);
        if !left.is_empty() {
            let names = name_some(left, MOST_NAMES);
            notes.push(format!("left alone, for {why} and `devices.ids` does not name it: {names}"));
        }
    }
    if !evidence.host.tells_boot_disk() {
        notes.push(
            "this host does not tell from which disk it boots: write it to `devices.exclude.ids` if it is among these"
                .to_owned(),
        );
    }
    notes
}

fn reclaim(host: &Host) -> &'static str {
    match host.access.dialect() {
        Some(Dialect::Four) => "esxcli corestorage claiming reclaim -d DEVICE",
        _ => "esxcli storage core claiming reclaim -d DEVICE",
    }
}

/// Which disks of an array type a new default will reach, and which it will not.
fn of_default(satp: &str, old: &str, new: &str, evidence: &Evidence) -> Vec<String> {
    let (host, selection) = (&evidence.host, &evidence.selection);
    let is_excluded = |at: usize| selection.left.iter().any(|(left, _)| *left == at);
    let mut notes = Vec::new();
    let (mut ours, mut later, mut excluded, mut own) = (0, Vec::new(), Vec::new(), Vec::new());
    for (at, device) in host.devices.iter().enumerate().filter(|(_, device)| device.satp == satp) {
        if selection.taken.contains(&at) {
            ours += 1;
        } else if device.psp != old && device.psp != new {
            own.push(device);
        } else if device.psp == old && is_excluded(at) {
            excluded.push(device);
        } else if device.psp == old {
            later.push(device);
        }
    }
    let reclaim = reclaim(host);
    let says = |count: usize, one: &str, many: &str| {
        format!("{} of {satp} {}", devices(count), if count == 1 { one } else { many })
    };
    if ours > 0 {
        notes.push(format!("{} set by this policy as well", says(ours, "is", "are")));
    }
    if !later.is_empty() {
        notes.push(format!(
            "{} {old} until reclaimed (`{reclaim}`) or the host restarts: {}",
            says(later.len(), "keeps", "keep"),
            name_some(later, MOST_NAMES)
        ));
    }
    if !excluded.is_empty() {
        notes.push(format!(
            "{} left alone here, and {new} comes to {} all the same when reclaimed or when the host restarts, unless {old} was set by name: {}",
            says(excluded.len(), "is", "are"),
            if excluded.len() == 1 { "it" } else { "them" },
            name_some(excluded, MOST_NAMES)
        ));
    }
    if !own.is_empty() {
        notes.push(format!(
            "{} another policy, by a rule or by name: {}",
            says(own.len(), "keeps", "keep"),
            name_some(own, MOST_NAMES)
        ));
    }
    notes
}

/// Which disks that are there would follow a rule if they came anew.
fn of_rule(rule: &Rule, evidence: &Evidence) -> Option<String> {
    let (host, selection) = (&evidence.host, &evidence.selection);
    let scsi = host.scsi()?;
    let policy = rule.path_selection_policy.as_deref()?;
    let is = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|wanted| wanted == text);
    let fits = |device: &&NmpDevice| {
        let told = scsi.get(device.id.as_str());
        told.is_some_and(|told| is(&rule.vendor, &told.vendor) && is(&rule.model, &told.model))
    };
    // Without a vendor or a model, what it matches cannot be told from here.
    let names_array = rule.vendor.is_some() || rule.model.is_some();
    let others = host.devices.iter().enumerate().filter(|(at, _)| !selection.taken.contains(at));
    let others: Vec<&NmpDevice> = others
        .map(|(_, device)| device)
        .filter(|device| names_array && device.psp != policy)
        .filter(fits)
        .collect();
    (!others.is_empty()).then(|| {
        format!(
            "the rule {} reaches disks that appear later; {} that may fit {} unchanged until reclaimed (`{}`) or the host restarts: {}",
            rules::RuleKey::of(rule),
            devices(others.len()),
            if others.len() == 1 { "stays" } else { "stay" },
            reclaim(host),
            name_some(others, MOST_NAMES)
        )
    })
}
