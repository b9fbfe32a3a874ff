//! A TCP connection, encrypted or not, and how one is opened.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;

/// Probes of an idle connection, so that what stands between does not forget it during a long transfer.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// A stream of bytes each way.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects to a server by name, trying its addresses in turn; one that does not answer leaves time for the others.
pub(super) async fn connect(
    server: &str,
    host: &str,
    port: u16,
    patience: Duration,
) -> Result<TcpStream, TransportError> {
    let failed = |kind, why: String| TransportError::new(kind, format!("{server}: {why}"));
    let unreachable = |why: String| failed(TransportErrorKind::Unreachable, why);
    let deadline = Instant::now() + patience;
    let looked_up = timeout(patience, lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = match looked_up {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(e)) => return Err(unreachable(format!("the name {host} does not resolve: {e}"))),
        Err(_) => {
            return Err(failed(
                TransportErrorKind::Timeout,
                format!("the name {host} does not resolve in time"),
            ));
        }
    };
    let mut last = unreachable(format!("the name {host} has no address"));
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = deadline.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        last = match open(address, share).await {
            Ok(stream) => return Ok(stream),
            Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                failed(TransportErrorKind::Timeout, format!("{address} does not answer"))
            }
            Err(e) => unreachable(format!("no connection to {address}: {e}")),
        };
    }
    Err(last)
}

/// Connects to an address, with probes while it is idle.
pub(super) async fn open(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let connecting = timeout(patience, TcpStream::connect(address)).await;
    let stream = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(&stream, KEEPALIVE)?;
    Ok(stream)
}

impl Wire {
    pub(super) fn peer(&self) -> io::Result<SocketAddr> {
        match self {
            Wire::Plain(stream) => stream.peer_addr(),
            Wire::Tls(stream) => stream.get_ref().0.peer_addr(),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
