//! Secrets in the key-value store of Vault or OpenBao, over its HTTP API.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use evenkeel_core::config::VaultSource;
use evenkeel_core::transport::TransportError;
use reqwest::{Certificate, Client, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{Values, problem};

/// What an answer may have, in bytes.
const LARGEST: usize = 1 << 20;

/// One question to a server.
pub(super) struct Question<'a> {
    pub(super) source: &'a VaultSource,
    pub(super) token: &'a SecretString,
    /// The certificate authorities to trust instead of the system's, PEM.
    pub(super) authorities: Option<&'a [u8]>,
    pub(super) patience: Duration,
}

/// Where a server is, so that two spellings of one address are the same.
pub(super) fn origin(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    url.has_host().then(|| url.origin().ascii_serialization())
}

/// Reads the secret: its keys, each with its value as text. Blocks, on a thread with a runtime of its own: the caller
/// may itself be within one.
pub(super) fn read(question: &Question<'_>) -> Result<Values, TransportError> {
    let address = &question.source.address;
    let url = url(question.source)?;
    let broken = || problem(format!("cannot ask Vault at {address}: its thread ended"));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|e| problem(format!("cannot ask Vault at {address}: {e}")))?;
            runtime.block_on(ask(question, url))
        });
        asking.join().unwrap_or_else(|_| Err(broken()))
    })
}

fn url(source: &VaultSource) -> Result<Url, TransportError> {
    // The address is not shown: it may hold what should not be in it.
    let wrong =
        |why: &str| problem(format!("the `address` of Vault {why}")).hint("write `https://HOST:8200`");
    let mut url = Url::parse(&source.address).map_err(|_| wrong("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("has a user name or password in it"));
    }
    let mount = source.mount.as_deref().unwrap_or("secret");
    let below = match source.version {
        None | Some(2) => Some("data"),
        Some(1) => None,
        Some(other) => {
            return Err(problem(format!("Vault's key-value store has versions 1 and 2, not {other}")));
        }
    };
    let parts =
        |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let all: Vec<String> =
        parts(mount).into_iter().chain(below.map(str::to_owned)).chain(parts(&source.path)).collect();
    if all.iter().any(|part| part == "." || part == "..") {
        return Err(problem("the path of a secret in Vault has no `.` and `..`".to_owned()));
    }
    url.path_segments_mut().map_err(|()| wrong("leads nowhere"))?.pop_if_empty().push("v1").extend(all);
    Ok(url)
}

fn client(question: &Question<'_>, url: &Url) -> Result<Client, TransportError> {
    // The process may have one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The token would go along to wherever a redirect leads.
    let mut builder = Client::builder().timeout(question.patience).redirect(redirect::Policy::none());
    if let Some(pem) = question.authorities {
        let certificates = Certificate::from_pem_bundle(pem).ok().filter(|found| !found.is_empty());
        let certificates = certificates
            .ok_or_else(|| problem("the `caFile` for Vault holds no certificates in PEM".to_owned()))?;
        builder = builder.tls_certs_only(certificates);
    }
    if matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|e| problem(format!("cannot ask Vault at {url}: {}", causes(&e))))
}

async fn ask(question: &Question<'_>, url: Url) -> Result<Values, TransportError> {
    let client = client(question, &url)?;
    let mut token = reqwest::header::HeaderValue::from_str(question.token.expose_secret().trim())
        .map_err(|_| problem("the token for Vault has characters that no token has".to_owned()))?;
    token.set_sensitive(true);
    let sent =
        client.get(url.clone()).header("X-Vault-Token", token).header("X-Vault-Request", "true").send().await;
    let response = sent.map_err(|e| unreachable(&url, &e, question.patience))?;
    let status = response.status();
    if status != StatusCode::OK {
        return Err(refused(question.source, &url, status));
    }
    let body = body(response, &url).await?;
    values(question.source, &url, &body)
}

async fn body(mut response: Response, url: &Url) -> Result<Zeroizing<Vec<u8>>, TransportError> {
    let mut body = Zeroizing::new(Vec::with_capacity(16 << 10));
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(e) => return Err(problem(format!("the answer of Vault at {url} broke off: {}", causes(&e)))),
        }
        if body.len() > LARGEST {
            return Err(problem(format!("the answer of Vault at {url} has more than {LARGEST} bytes")));
        }
    }
}

fn values(source: &VaultSource, url: &Url, body: &[u8]) -> Result<Values, TransportError> {
    let strange = || {
        let error = problem(format!("{url} does not answer as Vault's key-value store does"));
        error.hint("check `address`, `mount` and `version` (1 or 2)")
    };
    let mut answer: serde_json::Value = serde_json::from_slice(body).map_err(|_| strange())?;
    let pointer = if source.version == Some(1) { "/data" } else { "/data/data" };
    let found = answer.pointer_mut(pointer).map(serde_json::Value::take);
    let Some(serde_json::Value::Object(found)) = found else { return Err(strange()) };
    let texts = found.into_iter().filter_map(|(key, value)| match value {
        serde_json::Value::String(text) => Some((key, SecretString::from(text))),
        serde_json::Value::Number(number) => Some((key, SecretString::from(number.to_string()))),
        serde_json::Value::Bool(yes) => Some((key, SecretString::from(yes.to_string()))),
        _ => None,
    });
    Ok(texts.collect::<BTreeMap<_, _>>())
}

fn unreachable(url: &Url, error: &reqwest::Error, patience: Duration) -> TransportError {
    if error.is_timeout() {
        return problem(format!("Vault at {url} does not answer within {} s", patience.as_secs_f32()));
    }
    let error = problem(format!("cannot reach Vault at {url}: {}", causes(error)));
    error.hint("check the `address`; for a certificate of your own authority, give `caFile`")
}

fn refused(source: &VaultSource, url: &Url, status: StatusCode) -> TransportError {
    let (mount, path) = (source.mount.as_deref().unwrap_or("secret"), &source.path);
    let (why, hint) = match status.as_u16() {
        403 => (
            "refuses the token (403)".to_owned(),
            format!("the token must be valid and have a policy that reads `{mount}/{path}`"),
        ),
        404 => (
            "has no such secret (404)".to_owned(),
            format!(
                "look with `vault kv get -mount={mount} {path}`; it may have been deleted, or `version` is wrong"
            ),
        ),
        503 => ("is sealed or down for maintenance (503)".to_owned(), "run `vault status` there".to_owned()),
        300..=399 => (
            format!("sends us elsewhere ({}), which is not followed with a token", status.as_u16()),
            "give the address of the active node or of the load balancer".to_owned(),
        ),
        code => (format!("answers {code}"), "run `vault status` there, and look into its log".to_owned()),
    };
    problem(format!("Vault at {url} {why}")).hint(hint)
}

/// The innermost cause, which says most; without the URL, which is told already.
fn causes(error: &reqwest::Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
