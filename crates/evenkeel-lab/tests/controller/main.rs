//! The controller against simulated hosts, a source and a store that do as told, in simulated time.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod approval_races;
mod approvals;
mod bench;
mod blame;
mod chaos;
mod crash;
mod day;
mod drift;
mod kill;
mod order;
mod origin;
mod prune;
mod push;
mod rollout;
mod schedule;
mod status;
mod stop;
mod store;
mod trouble;
mod window;
mod wire;
