//! Asking servers over HTTP: with an end, without following redirects, and without repeating secrets.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};

use crate::escape;
use crate::failure::Failure;

/// More of an answer is not read.
const LARGEST: usize = 8 << 20;

/// Parts of an address that is a secret are taken out of what is repeated from this length on.
const SHORTEST: usize = 4;

/// So much of it is looked at for that, in bytes.
const READ: usize = 64 << 10;

/// So much of what a server says about a refusal is repeated.
const REPEATED: usize = 200;

/// How a server is reached.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) timeout: Duration,
    /// File with the authorities to trust instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    retry_after: Option<Duration>,
}

impl Way {
    /// A client for the server at `url`. Made anew for each message: authorities are renewed while we run.
    pub(crate) async fn client(&self, url: &Url) -> Result<Client, Failure> {
        let (way, is_near) = (self.clone(), is_this_machine(url));
        let made = tokio::task::spawn_blocking(move || way.build(is_near)).await;
        made.map_err(|_| Failure::passing("making a connection ended by a mistake in the program"))?
    }

    fn build(&self, is_near: bool) -> Result<Client, Failure> {
        // The process may have one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .timeout(self.timeout)
            .user_agent(concat!("evenkeel/", env!("CARGO_PKG_VERSION")))
            // The secret would go along to wherever a redirect leads.
            .redirect(redirect::Policy::none());
        if let Some(file) = &self.ca_file {
            builder = builder.tls_certs_only(authorities(file)?);
        }
        if is_near {
            builder = builder.no_proxy();
        }
        builder.build().map_err(|e| Failure::passing(format!("cannot speak HTTPS: {}", causes(e))))
    }
}

fn authorities(file: &Path) -> Result<Vec<Certificate>, Failure> {
    let wrong = |why: String| {
        Failure::passing(format!("the `caFile` {} {why}", file.display()))
            .hint("it must hold certificates in PEM form (-----BEGIN CERTIFICATE-----)")
    };
    let pem = std::fs::read(file).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|_| wrong("cannot be understood".to_owned()))?;
    if found.is_empty() { Err(wrong("holds no certificate".to_owned())) } else { Ok(found) }
}

/// Sends a request to `who` and reads the answer, whatever its status is.
pub(crate) async fn ask(request: RequestBuilder, who: &str) -> Result<Answer, Failure> {
    let lost = |e: reqwest::Error| {
        let why = if e.is_timeout() { "no answer in time".to_owned() } else { causes(e) };
        Failure::passing(format!("{who} cannot be reached: {why}"))
    };
    let response = request.send().await.map_err(lost)?;
    let (status, retry_after) = (response.status(), asked_for(&response));
    let body = body(response).await.map_err(lost)?;
    Ok(Answer { status, body, retry_after })
}

async fn body(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            break;
        }
    }
    Ok(body)
}

/// `Retry-After` in seconds. The other form, a date, is left to our own patience.
fn asked_for(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

impl Answer {
    /// The answer where it says yes. What else it says goes without the `secret`.
    pub(crate) fn accepted(self, who: &str, secret: &SecretString) -> Result<Self, Failure> {
        if self.status.is_success() {
            return Ok(self);
        }
        let said = String::from_utf8_lossy(self.body.get(..READ).unwrap_or(&self.body)).into_owned();
        let said = parts(secret).iter().fold(said, |said, part| said.replace(part, "***"));
        let said = escape::line(&said, REPEATED);
        let said = if said.is_empty() { said } else { format!(": {said}") };
        let message = format!("{who} answers {}{said}", self.status.as_u16());
        Err(match self.status {
            status if status.is_redirection() => Failure::passing(message).hint(
                "write the address that it leads to: redirects are not followed, the secret would go along",
            ),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::passing(message)
                .hint("look whether the credential is the right one, and may do this"),
            StatusCode::NOT_FOUND | StatusCode::GONE => Failure::passing(message)
                .hint("look whether the address is right, and the credential may see it"),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Failure::refused(message)
            }
            _ => Failure { retry_after: self.retry_after, ..Failure::passing(message) },
        })
    }
}

/// A secret, and where it is an address what of it a server could repeat: `Cannot POST /services/…`. The longest come first.
fn parts(secret: &SecretString) -> Vec<String> {
    let whole = secret.expose_secret().trim();
    let mut parts = vec![whole.to_owned()];
    if let Ok(url) = Url::parse(whole) {
        parts.push(url.path().to_owned());
        parts.extend(url.query().map(str::to_owned));
        parts.extend(url.path_segments().into_iter().flatten().map(str::to_owned));
    }
    // What is shorter is no secret, and would blot out ordinary text.
    parts.retain(|part| part.len() >= SHORTEST);
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts
}

/// An address that is given as a secret. No message repeats it.
pub(crate) fn address(text: &str, what: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| Failure::passing(format!("{what} {why}"));
    let url = Url::parse(text.trim()).map_err(|_| wrong("is not the address of a server"))?;
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_this_machine(&url) => Ok(url),
        "http" => Err(wrong("would be asked over the network unencrypted").hint("use https")),
        _ => Err(wrong("is not the address of a server").hint("it begins with https://")),
    }
}

/// True where nobody else is on the way.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What went wrong down to its cause, without the address: it may be a secret.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
