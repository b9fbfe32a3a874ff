//! Laws of the whole: plans applied to a small model of a host, whatever it is and whatever is wanted of it.

use evenkeel_core::diff::unmet;
use evenkeel_core::plan::{Action, InstanceId};
use evenkeel_core::request::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::hyperv::host::Host;

const NICS: [&str; 3] = ["NIC1", "NIC2", "イーサネット 3"];
const KEYWORDS: [(&str, &[&str]); 4] = [
    ("*NetworkDirectTechnology", &["1", "3", "4"]),
    ("*JumboPacket", &["1514", "9014"]),
    ("*RSS", &["0", "1"]),
    ("*SRIOV", &["0", "1"]),
];

/// What a NIC is: its values by the number in [`KEYWORDS`], whether RDMA is on, and whether its link is up.
type Nic = (Vec<usize>, bool, bool);

fn nic() -> impl Strategy<Value = Nic> {
    (proptest::collection::vec(0_usize..6, KEYWORDS.len()), any::<bool>(), any::<bool>())
}

/// A host whose NICs are all uplinks of one switch. Our connection comes over that.
fn host(nics: &[Nic], direct: bool) -> Value {
    let description = |at: usize| format!("Adapter #{at}");
    let (mut adapters, mut properties, mut rdma) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (values, rdma_on, up)) in nics.iter().enumerate() {
        let status = if *up { "Up" } else { "Disconnected" };
        adapters.push(
            json!({ "name": NICS[at], "description": description(at), "mac": "", "index": at, "guid": "",
            "status": status, "bitsPerSecond": null, "virtual": false, "model": null, "driver": "1" }),
        );
        for ((keyword, valid), value) in KEYWORDS.iter().zip(values) {
            properties.push(json!({ "adapter": NICS[at], "keyword": keyword, "display": null,
                "values": [valid[value % valid.len()]], "valid": valid }));
        }
        rdma.push(json!({ "adapter": NICS[at], "enabled": rdma_on, "queuePairs": 1, "completionQueues": 1 }));
    }
    let uplinks: Vec<String> = (0..nics.len()).map(description).collect();
    let switch = json!({ "name": "SET", "id": "1", "type": "External", "embeddedTeaming": true, "iov": false,
        "packetDirect": false, "bandwidthMode": "Weight", "allowManagementOS": true, "notes": "", "uplinks": uplinks });
    let about = json!({ "name": "HV01", "powerShell": "7", "edition": "Core", "address": null, "hyperV": true,
        "dcb": false, "now": 0 });
    let offload = json!({ "networkDirect": if direct { "Enabled" } else { "Disabled" },
        "networkDirectAcrossIPSubnets": "Blocked" });
    json!({ "parts": { "host": [about], "adapters": adapters, "properties": properties, "rdma": rdma,
        "offload": [offload], "switches": [switch], "intents": [], "guests": [], "running": [], "guard": [] }, "failed": {} })
}

fn spec() -> impl Strategy<Value = NicSettingsSpec> {
    let property = prop_oneof![
        Just(("roceVersion", "2")),
        Just(("jumbo", "9014")),
        Just(("*JumboPacket", "1514")),
        Just(("*rss", "1"))
    ];
    let adapters = proptest::sample::subsequence(NICS.to_vec(), 1..=NICS.len()).prop_shuffle();
    let direct = proptest::option::of(any::<bool>());
    (adapters, proptest::collection::btree_map(property, Just(()), 0..4), any::<Option<bool>>(), direct)
        .prop_map(|(adapters, properties, rdma, enabled)| NicSettingsSpec {
            adapters: Some(adapters.into_iter().map(str::to_owned).collect()),
            properties: properties.into_keys().map(|(name, value)| (name.to_owned(), value.into())).collect(),
            rdma,
            network_direct: enabled.map(|on| NetworkDirect { enabled: Some(on), across_subnets: None }),
            ..NicSettingsSpec::default()
        })
}

fn plan(spec: &NicSettingsSpec, host: &Value) -> Vec<Step> {
    let read: Host = serde_json::from_value(host.clone()).unwrap();
    let seen = state::state(spec, std::sync::Arc::new(read)).unwrap();
    let after = state::desired(spec, Some(&seen));
    let changes = unmet(&json!(after), Some(&json!(seen)));
    let id = InstanceId { kind: "NicSettings".into(), name: "nics".into(), target: "hv01".into() };
    let delta = Delta {
        action: Action::Update,
        before: Some(&seen),
        after: &after,
        changes: &changes,
        owner: "tests",
        id: &id,
        replies: &Replies::default(),
    };
    steps::steps(spec, &delta)
}

/// Calls what a request calls, as a host would.
fn call(host: &mut Value, request: &Request) {
    let Request::PowerShell(powershell) = request else { panic!("{request:?}") };
    for call in powershell.input["calls"].as_array().unwrap() {
        // One of the way back says besides from when on it is made.
        let call = call.get("call").unwrap_or(call);
        let given = &call["parameters"];
        let rows = |host: &mut Value, part: &str, name: &Value, set: &dyn Fn(&mut Value)| {
            let rows = host["parts"][part].as_array_mut().unwrap();
            let found: Vec<&mut Value> = rows.iter_mut().filter(|row| row["adapter"] == *name).collect();
            assert!(!found.is_empty(), "{name} is not in {part}");
            found.into_iter().for_each(set);
        };
        match call["cmdlet"].as_str().unwrap() {
            "Set-NetAdapterAdvancedProperty" => rows(host, "properties", &given["Name"], &|row| {
                if row["keyword"] == given["RegistryKeyword"] {
                    row["values"] = json!([given["RegistryValue"]]);
                }
            }),
            "Set-NetAdapterRdma" => {
                rows(host, "rdma", &given["Name"], &|row| row["enabled"] = given["Enabled"].clone());
            }
            "Set-NetOffloadGlobalSetting" => {
                host["parts"]["offload"][0]["networkDirect"] = given["NetworkDirect"].clone();
            }
            "Restart-NetAdapter" => {}
            other => panic!("{other}"),
        }
    }
}

proptest! {
    #[test]
    fn a_plan_closes_the_difference_and_a_second_one_is_empty(
        nics in proptest::collection::vec(nic(), 3), direct in any::<bool>(), spec in spec()
    ) {
        prop_assume!(check::check(&spec).iter().all(|finding| finding.warning));
        let mut there = host(&nics, direct);
        for step in plan(&spec, &there) {
            call(&mut there, &step.request);
        }
        prop_assert_eq!(plan(&spec, &there), vec![]);
    }

    #[test]
    fn a_guard_puts_back_what_was_there(
        nics in proptest::collection::vec(nic(), 3), direct in any::<bool>(), spec in spec(), of in 0_usize..3
    ) {
        prop_assume!(check::check(&spec).iter().all(|finding| finding.warning));
        let before = host(&nics, direct);
        // It is not known which way we come, so that every restart is guarded.
        let steps = plan(&spec, &before);
        let Some(step) = steps.iter().filter(|step| step.guard.is_some()).nth(of) else { return Ok(()) };
        let mut there = before.clone();
        call(&mut there, &step.request);
        prop_assert_ne!(&there, &before);
        call(&mut there, &step.guard.as_ref().unwrap().arm);
        prop_assert_eq!(there, before);
    }

    #[test]
    fn the_last_working_uplink_is_never_restarted(
        nics in proptest::collection::vec(nic(), 3), direct in any::<bool>(), spec in spec()
    ) {
        let up: Vec<&str> = nics.iter().zip(NICS).filter(|(nic, _)| nic.2).map(|(_, name)| name).collect();
        prop_assume!(check::check(&spec).iter().all(|finding| finding.warning));
        for step in plan(&spec, &host(&nics, direct)) {
            let shown = step.request.display();
            let is_last = up.len() == 1 && shown.contains(&format!("Restart-NetAdapter -Name {}", up[0]));
            prop_assert!(up.len() != 1 || up[0].contains(' ') || step.held.is_some() == is_last, "{}", shown);
        }
    }
}
