//! Connections: taken, bounded, served, and ended when it is time.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use evenkeel_engine::controller::Handle;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::app::App;
use crate::caller::Door;
use crate::listen::Listeners;
use crate::patience::Patient;
use crate::routes;
use crate::settings::{Bounds, Settings};
use crate::tls::Certificate;

/// Bytes of the headers of a request, about; more is refused.
const HEADERS: usize = 32 * 1024;

/// After the system could not hand out a connection (no more files), wait so long.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is done, then finishes what has begun, within [`Bounds::drain`]. Streams of events end at
/// once. With the last clone of `listeners` the socket's file goes.
pub async fn serve(
    listeners: Listeners,
    handle: Arc<dyn Handle>,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (stop, stopping) = watch::channel(false);
    let bounds = settings.bounds;
    let app = Arc::new(App::new(handle, settings, stopping.clone()));
    let service = Service { router: routes::router(&app), bounds, stopping };
    let mut doors = JoinSet::new();
    let Listeners { tcp, socket: unix } = listeners;
    if let Some(tcp) = tcp {
        doors.spawn(network(tcp.listener, tcp.certificate, service.clone()));
    }
    if let Some(unix) = &unix {
        doors.spawn(socket(Arc::clone(&unix.listener), service));
    }
    shutdown.await;
    stop.send_replace(true);
    while doors.join_next().await.is_some() {}
    drop(unix);
}

/// What a connection needs.
#[derive(Clone)]
struct Service {
    router: Router,
    bounds: Bounds,
    stopping: watch::Receiver<bool>,
}

/// The connections of one door.
struct Connections {
    places: Arc<Semaphore>,
    open: JoinSet<()>,
}

impl Connections {
    fn new(bounds: &Bounds) -> Self {
        Connections { places: Arc::new(Semaphore::new(bounds.connections)), open: JoinSet::new() }
    }

    /// Waits for a place, and for ended connections meanwhile. `None`: nothing more is taken.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        while self.open.try_join_next().is_some() {}
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Waits until all have ended, but not longer than `within`.
    async fn drain(mut self, within: Duration) {
        let all = async { while self.open.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::warn!(left = self.open.len(), "connections were cut at the end");
        }
    }
}

async fn network(listener: Arc<TcpListener>, certificate: Option<Arc<Certificate>>, service: Service) {
    let mut connections = Connections::new(&service.bounds);
    let mut stopping = service.stopping.clone();
    let mut renew = tokio::time::interval(service.bounds.certificate);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            _ = renew.tick() => if let Some(certificate) = &certificate {
                certificate.refresh().await;
            },
            taken = take(&mut connections, || listener.accept()) => {
                let Some(((stream, peer), place)) = taken else { continue };
                let door = Door::Network { peer: peer.ip() };
                let (service, certificate) = (service.clone(), certificate.clone());
                connections.open.spawn(async move {
                    encrypted(stream, certificate.as_deref(), service, door).await;
                    drop(place);
                });
            }
        }
    }
    drop(listener);
    connections.drain(service.bounds.drain).await;
}

async fn socket(listener: Arc<UnixListener>, service: Service) {
    let mut connections = Connections::new(&service.bounds);
    let mut stopping = service.stopping.clone();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            taken = take(&mut connections, || listener.accept()) => {
                let Some(((stream, _), place)) = taken else { continue };
                let uid = stream.peer_cred().ok().map(|user| user.uid());
                let service = service.clone();
                connections.open.spawn(async move {
                    let stream = Patient::new(stream, service.bounds.write);
                    speak(stream, service, Door::Socket { uid }).await;
                    drop(place);
                });
            }
        }
    }
    drop(listener);
    connections.drain(service.bounds.drain).await;
}

/// The next connection, once there is a place for it.
async fn take<C, F>(
    connections: &mut Connections,
    accept: impl Fn() -> F,
) -> Option<(C, OwnedSemaphorePermit)>
where
    F: Future<Output = io::Result<C>>,
{
    let place = connections.place().await?;
    match accept().await {
        Ok(connection) => Some((connection, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be taken");
            tokio::time::sleep(BREATH).await;
            None
        }
    }
}

/// Speaks TLS first, where there is a certificate.
async fn encrypted(stream: TcpStream, certificate: Option<&Certificate>, service: Service, door: Door) {
    // Answers are small and whole: waiting to fill packets only makes them late.
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, service.bounds.write);
    let Some(certificate) = certificate else { return speak(stream, service, door).await };
    let handshake = TlsAcceptor::from(certificate.config()).accept(stream);
    match tokio::time::timeout(service.bounds.handshake, handshake).await {
        Ok(Ok(stream)) => speak(stream, service, door).await,
        Ok(Err(error)) => tracing::debug!(?door, %error, "no TLS"),
        Err(_) => tracing::debug!(?door, "no TLS in time"),
    }
}

/// Serves the requests of one connection.
async fn speak<S>(stream: S, service: Service, door: Door)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Service { router, bounds, mut stopping } = service;
    let answer = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(door);
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request).await;
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.headers)
        .max_buf_size(HEADERS)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let early = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopped(&mut stopping) => None,
    };
    let ended = if let Some(ended) = early {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = ended {
        tracing::debug!(?door, %error, "a connection ended early");
    }
}

/// Waits until it is time to stop.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that nobody can say so any more.
    let _ = stopping.wait_for(|stop| *stop).await;
}
