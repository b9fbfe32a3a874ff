//! The reconcile path without a network: observe, plan, apply as plain function calls.
//!
//! The engine does the same with a transport, many targets at a time and a second look before it writes.

use std::collections::BTreeMap;

use evenkeel_core::driver::{Guard, GuardOutcome};
use evenkeel_core::plan::{
    Batch, Blueprint, Change, Gate, Instance, Plan, Policy, Removal, batches, build, removals,
};
use evenkeel_core::request::{Query, Replies, Reply, Request, join_queries};
use evenkeel_core::target::{Target, TargetSpec};
use evenkeel_core::transport::{TransportError, TransportErrorKind};

use super::{TARGET, now};
use crate::machine::Machine;

/// As many rounds as the engine gives a driver.
const ROUNDS: usize = 4;

/// Everything that is not data loss may be sent.
pub const POLICY: Policy = Policy::allowing(evenkeel_core::driver::Risk::Destructive);

/// What becomes of a reply on its way back: given its number and the request.
pub type Wire<'a> = dyn FnMut(usize, &Request, Reply) -> Result<Reply, TransportError> + 'a;

/// A wire on which nothing happens.
pub fn honest(_: usize, _: &Request, reply: Reply) -> Result<Reply, TransportError> {
    Ok(reply)
}

/// What to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survey {
    /// What the instances ask for.
    Instances,
    /// That, and everything else of their kind that there is.
    Inventory,
}

/// Asks for everything that the survey wants to know.
pub fn observe(
    machine: &mut dyn Machine,
    instances: &[Instance],
    survey: Survey,
    wire: &mut Wire<'_>,
) -> Replies {
    let mut replies = Replies::of(machine.way());
    let mut number = 0;
    for _ in 0..ROUNDS {
        let queries = join_queries(open_queries(instances, survey, &replies));
        if queries.is_empty() {
            break;
        }
        for query in queries {
            let reply = if machine.is_reachable() {
                let reply = machine.answer(query.target().unwrap_or(TARGET), query.request());
                wire(number, query.request(), reply)
            } else {
                let cut_off = "the machine's own network lets nobody reach it";
                Err(TransportError::new(TransportErrorKind::Unreachable, cut_off))
            };
            replies.insert(query, reply);
            number += 1;
        }
    }
    replies
}

fn open_queries(instances: &[Instance], survey: Survey, replies: &Replies) -> Vec<Query> {
    let own = instances.iter().flat_map(|i| i.driver.queries(&i.spec, replies));
    let listing = instances
        .first()
        .filter(|_| survey == Survey::Inventory)
        .into_iter()
        .flat_map(|i| i.driver.inventory_queries(replies));
    own.chain(listing).filter(|query| !replies.has(query)).collect()
}

/// Plans `instances`.
pub fn plan(instances: &[Instance], replies: Replies) -> Plan {
    plan_at(instances, replies, now())
}

/// Plans `instances` at another time.
pub fn plan_at(instances: &[Instance], replies: Replies, now: jiff::Timestamp) -> Plan {
    let by_target = BTreeMap::from([(TARGET.to_owned(), replies)]);
    build(
        instances,
        &Blueprint {
            replies: &by_target,
            policy: POLICY,
            now,
            keep: evenkeel_core::driver::Keep::default(),
            context: &[],
        },
    )
}

/// Plans `instances`, and the removal of what carries our mark and is not among `keep`. Wants an inventory.
pub fn plan_with_removals(instances: &[Instance], keep: &[&str], replies: Replies) -> Plan {
    let by_target = BTreeMap::from([(TARGET.to_owned(), replies)]);
    let blueprint = Blueprint {
        replies: &by_target,
        policy: POLICY,
        now: now(),
        keep: evenkeel_core::driver::Keep::default(),
        context: &[],
    };
    let mut changes = build(instances, &blueprint).changes;
    if let (Some(first), Some(replies)) = (instances.first(), by_target.get(TARGET)) {
        let spec = TargetSpec { prune: true, ..TargetSpec::default() };
        let target = &Target { name: TARGET.to_owned(), labels: BTreeMap::new(), spec };
        let (driver, policy) = (&*first.driver, POLICY);
        let decided = &BTreeMap::new();
        changes.extend(removals(&Removal {
            target,
            driver,
            keep,
            windows: &[],
            replies,
            policy,
            decided,
            now: now(),
        }));
    }
    Plan::of(changes)
}

/// Observes and plans on an honest wire.
pub fn look(machine: &mut dyn Machine, instances: &[Instance]) -> Plan {
    plan(instances, observe(machine, instances, Survey::Instances, &mut honest))
}

/// The names of the objects that `instances` are about.
pub fn objects(instances: &[Instance]) -> Vec<&str> {
    instances.iter().map(|i| i.object.as_str()).collect()
}

/// A write, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The target that it is sent to.
    pub target: String,
    /// What is sent.
    pub request: Request,
    /// What puts the target back where it is cut off.
    pub guard: Option<Box<Guard>>,
}

impl Write {
    /// As a person would type it.
    pub fn display(&self) -> String {
        self.request.display()
    }
}

/// The writes of a plan, in order.
pub fn writes(plan: &Plan) -> Vec<Write> {
    let write = |batch: Batch| Write { target: batch.target, request: batch.request, guard: batch.guard };
    batches(&plan.changes).into_iter().map(write).collect()
}

/// Sends writes; what the machine said against one of them is an error that ends nothing.
pub fn send(machine: &mut dyn Machine, writes: &[Write]) -> Vec<String> {
    let complaint = |write| send_one(machine, write).err();
    writes.iter().filter_map(complaint).collect()
}

/// Sends a write: arms its guard, does it, and disarms the guard once the machine can be reached.
fn send_one(machine: &mut dyn Machine, write: &Write) -> Result<(), String> {
    let ask = |machine: &mut dyn Machine, request: &Request| {
        let reply = machine.answer(&write.target, request);
        let told = || format!("{}: {}", request.display(), reply.stderr_text());
        if reply.exit == 0 { Ok(()) } else { Err(told()) }
    };
    let Some(guard) = &write.guard else { return ask(machine, &write.request) };
    ask(machine, &guard.arm)?;
    let done = ask(machine, &write.request);
    if !machine.is_reachable() {
        wait_for(machine, guard);
    }
    match GuardOutcome::of(&machine.answer(&write.target, &guard.disarm)) {
        Ok(GuardOutcome::Confirmed) => done,
        Ok(GuardOutcome::RolledBack { said, .. } | GuardOutcome::NeverBegun { said, .. }) => {
            done.and(Err(said))
        }
        Err(problem) => done.and(Err(problem)),
    }
}

/// Time passes until a guard must have done its work.
pub fn wait_for(machine: &mut dyn Machine, guard: &Guard) {
    // Ten minutes is the least that `Machine::pass` can mean by much time.
    for _ in 0..=guard.seconds / 600 {
        machine.pass();
    }
}

/// Looks, writes, and looks again: nothing may be left to do but what stays held. What is left, or what went wrong.
pub fn converge(machine: &mut dyn Machine, instances: &[Instance]) -> Result<Plan, String> {
    let plan = look(machine, instances);
    let sent = writes(&plan);
    let complaints = send(machine, &sent);
    let plan = look(machine, instances);
    let is_left = |c: &&Change| c.error.is_some() || (c.is_pending() && !stays_held(c));
    if let Some(change) = plan.changes.iter().find(is_left) {
        let sent: Vec<String> = sent.iter().map(Write::display).collect();
        return Err(format!(
            "after a run of [{}] there is still {}; {}",
            sent.join("; "),
            told(change),
            complaints.join("; ")
        ));
    }
    Ok(plan)
}

/// True where all that is left to do may not be sent as things are, whatever the mode allows: the driver itself says so.
pub fn stays_held(change: &Change) -> bool {
    let Gate::Held { reasons, .. } = &change.gate else { return false };
    let says = |reason: &String| change.steps.iter().any(|step| step.held.as_ref() == Some(reason));
    reasons.iter().all(says)
}

/// A change in one line, for failures.
pub fn told(change: &Change) -> String {
    let fields: Vec<String> = change
        .fields
        .iter()
        .map(|f| format!("{}: {} → {}", f.change.path, f.before_text, f.after_text))
        .collect();
    let error = change.error.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{} [{}] {error} {:?}", change.headline(), fields.join(", "), change.gate)
}
