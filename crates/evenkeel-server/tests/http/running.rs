//! A server on free ports and in a temporary folder, and requests written by hand.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::{HttpSpec, Provider, Role, TokenSpec, WebhookSpec};
use evenkeel_engine::controller::Handle;
use evenkeel_server::{Bounds, Listeners, Settings, serve};
use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fake::Fake;

/// Nothing here takes longer, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const VIEWER: &str = "viewer-0123456789abcdef";
pub(crate) const OPERATOR: &str = "operator-0123456789abcdef";
pub(crate) const ADMIN: &str = "admin-0123456789abcdef";

/// The secret of every webhook.
pub(crate) const SECRET: &str = "It's a Secret to Everybody";

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) fake: Arc<Fake>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn plain() -> HttpSpec {
    HttpSpec { listen: "127.0.0.1:0".to_owned(), allow_remote: false, tls: None, allow_plaintext: false }
}

/// Bounds that do not get in the way of a test that is about something else.
pub(crate) fn wide() -> Bounds {
    Bounds { wrong_tokens_per_minute: 10_000, headers: PATIENCE, body: PATIENCE, ..Bounds::default() }
}

/// Three tokens, and one webhook of each provider, named after it; `named` wakes `lab`.
pub(crate) fn settings(webhooks_per_minute: u16) -> Settings {
    let token = |name: &str, role, value: &str| {
        let spec = TokenSpec { name: name.to_owned(), role, credentials_ref: name.to_owned() };
        (spec, SecretString::from(value))
    };
    let webhook = |name: &str, provider, sources: &[&str]| {
        let spec = WebhookSpec {
            name: name.to_owned(),
            provider,
            credentials_ref: name.to_owned(),
            sources: sources.iter().map(|s| (*s).to_owned()).collect(),
        };
        (spec, SecretString::from(SECRET))
    };
    let tokens = vec![
        token("anna", Role::Viewer, VIEWER),
        token("ci", Role::Operator, OPERATOR),
        token("root", Role::Admin, ADMIN),
    ];
    let webhooks = vec![
        webhook("github", Provider::GitHub, &[]),
        webhook("gitlab", Provider::GitLab, &[]),
        webhook("gitea", Provider::Gitea, &[]),
        webhook("bitbucket", Provider::Bitbucket, &[]),
        webhook("generic", Provider::Generic, &[]),
        webhook("named", Provider::GitHub, &["lab"]),
    ];
    Settings::new(tokens, webhooks, webhooks_per_minute).unwrap()
}

impl Running {
    pub(crate) async fn start() -> Self {
        Running::with(settings(10_000).bounds(wide()), plain()).await
    }

    pub(crate) async fn bounded(bounds: Bounds) -> Self {
        Running::with(settings(10_000).bounds(bounds), plain()).await
    }

    pub(crate) async fn with(settings: Settings, http: HttpSpec) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let listeners = Listeners::open(Some(&http), Some(&socket)).await.unwrap();
        let address = listeners.address().unwrap();
        let fake = Fake::new();
        let (stop, stopped) = oneshot::channel();
        let handle = Arc::clone(&fake) as Arc<dyn Handle>;
        let task = tokio::spawn(serve(listeners, handle, settings, async move {
            // Also when the test drops it.
            let _ = stopped.await;
        }));
        Running { address, socket, fake, stop: Some(stop), task, folder }
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.begin_to_stop();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it stops").unwrap();
    }

    pub(crate) fn begin_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Asks over TCP.
    pub(crate) async fn ask(&self, request: &Request<'_>) -> Reply {
        exchange(self.connect().await, &request.bytes()).await
    }

    /// Asks over the Unix socket.
    pub(crate) async fn ask_socket(&self, request: &Request<'_>) -> Reply {
        exchange(unix(&self.socket).await, &request.bytes()).await
    }
}

pub(crate) async fn unix(path: &Path) -> UnixStream {
    UnixStream::connect(path).await.unwrap()
}

/// A request as it is written.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Request { method: "GET", path, headers: Vec::new(), body: b"" }
    }

    pub(crate) fn post(path: &'a str, body: &'a [u8]) -> Self {
        Request { method: "POST", path, headers: Vec::new(), body }
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &'a str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if self.method == "POST" {
            head.extend(["content-length: ", &self.body.len().to_string(), "\r\n"]);
        }
        [head.as_bytes(), b"\r\n", self.body].concat()
    }
}

/// An answer as it was read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Writes and reads until the other end closes, or until the head where a stream of events follows.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &[u8]) -> Reply {
    // The server may answer and close before it has read all.
    let _ = stream.write_all(request).await;
    answer(&mut stream).await
}

pub(crate) async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> Reply {
    tokio::time::timeout(PATIENCE, async {
        let mut read = Vec::new();
        loop {
            let ended = stream.read_buf(&mut read).await.map_or(true, |n| n == 0);
            let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") else {
                assert!(!ended, "the connection ended before an answer: {}", String::from_utf8_lossy(&read));
                continue;
            };
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let reply = Reply { status, head, body: read[end + 4..].to_vec() };
            let whole = reply.header("content-length").map(|n| n.parse::<usize>().unwrap());
            if ended
                || whole == Some(reply.body.len())
                || reply.header("content-type") == Some("text/event-stream")
            {
                return reply;
            }
        }
    })
    .await
    .expect("an answer")
}
