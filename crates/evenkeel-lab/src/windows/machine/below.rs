//! What lies below a host adapter, and what happens to switches by hand.

use super::{Adapter, Vlan, Vnic, WindowsHost};
use crate::random::Random;

impl WindowsHost {
    /// Of a host adapter's device: `None` where no NIC that it could use can do RDMA at all, else whether the one it uses has it on: the one
    /// that it is mapped to, or any of the team.
    pub(in crate::windows) fn rdma_below(&self, guid: &str) -> Option<bool> {
        let host = self.switches.host_adapters.iter().find(|host| host.device == guid)?;
        let nics = self.rdma_nics(&host.vnic);
        (!nics.is_empty()).then(|| nics.iter().any(|nic| nic.rdma_is_active()))
    }

    /// The NICs with RDMA that a host adapter may use.
    fn rdma_nics(&self, vnic: &Vnic) -> Vec<&Adapter> {
        let Some(switch) = vnic.switch.as_deref().and_then(|id| self.switches.by_id(id)) else {
            return Vec::new();
        };
        // A mapping to a NIC that is no longer in the team has no effect.
        let mapped = vnic.mapping.as_ref().filter(|guid| switch.uplinks.contains(guid));
        self.uplinks_of(switch)
            .filter(|nic| mapped.is_none_or(|guid| nic.guid == *guid))
            .filter(|nic| nic.hardware.as_ref().is_some_and(|hardware| hardware.model.has_rdma()))
            .collect()
    }

    /// A NIC is bound to a virtual switch.
    pub(in crate::windows) fn in_switch(&self, guid: &str) -> bool {
        self.switches.above(guid).is_some()
    }

    /// Some member of a host adapter's switch is up; always on a switch that leads nowhere outside.
    pub(in crate::windows) fn host_side_has_link(&self, guid: &str) -> bool {
        let host = self.switches.host_adapters.iter().find(|host| host.device == guid);
        let Some(host) = host else {
            return self.adapter_of(guid).is_some_and(|side| side.software.is_some());
        };
        let Some(id) = host.vnic.switch.as_deref() else { return false };
        let Some(switch) = self.switches.by_id(id) else { return false };
        switch.uplinks.is_empty() || self.uplinks_of(switch).any(|nic| self.is_up(nic))
    }

    /// One change by hand to switches; false where there is nothing to change. None that cuts us off: we could not put it back.
    pub(super) fn drift_switches(&mut self, random: &mut Random) -> bool {
        let mut changed = self.clone();
        let did = changed.drift_one(random) && (changed.is_reachable() || !self.is_reachable());
        if did {
            *self = changed;
        }
        did
    }

    fn drift_one(&mut self, random: &mut Random) -> bool {
        match random.below(7) {
            0 => self.drift_balancing(random),
            1 => self.drift_notes(random),
            2 => self.drift_team(random),
            3 => self.drift_host_adapter(random),
            _ => self.drift_vnic(random),
        }
    }

    fn drift_balancing(&mut self, random: &mut Random) -> bool {
        use super::Balancing::{Dynamic, HyperVPort};
        let Some(switch) = any(&mut self.switches.all, random) else { return false };
        let may = switch.teaming && !switch.packet_direct;
        if may {
            switch.balancing = if switch.balancing == Dynamic { HyperVPort } else { Dynamic };
        }
        may
    }

    fn drift_notes(&mut self, random: &mut Random) -> bool {
        let Some(switch) = any(&mut self.switches.all, random) else { return false };
        switch.notes = format!("by hand {}", random.below(1000));
        true
    }

    /// A NIC leaves its team, or one that nobody uses comes into it.
    fn drift_team(&mut self, random: &mut Random) -> bool {
        let Some(switch) = any(&mut self.switches.all, random).filter(|switch| switch.teaming) else {
            return false;
        };
        let (id, mut nics) = (switch.id.clone(), switch.uplinks.clone());
        let model =
            |guid: &String| self.adapter_of(guid).and_then(|nic| nic.hardware.as_ref()).map(|h| h.model);
        let like = nics.first().and_then(model);
        let is_spare = |nic: &&Adapter| {
            nic.enabled
                && nic.hardware.as_ref().map(|hardware| hardware.model) == like
                && !self.in_switch(&nic.guid)
                && !self.addresses.has_any(nic.index)
        };
        let spare = self.adapters.iter().find(is_spare).map(|nic| nic.guid.clone());
        match spare.filter(|_| nics.len() < 8 && random.below(2) == 0) {
            Some(spare) => nics.push(spare),
            None if nics.len() > 1 => {
                let leaves = random.below(nics.len());
                nics.remove(leaves);
            }
            None => return false,
        }
        self.set_uplinks(&id, nics);
        true
    }

    /// A host adapter without an address of its own goes, or a new one comes.
    fn drift_host_adapter(&mut self, random: &mut Random) -> bool {
        if random.below(2) == 0 {
            let Some(switch) = any(&mut self.switches.all, random) else { return false };
            let (id, name) = (switch.id.clone(), format!("Hand{}", random.below(100)));
            self.add_host_adapter(&name, &id, None, None);
            return true;
        }
        let has_no_address =
            |device: &String| self.adapter_of(device).is_some_and(|side| !self.addresses.has_any(side.index));
        let mut going: Vec<String> = self
            .switches
            .host_adapters
            .iter()
            .map(|host| host.device.clone())
            .filter(has_no_address)
            .collect();
        let Some(device) = any(&mut going, random).cloned() else { return false };
        self.drop_host_adapter(&device);
        true
    }

    /// A setting of a host adapter.
    fn drift_vnic(&mut self, random: &mut Random) -> bool {
        let Some(host) = any(&mut self.switches.host_adapters, random) else { return false };
        let vnic = &mut host.vnic;
        match random.below(3) {
            0 => {
                vnic.vlan = match vnic.vlan {
                    Vlan::Untagged => Vlan::Access(900),
                    Vlan::Access(_) | Vlan::Trunk { .. } => Vlan::Untagged,
                }
            }
            1 => vnic.priority_tag = !vnic.priority_tag,
            _ => return vnic.mapping.take().is_some(),
        }
        true
    }

    /// Switches, host adapters and the like, for the list of all objects.
    pub(super) fn switch_objects(&self) -> Vec<String> {
        let switches = self.switches.all.iter().map(|switch| format!("switch {}", switch.name));
        let hosts = self.switches.host_adapters.iter().map(|host| format!("host adapter {}", host.vnic.name));
        let guests = self.switches.machines.iter().map(|machine| format!("vm {}", machine.name));
        switches.chain(hosts).chain(guests).collect()
    }
}

/// Any one of these.
fn any<'a, T>(all: &'a mut [T], random: &mut Random) -> Option<&'a mut T> {
    let count = all.len().max(1);
    all.get_mut(random.below(count))
}
