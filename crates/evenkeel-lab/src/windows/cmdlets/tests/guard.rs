//! The dead man's switch: our own scripts on the simulated host.

use evenkeel_core::request::{PowerShell, Reply, Request, Script};
use serde_json::{Value, json};

use super::{WindowsHost, host, one};
use crate::machine::Machine as _;

const ARM: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/arm.ps1");
const INVOKE: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/invoke.ps1");
const DISARM: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/disarm.ps1");
const RESTORE: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/restore.ps1");

fn send(host: &mut WindowsHost, text: &'static str, input: Value) -> Reply {
    let powershell = PowerShell::new(Script::new("test.ps1", text), input);
    host.answer("hv01", &Request::PowerShell(Box::new(powershell)))
}

/// Armed for five minutes; puts the adapter back.
fn arm(host: &mut WindowsHost) {
    let back =
        json!({ "cmdlet": "Enable-NetAdapter", "parameters": { "Name": "Onboard", "Confirm": false } });
    let armed = send(host, ARM, json!({ "id": "a1", "seconds": 300, "calls": [back], "restore": RESTORE }));
    assert_eq!(armed.exit, 0, "{}", armed.stderr_text());
}

fn change(host: &mut WindowsHost, cmdlet: &str, nic: &str) -> Reply {
    let call = json!({ "cmdlet": cmdlet, "parameters": { "Name": nic, "Confirm": false } });
    send(host, INVOKE, json!({ "calls": [call], "up": [], "guard": "a1" }))
}

fn disarm(host: &mut WindowsHost) -> Reply {
    send(host, DISARM, json!({ "id": "a1" }))
}

fn status(host: &mut WindowsHost) -> Value {
    one(host, "(Get-NetAdapter Onboard).Status")
}

#[test]
fn what_nobody_confirms_is_put_back() {
    let mut host = host();
    arm(&mut host);
    assert_eq!(change(&mut host, "Disable-NetAdapter", "Onboard").exit, 0);
    assert!(!host.is_reachable());
    host.pass(299);
    assert!(!host.is_reachable());
    host.pass(10);
    assert!(host.is_reachable());
    assert_eq!(status(&mut host), json!("Up"));
    let told = one(&mut host, "(Get-ItemProperty HKLM:\\SOFTWARE\\Evenkeel).RolledBack");
    assert!(told.as_str().unwrap().contains("\"id\":\"a1\""), "{told}");
    assert_eq!(one(&mut host, "@(Get-ScheduledTask -ErrorAction SilentlyContinue).Count"), json!(0));
    let late = disarm(&mut host);
    assert_eq!(late.exit, 1);
    assert!(late.stderr_text().contains("put back what was there before"), "{}", late.stderr_text());
}

#[test]
fn what_is_confirmed_stays() {
    let mut host = host();
    arm(&mut host);
    assert_eq!(change(&mut host, "Restart-NetAdapter", "Onboard").exit, 0);
    let done = disarm(&mut host);
    assert_eq!(done.exit, 0, "{}", done.stderr_text());
    assert_eq!(disarm(&mut host).exit, 0, "asked again");
    assert_eq!(change(&mut host, "Disable-NetAdapter", "Onboard").exit, 0);
    host.pass(3600);
    assert_eq!(status(&mut host), json!("Disabled"), "nobody puts anything back any more");
}

#[test]
fn a_change_that_fails_is_put_back_at_once() {
    let mut host = host();
    arm(&mut host);
    assert_eq!(change(&mut host, "Disable-NetAdapter", "NIC9").exit, 1);
    let told = disarm(&mut host).stderr_text();
    assert!(told.contains("since the change failed"), "{told}");
    host.pass(3600);
    assert_eq!(status(&mut host), json!("Up"));
}

#[test]
fn only_one_guard_at_a_time() {
    let mut host = host();
    arm(&mut host);
    let other = send(&mut host, ARM, json!({ "id": "b2", "seconds": 60, "calls": [], "restore": RESTORE }));
    assert!(other.stderr_text().contains("guard a1"), "{}", other.stderr_text());
}

#[test]
fn an_address_that_went_with_its_adapter_comes_back() {
    let mut host = host();
    arm(&mut host);
    super::does(&mut host, "Remove-NetIPAddress -IPAddress 192.168.1.10 -Confirm:$false");
    assert!(!host.is_reachable());
    host.pass(301);
    assert!(host.is_reachable());
}
