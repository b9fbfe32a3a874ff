//! Hyper-V hosts, from bare NICs to the seed's setup, and what goes wrong on the way.
//!
//! The hosts are the lab's (a stand-in that we wrote) behind a real SSH server: they run the very command lines and scripts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use evenkeel_lab::machine::Machine;
use evenkeel_lab::server::LabTarget;
use evenkeel_lab::site::hyperv_host;
use evenkeel_lab::windows::{Edition, Model, Port, Release, WindowsHost};
use evenkeel_tests::site::Site;
use evenkeel_tests::sshd::kill;
use serde_json::Value;

const APPLY: [&str; 2] = ["apply", "--auto-approve"];

/// So many seconds pass on a host in a second of ours.
const SPEED: u64 = 60;

/// The setup of the articles: two NICs in one switch, management and storage on it, RoCE v2 and what it needs of the network.
fn manifests(target: &str, uplinks: &str) -> String {
    format!(
        r"apiVersion: evenkeel.dev/v1alpha1
kind: DcbPolicy
metadata: {{ name: dcb-{target} }}
spec:
  target: {target}
  willing: false
  policies:
    SMB: {{ networkDirectPort: 445, priority: 3 }}
    Cluster: {{ template: Cluster, priority: 7 }}
  trafficClasses:
    SMB: {{ priorities: [3], bandwidth: 50 }}
    Cluster: {{ priorities: [7], bandwidth: 2 }}
  flowControl: [3]
  adapters: [NIC1, NIC2]
  confirmWithin: 2m
---
apiVersion: evenkeel.dev/v1alpha1
kind: NicSettings
metadata: {{ name: nics-{target} }}
spec:
  target: {target}
  dependsOn: [DcbPolicy/dcb-{target}]
  adapters: [NIC1, NIC2]
  properties: {{ roceVersion: 2, jumbo: 9014 }}
  rdma: true
  networkDirect: {{ enabled: true }}
  setIncompatible: off
  confirmWithin: 2m
---
apiVersion: evenkeel.dev/v1alpha1
kind: HyperVSwitch
metadata: {{ name: set-{target} }}
spec:
  target: {target}
  dependsOn: [NicSettings/nics-{target}]
  name: SETswitch
  uplinks: {uplinks}
  loadBalancing: HyperVPort
  hostAdapters:
    Management: {{ takesOver: true }}
    S2D1: {{ vlan: 100, rdma: true, uplink: NIC1, ieeePriorityTag: true }}
    S2D2: {{ vlan: 200, rdma: true, uplink: NIC2, ieeePriorityTag: true }}
  notes: storage and management
  confirmWithin: 2m
"
    )
}

/// `hv01`, with its management on a NIC of its own, or `hv02`, with its management on one of those that come into the team.
fn site(at: usize) -> (Site, &'static str) {
    let name = if at == 0 { "hv01" } else { "hv02" };
    let site = Site::with(vec![hyperv_host(at, SPEED)]);
    site.work.write("site.yaml", &manifests(name, "[NIC1, NIC2]"));
    (site, name)
}

fn host<R>(site: &Site, name: &str, act: impl FnOnce(&mut WindowsHost) -> R) -> R {
    site.lab.with_windows_host(name, act).expect("a host of the lab")
}

/// Types a line of PowerShell at the host.
fn by_hand(site: &Site, name: &str, line: &str) -> Value {
    host(site, name, |host| host.by_hand(line)).unwrap_or_else(|error| panic!("{line}: {error:?}"))
}

fn switch_id(site: &Site, name: &str) -> Value {
    by_hand(site, name, "\"$((Get-VMSwitch -Name SETswitch).Id)\"")
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "no {what} within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How often a host was asked anything.
fn sessions(site: &Site, name: &str) -> usize {
    site.lab.commands(name).len()
}

#[test]
fn bare_nics_become_the_seeds_setup_and_a_second_apply_is_empty() {
    for at in [0, 1] {
        let (site, name) = site(at);
        let work = &site.work;
        work.expect(0, &["validate"]);
        let before = host(&site, name, |host| Machine::fingerprint(host));
        let asked = sessions(&site, name);
        let plan = work.expect(2, &["plan", "--show-commands"]);
        plan.says(&[
            "create HyperVSwitch",
            "New-VMSwitch -Name SETswitch",
            "-EnableEmbeddedTeaming",
            "Install-WindowsFeature",
        ]);
        assert_eq!(plan.stdout.contains("(guarded)"), at == 1, "{}", plan.stdout);
        assert_eq!(sessions(&site, name) - asked, 1, "a look is one exchange");
        assert_eq!(host(&site, name, |host| Machine::fingerprint(host)), before, "a plan only reads");

        work.expect(0, &APPLY).says(&["3 applied"]);
        let team = by_hand(
            &site,
            name,
            "$t = Get-VMSwitchTeam -Name SETswitch; \"$($t.LoadBalancingAlgorithm) $(@($t.NetAdapterInterfaceDescription).Count)\"",
        );
        assert_eq!(team, "HyperVPort 2");
        let vlan = by_hand(
            &site,
            name,
            "(Get-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName S2D1).AccessVlanId",
        );
        assert_eq!(vlan, 100);
        let rdma = by_hand(&site, name, "(Get-NetAdapterRdma -Name 'vEthernet (S2D2)').Enabled");
        assert_eq!(rdma, true);
        assert!(host(&site, name, |host| host.is_reachable()), "{name}");
        work.expect(0, &APPLY).says(&["nothing was sent"]);
        work.expect(0, &["status"]).says(&["InSync"]);
    }
}

/// What somebody types at the host, and what the plan says of it.
const DRIFTS: [(&str, &str); 23] = [
    ("Set-VMSwitchTeam -Name SETswitch -LoadBalancingAlgorithm Dynamic", "loadBalancing"),
    ("Remove-VMSwitchTeamMember -VMSwitchName SETswitch -NetAdapterName NIC2", "uplinks"),
    ("Add-VMSwitchTeamMember -VMSwitchName SETswitch -NetAdapterName NIC3", "uplinks"),
    ("Set-VMSwitch -Name SETswitch -Notes 'mine'", "notes"),
    ("Remove-VMNetworkAdapter -ManagementOS -Name S2D1", "hostAdapters.S2D1"),
    ("Rename-VMNetworkAdapter -ManagementOS -Name S2D2 -NewName Storage", "hostAdapters.S2D2"),
    (
        "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName S2D1 -Access -VlanId 200",
        "hostAdapters.S2D1.vlan",
    ),
    ("Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName S2D1 -Untagged", "hostAdapters.S2D1.vlan"),
    (
        "Set-VMNetworkAdapterTeamMapping -ManagementOS -VMNetworkAdapterName S2D1 -PhysicalNetAdapterName NIC2",
        "hostAdapters.S2D1.uplink",
    ),
    (
        "Remove-VMNetworkAdapterTeamMapping -ManagementOS -VMNetworkAdapterName S2D1",
        "hostAdapters.S2D1.uplink",
    ),
    (
        "Set-VMNetworkAdapter -ManagementOS -Name S2D1 -IeeePriorityTag Off",
        "hostAdapters.S2D1.ieeePriorityTag",
    ),
    ("Disable-NetAdapterRdma -Name 'vEthernet (S2D1)'", "hostAdapters.S2D1.rdma"),
    ("Disable-NetAdapterRdma -Name NIC1", "adapters.NIC1.rdma"),
    (
        "Set-NetAdapterAdvancedProperty -Name NIC1 -RegistryKeyword '*JumboPacket' -RegistryValue 1514",
        "JumboPacket",
    ),
    (
        "Set-NetAdapterAdvancedProperty -Name NIC2 -RegistryKeyword '*NetworkDirectTechnology' -RegistryValue 3",
        "NetworkDirectTechnology",
    ),
    ("Set-NetOffloadGlobalSetting -NetworkDirect Disabled", "networkDirect"),
    ("Set-NetQosDcbxSetting -Willing $true -Confirm:$false", "willing"),
    ("Remove-NetQosPolicy -Name SMB -Confirm:$false", "policies.SMB"),
    ("Set-NetQosTrafficClass -Name SMB -BandwidthPercentage 20", "trafficClasses.SMB"),
    ("Remove-NetQosTrafficClass -Name Cluster", "trafficClasses.Cluster"),
    ("Disable-NetQosFlowControl -Priority 3", "flowControl.3"),
    ("Enable-NetQosFlowControl -Priority 5", "flowControl.5"),
    ("Disable-NetAdapterQos -Name NIC2", "adapters.NIC2"),
];

#[test]
fn each_of_twenty_drifts_is_found_and_put_back_without_making_the_switch_anew() {
    let (site, name) = site(0);
    let work = &site.work;
    work.expect(0, &APPLY);
    host(&site, name, |host| host.run_vm("web1", "SETswitch"));
    let id = switch_id(&site, name);
    for (line, field) in DRIFTS {
        by_hand(&site, name, line);
        work.expect(2, &["plan"]).says(&[field]);
        let ran = work.run(&APPLY);
        assert_eq!(ran.code, 0, "{line}\n{}\n{}", ran.stdout, ran.stderr);
        assert_eq!(switch_id(&site, name), id, "{line}");
        let again = work.run(&["plan"]);
        assert_eq!(again.code, 0, "{line}\n{}\n{}", again.stdout, again.stderr);
    }
}

#[test]
fn a_wrong_uplink_that_cuts_management_is_rolled_back_by_the_host() {
    let (site, name) = site(1);
    let work = &site.work;
    work.expect(0, &APPLY);
    // The network of the guests: nobody comes to the host by it.
    work.write(
        "site.yaml",
        &manifests(name, "[NIC3]")
            .replace("uplink: NIC1", "uplink: NIC3")
            .replace("uplink: NIC2", "uplink: NIC3"),
    );
    let plan = work.expect(2, &["plan", "--show-commands"]);
    plan.says(&["(guarded)", "the host itself puts back", "2m"]);
    let ran = work.expect(1, &APPLY);
    ran.says(&["rolled back", "no new connection came in time"]);
    assert!(host(&site, name, |host| host.is_reachable()), "the host has put its network back");
    work.expect(2, &["plan"]).says(&["uplinks"]);
    // With the right ones again it is as if nothing had been.
    work.write("site.yaml", &manifests(name, "[NIC1, NIC2]"));
    work.expect(0, &APPLY);
    work.expect(0, &APPLY).says(&["nothing was sent"]);
}

#[test]
fn who_is_killed_while_a_change_is_tried_out_leaves_the_host_to_put_it_back() {
    let (site, name) = site(1);
    let work = &site.work;
    let mut outcome = Value::Null;
    // Who is seen too late has confirmed it already; then the next one is met.
    while !says(&outcome, "rolledBack") {
        site.lab.slow_down(name, Duration::from_millis(500));
        let mut apply =
            work.command(&APPLY).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("evenkeel runs");
        until("change that is tried out", || {
            assert!(apply.try_wait().unwrap().is_none(), "evenkeel has ended: {outcome}");
            says(&kept(&site, name, "Guard"), "calls") && says(&kept(&site, name, "Change"), " done ")
        });
        site.lab.slow_down(name, Duration::from_mins(10));
        kill(apply.id(), "KILL");
        let _ = apply.wait();
        site.lab.slow_down(name, Duration::ZERO);
        until("end of the guard", || says(&kept(&site, name, "Outcome"), "outcome"));
        outcome = kept(&site, name, "Outcome");
    }
    assert!(host(&site, name, |host| host.is_reachable()), "{name}");
    work.expect(0, &APPLY);
    work.expect(0, &APPLY).says(&["nothing was sent"]);
}

fn says(kept: &Value, what: &str) -> bool {
    kept.as_str().is_some_and(|text| text.contains(what))
}

/// What the dead man's switch keeps under this name.
fn kept(site: &Site, name: &str, value: &str) -> Value {
    let key = "HKLM:\\SOFTWARE\\Evenkeel";
    by_hand(
        site,
        name,
        &format!("if (Test-Path -Path '{key}') {{ (Get-ItemProperty -Path '{key}').{value} }}"),
    )
}

#[test]
fn a_change_of_what_is_set_at_creation_is_destructive_and_keeps_the_guests() {
    let (site, name) = site(1);
    let work = &site.work;
    work.expect(0, &APPLY);
    host(&site, name, |host| host.run_vm("web1", "SETswitch"));
    let text =
        manifests(name, "[NIC1, NIC2]").replace("  notes:", "  minimumBandwidthMode: Absolute\n  notes:");
    work.write("site.yaml", &text);
    work.expect(2, &["plan"]).says(&["replace", "web1", "--allow destructive"]);
    work.expect(2, &APPLY).says(&["held"]);
    work.expect(0, &["apply", "--auto-approve", "--allow", "destructive"]);
    let guest = by_hand(&site, name, "(Get-VM -Name web1 | Get-VMNetworkAdapter).SwitchName");
    assert_eq!(guest, "SETswitch");
    assert!(host(&site, name, |host| host.is_reachable()), "{name}");
    work.expect(0, &APPLY).says(&["nothing was sent"]);

    // One that fails midway is put back by the host.
    let text = text.replace("Absolute", "Weight");
    work.write("site.yaml", &text);
    let id = switch_id(&site, name);
    host(&site, name, |host| host.fail_after(1, "Add-VMNetworkAdapter", "The operation failed."));
    let ran = work.expect(1, &["apply", "--auto-approve", "--allow", "destructive"]);
    ran.says(&["rolled back", "the change failed", "The operation failed."]);
    host(&site, name, |host| host.heal("Add-VMNetworkAdapter"));
    assert_ne!(switch_id(&site, name), id);
    assert_eq!(by_hand(&site, name, "(Get-VM -Name web1 | Get-VMNetworkAdapter).SwitchName"), "SETswitch");
    work.expect(0, &["apply", "--auto-approve", "--allow", "destructive"]);
    work.expect(0, &APPLY).says(&["nothing was sent"]);
}

#[test]
fn names_in_japanese_go_there_and_back_on_both_powershells() {
    for edition in [Edition::Desktop, Edition::Core] {
        let trunk = || Port::new(Some(10), [100]);
        let windows = WindowsHost::new("HV01", Release::Ws2022, edition)
            .add_nic("イーサネット", Model::ConnectX5, trunk())
            .add_nic("イーサネット 2", Model::ConnectX5, trunk())
            .add_nic("オンボード", Model::Onboard, Port::new(Some(10), []))
            .manage("オンボード", "192.168.1.11/24", 10);
        let mut target = LabTarget::windows_host("hv01", windows);
        target.speed = SPEED;
        let site = Site::with(vec![target]);
        if edition == Edition::Core {
            let targets = std::fs::read_to_string(site.work.path().join("targets.yaml")).unwrap();
            site.work.write("targets.yaml", &targets.replace("  ssh:\n", "  ssh:\n    powershell: pwsh\n"));
        }
        site.work.write(
            "site.yaml",
            "apiVersion: evenkeel.dev/v1alpha1\nkind: HyperVSwitch\nmetadata: { name: set }\nspec:\n  target: hv01\n  name: 仮想スイッチ\n  \
             uplinks: [イーサネット 2, イーサネット]\n  hostAdapters: { 管理: { vlan: 100 } }\n  notes: \"「運用」 it's\"\n",
        );
        site.work.expect(2, &["plan"]).says(&["仮想スイッチ", "イーサネット 2", "管理"]);
        site.work.expect(0, &APPLY);
        site.work.expect(0, &APPLY).says(&["nothing was sent"]);
        assert_eq!(by_hand(&site, "hv01", "(Get-VMSwitch).Name"), "仮想スイッチ");
        assert_eq!(by_hand(&site, "hv01", "(Get-VMSwitch).Notes"), "「運用」 it's");
    }
}

#[test]
fn what_is_imported_is_as_it_is() {
    let (site, name) = site(0);
    let work = &site.work;
    work.expect(0, &APPLY);
    std::fs::remove_file(work.path().join("site.yaml")).unwrap();
    let imported = work.expect(0, &["import", name]);
    imported.says(&["kind: HyperVSwitch", "kind: DcbPolicy", "SETswitch", "S2D1"]);
    work.write("site.yaml", &imported.stdout);
    work.expect(0, &["plan"]).says(&["nothing to do"]);
}

#[test]
fn what_a_host_cannot_have_is_said_with_its_place_and_nothing_is_sent() {
    let (site, name) = site(0);
    let work = &site.work;
    let with = |uplinks: &str| work.write("site.yaml", &manifests(name, uplinks));
    with("[NIC1, NIC2, NIC9]");
    work.expect(1, &["plan"]).says(&["site.yaml:37", "NIC9", "NIC1", "NIC2"]);
    with("[NIC1, NIC2, Onboard]");
    work.expect(1, &["plan"]).says(&["site.yaml:37", "model"]);
    with("[NIC1, NIC2]");
    host(&site, name, |host| host.set_intent("ConvergedIntent", &["NIC1", "NIC2"]));
    work.expect(1, &["plan"]).says(&["Network ATC", "ConvergedIntent", "Get-NetIntent"]);
    let ran = work.expect(1, &APPLY);
    assert!(!ran.stdout.contains("applied") || ran.stdout.contains("0 applied"), "{}", ran.stdout);
    assert_eq!(by_hand(&site, name, "@(Get-VMSwitch).Count"), 0);
}
