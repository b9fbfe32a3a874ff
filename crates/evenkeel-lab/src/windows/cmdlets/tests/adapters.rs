//! Adapters, their properties, and RDMA.

use serde_json::json;

use super::{all, does, fails, host, one};

#[test]
fn an_adapter_is_found_by_name_wildcard_or_description() {
    let mut host = host();
    assert_eq!(all(&mut host, "(Get-NetAdapter).Name"), json!(["NIC1", "NIC2", "Onboard", "イーサネット 2"]));
    assert_eq!(all(&mut host, "(Get-NetAdapter -Name nic*).Name"), json!(["NIC1", "NIC2"]));
    let second = one(&mut host, "Get-NetAdapter -InterfaceDescription 'Mellanox ConnectX-5 Adapter #2'");
    assert_eq!(second["Name"], json!("NIC2"));
    assert_eq!(second["Status"], json!("Up"));
    assert_eq!(second["ReceiveLinkSpeed"], json!(25_000_000_000_u64));
    assert_eq!(second["Virtual"], json!(false));
    assert_eq!(one(&mut host, "(Get-NetAdapter 'イーサネット 2').Status"), json!("Disconnected"));
    assert_eq!(
        fails(&mut host, "Get-NetAdapter -Name NIC9"),
        "No MSFT_NetAdapter objects found with property 'Name' equal to 'NIC9'.  Verify the value of the property and retry."
    );
    assert_eq!(all(&mut host, "Get-NetAdapter -Name NIC9*"), json!([]));
}

#[test]
fn adapters_are_switched_off_renamed_and_restarted() {
    let mut host = host();
    does(&mut host, "Disable-NetAdapter -Name NIC1 -Confirm:$false");
    assert_eq!(one(&mut host, "(Get-NetAdapter NIC1).Status"), json!("Disabled"));
    does(&mut host, "Get-NetAdapter NIC1 | Enable-NetAdapter");
    assert_eq!(one(&mut host, "(Get-NetAdapter NIC1).Status"), json!("Disconnected"), "its link comes up");
    host.pass(3);
    assert_eq!(one(&mut host, "(Get-NetAdapter NIC1).Status"), json!("Up"));
    does(&mut host, "Restart-NetAdapter -Name NIC1 -Confirm:$false");
    assert_eq!(one(&mut host, "(Get-NetAdapter NIC1).Status"), json!("Disconnected"));
    host.pass(3);
    does(&mut host, "Rename-NetAdapter -Name NIC1 -NewName 保存");
    assert_eq!(one(&mut host, "(Get-NetAdapter 保存).Status"), json!("Up"));
    let taken = fails(&mut host, "Rename-NetAdapter -Name NIC2 -NewName 保存");
    assert!(taken.contains("object name already existed"), "{taken}");
}

#[test]
fn a_property_takes_effect_with_a_restart() {
    let mut host = host();
    let read = |host: &mut super::WindowsHost, keyword: &str| {
        let line =
            format!("(Get-NetAdapterAdvancedProperty -Name NIC1 -RegistryKeyword '{keyword}').RegistryValue");
        one(host, &line)
    };
    does(
        &mut host,
        "Set-NetAdapterAdvancedProperty -Name NIC1 -RegistryKeyword '*JumboPacket' -RegistryValue 9014 -NoRestart",
    );
    assert_eq!(read(&mut host, "*JumboPacket"), json!("9014"));
    assert_eq!(host.adapter("NIC1").and_then(|nic| nic.active("*JumboPacket")), Some("1514"));
    assert_eq!(one(&mut host, "(Get-NetAdapter NIC1).Status"), json!("Up"), "nothing restarts");
    does(&mut host, "Restart-NetAdapter NIC1");
    assert_eq!(host.adapter("NIC1").and_then(|nic| nic.active("*JumboPacket")), Some("9014"));

    does(&mut host, "Set-NetAdapterAdvancedProperty -Name NIC2 -RegistryKeyword vlanid -RegistryValue 100");
    assert_eq!(host.adapter("NIC2").and_then(|nic| nic.active("VlanID")), Some("100"));
    assert_eq!(
        one(&mut host, "(Get-NetAdapter NIC2).Status"),
        json!("Disconnected"),
        "it restarts by itself"
    );
}

#[test]
fn a_property_says_what_it_takes_and_refuses_the_rest() {
    let mut host = host();
    let jumbo =
        one(&mut host, "Get-NetAdapterAdvancedProperty -Name Onboard -RegistryKeyword '*JumboPacket'");
    assert_eq!(jumbo["ValidRegistryValues"], json!(["1514", "4088", "9014"]));
    assert_eq!(jumbo["RegistryValue"], json!(["1514"]), "an array, as it is");
    let number = one(&mut host, "Get-NetAdapterAdvancedProperty -Name NIC1 -RegistryKeyword '*JumboPacket'");
    assert_eq!(number["ValidRegistryValues"], json!(null));
    assert_eq!(number["NumericParameterMaxValue"], json!("9614"));
    let set = "Set-NetAdapterAdvancedProperty -Name";
    assert_eq!(
        fails(&mut host, &format!("{set} Onboard -RegistryKeyword '*JumboPacket' -RegistryValue 9000")),
        "No matching keyword value found.  The following are valid keyword values: 1514, 4088, 9014"
    );
    assert!(
        fails(&mut host, &format!("{set} NIC1 -RegistryKeyword '*JumboPacket' -RegistryValue 10000"))
            .contains("9614")
    );
    let missing = fails(&mut host, &format!("{set} NIC1 -RegistryKeyword Jumbo -RegistryValue 9014"));
    assert!(
        missing.starts_with("No matching MSFT_NetAdapterAdvancedPropertySettingData objects found"),
        "{missing}"
    );
    assert!(missing.contains("((Name LIKE 'NIC1')) AND ((RegistryKeyword LIKE 'Jumbo'))"), "{missing}");
    does(&mut host, &format!("{set} 'イーサネット 2' -DisplayName 'Roce mode' -DisplayValue 'RoCE v2'"));
    assert_eq!(host.adapter("イーサネット 2").and_then(|nic| nic.set_to("RoceMode")), Some("2"));
}

#[test]
fn rdma_is_set_first_and_works_after_a_restart() {
    let mut host = host();
    let rows = all(&mut host, "(Get-NetAdapterRdma).Name");
    assert_eq!(rows, json!(["NIC1", "NIC2", "イーサネット 2"]), "the board's has none");
    does(&mut host, "Disable-NetAdapterRdma NIC1");
    let off = one(&mut host, "Get-NetAdapterRdma NIC1");
    assert_eq!((&off["Enabled"], &off["MaxQueuePairCount"]), (&json!(false), &json!(0)));
    does(&mut host, "Set-NetAdapterRdma -Name NIC1 -Enabled $true -NoRestart");
    let waits = one(&mut host, "Get-NetAdapterRdma NIC1");
    assert_eq!((&waits["Enabled"], &waits["MaxQueuePairCount"]), (&json!(true), &json!(0)));
    does(&mut host, "Restart-NetAdapter NIC1");
    host.pass(3);
    assert_ne!(one(&mut host, "(Get-NetAdapterRdma NIC1).MaxQueuePairCount"), json!(0));
    assert_eq!(
        fails(&mut host, "Enable-NetAdapterRdma Onboard"),
        "No MSFT_NetAdapterRdmaSettingData objects found with property 'Name' equal to 'Onboard'.  Verify the value of the property and retry."
    );
}

#[test]
fn smb_sees_rdma_where_it_works() {
    let mut host = host();
    let capable = |host: &mut super::WindowsHost| {
        all(
            host,
            "Get-SmbClientNetworkInterface | Where-Object { $_.RdmaCapable } | ForEach-Object { $_.FriendlyName }",
        )
    };
    assert_eq!(capable(&mut host), json!(["NIC1", "NIC2"]), "not the one without a cable");
    host.unplug("NIC2");
    assert_eq!(capable(&mut host), json!(["NIC1"]));
    host.plug("NIC2");
    does(
        &mut host,
        "Set-NetOffloadGlobalSetting -NetworkDirect Disabled -NetworkDirectAcrossIPSubnets Allowed",
    );
    assert_eq!(capable(&mut host), json!([]));
    let offload = one(&mut host, "\"$((Get-NetOffloadGlobalSetting).NetworkDirectAcrossIPSubnets)\"");
    assert_eq!(offload, json!("Allowed"));
    does(&mut host, "Set-SmbClientConfiguration -EnableMultiChannel $false -Force");
    assert_eq!(one(&mut host, "(Get-SmbClientConfiguration).EnableMultiChannel"), json!(false));
}

#[test]
fn an_adapter_need_not_have_a_mac_address() {
    let mut host = host().add_tunnel("wg0");
    let tunnel = one(&mut host, "Get-NetAdapter wg0");
    assert_eq!((&tunnel["MacAddress"], &tunnel["DriverVersion"]), (&json!(null), &json!(null)));
    assert_eq!((&tunnel["Status"], &tunnel["Virtual"]), (&json!("Up"), &json!(true)));
    assert!(fails(&mut host, "New-VMSwitch S -NetAdapterName wg0").contains("wg0"));
}

#[test]
fn a_team_of_the_old_kind_has_its_nics() {
    let mut host = host();
    assert!(fails(&mut host, "Get-NetLbfoTeamMember").contains("is not recognized"));
    let mut host = host.with_lbfo("Team1", &["NIC1", "NIC2"]);
    let rows =
        "Get-NetLbfoTeamMember | ForEach-Object { \"$($_.Team) $($_.Name) $($_.InterfaceDescription)\" }";
    let wanted = ["Team1 NIC1 Mellanox ConnectX-5 Adapter", "Team1 NIC2 Mellanox ConnectX-5 Adapter #2"];
    assert_eq!(all(&mut host, rows), json!(wanted));
    assert_eq!(all(&mut host, "Get-NetLbfoTeamMember -Team Other*"), json!([]));
    assert_eq!(one(&mut host, "(Get-NetLbfoTeam).Name"), json!("Team1"));
    assert!(fails(&mut host, "Get-NetLbfoTeamMember NIC3").contains("MSFT_NetLbfoTeamMember"));
    assert_eq!(one(&mut host, "(Get-NetAdapter Team1).Virtual"), json!(false));
    fails(&mut host, "New-VMSwitch S -NetAdapterName NIC1");
    fails(&mut host, "New-VMSwitch S -NetAdapterName Team1");
}

#[test]
fn a_new_adapter_is_there_some_seconds_later() {
    let mut host = host();
    host.set_pnp_delay(3);
    let names = |host: &mut super::WindowsHost| {
        all(host, "Get-NetAdapter -Name vEthernet* | ForEach-Object { $_.Name }")
    };
    does(&mut host, "New-VMSwitch S -NetAdapterName NIC1 -EnableEmbeddedTeaming $true");
    assert_eq!(names(&mut host), json!([]));
    assert_eq!(all(&mut host, "(Get-VMNetworkAdapter -ManagementOS).Name"), json!(["S"]));
    assert!(
        fails(&mut host, "Set-NetAdapterRdma -Name 'vEthernet (S)' -Enabled $true").contains("vEthernet (S)")
    );
    assert!(
        fails(&mut host, "New-NetIPAddress -InterfaceAlias 'vEthernet (S)' -IPAddress 10.0.0.1")
            .contains("Invalid")
    );
    host.pass(3);
    assert_eq!(names(&mut host), json!(["vEthernet (S)"]));
    does(&mut host, "Rename-VMNetworkAdapter -ManagementOS -Name S -NewName M; Start-Sleep 2");
    assert_eq!(names(&mut host), json!([]));
    host.pass(1);
    assert_eq!(names(&mut host), json!(["vEthernet (M)"]));
}

#[test]
fn functions_of_modules_see_only_the_global_preference() {
    let mut host = host();
    // The transport's is to stop; the block's own is for cmdlets that are none.
    let quiet = "$ErrorActionPreference = 'SilentlyContinue'\n";
    assert!(fails(&mut host, &format!("{quiet}Get-NetAdapter -Name NIC9")).contains("NIC9"));
    does(&mut host, &format!("{quiet}Get-VMSwitch -Name S"));
    let line = |text: &str| {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        format!("powershell -NoProfile -EncodedCommand {encoded}")
    };
    let mut said = |text: &str| {
        let printed = crate::windows::shell::run_command_line(&mut host, &line(text), b"");
        String::from_utf8(printed.stdout).unwrap()
    };
    let block = "& { $ErrorActionPreference = 'Stop'\ntry { Get-NetAdapter -Name NIC9 } catch { 'caught' } }";
    assert_eq!(said(block), "", "its error ends nothing");
    assert_eq!(said(&format!("$ErrorActionPreference = 'Stop'\n{block}")), "caught\r\n");
    assert_eq!(said(&block.replace("Get-NetAdapter", "Get-VMSwitch")), "caught\r\n");
}
