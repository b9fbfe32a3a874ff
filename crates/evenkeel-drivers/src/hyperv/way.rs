//! Which way our own connection comes to a host, and what would cut it.

use std::collections::BTreeSet;

use evenkeel_core::driver::ObserveError;

use super::host::{Adapter, Host, HostAdapter, Switch};

/// The way that our connection comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// It cannot be told: any part of the network may be it.
    Unknown,
    /// A NIC, by name.
    Nic(String),
    /// A virtual NIC of the host itself, and the switch that it is on.
    HostAdapter { name: String, switch: String },
}

/// What a step touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch<'a> {
    /// A switch, with all that hangs on it.
    Switch(&'a str),
    /// A NIC.
    Nic(&'a str),
    /// A virtual NIC of the host itself.
    HostAdapter(&'a str),
}

impl Host {
    /// Which way our connection comes. A part that could not be read makes it unknown, and never safe.
    pub(super) fn way(&self) -> Way {
        self.known_way().unwrap_or(Way::Unknown)
    }

    fn known_way(&self) -> Option<Way> {
        let ours = bare(self.about().ok()?.address.as_deref()?);
        let address = self.addresses().ok()?.iter().find(|one| bare(&one.address) == ours)?;
        let adapter = self.adapters().ok()?.iter().find(|one| one.index == address.index)?;
        if !adapter.is_virtual {
            return Some(Way::Nic(adapter.name.clone()));
        }
        let of_host = self.host_adapters().ok()?.iter().find(|one| is_side_of(adapter, one))?;
        Some(Way::HostAdapter { name: of_host.name.clone(), switch: of_host.switch.clone() })
    }

    /// Whether a change there may cut our connection.
    pub(super) fn may_cut(&self, touch: Touch<'_>) -> bool {
        match (self.way(), touch) {
            (Way::Unknown, _) => true,
            (Way::Nic(ours), Touch::Nic(name))
            | (Way::HostAdapter { name: ours, .. }, Touch::HostAdapter(name)) => same(&ours, name),
            (Way::Nic(ours), Touch::Switch(name)) => self.is_uplink(name, &ours),
            (Way::Nic(_), Touch::HostAdapter(_)) => false,
            (Way::HostAdapter { switch, .. }, Touch::Switch(name)) => same(&switch, name),
            (Way::HostAdapter { switch, .. }, Touch::Nic(name)) => self.is_uplink(&switch, name),
        }
    }

    /// True also where that is not known.
    fn is_uplink(&self, switch: &str, nic: &str) -> bool {
        let Ok(Some(switch)) = self.find_switch(switch) else { return true };
        let Ok(uplinks) = self.uplinks(switch) else { return true };
        uplinks.iter().any(|uplink| same(uplink, nic))
    }

    /// The NICs: every adapter that is not the host's side of something virtual.
    pub(super) fn nics(&self) -> Result<Vec<&Adapter>, ObserveError> {
        Ok(self.adapters()?.iter().filter(|adapter| !adapter.is_virtual).collect())
    }

    /// The NIC that a manifest means: by its name, its MAC or its description.
    pub(super) fn find_nic(&self, reference: &str) -> Result<Option<&Adapter>, ObserveError> {
        let nics = self.nics()?;
        let by_name = nics.iter().find(|nic| same(&nic.name, reference));
        let mac = mac_digits(reference);
        let by_mac = || nics.iter().find(|nic| mac.is_some() && mac_digits(&nic.mac) == mac);
        let by_description = || nics.iter().find(|nic| same(&nic.description, reference));
        Ok(by_name.or_else(by_mac).or_else(by_description).copied())
    }

    /// The switch of this name.
    pub(super) fn find_switch(&self, name: &str) -> Result<Option<&Switch>, ObserveError> {
        Ok(self.switches()?.iter().find(|switch| same(&switch.name, name)))
    }

    /// A switch's uplinks, by the NICs' names; one that is not among the host's adapters by its description.
    pub(super) fn uplinks(&self, switch: &Switch) -> Result<BTreeSet<String>, ObserveError> {
        let adapters = self.adapters()?;
        let name = |description: &String| {
            let known = adapters.iter().find(|adapter| same(&adapter.description, description));
            known.map_or_else(|| description.clone(), |adapter| adapter.name.clone())
        };
        Ok(switch.uplinks.iter().map(name).collect())
    }

    /// The switch that has this NIC (by its name) as an uplink.
    pub(super) fn switch_of(&self, nic: &str) -> Result<Option<&Switch>, ObserveError> {
        for switch in self.switches()? {
            if self.uplinks(switch)?.iter().any(|uplink| same(uplink, nic)) {
                return Ok(Some(switch));
            }
        }
        Ok(None)
    }

    /// What the host calls its own side of a host adapter: `vEthernet (S2D1)`, where nobody renamed it.
    pub(super) fn alias_of(&self, name: &str) -> Result<String, ObserveError> {
        let known = self.host_adapters()?.iter().find(|one| same(&one.name, name));
        let adapters = self.adapters()?;
        let side = known.and_then(|known| adapters.iter().find(|adapter| is_side_of(adapter, known)));
        Ok(side.map_or_else(|| format!("vEthernet ({name})"), |side| side.name.clone()))
    }
}

/// Names of Windows are the same whatever their case.
pub(super) fn same(left: &str, right: &str) -> bool {
    left == right || left.to_lowercase() == right.to_lowercase()
}

/// True where `adapter` is the host's side of `of_host`. The one cmdlet writes braces around the id, the other may not.
pub(super) fn is_side_of(adapter: &Adapter, of_host: &HostAdapter) -> bool {
    let bare = |id: &str| id.trim_matches(['{', '}']).to_ascii_lowercase();
    !of_host.device.is_empty() && bare(&adapter.guid) == bare(&of_host.device)
}

/// True for a name that cmdlets take for a pattern, which means others, or none at all.
pub(super) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '[', ']'])
}

/// An address without the zone behind it.
fn bare(address: &str) -> String {
    address.split('%').next().unwrap_or(address).to_ascii_lowercase()
}

/// The twelve digits of a MAC, whatever separates them; `None` where it is none.
fn mac_digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ':' | '.')).collect();
    let is_mac = digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_mac.then(|| digits.to_ascii_lowercase())
}

/// True for what can only be meant as a MAC.
pub(super) fn is_mac(text: &str) -> bool {
    mac_digits(text).is_some()
}
