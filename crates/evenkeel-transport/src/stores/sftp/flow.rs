//! Moving files: many requests are on their way at once, so that a far server is as fast as a near one.

use std::ops::Range;

use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::session::{Asked, Failure, Session};
use crate::stores::{StoreError, Stored};

/// So much may be on its way, in bytes.
const ON_THE_WAY: usize = 4 << 20;

/// Why a file was not written whole.
pub(super) enum Broken {
    /// What was to be written could not be read.
    OtherEnd(String),
    /// The server did not take it.
    Here(Failure),
}

/// Writes what comes `from`, until its end. Gives how many bytes.
pub(super) async fn upload(
    session: &Session,
    handle: &str,
    offset: u64,
    from: &mut (dyn AsyncRead + Send + Unpin),
) -> Result<u64, Broken> {
    let most = (ON_THE_WAY / session.write_piece).max(1);
    let mut writes = FuturesUnordered::new();
    let mut sent = 0;
    let outcome = loop {
        // Reading goes on while answers come.
        let reading = piece(from, session.write_piece);
        tokio::pin!(reading);
        let bytes = loop {
            tokio::select! {
                biased;
                Some(written) = writes.next(), if !writes.is_empty() => {
                    if let Err(failure) = written {
                        return Err(Broken::Here(failure));
                    }
                }
                bytes = &mut reading => break bytes,
            }
        };
        let bytes = match bytes {
            Ok(bytes) if bytes.is_empty() => break Ok(sent),
            Ok(bytes) => bytes,
            Err(e) => break Err(Broken::OtherEnd(e.to_string())),
        };
        let at = offset + sent;
        sent += bytes.len() as u64;
        writes.push(session.write(handle, at, bytes));
        while writes.len() >= most {
            if let Some(Err(failure)) = writes.next().await {
                return Err(Broken::Here(failure));
            }
        }
    };
    while let Some(written) = writes.next().await {
        written.map_err(Broken::Here)?;
    }
    outcome
}

/// As many bytes as fit into one request, fewer at the end.
async fn piece(from: &mut (dyn AsyncRead + Send + Unpin), size: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(size);
    let mut from = from.take(size as u64);
    while bytes.len() < size && from.read_buf(&mut bytes).await? > 0 {}
    Ok(bytes)
}

/// Passes the bytes of `range` on to `into`, in order. Gives how many; a file that ends before its end is an error.
pub(super) async fn download(
    session: &Session,
    path: &str,
    handle: &str,
    range: Range<u64>,
    into: &mut (dyn AsyncWrite + Send + Unpin),
) -> Stored<u64> {
    let size = u64::from(session.read_piece);
    let most = (ON_THE_WAY / session.read_piece as usize).max(1);
    let mut reads = FuturesOrdered::new();
    let mut next = range.start;
    let mut got = 0;
    loop {
        while next < range.end && reads.len() < most {
            let end = range.end.min(next + size);
            reads.push_back(whole(session, handle, next..end));
            next = end;
        }
        let Some(bytes) = reads.next().await else { break };
        let bytes = bytes.map_err(|failure| session.meaning(path, failure))?;
        got += bytes.len() as u64;
        into.write_all(&bytes).await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
        // What comes behind a piece that is too short has no place.
        let whole = got == range.end.saturating_sub(range.start) || bytes.len() as u64 == size;
        if !whole {
            break;
        }
    }
    if got == range.end.saturating_sub(range.start) {
        return Ok(got);
    }
    Err(session.lost(&format!("{path} ended after {got} bytes, and had {} before", range.end)))
}

/// All bytes of `range`; an answer may bring fewer than were asked for, and then the rest is asked for again. Shorter
/// where the file ends.
async fn whole(session: &Session, handle: &str, range: Range<u64>) -> Asked<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let at = range.start + bytes.len() as u64;
        let left = range.end.saturating_sub(at);
        if left == 0 {
            return Ok(bytes);
        }
        let more = session.read(handle, at, u32::try_from(left).unwrap_or(u32::MAX)).await?;
        if more.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(more);
    }
}
