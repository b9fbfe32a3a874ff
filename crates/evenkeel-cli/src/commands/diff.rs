//! `evenkeel diff`

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::{ResourceFilter, RunFilter, RunRecord};
use evenkeel_engine::{Clock as _, SystemClock};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::args::{Diff as Args, Output};
use crate::between::{Difference, differences};
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::memory::Memory;
use crate::picked::Picked;
use crate::session;
use crate::times;
use crate::ui;

/// Runs that are read at once.
const PAGE: usize = 1000;

/// No run takes this long: those that began earlier had ended.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(24);

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let (from, to) = times(args, SystemClock.now())?;
    let memory = Place::of(&args.controller)?.memory()?;
    let found = match session::block_on_reading(read(&memory, args, from, to)) {
        Ok(found) => found?,
        Err(interrupted) => return Ok(interrupted),
    };
    match output {
        Output::Human => ui::show_differences(&found, from, to),
        Output::Json => ui::print_json(&json!({
            "formatVersion": FORMAT_VERSION,
            "from": from,
            "to": to,
            "differences": found,
        }))?,
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::Pending })
}

/// The two times, the earlier one first.
fn times(args: &Args, now: Timestamp) -> Result<(Timestamp, Timestamp), CliError> {
    let zone = TimeZone::system();
    let parse = |text: &String| times::parse(text, now, &zone);
    let (one, other) = match args.at.as_slice() {
        [from] => (parse(from)?, now),
        [from, to] => (parse(from)?, parse(to)?),
        _ => {
            return Err(CliError::new("--at is given once or twice: from one time to another, or until now"));
        }
    };
    Ok((one.min(other), one.max(other)))
}

async fn read(
    memory: &Memory,
    args: &Args,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Difference>, CliError> {
    let picked = Picked::of(memory, args.resource.as_deref(), &args.within).await?;
    let filter = picked.filter.clone();
    let after = memory.observed_at(&filter, to).await?;
    picked.found(!after.is_empty())?;
    let before = memory.observed_at(&filter, from).await?;
    let runs = runs(memory, filter, from, to).await?;
    Ok(differences(&before, &after, &runs, &evenkeel_drivers::registry()))
}

/// The runs between two times, the newest first.
async fn runs(
    memory: &Memory,
    about: ResourceFilter,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<RunRecord>, CliError> {
    let mut filter = RunFilter {
        source: about.source,
        target: about.target,
        kind: about.kind,
        name: about.name,
        before: None,
        limit: Some(PAGE),
    };
    let mut found = Vec::new();
    loop {
        let page = memory.runs(&filter).await?;
        let is_last = page.len() < PAGE;
        let Some(oldest) = page.last() else { return Ok(found) };
        let is_earlier = oldest.started.duration_since(from) < -LONGEST_RUN;
        filter.before = Some(oldest.id);
        let ended = |run: &RunRecord| run.finished.unwrap_or(to);
        found.extend(page.into_iter().filter(|run| run.started <= to && ended(run) > from));
        if is_last || is_earlier {
            return Ok(found);
        }
    }
}
