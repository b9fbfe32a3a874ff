//! Bodies: what comes in within bounds, what goes out as JSON.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use evenkeel_core::plan::FORMAT_VERSION;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::problem::Problem;

/// Bytes of a webhook.
pub(crate) const WEBHOOK: usize = 1024 * 1024;

/// Bytes of any other request.
pub(crate) const REQUEST: usize = 64 * 1024;

/// The whole body, if it is not too large and comes in time.
pub(crate) async fn read(body: Body, most: usize, within: Duration) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body here has at most {} KiB", most / 1024))
    };
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    match tokio::time::timeout(within, Limited::new(body, most).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(e)) => Err(Problem::bad_request(format!("the body did not arrive whole: {e}"))),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} seconds", within.as_secs()),
        )),
    }
}

/// The body as JSON. No body is as `{}`.
pub(crate) async fn read_json<T: DeserializeOwned>(body: Body, within: Duration) -> Result<T, Problem> {
    let bytes = read(body, REQUEST, within).await?;
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    // A list would otherwise be taken for the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::bad_request("the body is not as expected: it is no JSON object"));
    }
    serde_json::from_slice(bytes)
        .map_err(|e| Problem::bad_request(format!("the body is not as expected: {e}")))
}

/// An answer in JSON with one or two named parts below `formatVersion`.
pub(crate) struct Answer<A, B = ()> {
    status: StatusCode,
    first: (&'static str, A),
    second: Option<(&'static str, B)>,
}

impl<A: Serialize> Answer<A> {
    pub(crate) fn of(name: &'static str, value: A) -> Self {
        Answer { status: StatusCode::OK, first: (name, value), second: None }
    }
}

impl<A: Serialize, B: Serialize> Answer<A, B> {
    pub(crate) fn and<C: Serialize>(self, name: &'static str, value: C) -> Answer<A, C> {
        Answer { status: self.status, first: self.first, second: Some((name, value)) }
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl<A: Serialize, B: Serialize> Serialize for Answer<A, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("formatVersion", &FORMAT_VERSION)?;
        map.serialize_entry(self.first.0, &self.first.1)?;
        if let Some((name, value)) = &self.second {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<A: Serialize, B: Serialize> IntoResponse for Answer<A, B> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self) {
            Ok(bytes) => {
                let kind = HeaderValue::from_static("application/json");
                (self.status, [(CONTENT_TYPE, kind)], bytes).into_response()
            }
            Err(e) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the answer is no JSON: {e}"))
                .into_response(),
        }
    }
}
