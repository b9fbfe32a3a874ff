//! Path policies and NFS datastores over the vSphere API: vcsim, govmomi's simulator of a vCenter and of an ESXi, and
//! pyvmomi, which says what is there. Setting a policy and unmounting are our additions to vcsim.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::path::Path;

use evenkeel_tests::evenkeel::{Ran, Workdir};
use evenkeel_tests::pyvmomi::{Seen, look};
use evenkeel_tests::soap::{Soap, reference};
use evenkeel_tests::vcsim::{PASSWORD, USER, Vcsim};
use serde_json::json;

const APPLY: [&str; 2] = ["apply", "--auto-approve"];
/// What vcsim calls the first host of a vCenter, and a host by itself.
const FIRST: &str = "DC0_H0";
const ALONE: &str = "localhost.localdomain";

/// A folder of manifests for one target, `vcenter`.
struct Desk {
    vcsim: Vcsim,
    work: Workdir,
}

impl Desk {
    fn start(flags: &[&str]) -> Self {
        let vcsim = Vcsim::start(flags);
        let work = Workdir::new();
        let target = json!({
            "apiVersion": "evenkeel.dev/v1alpha1", "kind": "Target", "metadata": { "name": "vcenter" },
            "spec": { "vsphere": vcsim.spec("vcenter") },
        });
        work.write("target.yaml", &target.to_string());
        Desk { vcsim, work }
    }

    fn write(&self, kind: &str, spec: &str) {
        let text = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: one }}\nspec: {{ target: vcenter, {spec} }}\n"
        );
        self.work.write(&format!("{kind}.yaml"), &text);
    }

    fn expect(&self, code: i32, args: &[&str]) -> Ran {
        let mut command = self.work.command(args);
        command.env("EVENKEEL_CRED_VCENTER_USERNAME", USER);
        command.env("EVENKEEL_CRED_VCENTER_PASSWORD", PASSWORD);
        let ran = Ran::of(&command.output().unwrap());
        assert_eq!(ran.code, code, "{args:?}\n{}\n{}", ran.stdout, ran.stderr);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(PASSWORD), "{}", ran.stdout);
        ran
    }

    /// Applies, and a second time, which sends nothing.
    fn settle(&self) -> Ran {
        let ran = self.expect(0, &APPLY);
        self.expect(0, &APPLY).says(&["nothing was sent"]);
        self.expect(0, &["status"]).says(&["InSync"]);
        ran
    }

    fn look(&self) -> Seen {
        look(self.vcsim.url())
    }

    /// Policy and preferred path of each LUN of a host.
    fn policies(&self, host: &str) -> Vec<(String, Option<String>)> {
        let seen = self.look();
        let luns = seen.hosts[host].luns.iter().filter(|(id, _)| id.starts_with("naa.6005"));
        luns.map(|(_, lun)| (lun.policy.clone(), lun.prefer.clone())).collect()
    }

    /// What a datastore is, and who has it.
    fn datastore(&self, name: &str) -> (String, Vec<String>) {
        let seen = self.look();
        let datastore = seen.datastore(name);
        (datastore.remote.clone().unwrap(), datastore.hosts.clone())
    }
}

fn fixed(number: u32) -> (String, Option<String>) {
    ("VMW_PSP_FIXED".to_owned(), Some(format!("vmhba2:C0:T0:L{number}")))
}

fn round_robin() -> (String, Option<String>) {
    ("VMW_PSP_RR".to_owned(), None)
}

#[test]
fn a_host_by_itself_goes_from_fixed_to_round_robin_and_back_to_a_path() {
    let desk = Desk::start(&["-kind", "esx", "-luns", "2"]);
    assert_eq!(desk.policies(ALONE), [fixed(0), fixed(1)]);
    let devices = "devices: { satp: VMW_SATP_SVC, namePrefix: naa. }";
    desk.write("EsxiPathPolicy", &format!("{devices}, pathSelectionPolicy: VMW_PSP_RR"));
    let plan = desk.expect(2, &["plan", "--show-commands"]);
    plan.says(&["VMW_PSP_FIXED → VMW_PSP_RR", "SetMultipathLunPolicy(localhost.localdomain", "naa.6005"]);
    assert_eq!(desk.policies(ALONE), [fixed(0), fixed(1)], "a plan only reads");
    desk.settle().says(&["1 applied"]);
    assert_eq!(desk.policies(ALONE), [round_robin(), round_robin()]);

    let wanted = "pathSelectionPolicy: VMW_PSP_FIXED, preferredPath: 'vmhba3:C0:T1'";
    desk.write("EsxiPathPolicy", &format!("{devices}, {wanted}"));
    desk.settle().says(&["1 applied"]);
    let on = |number: u32| ("VMW_PSP_FIXED".to_owned(), Some(format!("vmhba3:C0:T1:L{number}")));
    assert_eq!(desk.policies(ALONE), [on(0), on(1)]);
}

#[test]
fn fixed_prefers_the_path_in_use_where_none_is_written() {
    let desk = Desk::start(&["-kind", "esx", "-luns", "1"]);
    let wanted = |policy: &str| format!("devices: {{ satp: VMW_SATP_SVC }}, pathSelectionPolicy: {policy}");
    desk.write("EsxiPathPolicy", &wanted("VMW_PSP_MRU"));
    desk.settle();
    assert_eq!(desk.policies(ALONE), [("VMW_PSP_MRU".to_owned(), None)]);
    desk.write("EsxiPathPolicy", &wanted("VMW_PSP_FIXED"));
    desk.settle();
    assert_eq!(desk.policies(ALONE), [fixed(0)]);
}

#[test]
fn of_several_hosts_of_a_vcenter_the_named_one_is_changed() {
    let desk = Desk::start(&["-hosts", "2", "-luns", "1"]);
    let devices = "devices: { satp: VMW_SATP_SVC }, pathSelectionPolicy: VMW_PSP_RR";
    desk.write("EsxiPathPolicy", devices);
    desk.expect(1, &["plan"]).says(&["2 hosts", "esxiHost", "DC0_H0, DC0_H1"]);
    desk.write("EsxiPathPolicy", &format!("esxiHost: DC0_H7, {devices}"));
    desk.expect(1, &["plan"]).says(&["no host DC0_H7", "DC0_H0, DC0_H1"]);
    desk.write("EsxiPathPolicy", &format!("esxiHost: dc0_h1, {devices}"));
    desk.settle().says(&["1 applied"]);
    assert_eq!(desk.policies(FIRST), [fixed(0)]);
    assert_eq!(desk.policies("DC0_H1"), [round_robin()]);
}

#[test]
fn what_the_api_does_not_have_is_said_at_its_field_and_nothing_is_sent() {
    let desk = Desk::start(&["-kind", "esx", "-luns", "1"]);
    for (what, more) in [
        ("roundRobin", "pathSelectionPolicy: VMW_PSP_RR, roundRobin: { iops: 1 }"),
        ("default", "pathSelectionPolicy: VMW_PSP_RR, default: true"),
        ("resetToDefault", "resetToDefault: true"),
        ("rules", "pathSelectionPolicy: VMW_PSP_RR, rules: []"),
        ("DELL_PSP_EQL_ROUTED", "pathSelectionPolicy: DELL_PSP_EQL_ROUTED"),
    ] {
        desk.write("EsxiPathPolicy", &format!("devices: {{ satp: VMW_SATP_SVC }}, {more}"));
        desk.expect(0, &["validate"]);
        desk.expect(1, &APPLY).says(&[what, "the vSphere API", "`ssh` target", "EsxiPathPolicy.yaml:4"]);
        assert_eq!(desk.policies(ALONE), [fixed(0)]);
    }
}

#[test]
fn a_datastore_is_mounted_mounted_anew_and_imported() {
    for (flags, host) in [(&["-kind", "esx"][..], ALONE), (&["-hosts", "1"], FIRST)] {
        let desk = Desk::start(flags);
        let wanted = |share: &str| format!("name: NFS_durian, host: durian.teppi.net, share: {share}");
        desk.write("EsxiNfsDatastore", &wanted("/POOL1/nfs"));
        desk.expect(2, &["plan"]);
        desk.settle().says(&["1 applied"]);
        assert_eq!(
            desk.datastore("NFS_durian"),
            ("durian.teppi.net:/POOL1/nfs".to_owned(), vec![host.to_owned()])
        );
        desk.write("EsxiNfsDatastore", &wanted("/POOL2/nfs"));
        desk.expect(2, &["plan", "--show-commands"])
            .says(&["/POOL1/nfs → /POOL2/nfs", "govc datastore.remove -ds NFS_durian"]);
        desk.settle().says(&["1 applied"]);
        assert_eq!(
            desk.datastore("NFS_durian"),
            ("durian.teppi.net:/POOL2/nfs".to_owned(), vec![host.to_owned()])
        );
        desk.write("EsxiNfsDatastore", "name: again, host: durian.teppi.net, share: /POOL2/nfs");
        desk.expect(2, &["plan"]).says(&["is mounted as NFS_durian already"]);
        let found = desk.expect(0, &["import", "vcenter", "--kind", "EsxiNfsDatastore"]);
        found.says(&["NFS_durian", "durian.teppi.net", "/POOL2/nfs"]);
        desk.write("EsxiNfsDatastore", "name: LocalDS_0, host: durian.teppi.net, share: /POOL3/nfs");
        desk.expect(2, &["plan"]).says(&["a datastore LocalDS_0 that is no NFS"]);
    }
}

#[tokio::test]
async fn a_datastore_stays_while_a_machine_is_on_it() {
    let desk = Desk::start(&["-hosts", "1", "-vms", "avocado2", "-nas", "NFS_durian"]);
    let mut soap = Soap::log_in(desk.vcsim.address(), desk.vcsim.fingerprint()).await.unwrap();
    let source = soap.find("VirtualMachine", "avocado2").await.unwrap();
    let folder = reference("folder", &soap.find("Folder", "vm").await.unwrap());
    let datastore = reference("datastore", &soap.find("Datastore", "NFS_durian").await.unwrap());
    let arguments = format!(
        "{folder}<name>banana</name><spec><location>{datastore}</location><template>false</template>\
         <powerOn>false</powerOn></spec>"
    );
    let cloned = soap.task("CloneVM_Task", &source, &arguments).await.unwrap();
    assert_eq!(cloned.text("state").as_deref(), Some("success"), "{cloned:?}");
    desk.write("EsxiNfsDatastore", "name: NFS_durian, host: durian.teppi.net, share: /POOL2/nfs");
    desk.expect(2, &["plan"]).says(&["1 virtual machine is registered on it (banana)"]);
    desk.expect(2, &APPLY);
    assert_eq!(desk.datastore("NFS_durian").0, "durian.teppi.net:/mnt/POOL1/NFS_durian");
    let banana = soap.find("VirtualMachine", "banana").await.unwrap();
    let gone = soap.task("Destroy_Task", &banana, "").await.unwrap();
    assert_eq!(gone.text("state").as_deref(), Some("success"), "{gone:?}");
    desk.settle().says(&["1 applied"]);
    assert_eq!(desk.datastore("NFS_durian").0, "durian.teppi.net:/POOL2/nfs");
}

/// What stands in the guide, but for the server and the name of the host.
#[test]
fn the_example_of_the_guide_does_what_it_says() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/esxi.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let section = guide.split_once("## Without SSH: over the API").expect("the section of the guide").1;
    let example = section.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0;
    let (target, resources) = example.split_once("---\n").unwrap();
    assert!(target.contains("credentialsRef: vcenter"), "{target}");
    let desk = Desk::start(&["-hosts", "2", "-luns", "2"]);
    assert!(resources.contains("esxiHost: papaya.teppi.net"), "{resources}");
    desk.work.write("guide.yaml", &resources.replace("papaya.teppi.net", FIRST));
    desk.expect(0, &["validate"]);
    desk.settle().says(&["2 applied"]);
    assert_eq!(desk.policies(FIRST), [round_robin(), round_robin()]);
    assert_eq!(desk.policies("DC0_H1"), [fixed(0), fixed(1)]);
    assert_eq!(
        desk.datastore("NFS_durian"),
        ("durian.teppi.net:/POOL1/nfs".to_owned(), vec![FIRST.to_owned()])
    );
}
