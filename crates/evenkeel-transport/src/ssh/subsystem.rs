//! A subsystem of a server, such as `sftp`: a stream each way, and no shell anywhere.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use evenkeel_core::target::SshSpec;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::client::SshClient;
use super::connect::SessionChannel;
use super::or_accept_new;
use super::pool::Lease;
use crate::machine::Lane;

/// The streams to a subsystem. Dropping it ends the subsystem, not the connection.
pub(crate) struct Subsystem {
    stream: ChannelStream<Msg>,
    server: String,
    _permit: OwnedSemaphorePermit,
    _lease: Lease,
}

impl SshClient {
    /// Starts the subsystem `name` on the machine that `spec` describes, over the connection of `lane`.
    pub(crate) async fn subsystem(
        &self,
        spec: &SshSpec,
        lane: Lane,
        name: &str,
    ) -> Result<Subsystem, TransportError> {
        let endpoint = self.target(spec)?.in_lane(lane);
        let server = endpoint.to_string();
        let SessionChannel { mut channel, permit, lease } =
            self.session(&endpoint).await.map_err(or_accept_new)?;
        start(&mut channel, &server, name, endpoint.connect_timeout).await?;
        Ok(Subsystem { stream: channel.into_stream(), server, _permit: permit, _lease: lease })
    }
}

/// Asks for the subsystem, and waits until the server says that it runs.
async fn start(
    channel: &mut Channel<Msg>,
    server: &str,
    name: &str,
    patience: Duration,
) -> Result<(), TransportError> {
    let lost = |why: &dyn std::fmt::Display| {
        let message = format!("the connection to {server} broke: {why}");
        TransportError::new(TransportErrorKind::ConnectionLost, message)
    };
    channel.request_subsystem(true, name).await.map_err(|e| lost(&e))?;
    let answer = async {
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Success => return Some(true),
                ChannelMsg::Failure | ChannelMsg::Close => return Some(false),
                _ => {}
            }
        }
        None
    };
    match timeout(patience, answer).await {
        Ok(Some(true)) => Ok(()),
        Ok(Some(false)) => {
            let message = format!("{server} offers no `{name}` to this user");
            let hint = format!("`Subsystem {name} internal-sftp` in its sshd_config switches it on");
            Err(TransportError::new(TransportErrorKind::Configuration, message).hint(hint))
        }
        Ok(None) => Err(lost(&format!("it ended before `{name}` was started"))),
        Err(_) => {
            let message = format!("{server} did not start `{name}` within {} s", patience.as_secs());
            Err(TransportError::new(TransportErrorKind::Timeout, message))
        }
    }
}

impl Subsystem {
    /// The server: `user@host:port`.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }
}

impl AsyncRead for Subsystem {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Subsystem {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
