//! `evenkeel completions SHELL`

use clap::CommandFactory as _;

use crate::args::{Cli, Completions};
use crate::exit::Exit;
use crate::ui;

pub(crate) fn run(args: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "evenkeel", &mut script);
    ui::print_raw(&String::from_utf8_lossy(&script));
    Exit::Done
}
