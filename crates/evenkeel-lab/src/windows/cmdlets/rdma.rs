//! RDMA of adapters: the keyword `*NetworkDirect`, and whether it is in effect.

use super::super::machine::{Adapter, WindowsHost};
use super::super::shell::{Arguments, Takes};
use super::super::value::Value;
use super::found::{DESCRIPTION, HIDDEN, INPUT, NAME, NO_RESTART, adapters};
use super::qos::operational_flow_control;
use super::{Cmdlet, Given, named};

/// The class.
const CLASS: &str = "MSFT_NetAdapterRdmaSettingData";

/// The keyword that these cmdlets set.
const KEYWORD: &str = "*NetworkDirect";

/// What an adapter can have of each while RDMA is in effect: numbers of a `ConnectX`.
const QUEUES: i64 = 16_384;

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new("Get-NetAdapterRdma", &[NAME, DESCRIPTION, HIDDEN], get),
    Cmdlet::new(
        "Set-NetAdapterRdma",
        &[NAME, DESCRIPTION, HIDDEN, INPUT, NO_RESTART, named("Enabled", Takes::Bool)],
        |host, arguments| {
            let enabled = arguments.bool("Enabled");
            set(host, arguments, "Set-NetAdapterRdma", enabled)
        },
    ),
    Cmdlet::new(
        "Enable-NetAdapterRdma",
        &[NAME, DESCRIPTION, HIDDEN, INPUT, NO_RESTART],
        |host, arguments| set(host, arguments, "Enable-NetAdapterRdma", Some(true)),
    ),
    Cmdlet::new(
        "Disable-NetAdapterRdma",
        &[NAME, DESCRIPTION, HIDDEN, INPUT, NO_RESTART],
        |host, arguments| set(host, arguments, "Disable-NetAdapterRdma", Some(false)),
    ),
];

/// An adapter that can do RDMA: its driver has the keyword, and so has some NIC below a host adapter.
fn is_capable(host: &WindowsHost, adapter: &Adapter) -> bool {
    let is_there = !adapter.is_virtual() || host.rdma_below(&adapter.guid).is_some();
    is_there && adapter.property(KEYWORD).is_some()
}

/// RDMA works on it: it is in effect, and on the NIC below a host adapter, too.
pub(super) fn is_operational(host: &WindowsHost, adapter: &Adapter) -> bool {
    let below = !adapter.is_virtual() || host.rdma_below(&adapter.guid) == Some(true);
    below && host.offload.network_direct && adapter.rdma_is_active()
}

fn get(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let host = &*host;
    let found = adapters(host, arguments, "Get-NetAdapterRdma", CLASS, |adapter| is_capable(host, adapter))?;
    Ok(found.into_iter().map(|adapter| row(host, adapter)).collect())
}

fn set(host: &mut WindowsHost, arguments: &Arguments, cmdlet: &str, enabled: Option<bool>) -> Given {
    let found = adapters(host, arguments, cmdlet, CLASS, |adapter| is_capable(host, adapter))?;
    let names: Vec<String> = found.into_iter().map(|adapter| adapter.name.clone()).collect();
    let Some(enabled) = enabled else { return Ok(Vec::new()) };
    for name in names {
        if let Some(property) = host.adapter_mut(&name).and_then(|adapter| adapter.property_mut(KEYWORD)) {
            if enabled { "1" } else { "0" }.clone_into(&mut property.value);
        }
        if !arguments.is_on("NoRestart") {
            host.restart(&name);
        }
    }
    Ok(Vec::new())
}

fn row(host: &WindowsHost, adapter: &Adapter) -> Value {
    let is_operational = is_operational(host, adapter);
    let queues = Value::Int(if is_operational { QUEUES } else { 0 });
    let has_flow_control = !operational_flow_control(host, adapter).is_empty();
    Value::object(
        "Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetAdapterRdmaSettingData",
        [
            ("Name", Value::text(&adapter.name)),
            ("InterfaceDescription", Value::text(&adapter.description)),
            ("Enabled", Value::Bool(adapter.rdma_is_set())),
            ("Operational", Value::Bool(is_operational)),
            ("PFC", Value::Bool(has_flow_control)),
            ("ETS", Value::Bool(has_flow_control)),
            ("MaxQueuePairCount", queues.clone()),
            ("MaxCompletionQueueCount", queues.clone()),
            ("MaxMemoryRegionCount", queues),
        ],
    )
}
