//! Guests and virtual network adapters, of guests and of the host itself: `Get-VM`, `*-VMNetworkAdapter`, `*-VMNetworkAdapterVlan`,
//! `*-VMNetworkAdapterTeamMapping`.
//!
//! Parameters after Microsoft's reference of the module Hyper-V (Windows Server 2022), types and numbers after the types of the module's
//! version 2.0.0.0. Where a text of an error is only believed, its function says so.

mod adapter;
mod chosen;
mod connect;
mod get;
mod mapping;
mod vlan;

use super::{Cmdlet, Given, Needs, at, named, piped, switch};

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    get::GET_VM,
    get::GET_ADAPTER,
    adapter::ADD,
    adapter::SET,
    adapter::RENAME,
    adapter::REMOVE,
    connect::CONNECT,
    connect::DISCONNECT,
    vlan::GET,
    vlan::SET,
    mapping::GET,
    mapping::SET,
    mapping::REMOVE,
];

#[cfg(test)]
mod tests;
