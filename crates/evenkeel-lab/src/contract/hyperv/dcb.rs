//! `DcbPolicy`: hosts with the feature and without, with policies and classes of others.

use serde_json::{Map, Value, json};

use super::super::{Fixture, Lists, Scenario, TARGET};
use super::blur::blur;
use super::{Drawn, by_hand, distinct, draw, manifest, reference, scenario as staged, some_of};
use crate::random::Random;
use crate::windows::WindowsHost;

pub(in super::super) const FIXTURE: Fixture = Fixture {
    kind: "DcbPolicy",
    backend: None,
    scenario,
    lists: Lists::Objects,
    blur: Some(blur),
    follows: &[],
    seeds: 40,
};

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 72);
    let has_team = random.one_in(2);
    let mut drawn = draw(&mut random, has_team);
    if !random.one_in(4) {
        drawn.host = drawn.host.with_dcb();
        tinker(&mut drawn.host, &mut random);
    }
    let spec = spec(&mut drawn, &mut random);
    staged(drawn, &[manifest("DcbPolicy", "dcb", &spec)])
}

/// What somebody set before.
fn tinker(host: &mut WindowsHost, random: &mut Random) {
    for line in [
        "New-NetQosPolicy SMB -NetDirectPortMatchCondition 445 -PriorityValue8021Action 5",
        "New-NetQosPolicy Cluster -Cluster -PriorityValue8021Action 7",
        "New-NetQosPolicy Theirs -iSCSI -PriorityValue8021Action 4",
        "New-NetQosTrafficClass SMB -Priority 3 -BandwidthPercentage 60 -Algorithm ETS",
        "New-NetQosTrafficClass Theirs -Priority 6 -BandwidthPercentage 5 -Algorithm ETS",
        "Enable-NetQosFlowControl -Priority 4,5",
        "Set-NetQosDcbxSetting -Willing $false -Confirm:$false",
    ] {
        if random.one_in(2) {
            by_hand(host, line);
        }
    }
    for _ in 0..random.below(4) {
        host.drift(random);
    }
}

fn spec(drawn: &mut Drawn, random: &mut Random) -> Value {
    let mut spec =
        Map::from_iter([("target".to_owned(), json!(TARGET)), ("confirmWithin".to_owned(), json!("10m"))]);
    let mut put = |name: &str, value: Value| drop(spec.insert(name.to_owned(), value));
    if random.one_in(2) {
        put("willing", json!(random.one_in(2)));
    }
    let is_roce = random.one_in(2);
    put("technology", json!(if is_roce { "RoCE" } else { "iWARP" }));
    let (mut policies, mut classes) = (Map::new(), Map::new());
    // Where a priority is of RDMA over Ethernet, all that belongs to it.
    if is_roce || random.one_in(2) {
        policies.insert("SMB".to_owned(), json!({ "networkDirectPort": 445, "priority": 3 }));
        classes.insert("SMB".to_owned(), json!({ "priorities": [3], "bandwidth": 30 + random.below(30) }));
        let mut lossless = distinct(random, [4, 5], 2);
        lossless.insert(3);
        put("flowControl", json!(lossless));
    }
    if random.one_in(2) {
        policies.insert("Cluster".to_owned(), json!({ "template": "Cluster", "priority": 7 }));
        classes.insert("Cluster".to_owned(), json!({ "priorities": [7], "bandwidth": 1 + random.below(3) }));
    }
    if random.one_in(3) {
        classes
            .insert("移行".to_owned(), json!({ "priorities": distinct(random, [1, 2], 2), "bandwidth": 10 }));
    }
    put("policies", Value::Object(policies));
    put("trafficClasses", Value::Object(classes));
    if random.one_in(2) {
        let nics = some_of(drawn, 1, random);
        let written: Vec<String> = nics.iter().map(|nic| reference(&mut drawn.host, nic, random)).collect();
        put("adapters", json!(written));
    }
    if spec.len() < 6 && !spec.contains_key("willing") {
        spec.insert("willing".to_owned(), json!(false));
    }
    Value::Object(spec)
}
