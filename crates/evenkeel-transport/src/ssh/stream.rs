//! A command on a server whose input and output are streams; see [`crate::machine`].

use std::sync::Arc;

use evenkeel_core::target::SshSpec;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use tokio::sync::OwnedSemaphorePermit;

use super::client::SshClient;
use super::connect::SessionChannel;
use super::endpoint::Endpoint;
use super::exec::{Closing, Remote};
use super::or_accept_new;
use super::pool::{Lease, Pool};
use crate::machine::{Lane, Sink};
use crate::round::{Piece, Session as _};

/// A command that runs. Dropping it closes its streams and asks the server to end it; the connection, which the server
/// may go on counting it for, is used by nobody else then.
pub(crate) struct SshCommand {
    remote: Remote,
    writer: Closing,
    _permit: OwnedSemaphorePermit,
    lease: Lease,
    pool: Arc<Pool>,
    endpoint: Endpoint,
    done: bool,
}

impl SshClient {
    /// Runs `text` in the login shell of the target's user, over the connection of `lane`.
    pub(crate) async fn command(
        &self,
        spec: &SshSpec,
        lane: Lane,
        text: &str,
    ) -> Result<SshCommand, TransportError> {
        let endpoint = self.target(spec)?.in_lane(lane);
        let SessionChannel { channel, permit, lease } =
            self.session(&endpoint).await.map_err(or_accept_new)?;
        let (reader, writer) = channel.split();
        let started = writer.exec(true, text).await;
        let command = SshCommand {
            remote: Remote::new(reader),
            writer: Closing::new(writer),
            _permit: permit,
            lease,
            pool: Arc::clone(self.pool()),
            endpoint,
            done: false,
        };
        started.map_err(|e| {
            let message = format!("the connection to {} broke: {e}", command.endpoint);
            TransportError::new(TransportErrorKind::ConnectionLost, message)
        })?;
        Ok(command)
    }
}

impl SshCommand {
    pub(crate) fn take_input(&mut self) -> Option<Sink> {
        let writer = self.writer.half()?.make_writer();
        Some(Box::new(Box::pin(writer)))
    }

    pub(crate) async fn next(&mut self) -> Piece {
        self.remote.next().await
    }

    /// True where the connection is no more.
    pub(crate) fn is_lost(&self) -> bool {
        self.lease.is_closed()
    }

    /// It has ended.
    pub(crate) fn done(mut self: Box<Self>) {
        self.done = true;
    }
}

impl Drop for SshCommand {
    fn drop(&mut self) {
        if !self.done {
            self.writer.terminate_and_close();
            self.pool.discard(&self.endpoint, &self.lease);
        }
    }
}
