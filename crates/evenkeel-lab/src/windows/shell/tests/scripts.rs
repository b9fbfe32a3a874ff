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
    assert_eq!(run_script(&mut toy, INVOKE, &input), Ok(json!({ "called": 2 })));
    let called: Vec<&String> = toy.calls.iter().filter(|call| call.starts_with("Set-")).collect();
    assert_eq!(
        called,
        [r#"Set-Thing -Access true -Name "S 1" -VlanId 100"#, r#"Set-Thing -Adapters ["NIC1","NIC2"]"#]
    );
    let mut missing = input.clone();
    missing["up"] = json!(["イーサネット 9"]);
    let failed = run_script(&mut toy, INVOKE, &missing).unwrap_err();
    assert!(failed.message.starts_with("イーサネット 9 "), "{}", failed.message);
    assert_eq!(toy.clock, 60);
}

#[test]
fn invoke_ends_with_the_first_that_fails_and_says_so_to_the_guard() {
    let key = vec![("Guard".to_owned(), r#"{"id":"g1"}"#.to_owned())];
    let mut toy = Toy { key: Some(key), ..Toy::default() };
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
    assert_eq!(toy.value("Change"), "g1 failed 1");
}

#[test]
fn arm_disarm_and_restore() {
    let mut toy = Toy { clock: 1_800_000_000, ..Toy::default() };
    let call = json!({ "call": { "cmdlet": "Set-Thing", "parameters": { "Name": "old" } }, "after": 1 });
    let wanted = json!({ "id": "g1", "seconds": 300, "calls": [call], "restore": RESTORE });
    let armed = run_script(&mut toy, ARM, &wanted).unwrap();
    assert_eq!(armed, json!({ "id": "g1" }));
    let guard: serde_json::Value = serde_json::from_str(toy.value("Guard")).unwrap();
    assert_eq!(guard["addresses"], json!([{ "interface": "NIC1", "address": "192.0.2.1", "prefix": 24 }]));
    assert_eq!(guard["calls"], json!([call]));
    assert_eq!(guard["routes"], json!([]));
    let registered = toy.calls.iter().find(|call| call.starts_with("Register-ScheduledTask")).unwrap();
    assert!(registered.contains("\"UnixSeconds\":1800000300"), "{registered}");
    let again = run_script(&mut toy, ARM, &wanted).unwrap_err();
    assert_eq!(again.message, "another run is being tried out on this host (guard g1)");

    let change = json!({ "cmdlet": "Set-Thing", "parameters": { "Name": "new" } });
    run_script(&mut toy, INVOKE, &json!({ "calls": [change], "up": [], "guard": "g1" })).unwrap();
    assert_eq!(toy.value("Change"), "g1 done 1");
    let mut after = Toy { key: toy.key.clone(), clock: toy.clock, ..Toy::default() };
    for _ in 0..2 {
        let confirmed = json!({ "outcome": "confirmed", "said": "", "left": [] });
        assert_eq!(run_script(&mut after, DISARM, &json!({ "id": "g1" })), Ok(confirmed));
        assert_eq!(after.value("Guard"), "");
    }

    // The other end: nobody disarmed it.
    toy.calls.clear();
    let _ = run_script(&mut toy, RESTORE, &json!({}));
    assert!(toy.calls.contains(&r#"Set-Thing -Name "old""#.to_owned()), "{:?}", toy.calls);
    let late = run_script(&mut toy, DISARM, &json!({ "id": "g1" })).unwrap();
    assert_eq!(late["outcome"], "rolledBack");
    assert!(late["said"].as_str().unwrap().starts_with("the host put back what was there before"), "{late}");
}
