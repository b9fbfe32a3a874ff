//! Sending a round over a connection.

use std::sync::Arc;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use futures_util::future::{Either, pending, select};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};

use super::connect::{NoSession, SessionChannel};
use super::endpoint::Endpoint;
use super::pool::Pool;
use crate::frames::Output;
use crate::round::{End, Limits, Piece, Replies, Round, Session, collect};

/// The program that runs rounds.
const SHELL: &str = "/bin/sh";

/// The number of standard error among a channel's extended data.
const STDERR: u32 = 1;

/// Runs a round in a session. `name` is the target's name for messages.
pub(super) async fn run(session: SessionChannel, name: &str, round: Round, limits: Limits) -> Replies {
    let SessionChannel { channel, _permit, _lease } = session;
    let (reader, writer) = channel.split();
    let mut remote = Remote { reader, status: None };
    let writer = Closing(Some(writer));
    let mut collector = round.collector(limits.output);
    let end = {
        let script = round.script();
        let send = async {
            // A connection that fails here shows as the end of the outputs.
            let _ = writer.send(&script).await;
            pending::<()>().await;
        };
        match select(std::pin::pin!(collect(&mut remote, &mut collector, limits)), std::pin::pin!(send)).await
        {
            Either::Left((end, _)) => end,
            Either::Right(_) => End::Closed(None),
        }
    };
    if end == End::TimedOut {
        writer.terminate().await;
    }
    round.replies(collector, &end, name, limits)
}

/// Opens a session on the kept connection, or on a new one where the kept one turns out dead. Nothing has been sent
/// before that, so nothing is sent twice.
pub(super) async fn session(pool: &Arc<Pool>, endpoint: &Endpoint) -> Result<SessionChannel, TransportError> {
    let kept = pool.get(endpoint).await?;
    match kept.session(endpoint.connect_timeout).await {
        Ok(session) => return Ok(session),
        Err(NoSession::Refused(error)) => return Err(error),
        Err(NoSession::Dead(why)) => tracing::debug!(%endpoint, why, "the kept connection is dead"),
    }
    pool.discard(endpoint, &kept);
    let fresh = pool.get(endpoint).await?;
    fresh.session(endpoint.connect_timeout).await.map_err(|no| match no {
        NoSession::Refused(error) => error,
        NoSession::Dead(why) => {
            let message = format!("{endpoint} ended the connection before anything was sent: {why}");
            TransportError::new(TransportErrorKind::ConnectionLost, message)
        }
    })
}

/// The reading side of a session.
struct Remote {
    reader: ChannelReadHalf,
    status: Option<i32>,
}

impl Session for Remote {
    async fn next(&mut self) -> Piece {
        while let Some(message) = self.reader.wait().await {
            match message {
                ChannelMsg::Data { data } => return Piece::Bytes(Output::Stdout, data.into()),
                ChannelMsg::ExtendedData { data, ext: STDERR } => {
                    return Piece::Bytes(Output::Stderr, data.into());
                }
                ChannelMsg::ExitStatus { exit_status } => self.status = i32::try_from(exit_status).ok(),
                ChannelMsg::Failure => return Piece::Refused,
                ChannelMsg::Close => break,
                _ => {}
            }
        }
        Piece::Closed(self.status)
    }
}

/// The writing side of a session; it closes the channel when it goes, however that happens.
struct Closing(Option<ChannelWriteHalf<Msg>>);

impl Closing {
    async fn send(&self, script: &[u8]) -> Result<(), russh::Error> {
        let Some(writer) = &self.0 else { return Ok(()) };
        writer.exec(true, SHELL).await?;
        writer.data(script).await?;
        writer.eof().await
    }

    /// Asks the server to end what runs; not every server does.
    async fn terminate(&self) {
        if let Some(writer) = &self.0 {
            let _ = writer.signal(Sig::TERM).await;
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let (Some(writer), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            let _ = writer.close().await;
        });
    }
}
