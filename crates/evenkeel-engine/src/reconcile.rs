//! The engine: what every door calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use evenkeel_core::driver::{ErasedDriver, Registry};
use evenkeel_core::plan::{self, Blueprint, Change, Instance, Plan, Policy, Removal, removals};
use evenkeel_core::request::Replies;
use evenkeel_core::target::{SshSpec, Target};
use evenkeel_core::transport::Transport;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::observe::Survey;
use crate::progress::Progress;
use crate::run::Run;
use crate::stop::Stop;

/// The port of a target that names none.
const SSH_PORT: u16 = 22;

/// Observes, plans and applies.
pub struct Engine {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) stop: Stop,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("stop", &self.stop).finish_non_exhaustive()
    }
}

/// What a run is about: instances, their targets, and the kinds that may be pruned.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Every target that instances refer to, by name.
    pub targets: BTreeMap<String, Arc<Target>>,
    /// The instances, selected or all.
    pub instances: Vec<Instance>,
    /// The drivers whose objects may be pruned on targets that say `prune: true`. Empty where only a part of
    /// the manifests was selected: what was not selected has not left them.
    pub prunable: Registry,
}

impl Engine {
    /// An engine that reaches targets through `transport`.
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        progress: Arc<dyn Progress>,
        stop: Stop,
    ) -> Self {
        Engine { transport, clock, progress, stop }
    }

    /// Reads the targets and says what would be done. Sends queries and nothing else.
    pub async fn plan(&self, scope: &Scope, policy: Policy) -> Plan {
        let now = self.clock.now();
        let surveys = scope.surveys();
        let replies = self.observe(surveys).await;
        scope.plan(&replies, policy, now)
    }

    /// Plans and applies at once, as the controller does.
    pub async fn reconcile(&self, scope: &Scope, policy: Policy) -> Run {
        let plan = self.plan(scope, policy).await;
        self.apply(scope, &plan, policy).await
    }
}

impl Scope {
    /// The instances of each target.
    pub(crate) fn by_target(&self) -> HashMap<&str, Vec<&Instance>> {
        let mut by_target: HashMap<&str, Vec<&Instance>> = HashMap::new();
        for instance in &self.instances {
            by_target.entry(&instance.id.target).or_default().push(instance);
        }
        by_target
    }

    /// What to read: each target once, with its instances.
    fn surveys(&self) -> Vec<Survey<'_>> {
        let mut by_target = self.by_target();
        let surveys = self.targets.values().map(|target| Survey {
            target,
            instances: by_target.remove(target.name.as_str()).unwrap_or_default(),
            inventory: Vec::new(),
            marked: self.pruned_on(target),
        });
        surveys.filter(|s| !s.instances.is_empty() || !s.marked.is_empty()).collect()
    }

    /// The drivers whose objects are pruned on `target`.
    pub(crate) fn pruned_on(&self, target: &Target) -> Vec<Arc<dyn ErasedDriver>> {
        if target.spec.prune { self.prunable.iter().cloned().collect() } else { Vec::new() }
    }

    fn plan(&self, replies: &BTreeMap<String, Replies>, policy: Policy, now: Timestamp) -> Plan {
        let mut changes = plan::build(&self.instances, &Blueprint { replies, policy, now }).changes;
        let by_target = self.by_target();
        for target in self.targets.values().filter(|t| t.spec.prune) {
            let here = by_target.get(target.name.as_str()).map_or(&[][..], Vec::as_slice);
            if let Some(replies) = replies.get(&target.name) {
                changes.extend(self.removals_on(target, here, replies, policy, now));
            }
        }
        Plan::of(changes)
    }

    /// What is to be removed from `target`, given the instances that manifests want `here`.
    pub(crate) fn removals_on(
        &self,
        target: &Target,
        here: &[&Instance],
        replies: &Replies,
        policy: Policy,
        now: Timestamp,
    ) -> Vec<Change> {
        // Two targets may be two names of one machine: what either wants there is not left over.
        let is_twin = |t: &&Arc<Target>| t.name != target.name && is_same_place(t, target);
        let twins: BTreeSet<&str> = self.targets.values().filter(is_twin).map(|t| t.name.as_str()).collect();
        let all = if twins.is_empty() { &[][..] } else { self.instances.as_slice() };
        let twins: Vec<&Instance> = all.iter().filter(|i| twins.contains(i.id.target.as_str())).collect();
        let of_driver = |driver: Arc<dyn ErasedDriver>| {
            let kept = here.iter().chain(&twins).filter(|i| i.id.kind == driver.kind());
            let keep: Vec<&str> = kept.map(|i| i.object.as_str()).collect();
            removals(&Removal { target, driver: &*driver, keep: &keep, replies, policy, now })
        };
        self.pruned_on(target).into_iter().flat_map(of_driver).collect()
    }
}

/// True where both targets are written with the same address.
fn is_same_place(one: &Target, other: &Target) -> bool {
    match (&one.spec.ssh, &other.spec.ssh) {
        (Some(one), Some(other)) => {
            let port = |ssh: &SshSpec| ssh.port.unwrap_or(SSH_PORT);
            one.host.eq_ignore_ascii_case(&other.host) && port(one) == port(other)
        }
        (None, None) => one.spec.local.is_some() && other.spec.local.is_some(),
        _ => false,
    }
}
