//! Simulated targets for tests and for the demo.
//!
//! [`zfs`], [`vzdump`], [`pve`], [`containers`], [`esxi`], [`vsphere`], [`windows`] and [`store`] are the simulated machines: pure state and the answers of the real programs. The
//! rest puts them behind something that Evenkeel talks to: [`sim_transport`] without a network, for thousands of seeds; [`server`] behind
//! a real SSH server. [`contract`] is what every driver must keep.

pub mod containers;
pub mod contract;
pub mod esxi;
pub mod machine;
pub mod pve;
pub mod random;
pub mod server;
pub mod shared;
pub mod shim;
pub mod sim_transport;
pub mod site;
pub mod store;
pub mod vsphere;
pub mod vzdump;
pub mod windows;
pub mod wire;
pub mod zfs;
