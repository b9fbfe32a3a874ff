//! The bridge to an HTTP server: requests of libgit2 are passed on with our credentials, our trust and our time limit.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evenkeel_core::config::GitSourceSpec;
use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::TransportError;
use evenkeel_engine::source::{SourceError, SourceErrorKind};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::GitOptions;
use super::bridge::{Bridge, Trouble, no_port, token};

/// What libgit2 asks in one request: hashes that it wants and has.
const MAX_REQUEST_BYTES: usize = 16 << 20;

/// A server that sends on more often goes round in circles.
const MAX_REDIRECTS: usize = 5;

/// How every list of references begins its way.
const LIST: &str = "/info/refs";

/// The user beside a token. GitHub wants this one for the tokens of apps; others take any.
const TOKEN_USER: &str = "x-access-token";

/// What of a request is the server's business.
const PASSED_ON: [HeaderName; 3] = [header::ACCEPT, header::CONTENT_TYPE, header::CACHE_CONTROL];

/// A user and a password.
type Login = Option<(String, SecretString)>;

struct Forward {
    client: Client,
    token: String,
    login: Login,
    /// Where the repository is: elsewhere than asked, where the server said so.
    base: Mutex<Url>,
    trouble: Trouble,
}

/// Opens the way to the repository at `url`.
pub(super) async fn open(
    url: &Url,
    in_url: (Option<String>, Option<SecretString>),
    spec: &GitSourceSpec,
    options: &GitOptions,
    deadline: Instant,
) -> Result<Bridge, SourceError> {
    let (of_spec, of_options) = (spec.clone(), options.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        Ok((login(&of_spec, &of_options, in_url)?, client(&of_spec, &of_options, deadline)?))
    });
    let (login, client) = prepared
        .await
        .map_err(|e| SourceError::new(SourceErrorKind::Failed, format!("ended early: {e}")))??;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|e| no_port(&e))?;
    let address = listener.local_addr().map_err(|e| no_port(&e))?;
    let (token, trouble) = (token()?, Trouble::default());
    let here = format!("http://{address}/{token}");
    let base = Mutex::new(url.clone());
    let forward = Arc::new(Forward { client, token, login, base, trouble: trouble.clone() });
    let router = Router::new().fallback(pass_on).with_state(forward);
    let task = tokio::spawn(async move {
        // It ends only with the task.
        let _ = axum::serve(listener, router).await;
    });
    Ok(Bridge::new(here, trouble, task))
}

async fn pass_on(State(forward): State<Arc<Forward>>, request: Request) -> Response {
    match forward.ask(request).await {
        Ok(response) => response,
        Err(error) => {
            let text = error.message.clone();
            forward.trouble.note(error);
            (StatusCode::BAD_GATEWAY, text).into_response()
        }
    }
}

impl Forward {
    async fn ask(&self, request: Request) -> Result<Response, SourceError> {
        let path = request.uri().path().to_owned();
        let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(self.token.as_str()));
        let Some(rest) = rest.filter(|rest| rest.starts_with('/')) else {
            return Ok(StatusCode::NOT_FOUND.into_response());
        };
        let listing = rest == LIST;
        let base = self.base();
        let mut url = base.clone();
        url.set_path(&format!("{}{rest}", base.path().trim_end_matches('/')));
        url.set_query(request.uri().query());
        let (parts, body) = request.into_parts();
        let mut passed = self.client.request(parts.method.clone(), url).headers(headers(&parts.headers));
        if let Some((user, password)) = &self.login {
            passed = passed.basic_auth(user, Some(password.expose_secret()));
        }
        if parts.method == Method::POST {
            let body = to_bytes(body, MAX_REQUEST_BYTES).await;
            passed = passed.body(body.map_err(|e| SourceError::new(SourceErrorKind::Failed, e.to_string()))?);
        }
        let response = passed.send().await.map_err(|e| not_sent(&base, e))?;
        self.judge(&base, &response, listing)?;
        let answer: axum::http::Response<reqwest::Body> = response.into();
        let (parts, body) = answer.into_parts();
        let mut answer = Response::new(Body::new(body));
        *answer.status_mut() = parts.status;
        if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
            answer.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        }
        Ok(answer)
    }

    fn base(&self) -> Url {
        self.base.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Refuses an answer that is none of a git server.
    fn judge(&self, base: &Url, response: &reqwest::Response, listing: bool) -> Result<(), SourceError> {
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
            return Err(redirected(base, to.unwrap_or("nowhere")));
        }
        if !status.is_success() {
            return Err(self.refused(base, status));
        }
        if !listing {
            return Ok(());
        }
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind != Some("application/x-git-upload-pack-advertisement") {
            let message = format!("{base} answers, but not as a git repository does");
            return Err(SourceError::new(SourceErrorKind::NotFound, message)
                .hint("check the `url` of the source: it must be the one that `git clone` takes"));
        }
        // What follows is asked where the list was found.
        let mut found = response.url().clone();
        if let Some(path) = found.path().strip_suffix(LIST).map(str::to_owned) {
            found.set_path(&path);
            found.set_query(None);
            *self.base.lock().unwrap_or_else(PoisonError::into_inner) = found;
        }
        Ok(())
    }

    fn refused(&self, base: &Url, status: StatusCode) -> SourceError {
        match status.as_u16() {
            401 | 403 if self.login.is_none() => {
                let message = format!("{base} wants a login ({status})");
                SourceError::new(SourceErrorKind::AuthenticationFailed, message)
                    .hint("give the source a `credentialsRef` with `token`, or `username` and `password`")
            }
            401 | 403 => {
                let message = format!("{base} does not accept the credential ({status})");
                SourceError::new(SourceErrorKind::AuthenticationFailed, message)
                    .hint("check that the token is valid, and may read this repository")
            }
            404 | 410 => {
                let message = format!("there is no repository at {base} ({status})");
                SourceError::new(SourceErrorKind::NotFound, message).hint(
                    "check the `url` of the source; forges also say so where the credential may not see it",
                )
            }
            429 | 502..=504 => {
                SourceError::new(SourceErrorKind::Unreachable, format!("{base} is not available ({status})"))
            }
            _ => SourceError::new(SourceErrorKind::Failed, format!("{base} answers {status}")),
        }
    }
}

fn headers(all: &HeaderMap) -> HeaderMap {
    let passed = PASSED_ON.iter().filter_map(|name| Some((name.clone(), all.get(name)?.clone())));
    passed.collect()
}

fn client(spec: &GitSourceSpec, options: &GitOptions, deadline: Instant) -> Result<Client, SourceError> {
    let wrong =
        |why: String| SourceError::new(SourceErrorKind::Configuration, format!("cannot speak HTTPS: {why}"));
    // Named here, so that nothing global is installed.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(e.to_string()))?
        .with_root_certificates(authorities(spec, options)?)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(&options.user_agent)
        .timeout(deadline.saturating_duration_since(Instant::now()))
        .redirect(Policy::custom(follow))
        .build()
        .map_err(|e| wrong(chain(&e)))
}

/// The authorities of `caFile`, else those of the system.
fn authorities(spec: &GitSourceSpec, options: &GitOptions) -> Result<RootCertStore, SourceError> {
    let mut store = RootCertStore::empty();
    let Some(path) = &spec.ca_file else {
        // Read again each time: the system's are renewed while we run.
        let found = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(found.certs);
        return Ok(store);
    };
    let path = options.file(path);
    let wrong = |why: String| {
        let message = format!("the `caFile` {} {why}", path.display());
        SourceError::new(SourceErrorKind::Configuration, message)
            .hint("it must be in PEM form (-----BEGIN CERTIFICATE-----)")
    };
    let pem = std::fs::read(&path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let added =
            certificate.map_err(|e| e.to_string()).and_then(|c| store.add(c).map_err(|e| e.to_string()));
        added.map_err(|why| wrong(format!("has a certificate that cannot be read: {why}")))?;
    }
    if store.is_empty() { Err(wrong("has no certificate".to_owned())) } else { Ok(store) }
}

/// Follows only within a server, and never from HTTPS to HTTP: the credential goes along.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let (to, from) = (attempt.url(), attempt.previous().last());
    let same_host = from.is_some_and(|from| from.host_str() == to.host_str());
    let same_door = from.is_some_and(|from| {
        from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default()
    });
    let safer = from.is_some_and(|from| from.scheme() == "http" && from.port().is_none())
        && to.scheme() == "https"
        && to.port().is_none();
    if same_host && (same_door || safer) && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// From the credential, else from the URL.
fn login(
    spec: &GitSourceSpec,
    options: &GitOptions,
    in_url: (Option<String>, Option<SecretString>),
) -> Result<Login, SourceError> {
    let Some(name) = &spec.credentials_ref else {
        return Ok(match in_url {
            (Some(user), Some(password)) => Some((user, password)),
            // A token stands there alone.
            (Some(token), None) => Some((TOKEN_USER.to_owned(), SecretString::from(token))),
            _ => None,
        });
    };
    let wrong =
        |why: String| SourceError::new(SourceErrorKind::Configuration, format!("credential `{name}`: {why}"));
    let get = |key: &str| {
        let secret = SecretRef { name: name.clone(), key: key.to_owned() };
        options
            .credentials
            .find(&secret)
            .map_err(|TransportError { message, hint, .. }| SourceError { hint, ..wrong(message) })
    };
    let user = get("username")?.map(|user| user.expose_secret().to_owned());
    if let Some(token) = get("token")? {
        return Ok(Some((user.unwrap_or_else(|| TOKEN_USER.to_owned()), token)));
    }
    match (user, get("password")?) {
        (Some(user), Some(password)) => Ok(Some((user, password))),
        _ => Err(wrong("it has neither `token`, nor `username` and `password`".to_owned())
            .hint("https takes these; `privateKey` is for ssh")),
    }
}

fn redirected(base: &Url, to: &str) -> SourceError {
    let to = Url::parse(to).map_or_else(|_| to.to_owned(), |url| super::place::Place::shown(url.as_str()));
    let to = to.strip_suffix(LIST).unwrap_or(&to);
    let message = format!("{base} has moved to {to}; credentials are not taken there");
    SourceError::new(SourceErrorKind::Configuration, message)
        .hint("if that is right, make it the `url` of the source")
}

fn not_sent(base: &Url, error: reqwest::Error) -> SourceError {
    let error = error.without_url();
    let why = chain(&error);
    if why.to_ascii_lowercase().contains("certificate") {
        let message = format!("the certificate of {base} is not to be trusted: {why}");
        let hint = if why.contains("CaUsedAsEndEntity") {
            "an authority's certificate is no server's: sign one for the server with it, or make one with CA:FALSE"
        } else {
            "for an authority of your own, give the source its certificate as `caFile`"
        };
        return SourceError::new(SourceErrorKind::Untrusted, message).hint(hint);
    }
    SourceError::new(SourceErrorKind::Unreachable, format!("{base} cannot be reached: {why}"))
        .hint("check the `url` of the source, and that the server is up")
}

/// The causes, the innermost last.
fn chain(error: &reqwest::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(inner) = cause {
        let more = inner.to_string();
        // The system's words do without its error number.
        let more = more.split(" (os error").next().unwrap_or_default();
        if !text.contains(more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_does_not_know_the_token_is_not_let_through() {
        let forward = Forward {
            client: Client::builder().no_proxy().tls_backend_preconfigured(no_trust()).build().unwrap(),
            token: "secret".to_owned(),
            login: None,
            base: Mutex::new(Url::parse("http://127.0.0.1:1/a").unwrap()),
            trouble: Trouble::default(),
        };
        let ask = |path: &str| forward.ask(Request::builder().uri(path).body(Body::empty()).unwrap());
        for path in ["/info/refs", "/guess/info/refs", "/secretly/info/refs", "/secret", "//secret/info/refs"]
        {
            assert_eq!(ask(path).await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(ask("/secret/info/refs").await.unwrap_err().kind, SourceErrorKind::Unreachable);
    }

    fn no_trust() -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        config.unwrap().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    }
}
