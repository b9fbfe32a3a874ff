//! The flags of the commands around the controller.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use evenkeel_core::period::Period;

/// Where the controller is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Way {
    /// The controller's configuration: it says where its store and its socket are. Default: `evenkeel.yaml` in the
    /// current folder, else `/etc/evenkeel/evenkeel.yaml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Ask a controller by its HTTP address, with the token in the environment variable `EVENKEEL_TOKEN`.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub(crate) server: Option<String>,
    /// File with the certificate authorities to trust for `--server`, instead of the system's.
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// Which controller.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Controller {
    #[command(flatten)]
    pub(crate) way: Way,
    /// File with values for `${name}` in the configuration.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    pub(crate) values: Vec<PathBuf>,
}

/// Which part of what a controller knows.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Within {
    /// Only resources on this target.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// Only resources out of this source.
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// One run by its number, in full; or only runs that had to do with this resource.
    #[arg(value_name = "RUN|KIND/NAME")]
    pub(crate) what: Option<String>,
    #[command(flatten)]
    pub(crate) within: Within,
    /// At most so many runs.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only events about this resource.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) resource: Option<String>,
    #[command(flatten)]
    pub(crate) within: Within,
    /// So many of the last events.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub(crate) last: u16,
    /// Go on with events as they happen, until Ctrl-C. With `--output json`: one document per line.
    #[arg(long, short)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Only this resource.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) resource: Option<String>,
    #[command(flatten)]
    pub(crate) within: Within,
    /// A time: `2026-11-20T18:00:00Z`, `2026-11-20`, `2026-11-20T18:00` (both local), or a span before now: `2h`, `3d`.
    /// Given twice, the time between both is looked at, else the time until now.
    #[arg(long, value_name = "TIME", required = true)]
    pub(crate) at: Vec<String>,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct Notify {
    /// The sources that may have something new. Default: all.
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// Only this resource.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) resource: Option<String>,
    #[command(flatten)]
    pub(crate) within: Within,
    /// Now, not when they are due.
    #[arg(long)]
    pub(crate) now: bool,
    /// Wait until they were looked at, and show how things stand with them then.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait no longer than this.
    #[arg(long, value_name = "TIME", default_value = "5m", requires = "wait")]
    pub(crate) timeout: Period,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct Accept {
    /// The source that holds it.
    pub(crate) source: String,
    /// The revision, or at least its first seven characters; `evenkeel status --source SOURCE` shows it.
    pub(crate) revision: String,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) what: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Write a consistent copy of the store, while the controller goes on.
    Backup(Backup),
    /// Put a copy in the place of the store, which is kept beside. Refused while a controller runs.
    Restore(RestoreStore),
}

#[derive(Debug, Args)]
pub(crate) struct RestoreStore {
    /// The copy, as `evenkeel store backup` wrote it.
    pub(crate) file: PathBuf,
    /// The controller's configuration. Default: `evenkeel.yaml` in the current folder, else
    /// `/etc/evenkeel/evenkeel.yaml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File with values for `${name}` in the configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The copy; there must be no such file yet.
    pub(crate) file: PathBuf,
    /// The controller's configuration. Default: `evenkeel.yaml` in the current folder, else
    /// `/etc/evenkeel/evenkeel.yaml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File with values for `${name}` in the configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
}
