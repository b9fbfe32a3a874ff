//! Folders of templates on machines that are reached by a shell: what is in them, and how a template gets there, is checked,
//! sent elsewhere, and goes.
//!
//! [`Look`] is all that one exchange tells of a folder, the same for every resource that uses it. A template has its final
//! name once it was checked; its record lies beside it as `NAME.json`. A scratch container carries our mark, a file in
//! [`MARKS`], from before it is made until nothing of its build is left.

mod base;
mod build;
mod frame;
mod leftover;
mod look;
mod remarks;
mod scripts;
mod steps;
mod told;

pub(super) use look::Look;
pub use scripts::{LOOK, PLACE, VERIFY};

pub(super) use base::{base, base_query};
pub(super) use build::{Folders, all_marked, hostname, nearest, uses};
pub(super) use frame::{SHORT, START, Scratch};
pub(super) use leftover::matches;
#[cfg(test)]
pub(super) use look::log_of;
pub(super) use look::{is_archive, look_query};
pub(super) use steps::{least_bytes, new_name, place, verify};
pub(super) use told::told;

/// The folder of our marks on scratch containers, each a file by the container's id.
pub const MARKS: &str = "/var/lib/evenkeel/containers";
