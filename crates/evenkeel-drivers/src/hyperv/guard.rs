//! The dead man's switch: what a step may cut off, and what the host puts back then.

use evenkeel_core::driver::{Guard, Step};
use evenkeel_core::request::{Call, PowerShell, Request};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::scripts::{ARM, DISARM, RESTORE, as_json, invoke};

/// A host that is not disarmed puts back what it was after so many seconds, where the manifest says nothing else.
pub(super) const DEFAULT_SECONDS: u64 = 300;

/// Putting back may take so many seconds.
const RESTORE_SECONDS: u64 = 300;
/// A host must have so many seconds for each call of a step, at least, before it puts anything back.
const SECONDS_PER_CALL: u64 = 4;

/// A call of the way back.
#[derive(Debug, Clone)]
pub(super) struct Back {
    call: Call,
    /// It is made only where this call of the step was begun; 1 is the first.
    after: usize,
    /// The id of a switch that it must not remove.
    keep: Option<String>,
}

impl Back {
    /// It removes a switch, but not where that still has this id: then the step did not come to remove it.
    pub(super) fn but_not(mut self, id: &str) -> Self {
        self.keep = Some(id.to_owned());
        self
    }

    /// Only where the step came as far as its call number `number`; 1 is the first.
    pub(super) fn after(mut self, number: usize) -> Self {
        self.after = number;
        self
    }

    fn to_json(&self) -> Value {
        json!({ "call": self.call.to_json(), "after": self.after, "keep": self.keep })
    }
}

impl From<Call> for Back {
    fn from(call: Call) -> Self {
        Back { call, after: 1, keep: None }
    }
}

/// What can be undone, and how: the calls that put back what was there, each as far as it works, and what that is in words.
#[derive(Debug, Clone)]
pub(super) struct Undo {
    /// The inverse of a step, whatever of it was done.
    pub(super) calls: Vec<Back>,
    /// The switch that the step makes: where it is there when the guard is armed, somebody else has made it.
    pub(super) absent: Option<String>,
    /// `SETswitch and its addresses`
    pub(super) restores: String,
    /// The host puts it back so many seconds after the step began, unless we come back before.
    pub(super) seconds: u64,
}

/// A step that calls cmdlets, guarded where there is something to undo: the host makes the calls of `undo`, and gives the
/// addresses back to the adapters that had them, unless a new connection tells it not to. `up` are adapters whose links
/// have to be up again afterwards.
pub(super) fn step(calls: &[Call], up: &[&str], undo: Option<&Undo>) -> Step {
    let Some(undo) = undo else { return Step::new(invoke(calls, up, None)) };
    let back: Vec<Value> = undo.calls.iter().map(Back::to_json).collect();
    let id = id(calls, &back);
    let seconds = undo.seconds.max(SECONDS_PER_CALL * calls.len() as u64);
    let arm =
        json!({ "id": id, "seconds": seconds, "calls": back, "absent": undo.absent, "restore": RESTORE });
    let shown: Vec<String> = undo.calls.iter().map(|back| back.call.display()).collect();
    let shown = format!("hyperv/arm.ps1: in {seconds} s {}", shown.join("; "));
    let patience = seconds + RESTORE_SECONDS;
    Step::new(invoke(calls, up, Some((&id, seconds)))).guarded(Guard {
        arm: Request::PowerShell(Box::new(PowerShell::new(ARM, arm).shown(shown))),
        disarm: Request::PowerShell(Box::new(PowerShell::new(DISARM, json!({ "id": id })).within(patience))),
        seconds,
        restores: undo.restores.clone(),
    })
}

/// The same for the same guard: a plan that is made again is the same plan.
fn id(calls: &[Call], back: &[Value]) -> String {
    let both = Value::from([as_json(calls), back.to_vec()].concat());
    let digest = Sha256::digest(both.to_string().as_bytes());
    hex::encode(digest.get(..6).unwrap_or(&digest))
}
