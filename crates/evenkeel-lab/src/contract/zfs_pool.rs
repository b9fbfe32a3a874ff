//! `ZfsPool`: random settings for every pool of a random machine.

use serde_json::json;

use super::{Fixture, Lists, Scenario, TARGET};
use crate::random::Random;
use crate::zfs::{Version, ZfsHost};

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "ZfsPool",
    backend: None,
    scenario,
    lists: Lists::None,
    blur: None,
    follows: &[],
    seeds: 120,
};

const SETTINGS: [(&str, &[&str]); 9] = [
    ("autotrim", &["on", "off"]),
    ("autoexpand", &["on", "off"]),
    ("autoreplace", &["on", "off"]),
    ("listsnapshots", &["on", "off"]),
    ("delegation", &["on", "off"]),
    ("failmode", &["wait", "continue", "panic"]),
    ("comment", &["", "rack 7", "two words: and 'quotes'"]),
    ("cachefile", &["", "none"]),
    ("ashift", &["9", "12", "13"]),
];

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 10);
    let version = if random.one_in(2) { Version::V2_1 } else { Version::V2_3 };
    let mut host = ZfsHost::seeded(version, seed);
    let pools: Vec<String> = host.pools().keys().cloned().collect();
    let mut manifests = Vec::new();
    for pool in &pools {
        for (name, values) in SETTINGS {
            if let Some(value) = random.pick(values).filter(|_| random.one_in(4)) {
                host.run(&["zpool", "set", &format!("{name}={value}"), pool]);
            }
        }
        let mut properties = serde_json::Map::new();
        for (name, values) in SETTINGS {
            if let Some(value) = random.pick(values).filter(|_| random.one_in(2)) {
                properties.insert(name.to_owned(), json!(value));
            }
        }
        manifests.push(format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: ZfsPool\nmetadata: {{ name: {pool} }}\nspec: {}\n",
            json!({ "target": TARGET, "pool": pool, "properties": properties })
        ));
    }
    Scenario { machine: Box::new(host), manifests: manifests.join("---\n"), secrets: Vec::new() }
}
