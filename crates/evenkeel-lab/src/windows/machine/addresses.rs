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
}

/// A route over a gateway, or (`0.0.0.0`, `::`) on the link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Route {
    pub(in crate::windows) index: u32,
    /// `0.0.0.0/0`
    pub(in crate::windows) destination: String,
    pub(in crate::windows) hop: String,
    pub(in crate::windows) metric: u32,
}

/// All of them.
#[expect(clippy::struct_field_names, reason = "the addresses are one of three kinds of things here")]
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in crate::windows) struct Addresses {
    pub(in crate::windows) addresses: Vec<Address>,
    pub(in crate::windows) routes: Vec<Route>,
    /// The DNS servers (IPv4) of each interface that has some.
    pub(in crate::windows) servers: BTreeMap<u32, Vec<String>>,
}

impl Addresses {
    /// Takes all that an interface has from it.
    pub(in crate::windows) fn forget(&mut self, index: u32) {
        self.addresses.retain(|address| address.index != index);
        self.routes.retain(|route| route.index != index);
        self.servers.remove(&index);
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
        if let Some(servers) = self.servers.remove(&from) {
            self.servers.insert(to, servers);
        }
    }
}
