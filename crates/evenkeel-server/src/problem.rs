//! Errors as RFC 9457 problem documents.

use std::time::Duration;

use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::StoreError;
use serde::Serialize;

/// What went wrong with a request, and what to do about it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    hint: Option<String>,
    header: Option<(HeaderName, String)>,
}

/// The document itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    format_version: u32,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem { status, detail: detail.into(), hint: None, header: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    /// Who asks is not known.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        let mut problem = Problem::new(StatusCode::UNAUTHORIZED, detail);
        problem.header = Some((WWW_AUTHENTICATE, "Bearer realm=\"evenkeel\"".to_owned()));
        problem
    }

    /// Too often; `wait` is when to come back.
    pub(crate) fn too_often(detail: impl Into<String>, wait: Duration) -> Self {
        let mut problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
        let seconds = wait.as_secs().saturating_add(1);
        problem.header = Some((RETRY_AFTER, seconds.to_string()));
        problem
    }

    /// The address is right, the method is not.
    pub(crate) fn method(allowed: &str) -> Self {
        let mut problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this takes {allowed} only"));
        problem.header = Some((ALLOW, allowed.to_owned()));
        problem
    }

    #[must_use]
    /// What is wrong, in one sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let problem =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("the store could not be read: {error}"));
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            format_version: FORMAT_VERSION,
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            hint: self.hint.as_deref(),
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(CONTENT_TYPE, kind)], body).into_response();
        if let Some((name, text)) = self.header
            && let Ok(value) = HeaderValue::from_str(&text)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
