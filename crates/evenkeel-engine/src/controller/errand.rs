//! What a job is to do: which instances, on what terms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::config::{DriftMode, PushLimit};
use evenkeel_core::driver::{Attribution, Registry, Risk};
use evenkeel_core::plan::{Instance, InstanceId, Policy};
use jiff::Timestamp;

use super::fight;
use super::inventory;
use super::rollout;
use super::schedule::Job;
use super::standing::Hold;
use super::state::{Shared, State, is_sweep};
use super::words::Intent;
use super::world::World;
use crate::reconcile::{Pruning, Scope};
use crate::stop::Stop;
use crate::store::ResourceKey;

/// A job with everything it needs, as things were when it began.
pub(super) struct Errand {
    pub(super) job: Job,
    pub(super) world: Arc<World>,
    pub(super) scope: Scope,
    pub(super) policy: Policy,
    pub(super) holds: BTreeMap<InstanceId, Hold>,
    pub(super) intents: BTreeMap<InstanceId, Intent>,
    /// What was on its way out when the errand began: only of that it can tell what became of it.
    pub(super) leaving: BTreeSet<ResourceKey>,
    /// Why nothing is removed now, where a look for leftovers was due.
    pub(super) doubt: Option<String>,
    /// Who asked for it.
    pub(super) by: Option<String>,
    /// Who made the differences that are drift, where the target told.
    pub(super) blamed: BTreeMap<InstanceId, Vec<Attribution>>,
    pub(super) stop: Stop,
}

impl Errand {
    /// The hash of what its manifest said when the errand began.
    pub(super) fn digest(&self, id: &InstanceId) -> Option<&str> {
        Some(&self.world.wanted.get(id)?.digest)
    }

    /// Why a resource differs, if it does.
    pub(super) fn intent(&self, id: &InstanceId) -> Intent {
        self.intents.get(id).copied().unwrap_or(Intent::Intentional)
    }
}

/// Prepares a job; `None` where its source or target has gone meanwhile.
pub(super) fn prepare(shared: &Shared, job: &Job, stop: Stop) -> Option<Errand> {
    let now = shared.now();
    let mut state = shared.state();
    let source = state.sources.get(&job.source)?;
    let world = Arc::clone(source.world.as_ref()?);
    let limit = source.terms.on_push.apply;
    let target = Arc::clone(world.targets.get(&job.target)?);
    let due = job.keys.iter().any(|key| is_sweep(&key.id)) && target.spec.prune;
    let doubt = due.then(|| inventory::doubt(&state, &job.source, &world.machine(&job.target))).flatten();
    let sweeps = due && doubt.is_none();
    let ids: BTreeSet<&InstanceId> = if sweeps {
        // What is wanted must be known whole before anything counts as left over.
        world.wanted_on(&job.target).map(|(id, _)| id).collect()
    } else {
        job.keys.iter().map(|key| &key.id).collect()
    };
    let terms = Terms { state: &state, source: &job.source, ids: &ids, limit, shared, now };
    let (mut instances, mut holds, mut intents) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for id in &ids {
        let Some(wanted) = world.wanted.get(*id) else { continue };
        let (intent, hold) = terms.of(&world, &wanted.instance, &wanted.digest);
        let mut instance = wanted.instance.clone();
        instance.hold = hold.as_ref().map(Hold::objection);
        let key = ResourceKey { source: job.source.clone(), id: (*id).clone() };
        let decided = state.approvals.decided(&key, now);
        (instance.approval, instance.rejection) = (decided.approval, decided.rejection);
        instances.push(instance);
        intents.insert((*id).clone(), intent);
        holds.extend(hold.map(|hold| ((*id).clone(), hold)));
    }
    let prunable = if sweeps { shared.parts.registry.clone() } else { Registry::default() };
    let pruning =
        if sweeps { inventory::pruning(&state, &job.source, &job.target, now) } else { Pruning::default() };
    let leaving = inventory::leaving(&state, &job.source, &job.target).map(|e| e.key.clone()).collect();
    let by = job.keys.iter().filter_map(|key| state.asked.remove(key)).last();
    state.counters.looks += 1;
    let used = instances.iter().flat_map(|instance: &Instance| instance.uses.iter());
    let beside = used.filter_map(|name| Some((name.clone(), Arc::clone(world.targets.get(name)?)))).collect();
    let targets = BTreeMap::from([(job.target.clone(), target)]);
    let others = world.wanted_on(&job.target).map(|(_, wanted)| &wanted.instance);
    let context = Scope::context_of(&instances, others);
    Some(Errand {
        job: job.clone(),
        world,
        scope: Scope { targets, beside, instances, context, prunable, pruning },
        policy: Policy::unattended(limit.risk().unwrap_or(Risk::Safe)),
        holds,
        intents,
        leaving,
        doubt,
        by,
        blamed: BTreeMap::new(),
        stop,
    })
}

/// What decides whether a difference may be closed.
struct Terms<'a> {
    state: &'a State,
    source: &'a str,
    /// The instances of this errand: the engine keeps their order itself.
    ids: &'a BTreeSet<&'a InstanceId>,
    limit: PushLimit,
    shared: &'a Shared,
    now: Timestamp,
}

impl Terms<'_> {
    fn of(&self, world: &World, instance: &Instance, digest: &str) -> (Intent, Option<Hold>) {
        let key = ResourceKey { source: self.source.to_owned(), id: instance.id.clone() };
        let status = self.state.resources.get(&key);
        let fulfilled = status.and_then(|status| status.fulfilled.as_deref());
        let intent = if fulfilled == Some(digest) { Intent::Corrective } else { Intent::Intentional };
        let mode = instance.drift.or_else(|| Some(self.state.sources.get(self.source)?.terms.drift.mode));
        // What time wants is what the manifest says; only a word in the manifest itself keeps it from being done.
        let (intent, mode) = if instance.driver.is_scheduled() {
            (Intent::Intentional, instance.drift)
        } else {
            (intent, mode)
        };
        let hold = match intent {
            Intent::Intentional if instance.driver.is_scheduled() && mode == Some(DriftMode::Report) => {
                Some(Hold::Report)
            }
            Intent::Corrective if mode != Some(DriftMode::Correct) => Some(Hold::Report),
            _ if self.limit == PushLimit::None => Some(Hold::PlanOnly),
            Intent::Corrective => status
                .and_then(|s| fight::stopped(&s.corrections, self.shared.limits.corrections, self.now))
                .map(Hold::Fight),
            Intent::Intentional => None,
        };
        let takes_turns = instance.rollout.is_some() && !self.state.asked.contains_key(&key);
        let halted = || rollout::halted(self.state, &key).filter(|_| takes_turns).map(Hold::Halted);
        (intent, hold.or_else(halted).or_else(|| self.waiting(world, instance)))
    }

    fn waiting(&self, world: &World, instance: &Instance) -> Option<Hold> {
        let dependencies = world.dependencies(self.source, instance);
        let unready =
            dependencies.into_iter().find(|key| !self.ids.contains(&key.id) && !self.state.is_ready(key))?;
        Some(Hold::Waiting(format!("{}/{} on {}", unready.id.kind, unready.id.name, unready.id.target)))
    }
}
