//! Schedules of dumps over many nights, with ends at any step and in the middle of one: nothing that counts is ever lost,
//! nothing foreign is ever touched, and whatever was left behind is cleared away.
#![expect(clippy::disallowed_methods, reason = "how many seeds is a setting of the machine")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod by_hand;
mod nights;
mod run;
mod world;
