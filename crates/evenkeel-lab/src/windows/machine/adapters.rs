//! Network adapters: NICs, and the host's sides of host adapters.

use super::{Model, Port, WindowsHost};
use crate::windows::value::is_name;

/// So long a link is down while its adapter restarts.
const RESTART_SECONDS: i64 = 3;

/// A network adapter of the host, as `Get-NetAdapter` lists it.
#[derive(Debug, Clone)]
pub(in crate::windows) struct Adapter {
    /// `NIC1`, `vEthernet (S2D1)`: can be changed.
    pub(in crate::windows) name: String,
    /// `Mellanox ConnectX-5 Adapter #2`: cannot.
    pub(in crate::windows) description: String,
    /// `00-15-5D-00-00-01`
    pub(in crate::windows) mac: String,
    /// `{…}`, upper case.
    pub(in crate::windows) guid: String,
    /// `InterfaceIndex`; never given to another.
    pub(in crate::windows) index: u32,
    /// Not switched off by `Disable-NetAdapter`.
    pub(in crate::windows) enabled: bool,
    /// Restarting: its link is back at that time.
    pub(in crate::windows) back_at: i64,
    /// Nobody sees it before that time.
    pub(in crate::windows) there_at: i64,
    /// What made it, where that is neither a NIC nor Hyper-V.
    pub(in crate::windows) software: Option<Software>,
    /// What it is made of; `None` for the host's side of a host adapter, and what software makes.
    pub(in crate::windows) hardware: Option<Hardware>,
    /// The advanced properties that its driver has.
    pub(in crate::windows) properties: Vec<Property>,
}

/// What makes adapters without a NIC of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::windows) enum Software {
    /// A tunnel of layer 3, such as that of `WireGuard`.
    Tunnel,
    /// A team of the old kind (LBFO). That Windows does not call it virtual is believed.
    Team,
}

impl Software {
    pub(super) fn description(self) -> &'static str {
        match self {
            Software::Tunnel => "WireGuard Tunnel",
            Software::Team => "Microsoft Network Adapter Multiplexor Driver",
        }
    }
}

/// A NIC.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Hardware {
    pub(in crate::windows) model: Model,
    /// Bits per second while there is a link.
    pub(in crate::windows) speed: u64,
    /// `DriverVersion`
    pub(in crate::windows) driver: String,
    pub(in crate::windows) port: Port,
    /// The port of the physical switch does flow control by priority.
    pub(in crate::windows) peer_pfc: bool,
}

/// An advanced property.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Property {
    /// `*JumboPacket`
    pub(in crate::windows) keyword: String,
    /// `Jumbo Packet`
    pub(in crate::windows) display: String,
    /// What is set.
    pub(in crate::windows) value: String,
    /// What is in effect: what was set when the adapter started.
    pub(in crate::windows) active: String,
    /// What it is out of the box.
    pub(in crate::windows) default: String,
    pub(in crate::windows) takes: PropertyTakes,
}

/// What a property takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) enum PropertyTakes {
    /// One of these values, each with its name.
    Words(Vec<(String, String)>),
    /// A number from the first to the second.
    Number(u64, u64),
}

impl Adapter {
    /// A property, whatever the case of the keyword.
    pub(in crate::windows) fn property(&self, keyword: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.keyword.eq_ignore_ascii_case(keyword))
    }

    /// A property, to be changed.
    pub(in crate::windows) fn property_mut(&mut self, keyword: &str) -> Option<&mut Property> {
        self.properties.iter_mut().find(|property| property.keyword.eq_ignore_ascii_case(keyword))
    }

    /// What a property is set to, whether or not it is in effect.
    pub(in crate::windows) fn set_to(&self, keyword: &str) -> Option<&str> {
        self.property(keyword).map(|property| property.value.as_str())
    }

    /// What is in effect of a property.
    pub(in crate::windows) fn active(&self, keyword: &str) -> Option<&str> {
        self.property(keyword).map(|property| property.active.as_str())
    }

    /// RDMA is set to on.
    pub(in crate::windows) fn rdma_is_set(&self) -> bool {
        self.set_to("*NetworkDirect") == Some("1")
    }

    /// RDMA is on since the adapter's last start.
    pub(in crate::windows) fn rdma_is_active(&self) -> bool {
        self.enabled && self.active("*NetworkDirect") == Some("1")
    }

    /// The host's side of a host adapter, or what else is no NIC.
    pub(in crate::windows) fn is_virtual(&self) -> bool {
        self.hardware.is_none()
    }
}

impl WindowsHost {
    /// The adapter of this name, whatever its case.
    pub(in crate::windows) fn adapter(&self, name: &str) -> Option<&Adapter> {
        self.adapters.iter().find(|adapter| is_name(&adapter.name, name))
    }

    /// The adapter of this name, to be changed.
    pub(in crate::windows) fn adapter_mut(&mut self, name: &str) -> Option<&mut Adapter> {
        self.adapters.iter_mut().find(|adapter| is_name(&adapter.name, name))
    }

    /// The adapter with this device's guid (with braces).
    pub(in crate::windows) fn adapter_of(&self, guid: &str) -> Option<&Adapter> {
        self.adapters.iter().find(|adapter| adapter.guid.eq_ignore_ascii_case(guid))
    }

    /// The adapter of this description.
    pub(in crate::windows) fn described(&self, description: &str) -> Option<&Adapter> {
        self.adapters.iter().find(|adapter| is_name(&adapter.description, description))
    }

    /// Whether a NIC has a link and is switched on, neither of which a restart has just taken from it. For the host's side of a host adapter
    /// only whether it is on: what is below it is the switch's.
    pub(in crate::windows) fn is_up(&self, adapter: &Adapter) -> bool {
        let has_link = adapter.hardware.as_ref().is_none_or(|hardware| hardware.port.connected);
        adapter.enabled && has_link && self.clock >= adapter.back_at
    }

    /// The adapters that are there for others to see.
    pub(in crate::windows) fn seen_adapters(&self) -> impl Iterator<Item = &Adapter> {
        self.adapters.iter().filter(|adapter| adapter.there_at <= self.clock)
    }

    /// Starts an adapter anew: what was set comes into effect, the link is down for a while.
    pub(in crate::windows) fn restart(&mut self, name: &str) {
        let back_at = self.clock.saturating_add(RESTART_SECONDS);
        if let Some(adapter) = self.adapter_mut(name) {
            adapter.back_at = back_at;
            for property in &mut adapter.properties {
                property.active.clone_from(&property.value);
            }
        }
    }

    /// Makes the host's side of a new host adapter, `vEthernet (NAME)`; gives back its guid.
    pub(in crate::windows) fn add_host_side(&mut self, name: &str, mac: &str) -> String {
        let index = self.take_index();
        let guid = guid(&self.name, index);
        let is_side = |adapter: &&Adapter| adapter.is_virtual() && adapter.software.is_none();
        let others = self.adapters.iter().filter(is_side).count();
        self.adapters.push(Adapter {
            name: format!("vEthernet ({name})"),
            description: numbered("Hyper-V Virtual Ethernet Adapter", others),
            mac: mac.to_owned(),
            guid: guid.clone(),
            index,
            enabled: true,
            back_at: 0,
            there_at: self.clock.saturating_add(self.pnp_seconds),
            software: None,
            hardware: None,
            properties: super::drivers::host_side_properties(),
        });
        guid
    }

    /// Takes an adapter away by its guid, and all addresses, routes and DNS servers that it has.
    pub(in crate::windows) fn remove_adapter(&mut self, guid: &str) {
        if let Some(index) = self.adapter_of(guid).map(|adapter| adapter.index) {
            self.addresses.forget(index);
        }
        self.adapters.retain(|adapter| !adapter.guid.eq_ignore_ascii_case(guid));
    }

    /// The next interface index.
    pub(super) fn take_index(&mut self) -> u32 {
        let index = self.next_index;
        self.next_index = index.saturating_add(1);
        index
    }
}

/// A description, with a number from the second on.
pub(super) fn numbered(description: &str, others: usize) -> String {
    if others == 0 { description.to_owned() } else { format!("{description} #{}", others.saturating_add(1)) }
}

/// A guid that is the same for the same host and index.
pub(in crate::windows) fn guid(host: &str, index: u32) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = hex::encode_upper(Sha256::digest(format!("{host} {index}").as_bytes()));
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("{{{}-{}-{}-{}-{}}}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
