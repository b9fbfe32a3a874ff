//! The host as a machine of the lab.

use evenkeel_core::request::{PowerShell, Request, Script};
use serde_json::{Value, json};

use super::host;
use crate::machine::Machine as _;
use crate::random::Random;

const OBSERVE: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/observe.ps1");

fn observe() -> Request {
    Request::PowerShell(Box::new(PowerShell::new(Script::new("hyperv/observe.ps1", OBSERVE), json!({}))))
}

fn script(text: &'static str) -> Request {
    Request::PowerShell(Box::new(PowerShell::new(Script::new("test.ps1", text), json!({}))))
}

#[test]
fn our_drivers_can_read_it_and_reading_changes_nothing() {
    let mut host = host();
    let before = host.fingerprint();
    let reply = host.answer("hv01", &observe());
    assert_eq!(reply.exit, 0, "{}", reply.stderr_text());
    let document: Value = serde_json::from_slice(&reply.stdout).unwrap();
    assert_eq!(document["failed"], json!({}), "{document}");
    assert_eq!(host.fingerprint(), before);
    let about = &document["parts"]["host"][0];
    assert_eq!(
        about,
        &json!({
            "name": "HV01", "powerShell": about["powerShell"], "edition": "Desktop", "address": "192.168.1.10",
            "hyperV": true, "dcb": true, "now": 1_795_201_200,
        })
    );
    assert_eq!(
        document["parts"]["rdma"][0],
        json!({ "adapter": "NIC1", "enabled": true, "queuePairs": 16384, "completionQueues": 16384 })
    );
    assert_eq!(document["parts"]["flowControl"].as_array().map(Vec::len), Some(8));
    assert_eq!(
        document["parts"]["classes"][0],
        json!({ "name": "[Default]", "algorithm": "ETS", "bandwidth": 100, "priorities": [0, 1, 2, 3, 4, 5, 6, 7] })
    );
}

#[test]
fn replies_are_those_of_the_transport() {
    let mut host = host();
    for line in ["Get-NetAdapter -Name NIC9", "throw 'a  b'", "Get-Item2 x", "(Get-NetAdapter NIC1).Name"] {
        let request = Request::PowerShell(Box::new(PowerShell::new(
            Script { name: "test.ps1".into(), text: line.into() },
            json!({}),
        )));
        let reply = host.answer("hv01", &request);
        let told: Value = serde_json::from_slice(&reply.stdout).unwrap();
        let answer = if reply.exit == 0 { json!({ "value": told }) } else { json!({ "error": told }) };
        assert_eq!(evenkeel_transport::powershell::reply(&answer), Some(reply), "{line}");
    }
    let missing = host.answer("hv01", &script("Get-NetAdapter -Name NIC9"));
    assert_eq!(
        missing.stderr_text().trim_end(),
        "Get-NetAdapter: ObjectNotFound (NIC9): No MSFT_NetAdapter objects found with property 'Name' equal to 'NIC9'. Verify the value of the property and retry."
    );
}

#[test]
fn faults_come_when_they_are_told_to() {
    let mut host = host();
    host.fail_after(1, "Get-NetAdapter", "A general error occurred.");
    assert_eq!(host.answer("hv01", &script("(Get-NetAdapter NIC1).Name")).exit, 0);
    let reply = host.answer("hv01", &script("(Get-NetAdapter NIC1).Name"));
    assert!(reply.stderr_text().contains("A general error occurred."), "{}", reply.stderr_text());
    host.heal("get-netadapter");
    assert_eq!(host.answer("hv01", &script("(Get-NetAdapter NIC1).Name")).exit, 0);
}

#[test]
fn a_script_that_is_cut_does_the_first_part_or_all_of_it() {
    let line = "Disable-NetAdapter NIC1; Disable-NetAdapter NIC2; Restart-NetAdapter NIC1";
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let mut host = host();
        host.answer_in_part("hv01", &script(line), &mut Random::new(seed));
        let enabled = |name: &str| host.adapter(name).is_some_and(|nic| nic.enabled);
        seen.insert((enabled("NIC1"), enabled("NIC2")));
    }
    assert_eq!(seen, [(true, true), (false, true), (false, false)].into());
}

#[test]
fn hands_change_one_thing_and_leave_us_the_way_in() {
    for seed in 0..200 {
        let mut host = host();
        let before = host.fingerprint();
        host.drift(&mut Random::new(seed));
        assert_ne!(host.fingerprint(), before, "seed {seed}");
        assert!(host.is_reachable(), "seed {seed}");
    }
}

#[test]
fn the_clock_is_no_part_of_the_state() {
    let mut host = host();
    let before = host.fingerprint();
    host.pass(1000);
    assert_eq!(host.fingerprint(), before);
}
