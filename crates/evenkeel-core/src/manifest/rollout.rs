//! Which hosts are changed together with which: the clusters of all resources that take turns.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::problems::Problems;
use super::resource::{Resource, RolloutSpec};
use crate::plan::{Instance, Order};
use crate::target::Target;

/// Gives each instance that takes turns its cluster. A host counts where something that takes turns is on it: others of
/// the same label are not changed, and make no cluster larger.
///
/// `owners` gives for each instance its resource.
pub(super) fn assign(
    resources: &[Resource],
    targets: &BTreeMap<String, Arc<Target>>,
    instances: &mut [Instance],
    owners: &[usize],
    problems: &mut Problems,
) {
    let specs: HashMap<usize, RolloutSpec> =
        resources.iter().enumerate().filter_map(|(at, resource)| Some((at, spec_of(resource)?))).collect();
    if specs.is_empty() {
        return;
    }
    let mut groups: HashMap<String, BTreeSet<String>> = HashMap::new();
    let mut turns: Vec<(usize, &RolloutSpec, String, bool)> = Vec::new();
    let mut with_canaries: HashSet<String> = HashSet::new();
    let mut machines = Machines::default();
    for (at, (instance, owner)) in instances.iter().zip(owners).enumerate() {
        let (Some(spec), Some(target)) = (specs.get(owner), targets.get(&instance.id.target)) else {
            continue;
        };
        let group = spec.group(target);
        groups.entry(group.clone()).or_default().insert(machine(target));
        let is_canary = spec.is_canary(target);
        if is_canary {
            with_canaries.insert(group.clone());
        }
        turns.push((at, spec, group, is_canary));
        machines.meet(resources.get(*owner), target, problems);
    }
    let mut led: HashMap<usize, bool> = HashMap::new();
    for (at, spec, group, is_canary) in turns {
        let hosts = groups.get(&group).map_or(0, BTreeSet::len);
        let has_canaries = with_canaries.contains(&group);
        let order = match spec.canary {
            Some(_) if is_canary => Order::Canary,
            Some(_) if has_canaries => Order::AfterCanaries,
            _ => Order::Any,
        };
        if let (Some(instance), Some(owner)) = (instances.get_mut(at), owners.get(at)) {
            instance.rollout = Some(Arc::new(spec.of(group, hosts, order)));
            let is_odd = spec.canary.as_ref().is_none_or(|canary| !canary.problems().is_empty());
            *led.entry(*owner).or_default() |= has_canaries || is_odd;
        }
    }
    for resource in led.iter().filter(|(_, is_led)| !**is_led).filter_map(|(at, _)| resources.get(*at)) {
        let message = "no host of its groups has these labels, so nobody goes first".to_owned();
        let hint = "label the target of one that takes turns like this, or change the selector".to_owned();
        let path = ["rollout".to_owned(), "canary".to_owned()];
        problems.at_path(&resource.node, &path, message, Some(hint), true);
    }
}

/// What tells machines apart. Whoever names this machine twice means it: tests do.
fn machine(target: &Target) -> String {
    if target.spec.local.is_some() { target.name.clone() } else { target.address() }
}

fn spec_of(resource: &Resource) -> Option<RolloutSpec> {
    let rolls = || resource.driven.as_ref().is_some_and(|driven| driven.driver.is_rolling());
    resource.common.rollout.clone().or_else(|| rolls().then(RolloutSpec::default))
}

/// The names of machines on which something takes turns.
#[derive(Default)]
struct Machines {
    names: HashMap<String, String>,
    said: BTreeSet<(String, String)>,
}

impl Machines {
    /// A machine under two names would have two turns, and what is wanted of it under each would never be compared.
    fn meet(&mut self, resource: Option<&Resource>, target: &Target, problems: &mut Problems) {
        let Some(resource) = resource else { return };
        let address = machine(target);
        let known = self.names.entry(address.clone()).or_insert_with(|| target.name.clone());
        if *known == target.name || !self.said.insert((known.clone(), target.name.clone())) {
            return;
        }
        let message = format!(
            "{known} and {} are two names of one machine ({address}), and a {} may be on it under one of them only",
            target.name, resource.kind
        );
        let hint =
            "its hosts take turns, and what is wanted of each is compared: take one of the two targets away";
        let field = if resource.common.target.is_some() { "target" } else { "targetSelector" };
        resource.problem(&[field], message, Some(hint.to_owned()), problems);
    }
}
