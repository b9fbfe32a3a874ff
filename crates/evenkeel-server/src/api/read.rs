//! What the store remembers.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::IntoResponse;
use evenkeel_engine::store::{AuditFilter, EventFilter, RunFilter, RunId};
use jiff::Timestamp;

use crate::app::App;
use crate::body::Answer;
use crate::params::Params;
use crate::problem::Problem;

/// Runs on one page.
const RUNS: usize = 1000;

/// Events on one page.
pub(crate) const EVENTS: usize = 10_000;

type Reply = Result<axum::response::Response, Problem>;

pub(crate) async fn sources(State(app): State<Arc<App>>, uri: Uri) -> Reply {
    Params::of(&uri)?.end()?;
    Ok(Answer::of("sources", app.store().sources().await?).into_response())
}

pub(crate) async fn resources(State(app): State<Arc<App>>, uri: Uri) -> Reply {
    let mut params = Params::of(&uri)?;
    let filter = params.resources()?;
    params.end()?;
    Ok(Answer::of("resources", app.store().resources(&filter).await?).into_response())
}

pub(crate) async fn runs(State(app): State<Arc<App>>, uri: Uri) -> Reply {
    let mut params = Params::of(&uri)?;
    let about = params.resources()?;
    let filter = RunFilter {
        source: about.source,
        target: about.target,
        kind: about.kind,
        name: about.name,
        before: params.parsed::<i64>("before", "120")?.map(RunId),
        limit: params.count("limit", RUNS)?,
    };
    params.end()?;
    Ok(Answer::of("runs", app.store().runs(&filter).await?).into_response())
}

pub(crate) async fn run(State(app): State<Arc<App>>, Path(id): Path<String>, uri: Uri) -> Reply {
    Params::of(&uri)?.end()?;
    let missing =
        || Problem::not_found("there is no such run").hint("/api/v1/runs lists those that there are");
    let number = id.parse().map_err(|_| missing())?;
    let (run, journal) = app.store().run(RunId(number)).await?.ok_or_else(missing)?;
    Ok(Answer::of("run", run).and("journal", journal).into_response())
}

pub(crate) async fn inventory(State(app): State<Arc<App>>, uri: Uri) -> Reply {
    let mut params = Params::of(&uri)?;
    let source = params.text("source")?;
    params.end()?;
    Ok(Answer::of("inventory", app.store().inventory(source.as_deref()).await?).into_response())
}

pub(crate) async fn events(State(app): State<Arc<App>>, uri: Uri) -> Reply {
    let mut params = Params::of(&uri)?;
    let filter = EventFilter {
        after: params.parsed("after", "1200")?,
        last: params.count("last", EVENTS)?,
        limit: params.count("limit", EVENTS)?,
        about: params.resources()?,
    };
    params.end()?;
    Ok(Answer::of("events", app.store().events(&filter).await?).into_response())
}

pub(crate) async fn audit(State(app): State<Arc<App>>, uri: Uri) -> Reply {
    let mut params = Params::of(&uri)?;
    let filter = AuditFilter {
        after: params.parsed("after", "1200")?,
        since: params.parsed("since", "2026-11-20T18:00:00Z")?,
        what: params.text("what")?,
        last: params.count("last", EVENTS)?,
        limit: params.count("limit", EVENTS)?,
        about: params.resources()?,
    };
    params.end()?;
    Ok(Answer::of("audit", app.store().audit(&filter).await?).into_response())
}

pub(crate) async fn observations(State(app): State<Arc<App>>, uri: Uri) -> Reply {
    let mut params = Params::of(&uri)?;
    let filter = params.resources()?;
    let at = params.parsed::<Timestamp>("at", "2026-11-20T18:00:00Z")?.unwrap_or_else(Timestamp::now);
    params.end()?;
    let seen = app.store().observed_at(&filter, at).await?;
    Ok(Answer::of("observations", seen).and("at", at).into_response())
}
