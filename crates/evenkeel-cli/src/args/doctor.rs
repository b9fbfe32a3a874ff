//! The flags of `evenkeel doctor`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The controller's configuration. Default: `evenkeel.yaml` in the current folder, else
    /// `/etc/evenkeel/evenkeel.yaml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File with values for `${name}` in the configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
    /// Look at this machine only: neither sources nor targets are contacted.
    #[arg(long)]
    pub(crate) offline: bool,
}
