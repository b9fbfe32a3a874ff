//! Requests to a WebDAV server and what their answers mean.

use std::io;
use std::time::Duration;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode, Url, header};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::multistatus::{self, Member};
use crate::stores::http::{LONG, configuration, failed, silent, unanswered};
use crate::stores::{StoreError, Stored};

/// What an answer to PROPFIND may have, in bytes.
const LARGEST: usize = 64 << 20;

/// The size of the pieces of a file, and how many are on the way.
const PIECE: usize = 256 << 10;
const PIECES: usize = 4;

const PROPFIND: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<propfind xmlns=\"DAV:\"><prop>\
                        <resourcetype/><getcontentlength/><quota-available-bytes/></prop></propfind>\n";

/// A WebDAV server.
pub(super) struct Server {
    /// How it is spoken of.
    pub(super) who: String,
    pub(super) client: Client,
    /// Where paths begin.
    pub(super) base: Url,
    pub(super) login: Option<Login>,
    /// It is not silent for longer.
    pub(super) patience: Duration,
}

/// What is sent along with each request.
pub(super) enum Login {
    Token(SecretString),
    Password { user: SecretString, password: SecretString },
}

impl Server {
    /// How long something may take that takes long.
    pub(super) fn long(&self) -> Duration {
        self.patience * LONG
    }

    /// The URL of a path; that of a folder ends with a slash.
    pub(super) fn url(&self, path: &str, folder: bool) -> Url {
        let mut url = self.base.clone();
        // Never fails for an address with a host.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/').filter(|name| !name.is_empty()));
            if folder {
                segments.push("");
            }
        }
        url
    }

    pub(super) fn request(&self, method: &str, url: Url) -> Stored<RequestBuilder> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|e| failed(TransportErrorKind::Protocol, e.to_string()))?;
        let request = self.client.request(method, url);
        Ok(match &self.login {
            None => request,
            Some(Login::Token(token)) => request.bearer_auth(token.expose_secret()),
            Some(Login::Password { user, password }) => {
                request.basic_auth(user.expose_secret(), Some(password.expose_secret()))
            }
        })
    }

    /// Sends a request; its answer has to begin within `time`.
    pub(super) async fn answer(&self, request: RequestBuilder, time: Duration) -> Stored<Response> {
        let sent = timeout(time, request.send()).await.map_err(|_| silent(&self.who, time))?;
        sent.map_err(|e| unanswered(&self.who, &e))
    }

    /// What is at `path`, and with a depth of `1` also what is in it.
    pub(super) async fn members(&self, path: &str, depth: &str) -> Stored<Vec<Member>> {
        match self.found(path, depth).await? {
            Ok(members) => Ok(members),
            Err(status) => Err(self.refused("look at", path, status).await),
        }
    }

    async fn found(&self, path: &str, depth: &str) -> Stored<Result<Vec<Member>, StatusCode>> {
        let url = self.url(path, path.is_empty() || depth == "1");
        let request = self.request("PROPFIND", url)?;
        let request =
            request.header("Depth", depth).header(header::CONTENT_TYPE, "application/xml; charset=utf-8");
        let answer = self.answer(request.body(PROPFIND), self.patience).await?;
        if answer.status() != StatusCode::MULTI_STATUS {
            return Ok(Err(answer.status()));
        }
        let body = self.body(answer).await?;
        multistatus::read(&body).map(Ok).map_err(|why| {
            let message = format!("{} is not understood where it tells of {path}: {why}", self.who);
            failed(TransportErrorKind::Protocol, message)
        })
    }

    async fn body(&self, mut answer: Response) -> Stored<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let piece = timeout(self.patience, answer.chunk()).await;
            let piece = piece.map_err(|_| silent(&self.who, self.patience))?;
            let Some(piece) = piece.map_err(|e| unanswered(&self.who, &e))? else { return Ok(body) };
            body.extend_from_slice(&piece);
            if body.len() > LARGEST {
                let message = format!("an answer of {} has more than {LARGEST} bytes", self.who);
                return Err(failed(TransportErrorKind::OutputTooLarge, message));
            }
        }
    }

    /// What an answer means that is none of those that were hoped for.
    pub(super) async fn refused(&self, doing: &str, path: &str, status: StatusCode) -> StoreError {
        let who = &self.who;
        let not = format!("cannot {doing} {path}");
        match status.as_u16() {
            404 | 410 => self.missing(path).await,
            401 => {
                let message = format!("{who} wants another login ({status})");
                let error = TransportError::new(TransportErrorKind::AuthenticationFailed, message);
                StoreError::Failed(match &self.login {
                    None => error.hint("give the target a `credentialsRef`"),
                    Some(Login::Token(_)) => error.hint("check the credential's `token`"),
                    Some(Login::Password { .. }) => {
                        error.hint("check `user` and the credential's `password`")
                    }
                })
            }
            405 | 501 => StoreError::Refused(format!("{who} does not do that: {not} ({status})")),
            413 | 507 => StoreError::Refused(format!("the store is full: {who}: {not} ({status})")),
            300..=399 => {
                let hint = "give the `url` that it sends to, if it is the right one";
                configuration(
                    format!("{who} sends us elsewhere, which is not followed ({status})"),
                    Some(hint),
                )
            }
            200..=299 => {
                failed(TransportErrorKind::Protocol, format!("{who} is not understood: {not} ({status})"))
            }
            429 | 500 | 502..=504 => {
                failed(TransportErrorKind::Unreachable, format!("{who} is not available: {not} ({status})"))
            }
            _ => StoreError::Refused(format!("{who} refuses: {not} ({status})")),
        }
    }

    /// That there is nothing at `path`: true only where there is something at the beginning of all paths.
    async fn missing(&self, path: &str) -> StoreError {
        match self.found("", "0").await {
            Err(error) => error,
            Ok(Ok(members)) if members.iter().any(|member| member.folder) => {
                StoreError::Missing(format!("there is no {path} on {}", self.who))
            }
            Ok(found) => {
                let why = found.err().map_or_else(|| "it is a file".to_owned(), |status| status.to_string());
                configuration(format!("the `url` is no folder of {}: {why}", self.who), None)
            }
        }
    }

    /// Sends a file. Where reading it fails, or this is dropped, the server gets a broken connection, and never what it
    /// could take for the end of the file.
    pub(super) async fn send_file(
        &self,
        path: &str,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Stored<u64> {
        let (pieces, receiver) = channel(PIECES);
        let body = Body::wrap_stream(futures_util::stream::unfold(receiver, next_piece));
        let request = self.request("PUT", self.url(path, false))?;
        let mut sending = std::pin::pin!(request.body(body).send());
        let fed = tokio::select! {
            answer = &mut sending => Fed::Answered(answer),
            fed = feed(from, pieces, self.patience) => fed,
        };
        let (answer, bytes) = match fed {
            Fed::Unread(error) => return Err(StoreError::OtherEnd(error.to_string())),
            Fed::Silent => return Err(silent(&self.who, self.patience)),
            Fed::Answered(answer) => (answer, None),
            Fed::All(bytes) => (self.within(self.long(), sending).await?, Some(bytes)),
            // The connection is gone; perhaps an answer came before that.
            Fed::Untaken => (self.within(self.patience, sending).await?, None),
        };
        let answer = answer.map_err(|e| unanswered(&self.who, &e))?;
        match (answer.status(), bytes) {
            (StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT, Some(bytes)) => Ok(bytes),
            (StatusCode::CONFLICT, _) => {
                Err(StoreError::Missing(format!("the folder that {path} is to be in is not there")))
            }
            (status, _) => Err(self.refused("write", path, status).await),
        }
    }

    async fn within<T>(&self, time: Duration, future: impl Future<Output = T>) -> Stored<T> {
        timeout(time, future).await.map_err(|_| silent(&self.who, time))
    }
}

/// What became of a file's bytes.
enum Fed {
    /// So many were passed on, and that was all.
    All(u64),
    /// They could not be read.
    Unread(io::Error),
    /// Nobody takes them any more.
    Untaken,
    /// Nobody took any for too long.
    Silent,
    /// The server did not wait for them.
    Answered(reqwest::Result<Response>),
}

/// Reads pieces and passes them on, and `None` at the end.
async fn feed(
    from: &mut (dyn AsyncRead + Send + Unpin),
    pieces: Sender<Option<Vec<u8>>>,
    patience: Duration,
) -> Fed {
    let mut bytes = 0;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        match from.read_buf(&mut piece).await {
            Err(error) => return Fed::Unread(error),
            Ok(count) => bytes += count as u64,
        }
        let piece = (!piece.is_empty()).then_some(piece);
        let last = piece.is_none();
        match timeout(patience, pieces.send(piece)).await {
            Err(_) => return Fed::Silent,
            Ok(Err(_)) => return Fed::Untaken,
            Ok(Ok(())) if last => return Fed::All(bytes),
            Ok(Ok(())) => {}
        }
    }
}

/// The next piece. An end without the word that it is one is a failure: the connection must break then.
async fn next_piece(
    mut pieces: Receiver<Option<Vec<u8>>>,
) -> Option<(io::Result<Vec<u8>>, Receiver<Option<Vec<u8>>>)> {
    match pieces.recv().await {
        Some(Some(piece)) => Some((Ok(piece), pieces)),
        Some(None) => None,
        None => Some((Err(io::Error::other("given up")), pieces)),
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.who).finish()
    }
}
