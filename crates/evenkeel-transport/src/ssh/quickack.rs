//! A TCP stream that acknowledges at once.
//!
//! Around the key exchange both sides send small packets and wait; Linux delays the acknowledgement of each by up to
//! 40 ms. The setting does not last, so it is renewed after each read, until the login is long over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection is logged in and has its first answer after fewer reads than this.
const RENEWALS: u32 = 12;

#[derive(Debug)]
pub(super) struct QuickAck {
    stream: TcpStream,
    /// How often it is still renewed: each time is a system call.
    renewals: u32,
}

impl QuickAck {
    /// Also sends without delay.
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(QuickAck { stream, renewals: RENEWALS })
    }

    /// It only saves time, so a system that cannot do it is no error.
    #[cfg(target_os = "linux")]
    fn renew(&self) {
        let _ = rustix::net::sockopt::set_tcp_quickack(&self.stream, true);
    }

    #[cfg(not(target_os = "linux"))]
    fn renew(&self) {}
}

impl AsyncRead for QuickAck {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() && self.renewals > 0 {
            self.renewals -= 1;
            self.renew();
        }
        read
    }
}

impl AsyncWrite for QuickAck {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
