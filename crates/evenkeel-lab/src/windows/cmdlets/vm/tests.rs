//! What the cmdlets for guests and virtual network adapters refuse, and what they take.

use serde_json::json;

use crate::windows::machine::by_hand::{all, refusal, seeded, type_in};

const NAMES: &str = "Get-VMNetworkAdapter -ManagementOS | ForEach-Object { $_.Name }";

#[test]
fn an_adapter_that_nobody_has_is_an_error() {
    let mut host = seeded();
    for line in [
        "Get-VMNetworkAdapter -ManagementOS -Name Nope",
        "Set-VMNetworkAdapter -ManagementOS -Name Nope -IeeePriorityTag On",
        "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName Nope -Untagged",
        "Remove-VMNetworkAdapter -ManagementOS -Name Nope",
        "Remove-VMNetworkAdapterTeamMapping -ManagementOS -Name Nope",
    ] {
        let (category, id, message) = refusal(&mut host, line);
        assert_eq!((category.as_str(), id.as_str()), ("ObjectNotFound", "ObjectNotFound"), "{line}");
        assert_eq!(message, "No network adapter was found with the given criteria.");
    }
    let (_, _, message) = refusal(&mut host, "Get-VMNetworkAdapter -VMName nope");
    assert_eq!(message, "Hyper-V was unable to find a virtual machine with name \"nope\".");
    let (_, _, message) = refusal(&mut host, "Get-VM nope");
    assert_eq!(message, "Hyper-V was unable to find a virtual machine with name \"nope\".");
    let (_, _, message) = refusal(&mut host, "Add-VMNetworkAdapter -ManagementOS -Name X -SwitchName Nope");
    assert_eq!(message, "Hyper-V was unable to find a virtual switch with name \"Nope\".");
    let (_, id, message) = refusal(&mut host, "Get-VMNetworkAdapter");
    assert_eq!(id, "MissingMandatoryParameter", "{message}");
    assert_eq!(all(&mut host, "Get-VMNetworkAdapter -ManagementOS -Name Nope*"), json!([]));
}

#[test]
fn host_adapters_may_share_a_name_but_not_an_alias() {
    let mut host = seeded();
    type_in(&mut host, &["Add-VMNetworkAdapter -ManagementOS -Name s2d1"]);
    assert_eq!(all(&mut host, NAMES), json!(["Management", "S2D1", "S2D2", "s2d1"]));
    let last = all(&mut host, "Get-NetAdapter | Where-Object { $_.Virtual } | ForEach-Object { $_.Name }");
    assert_eq!(last[3], json!("vEthernet (s2d1) 2"));
    // The rename takes the alias along.
    type_in(
        &mut host,
        &["Get-VMNetworkAdapter -ManagementOS -Name S2D2 | Rename-VMNetworkAdapter -NewName 移行"],
    );
    let names = all(&mut host, "Get-NetAdapter -Name 'vEthernet (移行)' | ForEach-Object { $_.Name }");
    assert_eq!(names, json!(["vEthernet (移行)"]));
    type_in(&mut host, &["Remove-VMNetworkAdapter -ManagementOS -Name S2D1"]);
    assert_eq!(all(&mut host, NAMES), json!(["Management", "移行"]));
}

#[test]
fn a_host_adapter_is_found_by_its_device() {
    let mut host = seeded();
    let both = all(
        &mut host,
        "Get-VMNetworkAdapter -ManagementOS -Name S2D1 | ForEach-Object { $device = $_.DeviceId; Get-NetAdapter | Where-Object { $_.InterfaceGuid -eq $device } | ForEach-Object { $_.Name } }",
    );
    assert_eq!(both, json!(["vEthernet (S2D1)"]));
    let of_switch =
        "Get-VMNetworkAdapter -ManagementOS -SwitchName SETswitch | ForEach-Object { $_.MacAddress }";
    let macs = all(&mut host, of_switch);
    // The first has the MAC address of the first NIC, the others Hyper-V's own.
    assert!(macs[0].as_str().is_some_and(|mac| mac.starts_with("B8599F")), "{macs}");
    assert!(macs[1].as_str().is_some_and(|mac| mac.starts_with("00155D")), "{macs}");
}

#[test]
fn vlans() {
    let mut host = seeded();
    let set = "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName S2D1";
    let now = r#"Get-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName S2D1 | ForEach-Object { "$($_.OperationMode) $($_.AccessVlanId) $($_.NativeVlanId) $($_.AllowedVlanIdListString)" }"#;
    type_in(&mut host, &[&format!("{set} -Trunk -NativeVlanId 0 -AllowedVlanIdList '1-100'")]);
    assert_eq!(all(&mut host, now), json!(["Trunk 0 0 1-100"]));
    type_in(&mut host, &[&format!("{set} -Access -VlanId 4094")]);
    assert_eq!(all(&mut host, now), json!(["Access 4094 0 "]));
    for wrong in ["-Access -VlanId 0", "-Access -VlanId 4095", "-Access"] {
        let (category, id, message) = refusal(&mut host, &format!("{set} {wrong}"));
        assert_eq!((category.as_str(), id.as_str()), ("InvalidArgument", "InvalidParameter"), "{message}");
    }
    for wrong in ["", "-Access -Untagged", "-Untagged -VlanId 5", "-VlanId 5"] {
        let (_, id, message) = refusal(&mut host, &format!("{set} {wrong}"));
        assert_eq!(id, "AmbiguousParameterSet", "{message}");
    }
    assert_eq!(all(&mut host, now), json!(["Access 4094 0 "]));
    // Without a name all of the host.
    type_in(&mut host, &["Set-VMNetworkAdapterVlan -ManagementOS -Untagged"]);
    let modes = r#"Get-VMNetworkAdapterVlan -ManagementOS | ForEach-Object { "$($_.OperationMode)" }"#;
    assert_eq!(all(&mut host, modes), json!(["Untagged", "Untagged", "Untagged"]));
}

#[test]
fn mappings() {
    let mut host = seeded();
    let set =
        "Set-VMNetworkAdapterTeamMapping -ManagementOS -VMNetworkAdapterName S2D1 -PhysicalNetAdapterName";
    let (_, _, message) = refusal(&mut host, &format!("{set} 'イーサネット 3'"));
    let not = "Physical network adapter 'イーサネット 3' is not a member of the team of virtual switch 'SETswitch'.";
    assert_eq!(message, not);
    let (_, _, message) = refusal(&mut host, &format!("{set} NIC9"));
    assert_eq!(message, "Physical network adapter 'NIC9' not found.");
    let now =
        "Get-VMNetworkAdapterTeamMapping -ManagementOS -Name S2D1 | ForEach-Object { $_.NetAdapterName }";
    type_in(&mut host, &[&format!("{set} nic2")]);
    assert_eq!(all(&mut host, now), json!(["NIC2"]));
    // It holds to the NIC, not to its name.
    type_in(&mut host, &["Rename-NetAdapter -Name NIC2 -NewName Rear"]);
    assert_eq!(all(&mut host, now), json!(["Rear"]));
    let remove = "Remove-VMNetworkAdapterTeamMapping -ManagementOS -VMNetworkAdapterName S2D1";
    type_in(&mut host, &[remove, remove]);
    assert_eq!(all(&mut host, now), json!([]));
    type_in(&mut host, &["New-VMSwitch I -SwitchType Internal"]);
    let elsewhere =
        "Set-VMNetworkAdapterTeamMapping -ManagementOS -VMNetworkAdapterName I -PhysicalNetAdapterName NIC1";
    let (_, _, message) = refusal(&mut host, elsewhere);
    assert!(message.ends_with("embedded teaming enabled."), "{message}");
}

#[test]
fn settings_of_an_adapter() {
    let mut host = seeded();
    type_in(
        &mut host,
        &[
            "Get-VMNetworkAdapter -ManagementOS -Name S2D* | Set-VMNetworkAdapter -IeeePriorityTag On",
            "Set-VMNetworkAdapter -ManagementOS -Name S2D1 -MinimumBandwidthWeight 50",
        ],
    );
    let tags = r#"Get-VMNetworkAdapter -ManagementOS | ForEach-Object { "$($_.IeeePriorityTag)" }"#;
    assert_eq!(all(&mut host, tags), json!(["Off", "On", "On"]));
    let weight = "Set-VMNetworkAdapter -ManagementOS -Name S2D1 -MinimumBandwidthWeight 101";
    assert_eq!(refusal(&mut host, weight).1, "InvalidParameter");
}

#[test]
fn guests_and_their_adapters() {
    let mut host = seeded();
    assert_eq!(all(&mut host, "Get-VM | Get-VMNetworkAdapter"), json!([]));
    host.run_vm("web", "SETswitch");
    host.run_vm("db", "SETswitch");
    host.stop_vm("db");
    let states = all(&mut host, r#"Get-VM | ForEach-Object { "$($_.Name) $($_.State)" }"#);
    assert_eq!(states, json!(["web Running", "db Off"]));
    let adapters =
        r#"Get-VM | Get-VMNetworkAdapter | ForEach-Object { "$($_.VMName) $($_.Name) $($_.SwitchName)" }"#;
    let both = json!(["web Network Adapter SETswitch", "db Network Adapter SETswitch"]);
    assert_eq!(all(&mut host, adapters), both);
    type_in(
        &mut host,
        &[
            "Get-VM db | Add-VMNetworkAdapter -Name Backup",
            "Get-VMNetworkAdapter -VMName db -Name Backup | Connect-VMNetworkAdapter -SwitchName setswitch",
            "Get-VM web | Set-VMNetworkAdapterVlan -Access -VlanId 20",
            "Disconnect-VMNetworkAdapter -VMName web -Name 'Network Adapter'",
        ],
    );
    let three = json!(["web Network Adapter ", "db Network Adapter SETswitch", "db Backup SETswitch"]);
    assert_eq!(all(&mut host, adapters), three);
    let vlan = "Get-VMNetworkAdapterVlan -VMName web | ForEach-Object { $_.AccessVlanId }";
    assert_eq!(all(&mut host, vlan), json!([20]));
    type_in(&mut host, &["Remove-VMNetworkAdapter -VMName db -Name 'Network Adapter'"]);
    assert_eq!(all(&mut host, adapters), json!(["web Network Adapter ", "db Backup SETswitch"]));
    let everything = all(&mut host, "Get-VMNetworkAdapter -All | ForEach-Object { $_.Name }");
    assert_eq!(everything, json!(["Management", "S2D1", "S2D2", "Network Adapter", "Backup"]));
}

#[test]
fn a_private_switch_has_nothing_for_the_host() {
    let mut host = seeded();
    type_in(&mut host, &["New-VMSwitch P -SwitchType Private"]);
    let (_, _, message) = refusal(&mut host, "Add-VMNetworkAdapter -ManagementOS -Name X -SwitchName P");
    assert!(message.ends_with("management operating system."), "{message}");
    type_in(&mut host, &["New-VMSwitch I -SwitchType Internal"]);
    let (_, id, _) = refusal(&mut host, "Add-VMNetworkAdapter -ManagementOS -Name X");
    assert_eq!(id, "MissingMandatoryParameter");
}
