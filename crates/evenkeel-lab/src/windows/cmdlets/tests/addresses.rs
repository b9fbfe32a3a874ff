//! Addresses, routes, DNS servers.

use serde_json::json;

use super::{all, does, fails, host, one};
use crate::windows::{Edition, Model, Port, Release, WindowsHost};

const MANUAL: &str = "Get-NetIPAddress | Where-Object { \"$($_.PrefixOrigin)\" -eq 'Manual' } | ForEach-Object { \"$($_.InterfaceAlias) $($_.IPAddress)/$($_.PrefixLength)\" }";

#[test]
fn addresses_come_and_go() {
    let mut host = host();
    assert_eq!(all(&mut host, MANUAL), json!(["Onboard 192.168.1.10/24"]));
    does(&mut host, "New-NetIPAddress -InterfaceAlias NIC1 -IPAddress 10.0.0.1 -PrefixLength 16");
    assert_eq!(all(&mut host, MANUAL), json!(["NIC1 10.0.0.1/16", "Onboard 192.168.1.10/24"]));
    assert_eq!(
        fails(&mut host, "New-NetIPAddress -InterfaceAlias NIC2 -IPAddress 10.0.0.1 -PrefixLength 16"),
        "Instance MSFT_NetIPAddress already exists"
    );
    assert_eq!(
        fails(&mut host, "New-NetIPAddress -InterfaceAlias NIC9 -IPAddress 10.0.0.2 -PrefixLength 16"),
        "Invalid parameter InterfaceAlias NIC9"
    );
    does(&mut host, "Remove-NetIPAddress -IPAddress 10.0.0.1 -Confirm:$false");
    assert_eq!(all(&mut host, MANUAL), json!(["Onboard 192.168.1.10/24"]));
    assert!(
        fails(&mut host, "Remove-NetIPAddress -IPAddress 10.0.0.1")
            .contains("MSFT_NetIPAddress objects found")
    );
    assert_eq!(one(&mut host, "(Get-NetIPAddress -IPAddress 127.0.0.1).InterfaceIndex"), json!(1));
}

#[test]
fn routes_and_servers() {
    let mut host = host();
    let over = "Get-NetRoute | Where-Object { $_.NextHop -ne '0.0.0.0' } | ForEach-Object { \"$($_.DestinationPrefix) $($_.NextHop)\" }";
    assert_eq!(all(&mut host, over), json!(["0.0.0.0/0 192.168.1.1"]));
    let link = "(Get-NetRoute -DestinationPrefix 192.168.1.0/24).NextHop";
    assert_eq!(one(&mut host, link), json!("0.0.0.0"));
    let add = "New-NetRoute -InterfaceAlias NIC1 -DestinationPrefix 10.0.0.0/8 -NextHop 10.1.1.1";
    does(&mut host, add);
    assert_eq!(fails(&mut host, add), "Instance MSFT_NetRoute already exists");
    let servers = "Get-DnsClientServerAddress | Where-Object { @($_.ServerAddresses).Count -gt 0 } | ForEach-Object { $_.InterfaceAlias }";
    assert_eq!(all(&mut host, servers), json!(["Onboard"]));
    does(&mut host, "Set-DnsClientServerAddress -InterfaceAlias NIC1 -ServerAddresses 10.0.0.2,10.0.0.3");
    let read = "(Get-DnsClientServerAddress -InterfaceAlias NIC1 -AddressFamily IPv4).ServerAddresses";
    assert_eq!(all(&mut host, read), json!(["10.0.0.2", "10.0.0.3"]));
}

#[test]
fn what_outlives_a_restart_stands_in_a_store_of_its_own() {
    let mut host =
        host().with_lease("NIC1", "10.0.0.7/24", "10.0.0.1").with_cluster_address("NIC2", "10.1.0.9/24");
    let stored = "(Get-NetIPAddress -PolicyStore PersistentStore).IPAddress";
    assert_eq!(all(&mut host, stored), json!(["192.168.1.10"]));
    assert_eq!(all(&mut host, "(Get-NetRoute -PolicyStore PersistentStore).NextHop"), json!(["192.168.1.1"]));
    let origins = "Get-NetIPAddress -InterfaceAlias NIC1,NIC2 -AddressFamily IPv4 | ForEach-Object { \"$($_.PrefixOrigin)\" }";
    assert_eq!(all(&mut host, origins), json!(["Dhcp", "Manual"]));
    let read = "(Get-DnsClientServerAddress -InterfaceAlias NIC1 -AddressFamily IPv4).ServerAddresses";
    assert_eq!(all(&mut host, read), json!(["10.0.0.1"]));
    // What is set by hand hides what is leased.
    does(&mut host, "Set-DnsClientServerAddress -InterfaceAlias NIC1 -ServerAddresses 10.0.0.2");
    assert_eq!(all(&mut host, read), json!(["10.0.0.2"]));
    does(&mut host, "Set-DnsClientServerAddress -InterfaceAlias NIC1 -ResetServerAddresses");
    assert_eq!(all(&mut host, read), json!(["10.0.0.1"]));
    let mut bare = WindowsHost::new("hv02", Release::Ws2022, Edition::Desktop).add_nic(
        "NIC1",
        Model::Onboard,
        Port::unplugged(),
    );
    let none = bare.by_hand("Get-NetRoute -PolicyStore PersistentStore").unwrap_err();
    assert_eq!(none.category, "ObjectNotFound");
}
