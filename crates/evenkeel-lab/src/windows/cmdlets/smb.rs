//! SMB's view of the interfaces, and its own settings.

use super::super::machine::WindowsHost;
use super::super::shell::Takes;
use super::super::value::Value;
use super::nic::is_up;
use super::rdma::is_operational;
use super::{Cmdlet, named};

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new("Get-SmbClientNetworkInterface", &[], |host, _| Ok(interfaces(host))),
    Cmdlet::new("Get-SmbClientConfiguration", &[], |host, _| {
        Ok(vec![Value::object(
            "Microsoft.Management.Infrastructure.CimInstance#ROOT/Microsoft/Windows/SMB/MSFT_SmbClientConfiguration",
            [
                ("ConnectionCountPerRssNetworkInterface", Value::Int(4)),
                ("EnableMultiChannel", Value::Bool(host.multichannel)),
                ("EnableLargeMtu", Value::Bool(true)),
                ("EnableSecuritySignature", Value::Bool(true)),
                ("RequireSecuritySignature", Value::Bool(false)),
            ],
        )])
    }),
    Cmdlet::new(
        "Set-SmbClientConfiguration",
        &[named("EnableMultiChannel", Takes::Bool), named("Force", Takes::Switch)],
        |host, arguments| {
            host.multichannel = arguments.bool("EnableMultiChannel").unwrap_or(host.multichannel);
            Ok(Vec::new())
        },
    ),
];

/// What SMB can talk over: not a NIC that a switch has.
fn interfaces(host: &WindowsHost) -> Vec<Value> {
    let has_stack = host.seen_adapters().filter(|adapter| adapter.enabled && !host.in_switch(&adapter.guid));
    let rows = has_stack.map(|adapter| {
        let of = |index| host.addresses.addresses.iter().filter(move |address| address.index == index);
        let addresses = of(adapter.index).map(|address| address.address.clone());
        let is_up = is_up(host, adapter);
        Value::object(
            "Microsoft.Management.Infrastructure.CimInstance#ROOT/Microsoft/Windows/SMB/MSFT_SmbClientNetworkInterface",
            [
                ("FriendlyName", Value::text(&adapter.name)),
                ("InterfaceIndex", Value::Int(i64::from(adapter.index))),
                ("RdmaCapable", Value::Bool(is_up && is_operational(host, adapter))),
                ("RssCapable", Value::Bool(adapter.active("*RSS") == Some("1"))),
                ("IpAddresses", Value::texts(addresses)),
            ],
        )
    });
    rows.collect()
}
