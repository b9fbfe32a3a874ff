//! The fixed scripts, and the requests that are made of them.

use evenkeel_core::request::{Call, PowerShell, Query, Request, Script};
use serde_json::{Value, json};

/// Reads all that any driver here looks at.
pub(super) const OBSERVE: Script = Script::new("hyperv/observe.ps1", include_str!("scripts/observe.ps1"));
/// Calls cmdlets.
pub(super) const INVOKE: Script = Script::new("hyperv/invoke.ps1", include_str!("scripts/invoke.ps1"));
/// Arms the dead man's switch.
pub(super) const ARM: Script = Script::new("hyperv/arm.ps1", include_str!("scripts/arm.ps1"));
/// Disarms it.
pub(super) const DISARM: Script = Script::new("hyperv/disarm.ps1", include_str!("scripts/disarm.ps1"));
/// What the host runs where nobody disarmed it.
pub(super) const RESTORE: &str = include_str!("scripts/restore.ps1");

/// The most seconds that cmdlets which restart adapters may take.
const INVOKE_SECONDS: u64 = 300;

/// Reads the host. The same request for every resource, so it is sent once.
pub(super) fn observe() -> Query {
    Query::reading(Request::PowerShell(Box::new(PowerShell::new(OBSERVE, json!({})))))
}

/// Calls cmdlets one after the other. `up` are adapters (by name) whose links have to be up again afterwards. `guard` is
/// the guard that waits for the end of it: its id, and after how many seconds it ends the waiting.
pub(super) fn invoke(calls: &[Call], up: &[&str], guard: Option<(&str, u64)>) -> Request {
    let input = json!({ "calls": as_json(calls), "up": up, "guard": guard.map(|(id, _)| id) });
    let shown: Vec<String> = calls.iter().map(Call::display).collect();
    let seconds = guard.map_or(INVOKE_SECONDS, |(_, seconds)| seconds.max(INVOKE_SECONDS));
    let powershell = PowerShell::new(INVOKE, input).shown(shown.join("; ")).within(seconds);
    Request::PowerShell(Box::new(powershell))
}

/// Calls as scripts are given them.
pub(super) fn as_json(calls: &[Call]) -> Vec<Value> {
    calls.iter().map(Call::to_json).collect()
}
