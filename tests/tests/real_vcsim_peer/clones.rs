//! A clone that was made by hand, as the simulator has it and as pyvmomi sees it; and tasks.

use std::time::Duration;

use evenkeel_tests::pyvmomi::{Seen, look};
use evenkeel_tests::soap::{Heard, Object, Soap, reference};
use evenkeel_tests::soap_proxy::{Act, SoapProxy};
use evenkeel_tests::vcsim::Vcsim;

const NAME: &str = "zz_avocado2-01-201909250230";

/// What a clone is made of.
struct Site {
    soap: Soap,
    source: Object,
    arguments: String,
}

impl Site {
    /// In this simulator, with a snapshot of `avocado2` where one is wanted.
    async fn new(mut soap: Soap, location: &str, with_snapshot: bool) -> Self {
        let source = soap.find("VirtualMachine", "avocado2").await.unwrap();
        let folder = soap.find("Folder", "backup").await.unwrap();
        let datastore = soap.find("Datastore", "NFS_durian").await.unwrap();
        let mut from = String::new();
        if with_snapshot {
            let what = "<name>Clone Snapshot</name><description>for a copy &amp; no more</description>\
                        <memory>false</memory><quiesce>true</quiesce>";
            let made = soap.task("CreateSnapshot_Task", &source, what).await.unwrap();
            assert_eq!(made.text("state").as_deref(), Some("success"), "{made:?}");
            let snapshot = ("VirtualMachineSnapshot".to_owned(), made.text("result").unwrap());
            from = reference("snapshot", &snapshot);
        }
        let arguments = format!(
            "{}<name>{NAME}</name><spec><location>{}{location}</location><template>false</template><config>\
             <extraConfig><key>evenkeel.clone</key><value xsi:type=\"xsd:string\">{{\"n\":1}}</value></extraConfig>\
             <extraConfig><key>other</key><value xsi:type=\"xsd:string\">x</value></extraConfig></config>\
             <powerOn>false</powerOn>{from}</spec>",
            reference("folder", &folder),
            reference("datastore", &datastore)
        );
        Site { soap, source, arguments }
    }

    async fn clone_vm(&mut self) -> Heard {
        self.soap.task("CloneVM_Task", &self.source, &self.arguments).await.unwrap()
    }
}

const FLAGS: [&str; 6] = ["-vms", "avocado2", "-nas", "NFS_durian", "-folders", "backup"];

async fn vcenter(more: &[&str]) -> (Vcsim, Soap) {
    let vcsim = Vcsim::start(&[&FLAGS, more].concat());
    let soap = Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
    (vcsim, soap)
}

fn files(seen: &Seen, vm: &str) -> Vec<String> {
    seen.vm(vm).disks.iter().map(|disk| disk.file.clone()).collect()
}

#[tokio::test]
async fn pyvmomi_sees_what_was_made_by_hand() {
    let (vcsim, soap) = vcenter(&["-disk", "3"]).await;
    let before = look(vcsim.url());
    let mut site = Site::new(soap, "<transform>sparse</transform>", true).await;
    let cloned = site.clone_vm().await;
    assert_eq!(cloned.text("state").as_deref(), Some("success"), "{cloned:?}");
    let clone = ("VirtualMachine".to_owned(), cloned.text("result").unwrap());
    let annotation = "<spec><annotation>Copy of avocado2</annotation></spec>";
    let noted = site.soap.task("ReconfigVM_Task", &clone, annotation).await.unwrap();
    assert_eq!(noted.text("state").as_deref(), Some("success"), "{noted:?}");

    let seen = look(vcsim.url());
    let vm = seen.vm(NAME);
    assert_eq!((vm.reference.as_str(), vm.folder.as_str()), (clone.1.as_str(), "DC0/vm/backup"));
    assert_eq!(
        (vm.power.as_str(), vm.template, vm.annotation.as_str()),
        ("poweredOff", false, "Copy of avocado2")
    );
    assert_eq!(vm.datastores, ["NFS_durian"]);
    assert_eq!(vm.vmx, format!("[NFS_durian] {NAME}/{NAME}.vmx"));
    assert_eq!(vm.marks.iter().collect::<Vec<_>>(), [(&"evenkeel.clone".into(), &r#"{"n":1}"#.into())]);
    let disk = &vm.disks[0];
    assert_eq!((vm.disks.len(), disk.datastore.as_deref(), disk.kib), (1, Some("NFS_durian"), 3 << 20));
    assert_eq!((disk.thin, disk.backing.as_str()), (Some(true), "FlatVer2BackingInfo"));
    assert!(vm.snapshots.is_empty() && vm.cards.len() == 1);
    // The source is as before, but for its snapshot.
    let mut source = seen.vm("avocado2").clone();
    let snapshot = source.snapshots.pop().unwrap();
    assert_eq!((snapshot.name.as_str(), snapshot.quiesced), ("Clone Snapshot", true));
    assert_eq!(snapshot.description, "for a copy & no more");
    assert_eq!(&source, before.vm("avocado2"));
    assert_ne!((&source.uuid, &source.cards), (&vm.uuid, &vm.cards));
    assert_eq!(seen.within("DC0/vm/backup").count(), 1);
}

#[tokio::test]
async fn a_clone_is_thin_or_not_as_the_call_says() {
    let locator = "<disk><diskId>2000</diskId><diskBackingInfo xsi:type=\"VirtualDiskFlatVer2BackingInfo\"><fileName>\
                   </fileName><diskMode>persistent</diskMode><thinProvisioned>false</thinProvisioned>\
                   </diskBackingInfo></disk>";
    for (location, thin) in [
        ("<transform>sparse</transform>", true),
        ("<transform>flat</transform>", false),
        (locator, false),
        ("", true),
    ] {
        let (vcsim, soap) = vcenter(&[]).await;
        let mut site = Site::new(soap, location, true).await;
        assert_eq!(site.clone_vm().await.text("state").as_deref(), Some("success"));
        let seen = look(vcsim.url());
        assert_eq!(seen.vm(NAME).disks[0].thin, Some(thin), "{location}");
        assert_eq!(seen.vm("avocado2").disks[0].thin, Some(true), "{location}");
    }
}

/// Why `clones.go` is there. Where this fails, it is not needed any more.
#[tokio::test]
async fn the_simulator_alone_mixes_up_the_disks_of_a_clone_and_its_source() {
    for (flags, source) in [(&[][..], "[LocalDS_0] avocado2/avocado2.vmdk"), (&["-bare"], "[NFS_durian] zz_")]
    {
        let (vcsim, soap) = vcenter(flags).await;
        let mut site = Site::new(soap, "<transform>flat</transform>", true).await;
        assert_eq!(site.clone_vm().await.text("state").as_deref(), Some("success"));
        let seen = look(vcsim.url());
        assert!(files(&seen, "avocado2")[0].starts_with(source), "{:?}", files(&seen, "avocado2"));
        assert_eq!(files(&seen, "avocado2") == files(&seen, NAME), !flags.is_empty());
    }
}

#[tokio::test]
async fn nobody_sees_a_source_with_its_clones_disks_however_many_are_made_at_once() {
    let (vcsim, mut soap) = vcenter(&["-count", "6", "-task-time", "20ms"]).await;
    let (folder, datastore) =
        (soap.find("Folder", "backup").await.unwrap(), soap.find("Datastore", "NFS_durian").await.unwrap());
    let clones: Vec<_> = (0..6)
        .map(|n| {
            let (address, fingerprint) = (vcsim.address(), vcsim.fingerprint().to_owned());
            let arguments = format!(
                "{}<name>zz_{n}</name><spec><location>{}</location><template>false</template><powerOn>false</powerOn>\
                 </spec>",
                reference("folder", &folder),
                reference("datastore", &datastore)
            );
            tokio::spawn(async move {
                let mut soap = Soap::log_in(address, &fingerprint).await.unwrap();
                let source = soap.find("VirtualMachine", &format!("vm-{n:04}")).await.unwrap();
                for _ in 0..5 {
                    let cloned = soap.task("CloneVM_Task", &source, &arguments).await.unwrap();
                    assert_eq!(cloned.text("state").as_deref(), Some("success"), "{cloned:?}");
                }
            })
        })
        .collect();
    let source = soap.find("VirtualMachine", "vm-0000").await.unwrap();
    let mut looks = 0;
    while looks < 20 || !clones.iter().all(tokio::task::JoinHandle::is_finished) {
        let devices = soap.retrieve(&source, "config.hardware.device").await.unwrap();
        let files: Vec<_> = devices.texts("fileName").filter(|file| file.contains("vmdk")).collect();
        assert_eq!(files, ["[LocalDS_0] vm-0000/vm-0000.vmdk"]);
        looks += 1;
    }
    for clone in clones {
        clone.await.unwrap();
    }
    let seen = look(vcsim.url());
    assert_eq!(seen.within("DC0/vm/backup").count(), 30);
    for vm in seen.within("DC0/vm/backup") {
        assert_eq!(vm.disks[0].datastore.as_deref(), Some("NFS_durian"), "{vm:?}");
    }
}

#[tokio::test]
async fn clones_from_nothing_and_of_the_same_name_are_made_all_the_same() {
    let (vcsim, soap) = vcenter(&[]).await;
    let mut site = Site::new(soap, "", true).await;
    assert_eq!(site.clone_vm().await.text("state").as_deref(), Some("success"));
    let (before, rest) = site.arguments.split_once("<snapshot ").unwrap();
    let (_, after) = rest.split_once("</snapshot>").unwrap();
    site.arguments =
        format!("{before}<snapshot type=\"VirtualMachineSnapshot\">snapshot-0</snapshot>{after}");
    assert_eq!(site.clone_vm().await.text("state").as_deref(), Some("success"));
    let seen = look(vcsim.url());
    let names: Vec<_> = seen.within("DC0/vm/backup").map(|vm| vm.name.as_str()).collect();
    assert_eq!(names, [NAME, NAME], "so Evenkeel's own checks are tested by faults that the proxy injects");
}

#[tokio::test]
async fn a_standalone_host_makes_no_clones() {
    for (flags, fault) in [(&[][..], Some("NotSupported")), (&["-bare"], None)] {
        let vcsim = Vcsim::start(&[&["-kind", "esx", "-vms", "avocado2"], flags].concat());
        let mut soap = Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
        let source = soap.find("VirtualMachine", "avocado2").await.unwrap();
        let folder = reference("folder", &soap.find("Folder", "vm").await.unwrap());
        let arguments = format!(
            "{folder}<name>{NAME}</name><spec><location/><template>false</template><powerOn>false</powerOn></spec>"
        );
        let heard = soap.call("CloneVM_Task", &source, &arguments).await.unwrap();
        assert_eq!(heard.fault(), fault, "{heard:?}");
        assert_eq!(look(vcsim.url()).vms.len(), if fault.is_some() { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_task_takes_its_time_and_says_so() {
    let (vcsim, soap) = vcenter(&["-task-time", "2s"]).await;
    let mut site = Site::new(soap, "", false).await;
    let begun = site.soap.call("CloneVM_Task", &site.source, &site.arguments).await.unwrap();
    let task = begun.object().unwrap();
    let (mut states, mut progress) = (Vec::new(), Vec::new());
    loop {
        let info = site.soap.retrieve(&task, "info").await.unwrap();
        states.push(info.text("state").unwrap());
        progress.extend(info.text("progress"));
        if states.last().is_some_and(|state| state != "running") {
            assert!(info.text("result").is_some() && info.text("cancelable").as_deref() == Some("false"));
            break;
        }
        assert_eq!((info.text("result"), info.text("cancelable").as_deref()), (None, Some("true")));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    states.dedup();
    progress.dedup();
    assert_eq!(states, ["running", "success"]);
    assert_eq!(progress, ["10", "60"]);
    assert_eq!(look(vcsim.url()).vms.len(), 2);
}

#[tokio::test]
async fn a_clone_that_is_cancelled_is_gone() {
    let (vcsim, soap) = vcenter(&["-task-time", "1h"]).await;
    let mut site = Site::new(soap, "", false).await;
    let begun = site.soap.call("CloneVM_Task", &site.source, &site.arguments).await.unwrap();
    let task = begun.object().unwrap();
    assert_eq!(site.soap.call("CancelTask", &task, "").await.unwrap().fault(), None);
    let info = site.soap.retrieve(&task, "info").await.unwrap();
    assert_eq!((info.text("state").as_deref(), info.fault()), (Some("error"), Some("RequestCanceled")));
    assert_eq!(info.text("cancelled").as_deref(), Some("true"));
    assert_eq!(site.soap.call("CancelTask", &task, "").await.unwrap().fault(), Some("InvalidState"));
    assert_eq!(look(vcsim.url()).vms.len(), 1);
}

#[tokio::test]
async fn a_task_can_be_made_to_fail() {
    for flags in [&[][..], &["-task-time", "200ms"]] {
        let (vcsim, _) = vcenter(flags).await;
        let proxy = SoapProxy::start(&vcsim);
        let soap = Soap::log_in(proxy.address(), proxy.fingerprint()).await.unwrap();
        let mut site = Site::new(soap, "", false).await;
        proxy.on("CloneVM_Task", 1, Act::TaskFails("NoDiskSpace".to_owned()));
        let failed = site.clone_vm().await;
        assert_eq!((failed.text("state").as_deref(), failed.fault()), (Some("error"), Some("NoDiskSpace")));
        assert_eq!(failed.text("descriptionId").as_deref(), Some("VirtualMachine.cloneVm"));
        assert_eq!(look(vcsim.url()).vms.len(), 1);
        assert_eq!(site.clone_vm().await.text("state").as_deref(), Some("success"));
        assert_eq!(look(vcsim.url()).vms.len(), 2);
    }
}
