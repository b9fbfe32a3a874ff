//! The dead man's switch: what a step may cut off, and what the host puts back then.

use evenkeel_core::driver::Guard;
use evenkeel_core::request::{Call, PowerShell, Request};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::scripts::{ARM, DISARM, RESTORE, as_json};

/// A host that is not disarmed puts back what it was after so many seconds, where the manifest says nothing else.
pub(super) const DEFAULT_SECONDS: u64 = 300;

/// A guard that makes the host call `back` (as far as each works), and give the addresses back to the adapters that had
/// them. `restores` says in words what that is.
pub(super) fn guard(back: &[Call], restores: &str, seconds: u64) -> Guard {
    let calls = as_json(back);
    let id = id(&calls, restores);
    let arm = json!({ "id": id, "seconds": seconds, "calls": calls, "restore": RESTORE });
    let shown: Vec<String> = back.iter().map(Call::display).collect();
    let shown = format!("hyperv/arm.ps1: in {seconds} s {}", shown.join("; "));
    Guard {
        arm: Request::PowerShell(Box::new(PowerShell::new(ARM, arm).shown(shown))),
        disarm: Request::PowerShell(Box::new(PowerShell::new(DISARM, json!({ "id": id })).within(180))),
        seconds,
        restores: restores.to_owned(),
    }
}

/// The same for the same guard: a plan that is made again is the same plan.
fn id(calls: &[Value], restores: &str) -> String {
    let digest = Sha256::digest(format!("{}{restores}", Value::from(calls.to_vec())).as_bytes());
    hex::encode(digest.get(..6).unwrap_or(&digest))
}
