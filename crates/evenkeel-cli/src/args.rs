//! The command line: every command and flag, with its help beside it.

mod approvals;
mod audit;
mod backup;
mod controller;
mod doctor;
mod inventory;
mod notifier;
mod retention;
mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use evenkeel_core::driver::Risk;

pub(crate) use approvals::{Approvals, Approve, Held, Reject};
pub(crate) use audit::{Audit, AuditCommand, ExportAudit, ShowAudit, VerifyAudit, Why};
pub(crate) use backup::{Copies, CopiesCommand, PreviewCopies, RestoreCopy, RunCopies, SomeCopies, Which};
pub(crate) use controller::{
    Accept, Backup, Controller, Diff, Events, History, Notify, Reconcile, RestoreStore, Store, StoreCommand,
    Way, Within,
};
pub(crate) use doctor::Doctor;
pub(crate) use inventory::Inventory;
pub(crate) use notifier::{Notifier, NotifierCommand, TryNotifier};
pub(crate) use retention::{PreviewRetention, Rules, RulesCommand};
pub(crate) use serve::{LogLevel, Serve};

/// Keeps machines as your manifests say: reads them, shows the difference, closes it.
///
/// Exit codes: 0 nothing to do or done, 2 changes pending, 1 error, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Form of the output.
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
    /// Colour in the output; `NO_COLOR` is respected.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// Forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Text for people.
    Human,
    /// One JSON document for scripts, with a `formatVersion`.
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check manifests, and the controller's configuration; nothing is contacted.
    Validate(Validate),
    /// Read the targets and show what would be sent. Never writes.
    Plan(Plan),
    /// Send what a plan shows, after asking, and read it back; also a plan that was saved.
    ///
    /// A file of `plan --out` as the only path is applied exactly as it was shown, or refused as stale.
    Apply(Apply),
    /// Look after the copies that schedules make: list, run, prune, verify, restore.
    Backup(Copies),
    /// Try out rules of retention on a list of times, without any target.
    Retention(Rules),
    /// Show for each resource whether it is as its manifest says. Never writes.
    ///
    /// Without the controller's flags (`--config`, `--server`, `--source`) the targets are asked, by the manifests here.
    /// With one of them it is shown what the controller knows of its sources and resources.
    Status(Status),
    /// Run the controller: follow the sources, keep their targets as they say, until it is told to end.
    Serve(Serve),
    /// Check all that a controller needs: configuration, store, credentials, sources, targets, clocks. Never writes.
    Doctor(Doctor),
    /// Show what the controller did: its runs, or one of them in full.
    History(History),
    /// Show what happened, and with `--follow` what happens.
    Events(Events),
    /// Show what became different on the targets between two times. Exit code 2: something did.
    Diff(Diff),
    /// Tell the controller that sources may have something new: the line for a `post-receive` hook.
    Notify(Notify),
    /// Try out who is told what happens.
    Notifier(Notifier),
    /// Ask the controller to look at resources now, and to put right what it may.
    Reconcile(Reconcile),
    /// Show what is held and waits for a person, and what persons decided. Exit code 2: something waits.
    Approvals(Approvals),
    /// Let a change through that is held: exactly that one, for a while, after asking.
    Approve(Approve),
    /// Say that a change that is held shall not be sent.
    Reject(Reject),
    /// Let a held revision of a source in.
    Accept(Accept),
    /// Say of each field of a resource why it is as it is: the manifest's line, the commit, the run, the command, the person.
    Why(Why),
    /// Show, check and export the audit log: every command, decision and revision, as a chain of hashes.
    Audit(Audit),
    /// Take care of the controller's store.
    Store(Store),
    /// Explain a kind or a field: `explain ZfsDataset.properties`.
    Explain(Explain),
    /// Write the JSON Schemas of all kinds, for editors and CI.
    Schema(Schema),
    /// Read a live target and print the manifests that leave it as it is.
    Import(Import),
    /// Show what there is on a vCenter or an ESXi host: hosts and their releases, datastores, machines, snapshots. Never
    /// writes.
    Inventory(Inventory),
    /// Print a completion script for a shell.
    Completions(Completions),
    /// Write the manual pages of all commands: the package has them.
    #[command(hide = true)]
    Man(Man),
    /// Print the version.
    Version,
}

/// Which manifests.
#[derive(Debug, Clone, Args)]
pub(crate) struct Manifests {
    /// Files and folders with manifests (`*.yaml`, `*.yml`; folders with all below them), and resources to
    /// select, as KIND/NAME. Default: the current folder.
    #[arg(value_name = "PATH|KIND/NAME")]
    pub(crate) paths: Vec<String>,
    /// File with values for `${name}`; may be given several times, later ones override.
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
    /// Only resources that, themselves or by their target, have this label. Several: all of them.
    #[arg(long, short = 'l', value_name = "KEY=VALUE")]
    pub(crate) label: Vec<String>,
    /// Only resources on this target. Several: any of them.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Vec<String>,
}

/// How targets are reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reach {
    /// Folder of credentials: DIR/NAME/password, DIR/NAME/passphrase, … readable by you only.
    /// Default: `~/.config/evenkeel/credentials`.
    #[arg(long, value_name = "DIR", env = "EVENKEEL_CREDENTIALS")]
    pub(crate) credentials: Option<PathBuf>,
    /// The OpenSSH client configuration to respect. Default: `~/.ssh/config`.
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// File with the age identity that opens the encrypted secrets of the manifests.
    #[arg(long, value_name = "FILE", env = "EVENKEEL_AGE_IDENTITY")]
    pub(crate) age_identity: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) manifests: Manifests,
    /// Also check this configuration of the controller; without paths, only this.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) manifests: Manifests,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) view: View,
    /// Save the plan for `apply FILE`.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Also write every reply into this folder, secrets redacted: attach it to a bug report.
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub(crate) record: Option<PathBuf>,
    /// Plan from a recorded folder; nothing is contacted.
    #[arg(long, value_name = "DIR")]
    pub(crate) replay: Option<PathBuf>,
    /// Also write the plan as a comment on this pull or merge request, or into the comment from before: its address as a
    /// browser shows it (GitHub, GitLab, Gitea, Forgejo). The token is in the environment variable `EVENKEEL_FORGE_TOKEN`.
    #[arg(long, value_name = "URL")]
    pub(crate) comment: Option<String>,
}

/// What is allowed and shown.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct View {
    /// The highest risk that may be sent. Data loss is accepted in the manifest only.
    #[arg(long, value_enum, default_value_t = Allow::default())]
    pub(crate) allow: Allow,
    /// Show the exact commands.
    #[arg(long)]
    pub(crate) show_commands: bool,
    /// Show each change, field and command by itself, also where many are alike, and what else there is to see.
    #[arg(long)]
    pub(crate) full: bool,
}

/// Risks that a mode can allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Allow {
    /// Can be put back and disturbs nobody.
    Safe,
    /// Interrupts or slows what is using the object.
    #[default]
    Disruptive,
    /// Removes objects.
    Destructive,
}

impl From<Allow> for Risk {
    fn from(allow: Allow) -> Self {
        match allow {
            Allow::Safe => Risk::Safe,
            Allow::Disruptive => Risk::Disruptive,
            Allow::Destructive => Risk::Destructive,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
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

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) manifests: Manifests,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) way: Way,
    /// Only this source of the controller, and resources out of it.
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// `KIND` or `KIND.field.field`; without it, the kinds.
    pub(crate) what: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Folder to write into; it is created where missing.
    #[arg(long, value_name = "DIR", default_value = "schemas")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The target to read, as its manifest names it.
    pub(crate) target: String,
    /// Files and folders with the target's manifest. Default: the current folder.
    pub(crate) paths: Vec<String>,
    /// Only this kind.
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// File with values for `${name}`.
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Folder to write into; it is created where missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
}
