//! What `zfs` and `zpool` print.

pub(super) mod failure;
pub(super) mod get;
pub(super) mod list;
pub(super) mod local;
pub(super) mod usage;
