//! Proxmox VE's REST interface: HTTPS with an API token.

pub(crate) mod pvesh;

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evenkeel_core::request::{ApiRequest, Method, Reply, Request, SecretRef};
use evenkeel_core::target::{ProxmoxSpec, Target};
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, Url, redirect};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::DEFAULT_OUTPUT_LIMIT;
use crate::certificates::{Advice, Judge, Verdict, provider};
use crate::credentials::{Credentials, mask};
use crate::stamp::Stamp;

/// Where a node listens.
const PORT: u16 = 8006;

/// A call may take so many seconds where the target does not say.
const PATIENCE: u32 = 60;

/// Connecting may take so many seconds of that.
const CONNECTING: u64 = 15;

/// The key of the token's secret in its credential.
const SECRET: &str = "secret";

/// What to do about a node's certificate.
const ADVICE: Advice =
    Advice { compare: "with `pvenode cert info` on the node", authority: "the cluster's `pve-root-ca.pem`" };

/// Reaches targets with `proxmox`.
pub struct ProxmoxTransport {
    credentials: Arc<dyn Credentials>,
    /// Connections are kept from one exchange to the next. By everything that makes a difference to them.
    clients: Mutex<HashMap<Settings, Known>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Settings {
    host: String,
    port: u16,
    pin: Option<String>,
    ca_file: Option<String>,
    patience: u32,
}

#[derive(Debug, Clone)]
struct Known {
    client: Client,
    verdict: Verdict,
    /// What `caFile` looked like when it was read.
    authorities: Option<Stamp>,
}

impl fmt::Debug for ProxmoxTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxmoxTransport").finish_non_exhaustive()
    }
}

impl ProxmoxTransport {
    /// A transport that takes the tokens' secrets from `credentials`.
    pub fn new(credentials: Arc<dyn Credentials>) -> Self {
        ProxmoxTransport { credentials, clients: Mutex::default() }
    }

    async fn answer(&self, target: &Target, requests: &[Request]) -> Vec<Result<Reply, TransportError>> {
        let line = match self.line(target) {
            Ok(line) => line,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut answers = Vec::with_capacity(requests.len());
        let mut lost: Option<TransportError> = None;
        for request in requests {
            let answer = match (&lost, request) {
                (Some(error), _) => Err(error.clone()),
                (None, Request::Api(api)) => line.call(api).await,
                (None, other) => Err(unfit(target, other)),
            };
            if let Err(error) = &answer
                && error.kind.loses_target()
                && matches!(request, Request::Api(_))
            {
                lost = Some(error.clone());
            }
            answers.push(answer);
        }
        answers
    }

    fn line<'t>(&self, target: &'t Target) -> Result<Line<'t>, TransportError> {
        let wrong = |why: String| TransportError::new(TransportErrorKind::Configuration, why);
        let spec = target.spec.proxmox.as_ref();
        let spec = spec.ok_or_else(|| wrong(format!("target `{}` has no `proxmox`", target.name)))?;
        let settings = Settings {
            host: spec.host.clone(),
            port: spec.port.unwrap_or(PORT),
            pin: spec.certificate_fingerprint.clone(),
            ca_file: spec.ca_file.clone(),
            patience: spec.timeout_seconds.unwrap_or(PATIENCE),
        };
        let plain = settings.host.trim_matches(['[', ']']);
        let host = if plain.contains(':') { format!("[{plain}]") } else { plain.to_owned() };
        let base = Url::parse(&format!("https://{host}:{}/api2/json", settings.port));
        let base =
            base.map_err(|e| wrong(format!("target `{}`: `{}` is no host: {e}", target.name, spec.host)))?;
        let secret = SecretRef { name: spec.credentials_ref.clone(), key: SECRET.to_owned() };
        let secret = self.credentials.get(&secret)?;
        let login = login(spec, &secret)?;
        let known = self.known(settings, &base)?;
        Ok(Line { target: &target.name, spec, base, secret, login, known })
    }

    fn known(&self, settings: Settings, base: &Url) -> Result<Known, TransportError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |known: &&Known| known.authorities.as_ref().is_none_or(Stamp::holds);
        if let Some(known) = clients.get(&settings).filter(holds) {
            return Ok(known.clone());
        }
        let verdict = Verdict::default();
        let authorities = settings.ca_file.as_ref().map(|file| Stamp::of(Path::new(file)));
        let config = config(settings.pin.as_deref(), settings.ca_file.as_deref(), &verdict)?;
        let patience = Duration::from_secs(settings.patience.max(1).into());
        let mut builder = Client::builder()
            .tls_backend_preconfigured(config)
            .https_only(true)
            .timeout(patience)
            .connect_timeout(patience.min(Duration::from_secs(CONNECTING)))
            // The token would go along to wherever a redirect leads.
            .redirect(redirect::Policy::none());
        if matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|e| {
            TransportError::new(
                TransportErrorKind::Configuration,
                format!("cannot speak HTTPS: {}", cause(&e)),
            )
        })?;
        let known = Known { client, verdict, authorities };
        clients.insert(settings, known.clone());
        Ok(known)
    }
}

impl Transport for ProxmoxTransport {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        Box::pin(self.answer(target, requests))
    }
}

fn unfit(target: &Target, request: &Request) -> TransportError {
    let message =
        format!("target `{}` is Proxmox's interface, and not one for `{}`", target.name, request.display());
    let hint = "commands and files need a target with `ssh`; the node itself can be one";
    TransportError::new(TransportErrorKind::Configuration, message).hint(hint)
}

/// The header that logs in.
fn login(spec: &ProxmoxSpec, secret: &SecretString) -> Result<HeaderValue, TransportError> {
    let text = Zeroizing::new(format!("PVEAPIToken={}={}", spec.token.trim(), secret.expose_secret().trim()));
    let mut login = HeaderValue::from_str(&text).map_err(|_| {
        let message = format!("the token {} or its secret has characters that none has", spec.token);
        TransportError::new(TransportErrorKind::Credentials, message)
    })?;
    login.set_sensitive(true);
    Ok(login)
}

/// A node that can be called.
struct Line<'t> {
    target: &'t str,
    spec: &'t ProxmoxSpec,
    base: Url,
    secret: SecretString,
    login: HeaderValue,
    known: Known,
}

impl Line<'_> {
    async fn call(&self, api: &ApiRequest) -> Result<Reply, TransportError> {
        let (url, params) = self.url(api)?;
        let client = &self.known.client;
        let (request, url) = match api.method {
            Method::Get | Method::Delete => {
                let mut url = url;
                url.set_query(params.as_deref());
                (
                    if api.method == Method::Get {
                        client.get(url.clone())
                    } else {
                        client.delete(url.clone())
                    },
                    url,
                )
            }
            Method::Post | Method::Put => {
                let request = if api.method == Method::Post {
                    client.post(url.clone())
                } else {
                    client.put(url.clone())
                };
                let form = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                (form.body(params.unwrap_or_default()), url)
            }
        };
        let sent = request.header(AUTHORIZATION, self.login.clone()).send().await;
        let response = sent.map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        let reason = response.extensions().get::<hyper::ext::ReasonPhrase>();
        let reason = reason.map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
        let reason =
            reason.unwrap_or_else(|| response.status().canonical_reason().unwrap_or_default().to_owned());
        if status == 401 {
            let reason = mask(reason.as_bytes(), &[&self.secret]);
            return Err(self.refused(&String::from_utf8_lossy(&reason)));
        }
        let body = self.body(response).await?;
        let reply =
            if (300..400).contains(&status) { None } else { ApiRequest::reply(status, &reason, &body) };
        let reply = reply.ok_or_else(|| {
            let message = format!("{} ({url}) answers {status} and not as Proxmox VE does", self.target);
            let hint = "is there a Proxmox VE node, or something in between that answers instead?";
            TransportError::new(TransportErrorKind::Protocol, message).hint(hint)
        })?;
        let masked = |bytes: &[u8]| mask(bytes, &[&self.secret]);
        Ok(Reply { exit: reply.exit, stdout: masked(&reply.stdout), stderr: masked(&reply.stderr) })
    }

    /// Where a call goes, and its parameters as a form.
    fn url(&self, api: &ApiRequest) -> Result<(Url, Option<String>), TransportError> {
        let wrong = || {
            let message = format!("`{}` is no path of Proxmox's interface", api.path);
            TransportError::new(TransportErrorKind::Configuration, message)
        };
        let parts: Vec<&str> = api.path.strip_prefix('/').ok_or_else(wrong)?.split('/').collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return Err(wrong());
        }
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| wrong())?.extend(parts);
        let mut scratch = self.base.clone();
        scratch.query_pairs_mut().extend_pairs(api.each_param());
        let params = scratch.query().filter(|form| !form.is_empty()).map(str::to_owned);
        Ok((url, params))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, TransportError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > DEFAULT_OUTPUT_LIMIT {
                let message = format!("{} answers with more than {DEFAULT_OUTPUT_LIMIT} bytes", self.target);
                return Err(TransportError::new(TransportErrorKind::OutputTooLarge, message));
            }
        }
        Ok(body)
    }

    fn refused(&self, reason: &str) -> TransportError {
        let message = format!("{} does not take the API token {}: {reason}", self.target, self.spec.token);
        let hint = format!(
            "`pveum user token list` on the node shows it and when it ends; the credential `{}` holds its `{SECRET}`",
            self.spec.credentials_ref
        );
        TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(hint)
    }

    fn failed(&self, error: &reqwest::Error) -> TransportError {
        let node = format!("{}:{}", self.spec.host, self.spec.port.unwrap_or(PORT));
        if let Some(error) = self.known.verdict.take(&node, ADVICE) {
            return error;
        }
        let (kind, what) = if error.is_connect() {
            let kind = if error.is_timeout() {
                TransportErrorKind::Timeout
            } else {
                TransportErrorKind::Unreachable
            };
            (kind, "cannot be reached")
        } else if error.is_timeout() {
            (TransportErrorKind::Timeout, "does not answer in time")
        } else {
            (TransportErrorKind::ConnectionLost, "ended the connection before its answer was whole")
        };
        TransportError::new(kind, format!("{} ({node}) {what}: {}", self.target, cause(error)))
    }
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
fn config(
    pin: Option<&str>,
    ca_file: Option<&str>,
    verdict: &Verdict,
) -> Result<ClientConfig, TransportError> {
    let judge = Judge::new(pin, ca_file, verdict)?;
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder
        .map_err(|e| TransportError::new(TransportErrorKind::Configuration, e.to_string()))?
        .dangerous();
    Ok(builder.with_custom_certificate_verifier(judge).with_no_client_auth())
}

#[cfg(test)]
mod tests;
