//! The other end: what the command line asks a running controller.
//!
//! One connection per request: a person asks once, and a stream of events has its own anyway.

mod connect;
mod error;
mod events;

pub use error::ClientError;
pub use events::EventStream;

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Bytes;
use evenkeel_engine::store::ResourceFilter;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use connect::Door;

/// For an answer to begin, and then for it to arrive.
const ANSWER: Duration = Duration::from_mins(1);

/// Bytes of an answer. 10,000 resources are about 10 MiB.
const LARGEST: usize = 256 * 1024 * 1024;

/// Asks a running controller.
#[derive(Debug, Clone)]
pub struct Client {
    door: Door,
    token: Option<SecretString>,
}

/// What a problem document says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    detail: String,
    hint: Option<String>,
}

impl Client {
    /// By the control socket of a controller on this machine.
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Client { door: Door::Socket(path.into()), token: None }
    }

    /// By `http://` or `https://`. The authorities in `ca_file` (PEM) are trusted instead of the system's.
    ///
    /// # Errors
    /// An address that cannot be read, authorities that cannot, or a token that would travel in the clear to another
    /// machine.
    pub fn http(url: &str, token: Option<SecretString>, ca_file: Option<&Path>) -> Result<Self, ClientError> {
        let door = Door::parse(url, ca_file)?;
        if token.is_some() && door.is_open_to_others() {
            return Err(ClientError::Plaintext { url: url.to_owned() });
        }
        Ok(Client { door, token })
    }

    /// The answer to `GET path`; `path` begins with `/` and has its parameters.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.request(Method::GET, path, Bytes::new())?;
        self.answer(request).await
    }

    /// The answer to `POST path` with `body` as JSON.
    pub async fn post_json<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body)
            .map_err(|e| ClientError::Setting { message: format!("the request is no JSON: {e}") })?;
        let request = self.request(Method::POST, path, body.into())?;
        self.answer(request).await
    }

    /// Events after the one with the number `after`, or from now on; those about what `about` lets through. The stream
    /// ends with an error when the connection does: ask again after the last number that came.
    pub async fn events(
        &self,
        after: Option<u64>,
        about: &ResourceFilter,
    ) -> Result<EventStream, ClientError> {
        let after = after.map(|number| number.to_string());
        let path = with_query(
            "/api/v1/events/stream",
            &[
                ("after", after.as_deref()),
                ("source", about.source.as_deref()),
                ("target", about.target.as_deref()),
                ("kind", about.kind.as_deref()),
                ("name", about.name.as_deref()),
            ],
        );
        let request = self.request(Method::GET, &path, Bytes::new())?;
        Ok(events::read(self.send(request).await?.into_body(), self.door.to_string()))
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, ClientError> {
        let unfit = |e: &dyn std::fmt::Display| ClientError::Setting {
            message: format!("{path} cannot be asked for: {e}"),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(self.door.path(path))
            .header(HOST, self.door.host())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|e| unfit(&e))?;
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
                .map_err(|_| unfit(&"the token has characters that cannot be sent"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    async fn answer<T: DeserializeOwned>(&self, request: Request<Full<Bytes>>) -> Result<T, ClientError> {
        let path = request.uri().path().to_owned();
        let body = self.whole(self.send(request).await?).await?;
        serde_json::from_slice(&body).map_err(|e| ClientError::Unreadable {
            door: self.door.to_string(),
            path,
            message: e.to_string(),
        })
    }

    /// The answer's head, where it is a good one.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        let mut connection = self.door.open().await?;
        let response = match tokio::time::timeout(ANSWER, connection.send_request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(e)) => return Err(self.cut(&e)),
            Err(_) => return Err(ClientError::TooSlow { door: self.door.to_string() }),
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.whole(response).await.unwrap_or_default();
        Err(refused(status, &body))
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let whole = Limited::new(response.into_body(), LARGEST).collect();
        match tokio::time::timeout(ANSWER, whole).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(e)) => Err(self.cut(&*e)),
            Err(_) => Err(ClientError::TooSlow { door: self.door.to_string() }),
        }
    }

    fn cut(&self, error: &dyn std::fmt::Display) -> ClientError {
        ClientError::Cut { door: self.door.to_string(), message: error.to_string() }
    }
}

fn refused(status: StatusCode, body: &[u8]) -> ClientError {
    let said: Said = serde_json::from_slice(body).unwrap_or_default();
    let detail = if said.detail.is_empty() { status.to_string() } else { said.detail };
    ClientError::Refused { status: status.as_u16(), detail, hint: said.hint }
}

/// A path with those parameters that have a value, escaped.
pub fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut text = path.to_owned();
    let mut mark = '?';
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        text.push(mark);
        mark = '&';
        text.push_str(name);
        text.push('=');
        text.push_str(&escaped(value));
    }
    text
}

/// Text as one part of a path or as a parameter's value.
pub fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_escaped() {
        let path = with_query("/p", &[("a", Some("1 & 2=ü/")), ("b", None), ("c", Some("x"))]);
        assert_eq!(path, "/p?a=1%20%26%202%3D%C3%BC%2F&c=x");
    }

    #[test]
    fn a_token_does_not_travel_in_the_clear() {
        let token = || Some(SecretString::from("0123456789abcdef"));
        let error = Client::http("http://controller.example:8750", token(), None).unwrap_err();
        assert!(matches!(error, ClientError::Plaintext { .. }), "{error}");
        for url in ["http://127.0.0.1:8750", "http://localhost:8750", "http://[::1]:8750/"] {
            let client = Client::http(url, token(), None).unwrap();
            assert!(!format!("{client:?}").contains("0123456789abcdef"));
        }
        Client::http("http://controller.example:8750", None, None).unwrap();
        for url in ["ftp://x", "localhost", "http://", "http://user@x/", "http://x/?a=b"] {
            assert!(matches!(Client::http(url, None, None), Err(ClientError::Setting { .. })), "{url}");
        }
    }
}
