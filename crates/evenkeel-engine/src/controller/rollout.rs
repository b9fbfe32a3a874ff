//! Rollouts across jobs: hosts of one cluster take turns, and are left alone while too many of them stand failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::condition::Status;
use evenkeel_core::plan::{Change, InstanceId, Order, Plan, Rollout};
use jiff::Timestamp;

use super::errand::Errand;
use super::schedule::Turn;
use super::settle::Fared;
use super::standing::Hold;
use super::state::State;
use super::words::Trigger;
use super::work::Prepared;
use super::world::{Wanted, World};
use crate::rollout::{away, canaries_first, is_away, rested, stopped};
use crate::run::Verdict;
use crate::store::{ResourceKey, ResourceStatus};

/// The groups that the writing of a plan is in.
pub(super) fn turns(prepared: &Prepared) -> Vec<Turn> {
    let open = governed(&prepared.errand, &prepared.plan).map(|(_, rollout)| rollout);
    let turn = |rollout: Arc<Rollout>| Turn { group: rollout.group.clone(), at_once: rollout.at_once };
    open.map(turn).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The open changes of a plan that take turns.
fn governed<'a>(
    errand: &'a Errand,
    plan: &'a Plan,
) -> impl Iterator<Item = (&'a InstanceId, Arc<Rollout>)> + 'a {
    let open = plan.changes.iter().filter(|change| change.is_open());
    open.filter_map(|change| {
        Some((&change.id, Arc::clone(errand.world.wanted.get(&change.id)?.instance.rollout.as_ref()?)))
    })
}

/// When the hosts of clusters were written to last.
#[derive(Debug, Default)]
pub(super) struct Rests {
    /// When this controller began to know, where another one was there before it, which may have written just then.
    since: Option<Timestamp>,
    /// The moment and the host, by source and cluster.
    last: BTreeMap<(String, String), (Timestamp, String)>,
}

impl Rests {
    /// Where something `is_known` of resources from before.
    pub(super) fn begin(is_known: bool, now: Timestamp) -> Self {
        Rests { since: is_known.then_some(now), last: BTreeMap::new() }
    }

    /// A host was written to.
    pub(super) fn note(&mut self, source: &str, rollout: &Rollout, host: &str, now: Timestamp) {
        if rollout.pause.is_some() {
            self.last.insert((source.to_owned(), rollout.group.clone()), (now, host.to_owned()));
        }
    }

    /// Until when a host waits after the last one of its cluster.
    fn until(&self, source: &str, rollout: &Rollout, host: &str) -> Option<Timestamp> {
        let last = self.last.get(&(source.to_owned(), rollout.group.clone()));
        let written = match last {
            Some((_, last)) if last == host => return None,
            Some((at, _)) => Some(*at),
            None => self.since,
        };
        rested(rollout, written?)
    }
}

/// Holds what is not to be sent because others of its cluster failed, go first, or went just now. To be asked when the
/// writing begins: while the job waited for its turn, the one before it may have failed.
pub(super) fn hold(state: &State, prepared: &mut Prepared, now: Timestamp) {
    let Prepared { errand, plan } = prepared;
    let own = errand.job.target.as_str();
    let mut held: Vec<(InstanceId, String)> = Vec::new();
    let mut resting: BTreeMap<InstanceId, Timestamp> = BTreeMap::new();
    for (id, rollout) in governed(errand, plan) {
        let hosts = |is_so: fn(&State, &ResourceKey) -> bool| {
            hosts_where(state, &errand.job.source, &rollout.group, |key| is_so(state, key))
        };
        let failed = hosts(State::stands_failed);
        // One that failed itself may be tried again: nothing else would ever end this.
        if failed.len() >= rollout.max_failures && !failed.contains(own) {
            let failed: Vec<String> = failed.into_iter().collect();
            held.push((id.clone(), stopped(&rollout.group, &failed)));
            continue;
        }
        let mut missing = hosts(State::is_missing);
        missing.remove(own);
        if missing.len() >= rollout.at_once {
            held.push((id.clone(), away(&rollout, &missing)));
            continue;
        }
        let level = errand.world.wanted.get(id).map_or(0, |wanted| wanted.instance.level);
        let canaries = canaries_to_come(state, &errand.job.source, &rollout, level);
        if !canaries.is_empty() {
            held.push((id.clone(), canaries_first(&rollout.group, &canaries)));
            continue;
        }
        let rest = state.rests.until(&errand.job.source, &rollout, own).filter(|until| now < *until);
        if let Some(until) = rest {
            let why = format!("the hosts with {} rest until {}", rollout.group, until.strftime("%F %TZ"));
            held.push((id.clone(), why));
            resting.insert(id.clone(), until);
        }
    }
    for (id, why) in held {
        let here = |change: &&mut Change| change.id == id && change.is_open();
        for change in plan.changes.iter_mut().filter(here) {
            change.gate.hold([why.clone()]);
            let until = resting.get(&id).copied();
            change.report.next = change.report.next.into_iter().chain(until).min();
        }
        errand.holds.insert(id, Hold::Rollout(why));
    }
}

/// The canaries that one of the others has to wait for: those that are not as their manifests say in anything that does
/// not itself wait for more than it does.
fn canaries_to_come(state: &State, source: &str, rollout: &Rollout, level: usize) -> BTreeSet<String> {
    if rollout.order != Order::AfterCanaries {
        return BTreeSet::new();
    }
    let Some(world) = state.world(source) else { return BTreeSet::new() };
    let goes_first = |wanted: &Wanted| {
        let one = &wanted.instance;
        let is_canary = |own: &Arc<Rollout>| own.order == Order::Canary && own.group == rollout.group;
        !one.suspend && one.level <= level && one.rollout.as_ref().is_some_and(is_canary)
    };
    let canaries = world.wanted.iter().filter(|(_, wanted)| goes_first(wanted)).map(|(id, _)| id);
    let key = |id: &InstanceId| ResourceKey { source: source.to_owned(), id: id.clone() };
    canaries.filter(|id| !state.is_ready(&key(id))).map(|id| id.target.clone()).collect()
}

/// The hosts of a group with a resource that `is_so`, as far as their manifests still want to change them.
fn hosts_where(
    state: &State,
    source: &str,
    group: &str,
    is_so: impl Fn(&ResourceKey) -> bool,
) -> BTreeSet<String> {
    let Some(world) = state.world(source) else { return BTreeSet::new() };
    let takes_turns = |wanted: &Wanted| {
        let one = &wanted.instance;
        !one.suspend && one.rollout.as_ref().is_some_and(|rollout| rollout.group == group)
    };
    let concerned = world.wanted.iter().filter(|(_, wanted)| takes_turns(wanted)).map(|(id, _)| id);
    let key = |id: &InstanceId| ResourceKey { source: source.to_owned(), id: id.clone() };
    concerned.filter(|id| is_so(&key(id))).map(|id| id.target.clone()).collect()
}

/// Whether a resource stands failed after this: something was sent for it that went wrong, and it was not seen as its
/// manifest says since then. That it cannot be read now, or waits for a person, makes nothing good.
pub(super) fn stands_failed(old: Option<&ResourceStatus>, one: &Fared<'_>) -> bool {
    match one.verdict {
        _ if one.standing.is_ready() => false,
        Some(Verdict::Halted { .. } | Verdict::RolledBack { .. }) => true,
        // Who was told to stop midway did not fail.
        Some(Verdict::Failed { .. } | Verdict::Unknown { .. }) if one.sent && !one.stopped => true,
        _ => old.is_some_and(|old| old.failed),
    }
}

/// Why a resource stands halted after this, if it does. Where it was tried again, that counts; `old` is of the same wish.
pub(super) fn stands_halted(old: Option<&ResourceStatus>, one: &Fared<'_>) -> Option<String> {
    match one.verdict {
        _ if one.standing.is_ready() => None,
        Some(Verdict::Halted { .. } | Verdict::RolledBack { .. }) => Some(one.standing.message.clone()),
        _ if one.sent => None,
        _ => old.and_then(|old| old.halted.clone()),
    }
}

/// Why nothing is sent for a resource that takes turns while nobody asks for it: it, or another one on its target, was
/// halted, and would go on where it was told to end.
pub(super) fn halted(state: &State, key: &ResourceKey) -> Option<String> {
    let is_meant = |other: &&ResourceStatus| {
        let here = || other.key.source == key.source && other.key.id.target == key.id.target;
        other.halted.is_some() && here() && state.digest(&other.key) == Some(other.digest.as_str())
    };
    let own = || state.resources.get(key).filter(is_meant);
    let found = own().or_else(|| state.resources.values().find(is_meant))?;
    let why = found.halted.as_deref()?;
    let id = &found.key.id;
    Some(if found.key == *key {
        why.to_owned()
    } else {
        format!("{}/{} was halted: {why}", id.kind, id.name)
    })
}

impl State {
    /// True where something was sent for a resource that went wrong, and it was not seen as its manifest says since.
    pub(super) fn stands_failed(&self, key: &ResourceKey) -> bool {
        self.resources.get(key).is_some_and(|status| status.failed)
    }

    /// True where the host of a resource did not answer when it was looked at last.
    pub(super) fn is_missing(&self, key: &ResourceKey) -> bool {
        let ready = self.resources.get(key).and_then(|status| status.conditions.first());
        ready.is_some_and(|ready| ready.status == Status::Unknown && is_away(&ready.reason))
    }

    /// True where a resource goes first, and is not as its manifest says yet.
    pub(super) fn is_canary_to_come(&self, key: &ResourceKey) -> bool {
        let Some(world) = self.world(&key.source) else { return false };
        let rollout = world.wanted.get(&key.id).and_then(|wanted| wanted.instance.rollout.as_ref());
        rollout.is_some_and(|rollout| rollout.order == Order::Canary) && !self.is_ready(key)
    }

    /// A resource stands in the way no more: what of its cluster is not as wanted yet may go on.
    pub(super) fn go_on_after(&mut self, key: &ResourceKey, now: Timestamp) {
        let Some(world) = self.world(&key.source) else { return };
        let rollout = world.wanted.get(&key.id).and_then(|wanted| wanted.instance.rollout.clone());
        let Some(rollout) = rollout else { return };
        self.wake_rollouts(
            &key.source,
            &world,
            |other| other.group == rollout.group,
            Trigger::Dependency,
            now,
        );
    }

    /// Other manifests are in force: what stood in the way of a cluster may be gone with the old ones.
    pub(super) fn reconsider_rollouts(&mut self, source: &str, now: Timestamp) {
        let Some(world) = self.world(source) else { return };
        self.wake_rollouts(source, &world, |_| true, Trigger::Push, now);
    }

    fn world(&self, source: &str) -> Option<Arc<World>> {
        self.sources.get(source)?.world.clone()
    }

    /// Those that run are woken, too: they may just have been told to wait.
    fn wake_rollouts(
        &mut self,
        source: &str,
        world: &World,
        is_meant: impl Fn(&Rollout) -> bool,
        trigger: Trigger,
        now: Timestamp,
    ) {
        for (id, wanted) in &world.wanted {
            if !wanted.instance.rollout.as_ref().is_some_and(|rollout| is_meant(rollout)) {
                continue;
            }
            let key = ResourceKey { source: source.to_owned(), id: id.clone() };
            if !self.is_ready(&key) {
                self.scheduler.wake(&key, trigger, now);
            }
        }
    }
}
