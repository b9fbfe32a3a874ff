//! Virtual switches: `*-VMSwitch`, `*-VMSwitchTeam`, `*-VMSwitchTeamMember`.
//!
//! Parameters after Microsoft's reference of the module Hyper-V (Windows Server 2022), types and numbers after the types of the module's
//! version 2.0.0.0. Where a text of an error is only believed, its function says so.

mod change;
mod get;
mod make;
mod refused;
mod team;

use super::{Cmdlet, Given, Needs, at, named, piped};

pub(super) use get::on_off;
pub(super) use refused::{
    missing, missing_adapter, missing_machine, missing_nic, missing_parameter, refused, unresolved,
};

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    get::GET,
    get::GET_TEAM,
    make::NEW,
    change::SET,
    change::REMOVE,
    change::RENAME,
    team::SET,
    team::ADD_MEMBER,
    team::REMOVE_MEMBER,
];

#[cfg(test)]
mod tests;
