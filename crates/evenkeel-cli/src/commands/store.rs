//! `evenkeel store`

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::Store as _;
use serde_json::json;

use crate::args::{Backup, Output, Store as Args, StoreCommand};
use crate::controller::{open_store, state_directory};
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::ui;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    match &args.what {
        StoreCommand::Backup(args) => backup(args, output),
    }
}

fn backup(args: &Backup, output: Output) -> Result<Exit, CliError> {
    let state = state_directory(args.config.as_deref(), &args.values)?;
    let store = open_store(&state)?;
    let about = |why: String| CliError::new("the store was not backed up").because(why);
    let copied =
        session::block_on_reading(async { store.backup(&args.file).await.map_err(|e| about(e.to_string())) });
    match copied {
        Ok(done) => done?,
        Err(interrupted) => return Ok(interrupted),
    }
    let file = args.file.display();
    match output {
        Output::Human => ui::print(&format!("saved: {} as {file}\n", state.store().display())),
        Output::Json => ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "file": args.file }))?,
    }
    Ok(Exit::Done)
}
