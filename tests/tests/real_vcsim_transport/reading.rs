//! Reading properties: everything there is, by every way that leads to it, in pages or not.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::VsphereRequest;
use evenkeel_core::request::vsphere::{Object, Reference, VsphereCall};
use evenkeel_core::transport::{Transport as _, TransportErrorKind};
use evenkeel_tests::pyvmomi::look;
use evenkeel_tests::soap::{Soap, reference};
use evenkeel_tests::soap_proxy::SoapProxy;
use evenkeel_tests::vcsim::Vcsim;
use serde_json::{Value, json};

use super::way::{CREDENTIAL, SITE, Way, text};

/// Objects of every type that can be read at once.
fn everything() -> VsphereRequest {
    VsphereRequest::retrieve_all([
        ("ComputeResource", &["name"] as &[&str]),
        ("Datacenter", &["name", "parent", "vmFolder"]),
        ("Datastore", &["name", "parent", "summary"]),
        ("Folder", &["name", "parent"]),
        ("HostDatastoreSystem", &["datastore"]),
        ("HostStorageSystem", &["storageDeviceInfo.multipathInfo"]),
        ("HostSystem", &["name", "summary.config.product"]),
        ("ResourcePool", &["name"]),
        ("Task", &["info.descriptionId", "info.entity", "info.state"]),
        (
            "VirtualMachine",
            &["config.extraConfig", "datastore", "name", "parent", "runtime.powerState", "snapshot"],
        ),
    ])
}

/// How many objects there are of each type.
fn kinds(found: &Value) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for one in found["objects"].as_array().unwrap() {
        *kinds.entry(text(&one["type"])).or_default() += 1;
    }
    kinds
}

/// The ids of the objects of a type.
fn ids<'f>(found: &'f Value, kind: &'f str) -> Vec<&'f str> {
    let all = found["objects"].as_array().unwrap().iter().filter(|one| one["type"] == kind);
    all.map(|one| one["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn everything_is_read_in_one_call_and_its_pages_and_is_what_pyvmomi_sees() {
    for (more, pages) in
        [(&["-bare"] as &[&str], 0), (&["-luns", "2"], 0), (&["-luns", "2", "-page", "3"], 13)]
    {
        let vcsim = Vcsim::start(&[&SITE, more].concat());
        let proxy = SoapProxy::start(&vcsim);
        let way = Way::new(proxy.spec(CREDENTIAL));
        let found = way.done(everything()).await;
        let counts = proxy.counts();
        assert_eq!(counts["RetrievePropertiesEx"], 1, "{more:?}");
        let continued = counts.get("ContinueRetrievePropertiesEx").copied().unwrap_or_default();
        assert_eq!(continued > 0, pages > 0, "{more:?}: {counts:?}");
        assert_eq!(found["count"], found["objects"].as_array().unwrap().len());
        assert_eq!(found["about"]["apiType"], "VirtualCenter");

        let seen = look(vcsim.url());
        assert_eq!(found["about"]["build"], seen.about.build.as_str());
        let names = |kind: &str| -> BTreeSet<String> {
            let all = found["objects"].as_array().unwrap().iter().filter(|one| one["type"] == kind);
            all.map(|one| text(&one["properties"]["name"])).collect()
        };
        assert_eq!(names("VirtualMachine"), seen.vms.iter().map(|vm| vm.name.clone()).collect());
        assert_eq!(names("Datastore"), seen.datastores.iter().map(|store| store.name.clone()).collect());
        assert_eq!(names("HostSystem"), seen.hosts.keys().cloned().collect());
        let all = kinds(&found);
        // pyvmomi shows no root folder.
        assert_eq!(all["Folder"] + all["Datacenter"], seen.folders.len() + 1, "{seen:?}");
        let hosts = seen.hosts.len();
        for (kind, count) in [
            ("ComputeResource", hosts),
            ("ResourcePool", hosts),
            ("HostStorageSystem", hosts),
            ("HostDatastoreSystem", hosts),
        ] {
            assert_eq!(all[kind], count, "{kind}: {all:?}");
        }
        assert!(all["Task"] > 0, "{all:?}");
        let mut unique = ids(&found, "VirtualMachine");
        unique.dedup();
        assert_eq!(unique.len(), 3);
        if more.contains(&"-luns") {
            expect_luns(&found);
        }
        way.transport.close().await;
    }
}

/// Two LUNs with four paths each on every host.
fn expect_luns(found: &Value) {
    for host in found["objects"].as_array().unwrap().iter().filter(|one| one["type"] == "HostStorageSystem") {
        let luns = host["properties"]["storageDeviceInfo.multipathInfo"]["lun"].as_array().unwrap();
        assert_eq!(luns.len(), 2);
        for lun in luns {
            assert_eq!(lun["path"].as_array().unwrap().len(), 4, "{lun}");
            assert_eq!(lun["policy"]["_type"], "HostMultipathInfoFixedLogicalUnitPolicy");
            assert_eq!(lun["policy"]["policy"], "VMW_PSP_FIXED");
            assert_eq!(lun["path"][0]["isWorkingPath"], "true");
        }
    }
}

#[tokio::test]
async fn what_is_in_pods_and_apps_is_found_once() {
    let vcsim = Vcsim::start(&SITE);
    let way = Way::new(vcsim.spec(CREDENTIAL));
    let mut soap = Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
    // Some of it can only be made by hand.
    let stores = soap.find("Folder", "datastore").await.unwrap();
    let pod = soap.call("CreateStoragePod", &stores, "<name>pod</name>").await.unwrap();
    let pod = pod.object().unwrap_or_else(|| panic!("{pod:?}"));
    let durian = soap.find("Datastore", "NFS_durian").await.unwrap();
    let moved = soap.task("MoveIntoFolder_Task", &pod, &reference("list", &durian)).await.unwrap();
    assert_eq!(moved.text("state").as_deref(), Some("success"), "{moved:?}");
    let (pool, _) = way.names("ResourcePool").await.into_iter().next().unwrap();
    let pool = ("ResourcePool".to_owned(), pool);
    let shares = "<reservation>0</reservation><expandableReservation>true</expandableReservation><limit>-1</limit>\
        <shares><shares>4000</shares><level>normal</level></shares>";
    let app = format!(
        "<name>app</name><resSpec><cpuAllocation>{shares}</cpuAllocation><memoryAllocation>{shares}</memoryAllocation>\
         </resSpec><configSpec></configSpec>"
    );
    let app = soap.call("CreateVApp", &pool, &app).await.unwrap();
    let app = app.object().unwrap_or_else(|| panic!("{app:?}"));
    let inner = "<config><name>inner</name><files><vmPathName>[LocalDS_0]</vmPathName></files></config>";
    let made = soap.task("CreateChildVM_Task", &app, inner).await.unwrap();
    assert_eq!(made.text("state").as_deref(), Some("success"), "{made:?}");

    let found = way.done(everything()).await;
    let stores = way.names("Datastore").await;
    assert_eq!(stores.values().filter(|name| *name == "NFS_durian").count(), 1, "{stores:?}");
    assert_eq!(ids(&found, "Datastore").len(), 2);
    let vms = way.names("VirtualMachine").await;
    assert_eq!(vms.values().filter(|name| *name == "inner").count(), 1, "{vms:?}");
    // A pod is a folder, and an app a pool.
    let parent = way.properties(&Reference::new("Datastore", durian.1), &["parent"]).await;
    assert_eq!(parent["parent"], json!({ "type": "StoragePod", "id": pod.1 }));
    let named = Object::Named { kind: "Folder".into(), name: "pod".into(), within: None };
    let (exit, words) = way.refused(VsphereCall::create_folder(named, "sub")).await;
    assert_eq!(exit, 501, "what is named is the pod, in which there are no folders: {words}");
}

#[tokio::test]
async fn what_is_gone_unset_or_unknown_is_told_apart() {
    let vcsim = Vcsim::start(&SITE);
    let way = Way::new(vcsim.spec(CREDENTIAL));
    let vm = way.find("VirtualMachine", "avocado2").await;
    let objects = BTreeSet::from([vm.clone(), Reference::new("VirtualMachine", "vm-99999")]);
    let paths = ["config.hardware.device", "snapshot", "bogus"].map(str::to_owned);
    let found = way.done(VsphereRequest::Retrieve { objects, paths: paths.into() }).await;
    assert_eq!(found["count"], 1, "one is gone");
    let one = &found["objects"][0];
    assert_eq!(one["id"], vm.id.as_str());
    assert_eq!(one["missing"], json!({ "bogus": "InvalidProperty" }));
    assert_eq!(one["properties"].get("snapshot"), None);
    let devices = one["properties"]["config.hardware.device"].as_array().unwrap();
    let disks: Vec<&Value> = devices.iter().filter(|device| device["_type"] == "VirtualDisk").collect();
    assert_eq!(disks.len(), 1);
    assert_eq!(disks[0]["backing"]["fileName"], "[LocalDS_0] avocado2/avocado2.vmdk");
    assert_eq!(disks[0]["backing"]["_type"], "VirtualDiskFlatVer2BackingInfo");
    let error = way.try_ask(VsphereRequest::retrieve_all([("Alarm", &["info"])])).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Configuration);
    let none = VsphereRequest::Retrieve { objects: BTreeSet::new(), paths: BTreeSet::new() };
    assert_eq!(way.done(none).await["count"], 0);
}

#[tokio::test]
async fn an_esxi_alone_is_read_as_well_and_refuses_what_only_a_vcenter_does() {
    for more in [&["-bare"] as &[&str], &["-luns", "1"]] {
        let vcsim =
            Vcsim::start(&[&["-kind", "esx", "-vms", "avocado2", "-nas", "NFS_durian"], more].concat());
        let way = Way::new(vcsim.spec(CREDENTIAL));
        let found = way.done(everything()).await;
        assert_eq!(found["about"]["apiType"], "HostAgent");
        let all = kinds(&found);
        for kind in
            ["VirtualMachine", "HostSystem", "HostStorageSystem", "HostDatastoreSystem", "ComputeResource"]
        {
            assert_eq!(all[kind], 1, "{kind}: {all:?}");
        }
        assert_eq!(all["Datastore"], 2);
        let folder = Object::Named { kind: "Folder".into(), name: "vm".into(), within: None };
        assert_eq!(way.refused(VsphereCall::create_folder(folder, "backup")).await.0, 501);
    }
}
