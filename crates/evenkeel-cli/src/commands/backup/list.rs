//! `evenkeel backup list` and `preview`

use evenkeel_core::driver::Generation;
use evenkeel_core::plan::{Change, FORMAT_VERSION, Policy};
use jiff::Timestamp;
use serde::Serialize;

use super::{open, plan, reach};
use crate::args::{Output, PreviewCopies, SomeCopies};
use crate::commands::plan as planning;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui;

/// The document of `backup list`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    format_version: u32,
    schedules: Vec<Schedule<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Schedule<'a> {
    #[serde(flatten)]
    id: &'a evenkeel_core::plan::InstanceId,
    health: &'a [evenkeel_core::driver::Health],
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a evenkeel_core::plan::ChangeError>,
    generations: Vec<&'a Generation>,
}

pub(super) fn run(args: &SomeCopies, output: Output) -> Result<Exit, CliError> {
    let workspace = open(&args.manifests)?;
    args.which.slot()?;
    let reached = reach(&workspace, &args.reach);
    let plan = match plan(&workspace, &reached, Policy::default())? {
        Ok(plan) => plan,
        Err(interrupted) => return Ok(interrupted),
    };
    let mut schedules = Vec::new();
    for change in &plan.changes {
        schedules.push((change, args.which.of(&change.report.generations)?));
    }
    match output {
        Output::Human => ui::show_copies(&schedules),
        Output::Json => {
            let schedules = schedules.into_iter().map(|(change, generations)| of(change, generations));
            ui::print_json(&Document { format_version: FORMAT_VERSION, schedules: schedules.collect() })?;
        }
    }
    Ok(if plan.has_errors() { Exit::Error } else { Exit::Done })
}

fn of<'a>(change: &'a Change, generations: Vec<&'a Generation>) -> Schedule<'a> {
    Schedule {
        id: &change.id,
        health: &change.report.health,
        next: change.report.next,
        error: change.error.as_ref(),
        generations,
    }
}

pub(super) fn preview(args: &PreviewCopies, output: Output) -> Result<Exit, CliError> {
    let workspace = open(&args.manifests)?;
    let reached = reach(&workspace, &args.reach);
    let plan = match plan(&workspace, &reached, Policy::allowing(args.view.allow.into()))? {
        Ok(plan) => plan,
        Err(interrupted) => return Ok(interrupted),
    };
    if output == Output::Human {
        let all: Vec<_> = plan.changes.iter().map(|c| (c, c.report.generations.iter().collect())).collect();
        ui::show_copies(&all);
    }
    planning::show(&plan, &workspace.scope, args.view, output)?;
    Ok(planning::exit(&plan))
}
