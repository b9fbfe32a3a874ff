//! `BackupSchedule` with `vmClone`: a vCenter with clones of earlier nights, what a run that was cut short left, and what
//! people put there.

use evenkeel_core::backup::slot_name;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET, now};
use crate::random::Random;
use crate::vsphere::{Power, VM_FOLDER, Vcenter};

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "BackupSchedule",
    backend: Some("vmClone"),
    scenario,
    // How many objects there are stands in the reply.
    lists: Lists::None,
    blur: None,
    follows: &[],
    seeds: 120,
};

const STORE: &str = "NFS_durian";
const OBJECT: &str = "NFS_durian:backup/zz_{vm}-{slot}-{yyyyMMddHHmm}";
const NAMES: [&str; 4] = ["avocado2", "banana", "cherry/db", "date"];

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 80);
    let mut vcenter = Vcenter::new(now() - 24.hours());
    vcenter.add_store("LocalDS_0", 2_000);
    vcenter.add_store(STORE, 2_000);
    let vms = NAMES.get(..1 + random.below(4)).unwrap_or_default();
    let folder = (!random.one_in(4)).then(|| vcenter.add_folder("backup", VM_FOLDER));
    for name in vms {
        let id = vcenter.add_vm(&name.replace('/', "%2f"), "LocalDS_0", 10 + 10 * random.below(3) as u64);
        if let Some(vm) = vcenter.vms.get_mut(&id) {
            vm.power = if random.one_in(3) { Power::Off } else { Power::On };
            vm.has_tools = !random.one_in(3);
            if random.one_in(3) {
                vm.add_disk(5 << 20, 1 << 30);
            }
        }
        if let Some(folder) = &folder {
            nights(&mut vcenter, (&id, name), folder, &mut random);
        }
        left(&mut vcenter, &id, &mut random);
    }
    // Others have clones, too, and of such names.
    vcenter.add_vm("zz_avocado2-01-201901010230", STORE, 10);
    if random.one_in(8) {
        // Whatever goes, there is no room for any.
        vcenter.fill_by_hand(STORE, 1_995 << 30);
    }
    vcenter.now = now().as_second();
    Scenario { machine: Box::new(vcenter), manifests: manifest(vms, &mut random), secrets: Vec::new() }
}

fn manifest(vms: &[&str], random: &mut Random) -> String {
    let mut clone = Map::from_iter([
        ("vms".to_owned(), json!(vms)),
        ("datastore".to_owned(), json!(STORE)),
        ("folder".to_owned(), json!("backup")),
        ("diskFormat".to_owned(), json!(random.pick(&["sparse", "thin", "same"]))),
    ]);
    if random.one_in(2) {
        clone.insert("concurrency".to_owned(), json!(1 + random.below(3)));
    }
    if random.one_in(3) {
        clone.insert("foreignSnapshots".to_owned(), json!("remove"));
    }
    if random.one_in(3) {
        clone.insert("quiesce".to_owned(), json!(false));
    }
    let spec = json!({
        "target": TARGET,
        "schedule": { "cron": "30 2 * * *", "timeZone": "Asia/Tokyo" },
        "retention": { "keepLast": 2 + random.below(3) },
        "vmClone": clone,
        "accept": { "dataLoss": { "of": "retention", "reason": "a test", "until": "2099-12-31" } },
    });
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: {{ name: clones }}\nspec: {spec}\n"
    )
}

/// The slot so many nights before the newest: 02:30 in Tokyo.
fn slot_of(nights: usize) -> Timestamp {
    let newest: Timestamp = now() - 18.hours() - 30.minutes();
    newest - (24 * i64::try_from(nights).unwrap_or(0)).hours()
}

/// Clones of earlier nights, and perhaps of the last one, on which anything may have happened.
fn nights(vcenter: &mut Vcenter, of: (&str, &str), folder: &str, random: &mut Random) {
    let count = random.below(5);
    for number in 1..=count {
        // Nights on which nothing was done leave gaps.
        if !random.one_in(5) {
            clone(vcenter, of, folder, (count + 1 - number, number), true);
        }
    }
    let number = count + 1;
    match random.below(8) {
        0 | 1 => drop(clone(vcenter, of, folder, (0, number), true)),
        2 => drop(clone(vcenter, of, folder, (0, number), false)),
        // It was never made to its end.
        3 => {
            let id = clone(vcenter, of, folder, (0, number), false);
            if let Some(vm) = id.and_then(|id| vcenter.vms.get_mut(&id)) {
                vm.disks.pop();
            }
        }
        // Somebody looks into it.
        4 => {
            let id = clone(vcenter, of, folder, (0, number), true);
            if let Some(vm) = id.and_then(|id| vcenter.vms.get_mut(&id)) {
                vm.power = Power::On;
            }
        }
        5 => {
            if let Some(id) = clone(vcenter, of, folder, (0, number), true) {
                vcenter.clone_by_hand(&id, &format!("a copy for {}", of.1), folder, STORE);
            }
        }
        _ => {}
    }
}

/// A clone as a run made it so many nights ago, with this number. Its id.
fn clone(
    vcenter: &mut Vcenter,
    (id, item): (&str, &str),
    folder: &str,
    (night, number): (usize, usize),
    is_sealed: bool,
) -> Option<String> {
    let slot = slot_of(night);
    let zone = TimeZone::get("Asia/Tokyo").unwrap_or(TimeZone::UTC);
    let at = jiff::fmt::strtime::format("%Y%m%d%H%M", &slot.to_zoned(zone)).unwrap_or_default();
    let source = vcenter.vms.get(id)?.clone();
    let name = format!("zz_{}-{number:02}-{at}", source.name);
    let made = vcenter.clone_by_hand(id, &name, folder, STORE)?;
    let mut disks: Vec<u64> = source.disks.iter().map(|disk| disk.capacity).collect();
    disks.sort_unstable();
    let vm = vcenter.vms.get_mut(&made)?;
    let mark = json!({
        "format": 1, "owner": "evenkeel", "resource": "BackupSchedule/clones", "object": OBJECT, "vm": item,
        "vmUuid": source.uuid, "vmx": source.vmx, "slot": slot_name(slot), "number": number, "attempt": 1,
        "uuid": vm.uuid, "disks": disks,
    });
    vm.extra.insert("evenkeel.clone".to_owned(), mark.to_string());
    if is_sealed {
        vm.extra.insert("evenkeel.sealed".to_owned(), vm.uuid.clone());
    }
    Some(made)
}

/// Snapshots that a run left on a machine, and those of people.
fn left(vcenter: &mut Vcenter, id: &str, random: &mut Random) {
    let ours = |slot| -> Value {
        json!({ "format": 1, "owner": "evenkeel", "object": OBJECT, "slot": slot_name(slot_of(slot)) })
    };
    if random.one_in(4) {
        vcenter.snapshot_by_hand(id, "Clone Snapshot", &ours(random.below(3)).to_string());
    }
    if random.one_in(4) {
        vcenter.snapshot_by_hand(id, "Clone Snapshot", "of the old script");
    }
    if random.one_in(4) {
        vcenter.snapshot_by_hand(id, "before the upgrade", "");
    }
}
