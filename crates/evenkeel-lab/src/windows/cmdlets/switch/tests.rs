//! What the cmdlets for switches refuse, and what they take.

use serde_json::json;

use crate::windows::machine::by_hand::{all, host, refusal, seeded, type_in};
use crate::windows::{Edition, Model, Port, Release, WindowsHost};

/// A category, an id and the end of a message.
fn assert_refused(host: &mut WindowsHost, line: &str, category: &str, id: &str, message: &str) {
    let (is_category, is_id, is_message) = refusal(host, line);
    assert_eq!((is_category.as_str(), is_id.as_str()), (category, id), "{line}: {is_message}");
    assert!(is_message.ends_with(message), "{line}: {is_message}");
}

const INVALID: (&str, &str) = ("InvalidArgument", "InvalidParameter");

#[test]
fn what_new_vmswitch_refuses() {
    let mut host = seeded();
    let (category, id) = INVALID;
    assert_refused(
        &mut host,
        "New-VMSwitch -Name Other -NetAdapterName NIC2",
        category,
        id,
        "External Ethernet adapter 'Mellanox ConnectX-5 Adapter #2' is already bound to the Microsoft Virtual Switch protocol.",
    );
    assert_refused(
        &mut host,
        "New-VMSwitch -Name setSWITCH -NetAdapterName 'イーサネット 3'",
        "ResourceExists",
        "ObjectExists",
        "Cannot create a file when that file already exists. (0x800700B7).",
    );
    assert_refused(
        &mut host,
        "New-VMSwitch -Name Other -NetAdapterName NIC9",
        "ObjectNotFound",
        "ObjectNotFound",
        "Physical network adapter 'NIC9' not found.",
    );
    assert_refused(
        &mut host,
        "New-VMSwitch -Name Other -NetAdapterName 'vEthernet (S2D1)'",
        "ObjectNotFound",
        "ObjectNotFound",
        "Physical network adapter 'vEthernet (S2D1)' not found.",
    );
    let mandatory = "MissingMandatoryParameter";
    assert_refused(&mut host, "New-VMSwitch -Name Other", category, mandatory, "parameters: NetAdapterName.");
    assert_refused(&mut host, "New-VMSwitch -SwitchType Private", category, mandatory, "parameters: Name.");
    let both = "New-VMSwitch Other -SwitchType Private -NetAdapterName 'イーサネット 3'";
    assert_refused(&mut host, both, category, "AmbiguousParameterSet", "the specified named parameters.");
    let modes = "New-VMSwitch Other -NetAdapterName 'イーサネット 3' -EnableIov $true";
    assert_refused(
        &mut host,
        &format!("{modes} -EnablePacketDirect $true"),
        category,
        id,
        "both IO virtualization and packet direct.",
    );
    assert_refused(
        &mut host,
        &format!("{modes} -MinimumBandwidthMode Weight"),
        category,
        id,
        "IO virtualization.",
    );
    type_in(&mut host, &["Disable-NetAdapter -Name 'イーサネット 3' -Confirm:$false"]);
    assert_refused(
        &mut host,
        "New-VMSwitch -Name Other -NetAdapterName 'イーサネット 3'",
        "ObjectNotFound",
        "ObjectNotFound",
        "bind failed: Element not found. (0x80070490).",
    );
    assert_eq!(all(&mut host, "Get-VMSwitch | ForEach-Object { $_.Name }"), json!(["SETswitch"]));
}

#[test]
fn creation_only_settings_cannot_be_set() {
    let mut host = seeded();
    for parameter in ["EnableEmbeddedTeaming", "EnableIov", "EnablePacketDirect", "MinimumBandwidthMode"] {
        let (_, id, message) = refusal(&mut host, &format!("Set-VMSwitch SETswitch -{parameter} $false"));
        assert_eq!(id, "NamedParameterNotFound", "{message}");
    }
    let (category, id) = INVALID;
    let other = "Set-VMSwitch SETswitch -NetAdapterName 'イーサネット 3'";
    assert_refused(&mut host, other, category, id, "has embedded teaming enabled.");
    assert_refused(
        &mut host,
        "Set-VMSwitch SETswitch -SwitchType Internal",
        category,
        id,
        "teaming enabled.",
    );
}

#[test]
fn what_a_new_switch_is() {
    let mut host = host();
    type_in(
        &mut host,
        &["New-VMSwitch T -NetAdapterName NIC2,'イーサネット 3' -AllowManagementOS $false -Notes n"],
    );
    let told = r#"Get-VMSwitch -Name t | ForEach-Object { "$($_.EmbeddedTeamingEnabled) $($_.IovEnabled) $($_.PacketDirectEnabled) $($_.BandwidthReservationMode) $($_.Notes)" }"#;
    assert_eq!(all(&mut host, told), json!(["True False False Weight n"]));
    type_in(
        &mut host,
        &[
            "Remove-VMSwitch T -Force",
            "New-VMSwitch T -NetAdapterName NIC2 -EnableIov $true -AllowManagementOS $false",
        ],
    );
    assert_eq!(all(&mut host, told), json!(["False True False None "]));
    let described = "Get-VMSwitch T | ForEach-Object { $_.NetAdapterInterfaceDescription }";
    assert_eq!(all(&mut host, described), json!(["Mellanox ConnectX-5 Adapter #2"]));
}

#[test]
fn enumerations_have_microsofts_numbers() {
    // ConvertTo-Json of 5.1 writes them as numbers.
    let mut host = seeded();
    type_in(&mut host, &["New-VMSwitch I -SwitchType Internal", "New-VMSwitch P -SwitchType Private"]);
    let types = all(&mut host, "Get-VMSwitch | ForEach-Object { $_.SwitchType }");
    assert_eq!(types, json!([2, 1, 0]));
    let rest =
        all(&mut host, "Get-VMSwitchTeam | ForEach-Object { $_.TeamingMode; $_.LoadBalancingAlgorithm }");
    assert_eq!(rest, json!([1, 4]));
    let tags = all(&mut host, "Get-VMNetworkAdapter -ManagementOS | ForEach-Object { $_.IeeePriorityTag }");
    assert_eq!(tags, json!([1, 0, 1, 1]));
}

#[test]
fn what_set_vmswitchteam_refuses() {
    let mut host = seeded();
    type_in(&mut host, &["New-VMSwitch Plain -NetAdapterName 'イーサネット 3' -AllowManagementOS $false"]);
    let (category, id) = INVALID;
    let set = "Set-VMSwitchTeam -Name";
    assert_refused(
        &mut host,
        &format!("{set} Plain -LoadBalancingAlgorithm Dynamic"),
        category,
        id,
        "'Plain' does not have embedded teaming enabled.",
    );
    assert_refused(
        &mut host,
        &format!("{set} Nope -LoadBalancingAlgorithm Dynamic"),
        category,
        id,
        "Hyper-V was unable to find a virtual switch with name \"Nope\".",
    );
    let missing = "ObjectNotFound";
    assert_refused(
        &mut host,
        &format!("{set} SETswitch -NetAdapterName NIC9"),
        missing,
        missing,
        "'NIC9' not found.",
    );
    assert_refused(
        &mut host,
        &format!("{set} SETswitch -NetAdapterName NIC1,'イーサネット 3'"),
        category,
        id,
        "already bound to the Microsoft Virtual Switch protocol.",
    );
    let (_, _, message) = refusal(&mut host, &format!("{set} SETswitch -LoadBalancingAlgorithm Hash"));
    assert!(message.contains("Hash"), "{message}");
    assert_refused(
        &mut host,
        "Remove-VMSwitchTeamMember SETswitch -NetAdapterName NIC1,NIC2",
        category,
        id,
        "at least one physical network adapter.",
    );
    let team = "Get-VMSwitchTeam SETswitch | ForEach-Object { $_.NetAdapterInterfaceDescription }";
    let both = json!(["Mellanox ConnectX-5 Adapter", "Mellanox ConnectX-5 Adapter #2"]);
    assert_eq!(all(&mut host, team), both);
    type_in(&mut host, &["Remove-VMSwitchTeamMember -VMSwitchName SETswitch -NetAdapterName NIC1"]);
    assert_eq!(all(&mut host, team), json!(["Mellanox ConnectX-5 Adapter #2"]));
}

#[test]
fn a_team_has_eight_members_at_most() {
    let mut host = WindowsHost::new("hv01", Release::Ws2025, Edition::Desktop);
    let names: Vec<String> = (1..=9).map(|number| format!("NIC{number}")).collect();
    for name in &names {
        host = host.add_nic(name, Model::ConnectX5, Port::new(Some(1), []));
    }
    let (category, id) = INVALID;
    let many = format!("New-VMSwitch S -NetAdapterName {}", names.join(","));
    assert_refused(&mut host, &many, category, id, "more than 8 physical network adapters.");
    let (eight, _) = many.rsplit_once(',').expect("there are nine");
    type_in(&mut host, &[eight]);
    assert_refused(
        &mut host,
        "Add-VMSwitchTeamMember S -NetAdapterName NIC9",
        category,
        id,
        "network adapters.",
    );
    let alone = "New-VMSwitch T -NetAdapterName NIC9,NIC1 -EnableEmbeddedTeaming $false";
    assert_refused(&mut host, alone, category, id, "takes one physical network adapter only.");
}

#[test]
fn packet_direct_and_dynamic_exclude_one_another() {
    let mut host = host();
    type_in(&mut host, &["New-VMSwitch S -NetAdapterName NIC1,NIC2 -EnablePacketDirect $true"]);
    let (category, id) = INVALID;
    let dynamic = "Set-VMSwitchTeam S -LoadBalancingAlgorithm Dynamic";
    assert_refused(&mut host, dynamic, category, id, "HyperVPort.");
}

#[test]
fn a_switch_in_use_stays() {
    let mut host = seeded();
    host.run_vm("web", "SETswitch");
    assert_refused(
        &mut host,
        "Remove-VMSwitch SETswitch",
        "InvalidOperation",
        "InvalidOperation",
        "Read and Prompt functionality is not available.",
    );
    assert_refused(
        &mut host,
        "Remove-VMSwitch SETswitch -Force",
        "ResourceBusy",
        "ObjectInUse",
        "The operation cannot be performed while the object is in use.",
    );
    type_in(
        &mut host,
        &["Disconnect-VMNetworkAdapter -VMName web", "Get-VMSwitch SETswitch | Remove-VMSwitch -Force"],
    );
    assert_eq!(all(&mut host, "Get-VMSwitch"), json!([]));
    let mut host = seeded();
    host.run_vm("web", "SETswitch");
    host.stop_vm("web");
    type_in(&mut host, &["Remove-VMSwitch SETswitch -Force"]);
    let guest = all(
        &mut host,
        r#"Get-VM | Get-VMNetworkAdapter | ForEach-Object { "$($_.VMName):$($_.SwitchName)" }"#,
    );
    assert_eq!(guest, json!(["web:"]));
}

#[test]
fn switches_are_found_by_name_and_type() {
    let mut host = seeded();
    type_in(&mut host, &["New-VMSwitch SetPrivate -SwitchType Private", "Rename-VMSwitch SetPrivate Other"]);
    assert_eq!(all(&mut host, "Get-VMSwitch set* | ForEach-Object { $_.Name }"), json!(["SETswitch"]));
    assert_eq!(all(&mut host, "Get-VMSwitch none* | ForEach-Object { $_.Name }"), json!([]));
    let private = "Get-VMSwitch -SwitchType Private | ForEach-Object { $_.Name }";
    assert_eq!(all(&mut host, private), json!(["Other"]));
    let (category, id) = INVALID;
    assert_refused(&mut host, "Get-VMSwitch None", category, id, "with name \"None\".");
    assert_eq!(all(&mut host, "Get-VMSwitchTeam Other"), json!([]));
}

#[test]
fn an_external_switch_without_team_changes_its_nic() {
    let mut host = host();
    type_in(
        &mut host,
        &[
            "New-VMSwitch S -NetAdapterName NIC2",
            "Set-VMSwitch S -NetAdapterName 'イーサネット 3' -Notes moved",
        ],
    );
    let told = r#"Get-VMSwitch | ForEach-Object { "$($_.NetAdapterInterfaceDescription) $($_.Notes)" }"#;
    assert_eq!(all(&mut host, told), json!(["Mellanox ConnectX-5 Adapter #3 moved"]));
    type_in(&mut host, &["Set-VMSwitch S -SwitchType Private"]);
    let private = r#"Get-VMSwitch | ForEach-Object { "$($_.SwitchType) $($_.AllowManagementOS)" }"#;
    assert_eq!(all(&mut host, private), json!(["Private False"]));
}
