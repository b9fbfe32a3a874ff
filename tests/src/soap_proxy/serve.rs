//! Connections of clients, and what becomes of their calls.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

use super::answers::{self, Answer};
use super::rules::{Act, Call, Moment, Then};
use super::{Shared, State};
use crate::soap::Line;

/// The request header by which our addition to the simulator is asked for a task that fails
/// (`tests/vcsim/failures.go`).
const FAIL: &str = "vcsim-fail";

/// A port that cannot be opened is tried again after this.
const RETRY: Duration = Duration::from_millis(10);

/// Attends to clients until it is told to stop.
pub(super) async fn serve(shared: Arc<Shared>, tls: TlsAcceptor, first: TcpListener, address: SocketAddr) {
    let mut state = shared.state.subscribe();
    let mut listener = Some(first);
    loop {
        let now = *state.borrow_and_update();
        listener = match (now, listener) {
            (State::Stopped, _) => return,
            (State::Closed, _) => None,
            (State::Open, Some(listener)) => Some(listener),
            // Another process may have the port for a moment, for a connection of its own.
            (State::Open, None) => TcpListener::bind(address).await.ok(),
        };
        shared.listening.send_replace(listener.is_some());
        let Some(listener) = &listener else {
            let again = if now == State::Open { RETRY } else { Duration::MAX };
            let _ = tokio::time::timeout(again, state.changed()).await;
            continue;
        };
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                tokio::spawn(attend(Arc::clone(&shared), tls.clone(), stream));
            },
            _ = state.changed() => {}
        }
    }
}

async fn attend(shared: Arc<Shared>, tls: TlsAcceptor, stream: TcpStream) {
    let mut listening = shared.listening.subscribe();
    // A client that goes away, or trusts nobody, is none of ours.
    let _ = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else { return };
    let line = Arc::new(Mutex::new(Line::new(shared.server, &shared.fingerprint)));
    let service = service_fn(|request| pass(Arc::clone(&shared), Arc::clone(&line), request));
    let ended = async {
        while *listening.borrow_and_update() {
            if listening.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service) => {}
        () = ended => {}
    }
}

/// Cuts the connection, by way of an error of the service.
fn cut() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionAborted)
}

async fn pass(shared: Arc<Shared>, line: Arc<Mutex<Line>>, request: Request<Incoming>) -> io::Result<Answer> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    for name in [CONNECTION, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    let Some((call, act)) = shared.note(&body) else {
        return Ok(answers::whole(deliver(&line, Request::from_parts(head, Full::new(body))).await?));
    };
    shared.ask(&call, Moment::Before).await;
    match &act {
        Some(Act::CutBefore) => return Err(cut()),
        Some(Act::Refuse) => {
            shared.state.send_replace(State::Closed);
            // The connection is cut with all the others when the port is closed.
            return std::future::pending().await;
        }
        Some(Act::Hang) => return std::future::pending().await,
        Some(Act::Unavailable) => return Ok(answers::unavailable()),
        Some(Act::Html) => return Ok(answers::html()),
        Some(Act::Fault(fault)) => return Ok(answers::fault(fault)),
        Some(Act::Wait(time)) => tokio::time::sleep(*time).await,
        Some(Act::TaskFails(kind)) => {
            head.headers.insert(FAIL, HeaderValue::from_str(kind).map_err(io::Error::other)?);
        }
        Some(Act::CutAfter | Act::CutWithin | Act::Truncate | Act::Rewrite(_)) | None => {}
    }
    let answer = deliver(&line, Request::from_parts(head, Full::new(body))).await?;
    shared.ask(&call, Moment::After).await;
    match act {
        Some(Act::CutAfter) => Err(cut()),
        Some(Act::CutWithin) => Ok(answers::torn(answer)),
        Some(Act::Truncate) => Ok(answers::changed(answer, |body| answers::truncated(&body))),
        Some(Act::Rewrite(by)) => Ok(answers::changed(answer, |body| by(body))),
        _ => Ok(answers::whole(answer)),
    }
}

async fn deliver(line: &Mutex<Line>, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
    line.lock().await.send(request).await
}

impl Shared {
    /// Notes a call, and says what happens to it. `None` for what is not a call.
    fn note(&self, body: &[u8]) -> Option<(Call, Option<Act>)> {
        let body = String::from_utf8_lossy(body).into_owned();
        let method = super::rules::method(&body)?.to_owned();
        let act = self.rules().next(&method);
        let nth = {
            let mut calls = self.calls();
            calls.push(method.clone());
            calls.len()
        };
        Some((Call { method, nth, body }, act))
    }

    async fn ask(&self, call: &Call, moment: Moment) {
        // Not held while it is asked: it may want to change it.
        let hook = self.hook().clone();
        if hook.is_some_and(|hook| hook(call, moment) == Then::Hang) {
            std::future::pending::<()>().await;
        }
    }
}
