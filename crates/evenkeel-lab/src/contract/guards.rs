//! Dead man's switches: whatever became of a guarded write, time puts back what was there; and no other write cuts the way.

use std::collections::BTreeMap;

use evenkeel_core::diff::leaves;
use evenkeel_core::driver::Guard;
use evenkeel_core::request::{Reply, Request};
use serde_json::Value;

use super::Stage;
use super::checks::{Checked, require};
use super::twin::{Survey, Write, honest, look, observe, send, wait_for, writes};
use crate::machine::Machine;
use crate::random::Random;

pub(super) fn guards_put_back(stage: &Stage, seed: u64) -> Checked {
    let mut random = Random::derive(seed, 8);
    let mut machine = stage.machine.copy();
    for write in writes(&look(machine.as_mut(), &stage.instances)) {
        let told = |problem| format!("`{}`: {problem}", write.display());
        match &write.guard {
            None => stays_reachable(machine.as_ref(), &write, &mut random).map_err(told)?,
            Some(guard) => {
                for is_whole in [false, true] {
                    puts_back(machine.as_ref(), stage, &write, guard, is_whole, &mut random)
                        .map_err(|problem| told(format!("{problem} (done as a whole: {is_whole})")))?;
                }
            }
        }
        let complaints = send(machine.as_mut(), std::slice::from_ref(&write));
        if write.guard.is_some() {
            require(complaints.is_empty(), || told(complaints.join("; ")))?;
            stays_so(machine.as_ref()).map_err(told)?;
        }
    }
    Ok(())
}

/// A write without a guard leaves a way to the machine, also where it is done in part.
fn stays_reachable(machine: &dyn Machine, write: &Write, random: &mut Random) -> Checked {
    for is_whole in [false, true] {
        let mut machine = machine.copy();
        carry_out(machine.as_mut(), write, is_whole, random);
        require(machine.is_reachable(), || {
            "cuts the way to the machine, and nothing puts it back".to_owned()
        })?;
    }
    Ok(())
}

fn carry_out(machine: &mut dyn Machine, write: &Write, is_whole: bool, random: &mut Random) {
    if is_whole {
        machine.answer(&write.target, &write.request);
    } else {
        machine.answer_in_part(&write.target, &write.request, random);
    }
}

/// Nobody comes to disarm it.
fn puts_back(
    machine: &dyn Machine,
    stage: &Stage,
    write: &Write,
    guard: &Guard,
    is_whole: bool,
    random: &mut Random,
) -> Checked {
    let mut rested = machine.copy();
    // Else something may still be on its way up, and be up afterwards.
    rested.pass();
    let before = seen(rested.as_ref(), stage);
    let mut machine = machine.copy();
    let armed = machine.answer(&write.target, &guard.arm);
    require(armed.exit == 0, || format!("its guard cannot be armed: {}", armed.stderr_text()))?;
    carry_out(machine.as_mut(), write, is_whole, random);
    wait_for(machine.as_mut(), guard);
    require(machine.is_reachable(), || "its guard does not make the machine reachable again".to_owned())?;
    let late = machine.answer(&write.target, &guard.disarm);
    require(late.exit != 0, || "its guard is disarmed after it has put everything back".to_owned())?;
    equal(&before, &seen(machine.as_ref(), stage))
}

/// Once a guard is disarmed, nothing comes of it.
fn stays_so(machine: &dyn Machine) -> Checked {
    let before = machine.fingerprint();
    let mut machine = machine.copy();
    machine.pass();
    require(machine.fingerprint() == before, || "its guard acts though it was disarmed".to_owned())
}

/// All that the drivers are told of a machine, by what they ask.
type Seen = BTreeMap<String, Value>;

fn seen(machine: &dyn Machine, stage: &Stage) -> Seen {
    let mut seen = Seen::new();
    let mut listen = |number: usize, request: &Request, reply: Reply| {
        let text = || Value::from(String::from_utf8_lossy(&reply.stdout));
        let mut told = serde_json::from_slice(&reply.stdout).unwrap_or_else(|_| text());
        if let Some(blur) = stage.blur {
            blur(&mut told);
        }
        seen.insert(request.display(), told);
        honest(number, request, reply)
    };
    observe(machine.copy().as_mut(), &stage.instances, Survey::Instances, &mut listen);
    seen
}

fn equal(before: &Seen, after: &Seen) -> Checked {
    for (asked, before) in before {
        let after = after.get(asked).unwrap_or(&Value::Null);
        let told = || format!("its guard puts back something else: {asked}: {}", difference(before, after));
        require(before == after, told)?;
    }
    Ok(())
}

/// The leaves that differ.
fn difference(before: &Value, after: &Value) -> String {
    let (was, is) = (leaves(before), leaves(after));
    let gone = was.iter().filter(|leaf| !is.contains(leaf)).map(|(path, value)| format!("-{path}={value}"));
    let come = is.iter().filter(|leaf| !was.contains(leaf)).map(|(path, value)| format!("+{path}={value}"));
    gone.chain(come).collect::<Vec<_>>().join(" ")
}
