//! Switches come to be, change their uplinks and go, and addresses move with them.

use super::super::WindowsHost;
use super::super::adapters::guid;
use super::{Balancing, Bandwidth, Switch, SwitchType};
use crate::windows::machine::Release;

/// What a switch shall be.
#[derive(Debug, Clone)]
pub(in crate::windows) struct NewSwitch {
    pub(in crate::windows) name: String,
    pub(in crate::windows) kind: SwitchType,
    /// The guids of NICs.
    pub(in crate::windows) uplinks: Vec<String>,
    pub(in crate::windows) teaming: bool,
    pub(in crate::windows) iov: bool,
    pub(in crate::windows) packet_direct: bool,
    pub(in crate::windows) bandwidth: Bandwidth,
    pub(in crate::windows) notes: String,
}

impl WindowsHost {
    /// Makes a switch, and `for_host` a host adapter of its name on it. The first of its NICs that has addresses gives them to the host
    /// adapter, if there is one; those of the others, and of all where there is none, are gone: a NIC below a switch has nothing to do with
    /// TCP/IP any more.
    pub(in crate::windows) fn make_switch(&mut self, new: NewSwitch, for_host: bool) -> String {
        let number = self.switches.take_number();
        let id = bare(&guid(&format!("{} switch", self.name), number));
        // Microsoft's documents disagree on this default; the first release had Dynamic, as the seed's article shows.
        let balancing = match self.release {
            Release::Ws2016 if !new.packet_direct => Balancing::Dynamic,
            _ => Balancing::HyperVPort,
        };
        let uplinks = new.uplinks.clone();
        self.switches.all.push(Switch {
            name: new.name.clone(),
            id: id.clone(),
            kind: new.kind,
            uplinks: new.uplinks,
            teaming: new.teaming,
            balancing,
            iov: new.iov,
            packet_direct: new.packet_direct,
            bandwidth: new.bandwidth,
            notes: new.notes,
        });
        if for_host {
            self.add_heir(&new.name, &id, &uplinks);
        }
        self.unbind(&uplinks);
        id
    }

    /// Makes the host adapter that gets the addresses of the first NIC that has some, and the MAC address of the first NIC.
    fn add_heir(&mut self, name: &str, switch: &str, uplinks: &[String]) {
        let index_of = |guid: &String| self.adapter_of(guid).map(|nic| nic.index);
        let giver = uplinks
            .iter()
            .find(|guid| index_of(guid).is_some_and(|index| self.addresses.has_any(index)))
            .or(uplinks.first())
            .cloned();
        let mac = uplinks.first().and_then(|first| self.adapter_of(first)).map(|nic| nic.mac.clone());
        let device = self.add_host_adapter(name, switch, mac, giver.clone());
        let from = giver.and_then(|giver| self.adapter_of(&giver).map(|nic| nic.index));
        let to = self.adapter_of(&device).map(|side| side.index);
        if let (Some(from), Some(to)) = (from, to) {
            self.addresses.hand_over(from, to);
        }
    }

    /// NICs come below a switch: what addresses they have left are gone.
    fn unbind(&mut self, nics: &[String]) {
        for nic in nics {
            if let Some(index) = self.adapter_of(nic).map(|nic| nic.index) {
                self.addresses.forget(index);
            }
        }
    }

    /// Gives a switch these uplinks and no others. Who was mapped to one that goes is mapped to it still, to no effect.
    pub(in crate::windows) fn set_uplinks(&mut self, switch: &str, nics: Vec<String>) {
        let Some(found) = self.switches.by_id_mut(switch) else { return };
        let added: Vec<String> = nics.iter().filter(|nic| !found.uplinks.contains(nic)).cloned().collect();
        found.uplinks = nics;
        self.unbind(&added);
    }

    /// Takes a switch away: its host adapters go, guests stand without a network, and what addresses a host adapter took over from a NIC go
    /// back to that NIC.
    pub(in crate::windows) fn unmake_switch(&mut self, switch: &str) {
        self.switches.all.retain(|one| one.id != switch);
        self.drop_host_adapters(switch);
        for vnic in self.switches.machines.iter_mut().flat_map(|machine| &mut machine.adapters) {
            if vnic.switch.as_deref() == Some(switch) {
                vnic.switch = None;
            }
        }
    }

    /// Takes all host adapters of a switch away; what they took over goes back to who had it, if it is no longer below a switch.
    pub(in crate::windows) fn drop_host_adapters(&mut self, switch: &str) {
        let going: Vec<(String, Option<String>)> =
            self.switches.hosts_on(switch).map(|host| (host.device.clone(), host.heir_of.clone())).collect();
        for (device, giver) in going {
            let free = giver.filter(|giver| self.switches.above(giver).is_none());
            let to = free.and_then(|giver| self.adapter_of(&giver).map(|nic| nic.index));
            let from = self.adapter_of(&device).map(|side| side.index);
            if let (Some(from), Some(to)) = (from, to) {
                self.addresses.hand_over(from, to);
            }
            self.drop_host_adapter(&device);
        }
    }
}

/// A guid as the ids of switches and guests are written: without braces, lower case.
pub(super) fn bare(guid: &str) -> String {
    guid.trim_matches(['{', '}']).to_ascii_lowercase()
}
