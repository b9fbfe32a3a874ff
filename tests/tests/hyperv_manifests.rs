//! The ready manifests and the examples of Hyper-V, run as their reader would run them, against simulated hosts. The simulator
//! is ours: what it cannot show is said in `docs/hyperv.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::path::Path;

use evenkeel_lab::server::LabTarget;
use evenkeel_lab::windows::{Edition, Model, Port, Release, WindowsHost};
use evenkeel_tests::site::Site;
use serde_json::{Value, json};

const MANAGEMENT: u16 = 10;

const FILES: [&str; 4] = ["iwarp", "roce-v2-10gbe", "roce-v2-25gbe", "set-two-nics"];

fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join(path).to_str().unwrap().to_owned()
}

fn ready(file: &str) -> String {
    repository(&format!("manifests/hyperv/{file}.yaml"))
}

/// A host with two NICs of a model, plugged into ports that carry these VLANs tagged; its management address is on the first.
fn host(name: &str, model: Model, vlans: [u16; 2]) -> WindowsHost {
    let port = || Port::new(Some(MANAGEMENT), vlans);
    WindowsHost::new(name, Release::Ws2022, Edition::Desktop)
        .add_nic("NIC1", model, port())
        .add_nic("NIC2", model, port())
        .manage("NIC1", "192.168.1.11/24", MANAGEMENT)
}

/// A target's name, the host behind it, and its labels.
type Served<'a> = (&'a str, WindowsHost, &'a [(&'a str, &'a str)]);

/// A site of these hosts with their labels, as `targets.yaml` gives them.
fn site(hosts: Vec<Served<'_>>) -> Site {
    let target = |(name, host, labels): (&str, WindowsHost, &[(&str, &str)])| {
        // Links come up again sooner.
        let mut target = LabTarget { speed: 20, ..LabTarget::windows_host(name, host) };
        target.labels.extend(labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())));
        target
    };
    Site::with(hosts.into_iter().map(target).collect())
}

/// Plans, applies, and applies again.
fn is_brought_about(site: &Site, args: &[&str]) {
    let with =
        |verb: &[&str]| -> Vec<String> { verb.iter().chain(args).map(|arg| (*arg).to_owned()).collect() };
    let expect = |code: i32, verb: &[&str]| {
        let args = with(verb);
        site.work.expect(code, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    expect(2, &["plan"]).says(&["Plan:"]);
    expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    expect(0, &["plan"]).says(&["nothing to do"]);
    expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
    expect(0, &["status"]).says(&["InSync"]);
}

/// What a line of PowerShell gives on a host.
fn ask(site: &Site, host: &str, line: &str) -> Value {
    site.lab.with_windows_host(host, |host| host.by_hand(line)).unwrap().unwrap_or_else(|error| {
        panic!("{line}: {}", error.message);
    })
}

fn is_on_both(site: &Site, host: &str, keyword: &str, value: &str) {
    for nic in ["NIC1", "NIC2"] {
        let line = format!(
            "(Get-NetAdapterAdvancedProperty -Name {nic} | Where-Object {{ $_.RegistryKeyword -eq '{keyword}' }}).RegistryValue"
        );
        let found = ask(site, host, &line);
        let found = found.as_array().and_then(|all| all.first()).unwrap_or(&found);
        assert_eq!(*found, json!(value), "{keyword} of {nic}");
    }
}

/// What every RoCE host has then.
fn is_lossless(site: &Site, host: &str, cluster: u64) {
    is_on_both(site, host, "*NetworkDirectTechnology", "4");
    is_on_both(site, host, "*FlowControl", "0");
    for nic in ["NIC1", "NIC2"] {
        assert_eq!(ask(site, host, &format!("(Get-NetAdapterRdma -Name {nic}).Enabled")), json!(true));
        let operational = ask(site, host, &format!("(Get-NetAdapterQos -Name {nic}).OperationalFlowControl"));
        assert_eq!(operational, json!("Priority 3 Enabled"), "{nic}");
    }
    for (class, share) in [("SMB", 50), ("Cluster", cluster)] {
        let line = format!("(Get-NetQosTrafficClass -Name {class}).BandwidthPercentage");
        assert_eq!(ask(site, host, &line), json!(share), "{class}");
    }
}

/// The switch with its team, and the host's adapters with their VLANs.
fn has_team(site: &Site, host: &str, vlans: [u16; 2]) {
    let algorithm = ask(site, host, "\"$((Get-VMSwitchTeam -Name SETswitch).LoadBalancingAlgorithm)\"");
    assert_eq!(algorithm, json!("HyperVPort"), "{host}");
    let members =
        ask(site, host, "@((Get-VMSwitchTeam -Name SETswitch).NetAdapterInterfaceDescription).Count");
    assert_eq!(members, json!(2), "{host}");
    let address = ask(
        site,
        host,
        "(Get-NetIPAddress | Where-Object { $_.IPAddress -like '192.168.1.*' }).InterfaceAlias",
    );
    let onboard =
        ask(site, host, "@(Get-NetAdapter | Where-Object { $_.Name -eq 'Onboard' }).Count") == json!(1);
    assert_eq!(address, json!(if onboard { "Onboard" } else { "vEthernet (Management)" }), "{host}");
    for (nth, (adapter, vlan)) in ["S2D1", "S2D2"].into_iter().zip(vlans).enumerate() {
        let at = format!("{adapter} of {host}");
        let line =
            format!("(Get-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName {adapter}).AccessVlanId");
        assert_eq!(ask(site, host, &line), json!(vlan), "{at}");
        let line = format!("(Get-VMNetworkAdapterTeamMapping -ManagementOS -Name {adapter}).NetAdapterName");
        assert_eq!(ask(site, host, &line), json!(format!("NIC{}", nth + 1)), "{at}");
        let line = format!("(Get-NetAdapterRdma -Name 'vEthernet ({adapter})').Enabled");
        assert_eq!(ask(site, host, &line), json!(true), "{at}");
    }
}

#[test]
fn roce_v2_over_10_gbe() {
    let site = site(vec![(
        "hv",
        host("hv", Model::ConnectX4Lx, [711, 712]),
        &[("role", "hyperv"), ("rdma", "roce-10gbe")],
    )]);
    is_brought_about(&site, &["targets.yaml", &ready("roce-v2-10gbe")]);
    is_lossless(&site, "hv", 2);
}

#[test]
fn roce_v2_over_25_gbe() {
    let site = site(vec![(
        "hv",
        host("hv", Model::ConnectX5, [711, 712]),
        &[("role", "hyperv"), ("rdma", "roce-25gbe")],
    )]);
    is_brought_about(&site, &["targets.yaml", &ready("roce-v2-25gbe")]);
    is_lossless(&site, "hv", 1);
}

#[test]
fn iwarp() {
    let mut bare = host("hv", Model::IntelX710, [711, 712]);
    for nic in ["NIC1", "NIC2"] {
        bare.by_hand(&format!("Set-NetAdapterRdma -Name {nic} -Enabled $false")).unwrap();
    }
    bare.pass(60);
    let site = site(vec![("hv", bare, &[("role", "hyperv"), ("rdma", "iwarp")])]);
    is_brought_about(&site, &["targets.yaml", &ready("iwarp")]);
    is_on_both(&site, "hv", "*NetworkDirectTechnology", "1");
    assert_eq!(ask(&site, "hv", "(Get-NetAdapterRdma -Name NIC2).Enabled"), json!(true));
}

#[test]
fn a_team_of_two_nics() {
    let site = site(vec![("hv", host("hv", Model::ConnectX5, [711, 712]), &[("role", "hyperv")])]);
    is_brought_about(&site, &["targets.yaml", &ready("set-two-nics")]);
    has_team(&site, "hv", [711, 712]);
}

/// All of them at once, on hosts of each sort: the label says which NICs one has.
#[test]
fn the_whole_folder_can_be_given_to_every_host() {
    let sorts = [
        ("ten", Model::ConnectX4Lx, "roce-10gbe"),
        ("twentyfive", Model::ConnectX5, "roce-25gbe"),
        ("iwarp", Model::IntelX710, "iwarp"),
    ];
    let labels = sorts.map(|(_, _, rdma)| [("role", "hyperv"), ("rdma", rdma)]);
    let hosts = sorts.iter().zip(&labels).map(|((name, model, _), labels)| {
        let labels: &[(&str, &str)] = labels;
        (*name, host(name, *model, [711, 712]), labels)
    });
    let site = site(hosts.collect());
    is_brought_about(&site, &["targets.yaml", &repository("manifests/hyperv")]);
    is_lossless(&site, "ten", 2);
    is_lossless(&site, "twentyfive", 1);
    for (name, ..) in sorts {
        has_team(&site, name, [711, 712]);
    }
}

#[test]
fn every_file_is_here_and_validates_without_a_warning() {
    let labels: [&[(&str, &str)]; 3] = ["roce-10gbe", "roce-25gbe", "iwarp"].map(|rdma| match rdma {
        "iwarp" => &[("role", "hyperv"), ("rdma", "iwarp")][..],
        "roce-10gbe" => &[("role", "hyperv"), ("rdma", "roce-10gbe")][..],
        _ => &[("role", "hyperv"), ("rdma", "roce-25gbe")][..],
    });
    let named = ["a", "b", "c"].into_iter().zip(labels);
    let site =
        site(named.map(|(name, labels)| (name, host(name, Model::ConnectX5, [711, 712]), labels)).collect());
    let folder = repository("manifests/hyperv");
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    files.sort();
    assert_eq!(files, FILES.map(ready), "a manifest without a test, or a test without a manifest");
    for path in files.iter().chain([&folder]) {
        let ran = site.work.expect(0, &["validate", "targets.yaml", path]);
        ran.says(&["valid"]);
        assert_eq!(ran.stderr, "", "{path}");
    }
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(
            text.contains("\n# Source: ") && text.contains("\n# Needs: "),
            "{file} says where it is from"
        );
    }
}

/// The example: bare NICs, one of which has the management address.
#[test]
fn the_example_of_one_host() {
    let site = site(vec![("hv02", host("hv02", Model::ConnectX5, [100, 200]), &[])]);
    let example = repository("examples/hyperv-switch");
    site.work.expect(0, &["validate", &example]);
    site.work.expect(2, &["plan", &example, "--show-commands"]).says(&[
        "(guarded)",
        "New-VMSwitch",
        "unless a new connection",
    ]);
    is_brought_about(&site, &[&example]);
    is_lossless(&site, "hv02", 1);
    has_team(&site, "hv02", [100, 200]);
    for feature in ["*SRIOV", "*RSS", "*RscIPv4"] {
        is_on_both(&site, "hv02", feature, "0");
    }
}

/// The example: a cluster whose one host is reached over a NIC of its own, the other over the team; held outside of the
/// window, which the values for the lab keep open.
#[test]
fn the_example_of_a_cluster() {
    let port = || Port::new(Some(MANAGEMENT), [100, 200]);
    let first = WindowsHost::new("hv01", Release::Ws2022, Edition::Desktop)
        .add_nic("NIC1", Model::ConnectX5, port())
        .add_nic("NIC2", Model::ConnectX5, port())
        .add_nic("Onboard", Model::Onboard, Port::new(Some(MANAGEMENT), []))
        .manage("Onboard", "192.168.1.12/24", MANAGEMENT);
    let site = site(vec![("hv01", first, &[]), ("hv02", host("hv02", Model::ConnectX5, [100, 200]), &[])]);
    let example = repository("examples/hyperv-fleet");
    site.work.expect(0, &["validate", &example]);
    is_brought_about(&site, &[&example, "--values", &format!("{example}/lab.values.yaml")]);
    for host in ["hv01", "hv02"] {
        is_lossless(&site, host, 1);
        has_team(&site, host, [100, 200]);
    }
    // A window that was over long ago.
    site.work.write("over.values.yaml", "window: { opens: 0 0 29 2 *, lasts: 1m }\n");
    site.lab.with_windows_host("hv01", |host| {
        host.by_hand("Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName S2D1 -Untagged")
    });
    let over = ["--values", "over.values.yaml"];
    site.work
        .expect(2, &["plan", &example, over[0], over[1]])
        .says(&["outside of its window: the next opens"]);
    site.work
        .expect(2, &["apply", "--auto-approve", &example, over[0], over[1]])
        .says(&["outside of its window"]);
    let vlan = ask(
        &site,
        "hv01",
        "\"$((Get-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName S2D1).OperationMode)\"",
    );
    assert_eq!(vlan, json!("Untagged"), "nothing was sent");
}
