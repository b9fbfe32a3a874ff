//! A clone's life, by objects that are named in every way there is; and what is refused.

use evenkeel_core::request::VsphereRequest;
use evenkeel_core::request::vsphere::{
    Condition, ConfigSpec, Object, Reference, Value as Argument, VsphereCall,
};
use evenkeel_core::transport::TransportErrorKind;
use evenkeel_tests::pyvmomi::look;
use evenkeel_tests::vcsim::Vcsim;
use serde_json::json;

use super::way::{CREDENTIAL, MARK, SITE, SNAPSHOT, Way, backup, marked, shown};

fn snapshot(vm: &Reference) -> Object {
    Object::Snapshot { vm: vm.clone(), name: SNAPSHOT.0.into(), description: SNAPSHOT.1.into() }
}

/// The same clone, of a snapshot.
fn of_snapshot(mut call: VsphereCall, of: Object) -> VsphereCall {
    let spec = call.arguments.iter_mut().find(|(name, _)| name == "spec").unwrap();
    let Argument::Struct { fields, .. } = &mut spec.1 else { panic!("{spec:?}") };
    fields.push(("snapshot".to_owned(), Argument::Object(of)));
    call
}

fn vm_named(name: &str) -> Object {
    Object::named("VirtualMachine", name, backup())
}

/// A seal, as a clone gets one: only where it is off, no template, and on its datastore.
fn seal(datastore: &str) -> VsphereCall {
    let extra = vec![("evenkeel.sealed".to_owned(), "x & y".to_owned())];
    let config = ConfigSpec { annotation: Some("a copy\n& more".into()), extra, ..ConfigSpec::default() };
    VsphereCall::reconfigure_vm(marked(), config)
        .only_if(Condition::be(marked(), "runtime.powerState", "poweredOff"))
        .only_if(Condition::be(marked(), "config.template", "false"))
        .only_if(Condition::have_extra(marked(), MARK.0, MARK.1))
        .only_if(Condition::disks_on(marked(), datastore))
}

#[tokio::test]
async fn a_clone_is_made_sealed_renamed_and_destroyed() {
    for more in [&["-bare"] as &[&str], &[], &["-page", "3"]] {
        let vcsim = Vcsim::start(&[&SITE, more].concat());
        let way = Way::new(vcsim.spec(CREDENTIAL));
        let vm = way.find("VirtualMachine", "avocado2").await;
        let take = || {
            VsphereCall::create_snapshot(vm.clone(), SNAPSHOT.0, SNAPSHOT.1, true)
                .only_if(Condition::be_gone(snapshot(&vm)))
        };
        assert!(way.call(take()).await.is_some_and(|made| made.kind == "VirtualMachineSnapshot"));
        let (exit, words) = way.refused(take()).await;
        assert!(exit == 412 && words.starts_with("not done, since snapshot `Clone Snapshot`"), "{words}");

        let clone = of_snapshot(way.clone_of("avocado2", "zz_a").await, snapshot(&vm));
        let made = way.call(clone.clone()).await.unwrap();
        assert_eq!(way.refused(clone).await.0, 412, "there is one");
        way.call(seal("NFS_durian")).await;
        let (exit, words) = way.refused(seal("LocalDS_0")).await;
        assert!(exit == 412 && words.contains("[NFS_durian] ") && words.contains("[LocalDS_0]"), "{words}");
        let sealed = way.properties(&made, &["config.annotation", "config.extraConfig"]).await;
        assert_eq!(sealed["config.annotation"], "a copy\n& more");
        let options = sealed["config.extraConfig"].as_array().unwrap();
        for (key, value) in [MARK, ("evenkeel.sealed", "x & y")] {
            let has = options.iter().any(|option| option["key"] == key && option["value"] == value);
            assert!(has, "{key}: {options:?}");
        }

        way.call(VsphereCall::remove_snapshot(snapshot(&vm))).await;
        let (exit, words) = way.refused(VsphereCall::remove_snapshot(snapshot(&vm))).await;
        assert!(exit == 404 && words.contains("there is no snapshot `Clone Snapshot`"), "{words}");
        way.call(VsphereCall::rename(vm_named("zz_a"), "zz_b")).await;
        assert_eq!(way.refused(VsphereCall::rename(vm_named("zz_a"), "zz_c")).await.0, 404);
        let root = Object::Named { kind: "Folder".into(), name: "vm".into(), within: None };
        way.call(VsphereCall::move_into_folder(root, vm_named("zz_b"))).await;
        way.call(VsphereCall::move_into_folder(backup(), marked())).await;
        if !more.contains(&"-bare") {
            expect_clone(&vcsim);
        }
        way.call(VsphereCall::destroy(vm_named("zz_b")).only_if(Condition::have_extra(made, MARK.0, MARK.1)))
            .await;
        assert_eq!(way.refused(VsphereCall::destroy(marked())).await.0, 404);
        let seen = look(vcsim.url());
        assert_eq!(seen.vms.len(), 3);
        assert!(seen.vms.iter().all(|vm| vm.snapshots.is_empty()), "{seen:?}");
    }
}

/// What pyvmomi sees of the clone before it goes.
fn expect_clone(vcsim: &Vcsim) {
    let seen = look(vcsim.url());
    let clone = seen.vms.iter().find(|vm| vm.name == "zz_b").unwrap_or_else(|| panic!("{seen:?}"));
    assert_eq!((clone.folder.as_str(), clone.annotation.as_str()), ("DC0/vm/backup", "a copy\n& more"));
    assert!(clone.disks.iter().all(|disk| disk.file.starts_with("[NFS_durian] ")), "{clone:?}");
    let source = seen.vms.iter().find(|vm| vm.name == "avocado2").unwrap();
    assert!(source.disks.iter().all(|disk| disk.file.starts_with("[LocalDS_0] ")), "{source:?}");
}

#[tokio::test]
async fn what_is_several_or_none_is_refused_before_anything_is_sent() {
    let vcsim = Vcsim::start(&SITE);
    let way = Way::new(vcsim.spec(CREDENTIAL));
    let first = way.call(VsphereCall::create_folder(backup(), "twin")).await.unwrap();
    way.call(VsphereCall::create_folder(first.clone(), "twin")).await;
    let twin = Object::Named { kind: "Folder".into(), name: "twin".into(), within: None };
    let (exit, words) = way.refused(VsphereCall::create_folder(twin, "x")).await;
    assert!(
        exit == 409 && words.contains("there are 2 of what should be one: Folder of the name `twin`"),
        "{words}"
    );
    // A path says which.
    let outer = Object::named("Folder", "twin", backup());
    let inner = Object::named("Folder", "twin", outer.clone());
    let made = way.call(VsphereCall::create_folder(inner, "x")).await.unwrap();
    let parent = way.properties(&made, &["parent"]).await["parent"]["id"].clone();
    assert_ne!(parent, first.id.as_str());
    assert_eq!(way.refused(VsphereCall::create_folder(outer, "twin")).await.0, 409, "DuplicateName");
    // Two copies of one clone have one mark.
    for name in ["zz_a", "zz_b"] {
        way.call(way.clone_of("banana", name).await).await;
    }
    let (exit, words) = way.refused(VsphereCall::destroy(marked())).await;
    assert!(exit == 409 && words.contains("VirtualMachine with evenkeel.clone="), "{words}");
    let (exit, words) = way.refused(seal("NFS_durian")).await;
    assert!(exit == 412 && words.contains("may be any of 2"), "{words}");
    assert_eq!(look(vcsim.url()).vms.len(), 5);
    let gone = Reference::new("VirtualMachine", "vm-99999");
    let (exit, words) = way.refused(VsphereCall::rename(gone, "x")).await;
    assert!(exit == 404 && words.starts_with("ManagedObjectNotFound"), "{words}");
    let of = Object::Of("virtualDiskManager".into());
    assert_eq!(way.refused(VsphereCall::destroy(of)).await.0, 501, "no method of its");
    assert_eq!(way.refused(VsphereCall::destroy(Object::Of("bogus".into()))).await.0, 404);
}

#[tokio::test]
async fn several_calls_are_made_and_each_is_told_of() {
    let vcsim = Vcsim::start(&[&SITE as &[&str], &["-task-time", "100ms"]].concat());
    let way = Way::new(vcsim.spec(CREDENTIAL));
    let vm = way.find("VirtualMachine", "avocado2").await;
    let calls = vec![
        way.clone_of("avocado2", "zz_a").await,
        VsphereCall::destroy(vm.clone()).called(&vm.into(), "avocado2"),
        way.clone_of("banana", "zz_b").await,
        VsphereCall::create_folder(backup(), "sub"),
        way.clone_of("papaya3", "zz_c").await,
        VsphereCall::rename(vm_named("nobody"), "x"),
    ];
    let reply = way.try_ask(VsphereRequest::Together { at_once: 2, calls }).await.unwrap();
    let all = shown(&reply);
    let exits: Vec<_> = all.as_array().unwrap().iter().map(|one| one["exit"].clone()).collect();
    assert_eq!(exits, [0, 409, 0, 0, 0, 404].map(|exit| json!(exit)), "{all}");
    assert_eq!((reply.exit, all[1]["fault"].as_str()), (409, Some("InvalidPowerState")));
    assert_eq!(all[0]["result"]["type"], "VirtualMachine");
    let words = reply.stderr_text();
    assert!(words.starts_with("Destroy_Task of avocado2: InvalidPowerState"), "{words}");
    assert_eq!(words.lines().count(), 2, "{words}");
    assert_eq!(look(vcsim.url()).vms.len(), 6);
}

#[tokio::test]
async fn what_the_simulator_breaks_off_for_is_not_known_and_the_way_goes_on() {
    let vcsim = Vcsim::start(&SITE);
    let way = Way::new(vcsim.spec(CREDENTIAL));
    // It has no answer to a clone into a folder that is gone.
    let mut clone = way.clone_of("avocado2", "zz_a").await;
    clone.only_if.clear();
    let folder = clone.arguments.iter_mut().find(|(name, _)| name == "folder").unwrap();
    folder.1 = Argument::Object(Reference::new("Folder", "group-v9999").into());
    let error = way.try_call(clone).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::ConnectionLost, "{error:?}");
    assert!(error.message.starts_with("it is not known whether CloneVM_Task of "), "{error}");
    assert!(way.call(way.clone_of("avocado2", "zz_a").await).await.is_some());
}
