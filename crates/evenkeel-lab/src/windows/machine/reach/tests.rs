//! Each rule of the way in.

use super::super::switches::tests::{host, seeded, type_in};
use crate::windows::{Edition, Model, Port, Release, WindowsHost};

#[test]
fn over_a_nic() {
    let mut host = host();
    assert!(host.is_reachable());
    host.unplug("NIC1");
    assert!(!host.is_reachable());
    host.plug("NIC1");
    type_in(&mut host, &["Disable-NetAdapter -Name NIC1 -Confirm:$false"]);
    assert!(!host.is_reachable());
    type_in(&mut host, &["Enable-NetAdapter -Name NIC1 -Confirm:$false", "Restart-NetAdapter -Name NIC1"]);
    // Seconds without a link end no connection.
    assert!(host.is_reachable());
    type_in(&mut host, &["Remove-NetIPAddress -IPAddress 192.168.1.10 -Confirm:$false"]);
    assert!(!host.is_reachable());
}

#[test]
fn without_a_management_address_always() {
    assert!(WindowsHost::new("hv01", Release::Ws2022, Edition::Desktop).is_reachable());
}

#[test]
fn the_port_has_to_carry_our_vlan() {
    let at = |port| {
        WindowsHost::new("hv01", Release::Ws2022, Edition::Desktop)
            .add_nic("NIC1", Model::Onboard, port)
            .manage("NIC1", "192.168.1.10/24", 10)
            .is_reachable()
    };
    assert!(at(Port::new(Some(10), [])));
    assert!(!at(Port::new(Some(20), [10])));
    assert!(!at(Port::new(None, [10])));
    assert!(!at(Port::unplugged()));
}

#[test]
fn a_vlan_of_the_drivers_own_is_a_tag() {
    let mut host = WindowsHost::new("hv01", Release::Ws2022, Edition::Desktop)
        .add_nic("NIC1", Model::ConnectX5, Port::new(Some(1), [10]))
        .manage("NIC1", "192.168.1.10/24", 10);
    assert!(!host.is_reachable());
    type_in(
        &mut host,
        &["Set-NetAdapterAdvancedProperty -Name NIC1 -RegistryKeyword VLANID -RegistryValue 10"],
    );
    assert!(host.is_reachable());
}

#[test]
fn over_a_host_adapter() {
    let mut host = seeded();
    host.unplug("NIC1");
    assert!(host.is_reachable(), "NIC2 is there");
    host.unplug("NIC2");
    assert!(!host.is_reachable());
    host.plug("NIC2");
    assert!(host.is_reachable());
    type_in(&mut host, &["Disable-NetAdapter -Name 'vEthernet (Management)' -Confirm:$false"]);
    assert!(!host.is_reachable());
}

#[test]
fn by_the_vlan_of_the_host_adapter() {
    let mut host = seeded();
    let to = |id: u16| {
        format!(
            "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName Management -Access -VlanId {id}"
        )
    };
    // The port has our VLAN untagged: with the tag it is another one.
    type_in(&mut host, &[&to(10)]);
    assert!(!host.is_reachable());
    type_in(&mut host, &[&to(100)]);
    assert!(!host.is_reachable());
    let untagged = "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName Management -Untagged";
    type_in(&mut host, &[untagged]);
    assert!(host.is_reachable());
    let trunk = "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName Management -Trunk -NativeVlanId 0 -AllowedVlanIdList 1-100";
    type_in(&mut host, &[trunk]);
    assert!(host.is_reachable());
}

/// We come in tagged; only the first NIC's port carries our VLAN.
fn tagged() -> WindowsHost {
    let mut host = WindowsHost::new("hv01", Release::Ws2022, Edition::Desktop)
        .add_nic("NIC1", Model::ConnectX5, Port::new(Some(1), [10]))
        .add_nic("NIC2", Model::ConnectX5, Port::new(Some(1), [20]));
    type_in(
        &mut host,
        &[
            "New-VMSwitch S -NetAdapterName NIC1 -EnableEmbeddedTeaming $true",
            "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName S -Access -VlanId 10",
        ],
    );
    host.manage("vEthernet (S)", "192.168.1.10/24", 10)
}

#[test]
fn by_the_nic_that_it_uses() {
    let mut host = tagged();
    assert!(host.is_reachable());
    type_in(&mut host, &["Set-VMSwitchTeam S -NetAdapterName NIC1,NIC2"]);
    assert!(host.is_reachable());
    // The wrong uplink.
    type_in(&mut host, &["Set-VMSwitchTeam S -NetAdapterName NIC2"]);
    assert!(!host.is_reachable());
    type_in(&mut host, &["Set-VMSwitchTeam S -NetAdapterName NIC2,NIC1"]);
    assert!(!host.is_reachable(), "the first that is up");
    let map = "Set-VMNetworkAdapterTeamMapping -ManagementOS -VMNetworkAdapterName S -PhysicalNetAdapterName";
    type_in(&mut host, &[&format!("{map} NIC1")]);
    assert!(host.is_reachable());
    host.unplug("NIC1");
    assert!(!host.is_reachable(), "the other one carries no such VLAN");
    host.plug("NIC1");
    type_in(&mut host, &[&format!("{map} NIC2")]);
    assert!(!host.is_reachable());
    // A mapping to who is no longer in the team has no effect.
    type_in(&mut host, &["Set-VMSwitchTeam S -NetAdapterName NIC1"]);
    assert!(host.is_reachable());
}

#[test]
fn rdma_of_a_host_adapter_needs_it_below() {
    let mut host = seeded();
    let side = host.adapter("vEthernet (S2D1)").expect("it is there").guid.clone();
    assert_eq!(host.rdma_below(&side), Some(true));
    type_in(&mut host, &["Disable-NetAdapterRdma -Name NIC1"]);
    // S2D1 is mapped to NIC1; that NIC2 has it on is of no use.
    assert_eq!(host.rdma_below(&side), Some(false));
    type_in(&mut host, &["Remove-VMNetworkAdapterTeamMapping -ManagementOS -Name S2D1"]);
    assert_eq!(host.rdma_below(&side), Some(true));
    let mut host = WindowsHost::new("hv02", Release::Ws2022, Edition::Desktop).add_nic(
        "NIC1",
        Model::Onboard,
        Port::new(Some(10), []),
    );
    type_in(&mut host, &["New-VMSwitch S -NetAdapterName NIC1 -EnableEmbeddedTeaming $true"]);
    let side = host.adapter("vEthernet (S)").expect("it is there").guid.clone();
    assert_eq!(host.rdma_below(&side), None);
    assert!(host.host_side_has_link(&side));
    host.unplug("NIC1");
    assert!(!host.host_side_has_link(&side));
}
