//! HTTPS to one server, and what its answers are.

use std::error::Error;
use std::time::Duration;

use evenkeel_core::target::{Target, VsphereSpec};
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use rustls::ClientConfig;

use super::read::{Body, read};
use super::write::envelope;
use crate::DEFAULT_OUTPUT_LIMIT;
use crate::certificates::{Advice, Judge, Verdict, provider};

/// A call may take so many seconds where the target does not say.
const PATIENCE: u32 = 60;

/// Connecting may take so many seconds of that.
const CONNECTING: u64 = 15;

/// A connection that was not used for so long is not used again: it is about to be closed at the other end.
const IDLE: Duration = Duration::from_secs(20);

/// What to do about a server's certificate.
const ADVICE: Advice = Advice {
    compare: "with `openssl x509 -noout -fingerprint -sha256` on the server",
    authority: "a vCenter's own authority (`https://HOST/certs/download.zip` has it)",
};

/// Everything that makes a difference to connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Settings {
    pub(super) host: String,
    pub(super) port: u16,
    pin: Option<String>,
    pub(super) ca_file: Option<String>,
    patience: u32,
    /// A session is one user's.
    pub(super) user: String,
}

impl Settings {
    pub(super) fn of(spec: &VsphereSpec, user: String) -> Self {
        Settings {
            host: spec.host.clone(),
            port: spec.port(),
            pin: spec.certificate_fingerprint.clone(),
            ca_file: spec.ca_file.clone(),
            patience: spec.timeout_seconds.unwrap_or(PATIENCE),
            user,
        }
    }

    /// A call may take so long.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience.max(1).into())
    }
}

/// Connections to a server, which are kept.
#[derive(Debug, Clone)]
pub(super) struct Line {
    client: Client,
    verdict: Verdict,
    url: Url,
    /// `vcenter.example:443`
    node: String,
}

/// What goes with a call besides its body.
#[derive(Debug, Clone)]
pub(super) struct Manner<'a> {
    /// Which version of the API is spoken.
    pub(super) action: &'a HeaderValue,
    /// The session.
    pub(super) cookie: Option<&'a HeaderValue>,
    /// It is given up after so long.
    pub(super) patience: Duration,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: TransportError,
    /// The server may have got the call, or has.
    pub(super) sent: bool,
}

impl Failure {
    /// True where the answer was lost on the way, so that asking once more may help.
    pub(super) fn is_loss(&self) -> bool {
        let kinds = [TransportErrorKind::ConnectionLost, TransportErrorKind::Protocol];
        self.sent && kinds.contains(&self.error.kind)
    }
}

impl Line {
    /// Nothing is connected yet.
    pub(super) fn new(target: &Target, settings: &Settings) -> Result<Self, TransportError> {
        let wrong = |why: String| TransportError::new(TransportErrorKind::Configuration, why);
        let plain = settings.host.trim_matches(['[', ']']);
        let host = if plain.contains(':') { format!("[{plain}]") } else { plain.to_owned() };
        let node = format!("{host}:{}", settings.port);
        let url = Url::parse(&format!("https://{node}/sdk"))
            .map_err(|e| wrong(format!("target `{}`: `{}` is no host: {e}", target.name, settings.host)))?;
        let verdict = Verdict::default();
        let config = config(settings, &verdict)?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(config)
            .https_only(true)
            .connect_timeout(settings.patience().min(Duration::from_secs(CONNECTING)))
            .pool_idle_timeout(IDLE)
            // The session would go along to wherever a redirect leads.
            .redirect(redirect::Policy::none());
        if matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|e| wrong(format!("cannot speak HTTPS: {}", cause(&e))))?;
        Ok(Line { client, verdict, url, node })
    }

    /// `vcenter (vcenter.example:443)`
    pub(super) fn whose(&self, target: &str) -> String {
        format!("{target} ({})", self.node)
    }

    /// Sends a call, once, and gives the body and the cookies of its answer.
    pub(super) async fn post(
        &self,
        whose: &str,
        body: &str,
        manner: &Manner<'_>,
    ) -> Result<(Body, HeaderMap), Failure> {
        let mut request = self
            .client
            .post(self.url.clone())
            .timeout(manner.patience)
            .header(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=\"utf-8\""))
            .header(USER_AGENT, HeaderValue::from_static(concat!("evenkeel/", env!("CARGO_PKG_VERSION"))))
            .header(HeaderName::from_static("soapaction"), manner.action.clone());
        if let Some(cookie) = manner.cookie {
            request = request.header(COOKIE, cookie.clone());
        }
        let sent = request.body(envelope(body)).send().await;
        let response = sent.map_err(|error| self.failed(whose, &error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = self.bytes(whose, response).await?;
        let body = read(&bytes).map_err(|why| odd(whose, status, &bytes, &why))?;
        Ok((body, headers))
    }

    async fn bytes(&self, whose: &str, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(whose, &error))? {
            body.extend_from_slice(&chunk);
            if body.len() > DEFAULT_OUTPUT_LIMIT {
                let message = format!("{whose} answers with more than {DEFAULT_OUTPUT_LIMIT} bytes");
                let error = TransportError::new(TransportErrorKind::OutputTooLarge, message);
                return Err(Failure { error, sent: true });
            }
        }
        Ok(body)
    }

    fn failed(&self, whose: &str, error: &reqwest::Error) -> Failure {
        if let Some(error) = self.verdict.take(&self.node, ADVICE) {
            return Failure { error, sent: false };
        }
        let is_connecting = error.is_connect();
        let (kind, what) = match (is_connecting, error.is_timeout()) {
            (true, true) => (TransportErrorKind::Timeout, "cannot be reached"),
            (true, false) => (TransportErrorKind::Unreachable, "cannot be reached"),
            (false, true) => (TransportErrorKind::Timeout, "does not answer in time"),
            (false, false) => {
                (TransportErrorKind::ConnectionLost, "ended the connection before its answer was whole")
            }
        };
        let error = TransportError::new(kind, format!("{whose} {what}: {}", cause(error)));
        Failure { error, sent: !is_connecting }
    }
}

/// An answer that is not one of the API: mostly of something that stands before it.
fn odd(whose: &str, status: StatusCode, bytes: &[u8], why: &str) -> Failure {
    let begin = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let begin = String::from_utf8_lossy(begin).trim_start().to_lowercase();
    let is_page = begin.starts_with("<!doctype html") || begin.contains("<html");
    let is_soap = begin.contains("envelope") && !is_page;
    let what = if is_page { " with a web page" } else { "" };
    let reason = status.canonical_reason().unwrap_or_default();
    let status = status.as_u16();
    let (kind, message, hint) = match status {
        200..=299 | 500 if is_soap => (
            TransportErrorKind::Protocol,
            format!("what {whose} answers is not understood: {why}"),
            "is it whole? Something in between may have changed it or cut it off",
        ),
        300..=399 => (
            TransportErrorKind::Unreachable,
            format!("{whose} answers {status} {reason} and sends us elsewhere, which is not followed"),
            "give the host and port of the vSphere API itself",
        ),
        401 | 403 | 407 => (
            TransportErrorKind::Unreachable,
            format!(
                "{whose} answers {status} {reason}{what}: something before the vSphere API lets nobody through"
            ),
            "a proxy or firewall may stand in between; the vSphere API tells of a wrong password in another way",
        ),
        404 | 405 => (
            TransportErrorKind::Unreachable,
            format!("{whose} answers {status} {reason}{what}: there is no vSphere API at `/sdk`"),
            "is it a vCenter or an ESXi host, and is the port right?",
        ),
        502..=504 => (
            TransportErrorKind::Unreachable,
            format!("{whose} answers {status} {reason}{what}: the vSphere API behind it is not there"),
            "after a start a vCenter takes some minutes; `service-control --status vmware-vpxd` on it tells",
        ),
        _ => (
            TransportErrorKind::Unreachable,
            format!("{whose} answers {status} {reason}{what} and not as the vSphere API does"),
            "is there a vCenter or an ESXi host, or something in between that answers instead?",
        ),
    };
    Failure { error: TransportError::new(kind, message).hint(hint), sent: true }
}

/// The innermost cause, which says most; without the URL, which is told already.
fn cause(error: &reqwest::Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// Encryption that trusts whom the settings name.
fn config(settings: &Settings, verdict: &Verdict) -> Result<ClientConfig, TransportError> {
    let judge = Judge::new(settings.pin.as_deref(), settings.ca_file.as_deref(), verdict)?;
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder
        .map_err(|e| TransportError::new(TransportErrorKind::Configuration, e.to_string()))?
        .dangerous();
    Ok(builder.with_custom_certificate_verifier(judge).with_no_client_auth())
}
