//! `HyperVSwitch`: a switch that is not there yet, or that somebody made another way.

use serde_json::{Map, Value, json};

use super::super::{Fixture, Lists, Scenario, TARGET};
use super::blur::blur;
use super::{Drawn, STORAGE, SWITCH_NAME, draw, manifest, reference, scenario as staged, some_of};
use crate::random::Random;
use crate::windows::Model;

pub(in super::super) const FIXTURE: Fixture = Fixture {
    kind: "HyperVSwitch",
    backend: None,
    scenario,
    lists: Lists::Objects,
    blur: Some(blur),
    follows: &[],
    seeds: 40,
};

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 70);
    let has_team = !random.one_in(3);
    let mut drawn = draw(&mut random, has_team);
    let spec = spec(&mut drawn, &mut random);
    staged(drawn, &[manifest("HyperVSwitch", "set", &spec)])
}

fn spec(drawn: &mut Drawn, random: &mut Random) -> Value {
    let uplinks = some_of(drawn, 1, random);
    let is_team = !drawn.team.is_empty() || uplinks.len() > 1 || random.one_in(2);
    let written: Vec<String> = uplinks.iter().map(|nic| reference(&mut drawn.host, nic, random)).collect();
    let mut spec = Map::from_iter([
        ("target".to_owned(), json!(TARGET)),
        ("name".to_owned(), json!(SWITCH_NAME)),
        ("uplinks".to_owned(), json!(written)),
        ("embeddedTeaming".to_owned(), json!(is_team)),
        ("confirmWithin".to_owned(), json!("10m")),
    ]);
    let mut put = |name: &str, value: Value| drop(spec.insert(name.to_owned(), value));
    if is_team && random.one_in(2) {
        put("loadBalancing", json!(random.pick(&["HyperVPort", "Dynamic"])));
    }
    // With SR-IOV there is no minimum bandwidth.
    match random.below(6) {
        0 => put("iov", json!(random.one_in(2))),
        1 | 2 => put("minimumBandwidthMode", json!(random.pick(&["Weight", "Absolute", "None"]))),
        _ => {}
    }
    if random.one_in(2) {
        put("notes", json!(random.pick(&["by evenkeel", "記憶域用", ""])));
    }
    // Only a team has several uplinks to choose from.
    let choice: &[&str] = if is_team { &uplinks } else { &[] };
    let adapters = host_adapters(drawn, choice, random);
    let has_adapters = adapters.values().any(|adapter| adapter.get("absent").is_none());
    if has_adapters && random.one_in(2) {
        put("allowManagementOS", json!(true));
    }
    put("hostAdapters", Value::Object(adapters));
    Value::Object(spec)
}

/// The one that has, or takes over, the management address, so that nobody is cut off; and some for storage.
fn host_adapters(drawn: &Drawn, uplinks: &[&str], random: &mut Random) -> Map<String, Value> {
    let mut management = Map::from_iter([("takesOver".to_owned(), json!(true))]);
    if random.one_in(2) {
        management.insert("vlan".to_owned(), json!("untagged"));
    }
    if !uplinks.is_empty() && random.one_in(3) {
        let uplink = random.pick(&[uplinks.first(), None]).copied().flatten().unwrap_or(&"none");
        management.insert("uplink".to_owned(), json!(uplink));
    }
    let mut adapters = Map::from_iter([("Management".to_owned(), Value::Object(management))]);
    for (name, vlan) in ["S2D1", "記憶域 2"].into_iter().zip(STORAGE) {
        if random.one_in(2) {
            adapters.insert(name.to_owned(), storage(drawn, uplinks, vlan, random));
        }
    }
    if random.one_in(4) {
        adapters.insert("Old".to_owned(), json!({ "absent": true }));
    }
    adapters
}

fn storage(drawn: &Drawn, uplinks: &[&str], vlan: u16, random: &mut Random) -> Value {
    let mut adapter = Map::from_iter([("vlan".to_owned(), json!(vlan))]);
    if drawn.model != Model::Onboard && random.one_in(2) {
        adapter.insert("rdma".to_owned(), json!(random.one_in(2)));
    }
    if !uplinks.is_empty() && random.one_in(2) {
        adapter.insert("uplink".to_owned(), json!(random.pick(uplinks)));
    }
    if random.one_in(2) {
        adapter.insert("ieeePriorityTag".to_owned(), json!(random.one_in(2)));
    }
    Value::Object(adapter)
}
