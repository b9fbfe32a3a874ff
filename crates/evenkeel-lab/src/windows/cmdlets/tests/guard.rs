//! The dead man's switch: our own scripts on the simulated host.

use evenkeel_core::request::{PowerShell, Reply, Request, Script};
use serde_json::{Value, json};

use super::{WindowsHost, all, does, host, one};
use crate::machine::Machine as _;
use crate::random::Random;

const ARM: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/arm.ps1");
const INVOKE: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/invoke.ps1");
const DISARM: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/disarm.ps1");
const RESTORE: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/restore.ps1");

fn script(text: &'static str, input: Value) -> Request {
    Request::PowerShell(Box::new(PowerShell::new(Script::new("test.ps1", text), input)))
}

fn send(host: &mut WindowsHost, text: &'static str, input: Value) -> Reply {
    host.answer("hv01", &script(text, input))
}

/// Armed for five minutes; puts the adapter back.
fn arm(host: &mut WindowsHost) {
    let back =
        json!({ "cmdlet": "Enable-NetAdapter", "parameters": { "Name": "Onboard", "Confirm": false } });
    let back = json!({ "call": back, "after": 1 });
    let armed = send(host, ARM, json!({ "id": "a1", "seconds": 300, "calls": [back], "restore": RESTORE }));
    assert_eq!(armed.exit, 0, "{}", armed.stderr_text());
}

/// A change by calls of cmdlets with these adapters' names, whose links have to be up afterwards.
fn invoke(calls: &[(&str, &str)], up: &[&str]) -> Request {
    let call = |(cmdlet, nic): &(&str, &str)| json!({ "cmdlet": cmdlet, "parameters": { "Name": nic, "Confirm": false } });
    let calls: Vec<Value> = calls.iter().map(call).collect();
    script(INVOKE, json!({ "calls": calls, "up": up, "guard": "a1" }))
}

fn change(host: &mut WindowsHost, cmdlet: &str, nic: &str) -> Reply {
    host.answer("hv01", &invoke(&[(cmdlet, nic)], &[]))
}

/// What the host says became of the change, and why.
fn disarm(host: &mut WindowsHost) -> (String, String) {
    let reply = send(host, DISARM, json!({ "id": "a1" }));
    assert_eq!(reply.exit, 0, "{}", reply.stderr_text());
    let told: Value = serde_json::from_slice(&reply.stdout).unwrap();
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("said"))
}

fn status(host: &mut WindowsHost) -> Value {
    one(host, "(Get-NetAdapter Onboard).Status")
}

fn nothing_is_left(host: &mut WindowsHost) {
    assert_eq!(all(host, "Get-ScheduledTask -ErrorAction SilentlyContinue"), json!([]));
    assert_eq!(one(host, "(Get-ItemProperty HKLM:\\SOFTWARE\\Evenkeel).Guard"), json!(""));
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
    nothing_is_left(&mut host);
    let (outcome, said) = disarm(&mut host);
    assert_eq!(outcome, "rolledBack");
    assert!(said.contains("put back what was there before"), "{said}");
}

#[test]
fn what_is_confirmed_stays() {
    let mut host = host();
    arm(&mut host);
    assert_eq!(change(&mut host, "Restart-NetAdapter", "Onboard").exit, 0);
    assert_eq!(disarm(&mut host).0, "confirmed");
    assert_eq!(disarm(&mut host).0, "confirmed", "asked again");
    nothing_is_left(&mut host);
    does(&mut host, "Disable-NetAdapter Onboard");
    host.pass(3600);
    assert_eq!(status(&mut host), json!("Disabled"), "nobody puts anything back any more");
}

#[test]
fn a_change_that_fails_is_put_back_at_once() {
    let mut host = host();
    arm(&mut host);
    let failing = [("Disable-NetAdapter", "Onboard"), ("Disable-NetAdapterRdma", "Onboard")];
    assert_eq!(host.answer("hv01", &invoke(&failing, &[])).exit, 1);
    let (outcome, said) = disarm(&mut host);
    assert_eq!(outcome, "rolledBack");
    assert!(said.contains("since the change failed"), "{said}");
    host.pass(3);
    assert_eq!(status(&mut host), json!("Up"));
    nothing_is_left(&mut host);
}

#[test]
fn only_one_guard_at_a_time() {
    let mut host = host();
    arm(&mut host);
    let other = send(&mut host, ARM, json!({ "id": "b2", "seconds": 60, "calls": [], "restore": RESTORE }));
    assert!(other.stderr_text().contains("guard a1"), "{}", other.stderr_text());
}

#[test]
fn a_change_that_never_came_is_no_reason_to_put_anything_back() {
    let mut host = host();
    does(&mut host, "Disable-NetAdapter NIC1");
    arm(&mut host);
    host.pass(400);
    let (outcome, said) = disarm(&mut host);
    assert_eq!(outcome, "neverBegun", "{said}");
    nothing_is_left(&mut host);
    assert_eq!(one(&mut host, "(Get-NetAdapter NIC1).Status"), json!("Disabled"));
    // It comes late, and is refused.
    assert_eq!(change(&mut host, "Disable-NetAdapter", "Onboard").exit, 1);
    assert_eq!(status(&mut host), json!("Up"));
}

#[test]
fn an_address_that_went_with_its_adapter_comes_back() {
    let mut host = host();
    arm(&mut host);
    assert_eq!(change(&mut host, "Restart-NetAdapter", "Onboard").exit, 0);
    does(&mut host, "Remove-NetIPAddress -IPAddress 192.168.1.10 -Confirm:$false");
    assert!(!host.is_reachable());
    host.pass(301);
    assert!(host.is_reachable());
}

/// Every cmdlet takes so long that the time is over in the midst of it: neither undoes what the other does.
#[test]
fn a_change_that_is_still_at_work_is_waited_for_and_begins_nothing_more() {
    for seconds in 1..=40 {
        let mut host = host();
        arm(&mut host);
        host.slow("*", seconds);
        let calls = [
            ("Restart-NetAdapter", "NIC2"),
            ("Disable-NetAdapter", "Onboard"),
            ("Disable-NetAdapter", "NIC1"),
        ];
        host.answer("hv01", &invoke(&calls, &["NIC2"]));
        host.slow("*", 0);
        host.pass(1200);
        assert!(host.is_reachable(), "{seconds}");
        assert_eq!(status(&mut host), json!("Up"), "{seconds}");
        nothing_is_left(&mut host);
        let (outcome, said) = disarm(&mut host);
        assert!(["rolledBack", "neverBegun"].contains(&outcome.as_str()), "{seconds}: {said}");
    }
}

#[test]
fn what_is_disarmed_while_its_time_ends_is_one_or_the_other() {
    for seconds in 1..=40 {
        let mut host = host();
        arm(&mut host);
        assert_eq!(change(&mut host, "Disable-NetAdapter", "Onboard").exit, 0);
        host.pass(300 - 20);
        host.slow("*", seconds);
        let reply = send(&mut host, DISARM, json!({ "id": "a1" }));
        host.slow("*", 0);
        host.pass(1200);
        let outcome = disarm(&mut host).0;
        if reply.exit == 0 {
            let told: Value = serde_json::from_slice(&reply.stdout).unwrap();
            assert_eq!(told["outcome"].as_str(), Some(outcome.as_str()), "{seconds}");
        }
        let wanted = if outcome == "confirmed" { "Disabled" } else { "Up" };
        assert_eq!(status(&mut host), json!(wanted), "{seconds} {outcome}");
        nothing_is_left(&mut host);
    }
}

#[test]
fn a_host_that_starts_anew_in_the_midst_of_it_puts_it_back() {
    for seed in 0..40 {
        let mut host = host();
        arm(&mut host);
        let calls = [("Disable-NetAdapter", "Onboard"), ("Restart-NetAdapter", "NIC2")];
        host.answer_and_restart("hv01", &invoke(&calls, &["NIC2"]), &mut Random::new(seed));
        assert!(host.is_reachable(), "{seed}");
        nothing_is_left(&mut host);
        assert!(["rolledBack", "neverBegun"].contains(&disarm(&mut host).0.as_str()), "{seed}");
    }
}

#[test]
fn what_others_give_is_not_ours_to_put_back() {
    let mut host =
        host().with_lease("NIC1", "10.0.0.7/24", "10.0.0.1").with_cluster_address("NIC2", "10.1.0.9/24");
    arm(&mut host);
    assert_eq!(change(&mut host, "Disable-NetAdapter", "Onboard").exit, 0);
    // Meanwhile the cluster takes its address to another node.
    does(&mut host, "Remove-NetIPAddress -IPAddress 10.1.0.9 -Confirm:$false");
    let before = host.addresses.clone();
    host.pass(400);
    assert_eq!(disarm(&mut host).0, "rolledBack");
    assert_eq!(host.addresses, before);
}
