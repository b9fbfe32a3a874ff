//! One file per command.

mod apply;
mod completions;
mod explain;
mod import;
mod plan;
mod schema;
mod status;
mod validate;
mod version;

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::exit::Exit;

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli) -> Result<Exit, CliError> {
    match &cli.command {
        Command::Validate(args) => validate::run(args, cli.output),
        Command::Plan(args) => plan::run(args, cli.output),
        Command::Apply(args) => apply::run(args, cli.output),
        Command::Status(args) => status::run(args, cli.output),
        Command::Explain(args) => explain::run(args, cli.output),
        Command::Schema(args) => schema::run(args),
        Command::Import(args) => import::run(args, cli.output),
        Command::Completions(args) => Ok(completions::run(args)),
        Command::Version => version::run(cli.output),
    }
}
