//! How the hosts of a plan take turns, in words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use evenkeel_core::plan::{Change, Instance, InstanceId, Plan, Rollout};

use super::heading::GROUP_NAMES;
use crate::ui::style::count;

/// The rollouts of a plan.
#[derive(Debug)]
pub(super) struct Rollouts<'a> {
    of: HashMap<&'a InstanceId, &'a Rollout>,
    /// The hosts that are to be changed, by what they belong to.
    hosts: HashMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Rollouts<'a> {
    pub(super) fn of(plan: &'a Plan, instances: &'a [Instance]) -> Self {
        let governed = instances.iter().filter_map(|i| Some((&i.id, i.rollout.as_deref()?)));
        let of: HashMap<&InstanceId, &Rollout> = governed.collect();
        let mut hosts: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for change in plan.changes.iter().filter(|change| change.is_open()) {
            if let Some(rollout) = of.get(&change.id) {
                hosts.entry(rollout.group.as_str()).or_default().insert(&change.id.target);
            }
        }
        Rollouts { of, hosts }
    }

    /// `3 hosts with cluster=lab, 1 at a time, ends after 1 failure`; `None` where nobody has to wait for anybody.
    pub(super) fn says(&self, members: &[&Change]) -> Option<String> {
        let open = members.iter().filter(|change| change.is_open());
        let groups: BTreeMap<&str, &Rollout> = open
            .filter_map(|c| self.of.get(&c.id))
            .map(|rollout| (rollout.group.as_str(), *rollout))
            .collect();
        let several: Vec<String> = groups
            .iter()
            .filter_map(|(group, rollout)| {
                let hosts = self.hosts.get(group).map_or(0, BTreeSet::len);
                (hosts > 1).then(|| {
                    let failures = count(rollout.max_failures, "failure");
                    let (hosts, at_once) = (count(hosts, "host"), rollout.at_once);
                    format!("{hosts} with {group}, {at_once} at a time, ends after {failures}")
                })
            })
            .collect();
        let shown = several.get(..GROUP_NAMES).unwrap_or(&several).join("; ");
        match several.len().saturating_sub(GROUP_NAMES) {
            _ if several.is_empty() => None,
            0 => Some(shown),
            more => Some(format!("{shown}; and the hosts of {}", count(more, "more cluster"))),
        }
    }
}
