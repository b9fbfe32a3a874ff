//! `evenkeel history`

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::{RunFilter, RunId, RunRecord};
use serde_json::json;

use crate::args::{History as Args, Output};
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::memory::{Memory, RunInFull};
use crate::picked::Picked;
use crate::session;
use crate::ui;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let memory = Place::of(&args.controller)?.memory()?;
    match args.what.as_deref().and_then(|what| what.parse().ok()) {
        Some(number) => one(&memory, RunId(number), args, output),
        None => list(&memory, args, output),
    }
}

fn one(memory: &Memory, id: RunId, args: &Args, output: Output) -> Result<Exit, CliError> {
    if args.within.source.is_some() || args.within.target.is_some() {
        return Err(CliError::new(format!("run {id} is one run: --source and --target select among many")));
    }
    let missing = || CliError::new(format!("there is no run {id}")).hint("`evenkeel history` lists the runs");
    let read = session::block_on_reading(async { memory.run(id).await?.ok_or_else(missing) });
    let (run, journal): RunInFull = match read {
        Ok(found) => found?,
        Err(interrupted) => return Ok(interrupted),
    };
    match output {
        Output::Human => ui::show_run_record(&run, &journal),
        Output::Json => {
            ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "run": run, "journal": journal }))?;
        }
    }
    Ok(Exit::Done)
}

fn list(memory: &Memory, args: &Args, output: Output) -> Result<Exit, CliError> {
    let runs = match session::block_on_reading(read(memory, args)) {
        Ok(found) => found?,
        Err(interrupted) => return Ok(interrupted),
    };
    match output {
        Output::Human => ui::show_history(&runs),
        Output::Json => ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "runs": runs }))?,
    }
    Ok(Exit::Done)
}

async fn read(memory: &Memory, args: &Args) -> Result<Vec<RunRecord>, CliError> {
    let picked = Picked::of(memory, args.what.as_deref(), &args.within).await?;
    let about = picked.filter.clone();
    let filter = RunFilter {
        source: about.source,
        target: about.target,
        kind: about.kind,
        name: about.name,
        before: None,
        limit: Some(args.limit.into()),
    };
    let runs = memory.runs(&filter).await?;
    picked.found(!runs.is_empty())?;
    Ok(runs)
}
