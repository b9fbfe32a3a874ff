//! What every driver promises.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::diff::{FieldPath, leaves};
use evenkeel_core::driver::{Evaluation, Keep, Step, Terms};
use evenkeel_core::plan::{Action, Change, Instance, InstanceId};
use evenkeel_core::request::{Replies, Request};
use serde_json::Value;

use super::blame::asking_who_changes_nothing;
use super::guards::guards_put_back;
use super::proofs::proofs_tell_the_truth;
use super::twin::{
    Survey, converge, honest, look, objects, observe, plan_at, plan_with_removals, send, told, wait_for,
    writes,
};
use super::wrong::{nothing_new_is_sent, unknown_is_never_absent};
use super::{Stage, now};
use crate::machine::Machine;
use crate::random::Random;

/// The owner in the mark on what the scenarios create.
pub(super) const OWNER: &str = "evenkeel";

/// A promise, and the check of it on one scenario.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The promise, in words.
    pub promise: &'static str,
    /// Checks it; the error says how it was broken. The number draws what is random in the check.
    pub run: fn(&Stage, u64) -> Result<(), String>,
}

/// All of them.
pub fn checks() -> Vec<Check> {
    let check = |promise, run| Check { promise, run };
    vec![
        check("observing never writes", observing_never_writes),
        check("it converges, and the second run sends nothing", converges),
        check("a plan keeps its hash while nothing changes", keeps_its_hash),
        check("updates may be sent in any order", any_order),
        check("after a fault at any step it converges to the same", any_fault),
        check("drift by hand is found and put back", drift),
        check("unknown is never absent", unknown_is_never_absent),
        check("a reply gone wrong sends nothing new", nothing_new_is_sent),
        check("every field is compared or volatile", every_field_counts),
        check("no secret is ever said", no_secret),
        check("proofs tell the truth", proofs_tell_the_truth),
        check("a guard puts back what was there", guards_put_back),
        check("only what carries our mark is removed", only_ours_is_removed),
        check("asking who did it changes nothing", asking_who_changes_nothing),
    ]
}

pub(super) type Checked = Result<(), String>;

pub(super) fn require(holds: bool, broken: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(broken()) }
}

fn observing_never_writes(stage: &Stage, _: u64) -> Checked {
    let mut machine = stage.machine.copy();
    observe(machine.as_mut(), &stage.instances, Survey::Inventory, &mut honest);
    require(machine.fingerprint() == stage.machine.fingerprint(), || "a query changed the machine".to_owned())
}

fn converges(stage: &Stage, _: u64) -> Checked {
    let mut machine = stage.machine.copy();
    let plan = converge(machine.as_mut(), &stage.instances)?;
    let left = writes(&plan);
    require(left.is_empty(), || format!("the plan without changes sends {left:?}"))
}

/// An approval speaks of a plan by its hash: who looks twice must see the same one.
fn keeps_its_hash(stage: &Stage, _: u64) -> Checked {
    let hashes = |machine: &mut dyn Machine| {
        let plan = look(machine, &stage.instances);
        plan.changes.into_iter().map(|change| (change.id, change.plan)).collect::<Vec<_>>()
    };
    let mut machine = stage.machine.copy();
    let (first, second) = (hashes(machine.as_mut()), hashes(machine.as_mut()));
    let replies = || observe(stage.machine.copy().as_mut(), &stage.instances, Survey::Instances, &mut honest);
    // A moment later, from the same replies: what has a schedule may want more by then.
    let still: Vec<_> = stage.instances.iter().filter(|one| !one.driver.is_scheduled()).cloned().collect();
    let at = |now| {
        let plan = plan_at(&still, replies(), now);
        plan.changes.into_iter().map(|change| (change.id, change.plan)).collect::<Vec<_>>()
    };
    let later = now() + jiff::SignedDuration::from_secs(90);
    require(first == second && at(now()) == at(later), || {
        format!("the hashes differ: {first:?}, {second:?}, {:?}, {:?}", at(now()), at(later))
    })
}

fn any_order(stage: &Stage, seed: u64) -> Checked {
    let usual = settled(stage.machine.copy().as_mut(), stage)?;
    let mut machine = stage.machine.copy();
    let mut plan = look(machine.as_mut(), &stage.instances);
    plan.changes.retain(|change| change.action == Action::Update && !is_chain(change));
    let mut shuffled = writes(&plan);
    Random::derive(seed, 2).shuffle(&mut shuffled);
    // A write that fails for its order is made up for by the next run.
    send(machine.as_mut(), &shuffled);
    let other = settled(machine.as_mut(), stage)?;
    same(&usual, &other, stage)
}

/// Steps that move files, those that are guarded, and those that one cleans up after, build on each other; they are sent in
/// their order, and no further than to the first that fails.
fn is_chain(change: &Change) -> bool {
    let builds = |step: &Step| matches!(step.request, Request::Files(_) | Request::Transfer(_));
    change.steps.iter().any(|step| step.guard.is_some() || step.cleanup || builds(step))
}

fn any_fault(stage: &Stage, _: u64) -> Checked {
    let usual = settled(stage.machine.copy().as_mut(), stage)?;
    let steps = writes(&look(stage.machine.copy().as_mut(), &stage.instances));
    for sent in 0..steps.len() {
        let mut machine = stage.machine.copy();
        send(machine.as_mut(), steps.get(..sent).unwrap_or_default());
        // The run that follows comes when nobody can still be at work.
        machine.pass();
        let states = settled(machine.as_mut(), stage)
            .map_err(|problem| format!("stopped after {sent} of {}: {problem}", steps.len()))?;
        same(&usual, &states, stage).map_err(|problem| format!("stopped after {sent}: {problem}"))?;
        // It may also have ended between arming and disarming.
        let Some((write, guard)) = steps.get(sent).and_then(|w| Some((w, w.guard.as_ref()?))) else {
            continue;
        };
        for is_sent in [false, true] {
            let mut machine = stage.machine.copy();
            send(machine.as_mut(), steps.get(..sent).unwrap_or_default());
            machine.answer(&write.target, &guard.arm);
            if is_sent {
                machine.answer(&write.target, &write.request);
            }
            wait_for(machine.as_mut(), guard);
            let told = |problem| format!("stopped before disarming the guard of number {sent}: {problem}");
            let states = settled(machine.as_mut(), stage).map_err(told)?;
            same(&usual, &states, stage).map_err(told)?;
        }
    }
    Ok(())
}

fn drift(stage: &Stage, seed: u64) -> Checked {
    let mut machine = stage.machine.copy();
    let usual = settled(machine.as_mut(), stage)?;
    let mut random = Random::derive(seed, 3);
    for _ in 0..=random.below(3) {
        machine.drift(&mut random);
    }
    machine.pass();
    let again = settled(machine.as_mut(), stage)?;
    same(&usual, &again, stage)
}

type States = BTreeMap<InstanceId, Value>;

/// What is there when nothing is left to do.
pub(super) struct Settled {
    states: States,
    /// The fields that stay as they are, because the driver holds what would change them.
    held: BTreeSet<(InstanceId, FieldPath)>,
}

/// Converges, and says what is there then.
pub(super) fn settled(machine: &mut dyn Machine, stage: &Stage) -> Result<Settled, String> {
    let plan = converge(machine, &stage.instances)?;
    let pending = plan.changes.iter().filter(|change| change.is_pending());
    let held = pending
        .flat_map(|change| change.fields.iter().map(|field| (change.id.clone(), field.change.path.clone())));
    let replies = observe(machine, &stage.instances, Survey::Instances, &mut honest);
    Ok(Settled { states: states(&replies, &stage.instances)?, held: held.collect() })
}

fn states(replies: &Replies, instances: &[Instance]) -> Result<States, String> {
    let state = |instance: &Instance| match instance.driver.evaluate(
        &instance.spec,
        replies,
        Terms {
            owner: &instance.owner,
            ignore: &[],
            id: &instance.id,
            keep: Keep { seen: true, table: false },
        },
        now(),
    ) {
        Ok(Evaluation::Known { observed, .. }) => Ok((instance.id.clone(), observed.unwrap_or_default())),
        Ok(Evaluation::Busy { reason }) => Err(format!("{} is busy: {reason}", instance.id)),
        Err(error) => Err(format!("{}: {error}", instance.id)),
    };
    instances.iter().map(state).collect()
}

/// Equal but for what is held in one of them, and for what is never compared of an instance of which something is held.
pub(super) fn same(usual: &Settled, other: &Settled, stage: &Stage) -> Checked {
    let held: BTreeSet<_> = usual.held.union(&other.held).collect();
    for instance in &stage.instances {
        let (usual, other) = (usual.states.get(&instance.id), other.states.get(&instance.id));
        let mine: Vec<&FieldPath> =
            held.iter().filter(|(id, _)| *id == instance.id).map(|(_, path)| path).collect();
        // What is seen of a whole machine is not the manifests' alone.
        let is_equal = if mine.is_empty() && stage.blur.is_none() {
            usual == other
        } else {
            let rest = |state: Option<&Value>| -> Vec<(FieldPath, Value)> {
                let all = state.into_iter().flat_map(leaves).map(|(path, value)| (path, value.clone()));
                all.filter(|(path, _)| !mine.contains(&path) && !is_volatile(instance, path)).collect()
            };
            rest(usual) == rest(other)
        };
        require(is_equal, || format!("the final state is {other:?} instead of {usual:?}"))?;
    }
    Ok(())
}

fn is_volatile(instance: &Instance, path: &FieldPath) -> bool {
    instance.driver.volatile().iter().any(|volatile| path.is_within(volatile))
}

fn every_field_counts(stage: &Stage, _: u64) -> Checked {
    let mut machine = stage.machine.copy();
    converge(machine.as_mut(), &stage.instances)?;
    let replies = observe(machine.as_mut(), &stage.instances, Survey::Instances, &mut honest);
    let states = states(&replies, &stage.instances)?;
    for instance in &stage.instances {
        let Some(observed) = states.get(&instance.id).filter(|state| !state.is_null()) else { continue };
        // Where there is nothing of it at all, all of it is one empty leaf.
        let paths = leaves(observed).into_iter().map(|(path, _)| path);
        let mut paths = paths.filter(|path| !path.keys().is_empty());
        let stray =
            paths.find(|path| !is_compared(stage, instance, &replies, path) && !is_volatile(instance, path));
        require(stray.is_none(), || {
            format!("{}: {stray:?} is observed, but neither compared nor volatile", instance.id)
        })?;
    }
    Ok(())
}

/// True where the field is wanted given what was seen, and so compared. It is wanted of an object that nobody has seen,
/// too (else it might only be an echo of what was seen), but for what stands in a map whose keys only the target knows, and
/// for the fields that the fixture names.
fn is_compared(stage: &Stage, instance: &Instance, replies: &Replies, path: &FieldPath) -> bool {
    let whose = (instance.owner.as_str(), &instance.id);
    let wants = instance.driver.wants(&instance.spec, replies, whose, now());
    let claims = instance.driver.object(&instance.spec, now()).claims;
    let above = |path: &FieldPath| path.keys().split_last().map(|(_, above)| above.to_vec());
    let first = path.keys().first().map(String::as_str).unwrap_or_default();
    // Who looks after an object alone compares all keys of a map, whichever there are just now.
    let is_beside = |claim: &FieldPath| instance.driver.is_exclusive() && above(claim) == above(path);
    let is_claimed = claims.iter().any(|(claim, _)| claim == path);
    let is_map = path.keys().len() > 1 && !claims.iter().any(|(claim, _)| claim.is_within(first));
    let only_seen = is_map || stage.follows.iter().any(|field| path.keys() == [*field]);
    // What is empty as yet is compared with all that shall be in it.
    let is_wanted = wants.iter().any(|(wanted, _)| wanted.keys().starts_with(path.keys()));
    claims.iter().any(|(claim, _)| is_beside(claim)) || (is_wanted && (is_claimed || only_seen))
}

fn no_secret(stage: &Stage, _: u64) -> Checked {
    let mut said = Vec::new();
    let mut listen = |number: usize, request: &Request, reply| {
        said.push(request.display());
        honest(number, request, reply)
    };
    let replies = observe(stage.machine.copy().as_mut(), &stage.instances, Survey::Inventory, &mut listen);
    let plan = plan_with_removals(&stage.instances, &objects(&stage.instances), replies);
    said.push(serde_json::to_string(&plan).map_err(|error| error.to_string())?);
    for secret in &stage.secrets {
        require(!said.iter().any(|text| text.contains(secret)), || "a secret was said".to_owned())?;
    }
    Ok(())
}

fn only_ours_is_removed(stage: &Stage, _: u64) -> Checked {
    let mut copy = stage.machine.copy();
    let machine = copy.as_mut();
    converge(machine, &stage.instances)?;
    // Nothing is wanted any more.
    let replies = observe(machine, &stage.instances, Survey::Inventory, &mut honest);
    let mut leaving = plan_with_removals(&stage.instances, &[], replies);
    leaving.changes.retain(|change| change.action == Action::Delete);
    let before = machine.objects();
    let complaints = send(machine, &writes(&leaving));
    require(complaints.is_empty(), || format!("a removal failed: {}", complaints.join("; ")))?;
    let left = machine.objects();
    let gone = before.iter().filter(|(object, _)| !left.contains_key(*object));
    let foreign =
        gone.map(|(object, owner)| (object, owner.as_deref())).find(|(_, owner)| *owner != Some(OWNER));
    require(foreign.is_none(), || format!("{foreign:?} was removed, which others made"))?;
    let stays = leaving.changes.iter().find(|change| change.is_open() && left.contains_key(&change.object));
    require(stays.is_none(), || stays.map(told).unwrap_or_default())
}
