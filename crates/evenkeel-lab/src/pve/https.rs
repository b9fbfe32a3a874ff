//! The node behind its own HTTPS server on loopback, and behind the socket that `evenkeel-lab run` asks.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use evenkeel_core::request::{Method, Reply};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{ApiAnswer, PveHost, verb};
use crate::server::socket;
use crate::wire::{Call, encode_reply};

/// A request may have so many bytes.
const LARGEST: usize = 1 << 20;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[error("the simulated Proxmox VE does not start: {0}")]
pub struct ServerError(String);

/// A running server. It ends when this is dropped.
pub struct PveServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    certificate: String,
    fingerprint: String,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    host: Mutex<PveHost>,
    /// `PVEAPIToken=USER@REALM!NAME=SECRET`
    login: String,
    calls: Mutex<Vec<String>>,
    /// The next write is carried out, and the line is cut before the answer.
    cut: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for PveServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PveServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl PveServer {
    /// Starts it on a free port of 127.0.0.1 for this API token, and on the socket of `dir`, where `evenkeel-lab run
    /// --dir DIR pve pvesh …` runs `pvesh`.
    pub fn start(host: PveHost, token: &str, secret: &str, dir: &Path) -> Result<Self, ServerError> {
        let wrong = |error: &dyn fmt::Display| ServerError(error.to_string());
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let own = rcgen::generate_simple_self_signed(names).map_err(|e| wrong(&e))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| wrong(&e))?
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .map_err(|e| wrong(&e))?;
        let fingerprint: Vec<String> =
            Sha256::digest(own.cert.der()).iter().map(|byte| format!("{byte:02X}")).collect();
        let shared = Arc::new(Shared {
            host: Mutex::new(host),
            login: format!("PVEAPIToken={token}={secret}"),
            calls: Mutex::default(),
            cut: AtomicBool::new(false),
        });
        let (stop, stopped) = watch::channel(false);
        let (started, wait) = mpsc::channel();
        let (served, path) = (Arc::clone(&shared), socket(dir));
        let thread = std::thread::spawn(move || {
            run(served, TlsAcceptor::from(Arc::new(config)), &path, &started, stopped);
        });
        let address = wait.recv().map_err(|e| wrong(&e))?.map_err(|e| wrong(&e))?;
        let (certificate, fingerprint) = (own.cert.pem(), fingerprint.join(":"));
        Ok(PveServer { shared, address, certificate, fingerprint, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate, PEM, which it signed itself.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// SHA-256 of its certificate, as `pvenode cert info` shows it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Looks at or changes the node by hand.
    pub fn with_host<R>(&self, act: impl FnOnce(&mut PveHost) -> R) -> R {
        act(&mut locked(&self.shared.host))
    }

    /// The calls so far: `PUT /cluster/backup/nightly enabled=0`.
    pub fn calls(&self) -> Vec<String> {
        locked(&self.shared.calls).clone()
    }

    /// The next write is carried out, and the connection ends before its answer.
    pub fn cut_next_write(&self) {
        self.shared.cut.store(true, Ordering::SeqCst);
    }
}

impl Drop for PveServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

type Started = io::Result<SocketAddr>;

fn run(
    shared: Arc<Shared>,
    tls: TlsAcceptor,
    socket: &Path,
    started: &mpsc::Sender<Started>,
    mut stopped: watch::Receiver<bool>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(started.send(Err(error))),
    };
    runtime.block_on(async {
        let bound = async {
            let shell = UnixListener::bind(socket)?;
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            Ok::<_, io::Error>((shell, listener.local_addr()?, listener))
        };
        match bound.await {
            Ok((shell, address, listener)) => {
                tokio::spawn(shells(shell, Arc::clone(&shared)));
                tokio::spawn(connections(listener, tls, shared));
                drop(started.send(Ok(address)));
                // An error means that the server was dropped, too.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
            Err(error) => drop(started.send(Err(error))),
        }
    });
    runtime.shutdown_background();
}

async fn shells(listener: UnixListener, shared: Arc<Shared>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await?;
            let reply = match Call::decode(&bytes) {
                Some(call) => {
                    locked(&shared.calls).push(call.argv.join(" "));
                    locked(&shared.host).run(&call.argv)
                }
                None => Reply { exit: 127, stdout: Vec::new(), stderr: b"what?\n".to_vec() },
            };
            stream.write_all(&encode_reply(&reply)).await
        });
    }
}

async fn connections(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let mut stream = tls.accept(stream).await?;
            while let Some(request) = read_request(&mut stream).await? {
                let Some(answer) = answer(&request, &shared) else { return Ok(()) };
                let body = if answer.body.is_null() { String::new() } else { answer.body.to_string() };
                let head = format!(
                    "HTTP/1.1 {} {}\r\nServer: pve-api-daemon/3.0\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
                    answer.status,
                    answer.reason,
                    body.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(body.as_bytes()).await?;
                stream.flush().await?;
            }
            Ok::<(), io::Error>(())
        });
    }
}

#[derive(Debug, Default)]
struct HttpRequest {
    method: String,
    target: String,
    login: String,
    body: String,
}

/// The next request; `None` where the client went away.
async fn read_request(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Option<HttpRequest>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
            let header = |name: &str| {
                let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
                lines
                    .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                    .map(|(_, v)| v.trim().to_owned())
                    .next()
            };
            let length: usize = header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let mut words = head.lines().next().unwrap_or_default().split(' ').map(str::to_owned);
                return Ok(Some(HttpRequest {
                    method: words.next().unwrap_or_default(),
                    target: words.next().unwrap_or_default(),
                    login: header("authorization").unwrap_or_default(),
                    body: String::from_utf8_lossy(bytes.get(end + 4..).unwrap_or_default()).into_owned(),
                }));
            }
        }
        if bytes.len() > LARGEST || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// `None` where the line is to be cut.
fn answer(request: &HttpRequest, shared: &Shared) -> Option<ApiAnswer> {
    if request.login != shared.login {
        let reason = if request.login.is_empty() { "No ticket" } else { "invalid token value!" };
        return Some(ApiAnswer { status: 401, reason: reason.to_owned(), body: Value::Null });
    }
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let path = decoded(path.strip_prefix("/api2/json").unwrap_or(path));
    let sent = if request.method == "GET" || request.method == "DELETE" { query } else { &request.body };
    let params: Vec<(String, String)> = sent
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let mut told = format!("{} {path}", request.method);
    for (name, value) in &params {
        told.extend([" ", name.as_str(), "=", value.as_str()]);
    }
    locked(&shared.calls).push(told);
    let methods = [Method::Get, Method::Post, Method::Put, Method::Delete];
    let method = methods.into_iter().find(|method| verb(*method) == request.method);
    let answer = match method {
        Some(method) => locked(&shared.host).call(method, &path, &params),
        None => {
            ApiAnswer { status: 501, reason: "Not implemented".to_owned(), body: json!({ "data": null }) }
        }
    };
    let is_cut = method != Some(Method::Get) && shared.cut.swap(false, Ordering::SeqCst);
    (!is_cut).then_some(answer)
}

/// Undoes percent encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match (byte, code.and_then(|code| u8::from_str_radix(code, 16).ok())) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            (byte, _) => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
