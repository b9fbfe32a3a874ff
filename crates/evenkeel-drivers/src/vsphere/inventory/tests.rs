use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Replies, Reply};
use evenkeel_core::target::Way;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::vsphere::mark::{Mark, Purpose, SnapshotMark};

/// The inventory that these replies give.
fn read_of(way: Way, exit: i32, stdout: &str, stderr: &str) -> Result<Inventory, ObserveError> {
    let mut replies = Replies::of(way);
    let reply = Reply { exit, stdout: stdout.as_bytes().to_vec(), stderr: stderr.as_bytes().to_vec() };
    replies.insert(query(way), Ok(reply));
    read(&replies)
}

fn of_api(objects: &Value) -> Inventory {
    let about = json!({"apiType": "VirtualCenter", "name": "VMware vCenter Server", "version": "8.0.2", "build": "22617221"});
    let count = objects.as_array().unwrap().len();
    let text = json!({"about": about, "count": count, "objects": objects}).to_string();
    read_of(Way::Vsphere, 0, &text, "").unwrap()
}

fn reference(kind: &str, id: &str) -> Value {
    json!({"type": kind, "id": id})
}

/// A datacenter with its folders, a host, two datastores.
fn places() -> Vec<Value> {
    vec![
        json!({"type": "Folder", "id": "group-d1", "properties": {"name": "Datacenters"}}),
        json!({"type": "Datacenter", "id": "datacenter-2", "properties": {"name": "DC0",
            "parent": reference("Folder", "group-d1"), "vmFolder": reference("Folder", "group-v3")}}),
        json!({"type": "Folder", "id": "group-v3", "properties": {"name": "vm",
            "parent": reference("Datacenter", "datacenter-2")}}),
        json!({"type": "Folder", "id": "group-s5", "properties": {"name": "datastore",
            "parent": reference("Datacenter", "datacenter-2")}}),
        json!({"type": "HostSystem", "id": "host-21", "properties": {"name": "olive",
            "runtime.connectionState": "connected", "runtime.inMaintenanceMode": "true",
            "summary.config.product": {"_type": "AboutInfo", "version": "7.0.3", "build": "20036589"}}}),
        json!({"type": "Datastore", "id": "datastore-11", "properties": {"name": "LocalDS_0",
            "parent": reference("Folder", "group-s5"), "vm": [reference("VirtualMachine", "vm-42")],
            "summary": {"type": "VMFS", "capacity": "268435456000", "freeSpace": "64424509440", "accessible": "true"}}}),
        json!({"type": "Datastore", "id": "datastore-12", "properties": {"name": "NFS_durian",
            "parent": reference("Folder", "group-s5")}, "missing": {"summary": "NoPermission", "vm": "NoPermission"}}),
    ]
}

fn vm(id: &str, name: &str, more: &Value) -> Value {
    let mut properties = json!({"name": name, "parent": reference("Folder", "group-v3"),
        "config.instanceUuid": "5d87a5be-a236-532f-8092-016f52d230a4", "config.template": "false",
        "datastore": [reference("Datastore", "datastore-11")], "guest.toolsRunningStatus": "guestToolsRunning",
        "runtime.connectionState": "connected", "runtime.host": reference("HostSystem", "host-21"),
        "runtime.powerState": "poweredOn"});
    let all = properties.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    json!({"type": "VirtualMachine", "id": id, "properties": properties})
}

fn with(machines: Vec<Value>) -> (Inventory, Contents) {
    let objects = [places(), machines].concat();
    let inventory = of_api(&json!(objects));
    let contents = inventory.contents.clone().unwrap();
    (inventory, contents)
}

#[test]
fn hosts_and_servers_are_told_with_their_releases() {
    let (inventory, _) = with(vec![]);
    assert_eq!(inventory.server.product, "VMware vCenter Server");
    let release = inventory.server.software.release.unwrap();
    assert_eq!((release.name.as_str(), release.exact), ("8.0 Update 2a", true));
    let [host] = inventory.hosts.as_slice() else { panic!("{:?}", inventory.hosts) };
    assert_eq!((&host.name, &host.maintenance), (&Told::Is("olive".to_owned()), &Told::Is(true)));
    let software = host.software.known().unwrap();
    assert_eq!((software.version.as_str(), software.build.as_str()), ("7.0.3", "20036589"));
    assert_eq!(software.release.as_ref().unwrap().name, "7.0 Update 3f");
}

#[test]
fn machines_and_datastores_know_each_other_by_name() {
    let (_, contents) = with(vec![vm("vm-42", "avocado2", &json!({}))]);
    let [machine] = contents.machines.as_slice() else { panic!("{:?}", contents.machines) };
    assert_eq!(machine.path, Told::Is("/DC0/vm/avocado2".to_owned()));
    assert_eq!(machine.host, Told::Is("olive".to_owned()));
    assert_eq!(machine.datastores, Told::Is(vec!["LocalDS_0".to_owned()]));
    assert_eq!((&machine.snapshots, &machine.clone_of), (&Told::Is(0), &Told::Unset));
    let store = &contents.datastores[0];
    assert_eq!(store.path, Told::Is("/DC0/datastore/LocalDS_0".to_owned()));
    assert_eq!((&store.capacity, &store.accessible), (&Told::Is(268_435_456_000), &Told::Is(true)),);
    assert_eq!(store.virtual_machines, Told::Is(vec!["/DC0/vm/avocado2".to_owned()]));
}

#[test]
fn what_may_not_be_read_is_unknown_and_never_empty() {
    let mut hidden = vm("vm-42", "avocado2", &json!({}));
    let paths = ["snapshot", "datastore", "config.extraConfig", "runtime.powerState", "runtime.host"];
    for path in paths {
        hidden["properties"].as_object_mut().unwrap().remove(path);
        hidden["missing"][path] = json!("NoPermission");
    }
    let (_, contents) = with(vec![hidden]);
    let refused = || "NoPermission".to_owned();
    let machine = &contents.machines[0];
    assert_eq!(machine.snapshots, Told::Unknown(refused()));
    assert_eq!(machine.datastores, Told::Unknown(refused()));
    assert_eq!(machine.clone_of, Told::Unknown(refused()));
    assert_eq!((&machine.power, &machine.host), (&Told::Unknown(refused()), &Told::Unknown(refused())));
    assert_eq!(contents.unread().count(), 1);
    let store = &contents.datastores[1];
    assert_eq!((&store.capacity, &store.kind), (&Told::Unknown(refused()), &Told::Unknown(refused())));
    assert_eq!(store.virtual_machines, Told::Unknown(refused()));
    assert_eq!(json!(store)["capacity"], json!({"unknown": "NoPermission"}));
}

/// A machine that cannot be reached has no configuration: then it is not known whose clone it is.
#[test]
fn without_its_configuration_nobody_knows_whose_clone_a_machine_is() {
    let lost = json!({"config.instanceUuid": null, "config.template": null, "runtime.connectionState": "inaccessible"});
    let (_, contents) = with(vec![vm("vm-42", "avocado2", &lost)]);
    let machine = &contents.machines[0];
    assert_eq!(machine.clone_of, Told::Unknown("inaccessible".to_owned()));
    assert_eq!(machine.template, Told::Unset);
}

fn mark() -> Mark {
    let purpose = Purpose {
        owner: "evenkeel",
        resource: "BackupSchedule/olive-vm-clones",
        object: "NFS_durian:backup/zz",
        vm: "avocado2",
        vm_uuid: "5d87a5be-a236-532f-8092-016f52d230a4",
        vmx: "[LocalDS_0] avocado2/avocado2.vmx",
        slot: "20190924T173000Z",
        number: 2,
        attempt: 1,
    };
    Mark::new(purpose, vec![1024])
}

#[test]
fn our_clones_are_known_and_copies_of_them_are_none() {
    let mark = mark();
    let clone = |uuid: &str, sealed: bool| {
        let mut extra = vec![json!({"key": "evenkeel.clone", "value": mark.text()})];
        extra.extend(sealed.then(|| json!({"key": "evenkeel.sealed", "value": mark.uuid})));
        json!({"config.instanceUuid": uuid, "config.extraConfig": extra})
    };
    let other = "00000000-0000-4000-8000-000000000000";
    let (_, contents) = with(vec![
        vm("vm-1", "a", &clone(&mark.uuid, true)),
        vm("vm-2", "b", &clone(&mark.uuid, false)),
        vm("vm-3", "c", &clone(other, true)),
    ]);
    let of = |at: usize| contents.machines[at].clone_of.clone();
    let expected = |sealed| {
        Told::Is(CloneOf {
            vm: "avocado2".to_owned(),
            slot: "20190924T173000Z".to_owned(),
            resource: "BackupSchedule/olive-vm-clones".to_owned(),
            sealed,
        })
    };
    assert_eq!([of(0), of(1), of(2)], [expected(true), expected(false), Told::Unset]);
}

#[test]
fn snapshots_have_an_age_where_it_is_told_when_they_were_taken() {
    let ours = SnapshotMark::new("evenkeel", "NFS_durian:backup/zz", "20190924T173000Z").text();
    let node = |id: &str, name: &str, description: &str, taken: &str, children: Value| {
        json!({"snapshot": reference("VirtualMachineSnapshot", id), "name": name, "description": description,
            "createTime": taken, "childSnapshotList": children})
    };
    let child = node("snapshot-2", "Clone Snapshot", &ours, "2026-11-21T19:00:00.123456Z", json!([]));
    let root = node("snapshot-1", "before the upgrade", "", "2026-11-17T19:00:00+09:00", json!([child]));
    let odd = node("snapshot-3", "odd", "", "", json!([]));
    let machine = vm("vm-42", "avocado2", &json!({"snapshot": {"rootSnapshotList": [root, odd]}}));
    let (_, contents) = with(vec![machine]);
    assert_eq!(contents.machines[0].snapshots, Told::Is(3));
    let [upgrade, ours, odd] = contents.snapshots.as_slice() else { panic!("{:?}", contents.snapshots) };
    assert_eq!((upgrade.name.as_str(), upgrade.ours, ours.ours), ("before the upgrade", false, true));
    assert_eq!(upgrade.virtual_machine, Told::Is("/DC0/vm/avocado2".to_owned()));
    let now = "2026-11-20T10:00:00Z".parse().unwrap();
    let older = |snapshot: &Snapshot, hours| snapshot.is_older(SignedDuration::from_hours(hours), now);
    assert_eq!([older(upgrade, 72), older(upgrade, 71)], [Some(false), Some(true)]);
    assert_eq!(ours.age(now), Some(SignedDuration::ZERO), "its clock is ahead of ours");
    assert_eq!(older(odd, 72), None);
}

#[test]
fn a_list_that_is_cut_short_is_no_inventory() {
    let text = json!({"about": {"apiType": "VirtualCenter"}, "count": 2, "objects": []}).to_string();
    let error = read_of(Way::Vsphere, 0, &text, "").unwrap_err();
    assert!(error.to_string().contains("0 objects are there, and it says that there are 2"), "{error}");
    let error = read_of(Way::Vsphere, 403, "", "NoPermission").unwrap_err();
    assert!(error.hint().unwrap().contains("Read-only"));
}

#[test]
fn a_host_behind_ssh_tells_its_release() {
    for (line, product, name) in [
        ("VMware ESXi 7.0.3 build-20036589\n", "VMware ESXi", Some("7.0 Update 3f")),
        ("VMware ESX 4.1.0 build-348481\n", "VMware ESX", Some("4.1 Update 1")),
        ("VMware ESXi 99.0.0 build-1\n", "VMware ESXi", None),
    ] {
        let inventory = read_of(Way::Commands, 0, line, "").unwrap();
        assert_eq!((inventory.server.product.as_str(), inventory.contents), (product, None));
        let release = inventory.server.software.release.as_ref().map(|release| release.name.as_str());
        assert_eq!(release, name);
        assert_eq!(inventory.hosts[0].software, Told::Is(inventory.server.software));
    }
}

#[test]
fn another_machine_behind_ssh_is_no_host() {
    let error = read_of(Way::Commands, 127, "", "sh: vmware: not found").unwrap_err();
    assert!(error.lacks_program() && error.hint().unwrap().contains("is this one?"));
    let error = read_of(Way::Commands, 0, "VMware Workstation 17.5.0 build-22583795\n", "").unwrap_err();
    assert!(error.to_string().contains("names no release of ESXi"), "{error}");
}

#[test]
fn what_is_asked_is_one_exchange() {
    let line = |way| query(way).request().display();
    let all = "RetrievePropertiesEx(every Datacenter, Datastore, Folder, HostSystem, VirtualMachine)";
    assert_eq!((line(Way::Vsphere).as_str(), line(Way::Commands).as_str()), (all, "vmware -v"));
}
