//! The `evenkeel` command: the only place that prints, exits, and puts the pieces together.

mod args;
mod between;
mod commands;
mod controller;
mod error;
mod exit;
mod inputs;
mod memory;
mod picked;
mod select;
mod session;
mod times;
mod ui;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Color, Output};
use exit::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            let _ = usage.print();
            // Exit code 2 means "changes pending"; a wrong command line is an error like others.
            return if usage.use_stderr() { Exit::Error } else { Exit::Done }.into();
        }
    };
    match cli.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    match commands::run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            ui::note(&format!("{error}\n"));
            if cli.output == Output::Json {
                // Scripts get one document in any case. That it cannot be written is no other error.
                let _ = ui::print_json(&error.to_json());
            }
            Exit::Error.into()
        }
    }
}
