//! A server of HTTP that does what it is told: answers, is silent, or cuts the connection.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

/// A request that arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Which one it is, from 0, over all connections.
    pub(super) nth: usize,
    /// Which connection, from 0.
    pub(super) connection: usize,
    /// `GET /1.0`
    pub(super) line: String,
    /// Everything before the body.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers.
    Answer(Vec<u8>),
    /// Answers, and closes the connection without having said so.
    Last(Vec<u8>),
    /// Closes the connection.
    Cut,
    /// Says nothing for ever.
    Silence,
}

impl Act {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Act::raw(status, body.to_string().as_bytes())
    }

    pub(super) fn raw(status: u16, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\n\r\n", body.len());
        Act::Answer([head.as_bytes(), body].concat())
    }

    /// And closes the connection then.
    pub(super) fn last(self) -> Self {
        match self {
            Act::Answer(bytes) => Act::Last(bytes),
            other => other,
        }
    }

    /// The beginning of an answer, and no more.
    pub(super) fn torn(self) -> Self {
        match self {
            Act::Answer(bytes) => Act::Last(bytes[..bytes.len() - 3].to_vec()),
            other => other,
        }
    }
}

type Script = Arc<dyn Fn(&Asked) -> Act + Send + Sync>;

/// A running server. It ends with this.
pub(super) struct Server {
    folder: TempDir,
    log: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// At a socket of its own.
    pub(super) fn start(script: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (script, noted): (Script, _) = (Arc::new(script), Arc::clone(&log));
        let task = tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::spawn(attend(stream, connection, Arc::clone(&script), Arc::clone(&noted)));
            }
        });
        Server { folder, log, task }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What arrived so far.
    pub(super) fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// The first lines of what arrived so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.log().into_iter().map(|asked| asked.line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Does what the script says to each request of a connection.
pub(super) async fn attend(
    mut stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    connection: usize,
    script: Script,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    while let Some((line, head, body)) = request(&mut stream).await {
        let asked = {
            let mut log = log.lock().unwrap();
            let asked = Asked { nth: log.len(), connection, line, head, body };
            log.push(asked.clone());
            asked
        };
        match script(&asked) {
            Act::Answer(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
            Act::Last(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Act::Cut => return,
            Act::Silence => std::future::pending().await,
        }
    }
}

/// The next request of a connection: first line, head, body.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, String, Vec<u8>)> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = read.split_off(end);
    let head = String::from_utf8(read).unwrap();
    let length = head
        .to_lowercase()
        .split_once("content-length: ")
        .map(|(_, rest)| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
    while body.len() < length.unwrap_or(0) {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let line = head.split(" HTTP/1.1").next().unwrap().to_owned();
    Some((line, head, body))
}
