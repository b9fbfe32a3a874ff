//! Sending a round over a connection.

use futures_util::future::{Either, pending, select};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};

use super::connect::SessionChannel;
use crate::frames::Output;
use crate::powershell;
use crate::round::{Collect, End, Limits, Piece, Replies, Round, Session, collect};

/// The program that runs rounds.
const SHELL: &str = "/bin/sh";

/// The number of standard error among a channel's extended data.
const STDERR: u32 = 1;

/// Runs a round in a session. `name` is the target's name for messages.
pub(super) async fn run(session: SessionChannel, name: &str, round: Round, limits: Limits) -> Replies {
    let limits = round.limits(limits);
    let mut collector = round.collector(limits.output);
    let end = {
        let script = round.script();
        converse(session, SHELL, &script, &mut collector, limits).await
    };
    round.replies(collector, &end, name, limits)
}

/// Runs a round of scripts for PowerShell in a session.
pub(super) async fn run_powershell(
    session: SessionChannel,
    name: &str,
    round: &powershell::Round<'_>,
    limits: Limits,
) -> Replies {
    let limits = round.limits(limits);
    let mut collector = round.collector(limits.output);
    let end = converse(session, &round.command_line(), &round.input(), &mut collector, limits).await;
    round.replies(collector, &end, name, limits)
}

/// Starts `command`, gives it `input`, and collects what it prints.
async fn converse<C: Collect>(
    session: SessionChannel,
    command: &str,
    input: &[u8],
    collector: &mut C,
    limits: Limits,
) -> End {
    let SessionChannel { channel, permit: _permit, lease: _lease } = session;
    let (reader, writer) = channel.split();
    let mut remote = Remote::new(reader);
    let writer = Closing::new(writer);
    let send = async {
        // A connection that fails here shows as the end of the outputs.
        let _ = writer.send(command, input).await;
        pending::<()>().await;
    };
    let collected = collect(&mut remote, collector, limits);
    let end = match select(std::pin::pin!(collected), std::pin::pin!(send)).await {
        Either::Left((end, _)) => end,
        Either::Right(_) => End::Closed(None),
    };
    if end == End::TimedOut {
        writer.terminate().await;
    }
    end
}

/// The reading side of a session.
pub(super) struct Remote {
    reader: ChannelReadHalf,
    status: Option<i32>,
}

impl Remote {
    pub(super) fn new(reader: ChannelReadHalf) -> Self {
        Remote { reader, status: None }
    }
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
pub(super) struct Closing(Option<ChannelWriteHalf<Msg>>);

impl Closing {
    pub(super) fn new(writer: ChannelWriteHalf<Msg>) -> Self {
        Closing(Some(writer))
    }

    pub(super) fn half(&self) -> Option<&ChannelWriteHalf<Msg>> {
        self.0.as_ref()
    }

    async fn send(&self, command: &str, input: &[u8]) -> Result<(), russh::Error> {
        let Some(writer) = &self.0 else { return Ok(()) };
        writer.exec(true, command).await?;
        writer.data(input).await?;
        writer.eof().await
    }

    /// Asks the server to end what runs; not every server does.
    async fn terminate(&self) {
        if let Some(writer) = &self.0 {
            let _ = writer.signal(Sig::TERM).await;
        }
    }
}

impl Closing {
    /// Asks the server to end what runs, and closes the channel, without waiting for either.
    pub(super) fn terminate_and_close(&mut self) {
        let (Some(writer), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            let _ = writer.signal(Sig::TERM).await;
            let _ = writer.close().await;
        });
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
