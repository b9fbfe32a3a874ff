//! Evenkeel's pure core: what is wanted (manifests), how a backend is described (the [`driver::Driver`]
//! trait), and the decisions in between (diff, plan, gates).
//!
//! Nothing here does I/O, reads a clock or draws a random number: everything that varies is an argument.
//! The map of the whole house is in `docs/ARCHITECTURE.md`.

pub mod backup;
pub mod condition;
pub mod config;
pub mod diagnostic;
pub mod diff;
pub mod driver;
pub mod manifest;
pub mod period;
pub mod plan;
pub mod reference;
pub mod request;
pub mod target;
pub mod transport;
