//! Ten nights, and what pyvmomi sees after each: exactly the clones that there should be, and nothing else that is new.

use evenkeel_engine::Verdict;
use evenkeel_tests::pyvmomi::{Datastore, Seen, Vm, look};
use jiff::Zoned;
use serde_json::{Value, json};

use super::catalog::{KEPT, Observer};
use super::rig::{RESOURCE, Rig, STORE, VMS};

pub(super) const NIGHTS: usize = 10;

/// When the clones of a night are begun, from 0.
fn slot(night: usize) -> Zoned {
    let first: Zoned = "2019-09-25T02:30:00+09:00[Asia/Tokyo]".parse().unwrap();
    first.saturating_add(jiff::Span::new().days(i64::try_from(night).unwrap()))
}

/// Numbers go round: one more than are kept, since a new clone is made before an old one goes.
fn name(vm: &str, night: usize) -> String {
    format!("zz_{vm}-{:02}-{}", night % (KEPT + 1) + 1, slot(night).strftime("%Y%m%d%H%M"))
}

/// After so many nights: the last clones of each machine, each as it should be, and nothing else that was not there before.
pub(super) fn expect_seen(seen: &Seen, before: &Seen, nights: usize, told: &str) {
    let clones: Vec<&Vm> = seen.within("DC0/vm/backup").collect();
    let mut wanted: Vec<String> = VMS
        .iter()
        .flat_map(|vm| (nights.saturating_sub(KEPT)..nights).map(move |night| name(vm, night)))
        .collect();
    wanted.sort();
    let names: Vec<&str> = clones.iter().map(|clone| clone.name.as_str()).collect();
    assert_eq!(names, wanted, "{told}");
    for vm in VMS {
        let source = before.vm(vm);
        assert_eq!(seen.vm(vm), source, "{told}: the machine itself is as it was");
        for night in nights.saturating_sub(KEPT)..nights {
            expect_clone(seen.vm(&name(vm, night)), source, night, told);
        }
    }
    assert_eq!(seen.vms.len(), VMS.len() + wanted.len(), "{told}: nothing else is there");
    assert!(seen.vms.iter().all(|vm| vm.snapshots.is_empty()), "{told}: a snapshot is left");
    let rest = |seen: &Seen| {
        let stores: Vec<Datastore> =
            seen.datastores.iter().map(|store| Datastore { free: 0, ..store.clone() }).collect();
        (seen.folders.clone(), stores, seen.hosts.clone())
    };
    assert_eq!(rest(seen), rest(before), "{told}");
}

fn expect_clone(clone: &Vm, source: &Vm, night: usize, told: &str) {
    let told = format!("{told}: {}", clone.name);
    let slot = slot(night);
    assert_eq!((clone.power.as_str(), clone.template), ("poweredOff", false), "{told}");
    assert_eq!(clone.datastores, [STORE], "{told}");
    assert!(clone.vmx.starts_with(&format!("[{STORE}] ")), "{told}: {}", clone.vmx);
    let disks = |vm: &Vm| vm.disks.iter().map(|disk| disk.kib).collect::<Vec<_>>();
    assert_eq!(disks(clone), disks(source), "{told}");
    for disk in &clone.disks {
        assert_eq!((disk.datastore.as_deref(), disk.thin), (Some(STORE), Some(true)), "{told}");
    }
    let when = slot.strftime("%Y-%m-%d %H:%M JST");
    let annotation =
        format!("Copy of {} of {when}, made by Evenkeel ({RESOURCE}). Not to be powered on", source.name);
    assert!(clone.annotation.starts_with(&annotation), "{told}: {}", clone.annotation);
    let keys: Vec<&str> = clone.marks.keys().map(String::as_str).collect();
    assert_eq!(keys, ["evenkeel.clone", "evenkeel.sealed"], "{told}");
    let mark: Value = serde_json::from_str(&clone.marks["evenkeel.clone"]).unwrap();
    assert_eq!(clone.marks["evenkeel.sealed"], clone.uuid, "{told}");
    let sizes: Vec<u64> = disks(clone);
    let wanted = json!({
        "format": 1,
        "owner": "evenkeel",
        "resource": RESOURCE,
        "object": "NFS_durian:backup/zz_{vm}-{slot}-{yyyyMMddHHmm}",
        "vm": source.name,
        "vmUuid": source.uuid,
        "vmx": source.vmx,
        "slot": slot.with_time_zone(jiff::tz::TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string(),
        "number": night % (KEPT + 1) + 1,
        "attempt": 1,
        "uuid": clone.uuid,
        "disks": sizes,
    });
    assert_eq!(mark, wanted, "{told}");
}

async fn ten_nights(more: &Value) {
    let rig = Rig::new(&[], more);
    let mut observer = Observer::new(&rig.vcsim).await;
    let before = look(rig.vcsim.url());
    for night in 0..NIGHTS {
        let told = format!("night {night} of {more}");
        let evening = observer.look().await;
        let run = rig.run().await;
        assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "{told}: {run:#?}");
        rig.expect_idle(&told).await;
        observer.look().await.expect_done(&evening, night + 1, &told);
        expect_seen(&look(rig.vcsim.url()), &before, night + 1, &told);
        rig.next_night();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_nights_of_the_six_machines_as_pyvmomi_sees_them() {
    ten_nights(&json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_nights_with_three_machines_at_a_time() {
    ten_nights(&json!({ "concurrency": 3, "diskFormat": "thin" })).await;
}
