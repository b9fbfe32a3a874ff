//! Events as they happen, as server-sent events.
//!
//! What the controller broadcasts only wakes the stream; what it sends is read from the store after the last number
//! that was sent. So nothing is lost or sent twice, whoever is slow.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::{Event, EventFilter, ResourceFilter};
use serde::Serialize;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::params::Params;
use crate::problem::Problem;

/// Events that are read from the store at once.
const PAGE: usize = 500;

/// An event as it is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    format_version: u32,
    #[serde(flatten)]
    event: &'a Event,
}

struct Stream {
    app: Arc<App>,
    hints: broadcast::Receiver<Arc<Event>>,
    stopping: watch::Receiver<bool>,
    about: ResourceFilter,
    last: u64,
    ready: VecDeque<Event>,
    /// Something may be in the store that was not read yet.
    behind: bool,
    begun: bool,
}

pub(crate) async fn events(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut params = Params::of(&uri)?;
    let after = params.parsed::<u64>("after", "1200")?;
    let about = params.resources()?;
    params.end()?;
    // First listen, then look: what happens in between is found by one of the two.
    let hints = app.handle.subscribe();
    let last = match last_seen(&headers)?.or(after) {
        Some(number) => number,
        None => newest(&app).await?,
    };
    let stopping = app.stopping.clone();
    let stream =
        Stream { app, hints, stopping, about, last, ready: VecDeque::new(), behind: true, begun: false };
    let frames = futures_util::stream::unfold(stream, |mut stream| async move {
        let frame = stream.next().await?;
        Some((Ok::<_, Infallible>(frame), stream))
    });
    let kind = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((kind, Body::from_stream(frames)).into_response())
}

/// What a client that was cut off saw last.
fn last_seen(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| Problem::bad_request("the header Last-Event-ID is no number of an event"))
}

async fn newest(app: &App) -> Result<u64, Problem> {
    let filter = EventFilter { last: Some(1), ..EventFilter::default() };
    Ok(app.store().events(&filter).await?.last().map_or(0, |event| event.seq))
}

impl Stream {
    /// What is sent next; `None` is the end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            return Some(Bytes::from_static(b": events follow\n\n"));
        }
        let heartbeat = Instant::now() + self.app.settings.bounds.heartbeat;
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.last = event.seq;
                return frame(&event);
            }
            if *self.stopping.borrow() {
                return None;
            }
            if self.behind {
                self.read().await?;
                continue;
            }
            tokio::select! {
                _ = self.stopping.changed() => {}
                hint = timeout_at(heartbeat, self.hints.recv()) => match hint {
                    Ok(Ok(_) | Err(RecvError::Lagged(_))) => self.heard(),
                    Ok(Err(RecvError::Closed)) => return None,
                    Err(_) => {
                        // Also a look: should a hint ever be missing, it is late and not lost.
                        self.behind = true;
                        return Some(Bytes::from_static(b": alive\n\n"));
                    }
                }
            }
        }
    }

    /// However many hints there are, the store is read once.
    fn heard(&mut self) {
        self.behind = true;
        while !matches!(self.hints.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
    }

    /// Reads the next page. `None` where the store cannot be read: the client comes back with what it saw last.
    async fn read(&mut self) -> Option<()> {
        let filter = EventFilter {
            after: Some(self.last),
            limit: Some(PAGE),
            about: self.about.clone(),
            ..EventFilter::default()
        };
        let page = self.app.store().events(&filter).await.ok()?;
        self.behind = page.len() >= PAGE;
        self.ready.extend(page);
        Some(())
    }
}

fn frame(event: &Event) -> Option<Bytes> {
    let data = serde_json::to_string(&Sent { format_version: FORMAT_VERSION, event }).ok()?;
    Some(Bytes::from(format!("id: {}\nevent: event\ndata: {data}\n\n", event.seq)))
}
