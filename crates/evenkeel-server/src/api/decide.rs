//! What is held and waits for a person, and what persons say about it.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use evenkeel_core::period::Period;
use evenkeel_engine::controller::{Decision, Refusal, RefusalKind, Word};
use evenkeel_engine::store::ApprovalFilter;
use serde::Deserialize;

use crate::app::App;
use crate::body::{Answer, read_json};
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;

/// Decisions on one page that are over.
const OVER: usize = 1000;

/// For how long an approval counts that says nothing else.
const USUALLY: Period = Period::days(1);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ApproveRequest {
    reason: String,
    #[serde(default = "usually", rename = "for")]
    within: Period,
    #[serde(default)]
    override_window: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RejectRequest {
    reason: String,
}

fn usually() -> Period {
    USUALLY
}

pub(crate) async fn approvals(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::of(&uri)?;
    let filter = ApprovalFilter {
        live: params.parsed::<bool>("live", "true")?.unwrap_or(false),
        about: params.resources()?,
        limit: params.count("limit", OVER)?,
    };
    params.end()?;
    Ok(Answer::of("approvals", app.store().approvals(&filter).await?).into_response())
}

pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    Path(plan): Path<String>,
    caller: Extension<Option<Caller>>,
    body: Body,
) -> Result<Response, Problem> {
    let wish: ApproveRequest = read_json(body, app.settings.bounds.body).await?;
    let word = Word::Approve { within: wish.within, override_window: wish.override_window };
    decide(&app, plan, caller, wish.reason, word).await
}

pub(crate) async fn reject(
    State(app): State<Arc<App>>,
    Path(plan): Path<String>,
    caller: Extension<Option<Caller>>,
    body: Body,
) -> Result<Response, Problem> {
    let wish: RejectRequest = read_json(body, app.settings.bounds.body).await?;
    decide(&app, plan, caller, wish.reason, Word::Reject).await
}

async fn decide(
    app: &App,
    plan: String,
    caller: Extension<Option<Caller>>,
    reason: String,
    word: Word,
) -> Result<Response, Problem> {
    let by = caller.0.map_or_else(|| "unknown".to_owned(), |caller| caller.name);
    let decision = Decision { plan, by, reason, word };
    let decided = app.ask(|handle| async move { handle.decide(decision).await }).await?;
    let record = decided.map_err(|refusal| problem(&refusal))?;
    Ok(Answer::of("decided", record).into_response())
}

fn problem(refusal: &Refusal) -> Problem {
    let status = match refusal.kind {
        RefusalKind::Bad => StatusCode::BAD_REQUEST,
        RefusalKind::Unknown => StatusCode::NOT_FOUND,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::Unwritten => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, refusal.message.clone()).hint(refusal.hint.clone())
}
