//! A machine that runs commands whose input and output are streams: one behind SSH, or this one.

mod launch;
mod words;

use std::io;
use std::sync::Arc;

use evenkeel_core::request::Reply;
use evenkeel_core::target::{LocalSpec, SshSpec, Target};
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::become_root::BecomeRoot;
use crate::credentials::{Credentials, mask};
use crate::frames::Output;
use crate::local::LocalCommand;
use crate::round::{Piece, not_a_shell};
use crate::ssh::{SshClient, SshCommand};

use launch::Beginning;
pub(crate) use launch::Launch;
pub(crate) use words::Words;

/// Which connection to a machine bytes flow over. One that is full holds up whatever else runs over it; so what is
/// read and what is written each have one of their own, and what waits for the other waits in one direction only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// The one that everybody shares; what it brings is taken at once.
    #[default]
    Shared,
    /// Bytes come from there.
    From,
    /// Bytes go there.
    To,
}

/// How commands are started on a machine.
#[derive(Clone)]
pub(crate) struct Machine {
    name: String,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Ssh { client: Arc<SshClient>, spec: SshSpec, lane: Lane },
    Local { spec: LocalSpec, credentials: Arc<dyn Credentials> },
}

/// What goes to and comes from a command. All of it is taken and given as it comes.
pub(crate) struct Streams<'a> {
    /// Its standard input. `None`: it reads nothing.
    pub(crate) input: Option<&'a mut (dyn AsyncRead + Send + Unpin)>,
    /// Takes its standard output.
    pub(crate) output: &'a mut (dyn AsyncWrite + Send + Unpin),
    /// Takes its standard error.
    pub(crate) words: &'a mut Words,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finished {
    /// Its exit status; -1 where a signal ended it.
    pub(crate) status: i32,
    /// It took all of the input that there was until it ended, as far as can be told from here.
    pub(crate) took_all: bool,
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The machine: not reached, the connection lost, `become` refused.
    Machine(TransportError),
    /// The input could not be read.
    Input(io::Error),
    /// The output was not taken.
    Output(io::Error),
}

impl Machine {
    /// The machine of a target with `ssh` or `local`; `None` for another one.
    pub(crate) fn of(
        target: &Target,
        client: &Arc<SshClient>,
        credentials: &Arc<dyn Credentials>,
        lane: Lane,
    ) -> Option<Self> {
        let way = match (&target.spec.ssh, &target.spec.local) {
            (Some(spec), None) => Way::Ssh { client: Arc::clone(client), spec: spec.clone(), lane },
            (None, Some(spec)) => Way::Local { spec: spec.clone(), credentials: Arc::clone(credentials) },
            _ => return None,
        };
        Some(Machine { name: target.name.clone(), way })
    }

    /// The target's name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `words` (quoted by the transport, as root where the target says so) until it has ended and its output was
    /// taken. Where this is dropped, and where a stream fails, the command is ended.
    pub(crate) async fn run(&self, words: &[String], streams: Streams<'_>) -> Result<Finished, Broken> {
        let Streams { input, output, words: said } = streams;
        let (launch, mut command) = self.start(words, input.is_some()).await.map_err(Broken::Machine)?;
        let sink = command.take_input();
        let mut took_all = input.is_none();
        let ended = {
            let feeding = feed(&launch.first, input, sink, &mut took_all);
            let reading = read(&mut command, output, said, &launch.begin);
            let (mut feeding, mut reading) = (std::pin::pin!(feeding), std::pin::pin!(reading));
            tokio::select! {
                ended = &mut reading => ended,
                fed = &mut feeding => match fed {
                    Ok(()) => reading.await,
                    Err(error) => Err(Broken::Input(error)),
                },
            }
        };
        let ended = ended?;
        if let Some(root) = &launch.become_root {
            self.understand(root, said, &ended)?;
        }
        let status = match (ended.begun, ended.status) {
            (true, Some(status)) => status,
            (true, None) if command.is_lost() => return Err(Broken::Machine(self.lost())),
            (true, None) => -1,
            (false, status) => return Err(Broken::Machine(self.no_shell(status, &ended.noise))),
        };
        command.done();
        Ok(Finished { status, took_all })
    }

    async fn start(
        &self,
        words: &[String],
        takes_input: bool,
    ) -> Result<(Launch, RunningCommand), TransportError> {
        match &self.way {
            Way::Ssh { client, spec, lane } => {
                let credentials_ref = spec.credentials_ref.as_deref();
                let launch =
                    Launch::new(words, takes_input, spec.become_, credentials_ref, client.credentials())?;
                let command = client.command(spec, *lane, &launch.line).await?;
                Ok((launch, RunningCommand::Ssh(Box::new(command))))
            }
            Way::Local { spec, credentials } => {
                let credentials_ref = spec.credentials_ref.as_deref();
                let launch =
                    Launch::new(words, takes_input, spec.become_, credentials_ref, credentials.as_ref())?;
                let command = LocalCommand::start(&launch.line).map_err(|e| {
                    let message = format!("/bin/sh does not start on this machine ({}): {e}", self.name);
                    TransportError::new(TransportErrorKind::Configuration, message)
                })?;
                Ok((launch, RunningCommand::Local(Box::new(command))))
            }
        }
    }

    /// Tells a refusal of `become` from a failure of the command itself.
    fn understand(&self, root: &BecomeRoot, said: &Words, ended: &Ended) -> Result<(), Broken> {
        let Some(exit) = ended.status.filter(|status| *status != 0 && !ended.printed) else { return Ok(()) };
        let stderr = mask(&said.all(), &root.password().into_iter().collect::<Vec<_>>());
        match root.understand(Reply { exit, stdout: vec![], stderr }) {
            Ok(_) => Ok(()),
            Err(error) => {
                let message = format!("on {}: {}", self.name, error.message);
                Err(Broken::Machine(TransportError { message, ..error }))
            }
        }
    }

    fn lost(&self) -> TransportError {
        let message = format!("the connection to {} broke while a command ran", self.name);
        TransportError::new(TransportErrorKind::ConnectionLost, message)
    }

    fn no_shell(&self, status: Option<i32>, noise: &[u8]) -> TransportError {
        let Some(status) = status else {
            let message = format!("the connection to {} ended before a command began", self.name);
            return TransportError::new(TransportErrorKind::ConnectionLost, message);
        };
        not_a_shell(status, noise, &self.name)
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Machine").field(&self.name).finish()
    }
}

/// What a command does.
#[derive(Debug)]
pub(crate) enum Event {
    Printed(Output),
    Refused,
    Closed(Option<i32>),
}

/// A command that runs. Dropping it ends it.
enum RunningCommand {
    Ssh(Box<SshCommand>),
    Local(Box<LocalCommand>),
}

/// Takes what goes to a command's standard input; shutting it down is the end of that.
pub(crate) type Sink = Box<dyn AsyncWrite + Send + Unpin>;

impl RunningCommand {
    fn take_input(&mut self) -> Option<Sink> {
        match self {
            RunningCommand::Ssh(command) => command.take_input(),
            RunningCommand::Local(command) => command.take_input(),
        }
    }

    /// What happens next. `bytes`, which is empty and may have room, takes what is printed.
    async fn next(&mut self, bytes: &mut Vec<u8>) -> Event {
        match self {
            RunningCommand::Ssh(command) => match command.next().await {
                Piece::Bytes(output, printed) => {
                    *bytes = printed;
                    Event::Printed(output)
                }
                Piece::Refused => Event::Refused,
                Piece::Closed(status) => Event::Closed(status),
            },
            RunningCommand::Local(command) => command.next(bytes).await,
        }
    }

    fn is_lost(&self) -> bool {
        match self {
            RunningCommand::Ssh(command) => command.is_lost(),
            RunningCommand::Local(_) => false,
        }
    }

    /// It has ended by itself: there is nothing left to end.
    fn done(self) {
        match self {
            RunningCommand::Ssh(command) => command.done(),
            RunningCommand::Local(command) => command.done(),
        }
    }
}

/// What came out of a command.
struct Ended {
    status: Option<i32>,
    begun: bool,
    printed: bool,
    noise: Vec<u8>,
}

/// The most that is passed on at once, in bytes.
const CHUNK: usize = 256 << 10;

/// Feeds a command. A command that takes nothing more is no failure here: how it ends says more.
async fn feed(
    first: &[u8],
    input: Option<&mut (dyn AsyncRead + Send + Unpin)>,
    sink: Option<Sink>,
    took_all: &mut bool,
) -> io::Result<()> {
    let Some(mut sink) = sink else { return Ok(()) };
    if sink.write_all(first).await.is_err() {
        return Ok(());
    }
    if let Some(input) = input {
        let mut buffer = Vec::with_capacity(CHUNK);
        loop {
            // It had all that there was so far, and may know where that ends: `zfs receive` does not wait for the end
            // of its input. Whether there was more, whoever gives the input can tell.
            *took_all = true;
            if input.read_buf(&mut buffer).await? == 0 {
                break;
            }
            *took_all = false;
            if sink.write_all(&buffer).await.is_err() {
                return Ok(());
            }
            buffer.clear();
        }
    }
    // One that has ended needs no end of its input.
    let _ = sink.shutdown().await;
    Ok(())
}

async fn read(
    command: &mut RunningCommand,
    output: &mut (dyn AsyncWrite + Send + Unpin),
    said: &mut Words,
    begin: &[u8],
) -> Result<Ended, Broken> {
    let (mut out, mut err) = (Beginning::new(), Beginning::new());
    let mut printed = false;
    let mut bytes = Vec::new();
    let status = loop {
        bytes.clear();
        match command.next(&mut bytes).await {
            Event::Printed(Output::Stdout) => {
                out.take(&mut bytes, begin);
                printed = printed || !bytes.is_empty();
                output.write_all(&bytes).await.map_err(Broken::Output)?;
            }
            Event::Printed(Output::Stderr) => {
                err.take(&mut bytes, begin);
                said.push(&bytes);
            }
            // What does not run a shell has no status of its own.
            Event::Refused => break Some(127),
            Event::Closed(status) => break status,
        }
    };
    let noise = [out.noise(), b"\n", err.noise()].concat();
    Ok(Ended { status, begun: out.begun() && err.begun(), printed, noise })
}
