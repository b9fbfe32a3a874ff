//! A stream that tells when its other end is gone.
//!
//! The library wakes the requests that wait at that moment, and leaves those that are made just after it to their
//! patience.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// The stream.
pub(super) struct Watched<S> {
    stream: S,
    ended: watch::Sender<bool>,
}

/// Who watches.
#[derive(Debug, Clone)]
pub(super) struct Watcher(watch::Receiver<bool>);

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Watcher) {
        let (ended, watcher) = watch::channel(false);
        (Watched { stream, ended }, Watcher(watcher))
    }

    fn end(&self) {
        self.ended.send_replace(true);
    }
}

impl Watcher {
    /// Waits until the stream has ended.
    pub(super) async fn ended(&self) {
        // One that is gone has ended, too.
        let _ = self.0.clone().wait_for(|ended| *ended).await;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        let at_end = buffer.filled().len() == before && buffer.remaining() > 0;
        match &polled {
            Poll::Ready(Ok(())) if at_end => this.end(),
            Poll::Ready(Err(_)) => this.end(),
            _ => {}
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        if let Poll::Ready(Err(_)) = &polled {
            this.end();
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
