//! `Get-NetAdapter` and what switches adapters on and off.
//!
//! Properties are those of `MSFT_NetAdapter` and of the module's types; error texts are those of cmdlets made of CIM classes.

use super::super::machine::{Adapter, Software, WindowsHost};
use super::super::shell::{Arguments, Takes};
use super::super::value::{ErrorRecord, Value};
use super::found::{DESCRIPTION, HIDDEN, INPUT, NAME, adapters, not_found, refused};
use super::{Cmdlet, Given, at, named};

/// The class.
const CLASS: &str = "MSFT_NetAdapter";

/// What Windows says of the speed of the host's side of a host adapter.
const VIRTUAL_SPEED: u64 = 10_000_000_000;

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new(
        "Get-NetAdapter",
        &[NAME, DESCRIPTION, HIDDEN, named("InterfaceIndex", Takes::Ints), named("Physical", Takes::Switch)],
        get,
    ),
    Cmdlet::new("Restart-NetAdapter", &[NAME, DESCRIPTION, HIDDEN, INPUT], |host, arguments| {
        for name in names(host, arguments, "Restart-NetAdapter")? {
            host.restart(&name);
        }
        Ok(Vec::new())
    }),
    Cmdlet::new("Enable-NetAdapter", &[NAME, DESCRIPTION, HIDDEN, INPUT], |host, arguments| {
        for name in names(host, arguments, "Enable-NetAdapter")? {
            if host.adapter(&name).is_some_and(|adapter| !adapter.enabled) {
                host.restart(&name);
            }
            if let Some(adapter) = host.adapter_mut(&name) {
                adapter.enabled = true;
            }
        }
        Ok(Vec::new())
    }),
    Cmdlet::new("Disable-NetAdapter", &[NAME, DESCRIPTION, HIDDEN, INPUT], |host, arguments| {
        for name in names(host, arguments, "Disable-NetAdapter")? {
            if let Some(adapter) = host.adapter_mut(&name) {
                adapter.enabled = false;
            }
        }
        Ok(Vec::new())
    }),
    Cmdlet::new(
        "Rename-NetAdapter",
        &[
            at(0, "Name", Takes::Text),
            at(1, "NewName", Takes::Text),
            named("InterfaceDescription", Takes::Text),
            INPUT,
        ],
        rename,
    ),
];

fn names(host: &WindowsHost, arguments: &Arguments, cmdlet: &str) -> Result<Vec<String>, ErrorRecord> {
    let found = adapters(host, arguments, cmdlet, CLASS, |_| true)?;
    Ok(found.into_iter().map(|adapter| adapter.name.clone()).collect())
}

fn get(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let mut found = adapters(host, arguments, "Get-NetAdapter", CLASS, |_| true)?;
    let wanted = arguments.texts("InterfaceIndex");
    for index in &wanted {
        if !found.iter().any(|adapter| adapter.index.to_string() == *index) {
            return Err(not_found("Get-NetAdapter", CLASS, "InterfaceIndex", index));
        }
    }
    found.retain(|adapter| wanted.is_empty() || wanted.contains(&adapter.index.to_string()));
    found.retain(|adapter| !arguments.is_on("Physical") || !adapter.is_virtual());
    Ok(found.into_iter().map(|adapter| row(host, adapter)).collect())
}

fn rename(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Rename-NetAdapter";
    let new = arguments.text("NewName").unwrap_or_default();
    let old = names(host, arguments, cmdlet)?;
    let [old] = old.as_slice() else {
        return Err(refused(cmdlet, &new, "Windows System Error 87", "The parameter is incorrect."));
    };
    let is_self = host.adapter(&new).is_some_and(|adapter| adapter.name == *old);
    if host.adapter(&new).is_some() && !is_self {
        let text =
            "{Object Exists} An attempt was made to create an object and the object name already existed.";
        return Err(refused(cmdlet, old, "Windows System Error 183", text));
    }
    if let Some(adapter) = host.adapter_mut(old) {
        adapter.name = new;
    }
    Ok(Vec::new())
}

/// `Status`
pub(super) fn status(host: &WindowsHost, adapter: &Adapter) -> &'static str {
    if !adapter.enabled {
        "Disabled"
    } else if is_up(host, adapter) {
        "Up"
    } else {
        "Disconnected"
    }
}

/// An adapter has a link; the host's side of a host adapter where its switch has one.
pub(super) fn is_up(host: &WindowsHost, adapter: &Adapter) -> bool {
    host.is_up(adapter) && (!adapter.is_virtual() || host.host_side_has_link(&adapter.guid))
}

fn row(host: &WindowsHost, adapter: &Adapter) -> Value {
    let hardware = adapter.hardware.as_ref();
    let is_up = is_up(host, adapter);
    let speed = match hardware {
        _ if !is_up => 0,
        Some(hardware) => hardware.speed,
        None => VIRTUAL_SPEED,
    };
    let bits = if adapter.enabled { Value::Int(i64::try_from(speed).unwrap_or(0)) } else { Value::Null };
    let (component, is_virtual) = match adapter.software {
        Some(Software::Tunnel) => ("wireguard", true),
        Some(Software::Team) => ("COMPOSITEBUS\\MS_IMPLAT_MP", false),
        None => (hardware.map_or("vms_mp", |hardware| hardware.model.component()), adapter.is_virtual()),
    };
    // What has none tells $null.
    let has_none = adapter.software == Some(Software::Tunnel);
    let or_null = |text: &str| if has_none { Value::Null } else { Value::text(text) };
    let driver = hardware.map_or(host.release.version(), |hardware| &hardware.driver);
    let text = |text: &str| Value::text(text);
    let index = Value::Int(i64::from(adapter.index));
    Value::object(
        "Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/MSFT_NetAdapter",
        [
            ("Name", text(&adapter.name)),
            ("InterfaceAlias", text(&adapter.name)),
            ("ifAlias", text(&adapter.name)),
            ("InterfaceDescription", text(&adapter.description)),
            ("InterfaceIndex", index.clone()),
            ("ifIndex", index),
            ("InterfaceGuid", text(&adapter.guid)),
            ("DeviceID", text(&adapter.guid)),
            ("MacAddress", or_null(&adapter.mac)),
            ("PermanentAddress", or_null(&adapter.mac.replace('-', ""))),
            ("Status", text(status(host, adapter))),
            ("AdminStatus", text(if adapter.enabled { "Up" } else { "Down" })),
            ("MediaConnectionState", text(if is_up { "Connected" } else { "Disconnected" })),
            ("LinkSpeed", text(&format!("{} Gbps", speed / 1_000_000_000))),
            ("ReceiveLinkSpeed", bits.clone()),
            ("TransmitLinkSpeed", bits),
            ("Virtual", Value::Bool(is_virtual)),
            ("HardwareInterface", Value::Bool(!adapter.is_virtual())),
            ("ComponentID", text(component)),
            ("DriverVersion", or_null(driver)),
            ("DriverDescription", text(&adapter.description)),
        ],
    )
}
