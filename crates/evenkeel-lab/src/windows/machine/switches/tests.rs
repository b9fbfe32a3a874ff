//! The seed's setup typed by hand, what moves with it, and what a look at the host says then.

use serde_json::{Value, json};

use crate::windows::{Edition, Model, Port, Release, WindowsHost};

/// Two NICs of one model in trunks, the management address on the first.
pub(in crate::windows) fn host() -> WindowsHost {
    let port = || Port::new(Some(10), [100, 200]);
    WindowsHost::new("hv01", Release::Ws2019, Edition::Desktop)
        .add_nic("NIC1", Model::ConnectX5, port())
        .add_nic("NIC2", Model::ConnectX5, port())
        .add_nic("イーサネット 3", Model::ConnectX5, port())
        .manage("NIC1", "192.168.1.10/24", 10)
}

/// Types lines, all of which work.
pub(in crate::windows) fn type_in(host: &mut WindowsHost, lines: &[&str]) {
    for line in lines {
        host.by_hand(line).unwrap_or_else(|error| panic!("{line}: {error:?}"));
    }
}

/// All that a pipeline gives, as JSON.
pub(in crate::windows) fn all(host: &mut WindowsHost, pipeline: &str) -> Value {
    let line = format!("@{{ all = @({pipeline}) }}");
    let told = host.by_hand(&line).unwrap_or_else(|error| panic!("{line}: {error:?}"));
    told["all"].clone()
}

/// What a line is refused with: category, id, message.
pub(in crate::windows) fn refusal(host: &mut WindowsHost, line: &str) -> (String, String, String) {
    let error = host.by_hand(line).expect_err(line);
    (error.category.to_owned(), error.id.clone(), error.message.clone())
}

/// The articles' order: the switch with one NIC, the second uplink, host adapters, their VLANs, mapping.
const SEED: &[&str] = &[
    "New-VMSwitch -Name 'SETswitch' -NetAdapterName 'NIC1' -EnableEmbeddedTeaming $true",
    "Set-VMSwitchTeam -Name 'SETswitch' -NetAdapterName 'NIC1','NIC2' -LoadBalancingAlgorithm HyperVPort",
    "Rename-VMNetworkAdapter -ManagementOS -Name 'SETswitch' -NewName 'Management'",
    "Add-VMNetworkAdapter -ManagementOS -Name 'S2D1' -SwitchName 'SETswitch'",
    "Add-VMNetworkAdapter -ManagementOS -Name 'S2D2' -SwitchName 'SETswitch'",
    "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName 'S2D1' -Access -VlanId 100",
    "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName 'S2D2' -Access -VlanId 200",
    "Set-VMNetworkAdapterTeamMapping -ManagementOS -VMNetworkAdapterName 'S2D1' -SwitchName 'SETswitch' -PhysicalNetAdapterName 'NIC1'",
    "Set-VMNetworkAdapterTeamMapping -ManagementOS -VMNetworkAdapterName 'S2D2' -SwitchName 'SETswitch' -PhysicalNetAdapterName 'NIC2'",
    "Set-VMNetworkAdapter -ManagementOS -Name 'S2D1' -IeeePriorityTag On",
];

/// A host with the seed's setup.
pub(in crate::windows) fn seeded() -> WindowsHost {
    let mut host = host();
    type_in(&mut host, SEED);
    host
}

#[test]
fn the_seeds_setup_stands() {
    let mut host = seeded();
    let switches = all(
        &mut host,
        r#"Get-VMSwitch | ForEach-Object { "$($_.Name) $($_.SwitchType) $($_.EmbeddedTeamingEnabled) $($_.BandwidthReservationMode) $($_.NetAdapterInterfaceDescription) $($_.AllowManagementOS)" }"#,
    );
    assert_eq!(switches, json!(["SETswitch External True Weight Teamed-Interface True"]));
    let teams = all(
        &mut host,
        r#"Get-VMSwitchTeam SETswitch | ForEach-Object { "$($_.TeamingMode) $($_.LoadBalancingAlgorithm) $($_.NetAdapterInterfaceDescription -join '+')" }"#,
    );
    let team = "SwitchIndependent HyperVPort Mellanox ConnectX-5 Adapter+Mellanox ConnectX-5 Adapter #2";
    assert_eq!(teams, json!([team]));
    let vlans = all(
        &mut host,
        r#"Get-VMNetworkAdapterVlan -ManagementOS | ForEach-Object { "$($_.ParentAdapter.Name) $($_.OperationMode) $($_.AccessVlanId)" }"#,
    );
    assert_eq!(vlans, json!(["Management Untagged 0", "S2D1 Access 100", "S2D2 Access 200"]));
    let mappings = all(
        &mut host,
        r#"Get-VMNetworkAdapterTeamMapping -ManagementOS | ForEach-Object { "$($_.ParentAdapter.Name) $($_.NetAdapterName)" }"#,
    );
    assert_eq!(mappings, json!(["S2D1 NIC1", "S2D2 NIC2"]));
    let tags = all(
        &mut host,
        r#"Get-VMNetworkAdapter -ManagementOS | ForEach-Object { "$($_.Name) $($_.IeeePriorityTag) $($_.SwitchName)" }"#,
    );
    assert_eq!(tags, json!(["Management Off SETswitch", "S2D1 On SETswitch", "S2D2 Off SETswitch"]));
    let aliases = all(&mut host, "Get-NetAdapter | Where-Object { $_.Virtual } | ForEach-Object { $_.Name }");
    assert_eq!(aliases, json!(["vEthernet (Management)", "vEthernet (S2D1)", "vEthernet (S2D2)"]));
    assert!(host.is_reachable());
}

#[test]
fn the_team_was_dynamic_in_2016() {
    let mut host = WindowsHost::new("hv01", Release::Ws2016, Edition::Desktop).add_nic(
        "NIC1",
        Model::ConnectX5,
        Port::new(Some(10), []),
    );
    type_in(&mut host, &["New-VMSwitch S -NetAdapterName NIC1 -EnableEmbeddedTeaming $true"]);
    let algorithm =
        all(&mut host, r#"Get-VMSwitchTeam S | ForEach-Object { "$($_.LoadBalancingAlgorithm)" }"#);
    assert_eq!(algorithm, json!(["Dynamic"]));
}

/// Where the management address and the default route are, by the alias of the interface.
fn interface(host: &mut WindowsHost) -> Value {
    let address = "Get-NetIPAddress | Where-Object { $_.IPAddress -eq '192.168.1.10' } | ForEach-Object { $_.InterfaceAlias }";
    let route = "Get-NetRoute | Where-Object { $_.DestinationPrefix -eq '0.0.0.0/0' } | ForEach-Object { $_.InterfaceAlias }";
    json!([all(host, address), all(host, route)])
}

#[test]
fn addresses_move_to_the_host_adapter_and_back() {
    let mut host = host();
    type_in(&mut host, &["New-VMSwitch S -NetAdapterName NIC2,NIC1 -AllowManagementOS $true"]);
    // The NIC with addresses need not be the first.
    assert_eq!(interface(&mut host), json!([["vEthernet (S)"], ["vEthernet (S)"]]));
    assert!(host.is_reachable());
    type_in(&mut host, &["Remove-VMSwitch S -Force"]);
    assert_eq!(interface(&mut host), json!([["NIC1"], ["NIC1"]]));
    assert!(host.is_reachable());
    assert_eq!(all(&mut host, "Get-VMSwitch"), json!([]));
    assert_eq!(all(&mut host, "Get-NetAdapter | Where-Object { $_.Virtual }"), json!([]));
}

#[test]
fn without_a_host_adapter_addresses_are_gone() {
    let mut host = host();
    type_in(&mut host, &["New-VMSwitch S -NetAdapterName NIC1 -AllowManagementOS $false"]);
    assert_eq!(interface(&mut host), json!([[], []]));
    assert!(!host.is_reachable());
    // The host goes on: what is typed there works.
    let switches = all(&mut host, "Get-VMSwitch | ForEach-Object { $_.AllowManagementOS }");
    assert_eq!(switches, json!([false]));
}

#[test]
fn a_host_adapter_takes_its_addresses_along() {
    let mut host = seeded();
    type_in(&mut host, &["Remove-VMNetworkAdapter -ManagementOS -Name Management"]);
    assert_eq!(interface(&mut host), json!([[], []]));
    let mut host = seeded();
    type_in(&mut host, &["Set-VMSwitch SETswitch -AllowManagementOS $false"]);
    assert_eq!(interface(&mut host), json!([[], []]));
    assert_eq!(all(&mut host, "Get-VMNetworkAdapter -ManagementOS"), json!([]));
    type_in(&mut host, &["Set-VMSwitch SETswitch -AllowManagementOS $true"]);
    let names = all(&mut host, "Get-VMNetworkAdapter -ManagementOS | ForEach-Object { $_.Name }");
    assert_eq!(names, json!(["SETswitch"]));
}

#[test]
fn a_nic_that_joins_a_team_loses_its_addresses() {
    let mut host = host();
    type_in(
        &mut host,
        &[
            "New-VMSwitch S -NetAdapterName NIC2 -EnableEmbeddedTeaming $true",
            "Add-VMSwitchTeamMember S -NetAdapterName NIC1",
        ],
    );
    assert_eq!(interface(&mut host), json!([[], []]));
    assert!(!host.is_reachable());
}

#[test]
fn a_look_changes_nothing() {
    use crate::machine::Machine;
    let mut host = seeded();
    host.run_vm("web", "SETswitch");
    let before = host.fingerprint();
    for look in ["Get-VMSwitch", "Get-VMSwitchTeam", "Get-VM", "Get-VM | Get-VMNetworkAdapter"] {
        all(&mut host, &format!("{look} | ForEach-Object {{ $_.Name }}"));
    }
    assert_eq!(host.fingerprint(), before);
    type_in(&mut host, &["Set-VMSwitch SETswitch -Notes 'x'"]);
    assert_ne!(host.fingerprint(), before);
}

#[test]
fn drifts_never_cut_us_off() {
    use crate::random::Random;
    let mut random = Random::new(7);
    let mut changed = 0;
    let mut host = seeded();
    for _ in 0..500 {
        changed += usize::from(host.drift_switches(&mut random));
        assert!(host.is_reachable());
    }
    assert!(changed > 100, "{changed}");
}

/// What the drivers read.
fn observed(host: &mut WindowsHost) -> Value {
    let script = include_str!("../../../../../evenkeel-drivers/src/hyperv/scripts/observe.ps1");
    crate::windows::shell::run_script(host, script, &json!({})).expect("a look fails in parts only")
}

#[test]
fn a_look_tells_of_every_part() {
    let mut host = seeded();
    host.run_vm("web", "SETswitch");
    let seen = observed(&mut host);
    assert_eq!(seen["failed"], json!({}));
    let uplinks = json!(["Mellanox ConnectX-5 Adapter", "Mellanox ConnectX-5 Adapter #2"]);
    assert_eq!(seen["parts"]["switches"][0]["uplinks"], uplinks);
    assert_eq!(seen["parts"]["switches"][0]["bandwidthMode"], json!("Weight"));
    assert_eq!(seen["parts"]["teams"][0]["loadBalancing"], json!("HyperVPort"));
    let vlan = json!({ "adapter": "S2D1", "mode": "Access", "vlan": 100 });
    assert_eq!(seen["parts"]["vlans"][1], vlan);
    assert_eq!(seen["parts"]["mappings"][1], json!({ "adapter": "S2D2", "uplink": "NIC2" }));
    assert_eq!(seen["parts"]["running"], json!([{ "vm": "web" }]));
    let side = &seen["parts"]["hostAdapters"][1]["device"];
    let is_side = |adapter: &&Value| &adapter["guid"] == side;
    let adapters = seen["parts"]["adapters"].as_array().expect("a list");
    assert_eq!(adapters.iter().find(is_side).expect("it is there")["name"], json!("vEthernet (S2D1)"));
}
