//! What a person can ask the controller to do.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use evenkeel_engine::controller::Notice;
use evenkeel_engine::store::ResourceFilter;
use serde::Deserialize;

use crate::app::App;
use crate::body::{Answer, read_json};
use crate::caller::Caller;
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NotifyRequest {
    /// The sources; none: all.
    #[serde(default)]
    sources: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReconcileRequest {
    source: Option<String>,
    target: Option<String>,
    kind: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AcceptRequest {
    revision: String,
}

pub(crate) async fn notify(State(app): State<Arc<App>>, body: Body) -> Result<Response, Problem> {
    let wish: NotifyRequest = read_json(body, app.settings.bounds.body).await?;
    let notice = if wish.sources.is_empty() { Notice::All } else { Notice::Sources(wish.sources.clone()) };
    let woken = app.ask(|handle| async move { handle.notify(&notice).await }).await?;
    let unknown: Vec<&String> = wish.sources.iter().filter(|s| !woken.contains(s)).collect();
    if woken.is_empty() && !unknown.is_empty() {
        return Err(Problem::not_found("there is no source of that name")
            .hint("/api/v1/sources lists those that there are"));
    }
    Ok(Answer::of("woken", &woken).and("unknown", &unknown).status(StatusCode::ACCEPTED).into_response())
}

pub(crate) async fn reconcile(
    State(app): State<Arc<App>>,
    caller: Extension<Option<Caller>>,
    body: Body,
) -> Result<Response, Problem> {
    let wish: ReconcileRequest = read_json(body, app.settings.bounds.body).await?;
    let filter =
        ResourceFilter { source: wish.source, target: wish.target, kind: wish.kind, name: wish.name };
    let by = name(caller);
    let woken = app.ask(|handle| async move { handle.reconcile(&filter, &by).await }).await?;
    let answer = Answer::of("resources", woken.resources).and("targets", woken.targets);
    Ok(answer.status(StatusCode::ACCEPTED).into_response())
}

pub(crate) async fn accept(
    State(app): State<Arc<App>>,
    Path(source): Path<String>,
    caller: Extension<Option<Caller>>,
    body: Body,
) -> Result<Response, Problem> {
    let wish: AcceptRequest = read_json(body, app.settings.bounds.body).await?;
    let refused = |why: String| {
        Problem::new(StatusCode::CONFLICT, why).hint("/api/v1/sources shows which revision is held, and why")
    };
    let (by, revision) = (name(caller), wish.revision.clone());
    let accepted = app.ask(|handle| async move { handle.accept(&source, &revision, &by).await }).await?;
    accepted.map_err(refused)?;
    Ok(Answer::of("accepted", wish.revision).into_response())
}

/// Who is written down as the one who asked.
fn name(caller: Extension<Option<Caller>>) -> String {
    caller.0.map_or_else(|| "unknown".to_owned(), |caller| caller.name)
}
