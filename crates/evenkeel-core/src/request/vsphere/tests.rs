//! Calls as an independent client writes them (pyVmomi 6.7.1 from the same arguments, in `golden/`: the order of elements is the
//! schema's there, and a vCenter takes no other), and requests as they are shown.

use std::fmt::Write as _;

use super::*;

const UUID: &str = "5020ad2f-44a7-4cd9-ac3c-2d4ef3c8e9a5";

fn vm() -> Reference {
    Reference::new("VirtualMachine", "vm-42")
}

fn datastore() -> Reference {
    Reference::new("Datastore", "datastore-7")
}

fn folder() -> Reference {
    Reference::new("Folder", "group-v3")
}

fn pool() -> Reference {
    Reference::new("ResourcePool", "resgroup-8")
}

fn host() -> Reference {
    Reference::new("HostSystem", "host-9")
}

fn snapshot() -> Object {
    Object::Snapshot { vm: vm(), name: "Clone Snapshot".to_owned(), description: "{}".to_owned() }
}

fn config() -> ConfigSpec {
    let extra = [("evenkeel.clone", "{}"), ("evenkeel.sealed", "")];
    let extra = extra.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    ConfigSpec { annotation: Some("a copy".to_owned()), extra, ..ConfigSpec::default() }
}

fn location(format: DiskFormat) -> RelocateSpec {
    RelocateSpec { datastore: datastore(), pool: None, host: None, format }
}

fn clone_to(location: RelocateSpec) -> VsphereCall {
    let clone = CloneSpec {
        name: "zz_avocado2-02-201909250241".to_owned(),
        folder: folder().into(),
        location,
        config: config(),
        snapshot: Some(snapshot()),
    };
    VsphereCall::clone_vm(vm(), clone)
}

fn nas(version: NasVersion) -> NasVolume {
    let hosts = match version {
        NasVersion::V3 => vec!["durian".to_owned()],
        NasVersion::V41 => vec!["durian".to_owned(), "durian-b".to_owned()],
    };
    let (name, path) = ("NFS_durian".to_owned(), "/mnt/POOL1".to_owned());
    NasVolume { name, hosts, path, read_only: version == NasVersion::V41, version }
}

fn datastore_system() -> Reference {
    Reference::new("HostDatastoreSystem", "ha-datastoresystem")
}

/// What a transport writes of a call, with the snapshot found as `snapshot-60`.
fn body(call: &VsphereCall) -> String {
    let mut all = format!("<{} xmlns=\"urn:vim25\">", call.method);
    write(&mut all, "_this", &Value::Object(call.object.clone()));
    for (name, value) in &call.arguments {
        write(&mut all, name, value);
    }
    all + &format!("</{}>", call.method)
}

fn write(all: &mut String, name: &str, value: &Value) {
    let (attribute, text) = match value {
        Value::Text(text) => (String::new(), text.clone()),
        Value::AnyText(text) => (" xsi:type=\"xsd:string\"".to_owned(), text.clone()),
        Value::Bool(is_so) => (String::new(), is_so.to_string()),
        Value::Int(number) => (String::new(), number.to_string()),
        Value::Object(object) => {
            let found = match object {
                Object::Is(reference) => reference.clone(),
                Object::Snapshot { .. } => Reference::new("VirtualMachineSnapshot", "snapshot-60"),
                other => panic!("not looked up here: {other:?}"),
            };
            (format!(" type=\"{}\"", found.kind), found.id)
        }
        Value::Struct { kind, fields } => {
            let mut inner = String::new();
            for (field, value) in fields {
                write(&mut inner, field, value);
            }
            let _ = match kind {
                Some(kind) => write!(all, "<{name} xsi:type=\"{kind}\">{inner}</{name}>"),
                None => write!(all, "<{name}>{inner}</{name}>"),
            };
            return;
        }
        Value::List(values) => return values.iter().for_each(|value| write(all, name, value)),
    };
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = write!(all, "<{name}{attribute}>{text}</{name}>");
}

/// The body that the other client wrote, without what is the default and old servers do not know.
fn golden(file: &str) -> String {
    let body = file.split_once("<soapenv:Body>").and_then(|(_, rest)| rest.split_once("</soapenv:Body>"));
    let snapshot = "<snapshot type=\"VirtualMachineSnapshot\">snapshot-60</snapshot>";
    let of_snapshot = format!("{snapshot}<memory>false</memory>");
    let defaults = [
        ("<eagerlyScrub>false</eagerlyScrub>", ""),
        ("<priority>defaultPriority</priority>", ""),
        (of_snapshot.as_str(), snapshot),
    ];
    let body = body.unwrap().0.to_owned();
    defaults.iter().fold(body, |body, (written, kept)| body.replace(written, kept))
}

macro_rules! golden {
    ($name:literal) => {
        golden(include_str!(concat!("golden/", $name, ".xml")))
    };
}

#[test]
fn calls_have_their_elements_in_the_order_of_the_schema() {
    let nic = Nic { kind: "VirtualE1000".to_owned(), key: 4000 };
    let mark = ("evenkeel.clone".to_owned(), String::new());
    let unplugged = ConfigSpec {
        instance_uuid: Some(UUID.to_owned()),
        annotation: Some("a copy".to_owned()),
        disconnect: vec![nic],
        extra: vec![mark],
    };
    let elsewhere = RelocateSpec { pool: Some(pool()), host: Some(host()), ..location(DiskFormat::Same) };
    let system = datastore_system();
    let storage = Reference::new("HostStorageSystem", "storageSystem-9");
    let path = "[NFS_durian] a/a.vmx";
    for (call, expected) in [
        (
            VsphereCall::create_snapshot(vm(), "Clone Snapshot", "evenkeel & co", true),
            golden!("CreateSnapshot"),
        ),
        (VsphereCall::remove_snapshot(snapshot()), golden!("RemoveSnapshot")),
        (clone_to(location(DiskFormat::Sparse)), golden!("CloneVM-sparse")),
        (clone_to(location(DiskFormat::Thin(vec![2000]))), golden!("CloneVM-thin")),
        (clone_to(location(DiskFormat::Same)), golden!("CloneVM-same")),
        (VsphereCall::reconfigure_vm(vm(), config()), golden!("ReconfigVM")),
        (VsphereCall::reconfigure_vm(vm(), unplugged), golden!("ReconfigVM-all")),
        (VsphereCall::destroy(vm()), golden!("Destroy")),
        (VsphereCall::rename(vm(), "x"), golden!("Rename")),
        (VsphereCall::move_into_folder(folder(), vm()), golden!("MoveIntoFolder")),
        (VsphereCall::create_folder(folder(), "backup"), golden!("CreateFolder")),
        (VsphereCall::relocate_vm(vm(), elsewhere), golden!("RelocateVM")),
        (VsphereCall::register_vm(folder(), path, "a", pool(), Some(host())), golden!("RegisterVM")),
        (
            VsphereCall::create_nas_datastore(system.clone(), nas(NasVersion::V3)),
            golden!("CreateNasDatastore-3"),
        ),
        (
            VsphereCall::create_nas_datastore(system.clone(), nas(NasVersion::V41)),
            golden!("CreateNasDatastore-41"),
        ),
        (VsphereCall::remove_datastore(system, datastore()), golden!("RemoveDatastore")),
        (
            VsphereCall::set_multipath_lun_policy(storage.clone(), "02000…", "VMW_PSP_RR", None),
            golden!("SetMultipathLunPolicy-rr"),
        ),
        (
            VsphereCall::set_multipath_lun_policy(
                storage,
                "02000…",
                "VMW_PSP_FIXED",
                Some("vmhba2:C0:T0:L0"),
            ),
            golden!("SetMultipathLunPolicy-fixed"),
        ),
    ] {
        assert_eq!(body(&call), expected);
        assert_eq!(call.is_task(), expected.contains("_Task"), "{}", call.method);
    }
}

#[test]
fn a_clones_place_has_its_elements_in_the_order_of_the_schema() {
    let place = |format| RelocateSpec { pool: Some(pool()), host: Some(host()), ..location(format) };
    let all =
        golden!("CloneVM-full").replace("<diskMoveType>moveAllDiskBackingsAndConsolidate</diskMoveType>", "");
    let thin = body(&clone_to(place(DiskFormat::Thin(vec![2000]))));
    assert_eq!(thin, all.replace("<transform>sparse</transform>", ""));
    let (before, rest) = all.split_once("<disk>").unwrap();
    let (_, after) = rest.split_once("</disk>").unwrap();
    assert_eq!(body(&clone_to(place(DiskFormat::Sparse))), format!("{before}{after}"));
}

#[test]
fn calls_are_shown_as_govc_takes_them() {
    let named = |call: VsphereCall| {
        let names =
            [(vm(), "avocado2"), (datastore(), "NFS_durian"), (folder(), "backup"), (host(), "banana")];
        let call = names.into_iter().fold(call, |call, (object, name)| call.called(&object.into(), name));
        VsphereRequest::Call(call).display()
    };
    let mark = Object::Marked { key: "evenkeel.clone".to_owned(), value: "{}".to_owned() };
    let system = datastore_system();
    let is_on = RelocateSpec { host: Some(host()), ..location(DiskFormat::Same) };
    for (call, expected) in [
        (
            VsphereCall::create_snapshot(vm(), "Clone Snapshot", "{}", true),
            "govc snapshot.create -vm avocado2 -d '{}' -m=false -q=true 'Clone Snapshot'",
        ),
        (VsphereCall::remove_snapshot(snapshot()), "govc snapshot.remove -vm avocado2 'Clone Snapshot'"),
        (
            clone_to(location(DiskFormat::Sparse)),
            "govc vm.clone -vm avocado2 -snapshot 'Clone Snapshot' -ds NFS_durian -folder backup -annotation 'a copy' \
             -on=false zz_avocado2-02-201909250241  # sparse disks, evenkeel.clone={}, evenkeel.sealed=",
        ),
        (
            VsphereCall::reconfigure_vm(mark.clone(), config()),
            "govc vm.change -vm 'evenkeel.clone={}' -annotation 'a copy' -e 'evenkeel.clone={}' -e evenkeel.sealed=",
        ),
        (
            VsphereCall::reconfigure_vm(mark.clone(), ConfigSpec::default()).called(&mark, "zz_avocado2"),
            "govc vm.change -vm zz_avocado2",
        ),
        (VsphereCall::destroy(vm()), "govc object.destroy avocado2"),
        (
            VsphereCall::destroy(Reference::new("VirtualMachine", "vm-7")),
            "govc object.destroy VirtualMachine:vm-7",
        ),
        (VsphereCall::rename(vm(), "old one"), "govc object.rename avocado2 'old one'"),
        (VsphereCall::move_into_folder(folder(), vm()), "govc object.mv avocado2 backup"),
        (
            VsphereCall::create_folder(Object::named("Folder", "vms", folder()), "new"),
            "govc folder.create backup/vms/new",
        ),
        (VsphereCall::relocate_vm(vm(), is_on), "govc vm.migrate -ds NFS_durian -host banana avocado2"),
        (
            VsphereCall::relocate_vm(vm(), location(DiskFormat::Sparse)),
            "RelocateVM_Task(avocado2, spec={datastore=NFS_durian, transform=\"sparse\"})",
        ),
        (
            VsphereCall::register_vm(folder(), "[NFS_durian] a b/a.vmx", "a", pool(), None),
            "govc vm.register -name a -folder backup -pool ResourcePool:resgroup-8 -ds NFS_durian 'a b/a.vmx'",
        ),
        (
            VsphereCall::create_nas_datastore(system.clone(), nas(NasVersion::V3))
                .called(&system.clone().into(), "banana"),
            "govc datastore.create -type nfs -name NFS_durian -remote-host durian -remote-path /mnt/POOL1 -mode readWrite banana",
        ),
        (
            VsphereCall::remove_datastore(system.clone(), datastore()).called(&system.into(), "banana"),
            "govc datastore.remove -ds NFS_durian banana",
        ),
        (
            VsphereCall::set_multipath_lun_policy(Object::Of("storage".to_owned()), "a", "VMW_PSP_RR", None),
            "SetMultipathLunPolicy(storage, lunId=\"a\", policy={policy=\"VMW_PSP_RR\"})",
        ),
    ] {
        assert_eq!(named(call), expected);
    }
}

#[test]
fn reads_and_calls_made_together_are_shown_too() {
    let all =
        VsphereRequest::retrieve_all([("VirtualMachine", &["name", "config"]), ("Task", &["info.state"])]);
    assert_eq!(
        (all.display().as_str(), all.reads()),
        ("RetrievePropertiesEx(every Task, VirtualMachine)", true)
    );
    let of = |objects: &[Reference]| {
        let paths = BTreeSet::from(["name".to_owned()]);
        VsphereRequest::Retrieve { objects: objects.iter().cloned().collect(), paths }.display()
    };
    assert_eq!(of(&[vm()]), "govc object.collect VirtualMachine:vm-42 name");
    assert_eq!(
        of(&[vm(), datastore()]),
        "for o in Datastore:datastore-7 VirtualMachine:vm-42; do govc object.collect \"$o\" name; done"
    );
    let many: Vec<Reference> =
        (1..=4).map(|number| Reference::new("VirtualMachine", format!("vm-{number}"))).collect();
    assert_eq!(of(&many), "RetrievePropertiesEx(VirtualMachine:vm-1 and 3 more: name)");
    let calls = vec![clone_to(location(DiskFormat::Sparse)), VsphereCall::destroy(vm())];
    let together = VsphereRequest::Together { at_once: 2, calls };
    assert!(!together.reads());
    let shown = together.display();
    assert!(
        shown.ends_with(
            "-02-201909250241 & govc object.destroy VirtualMachine:vm-42 & \
             wait  # 2 at a time; sparse disks, evenkeel.clone={}, evenkeel.sealed="
        ),
        "{shown}"
    );
}

#[test]
fn requests_survive_json() {
    let gone = Condition::be_gone(Object::named("VirtualMachine", "zz", folder()));
    let call = clone_to(location(DiskFormat::Thin(vec![2000])))
        .only_if(gone)
        .only_if(Condition::have_extra(vm(), "evenkeel.clone", "{}"))
        .only_if(Condition::be(datastore(), "summary.accessible", "true"))
        .only_if(Condition::disks_on(vm(), "NFS_durian"))
        .within(3600)
        .called(&vm().into(), "avocado2");
    for request in [
        VsphereRequest::retrieve_all([("Datastore", &["name"])]),
        VsphereRequest::Retrieve { objects: BTreeSet::from([vm()]), paths: BTreeSet::new() },
        VsphereRequest::Call(call.clone()),
        VsphereRequest::Together { at_once: 1, calls: vec![call] },
    ] {
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<VsphereRequest>(&json).unwrap(), request);
    }
    let json = serde_json::to_value(VsphereRequest::Call(VsphereCall::destroy(vm()))).unwrap();
    let expected = serde_json::json!({
        "do": "call",
        "object": { "is": { "type": "VirtualMachine", "id": "vm-42" } },
        "method": "Destroy_Task",
    });
    assert_eq!(json, expected);
}
