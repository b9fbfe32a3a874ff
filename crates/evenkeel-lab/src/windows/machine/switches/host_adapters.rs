//! Virtual NICs of the host come, get other names and go.

use super::super::WindowsHost;
use super::{HostAdapter, Vnic};
use crate::windows::value::is_name;

impl WindowsHost {
    /// Makes a host adapter on a switch, with its side in the host; gives back the guid of that. Without a MAC address it gets one of
    /// Hyper-V's own. `heir_of` is the NIC whose addresses it is about to take over.
    pub(in crate::windows) fn add_host_adapter(
        &mut self,
        name: &str,
        switch: &str,
        mac: Option<String>,
        heir_of: Option<String>,
    ) -> String {
        let mac = mac.unwrap_or_else(|| self.take_mac());
        let device = self.add_host_side(name, &mac);
        let alias = self.free_alias(name, &device);
        if let Some(side) = self.adapters.iter_mut().find(|side| side.guid == device) {
            side.name = alias;
        }
        let digits = mac.replace('-', "");
        let vnic = Vnic::new(name, Some(switch), &digits);
        self.switches.host_adapters.push(HostAdapter { device: device.clone(), vnic, heir_of });
        device
    }

    /// Gives a host adapter another name, and its side in the host with it.
    pub(in crate::windows) fn rename_host_adapter(&mut self, device: &str, name: &str) {
        let alias = self.free_alias(name, device);
        let there_at = self.clock.saturating_add(self.pnp_seconds);
        if let Some(side) = self.adapters.iter_mut().find(|side| side.guid == device) {
            side.name = alias;
            side.there_at = there_at;
        }
        if let Some(host) = self.switches.host_adapters.iter_mut().find(|host| host.device == device) {
            name.clone_into(&mut host.vnic.name);
        }
    }

    /// Takes a host adapter away, with all that its side in the host had.
    pub(in crate::windows) fn drop_host_adapter(&mut self, device: &str) {
        self.remove_adapter(device);
        self.switches.host_adapters.retain(|host| host.device != device);
    }

    /// The MAC address that the next virtual NIC gets.
    pub(in crate::windows) fn take_mac(&mut self) -> String {
        let [_, high, middle, low] = self.switches.take_number().to_be_bytes();
        format!("00-15-5D-{high:02X}-{middle:02X}-{low:02X}")
    }

    /// `vEthernet (NAME)`, with a number where another adapter has that name: host adapters may share one, connections of the host do not.
    fn free_alias(&self, name: &str, device: &str) -> String {
        let plain = format!("vEthernet ({name})");
        let is_taken = |alias: &str| {
            self.adapters.iter().any(|adapter| adapter.guid != device && is_name(&adapter.name, alias))
        };
        let numbered = (2_u32..).map(|number| format!("{plain} {number}"));
        std::iter::once(plain.clone()).chain(numbered).find(|alias| !is_taken(alias)).unwrap_or(plain)
    }
}
