//! A subsystem of a server, such as `sftp`: a stream each way, and no shell anywhere.

use std::time::Duration;

use evenkeel_core::target::SshSpec;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::client::SshClient;
use super::connect::SessionChannel;
use super::or_accept_new;
use super::streams::Streams;
use crate::machine::Lane;

/// The streams to a subsystem. Dropping it ends the subsystem, not the connection.
pub(crate) struct Subsystem {
    pub(crate) streams: Streams,
    /// The server: `user@host:port`.
    pub(crate) server: String,
    /// The turn that it takes of those that a connection has.
    pub(crate) permit: OwnedSemaphorePermit,
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
        Ok(Subsystem { streams: Streams::new(channel, lease), server, permit })
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
