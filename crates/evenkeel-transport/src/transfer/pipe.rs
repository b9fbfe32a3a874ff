//! What bytes flow through: in at one end, counted and hashed, no faster than they may, and out at the other.
//!
//! A pipe holds a few megabytes. Its end is known only where whoever fills it says so: one that is just dropped gives
//! the reader an error, so that nobody takes a half for the whole.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use evenkeel_core::request::Digest;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::flow::Flow;
use super::hashing::Hashing;

/// Bytes go through in pieces of this size.
pub(super) const PIECE: usize = 256 << 10;

/// So many pieces are on their way: to the reader, or to be hashed.
const MOST: usize = 12;

/// Where bytes go in.
pub(crate) struct Inlet {
    /// The piece that is being filled.
    piece: Vec<u8>,
    /// How many bytes, from the first on, are hashed only.
    skip: u64,
    /// Pieces that are on their way, or were: the memory of those is used again.
    sent: VecDeque<Arc<Vec<u8>>>,
    hashing: Hashing,
    pace: Option<Pace>,
    /// `None`: nobody reads, what flows is hashed only.
    shared: Option<Arc<Mutex<Shared>>>,
    flow: Arc<Flow>,
}

/// Where they come out.
pub(crate) struct Outlet {
    shared: Arc<Mutex<Shared>>,
    /// What of the first piece was read.
    read: usize,
    flow: Arc<Flow>,
}

#[derive(Default)]
struct Shared {
    pieces: VecDeque<Arc<Vec<u8>>>,
    /// Nothing comes after these pieces, and they are the end.
    ended: bool,
    inlet_gone: bool,
    outlet_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// A pipe. The first `skip` bytes of what goes in do not come out.
pub(crate) fn pipe(flow: &Arc<Flow>, skip: u64, rate: Option<u64>) -> (Inlet, Outlet) {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let mut inlet = Inlet::hashing(flow);
    inlet.skip = skip;
    inlet.pace = rate.map(Pace::new);
    inlet.shared = Some(Arc::clone(&shared));
    (inlet, Outlet { shared, read: 0, flow: Arc::clone(flow) })
}

impl Inlet {
    /// One that nothing comes out of.
    pub(crate) fn hashing(flow: &Arc<Flow>) -> Self {
        Inlet {
            piece: Vec::new(),
            skip: 0,
            sent: VecDeque::new(),
            hashing: Hashing::start(),
            pace: None,
            shared: None,
            flow: Arc::clone(flow),
        }
    }

    /// What has gone in, all of it. Nothing more may go in.
    pub(crate) async fn digest(&mut self) -> io::Result<Digest> {
        self.flush().await?;
        self.hashing.digest().await
    }

    /// That was all, and it is good.
    pub(crate) fn end(self) {
        if let Some(shared) = &self.shared {
            lock(shared).ended = true;
        }
    }

    /// Passes the piece on, once there is room for it and it is time.
    fn poll_pass(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.piece.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if let Some(pace) = &mut self.pace {
            ready!(pace.poll(cx));
        }
        if let Some(shared) = &self.shared {
            let mut shared = lock(shared);
            if shared.outlet_gone {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if shared.pieces.len() >= MOST {
                shared.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        if self.sent.len() >= 2 * MOST && self.sent.front().is_some_and(|piece| Arc::strong_count(piece) > 1)
        {
            // The reader is past it. The thread that hashes is not, and wakes whoever gave it a piece: this one.
            return Poll::Pending;
        }
        let next = self.spare();
        let piece = Arc::new(std::mem::replace(&mut self.piece, next));
        if let Some(pace) = &mut self.pace {
            pace.spend(piece.len());
        }
        self.sent.push_back(Arc::clone(&piece));
        self.give(&piece);
        self.hashing.push(piece, cx.waker().clone());
        Poll::Ready(Ok(()))
    }

    /// Room for a piece: that of one that has arrived, if there is one.
    fn spare(&mut self) -> Vec<u8> {
        if self.sent.front().is_some_and(|piece| Arc::strong_count(piece) == 1)
            && let Some(mut piece) = self.sent.pop_front().and_then(|piece| Arc::try_unwrap(piece).ok())
        {
            piece.clear();
            return piece;
        }
        Vec::with_capacity(PIECE)
    }

    /// Gives the reader what of `piece` is his.
    fn give(&mut self, piece: &Arc<Vec<u8>>) {
        let skipped = self.skip.min(piece.len() as u64);
        self.skip -= skipped;
        let Some(shared) = &self.shared else { return };
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let given = match piece.get(skipped..) {
            Some([]) | None => {
                self.flow.touch();
                return;
            }
            Some(_) if skipped == 0 => Arc::clone(piece),
            Some(rest) => Arc::new(rest.to_vec()),
        };
        let mut shared = lock(shared);
        shared.pieces.push_back(given);
        if let Some(reader) = shared.reader.take() {
            reader.wake();
        }
    }

    /// How much is put into a piece: with a pace, no more than a quarter of a second's.
    fn room(&self) -> usize {
        let most = self.pace.as_ref().map_or(PIECE, |pace| pace.piece);
        most.saturating_sub(self.piece.len())
    }
}

impl AsyncWrite for Inlet {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.room() == 0 {
            ready!(self.poll_pass(cx))?;
        }
        let taken = bytes.get(..bytes.len().min(self.room())).unwrap_or_default();
        self.piece.extend_from_slice(taken);
        self.flow.touch();
        if self.shared.is_none() {
            self.flow.looked(taken.len() as u64);
        }
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_pass(cx)
    }

    /// Only [`Inlet::end`] is the end.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        let Some(shared) = &self.shared else { return };
        let mut shared = lock(shared);
        shared.inlet_gone = true;
        if let Some(reader) = shared.reader.take() {
            reader.wake();
        }
    }
}

impl Outlet {
    /// True where the reader has taken all that there is so far.
    fn is_empty(shared: &Shared) -> bool {
        shared.pieces.is_empty()
    }
}

impl AsyncRead for Outlet {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = into.filled().len();
        let mut shared = lock(&this.shared);
        while into.remaining() > 0 {
            let Some(piece) = shared.pieces.front() else { break };
            let rest = piece.get(this.read..).unwrap_or_default();
            let taken = rest.get(..rest.len().min(into.remaining())).unwrap_or_default();
            into.put_slice(taken);
            this.flow.moved(taken.len() as u64);
            this.read += taken.len();
            if this.read < piece.len() {
                return Poll::Ready(Ok(()));
            }
            shared.pieces.pop_front();
            this.read = 0;
            if let Some(writer) = shared.writer.take() {
                writer.wake();
            }
        }
        this.flow.waits_for_origin(Outlet::is_empty(&shared) && !shared.ended);
        if into.filled().len() > before || shared.ended {
            return Poll::Ready(Ok(()));
        }
        if shared.inlet_gone {
            return Poll::Ready(Err(io::Error::other("what was to be written broke off")));
        }
        shared.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.outlet_gone = true;
        shared.pieces.clear();
        if let Some(writer) = shared.writer.take() {
            writer.wake();
        }
    }
}

/// Keeps a flow below a rate.
struct Pace {
    /// Bytes per second.
    rate: u64,
    /// The most that goes at once.
    piece: usize,
    /// Nothing goes before this.
    next: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Pace {
    fn new(rate: u64) -> Self {
        let rate = rate.max(1);
        let piece = usize::try_from(rate / 4).unwrap_or(PIECE).clamp(1, PIECE);
        let next = Instant::now();
        Pace { rate, piece, next, sleep: Box::pin(sleep_until(next)) }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.next {
            return Poll::Ready(());
        }
        self.sleep.as_mut().reset(self.next);
        self.sleep.as_mut().poll(cx)
    }

    fn spend(&mut self, bytes: usize) {
        let time = Duration::from_nanos(
            u64::try_from(u128::from(bytes as u64) * 1_000_000_000 / u128::from(self.rate))
                .unwrap_or(u64::MAX),
        );
        // What was not used is not made up for.
        self.next = self.next.max(Instant::now()) + time;
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "pipe_tests.rs"]
mod tests;
