//! IP addresses, routes and DNS servers, by the interface index of the adapter that has them.

use std::collections::BTreeMap;

/// Where an address is from: `PrefixOrigin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::windows) enum Origin {
    /// Set by hand.
    Manual,
    /// Made by Windows itself: `169.254.x.x`, `127.0.0.1`.
    WellKnown,
    /// From a DHCP server.
    Dhcp,
}

/// An address, as `Get-NetIPAddress` lists it.
#[expect(clippy::struct_field_names, reason = "the address of an address has no better name")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Address {
    pub(in crate::windows) index: u32,
    pub(in crate::windows) address: String,
    pub(in crate::windows) prefix: u8,
    pub(in crate::windows) origin: Origin,
    /// It stands in the store for what outlives a restart. Those of a cluster's resources do not.
    pub(in crate::windows) is_persistent: bool,
}

/// A route over a gateway, or (`0.0.0.0`, `::`) on the link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Route {
    pub(in crate::windows) index: u32,
    /// `0.0.0.0/0`
    pub(in crate::windows) destination: String,
    pub(in crate::windows) hop: String,
    pub(in crate::windows) metric: u32,
    /// It stands in the store for what outlives a restart. Those of a DHCP server do not.
    pub(in crate::windows) is_persistent: bool,
}

/// All of them.
#[expect(clippy::struct_field_names, reason = "the addresses are one of three kinds of things here")]
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in crate::windows) struct Addresses {
    pub(in crate::windows) addresses: Vec<Address>,
    pub(in crate::windows) routes: Vec<Route>,
    /// The DNS servers that somebody gave an interface.
    pub(in crate::windows) servers: BTreeMap<u32, Vec<String>>,
    /// Those that a DHCP server gave it, which count where nobody gave it any.
    pub(in crate::windows) leased_servers: BTreeMap<u32, Vec<String>>,
}

impl Addresses {
    /// Takes all that an interface has from it.
    pub(in crate::windows) fn forget(&mut self, index: u32) {
        self.addresses.retain(|address| address.index != index);
        self.routes.retain(|route| route.index != index);
        self.servers.remove(&index);
        self.leased_servers.remove(&index);
    }

    /// What is not persistent goes with a restart; what is leased is leased again.
    pub(in crate::windows) fn restart(&mut self) {
        self.addresses.retain(|address| address.is_persistent || address.origin != Origin::Manual);
        let leased: Vec<u32> = self.leased_servers.keys().copied().collect();
        self.routes.retain(|route| route.is_persistent || leased.contains(&route.index));
    }

    /// The DNS servers of an interface.
    pub(in crate::windows) fn servers_of(&self, index: u32) -> &[String] {
        let own = self.servers.get(&index).filter(|servers| !servers.is_empty());
        own.or_else(|| self.leased_servers.get(&index)).map_or(&[], Vec::as_slice)
    }

    /// Whether somebody gave this interface an address, or a DHCP server did.
    pub(in crate::windows) fn has_any(&self, index: u32) -> bool {
        self.addresses.iter().any(|address| address.index == index && address.origin != Origin::WellKnown)
    }

    /// Gives all that an interface has to another: what `New-VMSwitch` and `Remove-VMSwitch` do.
    pub(in crate::windows) fn hand_over(&mut self, from: u32, to: u32) {
        for address in self.addresses.iter_mut().filter(|address| address.index == from) {
            address.index = to;
        }
        for route in self.routes.iter_mut().filter(|route| route.index == from) {
            route.index = to;
        }
        for servers in [&mut self.servers, &mut self.leased_servers] {
            if let Some(all) = servers.remove(&from) {
                servers.insert(to, all);
            }
        }
    }
}
