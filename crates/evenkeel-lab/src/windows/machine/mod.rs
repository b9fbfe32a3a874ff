//! The machine: plain data, and what its parts have to do with each other.
//!
//! Values of PowerShell exist only while a script runs; here are none.

mod adapters;
mod addresses;
mod as_machine;
mod below;
mod clock;
mod drift;
mod drivers;
mod models;
mod processes;
mod qos;
mod reach;
mod registry;
mod setup;
mod switches;
mod tasks;
mod world;

pub(super) use adapters::{Adapter, Property, PropertyTakes, Software};
pub(super) use addresses::{Address, Addresses, Origin, Route};
pub use models::{Model, Port, Release};
pub(super) use qos::{Policy, Qos, TrafficClass};
pub(super) use registry::{Datum, Registry};
#[cfg(test)]
pub(super) use switches::tests as by_hand;
pub(super) use switches::{
    Balancing, Bandwidth, NewSwitch, Switch, SwitchType, Switches, VirtualMachine, Vlan, Vnic,
};
pub(super) use tasks::Task;

use std::collections::BTreeMap;

use super::shell::Edition;

/// A Windows Server.
#[derive(Debug, Clone)]
pub struct WindowsHost {
    pub(super) name: String,
    pub(super) release: Release,
    pub(super) edition: Edition,
    /// The role Hyper-V is installed.
    pub(super) hyper_v: bool,
    /// The feature Data-Center-Bridging is installed.
    pub(super) dcb: bool,
    /// NICs and the host's sides of host adapters (`vEthernet (X)`), in the order in which they came to be.
    pub(super) adapters: Vec<Adapter>,
    /// The interface index that the next adapter gets.
    pub(super) next_index: u32,
    pub(super) addresses: Addresses,
    pub(super) qos: Qos,
    pub(super) offload: Offload,
    pub(super) multichannel: bool,
    pub(super) registry: Registry,
    pub(super) tasks: Vec<Task>,
    /// The intents of Network ATC; `None` where it is not installed.
    pub(super) intents: Option<Vec<Intent>>,
    pub(super) switches: Switches,
    /// Where we come in; `None` where we do not come over the network at all.
    pub(super) management: Option<Management>,
    /// Seconds since 1970.
    pub(super) clock: i64,
    /// Of the process that has the machine.
    session: processes::Session,
    /// The other ones.
    waiting: processes::Waiting,
    /// So many were begun.
    processes: u32,
    /// Who has the mutexes; `None` where he is gone.
    mutexes: BTreeMap<String, Option<u32>>,
    pub(super) faults: Vec<Fault>,
    /// Cmdlets that take their time, in seconds; `*` are all.
    slow: Vec<(String, i64)>,
    /// So long takes every cmdlet of who asks, at least.
    slow_for_asker: i64,
    /// So many seconds go by until a new adapter, or one with a new name, is there for others to see.
    pnp_seconds: i64,
    /// When Hyper-V's management is there.
    vmms_at: i64,
    /// The teams of the old kind (LBFO), each with its NICs; empty where the module for them is not there.
    pub(super) lbfo: BTreeMap<String, Vec<String>>,
}

/// `Get-NetOffloadGlobalSetting`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Offload {
    pub(super) network_direct: bool,
    pub(super) across_subnets: bool,
}

/// An intent of Network ATC.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Intent {
    pub(super) name: String,
    pub(super) adapters: Vec<String>,
}

/// How we come in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Management {
    /// The address that we talk to.
    pub(super) address: String,
    /// The VLAN of the network that we come from.
    pub(super) vlan: u16,
}

/// A cmdlet that fails.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Fault {
    pub(super) cmdlet: String,
    pub(super) text: String,
    /// So many calls of it still work before.
    pub(super) after: usize,
}
