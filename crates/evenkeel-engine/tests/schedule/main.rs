//! The scheduler: each of its rules, what holds whatever happens, and a day of a thousand machines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

mod admission;
mod day;
mod failures;
mod hosts;
mod invariants;
mod model;
mod rig;
mod time;
mod waking;
