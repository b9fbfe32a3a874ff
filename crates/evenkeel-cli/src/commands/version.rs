//! `evenkeel version`

use evenkeel_core::plan::FORMAT_VERSION;
use serde_json::json;

use crate::args::Output;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui;

pub(crate) fn run(output: Output) -> Result<Exit, CliError> {
    let version = env!("CARGO_PKG_VERSION");
    match output {
        Output::Human => ui::print(&format!("evenkeel {version}\n")),
        Output::Json => ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "version": version }))?,
    }
    Ok(Exit::Done)
}
