//! `evenkeel status`: of the targets, or of what a controller knows.

use std::sync::Arc;

use evenkeel_core::condition::conditions;
use evenkeel_core::plan::{FORMAT_VERSION, Policy};
use evenkeel_engine::Stop;
use serde_json::json;

use crate::args::{Output, Status as Args};
use crate::commands::{plan, standing};
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::ui::{self, Bars};

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    if args.way.config.is_some() || args.way.server.is_some() || args.source.is_some() {
        return standing::run(args, output);
    }
    let workspace = session::open(&args.manifests, &evenkeel_drivers::registry())?;
    let bars = Arc::new(Bars::new());
    let credentials = session::credentials(&args.reach, workspace.secrets.clone());
    let transport = session::transport(&args.reach, &credentials);
    let engine = session::engine(transport, Arc::clone(&bars) as _, &Stop::default());
    let planned =
        session::read_by(&engine, async { Ok(engine.plan(&workspace.scope, Policy::default()).await) });
    bars.clear();
    let plan = match planned {
        Ok(plan) => plan?,
        Err(interrupted) => return Ok(interrupted),
    };
    let rows: Vec<_> = plan.changes.iter().map(|change| (change, conditions(change))).collect();
    match output {
        Output::Human => ui::show_status(&rows),
        Output::Json => {
            let resources: Vec<_> = rows
                .iter()
                .map(|(c, conditions)| json!({ "id": c.id, "object": c.object, "location": c.location, "conditions": conditions }))
                .collect();
            ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "resources": resources }))?;
        }
    }
    let ails = plan.changes.iter().any(|change| change.report.trouble().is_some());
    Ok(match plan::exit(&plan) {
        Exit::Done if ails => Exit::Pending,
        exit => exit,
    })
}
