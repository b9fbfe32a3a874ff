//! Virtual switches, their teams, the host adapters and the guests on them: what there is.
//!
//! Names and numbers of enumerations are those of the module Hyper-V 2.0.0.0 (Windows Server 2019), as its types say.

mod build;
mod guests;
mod host_adapters;

pub(in crate::windows) use build::NewSwitch;

use super::{Adapter, WindowsHost};
use crate::windows::value::is_name;

/// All of Hyper-V's network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in crate::windows) struct Switches {
    pub(in crate::windows) all: Vec<Switch>,
    /// In the order in which they came to be.
    pub(in crate::windows) host_adapters: Vec<HostAdapter>,
    pub(in crate::windows) machines: Vec<VirtualMachine>,
    /// So many things with a name of Hyper-V's own (ids, MAC addresses) were made.
    made: u32,
}

/// A virtual switch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Switch {
    pub(in crate::windows) name: String,
    /// A guid without braces, lower case.
    pub(in crate::windows) id: String,
    pub(in crate::windows) kind: SwitchType,
    /// The guids of the NICs below it, in the order in which they were named.
    pub(in crate::windows) uplinks: Vec<String>,
    /// Switch Embedded Teaming.
    pub(in crate::windows) teaming: bool,
    pub(in crate::windows) balancing: Balancing,
    pub(in crate::windows) iov: bool,
    pub(in crate::windows) packet_direct: bool,
    pub(in crate::windows) bandwidth: Bandwidth,
    pub(in crate::windows) notes: String,
}

/// `VMSwitchType`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::windows) enum SwitchType {
    Private,
    Internal,
    External,
}

/// `VMSwitchLoadBalancingAlgorithm`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::windows) enum Balancing {
    HyperVPort,
    Dynamic,
}

/// `VMSwitchBandwidthMode`; `Default` is one of these by the time that a switch has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::windows) enum Bandwidth {
    Weight,
    Absolute,
    None,
}

/// What hangs on a port of a switch: the network adapter of a guest, or of the host itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Vnic {
    pub(in crate::windows) name: String,
    /// The id of the switch that it is connected to.
    pub(in crate::windows) switch: Option<String>,
    /// Twelve digits.
    pub(in crate::windows) mac: String,
    pub(in crate::windows) vlan: Vlan,
    /// The guid of the NIC that it is mapped to.
    pub(in crate::windows) mapping: Option<String>,
    /// `IeeePriorityTag`
    pub(in crate::windows) priority_tag: bool,
    pub(in crate::windows) spoofing: bool,
    pub(in crate::windows) allow_teaming: bool,
    /// `MinimumBandwidthWeight`
    pub(in crate::windows) weight: u32,
}

/// What VLANs a port has to do with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) enum Vlan {
    Untagged,
    Access(u16),
    Trunk {
        /// What is untagged for who hangs there; 0 is untagged on the wire, too.
        native: u16,
        /// `1-100,200`
        allowed: String,
    },
}

/// A virtual NIC of the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct HostAdapter {
    /// The guid of the host's side of it.
    pub(in crate::windows) device: String,
    pub(in crate::windows) vnic: Vnic,
    /// The guid of the NIC whose addresses it took over when the switch was made; it gets them back when the switch goes.
    pub(in crate::windows) heir_of: Option<String>,
}

/// A guest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct VirtualMachine {
    pub(in crate::windows) name: String,
    pub(in crate::windows) id: String,
    pub(in crate::windows) running: bool,
    pub(in crate::windows) adapters: Vec<Vnic>,
}

impl Vnic {
    /// A new one without any setting.
    pub(in crate::windows) fn new(name: &str, switch: Option<&str>, mac: &str) -> Self {
        Vnic {
            name: name.to_owned(),
            switch: switch.map(str::to_owned),
            mac: mac.to_owned(),
            vlan: Vlan::Untagged,
            mapping: None,
            priority_tag: false,
            spoofing: false,
            allow_teaming: false,
            weight: 0,
        }
    }
}

impl Switches {
    /// The switch of this name, whatever its case.
    pub(in crate::windows) fn named(&self, name: &str) -> Option<&Switch> {
        self.all.iter().find(|switch| is_name(&switch.name, name))
    }

    /// The switch of this id.
    pub(in crate::windows) fn by_id(&self, id: &str) -> Option<&Switch> {
        self.all.iter().find(|switch| switch.id.eq_ignore_ascii_case(id))
    }

    /// The switch of this id, to be changed.
    pub(in crate::windows) fn by_id_mut(&mut self, id: &str) -> Option<&mut Switch> {
        self.all.iter_mut().find(|switch| switch.id.eq_ignore_ascii_case(id))
    }

    /// The switch that a NIC is below of.
    pub(in crate::windows) fn above(&self, nic: &str) -> Option<&Switch> {
        self.all.iter().find(|switch| switch.uplinks.iter().any(|uplink| uplink == nic))
    }

    /// The host adapters on a switch.
    pub(in crate::windows) fn hosts_on<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a HostAdapter> {
        self.host_adapters.iter().filter(move |host| host.vnic.switch.as_deref() == Some(id))
    }

    /// Whether running guests hang on a switch.
    pub(in crate::windows) fn is_in_use(&self, id: &str) -> bool {
        let hangs_there = |vnic: &Vnic| vnic.switch.as_deref() == Some(id);
        self.machines.iter().any(|machine| machine.running && machine.adapters.iter().any(hangs_there))
    }

    /// The next number of what Hyper-V makes.
    fn take_number(&mut self) -> u32 {
        self.made = self.made.saturating_add(1);
        self.made
    }
}

impl WindowsHost {
    /// The NICs below a switch, in their order.
    pub(in crate::windows) fn uplinks_of<'a>(
        &'a self,
        switch: &'a Switch,
    ) -> impl Iterator<Item = &'a Adapter> {
        switch.uplinks.iter().filter_map(|guid| self.adapter_of(guid))
    }

    /// The host adapter whose side in the host an adapter is.
    pub(in crate::windows) fn host_adapter(&self, adapter: &Adapter) -> Option<&HostAdapter> {
        self.switches.host_adapters.iter().find(|host| host.device == adapter.guid)
    }

    /// The NIC that the traffic of a host adapter takes: the one that it is mapped to, while that carries, or the first of the team that does.
    pub(in crate::windows) fn nic_below(&self, vnic: &Vnic) -> Option<&Adapter> {
        let switch = self.switches.by_id(vnic.switch.as_deref()?)?;
        let carries = |nic: &&Adapter| {
            nic.enabled && nic.hardware.as_ref().is_some_and(|hardware| hardware.port.connected)
        };
        let carrying: Vec<&Adapter> = self.uplinks_of(switch).filter(carries).collect();
        let mapped = carrying.iter().find(|nic| vnic.mapping.as_ref() == Some(&nic.guid));
        mapped.or(carrying.first()).copied()
    }
}

#[cfg(test)]
pub(in crate::windows) mod tests;
