//! The engine: what every door calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use evenkeel_core::driver::{ErasedDriver, Keep, Registry};
use evenkeel_core::manifest::Maintenance;
use evenkeel_core::plan::{
    self, Blueprint, Change, Decided, Instance, InstanceId, Plan, Policy, Removal, removals,
};
use evenkeel_core::request::Replies;
use evenkeel_core::target::Target;
use evenkeel_core::transport::Transport;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::journal::Journal;
use crate::observe::Survey;
use crate::progress::Progress;
use crate::run::Run;
use crate::stop::Stop;

/// Observes, plans and applies.
pub struct Engine {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) stop: Stop,
    pub(crate) journal: Option<Arc<dyn Journal>>,
    keep: Keep,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("stop", &self.stop).finish_non_exhaustive()
    }
}

/// What a run is about: instances, their targets, and the kinds that may be pruned.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Every target that instances refer to, by name.
    pub targets: BTreeMap<String, Arc<Target>>,
    /// More targets that instances use besides their own, such as stores. Nothing is ever pruned on them.
    pub beside: BTreeMap<String, Arc<Target>>,
    /// The instances, selected or all.
    pub instances: Vec<Instance>,
    /// Instances that are not looked after now and want something of the same objects as those that are: what they want
    /// is not contradicted.
    pub context: Vec<Instance>,
    /// The drivers whose objects may be pruned on targets that say `prune: true`. Empty where only a part of
    /// the manifests was selected: what was not selected has not left them.
    pub prunable: Registry,
    /// What else counts where objects are pruned.
    pub pruning: Pruning,
}

/// What the manifests of a scope do not tell about its prunable objects. The default adds nothing.
#[derive(Debug, Clone, Default)]
pub struct Pruning {
    /// Objects (kind and name) that other manifests want on the same machines: never pruned.
    pub wanted_elsewhere: BTreeSet<(String, String)>,
    /// The objects (kind and name) that are known to be ours besides their mark. Where given, all others are held.
    pub confirmed: Option<BTreeSet<(String, String)>>,
    /// What persons decided about removals, by kind and name.
    pub decided: BTreeMap<(String, String), Decided>,
    /// The windows in which objects of a kind may be removed from a target.
    pub maintenance: Arc<Maintenance>,
}

impl Engine {
    /// An engine that reaches targets through `transport`.
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        progress: Arc<dyn Progress>,
        stop: Stop,
    ) -> Self {
        Engine { transport, clock, progress, stop, journal: None, keep: Keep::default() }
    }

    /// Writes every command down before it is sent; one that cannot be written down is not sent.
    #[must_use]
    pub fn with_journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Gives plans whose changes carry the State that was seen.
    #[must_use]
    pub fn keeping_seen(mut self) -> Self {
        self.keep.seen = true;
        self
    }

    /// Gives plans whose changes carry what there is to see of their objects.
    #[must_use]
    pub fn keeping_tables(mut self) -> Self {
        self.keep.table = true;
        self
    }

    /// Reads the targets and says what would be done. Sends queries and nothing else.
    pub async fn plan(&self, scope: &Scope, policy: Policy) -> Plan {
        let now = self.clock.now();
        let surveys = scope.surveys();
        let replies = self.observe(surveys).await;
        scope.plan(&Blueprint { replies: &replies, policy, now, keep: self.keep, context: &scope.context })
    }

    /// Ends what is kept on targets, once nothing more is asked of them.
    pub async fn close(&self) {
        self.transport.close().await;
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
    pub(crate) fn surveys(&self) -> Vec<Survey<'_>> {
        let mut by_target = self.by_target();
        let surveys = self.targets.values().map(|target| Survey {
            target,
            scope: self,
            instances: by_target.remove(target.name.as_str()).unwrap_or_default(),
            context: self.context.iter().filter(|other| other.id.target == target.name).collect(),
            inventory: Vec::new(),
            marked: self.pruned_on(target),
        });
        surveys.filter(|s| !s.instances.is_empty() || !s.marked.is_empty()).collect()
    }

    /// Of `others`, those that are to be known besides `instances`.
    pub fn context_of<'i>(
        instances: &[Instance],
        others: impl IntoIterator<Item = &'i Instance>,
    ) -> Vec<Instance> {
        let object = |one: &Instance| (one.id.target.clone(), one.id.kind.clone(), one.object.clone());
        let known: BTreeSet<_> = instances.iter().map(object).collect();
        let ids: BTreeSet<&InstanceId> = instances.iter().map(|one| &one.id).collect();
        let is_beside = |other: &&Instance| known.contains(&object(other)) && !ids.contains(&other.id);
        others.into_iter().filter(is_beside).cloned().collect()
    }

    /// The target of this name, if the scope has it.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Target>> {
        self.targets.get(name).or_else(|| self.beside.get(name))
    }

    /// The drivers whose objects are pruned on `target`: those that find their marks the way that it is asked. A store of
    /// files has nothing that is pruned.
    pub(crate) fn pruned_on(&self, target: &Target) -> Vec<Arc<dyn ErasedDriver>> {
        if !target.spec.prune || !target.carries_marks() {
            return Vec::new();
        }
        let nothing = Replies::of(target.way());
        let finds = |driver: &&Arc<dyn ErasedDriver>| {
            driver.marked_queries(&nothing).iter().all(|query| query.request().way() == target.way())
        };
        self.prunable.iter().filter(finds).cloned().collect()
    }

    fn plan(&self, blueprint: &Blueprint<'_>) -> Plan {
        let &Blueprint { replies, policy, now, .. } = blueprint;
        let mut changes = plan::build(&self.instances, blueprint).changes;
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
        let is_twin = |t: &&Arc<Target>| t.name != target.name && machine(t) == machine(target);
        let twins: BTreeSet<&str> = self.targets.values().filter(is_twin).map(|t| t.name.as_str()).collect();
        let all = if twins.is_empty() { &[][..] } else { self.instances.as_slice() };
        let twins: Vec<&Instance> = all.iter().filter(|i| twins.contains(i.id.target.as_str())).collect();
        let decided = &self.pruning.decided;
        let of_driver = |driver: Arc<dyn ErasedDriver>| {
            let kind = driver.kind();
            let kept = here.iter().chain(&twins).filter(|i| i.id.kind == kind);
            let elsewhere = self.pruning.wanted_elsewhere.iter().filter(|(k, _)| k == kind);
            let keep = kept.map(|i| i.object.as_str()).chain(elsewhere.map(|(_, object)| object.as_str()));
            let keep: Vec<&str> = keep.collect();
            let windows = &self.pruning.maintenance.windows(target, kind);
            let mut changes = removals(&Removal {
                target,
                driver: &*driver,
                keep: &keep,
                windows,
                replies,
                policy,
                decided,
                now,
            });
            for change in &mut changes {
                self.pruning.confirm(change);
            }
            changes
        };
        self.pruned_on(target).into_iter().flat_map(of_driver).collect()
    }
}

impl Pruning {
    /// Holds the removal of an object that is not known to be ours.
    fn confirm(&self, change: &mut Change) {
        let Some(confirmed) = &self.confirmed else { return };
        if change.is_pending() && !confirmed.contains(&(change.id.kind.clone(), change.object.clone())) {
            change.gate.hold([format!(
                "{} carries our mark, but is not in the inventory: remove it by hand, or with `evenkeel apply`",
                change.object
            )]);
        }
    }
}

/// The machine behind a target, as far as its address tells: `host:port`, or `local`.
pub(crate) fn machine(target: &Target) -> String {
    target.address()
}
