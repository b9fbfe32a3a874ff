//! The example `vm-clones`, on a vCenter with machines of those names.

use std::path::Path;

use super::*;

/// A folder with the target `vcenter` and this file of the repository.
fn desk(vsphere: &Value, file: &str) -> Desk {
    let desk = Desk::new(vsphere);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    desk.work.write("clones.yaml", &std::fs::read_to_string(repository.join(file)).unwrap());
    desk
}

const EXAMPLE: &str = "examples/vm-clones/clones.yaml";
const VMS: [&str; 6] = ["avocado2", "avocado3", "avocado5", "papaya3", "support_private", "vcenter"];

fn vcenter() -> Vcsim {
    Vcsim::start(&["-vms", &VMS.join(","), "-nas", "NFS_durian", "-free", "100"])
}

#[test]
fn the_example_of_clones_plans_a_clone_of_each_machine_and_makes_them() {
    let vcsim = vcenter();
    let proxy = SoapProxy::start(&vcsim);
    let desk = desk(&proxy.spec("vcenter"), EXAMPLE);
    desk.expect(0, &["validate"]);
    let plan = desk.expect(2, &["plan", "--full", "--show-commands"]);
    for vm in VMS {
        plan.says(&[&format!("zz_{vm}-01-"), &format!("-vm {vm}")]);
    }
    plan.says(&["govc snapshot.create", "govc vm.clone", "NFS_durian", "backup"]);
    let begun: Vec<String> = proxy.counts().into_keys().filter(|method| method.ends_with("_Task")).collect();
    assert_eq!(begun, Vec::<String>::new(), "a plan only reads");
    proxy.forget();
    desk.expect(0, &["apply", "--auto-approve"]).says(&["1 applied"]);
    let night = proxy.calls().len();
    assert!(night < NIGHT, "{night} calls: {:?}", proxy.counts());
    desk.expect(0, &["plan"]).says(&["nothing to do"]);

    let all = desk.json(0, &[&ALL[..], &["--check"]].concat());
    assert_eq!(all["snapshots"], json!([]), "the snapshots of the clones are gone");
    let machines = all["virtualMachines"].as_array().unwrap();
    assert_eq!(machines.len(), 2 * VMS.len());
    for vm in VMS {
        let of = |one: &&Value| one["cloneOf"]["vm"] == vm;
        let clones: Vec<&Value> = machines.iter().filter(of).collect();
        let [clone] = clones.as_slice() else { panic!("{vm}: {clones:?}") };
        let path = clone["path"].as_str().unwrap();
        assert!(path.starts_with(&format!("/DC0/vm/backup/zz_{vm}-01-")), "{path}");
        assert_eq!((&clone["power"], &clone["datastores"]), (&json!("poweredOff"), &json!(["NFS_durian"])));
        assert_eq!(clone["cloneOf"]["sealed"], json!(true));
        assert_eq!(clone["cloneOf"]["resource"], "BackupSchedule/olive-vm-clones");
    }
    desk.expect(0, &ALL).says(&["avocado2 of 2"]);
}

/// More calls than that are not needed for a night of the six machines, the login and all looks at tasks included.
const NIGHT: usize = 200;

#[test]
fn the_schedule_of_the_site_is_planned_as_the_example_is() {
    let vcsim = vcenter();
    let desk = desk(&vcsim.spec("vcenter"), "manifests/teppi/vm-clones.yaml");
    // Where the vCenter is, the test says.
    let text = std::fs::read_to_string(desk.work.path().join("clones.yaml")).unwrap();
    let (_, schedule) = text.split_once("---\n").unwrap();
    desk.work.write("clones.yaml", schedule);
    let plan = desk.expect(2, &["plan", "--full", "--show-commands"]);
    for vm in VMS {
        plan.says(&[&format!("zz_{vm}-01-")]);
    }
}

/// What `docs/backups.md` tells of the way back.
#[test]
fn a_clone_comes_back_beside_its_original() {
    let vcsim = vcenter();
    let desk = desk(&vcsim.spec("vcenter"), EXAMPLE);
    desk.expect(0, &["apply", "--auto-approve"]);
    let restore = ["backup", "restore", "BackupSchedule/olive-vm-clones", "--item", "avocado2"];
    let refused = desk.expect(1, &restore);
    refused.says(&["/DC0/vm/avocado2 is not off", "disconnected=true"]);
    by_hand(&vcsim, "PowerOffVM_Task", "avocado2", "");
    let printed = desk.expect(0, &restore);
    printed.says(&[
        "govc vm.clone -vm zz_avocado2-01-",
        "avocado2-restored",
        "Nothing was sent",
        "govc vm.power -on",
    ]);
    let before = desk.json(0, &ALL);
    assert_eq!(before["virtualMachines"].as_array().unwrap().len(), 2 * VMS.len(), "it was printed only");
    desk.expect(0, &[&restore[..], &["--run", "--auto-approve"]].concat()).says(&["Restored:"]);
    let after = desk.json(0, &ALL);
    let back = at(&after["virtualMachines"], "/DC0/vm/avocado2-restored");
    assert_eq!((&back["power"], &back["datastores"]), (&json!("poweredOff"), &json!(["LocalDS_0"])));
    assert_eq!(back["cloneOf"], json!(null), "it is no clone of the schedule");
    desk.expect(0, &["plan"]).says(&["nothing to do"]);
    desk.expect(1, &restore).says(&["a restore never overwrites"]);
}
