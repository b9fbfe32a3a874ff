//! The flags of `audit` and `why`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Controller, Within};

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) what: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show who did what, when and why: the last entries of the audit log.
    Show(ShowAudit),
    /// Go through the whole audit log and say whether it is as it was written. Exit code 1: it is not.
    Verify(VerifyAudit),
    /// Print the audit log as JSON lines, which `audit verify FILE` can go through by themselves.
    Export(ExportAudit),
}

#[derive(Debug, Args)]
pub(crate) struct ShowAudit {
    /// Only entries about this resource.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) resource: Option<String>,
    #[command(flatten)]
    pub(crate) within: Within,
    /// So many of the last entries.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) last: u16,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyAudit {
    /// An export to go through, instead of a controller's log.
    pub(crate) file: Option<PathBuf>,
    /// A hash that the log had as its last one once, kept elsewhere: it must be in it. Without one it cannot be seen that
    /// the end was cut off, or that all was written anew.
    #[arg(long, value_name = "HASH")]
    pub(crate) expect: Option<String>,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct ExportAudit {
    /// Only from this entry on, by its number or a time: `120`, `2026-11-20`, `2h`.
    #[arg(long, value_name = "SEQ|TIME")]
    pub(crate) since: Option<String>,
    /// Go on with entries as they come, until Ctrl-C.
    #[arg(long, short)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The resource, and one of its fields if only that is meant: `durian/ZfsDataset/vm.properties.atime`. Less will do
    /// where only one is meant: `ZfsDataset/vm`, `durian/vm`, `vm`.
    #[arg(value_name = "TARGET/KIND/NAME[.FIELD]")]
    pub(crate) resource: String,
    #[command(flatten)]
    pub(crate) within: Within,
    #[command(flatten)]
    pub(crate) controller: Controller,
}
