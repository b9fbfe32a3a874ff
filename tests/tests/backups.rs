//! Backups against real servers: the scenarios of the examples, and what goes wrong in them.
//!
//! The host of guests is the lab's (a stand-in that we wrote) behind a real SSH server; FTP and SFTP servers are real.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "backups/cli.rs"]
mod cli;
#[path = "backups/faults.rs"]
mod faults;
#[path = "backups/nights.rs"]
mod nights;
