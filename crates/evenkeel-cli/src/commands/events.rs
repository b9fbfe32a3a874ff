//! `evenkeel events`

use std::time::Duration;

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::{Event, EventFilter, ResourceFilter};
use evenkeel_server::client::ClientError;
use futures_util::StreamExt as _;
use serde_json::json;

use crate::args::{Events as Args, Output};
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::memory::Memory;
use crate::picked::Picked;
use crate::session;
use crate::ui;

/// Where the controller does not run, the store is read this often: a person waits, and reading is cheap.
const PAUSE: Duration = Duration::from_secs(1);

/// Events that are read at once. Also the most that an address gives.
const PAGE: usize = 10_000;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let place = Place::of(&args.controller)?;
    let memory = place.memory()?;
    let work = async {
        let (shown, last, about) = begin(&memory, args).await?;
        match (args.follow, output) {
            (false, Output::Json) => {
                ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "events": shown }))?;
            }
            (false, Output::Human) | (true, _) => shown.iter().try_for_each(|event| show(event, output))?,
        }
        if args.follow { follow(&place, &memory, last, &about, output).await } else { Ok(Exit::Done) }
    };
    match session::block_on_reading(work) {
        Ok(exit) => exit,
        Err(interrupted) => Ok(interrupted),
    }
}

/// The last events, the number after which it goes on, and what they are about.
async fn begin(memory: &Memory, args: &Args) -> Result<(Vec<Event>, u64, ResourceFilter), CliError> {
    let picked = Picked::of(memory, args.resource.as_deref(), &args.within).await?;
    let about = picked.filter.clone();
    // Of all events, whatever they are about: the place to go on from.
    let newest = EventFilter { last: Some(1), ..EventFilter::default() };
    let newest = memory.events(&newest).await?.last().map_or(0, |event| event.seq);
    if args.last == 0 {
        picked.known()?;
        return Ok((Vec::new(), newest, about));
    }
    let filter = EventFilter { last: Some(args.last.into()), about: about.clone(), ..EventFilter::default() };
    let events = memory.events(&filter).await?;
    picked.found(!events.is_empty())?;
    let last = events.last().map_or(newest, |event| event.seq.max(newest));
    Ok((events, last, about))
}

/// Shows events as they come, for ever: as the controller sends them, or out of the store while it does not run.
async fn follow(
    place: &Place,
    memory: &Memory,
    mut last: u64,
    about: &ResourceFilter,
    output: Output,
) -> Result<Exit, CliError> {
    let client = place.client();
    let mut is_told = false;
    loop {
        match client.events(Some(last), about).await {
            Ok(mut stream) => {
                is_told = false;
                while let Some(news) = stream.next().await {
                    match news {
                        Ok(event) => {
                            last = last.max(event.seq);
                            show(&event, output)?;
                        }
                        Err(error) => missed(place, error, &mut is_told)?,
                    }
                }
            }
            Err(error) => missed(place, error, &mut is_told)?,
        }
        if matches!(memory, Memory::Store(_)) {
            let filter = EventFilter {
                after: Some(last),
                limit: Some(PAGE),
                about: about.clone(),
                ..EventFilter::default()
            };
            for event in memory.events(&filter).await? {
                last = last.max(event.seq);
                show(&event, output)?;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A controller that does not answer now may do so later; what will not pass is an error. Said once.
fn missed(place: &Place, error: ClientError, is_told: &mut bool) -> Result<(), CliError> {
    match place {
        // The store has the events, too.
        Place::Here(_) => Ok(()),
        Place::There(_) if error.is_retryable() => {
            if !std::mem::replace(is_told, true) {
                ui::note(&format!("{error}; trying again\n"));
            }
            Ok(())
        }
        Place::There(_) => Err(error.into()),
    }
}

fn show(event: &Event, output: Output) -> Result<(), CliError> {
    match output {
        Output::Human => {
            ui::print(&ui::event_line(&event.what));
            Ok(())
        }
        Output::Json => ui::print_json_line(&ui::EventDocument::of(event)),
    }
}
