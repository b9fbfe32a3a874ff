//! Shared pieces of the end-to-end tests: the program, and the peers it is run against.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up its peer fails, and says why"
)]

pub mod backups;
pub mod canary;
pub mod esx;
pub mod evenkeel;
pub mod ftpd;
pub mod gitops;
pub mod incushost;
pub mod objects;
pub mod pyvmomi;
pub mod site;
pub mod soap;
pub mod soap_proxy;
pub mod sshd;
pub mod vcsim;
pub mod zfs_commands;
pub mod zfs_spellings;
pub mod zfshost;
