//! The simulated vCenter: what it tells, what it refuses, and what goes on there when nobody waits for it any more.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;

use evenkeel_core::request::vsphere::{
    CloneSpec, Condition, ConfigSpec, DiskFormat, Nic, Object, Reference, RelocateSpec, VsphereCall,
};
use evenkeel_core::request::{Reply, Request, VsphereRequest};
use evenkeel_lab::contract::now;
use evenkeel_lab::machine::Machine;
use evenkeel_lab::random::Random;
use evenkeel_lab::vsphere::{HOST, POOL, Power, VM_FOLDER, Vcenter};
use serde_json::{Value, json};

const STORE: &str = "NFS_durian";

struct Site {
    vcenter: Vcenter,
    store: Reference,
    folder: Reference,
    vm: Reference,
}

fn site() -> Site {
    let mut vcenter = Vcenter::new(now());
    vcenter.add_store("LocalDS_0", 200);
    let store = Reference::new("Datastore", vcenter.add_store(STORE, 200));
    let folder = Reference::new("Folder", vcenter.add_folder("backup", VM_FOLDER));
    let vm = Reference::new("VirtualMachine", vcenter.add_vm("avocado2", "LocalDS_0", 20));
    Site { vcenter, store, folder, vm }
}

impl Site {
    fn call(&mut self, call: VsphereCall) -> (i32, Value) {
        told(&self.vcenter.request(&VsphereRequest::Call(call)))
    }

    /// What it gave.
    fn done(&mut self, call: VsphereCall) -> Reference {
        let (exit, said) = self.call(call);
        assert_eq!(exit, 0, "{said}");
        serde_json::from_value(said["result"].clone()).unwrap()
    }

    /// The exit status and the type of the fault.
    fn refused(&mut self, call: VsphereCall) -> (i32, String) {
        let before = Machine::fingerprint(&self.vcenter);
        let (exit, said) = self.call(call);
        assert_eq!(Machine::fingerprint(&self.vcenter), before, "what is refused changes nothing");
        (exit, said["fault"].as_str().unwrap_or_default().to_owned())
    }

    fn snapshot(&self, name: &str) -> VsphereCall {
        VsphereCall::create_snapshot(self.vm.clone(), name, "d", false)
    }

    fn clone_of(&self, name: &str, snapshot: Option<Object>, format: DiskFormat) -> VsphereCall {
        let location = RelocateSpec { datastore: self.store.clone(), pool: None, host: None, format };
        let extra = vec![("mark".to_owned(), name.to_owned())];
        let config = ConfigSpec {
            instance_uuid: Some(format!("uuid of {name}")),
            annotation: Some("a copy".to_owned()),
            extra,
            ..ConfigSpec::default()
        };
        let name = name.to_owned();
        let folder = Object::Is(self.folder.clone());
        VsphereCall::clone_vm(self.vm.clone(), CloneSpec { name, folder, location, config, snapshot })
    }

    fn plain_clone(&self, name: &str) -> VsphereCall {
        self.clone_of(name, None, DiskFormat::Sparse)
    }

    fn read(&mut self, vm: &Reference, path: &str) -> Value {
        let objects = BTreeSet::from([vm.clone()]);
        let paths = BTreeSet::from([path.to_owned()]);
        let (_, said) = told(&self.vcenter.request(&VsphereRequest::Retrieve { objects, paths }));
        said["objects"][0]["properties"][path].clone()
    }
}

fn told(reply: &Reply) -> (i32, Value) {
    (reply.exit, serde_json::from_slice(&reply.stdout).unwrap())
}

#[test]
fn it_is_told_as_a_transport_tells_it() {
    let Site { mut vcenter, vm, .. } = site();
    let what = [("Datacenter", &["name", "vmFolder"][..]), ("VirtualMachine", &["name", "snapshot"][..])];
    let (exit, said) = told(&vcenter.request(&VsphereRequest::retrieve_all(what)));
    assert_eq!((exit, &said["about"]["apiType"], &said["count"]), (0, &json!("VirtualCenter"), &json!(2)));
    let all = json!([
        { "type": "Datacenter", "id": "datacenter-2",
          "properties": { "name": "DC0", "vmFolder": { "type": "Folder", "id": VM_FOLDER } } },
        { "type": "VirtualMachine", "id": vm.id, "properties": { "name": "avocado2" } },
    ]);
    assert_eq!(said["objects"], all, "a property that is not set is not there");
    let gone = Reference::new("VirtualMachine", "vm-1");
    let paths = BTreeSet::from(["name".to_owned()]);
    let read = VsphereRequest::Retrieve { objects: [gone, vm].into(), paths };
    assert_eq!(told(&vcenter.request(&read)).1["count"], 1, "what is gone is not there");
    let wrong = VsphereRequest::retrieve_all([("VirtualMachine", &["nmae"][..])]);
    let (exit, said) = told(&vcenter.request(&wrong));
    assert_eq!(
        (exit, &said["fault"], &said["fields"]),
        (500, &json!("InvalidProperty"), &json!({"name": "nmae"}))
    );
    let other = VsphereRequest::retrieve_all([("Network", &["name"][..])]);
    assert_eq!(vcenter.request(&other).exit, 500);
}

#[test]
fn all_calls_of_the_core_are_in_the_order_of_the_schema_and_no_other_order_is_taken() {
    let mut site = site();
    let snapshot = site.done(site.snapshot("a"));
    let nic = Nic { kind: "VirtualVmxnet3".to_owned(), key: 4_000 };
    let config = ConfigSpec {
        instance_uuid: Some("u".to_owned()),
        annotation: Some("a".to_owned()),
        disconnect: vec![nic],
        extra: vec![("k".to_owned(), "v".to_owned())],
    };
    let (pool, host) = (Reference::new("ResourcePool", POOL), Reference::new("HostSystem", HOST));
    let to = RelocateSpec {
        datastore: site.store.clone(),
        pool: Some(pool.clone()),
        host: Some(host.clone()),
        format: DiskFormat::Thin(vec![2_000]),
    };
    let vm = site.vm.clone();
    let clone = site.clone_of("c", Some(snapshot.clone().into()), DiskFormat::Thin(vec![2_000]));
    let cloned = site.done(clone.clone());
    let unregistered = site.done(site.plain_clone("d"));
    let path = site.read(&unregistered, "config.files.vmPathName").as_str().unwrap().to_owned();
    site.vcenter.unregister_by_hand(&unregistered.id);
    let calls = [
        site.clone_of("e", Some(snapshot.clone().into()), DiskFormat::Thin(vec![2_000])),
        site.plain_clone("f"),
        site.clone_of("g", None, DiskFormat::Same),
        VsphereCall::create_snapshot(vm.clone(), "n", "d", true),
        VsphereCall::remove_snapshot(snapshot),
        VsphereCall::reconfigure_vm(vm.clone(), config),
        VsphereCall::relocate_vm(vm.clone(), to),
        VsphereCall::rename(vm.clone(), "b"),
        VsphereCall::create_folder(site.folder.clone(), "deeper"),
        VsphereCall::move_into_folder(site.folder.clone(), vm),
        VsphereCall::register_vm(site.folder.clone(), &path, "d", pool, Some(host)),
        VsphereCall::destroy(cloned),
    ];
    for call in calls {
        if call.arguments.len() > 1 {
            let mut other = call.clone();
            other.arguments.reverse();
            assert_eq!(site.refused(other).1, "InvalidRequest", "{}", call.method);
        }
        if call.argument(&["folder"]).is_some() || call.argument(&["memory"]).is_some() {
            let mut less = call.clone();
            less.arguments.pop();
            assert_eq!(site.refused(less).1, "InvalidRequest", "{}", call.method);
        }
        let (exit, said) = site.call(call.clone());
        assert_eq!(exit, 0, "{}: {said}", call.method);
    }
    let other = VsphereCall { method: "PowerOnVM_Task".to_owned(), ..site.plain_clone("x") };
    assert_eq!(site.refused(other), (501, "MethodNotFound".to_owned()));
}

#[test]
fn what_a_vcenter_refuses_is_refused() {
    let mut site = site();
    let snapshot = site.done(site.snapshot("a"));
    let made = site.done(site.clone_of("c", Some(snapshot.clone().into()), DiskFormat::Same));
    let refusals: [(VsphereCall, i32, &str); 5] = [
        (site.plain_clone("c"), 409, "DuplicateName"),
        (VsphereCall::rename(site.vm.clone(), "backup"), 409, "DuplicateName"),
        (site.plain_clone(&"n".repeat(81)), 500, "InvalidName"),
        (VsphereCall::destroy(site.vm.clone()), 409, "InvalidPowerState"),
        (VsphereCall::destroy(Reference::new("VirtualMachine", "vm-1")), 404, "ManagedObjectNotFound"),
    ];
    for (call, exit, fault) in refusals {
        let line = VsphereRequest::Call(call.clone()).display();
        assert_eq!(site.refused(call), (exit, fault.to_owned()), "{line}");
    }
    site.call(VsphereCall::remove_snapshot(snapshot.clone()));
    let late = site.clone_of("d", Some(snapshot.into()), DiskFormat::Same);
    assert_eq!(site.refused(late), (404, "ManagedObjectNotFound".to_owned()), "its snapshot is gone");
    site.vcenter.fill_by_hand(STORE, 170 << 30);
    assert_eq!(site.refused(site.clone_of("d", None, DiskFormat::Same)), (507, "NoDiskSpace".to_owned()));
    site.done(site.plain_clone("d"));
    for store in site.vcenter.stores.values_mut() {
        store.is_accessible = false;
    }
    assert_eq!(site.refused(site.plain_clone("e")).1, "InaccessibleDatastore");
    site.vcenter.vms.get_mut(&site.vm.id).unwrap().quiesces = false;
    let quiesced = VsphereCall::create_snapshot(site.vm.clone(), "q", "d", true);
    assert_eq!(site.refused(quiesced).1, "ApplicationQuiesceFault");
    site.vcenter.is_host = true;
    assert_eq!(site.refused(site.plain_clone("f")), (501, "NotSupported".to_owned()));
    assert_eq!(site.vcenter.vms[&made.id].store(), STORE);
}

#[test]
fn a_clone_is_what_its_snapshot_held_and_nothing_of_it_is_the_sources() {
    let mut site = site();
    let content = site.vcenter.vms[&site.vm.id].content;
    let snapshot = site.done(site.snapshot("a"));
    site.vcenter.write_by_hand(&site.vm.id);
    let made = site.done(site.clone_of("c", Some(snapshot.into()), DiskFormat::Sparse));
    let (source, clone) = (&site.vcenter.vms[&site.vm.id], &site.vcenter.vms[&made.id]);
    assert_eq!((clone.content, clone.power), (content, Power::Off));
    assert_ne!(source.content, content);
    assert_eq!((clone.uuid.as_str(), clone.annotation.as_str()), ("uuid of c", "a copy"));
    assert_eq!(clone.extra["mark"], "c");
    assert_eq!(clone.extra["svga.present"], "TRUE", "what the source has, it has too");
    assert!(!source.extra.contains_key("mark") && clone.snapshots.is_empty());
    assert_ne!(source.nics[0].mac, clone.nics[0].mac);
    assert_eq!(clone.disks[0].file, "[NFS_durian] c/c.vmdk");
    assert_eq!(source.disks[0].file, "[LocalDS_0] avocado2/avocado2.vmdk");
    assert!(clone.disks[0].is_thin && !source.disks[0].is_thin);
    assert_eq!(site.read(&made, "summary.storage")["committed"], (10_u64 << 30).to_string());
    let mut again = site.clone_of("c2", None, DiskFormat::Same);
    again.arguments[2] = site.clone_of("c", None, DiskFormat::Same).arguments[2].clone();
    let twin = site.done(again);
    assert_ne!(site.vcenter.vms[&twin.id].uuid, "uuid of c", "an identity is given once");
}

#[test]
fn snapshots_on_one_that_goes_stay() {
    let mut site = site();
    let ours = site.done(site.snapshot("ours"));
    let theirs = site.done(site.snapshot("theirs"));
    let tree = site.read(&site.vm.clone(), "snapshot");
    assert_eq!(tree["currentSnapshot"]["id"], theirs.id);
    assert_eq!(tree["rootSnapshotList"][0]["childSnapshotList"][0]["name"], "theirs");
    let (vm, name, description) = (site.vm.clone(), "ours".to_owned(), "d".to_owned());
    let named = Object::Snapshot { vm, name, description };
    assert_eq!(site.call(VsphereCall::remove_snapshot(named.clone())), (0, json!({ "result": null })));
    let tree = site.read(&site.vm.clone(), "snapshot");
    assert_eq!(tree["rootSnapshotList"][0]["name"], "theirs");
    assert_eq!(site.call(VsphereCall::remove_snapshot(named)).0, 404);
    assert_eq!(site.refused(VsphereCall::remove_snapshot(ours)).0, 404);
    site.call(VsphereCall::remove_snapshot(theirs));
    assert_eq!(site.read(&site.vm.clone(), "snapshot"), Value::Null);
}

#[test]
fn conditions_and_names_are_looked_at_just_before() {
    let mut site = site();
    let made = site.done(site.plain_clone("c"));
    let marked = || Object::Marked { key: "mark".to_owned(), value: "c".to_owned() };
    let in_folder = |name: &str, site: &Site| Object::named("VirtualMachine", name, site.folder.clone());
    let holds = [
        Condition::be(marked(), "runtime.powerState", "poweredOff"),
        Condition::be(marked(), "parent", &site.folder.id),
        Condition::be_unset(marked(), "snapshot"),
        Condition::be_gone(in_folder("d", &site)),
        Condition::disks_on(made.clone(), STORE),
        Condition::have_extra(made.clone(), "mark", "c"),
        Condition::be_unset(Reference::new("VirtualMachine", "vm-1"), "snapshot"),
    ];
    let call = holds.into_iter().fold(VsphereCall::rename(marked(), "c"), VsphereCall::only_if);
    assert_eq!(site.call(call).0, 0);
    let fails = [
        (
            Condition::be(marked(), "config.template", "true"),
            "`config.template` of the VirtualMachine with mark=c is `false` and not `true`",
        ),
        (Condition::be_gone(in_folder("c", &site)), "is there"),
        (Condition::disks_on(made.clone(), "NFS"), "has a disk at `[NFS_durian] c/c.vmdk` and not on [NFS] "),
        (Condition::have_extra(made.clone(), "mark", "d"), "has no mark=d"),
        (Condition::be(Reference::new("VirtualMachine", "vm-1"), "name", "c"), "is not there"),
    ];
    for (condition, why) in fails {
        let (exit, said) = site.call(VsphereCall::destroy(made.clone()).only_if(condition));
        assert_eq!((exit, said.get("fault")), (412, None));
        assert!(said["message"].as_str().unwrap().contains(why), "{said}");
    }
    let copy = site.vcenter.clone_by_hand(&made.id, "copy", VM_FOLDER, STORE).unwrap();
    let (exit, said) = site.call(VsphereCall::destroy(marked()));
    assert_eq!(
        (exit, &said["message"]),
        (409, &json!("there are 2 of what should be one: VirtualMachine with mark=c"))
    );
    site.call(VsphereCall::destroy(Reference::new("VirtualMachine", copy)));
    let calls = vec![VsphereCall::destroy(site.vm.clone()), VsphereCall::destroy(marked())];
    let reply = site.vcenter.request(&VsphereRequest::Together { at_once: 2, calls });
    let (exit, said) = told(&reply);
    assert_eq!(
        (exit, &said[0]["fault"], &said[1]),
        (409, &json!("InvalidPowerState"), &json!({ "exit": 0, "result": null }))
    );
    assert_eq!(reply.stderr_text().lines().count(), 1);
}

#[test]
fn what_it_was_told_to_do_goes_on_when_nobody_waits() {
    let (mut ends, mut halves) = (BTreeSet::new(), 0);
    for seed in 0..60 {
        let mut site = site();
        let clone = site.plain_clone("c");
        let request = Request::Vsphere(Box::new(VsphereRequest::Call(clone.clone())));
        site.vcenter.answer_in_part("olive", &request, &mut Random::new(seed));
        let tasks = VsphereRequest::retrieve_all([("Task", &["info.entity", "info.state"][..])]);
        let (_, said) = told(&site.vcenter.request(&tasks));
        let state = said["objects"][0]["properties"]["info.state"].as_str().unwrap_or("none").to_owned();
        if state == "running" {
            assert_eq!(said["objects"][0]["properties"]["info.entity"]["id"], site.vm.id);
            assert_eq!(site.refused(site.snapshot("now")), (409, "TaskInProgress".to_owned()));
        }
        site.vcenter.pass();
        let there: Vec<usize> = site.vcenter.named("c").map(|(_, vm)| vm.disks.len()).collect();
        match (state.as_str(), there.as_slice()) {
            ("none", []) | ("running" | "success", [1]) => {}
            ("error", [0]) => halves += 1,
            other => panic!("seed {seed}: {other:?}"),
        }
        assert_eq!(site.call(site.snapshot("later")).0, 0, "seed {seed}");
        ends.insert(state);
    }
    assert_eq!((ends.len(), halves > 0), (4, true), "{ends:?}");
}

#[test]
fn a_failure_that_was_ordered_comes_once() {
    let mut site = site();
    site.vcenter.fails_next = Some(("CloneVM_Task".to_owned(), "NoDiskSpace".to_owned()));
    assert_eq!(site.call(site.snapshot("a")).0, 0);
    assert_eq!(site.refused(site.plain_clone("c")), (507, "NoDiskSpace".to_owned()));
    assert_eq!(site.call(site.plain_clone("c")).0, 0);
}
