//! A command that runs on a server, with a stream of bytes each way.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::connect::SessionChannel;
use super::endpoint::Endpoint;
use super::exec::{Closing, Remote};
use super::pool::{Lease, Pool};
use crate::frames::Output;
use crate::round::{Piece, Session as _};

/// A command whose input ended has this long to come to its end, too.
const GRACE: Duration = Duration::from_secs(5);

/// So much of the standard error is kept, in bytes.
const MOST_WORDS: usize = 4096;

/// The status of a shell that does not know a command: also for a server that runs none at all.
const NO_SUCH_COMMAND: i32 = 127;

/// A command that runs on a server. Dropping it ends its input; the command gets a moment to end by itself, and the
/// connection is used by nobody else where it does not.
pub struct Running(Option<Open>);

struct Open {
    remote: Remote,
    writer: Closing,
    _permit: OwnedSemaphorePermit,
    lease: Lease,
    pool: Arc<Pool>,
    endpoint: Endpoint,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status; `None` where a signal ended it or the connection broke.
    pub status: Option<i32>,
    /// What it said on standard error, the first 4 KiB.
    pub stderr: Vec<u8>,
    /// The connection broke while it ran.
    pub lost: bool,
}

impl Running {
    pub(super) async fn start(
        session: SessionChannel,
        pool: &Arc<Pool>,
        endpoint: Endpoint,
        command: &str,
    ) -> Result<Self, TransportError> {
        let SessionChannel { channel, permit, lease } = session;
        let (reader, writer) = channel.split();
        let pool = Arc::clone(pool);
        let started = writer.exec(true, command).await;
        let writer = Closing::new(writer);
        let open = Open { remote: Remote::new(reader), writer, _permit: permit, lease, pool, endpoint };
        started.map_err(|e| {
            open.discard();
            let message = format!("the connection to {} broke: {e}", open.endpoint);
            TransportError::new(TransportErrorKind::ConnectionLost, message)
        })?;
        Ok(Running(Some(open)))
    }

    /// The server: `user@host:port`.
    pub fn server(&self) -> String {
        self.0.as_ref().map_or_else(String::new, |open| open.endpoint.to_string())
    }

    /// Joins the command's standard input and output with `near`, until the command has ended. `None` where `near`
    /// takes nothing more before that.
    pub async fn pass(mut self, near: impl AsyncRead + AsyncWrite + Send) -> Option<Ended> {
        let open = self.0.as_mut()?;
        let (mut from_near, mut to_near) = tokio::io::split(near);
        let writer = open.writer.half();
        let sending = async {
            if let Some(writer) = writer {
                // Either side may be done first.
                let _ = tokio::io::copy(&mut from_near, &mut writer.make_writer()).await;
                let _ = writer.eof().await;
            }
            // What is sent last is answered last.
            std::future::pending().await
        };
        let mut stderr = Vec::new();
        let remote = &mut open.remote;
        let receiving = async {
            loop {
                match remote.next().await {
                    Piece::Bytes(Output::Stdout, bytes) => to_near.write_all(&bytes).await.ok()?,
                    Piece::Bytes(Output::Stderr, bytes) => {
                        stderr.extend(bytes.iter().take(MOST_WORDS.saturating_sub(stderr.len())));
                    }
                    Piece::Refused => return Some(Some(NO_SUCH_COMMAND)),
                    Piece::Closed(status) => return Some(status),
                }
            }
        };
        let status = tokio::select! {
            status = receiving => status?,
            never = sending => never,
        };
        let lost = status.is_none() && open.lease.is_closed();
        // Nothing is left to be ended.
        self.0 = None;
        let _ = to_near.shutdown().await;
        Some(Ended { status, stderr, lost })
    }
}

impl Open {
    fn discard(&self) {
        self.pool.discard(&self.endpoint, &self.lease);
    }

    /// Ends the command by ending its input. A server counts a session until its command has ended, so a connection
    /// with one that hangs is not used for others.
    async fn end(mut self) {
        if let Some(writer) = self.writer.half() {
            let _ = writer.eof().await;
        }
        let ending = async { while let Piece::Bytes(..) = self.remote.next().await {} };
        if timeout(GRACE, ending).await.is_err() {
            self.discard();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(open.end())),
            Err(_) => open.discard(),
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Running").field(&self.server()).finish()
    }
}
