//! Whether we reach the host.

use super::switches::{Vlan, Vnic};
use super::{Adapter, WindowsHost};

impl WindowsHost {
    /// Whether the management address is on an interface that has a way out to the network that we come from. Always where no management
    /// address was set.
    ///
    /// An adapter that restarts is none the less there: it is back within seconds, which every connection outlives.
    pub fn is_reachable(&self) -> bool {
        let Some(management) = &self.management else { return true };
        let of = |address: &&super::Address| address.address == management.address;
        let Some(index) = self.addresses.addresses.iter().find(of).map(|address| address.index) else {
            return false;
        };
        let Some(adapter) = self.adapters.iter().find(|adapter| adapter.index == index) else { return false };
        if !adapter.enabled {
            return false;
        }
        match self.host_adapter(adapter) {
            Some(host) => self.leads_to(&host.vnic, management.vlan),
            None => self.switches.above(&adapter.guid).is_none() && untagged_is(adapter, management.vlan),
        }
    }

    /// Whether a port of a switch leads to a VLAN out there, over the NIC that it uses.
    fn leads_to(&self, vnic: &Vnic, vlan: u16) -> bool {
        let Some(nic) = self.nic_below(vnic) else { return false };
        match vnic.vlan {
            Vlan::Untagged | Vlan::Trunk { native: 0, .. } => untagged_is(nic, vlan),
            Vlan::Access(tag) | Vlan::Trunk { native: tag, .. } => tag == vlan && carries(nic, tag),
        }
    }
}

/// Whether what a NIC is given without a tag comes to a VLAN. A driver with a VLAN of its own (`VLANID`) puts its tag on.
fn untagged_is(nic: &Adapter, vlan: u16) -> bool {
    let own: u16 = nic.active("VLANID").and_then(|own| own.parse().ok()).unwrap_or(0);
    let Some(port) = nic.hardware.as_ref().map(|hardware| &hardware.port) else { return false };
    if own == 0 { port.connected && port.untagged == Some(vlan) } else { own == vlan && port.carries(own) }
}

/// Whether a tag comes through a NIC.
fn carries(nic: &Adapter, tag: u16) -> bool {
    nic.hardware.as_ref().is_some_and(|hardware| hardware.port.carries(tag))
}

#[cfg(test)]
mod tests;
