//! `BackupSchedule` with `vzdump`: a host of guests in one of two dialects, a store in one of its layouts, and perhaps
//! another with copies; generations of earlier nights, what others put beside them, and what a crash left.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET, now};
use crate::random::Random;
use crate::store::{Content, FOREIGN, FileStore, Personality};
use crate::vzdump::{Archive, Dialect, DumpHost, Kind, World};

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "BackupSchedule",
    backend: Some("vzdump"),
    scenario,
    lists: Lists::None,
    blur: None,
    follows: &[],
    seeds: 120,
};

const DIRECTORY: &str = "/disk1/backup/dump";

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 40);
    let dialect = if random.one_in(2) { Dialect::OpenVz } else { Dialect::Today };
    let mut world = World::new(host(dialect, &mut random), now());
    let mut vzdump = Map::from_iter([("guests".to_owned(), json!(random.pick(&["running", "all"])))]);
    if random.one_in(3) {
        // Only old versions cannot.
        world.host.has_stdout = dialect == Dialect::Today;
        let stream = if world.host.has_stdout { "never" } else { "auto" };
        vzdump.insert("stream".to_owned(), json!(stream));
        world.host.files.make_folder_by_hand("/dumps");
        vzdump.insert("dumpDir".to_owned(), json!("/dumps"));
    }
    vzdump.insert("store".to_owned(), Value::Object(store("nas", &mut world, &mut random)));
    if random.one_in(3) {
        let mut copy = store("off", &mut world, &mut random);
        copy.insert("retention".to_owned(), json!({ "keepLast": 2 }));
        vzdump.insert("copies".to_owned(), json!([copy]));
    }
    let spec = json!({
        "target": TARGET,
        "schedule": { "cron": "0 2 * * *", "timeZone": "Asia/Tokyo" },
        "retention": { "keepLast": 2 + random.below(3) },
        "vzdump": vzdump,
        "accept": { "dataLoss": { "of": "retention", "reason": "a test", "until": "2099-12-31" } },
    });
    let targets: Vec<String> = world.stores.keys().map(|suffix| target(suffix)).collect();
    let manifests = format!(
        "{}apiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: {{ name: nightly }}\nspec: {spec}\n",
        targets.concat()
    );
    Scenario { machine: Box::new(world), manifests, secrets: Vec::new() }
}

/// The manifest of a store. Nobody looks at how it is reached, only at whether it has renames.
fn target(suffix: &str) -> String {
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{name: {TARGET}-{suffix}}}\nspec: {{ ftp: {{ host: {TARGET}-{suffix}, tls: none }} }}\n---\n"
    )
}

fn host(dialect: Dialect, random: &mut Random) -> DumpHost {
    let mut host = DumpHost::new(TARGET, dialect, "Asia/Tokyo");
    for id in 101..=103 + u32::from(random.one_in(2)) {
        let guest = host.add_guest(id, &format!("guest{id}"));
        guest.bytes = 200 + random.below(200) as u64;
        guest.running = id == 101 || !random.one_in(4);
        if dialect == Dialect::Today && random.one_in(3) {
            guest.kind = Kind::Qemu;
        }
    }
    host
}

/// A store with what is in it, and how a manifest names it.
fn store(suffix: &str, world: &mut World, random: &mut Random) -> Map<String, Value> {
    let numbered = random.one_in(2);
    let all = [Personality::Nas, Personality::Posix, Personality::Bucket];
    let fitting = if numbered { all.get(..2).unwrap_or_default() } else { &all };
    let mut store = FileStore::new(random.pick(fitting).copied().unwrap_or(Personality::Nas));
    for night in (1..=random.below(4)).rev() {
        // Nights on which nothing was done leave gaps.
        let number = night - 1 + usize::from(random.one_in(4));
        let slot = slot_of(night);
        let folder = if numbered { format!("daily.{number}") } else { name_of(slot) };
        if !store.is_folder(&format!("{DIRECTORY}/{folder}")) {
            generation(&mut store, &format!("{DIRECTORY}/{folder}"), slot, &world.host);
        }
    }
    if random.one_in(3) {
        let folder = if numbered { "daily.7" } else { "from-the-old-script" };
        store.put_by_hand(&format!("{DIRECTORY}/{folder}/vzdump-101.tar"), FOREIGN);
    }
    if random.one_in(3) && store.renames() {
        let folder = if numbered { "transfer".to_owned() } else { name_of(slot_of(0)) };
        let archive = archive_name(&world.host, 101, slot_of(0));
        // What was begun is marked first: by that it is known to be ours.
        let stem = archive.split('.').next().unwrap_or_default();
        let stamp = stem.splitn(4, '-').nth(3).unwrap_or_default();
        let mark = json!({ "slot": name_of(slot_of(0)), "stamp": stamp }).to_string();
        store.put_by_hand(&format!("{DIRECTORY}/{folder}/evenkeel.building"), mark.as_bytes());
        store.put_by_hand(&format!("{DIRECTORY}/{folder}/{archive}.part"), b"ha");
    }
    store.put_by_hand("/disk1/photos/cat.jpg", FOREIGN);
    world.stores.insert(suffix.to_owned(), store);
    let layout = if numbered { "daily.{n}" } else { "{slot}" };
    Map::from_iter([
        ("target".to_owned(), json!(format!("{TARGET}-{suffix}"))),
        ("directory".to_owned(), json!(DIRECTORY)),
        ("layout".to_owned(), json!(layout)),
    ])
}

/// The slot so many nights before the newest.
fn slot_of(nights: usize) -> Timestamp {
    let newest: Timestamp = now() - 19.hours();
    newest - (24 * i64::try_from(nights).unwrap_or(0)).hours()
}

fn name_of(slot: Timestamp) -> String {
    evenkeel_core::backup::slot_name(slot)
}

fn stamp_of(slot: Timestamp) -> String {
    let zone = TimeZone::get("Asia/Tokyo").unwrap_or(TimeZone::UTC);
    jiff::fmt::strtime::format("%Y_%m_%d-%H_%M_%S", &slot.to_zoned(zone)).unwrap_or_default()
}

fn archive_name(host: &DumpHost, id: u32, slot: Timestamp) -> String {
    let kind = host.guests.get(&id).map_or(Kind::OpenVz, |guest| guest.kind);
    let ending = match kind {
        Kind::OpenVz => "tgz",
        Kind::Lxc => "tar.zst",
        Kind::Qemu => "vma.zst",
    };
    format!("vzdump-{}-{id}-{}.{ending}", kind.word(), stamp_of(slot))
}

/// A generation as an earlier run left it.
fn generation(store: &mut FileStore, folder: &str, slot: Timestamp, host: &DumpHost) {
    let mut archives = Map::new();
    for (id, guest) in &host.guests {
        let archive = Archive {
            id: *id,
            kind: guest.kind,
            name: guest.name.clone(),
            at: slot.to_string(),
            bytes: guest.bytes,
        };
        let content = Content::new(&archive.bytes(archive.len()));
        let name = archive_name(host, *id, slot);
        let log = format!("vzdump-{}-{id}-{}.log", guest.kind.word(), stamp_of(slot));
        let record = json!({
            "item": id.to_string(), "type": guest.kind.word(), "slot": name_of(slot), "source": TARGET,
            "attempt": 1, "log": log, "bytes": content.len(), "sha256": content.sha256(),
            "checked": "readBack", "began": slot, "ended": slot,
        });
        store.put_by_hand(&format!("{folder}/{name}"), content.bytes());
        store.put_by_hand(&format!("{folder}/{log}"), b"INFO: Finished\n");
        store.put_by_hand(&format!("{folder}/{name}.json"), record.to_string().as_bytes());
        archives.insert(name, record);
    }
    let items: Vec<String> = host.guests.keys().map(ToString::to_string).collect();
    let seal = json!({
        "format": 1, "kind": "vzdump", "source": TARGET, "resource": "BackupSchedule/nightly", "owner": "evenkeel",
        "slot": name_of(slot), "stamp": stamp_of(slot), "tool": "vzctl version 3.0.29", "layout": "{slot}",
        "items": items, "archives": archives,
    });
    store.put_by_hand(&format!("{folder}/evenkeel.json"), seal.to_string().as_bytes());
}
