//! The server behind HTTP on a Unix socket, as the real one is.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use evenkeel_core::request::Method;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::answer::{Answer, Work};
use super::{IncusHost, forms};

/// A request may have so many bytes.
const LARGEST: usize = 16 << 20;

/// A running server. It ends when this is dropped.
pub struct IncusServer {
    shared: Arc<Shared>,
    socket: PathBuf,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    host: Mutex<IncusHost>,
    /// What was done in the background, by the path of the operation: as it ended.
    ended: Mutex<BTreeMap<String, Value>>,
    /// What commands printed, by the path of the log.
    logs: Mutex<BTreeMap<String, Vec<u8>>>,
    calls: Mutex<Vec<String>>,
    /// The next write is carried out, and the line is cut before the answer.
    cut: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for IncusServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncusServer").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl IncusServer {
    /// Starts it on a socket, which must not be there yet.
    pub fn start(host: IncusHost, socket: &Path) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            host: Mutex::new(host),
            ended: Mutex::default(),
            logs: Mutex::default(),
            calls: Mutex::default(),
            cut: AtomicBool::new(false),
        });
        let (stop, stopped) = watch::channel(false);
        let (started, wait) = mpsc::channel();
        let (served, path) = (Arc::clone(&shared), socket.to_owned());
        let thread = std::thread::spawn(move || run(served, &path, &started, stopped));
        wait.recv().map_err(io::Error::other)??;
        Ok(IncusServer { shared, socket: socket.to_owned(), stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Looks at or changes the server by hand.
    pub fn with_host<R>(&self, act: impl FnOnce(&mut IncusHost) -> R) -> R {
        act(&mut locked(&self.shared.host))
    }

    /// The calls so far: `PUT /1.0/instances/web/state`.
    pub fn calls(&self) -> Vec<String> {
        locked(&self.shared.calls).clone()
    }

    /// The next write is carried out, and the connection ends before its answer.
    pub fn cut_next_write(&self) {
        self.shared.cut.store(true, Ordering::SeqCst);
    }
}

impl Drop for IncusServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

fn run(
    shared: Arc<Shared>,
    socket: &Path,
    started: &mpsc::Sender<io::Result<()>>,
    mut stopped: watch::Receiver<bool>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(started.send(Err(error))),
    };
    runtime.block_on(async {
        match UnixListener::bind(socket) {
            Ok(listener) => {
                tokio::spawn(connections(listener, shared));
                drop(started.send(Ok(())));
                // An error means that the server was dropped, too.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
            Err(error) => drop(started.send(Err(error))),
        }
    });
    runtime.shutdown_background();
}

async fn connections(listener: UnixListener, shared: Arc<Shared>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Some(request) = read_request(&mut stream).await? {
                let Some((status, kind, body)) = shared.answer(&request) else { return Ok(()) };
                let head = format!(
                    "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                    if status < 400 { "OK" } else { "Error" },
                    body.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&body).await?;
                stream.flush().await?;
            }
            Ok::<(), io::Error>(())
        });
    }
}

struct HttpRequest {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    body: Value,
}

/// The next request; `None` where the client went away.
async fn read_request(stream: &mut UnixStream) -> io::Result<Option<HttpRequest>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
            let mut lines = head.lines();
            let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
            let mut headers = lines.filter_map(|line| line.split_once(':'));
            let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length: usize = length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = bytes.get(end + 4..).unwrap_or_default();
                let method = words.next().unwrap_or_default();
                let target = words.next().unwrap_or_default();
                let (path, query) = target.split_once('?').unwrap_or((&target, ""));
                let query = query.split('&').filter_map(|pair| pair.split_once('='));
                return Ok(Some(HttpRequest {
                    method,
                    path: decoded(path),
                    query: query.map(|(name, value)| (decoded(name), decoded(value))).collect(),
                    body: serde_json::from_slice(body).unwrap_or(Value::Null),
                }));
            }
        }
        if bytes.len() > LARGEST || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// Undoes percent encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| byte == b'%');
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The status, the kind of content, and the content.
type Response = (u16, &'static str, Vec<u8>);

fn told(status: u16, body: &Value) -> Response {
    (status, "application/json", body.to_string().into_bytes())
}

fn fault(http: u16, status: u16, why: &str) -> Response {
    let body = json!({
        "type": "error",
        "status": "",
        "status_code": 0,
        "operation": "",
        "error_code": status,
        "error": why,
        "metadata": null,
    });
    told(http, &body)
}

fn success(http: u16, metadata: &Value) -> Response {
    let body = json!({
        "type": "sync",
        "status": "Success",
        "status_code": 200,
        "operation": "",
        "error_code": 0,
        "error": "",
        "metadata": metadata,
    });
    told(http, &body)
}

impl Shared {
    /// `None` where the line is to be cut.
    fn answer(&self, request: &HttpRequest) -> Option<Response> {
        let told = format!("{} {}", request.method, request.path);
        locked(&self.calls).push(told);
        let method = match request.method.as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            _ => return Some(fault(501, 501, "not implemented")),
        };
        let path = request.path.as_str();
        let response = if let Some(operation) = path.strip_suffix("/wait") {
            self.ended_as(operation)
        } else if path.starts_with("/1.0/operations/") {
            self.ended_as(path)
        } else if path.contains("/logs/exec-output/") {
            self.log(method, path)
        } else if let Some(name) = path.strip_prefix("/1.0/instances/").and_then(|p| p.strip_suffix("/exec"))
        {
            self.exec(name, &request.body)
        } else {
            let answer = locked(&self.host).call(method, path, &request.query, Some(&request.body));
            self.respond(answer)
        };
        let is_cut = method != Method::Get && self.cut.swap(false, Ordering::SeqCst);
        (!is_cut).then_some(response)
    }

    fn respond(&self, answer: Answer) -> Response {
        match answer {
            Answer::Now(value) => success(200, &value),
            Answer::Made => success(201, &Value::Null),
            Answer::Fault(status, why) => fault(status, status, &why),
            Answer::Later(work) => self.begin(&work),
        }
    }

    /// All is done at once, and told when it is asked for.
    fn begin(&self, work: &Work) -> Response {
        let mut ended = locked(&self.ended);
        let id = format!("{:08x}-0000-4000-8000-000000000000", ended.len());
        let path = format!("/1.0/operations/{id}");
        let now = locked(&self.host).now;
        let mut resources: Map<String, Value> = Map::new();
        for (kind, path) in &work.resources {
            resources.insert(kind.clone(), json!([path]));
        }
        let form =
            |code, metadata| forms::operation(&id, &work.description, code, &resources, &metadata, now);
        let running = form(103, Value::Null);
        let end = match &work.result {
            Ok(metadata) => form(200, metadata.clone()),
            Err((status, why)) => json!({ "status": status, "error": why }),
        };
        ended.insert(path.clone(), end);
        let body = json!({
            "type": "async",
            "status": "Operation created",
            "status_code": 100,
            "operation": path,
            "error_code": 0,
            "error": "",
            "metadata": running,
        });
        told(202, &body)
    }

    fn ended_as(&self, operation: &str) -> Response {
        match locked(&self.ended).get(operation) {
            None => fault(404, 404, "Operation not found"),
            Some(end) => match (end.get("error").and_then(Value::as_str), end.get("status")) {
                // Its status is that of the answer, and not of HTTP.
                (Some(why), Some(status)) => {
                    let status = status.as_u64().and_then(|status| u16::try_from(status).ok());
                    fault(200, status.unwrap_or(500), why)
                }
                _ => success(200, end),
            },
        }
    }

    fn exec(&self, name: &str, body: &Value) -> Response {
        let words = body.get("command").and_then(Value::as_array).into_iter().flatten();
        let words: Vec<&str> = words.filter_map(Value::as_str).collect();
        let ran = locked(&self.host).run_in(name, &words);
        let reply = match ran {
            Ok(reply) => reply,
            Err(refused) => return self.respond(refused),
        };
        let mut logs = locked(&self.logs);
        let log = |stream: &str, nth: usize| {
            format!("/1.0/instances/{name}/logs/exec-output/exec_{nth:08x}.{stream}")
        };
        let nth = logs.len();
        let (out, err) = (log("stdout", nth), log("stderr", nth));
        logs.insert(out.clone(), reply.stdout);
        logs.insert(err.clone(), reply.stderr);
        let metadata = json!({ "output": { "1": out, "2": err }, "return": reply.exit });
        let path = format!("/1.0/instances/{name}");
        let resources = ["containers", "instances"].map(|kind| (kind.to_owned(), path.clone())).into();
        self.begin(&Work { description: "Executing command".to_owned(), resources, result: Ok(metadata) })
    }

    fn log(&self, method: Method, path: &str) -> Response {
        let mut logs = locked(&self.logs);
        let missing = || fault(404, 404, &format!("open {path}: no such file or directory"));
        match method {
            Method::Delete => logs.remove(path).map_or_else(missing, |_| success(200, &json!({}))),
            _ => logs.get(path).map_or_else(missing, |log| (200, "application/octet-stream", log.clone())),
        }
    }
}
