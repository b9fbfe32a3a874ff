//! `NicSettings`: NICs of several makers, alone or below a team, with properties that somebody set.

use serde_json::{Map, Value, json};

use super::super::{Fixture, Lists, Scenario, TARGET};
use super::blur::blur;
use super::{Drawn, SWITCH_NAME, Teamed, draw, manifest, reference, some_of};
use crate::random::Random;
use crate::windows::Model;

pub(in super::super) const FIXTURE: Fixture = Fixture {
    kind: "NicSettings",
    backend: None,
    scenario,
    lists: Lists::Objects,
    blur: Some(blur),
    follows: &[],
    seeds: 40,
};

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 71);
    let has_team = !random.one_in(3);
    let mut drawn = draw(&mut random, has_team);
    for _ in 0..random.below(6) {
        drawn.host.drift(&mut random);
    }
    let mut spec =
        Map::from_iter([("target".to_owned(), json!(TARGET)), ("confirmWithin".to_owned(), json!("10m"))]);
    select(&mut spec, &mut drawn, &mut random);
    wish(&mut spec, drawn.model, &mut random);
    let manifests = manifest("NicSettings", "nics", &Value::Object(spec));
    Scenario { machine: Box::new(Teamed(drawn.host)), manifests, secrets: Vec::new() }
}

fn select(spec: &mut Map<String, Value>, drawn: &mut Drawn, random: &mut Random) {
    let wildcard = match drawn.model {
        Model::ConnectX5 | Model::ConnectX4Lx => "Mellanox ConnectX-*",
        Model::IntelX710 => "*X710*",
        _ => "emulex *",
    };
    match random.below(3) {
        0 => drop(spec.insert("selector".to_owned(), json!({ "description": wildcard }))),
        1 if !drawn.team.is_empty() => {
            let selector = json!({ "uplinksOf": SWITCH_NAME, "description": wildcard });
            spec.insert("selector".to_owned(), selector);
        }
        _ => {
            let nics = some_of(drawn, 1, random);
            let written: Vec<String> =
                nics.iter().map(|nic| reference(&mut drawn.host, nic, random)).collect();
            spec.insert("adapters".to_owned(), json!(written));
        }
    }
}

fn wish(spec: &mut Map<String, Value>, model: Model, random: &mut Random) {
    let mut properties = Map::new();
    let has_rocev2 = !matches!(model, Model::IntelX710);
    if has_rocev2 && random.one_in(2) {
        properties.insert("roceVersion".to_owned(), json!(1 + random.below(2)));
    }
    if random.one_in(2) {
        properties.insert("jumbo".to_owned(), json!(random.pick(&[1514, 9014])));
    }
    if random.one_in(3) {
        properties.insert("vlanId".to_owned(), json!(0));
    }
    if random.one_in(2) {
        let name = random.pick(&["flowControl", "*FlowControl"]).copied().unwrap_or("flowControl");
        properties.insert(name.to_owned(), json!(random.pick(&["0", "3"])));
    }
    if random.one_in(3) {
        properties.insert("*ReceiveBuffers".to_owned(), json!(1024));
    }
    if !properties.is_empty() {
        spec.insert("properties".to_owned(), Value::Object(properties));
    }
    if random.one_in(2) {
        spec.insert("rdma".to_owned(), json!(random.one_in(2)));
    }
    if random.one_in(3) {
        spec.insert(
            "networkDirect".to_owned(),
            json!({ "enabled": true, "acrossSubnets": random.one_in(2) }),
        );
    }
    // There is always something that is wanted of them.
    let wants_nothing = !spec.contains_key("properties") && !spec.contains_key("rdma");
    if wants_nothing || random.one_in(3) {
        spec.insert("setIncompatible".to_owned(), json!("off"));
    }
}
