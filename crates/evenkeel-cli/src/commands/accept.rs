//! `evenkeel accept`

use evenkeel_core::manifest::did_you_mean;
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::{SourceStatus, SourceVerdict};
use evenkeel_server::client::{ClientError, escaped};
use serde_json::{Value, json};

use crate::args::{Accept as Args, Output};
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::ui;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let place = Place::of(&args.controller)?;
    match session::block_on_reading(accept(&place, args)) {
        Ok(accepted) => accepted?,
        Err(interrupted) => return Ok(interrupted),
    }
    let Args { source, revision, .. } = args;
    match output {
        Output::Human => ui::print(&format!("accepted: {source} goes on with {revision}\n")),
        Output::Json => ui::print_json(
            &json!({ "formatVersion": FORMAT_VERSION, "source": source, "accepted": revision }),
        )?,
    }
    Ok(Exit::Done)
}

async fn accept(place: &Place, args: &Args) -> Result<(), CliError> {
    let path = format!("/api/v1/sources/{}/accept", escaped(&args.source));
    let asked = place.client().post_json::<_, Value>(&path, &json!({ "revision": args.revision })).await;
    match asked {
        Ok(_) => Ok(()),
        Err(error @ ClientError::Refused { status: 409, .. }) => Err(not_held(place, args, error).await),
        Err(error) => Err(error.into()),
    }
}

/// Why the controller did not take it, and which revision it would.
async fn not_held(place: &Place, args: &Args, error: ClientError) -> CliError {
    let Ok(memory) = place.memory() else { return error.into() };
    let Ok(sources) = memory.sources().await else { return error.into() };
    let Some(source) = sources.iter().find(|source| source.name == args.source) else {
        let near = did_you_mean(&args.source, sources.iter().map(|source| source.name.as_str()));
        return CliError::new(format!("the controller knows no source `{}`{near}", args.source));
    };
    let said = CliError::new(error.to_string());
    match source {
        SourceStatus { verdict: SourceVerdict::Held { revision, .. }, name, .. } => {
            said.hint(format!("that one is let in with `evenkeel accept {name} {}`", revision.short()))
        }
        _ => said.hint(format!("`evenkeel status --source {}` shows how it stands with it", source.name)),
    }
}
