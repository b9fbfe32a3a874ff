//! What a change of a job can do to backups.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::diff::FieldChange;
use evenkeel_core::driver::{Risk, Step};
use serde_json::Value;

use super::prune::Prune;
use super::settings::{GUESTS, Selection};
use super::spec::{PveJobSchedule, Written};
use super::{Evidence, PveJobState};

/// Messages name at most so many guests.
const MOST_GUESTS: usize = 10;

/// Adds the hazards of a new job. What copies there are already is not known here.
pub(super) fn of_creation(step: Step, spec: &PveJobSchedule, wanted: &BTreeMap<String, Value>) -> Step {
    let rules = wanted.get("retention").and_then(Prune::read).filter(|rules| !rules.keeps_all());
    let Some(rules) = rules else { return step };
    let says = format!(
        "from its first run on Proxmox keeps only {rules} of each of its guests in {}, of copies that others made there, too",
        spec.pve_job.storage
    );
    step.hazard(Risk::Disruptive, "retention", says)
}

/// Adds the hazards of changing a job.
pub(super) fn of_change(
    mut step: Step,
    spec: &PveJobSchedule,
    before: &PveJobState,
    changes: &[FieldChange],
) -> Step {
    let evidence = &before.evidence;
    let change_of = |name: &str| changes.iter().find(|change| change.path.keys() == [name]);
    let becomes =
        |name: &str, value: Value| change_of(name).is_some_and(|c| c.after.as_ref() == Some(&value));
    if becomes("enabled", Value::Bool(false)) {
        let says = format!("no more copies of {} are made by this job", told(evidence.guests.as_ref()));
        step = step.hazard(Risk::Disruptive, "enabled=false", says);
    }
    if let Some(says) = dropped(spec, before, changes) {
        step = step.hazard(Risk::Disruptive, GUESTS, says);
    }
    if let Some(node) = change_of("node").and_then(|change| change.after.as_ref()?.as_str()) {
        let others =
            evidence.guests.iter().flatten().filter(|id| evidence.known.get(id).is_some_and(|n| n != node));
        let others: BTreeSet<u32> = others.copied().collect();
        if !others.is_empty() {
            let says =
                format!("no more copies of {} are made by this job: not on {node}", told(Some(&others)));
            step = step.hazard(Risk::Disruptive, format!("node={node}"), says);
        }
    }
    for mode in ["stop", "suspend"] {
        if becomes("mode", Value::from(mode)) {
            let says = if mode == "stop" {
                "each guest is stopped while it is copied"
            } else {
                "each guest stands still while it is copied"
            };
            step = step.hazard(Risk::Disruptive, format!("mode={mode}"), says);
        }
    }
    if change_of("storage").is_some() {
        let says = format!(
            "new copies go to {}; those in {} stay, and this job removes none there any more",
            spec.pve_job.storage, evidence.storage
        );
        step = step.hazard(Risk::Disruptive, "storage", says);
    }
    of_retention(step, spec, before, changes)
}

/// Proxmox removes what the rules do not keep right after the next run, whoever made it.
fn of_retention(step: Step, spec: &PveJobSchedule, before: &PveJobState, changes: &[FieldChange]) -> Step {
    let evidence = &before.evidence;
    let change = |name: &str| changes.iter().find(|change| change.path.keys() == [name]);
    let old = evidence.own_rules.as_ref().unwrap_or(&evidence.storage_rules);
    let own = match change("retention") {
        Some(change) => change.after.as_ref().and_then(Prune::read),
        None => evidence.own_rules.clone(),
    };
    let new = own.unwrap_or_else(|| evidence.wanted_storage_rules.clone());
    let after = reached_after(spec, evidence);
    if change("storage").is_some() {
        let Some(says) = would_remove(&new, evidence, after.as_ref()) else { return step };
        return step.hazard(Risk::DataLoss, "retention", says);
    }
    if change("retention").is_some() && old.is_shortened_by(&new) {
        let most = evidence.copies.as_ref().ok().and_then(|copies| fullest(copies, after.as_ref()));
        let says = format!(
            "Proxmox removes the copies that {old} keeps and {new} does not, after the next run{}",
            most.map(|(guest, count)| format!("; guest {guest} has {count} now")).unwrap_or_default()
        );
        return step.hazard(Risk::DataLoss, "retention", says);
    }
    // Guests that come to the job may have copies that others made.
    let added = after.map(|after| match &evidence.guests {
        Some(now) => after.difference(now).copied().collect(),
        None => after,
    });
    let comes = change(GUESTS).is_some() || change("exclude").is_some() || change("node").is_some();
    match would_remove(&new, evidence, added.as_ref()).filter(|_| comes) {
        Some(says) => step.hazard(Risk::DataLoss, "retention", says),
        None => step,
    }
}

/// The guests that the job will reach; `None` where that cannot be told.
fn reached_after(spec: &PveJobSchedule, evidence: &Evidence) -> Option<BTreeSet<u32>> {
    let excluded = excluded_after(spec, evidence);
    match Selection::of(&spec.pve_job.guests) {
        Selection::All if evidence.known.is_empty() => None,
        Selection::All => Some(evidence.known.keys().copied().filter(|id| !excluded.contains(id)).collect()),
        Selection::Ids(ids) => Some(ids),
        Selection::Pool(_) => evidence.pool.clone(),
    }
}

fn excluded_after(spec: &PveJobSchedule, evidence: &Evidence) -> BTreeSet<u32> {
    match &spec.pve_job.exclude {
        Written::Value(ids) => ids.iter().copied().collect(),
        Written::Nothing => BTreeSet::new(),
        Written::NotOurs => evidence.excluded.clone(),
    }
}

/// What rules would remove of these guests' copies in the storage that the job shall have.
fn would_remove(rules: &Prune, evidence: &Evidence, guests: Option<&BTreeSet<u32>>) -> Option<String> {
    if rules.keeps_all() || guests.is_some_and(BTreeSet::is_empty) {
        return None;
    }
    let what = format!(
        "Proxmox removes the copies of guests that come to this job which {rules} does not keep, whoever made them"
    );
    match &evidence.wanted_copies {
        Ok(copies) => {
            let (guest, count) = fullest(copies, guests)?;
            let many = u64::try_from(count).unwrap_or(u64::MAX) >= rules.keeps_at_least().max(1);
            many.then(|| format!("{what}; guest {guest} has {count} there"))
        }
        Err(why) => Some(format!("{what}; how many is not known: {why}")),
    }
}

/// The guest with the most copies that rules may remove.
fn fullest(copies: &[super::cluster::Copy], guests: Option<&BTreeSet<u32>>) -> Option<(u32, usize)> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for copy in
        copies.iter().filter(|copy| !copy.protected && guests.is_none_or(|all| all.contains(&copy.guest)))
    {
        *counts.entry(copy.guest).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(guest, count)| (*count, std::cmp::Reverse(*guest)))
}

/// The guests that a job reaches now and will not any more.
fn dropped(spec: &PveJobSchedule, before: &PveJobState, changes: &[FieldChange]) -> Option<String> {
    let touches =
        |change: &FieldChange| matches!(change.path.keys(), [name] if name == GUESTS || name == "exclude");
    if !changes.iter().any(touches) {
        return None;
    }
    let evidence = &before.evidence;
    let after = Selection::of(&spec.pve_job.guests);
    if let Some(says) = no_future(evidence, &after) {
        return Some(says);
    }
    let Some(reached) = &evidence.guests else {
        return Some("which guests are dropped is not known, since this login sees none".to_owned());
    };
    let after = reached_after(spec, evidence).unwrap_or_default();
    let gone: BTreeSet<u32> = reached.iter().copied().filter(|id| !after.contains(id)).collect();
    (!gone.is_empty()).then(|| format!("no more copies of {} are made by this job", told(Some(&gone))))
}

/// A job for all guests also takes those that are made later; one for some does not.
fn no_future(evidence: &Evidence, after: &Selection) -> Option<String> {
    let narrower = evidence.selection == Some(Selection::All) && *after != Selection::All;
    narrower.then(|| format!("from all guests, those to come included, to {after}: no more copies of others are made by this job"))
}

fn told(guests: Option<&BTreeSet<u32>>) -> String {
    let Some(guests) = guests else { return "any guest".to_owned() };
    let mut names: Vec<String> = guests.iter().take(MOST_GUESTS).map(u32::to_string).collect();
    if guests.len() > MOST_GUESTS {
        names.push(format!("{} more", guests.len() - MOST_GUESTS));
    }
    names.join(", ")
}
