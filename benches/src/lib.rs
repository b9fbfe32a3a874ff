//! What the benchmarks and the floors have in common: a made-up fleet, its manifests, and what its hosts print.

#![allow(clippy::expect_used, reason = "a measurement that cannot be set up ends, and says why")]

pub mod fleet;
pub mod hosts;
pub mod paths;
