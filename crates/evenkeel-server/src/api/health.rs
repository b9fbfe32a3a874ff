//! Whether the controller is alive, and ready.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use evenkeel_engine::controller::Health;

use crate::app::App;
use crate::body::Answer;
use crate::caller::{Caller, Door, recognized};

pub(crate) async fn live(State(app): State<Arc<App>>) -> impl IntoResponse {
    let live = app.handle.health().live;
    Answer::of("live", live).status(if live { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE })
}

/// Anybody may know whether it is ready; why not names sources, which is for those who may look at them.
pub(crate) async fn ready(
    State(app): State<Arc<App>>,
    caller: Extension<Option<Caller>>,
    door: Extension<Door>,
    headers: HeaderMap,
) -> Response {
    let health = app.handle.health();
    let ready = health.ready && !health.draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let answer = Answer::of("ready", ready).status(status);
    match caller.0.or_else(|| recognized(&app, door.0, &headers)) {
        Some(_) => answer.and::<Health>("health", health).into_response(),
        None => answer.into_response(),
    }
}
