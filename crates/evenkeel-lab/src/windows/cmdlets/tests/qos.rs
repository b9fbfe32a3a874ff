//! Data center bridging.

use serde_json::json;

use super::{all, does, fails, host, one};

const CLASSES: &str = "Get-NetQosTrafficClass | ForEach-Object { \"$($_.Name) $($_.Algorithm) $($_.BandwidthPercentage) $(@($_.Priority) -join ',')\" }";

#[test]
fn the_rows_of_the_documentation() {
    let mut host = host();
    assert_eq!(all(&mut host, CLASSES), json!(["[Default] ETS 100 0,1,2,3,4,5,6,7"]));
    does(&mut host, "New-NetQosPolicy SMB -NetDirectPortMatchCondition 445 -PriorityValue8021Action 3");
    does(&mut host, "New-NetQosPolicy 'Cluster' -Cluster -PriorityValue8021Action 7");
    does(&mut host, "New-NetQosTrafficClass SMB -Priority 3 -BandwidthPercentage 60 -Algorithm ETS");
    assert_eq!(all(&mut host, CLASSES), json!(["[Default] ETS 40 0,1,2,4,5,6,7", "SMB ETS 60 3"]));
    let policies = "Get-NetQosPolicy | ForEach-Object { \"$($_.Name) $($_.NetDirectPort) $($_.Template) $($_.PriorityValue)\" }";
    assert_eq!(all(&mut host, policies), json!(["SMB 445 None 3", "Cluster  Cluster 7"]));
    does(&mut host, "Set-NetQosPolicy -Name Cluster -PriorityValue8021Action 5");
    does(&mut host, "Remove-NetQosPolicy -Name SMB -Confirm:$false");
    assert_eq!(all(&mut host, policies), json!(["Cluster  Cluster 5"]));
}

#[test]
fn what_is_refused() {
    let mut host = host();
    does(&mut host, "New-NetQosTrafficClass SMB -Priority 3 -BandwidthPercentage 60 -Algorithm ETS");
    let new = |rest: &str| format!("New-NetQosTrafficClass {rest} -Algorithm ETS");
    assert!(fails(&mut host, &new("smb -Priority 4 -BandwidthPercentage 10")).contains("already exists"));
    assert!(fails(&mut host, &new("A -Priority 3 -BandwidthPercentage 10")).contains("'SMB'"));
    assert!(fails(&mut host, &new("A -Priority 4 -BandwidthPercentage 50")).contains("exceeds 100"));
    let range = fails(&mut host, &new("A -Priority 8 -BandwidthPercentage 10"));
    assert!(range.contains("The 8 argument is greater than the maximum allowed range of 7"), "{range}");
    assert!(fails(&mut host, "Set-NetQosTrafficClass SMB -BandwidthPercentage 101").contains("range of 100"));
    assert_eq!(
        fails(&mut host, "Remove-NetQosTrafficClass -Name B"),
        "No MSFT_NetQosTrafficClassSettingData objects found with property 'Name' equal to 'B'.  Verify the value of the property and retry."
    );
    does(&mut host, "Set-NetQosTrafficClass SMB -BandwidthPercentage 100");
    assert_eq!(all(&mut host, CLASSES), json!(["[Default] ETS 0 0,1,2,4,5,6,7", "SMB ETS 100 3"]));
}

#[test]
fn flow_control_works_where_all_take_part() {
    let mut host = host();
    let text = |host: &mut super::WindowsHost| one(host, "(Get-NetAdapterQos NIC1).OperationalFlowControl");
    does(&mut host, "Enable-NetQosFlowControl -Priority 3");
    does(&mut host, "Enable-NetAdapterQos -Name NIC1");
    assert_eq!(text(&mut host), json!("All Priorities Disabled"), "it restarts");
    host.pass(3);
    assert_eq!(text(&mut host), json!("All Priorities Disabled"), "the host is willing");
    does(&mut host, "Set-NetQosDcbxSetting -Willing $false -Confirm:$false");
    assert_eq!(text(&mut host), json!("Priority 3 Enabled"));
    does(&mut host, "Enable-NetQosFlowControl -Priority 4,6");
    assert_eq!(text(&mut host), json!("Priorities 3-4,6 Enabled"));
    host.break_pfc("NIC1");
    assert_eq!(text(&mut host), json!("All Priorities Disabled"));
    does(&mut host, "Disable-NetQosFlowControl 0,1,2,4,5,6,7");
    let on = "Get-NetQosFlowControl | Where-Object { $_.Enabled } | ForEach-Object { $_.Priority }";
    assert_eq!(all(&mut host, on), json!([3]));
    assert!(fails(&mut host, "Enable-NetAdapterQos Onboard").contains("MSFT_NetAdapterQosSettingData"));
}
