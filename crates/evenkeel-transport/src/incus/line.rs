//! A connection to a server for one exchange: made when it is needed, and again where it broke.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::target::Target;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, RANGE, USER_AGENT};
use hyper::{Method, Request};
use reqwest::Url;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::http::{self, Connection, Failure, Keep};
use super::way::Way;
use crate::DEFAULT_OUTPUT_LIMIT;
use crate::credentials::Credentials;
use crate::ssh::SshClient;

/// A call may take so many seconds where the target does not say.
const PATIENCE: u32 = 60;

/// No call takes longer, whatever is asked for.
const LONGEST: Duration = Duration::from_hours(24 * 7);

/// A server that can be called.
pub(super) struct Line<'t> {
    way: Way,
    /// The target and where it is, for messages.
    pub(super) whose: String,
    project: Option<&'t str>,
    pub(super) patience: Duration,
    connection: Option<Connection>,
    /// The server said that it knows us, or needs not.
    trusted: bool,
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    /// Path and query.
    to: String,
    body: Option<Bytes>,
    keep: Keep,
}

impl Call {
    /// `path` with nothing in it encoded; `None` where it is no path of the interface.
    pub(super) fn new<'a>(
        method: Method,
        path: &str,
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return None;
        }
        let mut url = Url::parse("http://unix.socket").ok()?;
        url.path_segments_mut().ok()?.clear().extend(parts);
        let query: Vec<_> = query.into_iter().collect();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let to = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Some(Call { method, to, body: None, keep: Keep::All })
    }

    /// With this body.
    pub(super) fn with(self, body: &Value) -> Self {
        Call { body: Some(Bytes::from(body.to_string())), ..self }
    }

    /// Of the answer, only its last bytes are of use.
    pub(super) fn end_only(self, bytes: usize) -> Self {
        Call { keep: Keep::End(bytes), ..self }
    }

    fn request(&self, host: &str) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method(&self.method)
            .uri(&self.to)
            .header(HOST, host)
            .header(USER_AGENT, concat!("evenkeel/", env!("CARGO_PKG_VERSION")));
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Keep::End(bytes) = self.keep {
            request = request.header(RANGE, format!("bytes=-{bytes}"));
        }
        request.body(Full::new(self.body.clone().unwrap_or_default()))
    }
}

impl<'t> Line<'t> {
    /// Nothing is connected yet.
    pub(super) fn new(
        target: &'t Target,
        client: &Arc<SshClient>,
        credentials: &dyn Credentials,
    ) -> Result<Self, TransportError> {
        let spec = target.spec.incus.as_ref().ok_or_else(|| {
            let message = format!("target `{}` has no `incus`", target.name);
            TransportError::new(TransportErrorKind::Configuration, message)
        })?;
        let way = Way::of(&target.name, spec, client, credentials)?;
        let patience = Duration::from_secs(spec.timeout_seconds.unwrap_or(PATIENCE).max(1).into());
        let whose = format!("{} ({})", target.name, way.place());
        let project = spec.project.as_deref();
        let trusted = !way.asks_for_trust();
        Ok(Line { way, whose, project, patience, connection: None, trusted })
    }

    /// When a call that may take `seconds` is given up.
    pub(super) fn deadline(&self, seconds: Option<u64>) -> Instant {
        let asked = Duration::from_secs(seconds.unwrap_or_default());
        Instant::now() + asked.max(self.patience).min(LONGEST)
    }

    /// A call in the target's project.
    pub(super) fn call<'a>(
        &'a self,
        method: Method,
        path: &str,
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Call, TransportError> {
        let query = query.into_iter().chain(self.project.map(|project| ("project", project)));
        Call::new(method, path, query).ok_or_else(|| {
            let message = format!("`{path}` is no path of Incus's interface");
            TransportError::new(TransportErrorKind::Protocol, message)
        })
    }

    /// What the server answers, in its own form.
    pub(super) async fn ask(&mut self, call: &Call, until: Instant) -> Result<Answer, TransportError> {
        let answer = self.send(call, until).await?;
        Answer::of(&answer).ok_or_else(|| self.odd(answer.status))
    }

    /// What the server answers. Nothing that changes something is sent twice: only where the connection that was kept had
    /// ended before, or where the call reads, it is sent again on a new one.
    pub(super) async fn send(&mut self, call: &Call, until: Instant) -> Result<http::Answer, TransportError> {
        if !self.trusted {
            self.check_trust(until).await?;
        }
        self.send_as_we_are(call, until).await
    }

    async fn send_as_we_are(&mut self, call: &Call, until: Instant) -> Result<http::Answer, TransportError> {
        let reads = call.method == Method::GET;
        if let Some(kept) = self.connection.take() {
            match self.over(kept, call, until).await? {
                Ok(answer) => return Ok(answer),
                Err(Failure::NotSent) => {}
                Err(Failure::Broken(_)) if reads => {}
                Err(failure) => return Err(self.failed(failure)),
            }
        }
        let stream = self.way.connect(&self.whose, until).await?;
        let fresh = Connection::over(stream).await.map_err(|failure| self.failed(failure))?;
        self.over(fresh, call, until).await?.map_err(|failure| self.failed(failure))
    }

    /// Sends over a connection, which is kept where that works.
    async fn over(
        &mut self,
        mut connection: Connection,
        call: &Call,
        until: Instant,
    ) -> Result<Result<http::Answer, Failure>, TransportError> {
        let request = call.request(&self.way.authority()).map_err(|e| {
            TransportError::new(TransportErrorKind::Protocol, format!("this cannot be sent: {e}"))
        })?;
        match timeout_at(until, connection.send(request, call.keep)).await {
            Ok(Ok(answer)) => {
                self.connection = Some(connection);
                Ok(Ok(answer))
            }
            Ok(Err(failure)) => Ok(Err(failure)),
            Err(_) => Err(self.silent()),
        }
    }

    /// Whoever is not known is shown what is public, as if there were nothing else.
    async fn check_trust(&mut self, until: Instant) -> Result<(), TransportError> {
        let call = self.call(Method::GET, "/1.0", [])?;
        let answer = self.send_as_we_are(&call, until).await?;
        let shown = match Answer::of(&answer) {
            Some(Answer::Done(shown)) => shown,
            Some(Answer::Failed(refusal)) => return Err(self.untrusted(&refusal.words)),
            Some(Answer::Goes(_)) | None => return Err(self.odd(answer.status)),
        };
        if shown.get("auth").and_then(Value::as_str) != Some("trusted") {
            return Err(self.untrusted("the client's certificate is not among those it trusts"));
        }
        self.trusted = true;
        Ok(())
    }

    fn untrusted(&self, why: &str) -> TransportError {
        let message = format!("{} does not trust us: {why}", self.whose);
        let hint = "`incus config trust add-certificate` on the server adds it, `incus config trust list` shows all of them";
        TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(hint)
    }

    fn silent(&self) -> TransportError {
        let message = format!("{} did not answer in time and was given up", self.whose);
        TransportError::new(TransportErrorKind::Timeout, message)
            .hint("raise the target's `timeoutSeconds` if it needs longer")
    }

    fn odd(&self, status: u16) -> TransportError {
        let message = format!("{} answers {status} and not as Incus does", self.whose);
        TransportError::new(TransportErrorKind::Protocol, message)
            .hint("is it an Incus server, or something in between that answers instead?")
    }

    fn failed(&self, failure: Failure) -> TransportError {
        match failure {
            Failure::NotSent => self.lost(&"it had ended before anything was sent"),
            Failure::Broken(why) => self.lost(&why),
            Failure::Garbled(why) => {
                let message = format!("{} does not speak HTTP: {why}", self.whose);
                TransportError::new(TransportErrorKind::Protocol, message)
            }
            Failure::TooLarge => {
                let message = format!("{} answers with more than {DEFAULT_OUTPUT_LIMIT} bytes", self.whose);
                TransportError::new(TransportErrorKind::OutputTooLarge, message)
            }
        }
    }

    /// The connection is no more.
    pub(super) fn lost(&self, why: &dyn Display) -> TransportError {
        let message = format!("the connection to {} ended before the answer was whole: {why}", self.whose);
        TransportError::new(TransportErrorKind::ConnectionLost, message)
    }
}
