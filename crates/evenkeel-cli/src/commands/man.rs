//! `evenkeel man`

use clap::CommandFactory as _;

use crate::args::{Cli, Man};
use crate::error::CliError;
use crate::exit::Exit;

pub(crate) fn run(args: &Man) -> Result<Exit, CliError> {
    let about = |e| CliError::new(format!("cannot write to {}", args.dir.display())).because(e);
    std::fs::create_dir_all(&args.dir).map_err(about)?;
    clap_mangen::generate_to(Cli::command(), &args.dir).map_err(about)?;
    Ok(Exit::Done)
}
