//! Simulated targets for tests and for the demo.
//!
//! [`zfs`] is the simulated machine: pure state and the answers of the real programs. Everything else puts it
//! behind something that Evenkeel talks to.

pub mod random;
pub mod server;
pub mod shim;
pub mod site;
pub mod wire;
pub mod zfs;
