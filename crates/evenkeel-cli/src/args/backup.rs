//! The flags of `evenkeel backup`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Manifests, Reach, View};

/// Look after the copies that schedules make.
#[derive(Debug, Args)]
pub(crate) struct Copies {
    #[command(subcommand)]
    pub(crate) command: CopiesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CopiesCommand {
    /// List the copies that there are, where, how old, and why each is kept. Never writes.
    List(SomeCopies),
    /// Show what the schedules would do now: what is made, what is removed and why. Never writes.
    Preview(PreviewCopies),
    /// Make a copy now, whatever the schedule says. Nothing is removed.
    Run(RunCopies),
    /// Remove what no rule keeps, and make nothing.
    Prune(RunCopies),
    /// Read copies again, whole, and compare them with what they held when they were made. Never writes.
    Verify(SomeCopies),
    /// Bring a copy back: fetch it, check it, and print the host's own command that restores it, or run that, too.
    Restore(RestoreCopy),
}

#[derive(Debug, Args)]
pub(crate) struct SomeCopies {
    #[command(flatten)]
    pub(crate) manifests: Manifests,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewCopies {
    #[command(flatten)]
    pub(crate) manifests: Manifests,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) view: View,
}

#[derive(Debug, Args)]
pub(crate) struct RunCopies {
    #[command(flatten)]
    pub(crate) manifests: Manifests,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) view: View,
    /// Do not ask.
    #[arg(long)]
    pub(crate) auto_approve: bool,
}

/// Which copies.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// Only copies of this: a guest's id, a dataset.
    #[arg(long, value_name = "ITEM")]
    pub(crate) item: Option<String>,
    /// Only copies of this slot, as `list` shows it, or `latest`.
    #[arg(long, value_name = "SLOT")]
    pub(crate) slot: Option<String>,
    /// Only copies in this store: its target's name, or as `list` shows it.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreCopy {
    #[command(flatten)]
    pub(crate) manifests: Manifests,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) which: Which,
    /// What it shall be called when it is back: another guest's id, another dataset.
    #[arg(long, value_name = "NAME")]
    pub(crate) to: Option<String>,
    /// The folder on the host that an archive is put into. Default: where the host's own tool looks.
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// An option of the driver, such as `storage=local-lvm`. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) options: Vec<String>,
    /// Also run the host's command; without this it is printed.
    #[arg(long)]
    pub(crate) run: bool,
    /// Do not ask.
    #[arg(long)]
    pub(crate) auto_approve: bool,
}
