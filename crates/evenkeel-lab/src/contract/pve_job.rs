//! `BackupSchedule` with `pveJob`: jobs that are there and new ones, with random settings.

use std::collections::BTreeSet;

use evenkeel_core::request::Method;
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET, now};
use crate::pve::PveHost;
use crate::random::Random;

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "BackupSchedule",
    backend: Some("pveJob"),
    scenario,
    lists: Lists::None,
    blur: None,
    follows: &[],
    seeds: 120,
};

const IDS: [&str; 4] = ["nightly", "offsite", "web", "weekly"];

fn settings() -> [(&'static str, Vec<Value>); 14] {
    [
        ("mode", vec![json!("snapshot"), json!("stop"), Value::Null]),
        ("compress", vec![json!("zstd"), json!("none"), json!("lzo"), Value::Null]),
        ("notesTemplate", vec![json!("{{guestname}} of {{node}}"), Value::Null]),
        ("comment", vec![json!("日次バックアップ"), json!("it's a -- \"test\""), Value::Null]),
        ("enabled", vec![json!(true), json!(false)]),
        ("node", vec![json!("pve1"), Value::Null]),
        ("repeatMissed", vec![json!(true), json!(false)]),
        ("protected", vec![json!(true), json!(false), Value::Null]),
        ("bandwidthLimit", vec![json!(0), json!(51_200), Value::Null]),
        ("zstdThreads", vec![json!(0), json!(4)]),
        ("excludePaths", vec![json!(["/tmp/?*", "/var/cache"]), json!(["/srv/it's"]), Value::Null]),
        ("mailto", vec![json!(["root", "ada@example.net"]), Value::Null]),
        ("mailNotification", vec![json!("failure"), Value::Null]),
        ("notificationMode", vec![json!("notification-system"), json!("auto"), Value::Null]),
    ]
}

/// What somebody may have made by hand.
const BY_HAND: [&[(&str, &str)]; 4] = [
    &[("starttime", "02:30"), ("dow", "mon,wed"), ("all", "1")],
    &[
        ("schedule", "mon..fri 02:30"),
        ("vmid", "202,201"),
        ("prune-backups", "keep-weekly=4,keep-last=10"),
        ("comment", "old"),
    ],
    &[
        ("schedule", "sat 04:00"),
        ("all", "1"),
        ("exclude", "202"),
        ("exclude-path", "/tmp/?*"),
        ("enabled", "0"),
    ],
    &[("schedule", "*/30"), ("pool", "web"), ("mode", "stop"), ("bwlimit", "100"), ("mailto", "root")],
];

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 30);
    let mut host = PveHost::recorded(now());
    host.guests.extend([(203, "web".to_owned()), (300, "db".to_owned())]);
    host.pools.insert("web".to_owned(), BTreeSet::from([201, 203]));
    host.add_storage("nas", "keep-last=5");
    for id in IDS {
        if let Some(job) = random.pick(&BY_HAND).filter(|_| random.one_in(2)) {
            let mut params =
                vec![("id".to_owned(), id.to_owned()), ("storage".to_owned(), "local".to_owned())];
            params.extend(job.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            host.call(Method::Post, "/cluster/backup", &params);
        }
    }
    for hours in 1..random.below(20) {
        let hours = i64::try_from(hours).unwrap_or_default();
        host.add_copy("local", 201, now() - jiff::SignedDuration::from_hours(hours));
    }
    let wanted = random.below(IDS.len()) + 1;
    let manifests: Vec<String> = IDS.iter().take(wanted).map(|id| manifest(id, &mut random)).collect();
    Scenario { machine: Box::new(host), manifests: manifests.join("---\n"), secrets: Vec::new() }
}

fn manifest(id: &str, random: &mut Random) -> String {
    let mut job = Map::from_iter([("id".to_owned(), json!(id))]);
    let storage = random.pick(&["local", "nas"]).copied().unwrap_or("local");
    job.insert("storage".to_owned(), json!(storage));
    match random.below(4) {
        0 => drop(job.insert("guests".to_owned(), json!([201, 300]))),
        1 => drop(job.insert("guests".to_owned(), json!({ "pool": "web" }))),
        which => {
            job.insert("guests".to_owned(), json!("all"));
            let exclude = if which == 2 { json!([300, 202]) } else { Value::Null };
            job.insert("exclude".to_owned(), exclude);
        }
    }
    for (name, values) in settings() {
        if let Some(value) = random.pick(&values).filter(|_| random.one_in(2)) {
            job.insert(name.to_owned(), value.clone());
        }
    }
    let calendar =
        random.pick(&["mon..fri 02:30", "03:15", "sat *-1..7 15:00", "*/30"]).copied().unwrap_or("03:15");
    let mut spec = Map::from_iter([
        ("target".to_owned(), json!(TARGET)),
        ("schedule".to_owned(), json!({ "calendar": calendar })),
        ("pveJob".to_owned(), Value::Object(job)),
    ]);
    let retention =
        [json!({ "keepLast": 3 }), json!({ "keepDaily": 7, "keepWeekly": 4 }), json!({}), Value::Null];
    if let Some(rules) = random.pick(&retention).filter(|_| random.one_in(2)) {
        spec.insert("retention".to_owned(), rules.clone());
    }
    let accepted = json!([{ "of": "retention", "reason": "a test", "until": "2099-12-31" }]);
    spec.insert("accept".to_owned(), json!({ "dataLoss": accepted }));
    let spec = Value::Object(spec);
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: {{ name: {id} }}\nspec: {spec}\n"
    )
}
