//! Every script of ours, on a machine with next to nothing.

use serde_json::json;

use super::super::run_script;
use super::toy::Toy;

const OBSERVE: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/observe.ps1");
const INVOKE: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/invoke.ps1");
const ARM: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/arm.ps1");
const DISARM: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/disarm.ps1");
const RESTORE: &str = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/restore.ps1");

#[test]
fn observe_tells_parts_as_lists_and_failures_apart() {
    let mut toy = Toy { clock: 1_800_000_000, ..Toy::default() };
    toy.environment.push(("SSH_CONNECTION", "192.0.2.9 50000 192.0.2.1 22".to_owned()));
    toy.environment.push(("COMPUTERNAME", "HV01".to_owned()));
    let seen = run_script(&mut toy, OBSERVE, &json!({})).unwrap();
    let host = &seen["parts"]["host"][0];
    assert_eq!(host["name"], "HV01");
    assert_eq!(host["address"], "192.0.2.1");
    assert_eq!(host["now"], 1_800_000_000);
    assert_eq!((&host["hyperV"], &host["dcb"]), (&json!(true), &json!(false)));
    assert_eq!(seen["parts"]["adapters"].as_array().unwrap().len(), 6);
    assert_eq!(seen["parts"]["adapters"][1]["name"], "イーサネット 2");
    // In a text an enumeration's name.
    assert_eq!(seen["parts"]["adapters"][1]["status"], "Up");
    // One value stays a list.
    assert_eq!(seen["parts"]["properties"][0]["values"], json!(["9014"]));
    assert_eq!(seen["parts"]["guests"].as_array().unwrap().len(), 2);
    // A part without rows is an empty list, and one that was not asked is not there.
    assert_eq!(seen["parts"]["rdma"], json!([]));
    assert_eq!(seen["parts"]["guard"], json!([]));
    assert_eq!(seen["parts"].get("classes"), None);
    assert_eq!(seen["failed"], json!({}));
}

#[test]
fn observing_takes_no_time_worth_speaking_of() {
    let mut toy = Toy::default();
    run_script(&mut toy, OBSERVE, &json!({})).unwrap();
    let begun = std::time::Instant::now();
    for _ in 0..10 {
        run_script(&mut toy, OBSERVE, &json!({})).unwrap();
    }
    // 20 ms each is what the simulator is built for; the rest is for loaded machines.
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn invoke_calls_each_with_its_parameters() {
    let mut toy = Toy::default();
    let input = json!({
        "calls": [
            { "cmdlet": "set-thing", "parameters": { "Name": "S 1", "VlanId": 100, "Access": true } },
            { "cmdlet": "Set-Thing", "parameters": { "Adapters": ["NIC1", "NIC2"] } },
        ],
        "up": ["イーサネット 1"],
    });
    // The toy gives six adapters whatever the name: their texts are not `Up` together, so only names are asked here.
    let mut alone = input.clone();
    alone["up"] = json!([]);
    assert_eq!(run_script(&mut toy, INVOKE, &alone), Ok(json!({ "called": 2 })));
    assert_eq!(
        toy.calls,
        [r#"Set-Thing -Access true -Name "S 1" -VlanId 100"#, r#"Set-Thing -Adapters ["NIC1","NIC2"]"#]
    );
    let failed = run_script(&mut toy, INVOKE, &input).unwrap_err();
    assert_eq!(failed.message, "イーサネット 1 is not up again after 60 s");
    assert_eq!(toy.clock, 60);
}

#[test]
fn invoke_ends_with_the_first_that_fails_and_says_so_to_the_guard() {
    let mut toy = Toy { key: Some(Vec::new()), ..Toy::default() };
    let input = json!({
        "calls": [
            { "cmdlet": "Get-Thing", "parameters": { "Name": "x" } },
            { "cmdlet": "Set-Thing", "parameters": {} },
        ],
        "up": [],
        "guard": "g1",
    });
    let failed = run_script(&mut toy, INVOKE, &input).unwrap_err();
    assert_eq!((failed.cmdlet.as_str(), failed.category), ("Get-Thing", "ObjectNotFound"));
    assert_eq!((failed.target.as_str(), failed.message.as_str()), ("x", "there is no thing x"));
    assert!(!toy.calls.iter().any(|call| call.starts_with("Set-Thing")), "{:?}", toy.calls);
    assert_eq!(toy.value("Change"), "g1 failed");
}

#[test]
fn arm_disarm_and_restore() {
    let mut toy = Toy { clock: 1_800_000_000, ..Toy::default() };
    let call = json!({ "cmdlet": "Set-Thing", "parameters": { "Name": "old" } });
    let wanted = json!({ "id": "g1", "seconds": 300, "calls": [call], "restore": RESTORE });
    let armed = run_script(&mut toy, ARM, &wanted).unwrap();
    assert_eq!(armed, json!({ "id": "g1", "fires": 1_800_000_300 }));
    let guard: serde_json::Value = serde_json::from_str(toy.value("Guard")).unwrap();
    assert_eq!(guard["addresses"], json!([{ "interface": "NIC1", "address": "192.0.2.1", "prefix": 24 }]));
    assert_eq!(guard["calls"], json!([call]));
    assert_eq!(guard["routes"], json!([]));
    let registered = toy.calls.iter().find(|call| call.starts_with("Register-ScheduledTask")).unwrap();
    assert!(registered.contains("\"UnixSeconds\":1800000300"), "{registered}");
    let again = run_script(&mut toy, ARM, &wanted).unwrap_err();
    assert_eq!(again.message, "another run is being tried out on this host (guard g1)");

    run_script(&mut toy, INVOKE, &json!({ "calls": [], "up": [], "guard": "g1" })).unwrap();
    let mut after = Toy { key: toy.key.clone(), clock: toy.clock, ..Toy::default() };
    assert_eq!(run_script(&mut after, DISARM, &json!({ "id": "g1" })), Ok(json!({ "id": "g1" })));
    assert_eq!(after.value("Guard"), "");

    // The other end: nobody disarmed it.
    toy.calls.clear();
    let _ = run_script(&mut toy, RESTORE, &json!({}));
    assert!(toy.calls.contains(&r#"Set-Thing -Name "old""#.to_owned()), "{:?}", toy.calls);
    let done: serde_json::Value = serde_json::from_str(toy.value("RolledBack")).unwrap();
    assert_eq!(done["id"], "g1");
    let late = run_script(&mut toy, DISARM, &json!({ "id": "g1" })).unwrap_err();
    assert!(late.message.starts_with("the host put back what was there before"), "{}", late.message);
    assert_eq!(late.category, "OperationStopped");
}
