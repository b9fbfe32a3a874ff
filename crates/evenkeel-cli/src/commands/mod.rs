//! One file per command.

mod accept;
mod apply;
mod approvals;
mod audit;
mod backup;
mod comment;
mod completions;
mod diff;
mod doctor;
mod events;
mod explain;
mod history;
mod import;
mod inventory;
mod man;
mod notifier;
mod notify;
mod plan;
mod reconcile;
mod retention;
mod schema;
mod serve;
mod standing;
mod status;
mod store;
mod validate;
mod version;
mod why;

pub(crate) use backup::Checked;
pub(crate) use doctor::{Finding, Verdict};
pub(crate) use inventory::Limit;
pub(crate) use why::{Account, Deed, FieldAccount};

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::exit::Exit;

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli) -> Result<Exit, CliError> {
    match &cli.command {
        Command::Validate(args) => validate::run(args, cli.output),
        Command::Plan(args) => plan::run(args, cli.output),
        Command::Apply(args) => apply::run(args, cli.output),
        Command::Retention(args) => retention::run(args, cli.output),
        Command::Status(args) => status::run(args, cli.output),
        Command::Serve(args) => serve::run(args, cli.output),
        Command::Doctor(args) => doctor::run(args, cli.output),
        Command::History(args) => history::run(args, cli.output),
        Command::Events(args) => events::run(args, cli.output),
        Command::Diff(args) => diff::run(args, cli.output),
        Command::Notifier(args) => notifier::run(args, cli.output),
        Command::Notify(args) => notify::run(args, cli.output),
        Command::Reconcile(args) => reconcile::run(args, cli.output),
        Command::Backup(args) => backup::run(args, cli.output),
        Command::Approvals(args) => approvals::run(args, cli.output),
        Command::Approve(args) => approvals::approve(args, cli.output),
        Command::Reject(args) => approvals::reject(args, cli.output),
        Command::Accept(args) => accept::run(args, cli.output),
        Command::Why(args) => why::run(args, cli.output),
        Command::Audit(args) => audit::run(args, cli.output),
        Command::Store(args) => store::run(args, cli.output),
        Command::Explain(args) => explain::run(args, cli.output),
        Command::Schema(args) => schema::run(args),
        Command::Import(args) => import::run(args, cli.output),
        Command::Inventory(args) => inventory::run(args, cli.output),
        Command::Completions(args) => Ok(completions::run(args)),
        Command::Man(args) => man::run(args),
        Command::Version => version::run(cli.output),
    }
}
