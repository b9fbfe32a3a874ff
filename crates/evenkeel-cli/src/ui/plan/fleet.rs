//! What is alike on several hosts: one resource of a selector, shown once for all of them.

use std::collections::{BTreeSet, HashMap, HashSet};

use evenkeel_core::plan::{Change, Gate};

use super::likeness;
use crate::ui::fold::{GROUP_FROM, folds};

/// From so many hosts on, they are shown together.
const FLEET_FROM: usize = 3;

/// Hosts, and the resources that are shown once for all of them.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    pub(super) hosts: Vec<&'a str>,
    /// Of each resource, its change on every one of the hosts.
    pub(super) changes: Vec<Vec<&'a Change>>,
}

/// The fleets among changes, and those that are in none. What is alike many times on one host is left to that host's
/// part: a hundred datasets of ten hosts are ten lines there, and a hundred here.
pub(super) fn fleets<'a>(changes: &[&'a Change]) -> (Vec<Fleet<'a>>, Vec<&'a Change>) {
    let targets: BTreeSet<&str> = changes.iter().map(|change| change.id.target.as_str()).collect();
    if targets.len() < FLEET_FROM {
        return (Vec::new(), changes.to_vec());
    }
    let grouped = grouped_on_their_target(changes);
    let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, change) in changes.iter().enumerate().filter(|(at, _)| !grouped.contains(at)) {
        if let Some(key) = shared(change) {
            alike.entry(key).or_default().push(at);
        }
    }
    let hosts = |members: &[usize]| -> Vec<&'a str> {
        members.iter().filter_map(|at| changes.get(*at)).map(|change| change.id.target.as_str()).collect()
    };
    let is_fleet = |members: &Vec<usize>| {
        let hosts = hosts(members);
        hosts.len() >= FLEET_FROM && hosts.iter().collect::<HashSet<_>>().len() == hosts.len()
    };
    let mut found: Vec<Vec<usize>> = alike.into_values().filter(is_fleet).collect();
    found.sort_unstable();
    let taken: HashSet<usize> = found.iter().flatten().copied().collect();
    let mut fleets: Vec<Fleet<'a>> = Vec::new();
    for members in found {
        let hosts = hosts(&members);
        let members = members.iter().filter_map(|at| changes.get(*at).copied()).collect();
        match fleets.iter_mut().find(|fleet| fleet.hosts == hosts) {
            Some(fleet) => fleet.changes.push(members),
            None => fleets.push(Fleet { hosts, changes: vec![members] }),
        }
    }
    let rest = changes.iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, change)| *change);
    (fleets, rest.collect())
}

/// Those that are shown as one with others of their target.
fn grouped_on_their_target(changes: &[&Change]) -> HashSet<usize> {
    let mut alike: HashMap<(&str, String), Vec<usize>> = HashMap::new();
    for (at, change) in changes.iter().enumerate() {
        alike.entry((&change.id.target, likeness(change))).or_default().push(at);
    }
    alike.into_values().filter(|members| members.len() >= GROUP_FROM).flatten().collect()
}

/// What a change has to have in common with those that it is shown with. Where many things of one object change, it is
/// enough that they are of the same resource: what only some hosts have is told with their names.
fn shared(change: &Change) -> Option<String> {
    // A host that is lost is trouble of its own, with all its resources.
    if change.error.as_ref().is_some_and(|error| error.target_lost) {
        return None;
    }
    let fields: Vec<_> =
        change.fields.iter().map(|f| (&f.change.path, (&f.before_text, &f.after_text))).collect();
    let many = folds(&fields, false).iter().any(|fold| fold.noun.is_some());
    let fields = if many { &[] } else { fields.as_slice() };
    let is_held = matches!(change.gate, Gate::Held { .. });
    let error = change.error.as_ref().map(|error| (&error.message, &error.hint));
    let state = (change.action, change.risk, change.suspended, &change.busy, is_held, error);
    Some(format!("{:?}", (&change.id.kind, &change.id.name, &change.object, state, many, fields)))
}
