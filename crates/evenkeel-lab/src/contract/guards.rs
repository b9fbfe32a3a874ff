//! Dead man's switches: whatever became of a guarded write, time puts back what was there; and no other write cuts the way.

use std::collections::BTreeMap;

use evenkeel_core::diff::leaves;
use evenkeel_core::driver::{Guard, GuardOutcome};
use evenkeel_core::request::{Reply, Request};
use serde_json::Value;

use super::Stage;
use super::checks::{Checked, require};
use super::twin::{Survey, Write, honest, look, observe, send, wait_for, writes};
use crate::machine::Machine;
use crate::random::Random;

/// So many seconds may pass with each thing that a write does: as many as a guard has to wait for it, or fewer.
const SLOW: [u64; 4] = [50, 35, 20, 5];

pub(super) fn guards_put_back(stage: &Stage, seed: u64) -> Checked {
    let mut random = Random::derive(seed, 8);
    let mut machine = stage.machine.copy();
    for write in writes(&look(machine.as_mut(), &stage.instances)) {
        let told = |problem| format!("`{}`: {problem}", write.display());
        match &write.guard {
            None => stays_reachable(machine.as_ref(), &write, &mut random).map_err(told)?,
            Some(guard) => {
                let trial = Trial { machine: machine.as_ref(), stage, write: &write, guard };
                trial.all(&mut random).map_err(told)?;
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

/// A guarded write, and a machine that it is about to be sent to.
struct Trial<'a> {
    machine: &'a dyn Machine,
    stage: &'a Stage,
    write: &'a Write,
    guard: &'a Guard,
}

impl Trial<'_> {
    fn all(&self, random: &mut Random) -> Checked {
        let mut rested = self.machine.copy();
        // Else something may still be on its way up, and be up afterwards.
        rested.pass();
        let before = seen(rested.as_ref(), self.stage);
        for is_whole in [false, true] {
            self.nobody_comes(&before, is_whole, random)
                .map_err(|problem| format!("{problem} (done as a whole: {is_whole})"))?;
        }
        let when = |case: &'static str| move |problem: String| format!("{problem} ({case})");
        self.never_sent(&before).map_err(when("it was never sent, and then came too late"))?;
        self.fails_at_once(&before).map_err(when("it failed at the first that it does"))?;
        self.starts_anew(&before, random).map_err(when("the machine started anew in the midst of it"))?;
        for seconds in SLOW {
            self.still_at_work(&before, seconds)
                .map_err(|problem| format!("{problem} (each thing that it does takes {seconds} s)"))?;
        }
        Ok(())
    }

    fn armed(&self) -> Result<Box<dyn Machine>, String> {
        let mut machine = self.machine.copy();
        let armed = machine.answer(&self.write.target, &self.guard.arm);
        require(armed.exit == 0, || format!("its guard cannot be armed: {}", armed.stderr_text()))?;
        Ok(machine)
    }

    fn outcome(&self, machine: &mut dyn Machine) -> Result<GuardOutcome, String> {
        GuardOutcome::of(&machine.answer(&self.write.target, &self.guard.disarm))
            .map_err(|problem| format!("its guard does not say what became of it: {problem}"))
    }

    /// Everything is as it was, and it says so.
    fn is_put_back(&self, machine: &mut dyn Machine, before: &Seen, may_never_begin: bool) -> Checked {
        require(machine.is_reachable(), || "its guard does not make the machine reachable again".to_owned())?;
        let outcome = self.outcome(machine)?;
        let is_told = match &outcome {
            GuardOutcome::RolledBack { .. } => true,
            GuardOutcome::NeverBegun { .. } => may_never_begin,
            GuardOutcome::Confirmed => false,
        };
        require(is_told, || format!("its guard puts everything back and says {outcome:?}"))?;
        equal(before, &seen(machine, self.stage))
    }

    /// Nobody comes to disarm it.
    fn nobody_comes(&self, before: &Seen, is_whole: bool, random: &mut Random) -> Checked {
        let mut machine = self.armed()?;
        carry_out(machine.as_mut(), self.write, is_whole, random);
        wait_for(machine.as_mut(), self.guard);
        self.is_put_back(machine.as_mut(), before, !is_whole)
    }

    /// Nothing is done where nothing was done, and nothing is done once the guard has done its work.
    fn never_sent(&self, before: &Seen) -> Checked {
        let mut machine = self.armed()?;
        let identity = machine.identity();
        wait_for(machine.as_mut(), self.guard);
        require(machine.identity() == identity, || "its guard makes anew what nobody touched".to_owned())?;
        let outcome = self.outcome(machine.as_mut())?;
        let is_told = matches!(outcome, GuardOutcome::NeverBegun { .. });
        require(is_told, || format!("nothing was done, and its guard says {outcome:?}"))?;
        equal(before, &seen(machine.as_ref(), self.stage))?;
        let late = machine.answer(&self.write.target, &self.write.request);
        require(late.exit != 0, || "it is done though its guard is not armed any more".to_owned())?;
        equal(before, &seen(machine.as_ref(), self.stage))
    }

    /// What was not yet touched stays, and is not made anew.
    fn fails_at_once(&self, before: &Seen) -> Checked {
        let mut machine = self.armed()?;
        let identity = machine.identity();
        let failed = machine.answer_failing(&self.write.target, &self.write.request);
        if failed.exit == 0 {
            return Ok(());
        }
        let outcome = self.outcome(machine.as_mut())?;
        let is_told = !matches!(outcome, GuardOutcome::Confirmed);
        require(is_told, || "it failed, and its guard confirms it".to_owned())?;
        wait_for(machine.as_mut(), self.guard);
        require(machine.identity() == identity, || "its guard makes anew what was not touched".to_owned())?;
        equal(before, &seen(machine.as_ref(), self.stage))
    }

    fn starts_anew(&self, before: &Seen, random: &mut Random) -> Checked {
        let mut machine = self.armed()?;
        machine.answer_and_restart(&self.write.target, &self.write.request, random);
        wait_for(machine.as_mut(), self.guard);
        self.is_put_back(machine.as_mut(), before, true)
    }

    /// All that the machine does takes so long that its time is over in the midst of it.
    fn still_at_work(&self, before: &Seen, seconds: u64) -> Checked {
        let mut machine = self.armed()?;
        machine.slow_down(seconds);
        machine.answer(&self.write.target, &self.write.request);
        machine.slow_down(0);
        wait_for(machine.as_mut(), self.guard);
        self.is_put_back(machine.as_mut(), before, true)
    }
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
