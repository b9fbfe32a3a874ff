//! Webhooks: each is checked, and then taken as a hint that a source may have something new.
//!
//! What it says is never believed beyond that: the source is fetched and read. `signature.rs` knows how each forge signs,
//! `message.rs` what it says, `deliveries.rs` what already came.

mod deliveries;
mod message;
mod signature;

pub(crate) use deliveries::Deliveries;
pub(crate) use signature::SigningKey;

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::app::App;
use crate::body::{self, Answer};
use crate::caller::Door;
use crate::problem::Problem;
use crate::settings::Webhook;
use message::{Message, Unreadable};

/// What came of a webhook, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Received {
    /// It was passed on.
    Accepted,
    /// It had come before.
    Duplicate,
    /// It is about something else than a push.
    Ignored,
    /// It is not signed as it shall be, or cannot be read.
    Refused,
    /// There were too many.
    Limited,
}

impl Received {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Received::Accepted => "accepted",
            Received::Duplicate => "duplicate",
            Received::Ignored => "ignored",
            Received::Refused => "refused",
            Received::Limited => "limited",
        }
    }
}

pub(crate) async fn receive(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Extension(door): Extension<Door>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let webhook = app.settings.webhooks.get(&name);
    // Names that nobody gave share one count, so that they cannot fill the memory.
    let counted = webhook.map(|w| w.spec.name.clone());
    let limited = app.webhooks.take((counted.clone().unwrap_or_default(), door.address()), Instant::now());
    let (outcome, response) = match limited {
        Err(wait) => {
            let problem = Problem::too_often("too many webhooks came from this address", wait)
                .hint("limits.webhooksPerMinute in the Controller's configuration sets how many");
            (Received::Limited, problem.into_response())
        }
        Ok(()) => match take(&app, webhook, &headers, body).await {
            Ok(answer) => answer,
            Err(problem) => {
                if let Some(name) = &counted {
                    tracing::warn!(
                        "webhook {name}: refused what came from {}: {}",
                        door.name(),
                        problem.detail()
                    );
                }
                (Received::Refused, problem.into_response())
            }
        },
    };
    if let Some(name) = counted {
        // Those over the limit are counted only: whoever sends thousands of them must not fill the log as well.
        app.count(&name, outcome);
    }
    response
}

async fn take(
    app: &App,
    webhook: Option<&Webhook>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Received, Response), Problem> {
    // It is never closed, so there is always a place in the end.
    let _place = app.webhook_places.acquire().await;
    let body = body::read(body, body::WEBHOOK, app.settings.bounds.body).await?;
    let Some(webhook) = webhook else {
        // As much work as for a name that there is.
        let _ = SigningKey::nobody().verify(headers, &body);
        return Err(Problem::not_found("there is no such webhook").hint(
            "its name is the end of the address: look at `webhooks` in the Controller's configuration",
        ));
    };
    pass_on(app, webhook, headers, &body).await
}

async fn pass_on(
    app: &App,
    webhook: &Webhook,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(Received, Response), Problem> {
    let provider = webhook.spec.provider;
    let delivery = signature::verify(provider, &webhook.key, headers, body, Timestamp::now())
        .map_err(|refusal| Problem::unauthorized(refusal.to_string()).hint(refusal.hint()))?;
    let event = message::event(provider, headers);
    let message =
        message::read(provider, event, body, &webhook.spec.sources).map_err(|why| unreadable(&why))?;
    let notice = match message {
        Message::Ping => return Ok((Received::Ignored, Answer::of("pong", true).into_response())),
        Message::Other(what) => return Ok((Received::Ignored, Answer::of("ignored", what).into_response())),
        Message::Push(notice) => notice,
    };
    if !app.deliveries.is_new(&webhook.spec.name, &delivery.marks) {
        return Ok((Received::Duplicate, Answer::of("duplicate", true).into_response()));
    }
    let woken = app.ask(|handle| async move { handle.notify(&notice).await }).await?;
    if woken.is_empty() {
        tracing::info!(
            "webhook {}: a push woke nothing: no source follows that branch of that repository",
            webhook.spec.name
        );
    }
    Ok((Received::Accepted, Answer::of("woken", woken).status(StatusCode::ACCEPTED).into_response()))
}

fn unreadable(why: &Unreadable) -> Problem {
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why.to_string());
    problem.hint(why.hint())
}
