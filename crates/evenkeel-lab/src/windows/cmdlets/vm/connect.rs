//! `Connect-VMNetworkAdapter`, `Disconnect-VMNetworkAdapter`.

use super::adapter::passed_through;
use super::chosen::{ADAPTER_NAME, INPUT, NAME, PASSTHRU, SWITCH_NAME, VM, VM_NAME, chosen};
use super::switch::{missing, missing_parameter};
use super::{Cmdlet, Given, Needs};
use crate::windows::machine::WindowsHost;
use crate::windows::shell::Arguments;

pub(super) const CONNECT: Cmdlet = Cmdlet::new(
    "Connect-VMNetworkAdapter",
    &[VM_NAME, VM, INPUT, NAME, ADAPTER_NAME, SWITCH_NAME, PASSTHRU],
    connect,
)
.needs(Needs::HyperV);

pub(super) const DISCONNECT: Cmdlet = Cmdlet::new(
    "Disconnect-VMNetworkAdapter",
    &[VM_NAME, VM, INPUT, NAME, ADAPTER_NAME, PASSTHRU],
    disconnect,
)
.needs(Needs::HyperV);

fn connect(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Connect-VMNetworkAdapter";
    let name = arguments.text("SwitchName").ok_or_else(|| missing_parameter(cmdlet, "SwitchName"))?;
    let found = chosen(host, cmdlet, arguments)?;
    let id = host.switches.named(&name).ok_or_else(|| missing(cmdlet, &name))?.id.clone();
    for one in &found {
        if let Some(vnic) = one.of_mut(host) {
            vnic.switch = Some(id.clone());
        }
    }
    Ok(passed_through(host, arguments, &found))
}

fn disconnect(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let found = chosen(host, "Disconnect-VMNetworkAdapter", arguments)?;
    for one in &found {
        if let Some(vnic) = one.of_mut(host) {
            vnic.switch = None;
        }
    }
    Ok(passed_through(host, arguments, &found))
}
