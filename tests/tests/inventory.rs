//! `evenkeel inventory`, and the example that clones virtual machines, on vcsim: govmomi's simulator of a vCenter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "inventory/commands.rs"]
mod commands;
#[path = "inventory/example.rs"]
mod example;
#[path = "inventory/refusals.rs"]
mod refusals;

use evenkeel_tests::evenkeel::{Ran, Workdir};
use evenkeel_tests::soap::{Object, Soap};
use evenkeel_tests::soap_proxy::{Act, SoapProxy};
use evenkeel_tests::vcsim::{PASSWORD, USER, Vcsim};
use serde_json::{Value, json};

/// A folder with one target, `vcenter`.
struct Desk {
    work: Workdir,
    password: String,
}

impl Desk {
    fn new(vsphere: &Value) -> Self {
        let work = Workdir::new();
        let target = json!({
            "apiVersion": "evenkeel.dev/v1alpha1", "kind": "Target",
            "metadata": { "name": "vcenter" }, "spec": { "vsphere": vsphere },
        });
        work.write("targets.yaml", &target.to_string());
        Desk { work, password: PASSWORD.to_owned() }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.work.command(args);
        command.env("EVENKEEL_CRED_VCENTER_USERNAME", USER);
        command.env("EVENKEEL_CRED_VCENTER_PASSWORD", &self.password);
        Ran::of(&command.output().unwrap())
    }

    fn expect(&self, code: i32, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, code, "{args:?}\n{}\n{}", ran.stdout, ran.stderr);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(PASSWORD), "{}", ran.stdout);
        ran
    }

    fn json(&self, code: i32, args: &[&str]) -> Value {
        self.expect(code, &[args, &["--output", "json"]].concat()).json()
    }
}

const ALL: [&str; 2] = ["inventory", "vcenter"];

/// The one of these that is at this path.
fn at<'j>(all: &'j Value, path: &str) -> &'j Value {
    let found = all.as_array().unwrap().iter().find(|one| one["path"] == path);
    found.unwrap_or_else(|| panic!("no {path}: {all}"))
}

/// Does something to a machine by hand: a method that begins a task, with its arguments.
fn by_hand(vcsim: &Vcsim, method: &str, vm: &str, arguments: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut soap = Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
        let machine: Object = soap.find("VirtualMachine", vm).await.unwrap();
        let info = soap.task(method, &machine, arguments).await.unwrap();
        assert_eq!(info.text("state").as_deref(), Some("success"), "{method} of {vm}: {info:?}");
    });
}

fn take_snapshot(vcsim: &Vcsim, vm: &str, name: &str) {
    let arguments = format!("<name>{name}</name><memory>false</memory><quiesce>false</quiesce>");
    by_hand(vcsim, "CreateSnapshot_Task", vm, &arguments);
}

#[test]
fn a_vcenter_tells_its_hosts_datastores_machines_and_snapshots() {
    let vcsim = Vcsim::start(&[
        "-vms",
        "avocado2,papaya3",
        "-nas",
        "NFS_durian",
        "-free",
        "100",
        "-folders",
        "backup",
    ]);
    let desk = Desk::new(&vcsim.spec("vcenter"));
    let all = desk.json(0, &ALL);
    assert_eq!((&all["formatVersion"], &all["target"]), (&json!(1), &json!("vcenter")));
    let server = &all["server"];
    assert_eq!((&server["version"], &server["build"]), (&json!("6.5.0"), &json!("5973321")));
    assert_eq!(server["release"], json!({"name": "6.5 Update 1", "date": "2017-07-27", "exact": true}));
    let hosts = all["hosts"].as_array().unwrap();
    assert_eq!(hosts.len(), 2, "{hosts:?}");
    for host in hosts {
        assert_eq!(host["software"]["build"], "5969303");
        assert_eq!(host["software"]["release"]["name"], "6.5 Update 1");
        assert_eq!((&host["connection"], &host["maintenance"]), (&json!("connected"), &json!(false)));
    }
    let nas = at(&all["datastores"], "/DC0/datastore/NFS_durian");
    assert_eq!((&nas["type"], &nas["accessible"]), (&json!("NFS"), &json!(true)));
    assert_eq!((&nas["free"], &nas["capacity"]), (&json!(100_u64 << 30), &json!(200_u64 << 30)));
    assert_eq!(nas["virtualMachines"], json!([]));
    let local = at(&all["datastores"], "/DC0/datastore/LocalDS_0");
    assert_eq!(local["virtualMachines"], json!(["/DC0/vm/avocado2", "/DC0/vm/papaya3"]));
    let vm = at(&all["virtualMachines"], "/DC0/vm/avocado2");
    assert_eq!((&vm["power"], &vm["datastores"]), (&json!("poweredOn"), &json!(["LocalDS_0"])));
    assert!(hosts.iter().any(|host| host["name"] == vm["host"]), "{vm}");
    assert_eq!((&vm["snapshots"], &vm["cloneOf"], &all["snapshots"]), (&json!(0), &json!(null), &json!([])));

    let shown = desk.expect(0, &ALL);
    assert_eq!(shown.stderr, "");
    assert!(!shown.stdout.contains('\u{1b}'), "no colour but on a terminal");
    shown.says(&[
        "VMware vCenter Server 6.5.0 build 5973321, 6.5 Update 1 of 2017-07-27",
        "Hosts (2)",
        "6.5 Update 1",
        "Datastores (2)",
        "100.00 GiB",
        "Virtual machines (2)",
        "/DC0/vm/papaya3",
        "Snapshots (0)",
    ]);
}

#[test]
fn snapshots_that_are_too_old_are_marked_and_checked_for() {
    let vcsim = Vcsim::start(&["-vms", "avocado2"]);
    let desk = Desk::new(&vcsim.spec("vcenter"));
    take_snapshot(&vcsim, "avocado2", "before the upgrade");
    desk.expect(0, &[&ALL[..], &["--check"]].concat()).says(&["before the upgrade", "Snapshots (1)"]);
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let strict = [&ALL[..], &["--snapshots-older-than", "1s"]].concat();
    let shown = desk.expect(0, &strict);
    shown.says(&["OLD", "others", "1 snapshot is older than 1s"]);
    let all = desk.json(2, &[&strict[..], &["--check"]].concat());
    let snapshot = &all["snapshots"][0];
    assert_eq!((&snapshot["virtualMachine"], &snapshot["old"]), (&json!("/DC0/vm/avocado2"), &json!(true)));
    assert!(snapshot["ageSeconds"].as_i64().is_some_and(|age| (1..600).contains(&age)), "{snapshot}");
    assert_eq!(all["snapshotsOlderThanSeconds"], json!(1));
    let wrong = desk.expect(1, &[&ALL[..], &["--snapshots-older-than", "tomorrow"]].concat());
    wrong.says(&["expected a time span such as 30s"]);
}

#[test]
fn a_host_alone_tells_the_same() {
    let vcsim = Vcsim::start(&["-kind", "esx", "-vms", "avocado2"]);
    let desk = Desk::new(&vcsim.spec("vcenter"));
    let all = desk.json(0, &ALL);
    assert_eq!(all["server"]["release"]["name"], "6.5 Update 1");
    assert_eq!(all["hosts"].as_array().unwrap().len(), 1);
    let vm = at(&all["virtualMachines"], "/ha-datacenter/vm/avocado2");
    assert_eq!((&vm["power"], &vm["cloneOf"]), (&json!("poweredOn"), &json!(null)));
    desk.expect(0, &ALL).says(&["VMware ESXi 6.5.0 build 5969303", "Hosts (1)", "LocalDS_0"]);
}

/// The answer as one to a user who may not read this property.
fn withheld(mut answer: String, property: &str) -> String {
    let begins = format!("<propSet><name>{property}</name>");
    let mut from = 0;
    while let Some(found) = answer[from..].find(&begins) {
        let start = from + found;
        let end = start + answer[start..].find("</propSet>").unwrap() + "</propSet>".len();
        answer.replace_range(start..end, "");
        let close = start + answer[start..].find("</objects>").unwrap();
        let missing = format!(
            "<missingSet><path>{property}</path><fault><fault xsi:type=\"NoPermission\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"/><localizedMessage/></fault></missingSet>"
        );
        answer.insert_str(close, &missing);
        from = start;
    }
    answer
}

#[test]
fn what_its_user_may_not_read_is_unknown_and_no_check_passes_on_it() {
    let vcsim = Vcsim::start(&["-vms", "avocado2"]);
    take_snapshot(&vcsim, "avocado2", "before the upgrade");
    let proxy = SoapProxy::start(&vcsim);
    proxy.each(
        "RetrievePropertiesEx",
        Act::rewrite(|answer| withheld(withheld(answer, "snapshot"), "config.extraConfig")),
    );
    let desk = Desk::new(&proxy.spec("vcenter"));
    let all = desk.json(1, &[&ALL[..], &["--check"]].concat());
    let vm = at(&all["virtualMachines"], "/DC0/vm/avocado2");
    let unknown = json!({"unknown": "NoPermission"});
    assert_eq!((&vm["snapshots"], &vm["cloneOf"]), (&unknown, &unknown));
    assert_eq!(vm["power"], "poweredOn");
    desk.expect(0, &ALL)
        .says(&["unknown (NoPermission)", "the snapshots of /DC0/vm/avocado2 are not known: NoPermission"]);
    let reads = proxy.counts().get("RetrievePropertiesEx").copied();
    assert_eq!(reads, Some(2), "one exchange each: {:?}", proxy.counts());
}
