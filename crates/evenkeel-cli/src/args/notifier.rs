//! The flags of `evenkeel notifier`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Notifier {
    #[command(subcommand)]
    pub(crate) what: NotifierCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifierCommand {
    /// Send a message that says that it is a trial; of commit statuses, only look whether the forge lets us in.
    Test(TryNotifier),
}

#[derive(Debug, Args)]
pub(crate) struct TryNotifier {
    /// The notifier, as the configuration names it.
    pub(crate) name: String,
    /// The controller's configuration. Default: `evenkeel.yaml` in the current folder, else
    /// `/etc/evenkeel/evenkeel.yaml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File with values for `${name}` in the configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
}
