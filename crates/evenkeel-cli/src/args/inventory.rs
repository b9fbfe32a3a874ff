//! The flags of `evenkeel inventory`.

use std::path::PathBuf;

use clap::Args;
use evenkeel_core::period::Period;

use super::Reach;

#[derive(Debug, Args)]
pub(crate) struct Inventory {
    /// The target to read, as its manifest names it: a vCenter, or an ESXi host.
    pub(crate) target: String,
    /// Files and folders with the target's manifest. Default: the current folder.
    pub(crate) paths: Vec<String>,
    /// Snapshots that are older than this are marked.
    #[arg(long, value_name = "PERIOD", default_value = "3d")]
    pub(crate) snapshots_older_than: Period,
    /// End with exit code 2 where a snapshot is older than that, and with 1 where none is known to be and the snapshots of
    /// some virtual machine could not be read.
    #[arg(long)]
    pub(crate) check: bool,
    /// File with values for `${name}`.
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: Reach,
}
