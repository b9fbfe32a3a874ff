//! Replies that went wrong on their way: unknown is never absent, and nothing new is sent for it.

use std::collections::{BTreeMap, HashMap};

use evenkeel_core::plan::{Action, Change, InstanceId, Plan};
use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Way;
use evenkeel_core::transport::TransportError;

use super::checks::{Checked, OWNER, require, same, settled};
use super::tamper::{TAMPERS, Tamper};
use super::twin::{
    Survey, Wire, Write, converge, honest, objects, observe, plan, plan_with_removals, send, writes,
};
use super::{Lists, Stage};
use crate::machine::Machine;
use crate::random::Random;

pub(super) fn unknown_is_never_absent(stage: &Stage, seed: u64) -> Checked {
    // Half of the objects have left the manifests, so that there are removals too.
    let all = objects(&stage.instances);
    let kept = all.get(..all.len().div_ceil(2)).unwrap_or_default();
    let mut machine = Remembering::new(stage.machine.as_ref());
    let mut plan_through = |wire: &mut Wire<'_>| {
        let replies = observe(&mut machine, &stage.instances, Survey::Inventory, wire);
        structural(&plan_with_removals(&stage.instances, kept, replies))
    };
    let (total, clean) = counted(&mut plan_through);
    let mut random = Random::derive(seed, 4);
    for number in 0..total {
        for tamper in TAMPERS {
            let (planned, could_be_true) = tampered(&mut plan_through, number, tamper, stage, &mut random);
            let more = planned.into_iter().find(|action| !clean.contains(action));
            let may_seem_absent = could_be_true && stage.lists == Lists::Objects;
            require(more.is_none() || may_seem_absent, || {
                format!("reply {number} {tamper:?} made it plan {more:?}")
            })?;
        }
    }
    Ok(())
}

/// What a reply that went wrong makes it send would be sent without that, too. Some replies look as a machine in another
/// state would make them look, and no driver can tell; what is sent for them does no harm to a machine that is as the
/// manifests say: it sets what is so already, or adds what carries our mark, or the machine refuses it.
///
/// What schedules want follows from what they read in files and in lists of copies; they keep the promise above only.
pub(super) fn nothing_new_is_sent(stage: &Stage, seed: u64) -> Checked {
    if stage.instances.iter().any(|instance| instance.driver.is_scheduled()) {
        return Ok(());
    }
    let mut random = Random::derive(seed, 5);
    let mut well = stage.machine.copy();
    converge(well.as_mut(), &stage.instances)?;
    for (machine, is_well) in [(&stage.machine, false), (&well, true)] {
        let mut remembering = Remembering::new(machine.as_ref());
        let mut plan_through = |wire: &mut Wire<'_>| {
            let replies = observe(&mut remembering, &stage.instances, Survey::Instances, wire);
            writes(&plan(&stage.instances, replies))
        };
        let (total, clean) = counted(&mut plan_through);
        for number in 0..total {
            for tamper in TAMPERS {
                let (mut sent, could_be_true) =
                    tampered(&mut plan_through, number, tamper, stage, &mut random);
                sent.retain(|write| !clean.contains(write));
                let problem = match (sent.first(), could_be_true || matches!(tamper, Tamper::ByteFlipped)) {
                    (None, _) => continue,
                    (Some(write), false) => Err(format!("`{}`", write.display())),
                    (Some(_), true) if is_well => harms(stage, machine.as_ref(), &sent),
                    (Some(_), true) => Ok(()),
                };
                problem.map_err(|problem| format!("reply {number} {tamper:?} made it send {problem}"))?;
            }
        }
    }
    Ok(())
}

/// An error where `sent` changes anything that the manifests are about, or any object.
fn harms(stage: &Stage, machine: &dyn Machine, sent: &[Write]) -> Checked {
    let mut hit = machine.copy();
    send(hit.as_mut(), sent);
    let told = || sent.iter().map(Write::display).collect::<Vec<_>>().join("; ");
    let (before, after) = (machine.objects(), hit.objects());
    let gone = before.keys().find(|object| !after.contains_key(*object));
    let is_strange = |owner: &Option<String>| owner.as_deref() != Some(OWNER);
    let come =
        after.iter().find(|(object, owner)| !before.contains_key(*object) && is_strange(owner)).map(|c| c.0);
    require(gone.is_none() && come.is_none(), || {
        format!("{}, and {gone:?} is gone, {come:?} is there without our mark", told())
    })?;
    let before = settled(machine.copy().as_mut(), stage)?;
    same(&before, &settled(hit.as_mut(), stage)?, stage).map_err(|problem| format!("{}: {problem}", told()))
}

/// How many replies there are, and what comes of them when nothing happens to them.
fn counted<T>(plan_through: &mut impl FnMut(&mut Wire<'_>) -> T) -> (usize, T) {
    let mut total = 0;
    let clean = plan_through(&mut |number, request, reply| {
        total = number + 1;
        honest(number, request, reply)
    });
    (total, clean)
}

/// What comes of it where this happens to reply `number`, and whether a machine might say so.
fn tampered<T>(
    plan_through: &mut impl FnMut(&mut Wire<'_>) -> T,
    number: usize,
    tamper: Tamper,
    stage: &Stage,
    random: &mut Random,
) -> (T, bool) {
    let mut could_be_true = false;
    let planned = plan_through(&mut |at: usize, request: &Request, reply: Reply| {
        if at != number {
            return honest(at, request, reply);
        }
        let result: Result<Reply, TransportError> = tamper.apply(reply, random);
        could_be_true = result.as_ref().is_ok_and(|reply| tamper.could_be_true(reply, stage.lists));
        result
    });
    (planned, could_be_true)
}

/// A machine that says again what it said before: looking changes nothing, so that what was said once need not be asked
/// again.
struct Remembering {
    machine: Box<dyn Machine>,
    said: HashMap<(String, Request), Reply>,
}

impl Remembering {
    fn new(machine: &dyn Machine) -> Self {
        Remembering { machine: machine.copy(), said: HashMap::new() }
    }
}

impl Machine for Remembering {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.machine.run(argv)
    }

    fn way(&self) -> Way {
        self.machine.way()
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        let machine = &mut self.machine;
        let asked = (target.to_owned(), request.clone());
        self.said.entry(asked).or_insert_with(|| machine.answer(target, request)).clone()
    }

    fn is_reachable(&self) -> bool {
        self.machine.is_reachable()
    }

    fn pass(&mut self) {
        self.machine.pass();
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
