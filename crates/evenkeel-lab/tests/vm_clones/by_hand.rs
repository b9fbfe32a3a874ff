//! What people do to clones, and to what they are made of: what is not as we left it is never removed.

use evenkeel_lab::vsphere::{Power, VM_FOLDER, Vcenter};
use serde_json::json;

use crate::rig::{Rig, STORE, VMS};

/// After so many nights.
async fn after(nights: usize) -> Rig {
    let mut rig = Rig::new(&json!({}));
    for _ in 0..nights {
        rig.settles("nights before").await;
        rig.next_night();
    }
    rig
}

/// The ids of the clones of a machine, in the order in which they were made.
fn clones(vcenter: &Vcenter, of: &str) -> Vec<String> {
    let prefix = format!("zz_{of}-");
    let mut all: Vec<(u64, String)> = vcenter
        .vms
        .iter()
        .filter(|(_, vm)| vm.name.starts_with(&prefix))
        .map(|(id, vm)| (vm.content, id.clone()))
        .collect();
    all.sort();
    all.into_iter().map(|(_, id)| id).collect()
}

#[tokio::test]
async fn a_clone_is_known_by_its_mark_whatever_it_is_called_and_wherever_it_is() {
    let rig = after(3).await;
    let oldest = clones(&rig.vcenter.lock(), "fig")[0].clone();
    {
        let mut vcenter = rig.vcenter.lock();
        let other = vcenter.add_folder("other", VM_FOLDER);
        vcenter.vms.entry(oldest.clone()).and_modify(|vm| {
            vm.name = "fig as it was".to_owned();
            vm.parent = other;
        });
    }
    rig.settles("renamed and moved").await;
    let vcenter = rig.vcenter.lock();
    assert!(!vcenter.vms.contains_key(&oldest), "its time has come");
    assert_eq!(vcenter.vms.len(), VMS.len() * 4);
}

#[tokio::test]
async fn what_somebody_powered_on_or_copied_stays() {
    let mut rig = after(3).await;
    let (on, copy) = {
        let mut vcenter = rig.vcenter.lock();
        let on = clones(&vcenter, "fig")[0].clone();
        vcenter.vms.entry(on.clone()).and_modify(|vm| vm.power = Power::On);
        let of = clones(&vcenter, "date")[0].clone();
        (on, vcenter.clone_by_hand(&of, "mine", VM_FOLDER, STORE).unwrap())
    };
    rig.ledger.evening(&rig.vcenter.lock());
    rig.settles("powered on and copied").await;
    let vcenter = rig.vcenter.lock();
    assert_eq!(vcenter.vms[&on].power, Power::On);
    assert!(vcenter.vms.contains_key(&copy));
    assert_eq!(clones(&vcenter, "fig").len(), 4, "the one that is on, and three");
    assert_eq!(clones(&vcenter, "date").len(), 3);
}

#[tokio::test]
async fn a_disk_that_somebody_attached_to_a_clone_does_not_go_with_it() {
    let mut rig = after(3).await;
    let attached = {
        let mut vcenter = rig.vcenter.lock();
        let oldest = clones(&vcenter, "fig")[0].clone();
        vcenter.vms.entry(oldest.clone()).and_modify(|vm| {
            vm.add_disk(1 << 20, 0);
            vm.disks.last_mut().unwrap().file = format!("[{STORE}] rescued/rescued.vmdk");
        });
        oldest
    };
    rig.ledger.evening(&rig.vcenter.lock());
    rig.settles("a disk attached").await;
    let vcenter = rig.vcenter.lock();
    assert_eq!(vcenter.vms[&attached].disks.last().unwrap().file, format!("[{STORE}] rescued/rescued.vmdk"));
    assert_eq!(clones(&vcenter, "fig").len(), 4, "the one with the disk, and three");
}

#[tokio::test]
async fn while_there_is_no_room_nothing_is_made_and_nothing_goes() {
    let mut rig = after(3).await;
    rig.vcenter.lock().fill_by_hand(STORE, 900 << 30);
    let before: Vec<String> = rig.vcenter.lock().vms.keys().cloned().collect();
    for _ in 0..4 {
        rig.settles("no room").await;
        assert_eq!(rig.vcenter.lock().vms.keys().cloned().collect::<Vec<_>>(), before);
        rig.next_night();
    }
    rig.vcenter.lock().fill_by_hand(STORE, 0);
    rig.settles("room again").await;
    let vcenter = rig.vcenter.lock();
    assert_eq!(vcenter.vms.len(), VMS.len() * 4);
    let newest = clones(&vcenter, "fig").pop().unwrap();
    let source = vcenter.named("fig").next().unwrap().1;
    assert_eq!(vcenter.vms[&newest].content, source.content);
}

#[tokio::test]
async fn snapshots_of_people_stay_and_ours_go_from_under_them() {
    let rig = after(1).await;
    let id = rig.vcenter.lock().named("fig").next().unwrap().0.to_owned();
    let theirs = rig.vcenter.lock().snapshot_by_hand(&id, "before the upgrade", "").unwrap();
    let foreign = rig.vcenter.lock().snapshot_by_hand(&id, "Clone Snapshot", "").unwrap();
    rig.settles("snapshots of people").await;
    let vcenter = rig.vcenter.lock();
    let left: Vec<&str> = vcenter.vms[&id].snapshots.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(left, [theirs, foreign]);
    assert_eq!(clones(&vcenter, "fig").len(), 2);
}

#[tokio::test]
async fn one_machine_of_which_nothing_can_be_made_keeps_none_of_the_others_from_theirs() {
    let mut rig = after(1).await;
    {
        let mut vcenter = rig.vcenter.lock();
        // Another of that name: it is not known which is meant.
        vcenter.add_vm("banana", "LocalDS_0", 20);
        let id = vcenter.named("cherry").next().unwrap().0.to_owned();
        vcenter.vms.entry(id).and_modify(|vm| vm.is_template = true);
    }
    rig.ledger.evening(&rig.vcenter.lock());
    rig.settles("two bananas").await;
    let vcenter = rig.vcenter.lock();
    let counts: Vec<usize> = VMS.iter().map(|name| clones(&vcenter, name).len()).collect();
    assert_eq!(counts, [2, 1, 1, 2, 2, 2]);
}
