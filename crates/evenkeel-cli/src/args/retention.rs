//! The flags of `evenkeel retention`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Try out rules of retention on a list of times, without any target.
#[derive(Debug, Args)]
pub(crate) struct Rules {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Show which copies rules would keep, why, and which they would remove. Nothing is contacted.
    Preview(PreviewRetention),
}

#[derive(Debug, Args)]
pub(crate) struct PreviewRetention {
    /// The rules: `keepLast=3,keepDaily=7`, or a file with what stands below `retention` in a manifest.
    #[arg(long, value_name = "RULES|FILE")]
    pub(crate) policy: String,
    /// File with the copies, `-` for standard input: a JSON or YAML list of times (`2026-11-20T02:00:00Z`, local times,
    /// slots, seconds since 1970) or of `{ at, verified, tags, protected }`.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The time zone of days, weeks and months, and of local times. Default: that of this machine.
    #[arg(long, value_name = "NAME")]
    pub(crate) time_zone: Option<String>,
    /// Decide as if it were this time: `2026-11-20T18:00:00Z`, `2026-11-20`, `3d`.
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<String>,
}
