//! `ZfsDataset`: random properties for datasets that are there and for new ones.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET};
use crate::random::Random;
use crate::zfs::{Kind, Version, ZfsHost};

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "ZfsDataset",
    backend: None,
    scenario,
    lists: Lists::None,
    blur: None,
    follows: &[],
    seeds: 120,
};

/// Properties of both types, with values that are safe or accepted.
const BOTH: [(&str, &[&str]); 10] = [
    ("sync", &["standard", "always", "disabled", "inherit"]),
    ("compression", &["on", "off", "lz4", "zstd", "zstd-9", "gzip-6", "gzip-9", "inherit"]),
    ("checksum", &["on", "sha256", "inherit"]),
    ("copies", &["1", "2", "inherit"]),
    ("primarycache", &["all", "metadata", "none", "inherit"]),
    ("logbias", &["latency", "throughput"]),
    ("reservation", &["none", "16M"]),
    ("com.acme:owner", &["team a", "team b", "", "inherit"]),
    ("com.acme:note", &["off", "0755", "two words", "-", "日本語"]),
    ("snapdev", &["hidden", "visible", "inherit"]),
];

const FILESYSTEM: [(&str, &[&str]); 17] = [
    ("atime", &["on", "off", "inherit"]),
    ("exec", &["on", "off", "inherit"]),
    ("relatime", &["on", "off"]),
    ("setuid", &["on", "off"]),
    ("refreservation", &["none", "16M"]),
    ("quota", &["10G", "12884901888", "none", "1.5T"]),
    ("refquota", &["none", "9G"]),
    ("recordsize", &["16K", "128K", "1M", "inherit"]),
    ("recsize", &["64K"]),
    ("snapdir", &["hidden", "visible"]),
    ("xattr", &["on", "sa", "dir", "off"]),
    ("acltype", &["off", "posix", "posixacl", "nfsv4"]),
    ("dnodesize", &["legacy", "auto", "4k"]),
    ("canmount", &["on", "off", "noauto"]),
    ("mountpoint", &["none", "legacy", "/srv/x", "inherit"]),
    ("filesystem_limit", &["none", "100"]),
    ("special_small_blocks", &["0", "32K"]),
];

const VOLUME: [(&str, &[&str]); 3] = [
    ("volmode", &["default", "full", "geom", "dev", "inherit"]),
    ("snapshot_limit", &["none", "7"]),
    ("refreservation", &["none", "auto"]),
];

/// What a spec wants of one dataset.
struct Wanted {
    kind: Kind,
    is_new: bool,
    properties: Map<String, Value>,
}

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 20);
    let version = if random.one_in(2) { Version::V2_1 } else { Version::V2_3 };
    let mut host = ZfsHost::seeded(version, seed);
    let mut wanted = BTreeMap::new();
    for _ in 0..=random.below(5) {
        let (name, kind, is_new) = draw_dataset(&host, &wanted, &mut random);
        wanted.entry(name).or_insert_with(|| Wanted { kind, is_new, properties: draw(kind, &mut random) });
    }
    // Last, so that nothing is wanted below it: what has children is never replaced.
    if random.one_in(4) {
        wanted.insert("tank/fixed".to_owned(), to_be_replaced(&mut host));
    }
    if version >= Version::V2_3 {
        let newer = wanted.values_mut().filter(|w| w.kind == Kind::Filesystem);
        newer.take(1).for_each(|w| drop(w.properties.insert("direct".to_owned(), json!("disabled"))));
    }
    let documents =
        wanted.into_iter().enumerate().map(|(at, (name, wanted))| manifest(at, &name, wanted, &mut random));
    Scenario {
        manifests: documents.collect::<Vec<_>>().join("---\n"),
        machine: Box::new(host),
        secrets: Vec::new(),
    }
}

/// A dataset of ours that differs in what is fixed at creation.
fn to_be_replaced(host: &mut ZfsHost) -> Wanted {
    let mark = "dev.evenkeel:managed-by=evenkeel";
    host.run(&["zfs", "create", "-o", mark, "-o", "casesensitivity=insensitive", "tank/fixed"]);
    let properties = Map::from_iter([("casesensitivity".to_owned(), json!("sensitive"))]);
    Wanted { kind: Kind::Filesystem, is_new: false, properties }
}

/// A dataset that is there, or a new one in a file system that is there or wanted.
fn draw_dataset(
    host: &ZfsHost,
    wanted: &BTreeMap<String, Wanted>,
    random: &mut Random,
) -> (String, Kind, bool) {
    let there: Vec<(&String, Kind)> = host.datasets().iter().map(|(name, d)| (name, d.kind)).collect();
    if random.one_in(2)
        && let Some((name, kind)) = random.pick(&there)
    {
        return ((*name).clone(), *kind, false);
    }
    let new =
        wanted.iter().filter(|(_, w)| w.is_new && w.kind == Kind::Filesystem).map(|(name, _)| name.as_str());
    let parents: Vec<&str> = host.filesystems().chain(new).collect();
    let parent = random.pick(&parents).copied().unwrap_or("tank");
    let name = format!("{parent}/new{}", random.below(3));
    let kind = if random.one_in(3) { Kind::Volume } else { Kind::Filesystem };
    (name, kind, true)
}

fn draw(kind: Kind, random: &mut Random) -> Map<String, Value> {
    let own: &[(&str, &[&str])] = if kind == Kind::Volume { &VOLUME } else { &FILESYSTEM };
    let mut properties = Map::new();
    for (name, values) in BOTH.iter().chain(own) {
        if let Some(value) = random.pick(values).filter(|_| random.one_in(4)) {
            properties.insert((*name).to_owned(), json!(value));
        }
    }
    if properties.contains_key("recordsize") {
        // It is the same property by its short name.
        properties.remove("recsize");
    }
    properties
}

fn manifest(at: usize, name: &str, mut wanted: Wanted, random: &mut Random) -> String {
    let mut spec =
        Map::from_iter([("target".to_owned(), json!(TARGET)), ("dataset".to_owned(), json!(name))]);
    if wanted.kind == Kind::Volume {
        spec.insert("type".to_owned(), json!("volume"));
        if wanted.is_new {
            let size = random.pick(&["64M", "128M", "256M"]).unwrap_or(&"64M");
            wanted.properties.insert("volsize".to_owned(), json!(size));
            let is_sparse = random.one_in(2) && !wanted.properties.contains_key("refreservation");
            spec.insert("sparse".to_owned(), json!(is_sparse));
        }
    }
    spec.insert("properties".to_owned(), Value::Object(wanted.properties));
    let accepted = ["sync=disabled", "sync=inherit", "copies=1", "copies=inherit"]
        .map(|of| json!({ "of": of, "reason": "a test", "until": "2099-12-31" }));
    spec.insert("accept".to_owned(), json!({ "dataLoss": accepted }));
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: ZfsDataset\nmetadata: {{ name: d{at} }}\nspec: {}\n",
        Value::Object(spec)
    )
}
