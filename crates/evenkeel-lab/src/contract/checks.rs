//! What every driver promises.

use std::collections::{BTreeMap, HashMap};

use evenkeel_core::diff::{FieldPath, leaves};
use evenkeel_core::driver::{Evaluation, Terms};
use evenkeel_core::plan::{Action, Change, Instance, InstanceId, Plan};
use evenkeel_core::request::{Reply, Request};
use serde_json::Value;

use super::tamper::TAMPERS;
use super::twin::{
    Survey, Wire, converge, honest, look, objects, observe, plan_with_removals, send, told, writes,
};
use super::{Stage, now};
use crate::machine::Machine;
use crate::random::Random;

/// The owner in the mark on what the scenarios create.
const OWNER: &str = "evenkeel";

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
        check("updates may be sent in any order", any_order),
        check("after a fault at any step it converges to the same", any_fault),
        check("drift by hand is found and put back", drift),
        check("unknown is never absent", unknown_is_never_absent),
        check("every field is compared or volatile", every_field_counts),
        check("no secret is ever said", no_secret),
        check("only what carries our mark is removed", only_ours_is_removed),
    ]
}

type Checked = Result<(), String>;

fn require(holds: bool, broken: impl FnOnce() -> String) -> Checked {
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

fn any_order(stage: &Stage, seed: u64) -> Checked {
    let usual = final_states(stage.machine.copy().as_mut(), stage)?;
    let mut machine = stage.machine.copy();
    let mut plan = look(machine.as_mut(), &stage.instances);
    plan.changes.retain(|change| change.action == Action::Update && !is_chain(change));
    let mut shuffled = writes(&plan);
    Random::derive(seed, 2).shuffle(&mut shuffled);
    // A write that fails for its order is made up for by the next run.
    send(machine.as_mut(), &shuffled);
    let other = final_states(machine.as_mut(), stage)?;
    same(&usual, &other)
}

/// Steps that move files build on each other; they are sent in their order, and no further than to the first that fails.
fn is_chain(change: &Change) -> bool {
    change.steps.iter().any(|step| matches!(step.request, Request::Files(_) | Request::Transfer(_)))
}

fn any_fault(stage: &Stage, _: u64) -> Checked {
    let usual = final_states(stage.machine.copy().as_mut(), stage)?;
    let steps = writes(&look(stage.machine.copy().as_mut(), &stage.instances));
    for sent in 0..steps.len() {
        let mut machine = stage.machine.copy();
        send(machine.as_mut(), steps.get(..sent).unwrap_or_default());
        let states = final_states(machine.as_mut(), stage)
            .map_err(|problem| format!("stopped after {sent} of {}: {problem}", steps.len()))?;
        same(&usual, &states).map_err(|problem| format!("stopped after {sent}: {problem}"))?;
    }
    Ok(())
}

fn drift(stage: &Stage, seed: u64) -> Checked {
    let mut machine = stage.machine.copy();
    let usual = final_states(machine.as_mut(), stage)?;
    let mut random = Random::derive(seed, 3);
    for _ in 0..=random.below(3) {
        machine.drift(&mut random);
    }
    let again = final_states(machine.as_mut(), stage)?;
    same(&usual, &again)
}

type States = BTreeMap<InstanceId, Value>;

/// Converges, and says what is there then.
fn final_states(machine: &mut dyn Machine, stage: &Stage) -> Result<States, String> {
    converge(machine, &stage.instances)?;
    states(machine, &stage.instances)
}

fn states(machine: &mut dyn Machine, instances: &[Instance]) -> Result<States, String> {
    let replies = observe(machine, instances, Survey::Instances, &mut honest);
    let state = |instance: &Instance| match instance.driver.evaluate(
        &instance.spec,
        &replies,
        Terms { owner: &instance.owner, ignore: &[], id: &instance.id },
        now(),
    ) {
        Ok(Evaluation::Known { observed, .. }) => Ok((instance.id.clone(), observed.unwrap_or_default())),
        Ok(Evaluation::Busy { reason }) => Err(format!("{} is busy: {reason}", instance.id)),
        Err(error) => Err(format!("{}: {error}", instance.id)),
    };
    instances.iter().map(state).collect()
}

fn same(usual: &States, other: &States) -> Checked {
    require(usual == other, || format!("the final state is {other:?} instead of {usual:?}"))
}

fn unknown_is_never_absent(stage: &Stage, seed: u64) -> Checked {
    // Half of the objects have left the manifests, so that there are removals too.
    let all = objects(&stage.instances);
    let kept = all.get(..all.len().div_ceil(2)).unwrap_or_default();
    // Looking changes nothing, so that what was said once need not be asked again.
    let mut machine = Remembering { machine: stage.machine.copy(), said: HashMap::new() };
    let mut plan_through = |wire: &mut Wire<'_>| {
        let replies = observe(&mut machine, &stage.instances, Survey::Inventory, wire);
        structural(&plan_with_removals(&stage.instances, kept, replies))
    };
    let mut total = 0;
    let clean = plan_through(&mut |number, request, reply| {
        total = number + 1;
        honest(number, request, reply)
    });
    let mut random = Random::derive(seed, 4);
    for number in 0..total {
        for tamper in TAMPERS {
            let planned = plan_through(&mut |at, request, reply| {
                if at == number { tamper.apply(reply, &mut random) } else { honest(at, request, reply) }
            });
            let more = planned.into_iter().find(|action| !clean.contains(action));
            require(more.is_none(), || format!("reply {number} {tamper:?} made it plan {more:?}"))?;
        }
    }
    Ok(())
}

/// A machine that says again what it said before.
struct Remembering {
    machine: Box<dyn Machine>,
    said: HashMap<(String, Request), Reply>,
}

impl Machine for Remembering {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.machine.run(argv)
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        let machine = &mut self.machine;
        let asked = (target.to_owned(), request.clone());
        self.said.entry(asked).or_insert_with(|| machine.answer(target, request)).clone()
    }

    fn fingerprint(&self) -> u64 {
        self.machine.fingerprint()
    }

    fn drift(&mut self, random: &mut Random) {
        self.machine.drift(random);
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        self.machine.objects()
    }

    fn copy(&self) -> Box<dyn Machine> {
        self.machine.copy()
    }
}

/// The creations, replacements and removals that would be sent.
fn structural(plan: &Plan) -> Vec<(InstanceId, String, Action)> {
    let would_send = |change: &&Change| {
        change.is_open() && matches!(change.action, Action::Create | Action::Delete | Action::Replace)
    };
    let told = |change: &Change| (change.id.clone(), change.object.clone(), change.action);
    plan.changes.iter().filter(would_send).map(told).collect()
}

fn every_field_counts(stage: &Stage, _: u64) -> Checked {
    let states = final_states(stage.machine.copy().as_mut(), stage)?;
    for instance in &stage.instances {
        let claims = instance.driver.object(&instance.spec, now()).claims;
        // Who looks after an object alone compares all keys of a map, whichever there are just now.
        let is_beside = |claim: &FieldPath, path: &FieldPath| {
            let above = |path: &FieldPath| path.keys().split_last().map(|(_, above)| above.to_vec());
            instance.driver.is_exclusive() && above(claim) == above(path)
        };
        let claimed =
            |path: &FieldPath| claims.iter().any(|(claim, _)| claim == path || is_beside(claim, path));
        let is_volatile = |path: &FieldPath| instance.driver.volatile().iter().any(|v| path.is_within(v));
        let observed = states.get(&instance.id).cloned().unwrap_or_default();
        let stray =
            leaves(&observed).into_iter().map(|(path, _)| path).find(|p| !claimed(p) && !is_volatile(p));
        require(stray.is_none(), || {
            format!("{}: {stray:?} is observed, but neither compared nor volatile", instance.id)
        })?;
    }
    Ok(())
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
