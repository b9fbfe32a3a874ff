//! The compiled program, as an operator runs it and as a power cut ends it.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use evenkeel_tests::evenkeel::{Ran, Workdir};
use evenkeel_tests::pyvmomi::{Seen, Vm, look};
use evenkeel_tests::soap_proxy::{Moment, Then};
use evenkeel_tests::vcsim::{PASSWORD, USER};
use serde_json::json;

use super::catalog::{Catalog, Observer};
use super::points::Place;
use super::rig::{Rig, VMS};

/// A folder of manifests, from which the vCenter is reached.
struct Desk {
    rig: Rig,
    work: Workdir,
}

impl Desk {
    fn new() -> Self {
        let rig = Rig::new(&[], &json!({}));
        let work = Workdir::new();
        work.write("site.yaml", &rig.manifests);
        Desk { rig, work }
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.work.command(args);
        command.env("EVENKEEL_CRED_VCENTER_USERNAME", USER).env("EVENKEEL_CRED_VCENTER_PASSWORD", PASSWORD);
        command
    }

    /// A run to its end, which leaves no session behind: a vCenter keeps those for half an hour.
    fn run(&self, code: i32, args: &[&str]) -> Ran {
        self.rig.proxy.forget();
        let ran = Ran::of(&self.command(args).output().unwrap());
        assert_eq!(ran.code, code, "evenkeel {args:?}\n{}{}", ran.stdout, ran.stderr);
        let counts = self.rig.proxy.counts();
        assert_eq!(counts.get("Login"), counts.get("Logout"), "evenkeel {args:?}: {counts:?}");
        ran
    }

    /// A `backup run` that is ended by SIGKILL at this place. False where it did not come by.
    fn is_killed_at(&self, place: &Place, moment: Moment, there: &Catalog) -> bool {
        let (tell, told) = mpsc::channel();
        self.rig.at(std::slice::from_ref(place), moment, there, move |_| {
            let _ = tell.send(());
            Then::Hang
        });
        let mut command = self.command(&["backup", "run", "--auto-approve"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let is_there = loop {
            if told.recv_timeout(Duration::from_millis(20)).is_ok() {
                child.kill().unwrap();
                break true;
            }
            if child.try_wait().unwrap().is_some() {
                break false;
            }
        };
        child.wait().unwrap();
        self.rig.proxy.unhook();
        is_there
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_is_killed_and_goes_on_and_gives_clones_back() {
    let desk = Desk::new();
    let mut observer = Observer::new(&desk.rig.vcsim).await;
    let before = look(desk.rig.vcsim.url());
    desk.run(0, &["validate"]);
    desk.run(0, &["backup", "list"]).says(&["no copies"]);
    desk.run(2, &["plan"]);
    desk.run(2, &["backup", "preview"]);
    for (method, vm, calls, moment) in [
        ("CreateSnapshot_Task", "avocado2", 0, Moment::After),
        ("CloneVM_Task", "avocado3", 0, Moment::Before),
        ("CloneVM_Task", "avocado5", 0, Moment::After),
        ("ReconfigVM_Task", "papaya3", 1, Moment::After),
        ("RemoveSnapshot_Task", "vcenter", 0, Moment::Before),
    ] {
        let place = Place::of(method, vm, calls);
        let there = observer.look().await;
        assert!(desk.is_killed_at(&place, moment, &there), "it did not come by {place}");
        observer.look().await.expect_safe(&there, &format!("killed {moment:?} {place}"));
    }
    // Slots are to the second, and this one is to be its own.
    tokio::time::sleep(Duration::from_secs(1)).await;
    desk.run(0, &["backup", "run", "--auto-approve"]).says(&["applied"]);
    let seen = look(desk.rig.vcsim.url());
    for vm in VMS {
        assert_eq!(seen.vm(vm), before.vm(vm), "the machine itself is as it was");
        let clones: Vec<&Vm> = seen.within("DC0/vm/backup").filter(|clone| is_of(clone, vm)).collect();
        assert!(!clones.is_empty(), "{vm}");
        for clone in clones {
            assert_eq!(clone.marks["evenkeel.sealed"], clone.uuid, "{}", clone.name);
        }
    }
    assert!(seen.vms.iter().all(|vm| vm.snapshots.is_empty()), "a snapshot is left");
    let names: BTreeSet<&str> = seen.vms.iter().map(|vm| vm.name.as_str()).collect();
    assert_eq!(names.len(), seen.vms.len(), "a name is there twice");
    desk.run(0, &["backup", "list"]).says(&["every machine has a clone", "kept: last 1"]);
    restores(&desk, &mut observer, &seen).await;
}

fn is_of(clone: &Vm, vm: &str) -> bool {
    clone.annotation.starts_with(&format!("Copy of {vm} of "))
}

/// What a clone was made of comes back beside it, or in the clone's stead.
async fn restores(desk: &Desk, people: &mut Observer, before: &Seen) {
    let restore = |more: &[&'static str]| {
        [&["backup", "restore", "--auto-approve", "--item", "avocado2"], more].concat()
    };
    desk.run(1, &restore(&["--run"])).says(&["/DC0/vm/avocado2 is not off", "--set disconnected=true"]);
    people.power_off("avocado2").await;
    // Without `--run` it is said, and not done.
    desk.run(0, &restore(&[])).says(&["govc vm.clone", "avocado2-restored"]);
    assert_eq!(look(desk.rig.vcsim.url()).vms.len(), before.vms.len());
    desk.run(0, &restore(&["--run"])).says(&["Restored"]);
    let seen = look(desk.rig.vcsim.url());
    assert_eq!(seen.vms.len(), before.vms.len() + 1);
    let (back, original) = (seen.vm("avocado2-restored"), seen.vm("avocado2"));
    assert_eq!((back.folder.as_str(), back.power.as_str()), ("DC0/vm", "poweredOff"));
    assert_eq!((&back.datastores, &back.disks[0].kib), (&original.datastores, &original.disks[0].kib));
    assert!(back.marks.is_empty(), "no mark says that it is a clone: {:?}", back.marks);
    // It never overwrites.
    desk.run(1, &restore(&["--run"])).says(&["avocado2-restored is there"]);
    // The clone itself goes back, and is none any more.
    let newest = before.within("DC0/vm/backup").filter(|clone| is_of(clone, "avocado2"));
    let newest = newest.max_by_key(|clone| clone.marks["evenkeel.clone"].clone()).unwrap();
    desk.run(0, &restore(&["--run", "--to", "avocado2-back", "--set", "move=true"])).says(&["Restored"]);
    let seen = look(desk.rig.vcsim.url());
    let back = seen.vm("avocado2-back");
    assert_eq!((&back.reference, back.folder.as_str()), (&newest.reference, "DC0/vm"));
    assert!(back.marks.is_empty(), "{:?}", back.marks);
    assert_eq!(back.datastores, ["LocalDS_0"]);
    desk.run(0, &["backup", "list", "--item", "avocado2"]);
    desk.run(2, &["plan"]);
}
