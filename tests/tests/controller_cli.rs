//! The commands around the controller, with its store as it could be, and with its HTTP server where something is asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "controller_cli/asking.rs"]
mod asking;
#[path = "controller_cli/following.rs"]
mod following;
#[path = "controller_cli/keeper.rs"]
mod keeper;
#[path = "controller_cli/looking.rs"]
mod looking;
#[path = "controller_cli/secrets.rs"]
mod secrets;
#[path = "controller_cli/stored.rs"]
mod stored;
#[path = "controller_cli/wrong.rs"]
mod wrong;
