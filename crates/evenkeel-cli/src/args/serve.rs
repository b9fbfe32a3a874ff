//! The flags of `evenkeel serve`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The controller's configuration. Default: `evenkeel.yaml` in the current folder, else
    /// `/etc/evenkeel/evenkeel.yaml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File with values for `${name}` in the configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
    /// What the program says about itself on standard error, besides what happens.
    #[arg(long, value_enum, default_value_t = LogLevel::Warn, env = "EVENKEEL_LOG")]
    pub(crate) log: LogLevel,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// What went wrong.
    Error,
    /// Also what may go wrong.
    Warn,
    /// Also what is done.
    Info,
    /// Everything.
    Debug,
}
