//! The controller against simulated hosts, a source and a store that do as told, in simulated time.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bench;
mod kill;
mod origin;
mod push;
mod store;
mod wire;
