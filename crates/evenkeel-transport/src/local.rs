//! The machine that Evenkeel itself runs on.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::request::Request;
use evenkeel_core::target::{LocalSpec, Target};
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind};
use futures_util::future::{Either, pending, select};
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdout};

use crate::credentials::Credentials;
use crate::frames::{Collector, Output};
use crate::machine::{Event, Sink};
use crate::round::{End, Limits, Piece, Replies, Round, Session, collect};
use crate::{DEFAULT_COMMAND_TIMEOUT_SECONDS, DEFAULT_OUTPUT_LIMIT};

/// Runs rounds in a local `/bin/sh`, just as a remote one would run them.
pub struct LocalTransport {
    credentials: Arc<dyn Credentials>,
    output_limit: usize,
}

impl LocalTransport {
    /// A transport to this machine. `credentials` gives the `become` password and secrets for standard input.
    pub fn new(credentials: Arc<dyn Credentials>) -> Self {
        LocalTransport { credentials, output_limit: DEFAULT_OUTPUT_LIMIT }
    }

    /// Sets how many bytes one command may print on each output.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    async fn round(&self, name: &str, spec: &LocalSpec, requests: &[Request]) -> Replies {
        let credentials_ref = spec.credentials_ref.as_deref();
        let round = match Round::new(requests, spec.become_, credentials_ref, self.credentials.as_ref()) {
            Ok(round) => round,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        let seconds = spec.command_timeout_seconds.unwrap_or(DEFAULT_COMMAND_TIMEOUT_SECONDS);
        let limits = Limits { time: Duration::from_secs(seconds.into()), output: self.output_limit };
        let limits = round.limits(limits);
        let mut collector = round.collector(limits.output);
        if round.is_empty() {
            return round.replies(collector, &End::Complete, name, limits);
        }
        let mut shell = match Shell::start(&[]) {
            Ok(shell) => shell,
            Err(e) => {
                let message = format!("/bin/sh does not start on this machine ({name}): {e}");
                return round.failed(&TransportError::new(TransportErrorKind::Configuration, message));
            }
        };
        let end = shell.run(&round.script(), &mut collector, limits).await;
        if end != End::Complete {
            shell.kill();
        }
        round.replies(collector, &end, name, limits)
    }
}

impl std::fmt::Debug for LocalTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalTransport").field("output_limit", &self.output_limit).finish_non_exhaustive()
    }
}

impl Transport for LocalTransport {
    fn exchange<'a>(&'a self, target: &'a Target, requests: &'a [Request]) -> BoxFuture<'a, Replies> {
        Box::pin(async move {
            if let Some(spec) = &target.spec.local {
                return self.round(&target.name, spec, requests).await;
            }
            let message = format!("target `{}` has no `local` settings", target.name);
            let error = TransportError::new(TransportErrorKind::Configuration, message);
            requests.iter().map(|_| Err(error.clone())).collect()
        })
    }
}

/// A command whose input and output are streams; see [`crate::machine`]. Dropping it ends it with all it started.
pub(crate) struct LocalCommand {
    shell: Shell,
    done: bool,
}

impl LocalCommand {
    /// Starts `line` in a shell.
    pub(crate) fn start(line: &str) -> io::Result<Self> {
        let shell = Shell::start(&["-c", line])?;
        // Where the system gives no more, less goes through at once.
        if let Some(stdout) = &shell.outputs.stdout {
            let _ = fcntl_setpipe_size(stdout, STREAM_PIPE);
        }
        if let Some(stdin) = &shell.child.stdin {
            let _ = fcntl_setpipe_size(stdin, STREAM_PIPE);
        }
        Ok(LocalCommand { shell, done: false })
    }

    pub(crate) fn take_input(&mut self) -> Option<Sink> {
        self.shell.child.stdin.take().map(|stdin| Box::new(stdin) as Sink)
    }

    /// What happens next; what is printed goes into `bytes`, which is empty.
    pub(crate) async fn next(&mut self, bytes: &mut Vec<u8>) -> Event {
        let Outputs { stdout, stderr } = &mut self.shell.outputs;
        bytes.reserve(STREAM_CHUNK);
        loop {
            let mut words = Vec::with_capacity(8 << 10);
            tokio::select! {
                more = read(stdout.as_mut(), bytes), if stdout.is_some() => {
                    if more {
                        return Event::Printed(Output::Stdout);
                    }
                    *stdout = None;
                }
                more = read(stderr.as_mut(), &mut words), if stderr.is_some() => {
                    if more {
                        *bytes = words;
                        return Event::Printed(Output::Stderr);
                    }
                    *stderr = None;
                }
                else => break,
            }
        }
        let status = self.shell.child.wait().await.ok();
        Event::Closed(status.map(|status| status.code().unwrap_or(-1)))
    }

    /// It has ended.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for LocalCommand {
    fn drop(&mut self) {
        if !self.done {
            self.shell.kill();
        }
    }
}

/// A local shell in its own process group, which ends with it.
struct Shell {
    child: Child,
    outputs: Outputs,
}

impl Shell {
    fn start(args: &[&str]) -> io::Result<Self> {
        let mut child = tokio::process::Command::new("/bin/sh")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let missing = || io::Error::other("no pipe");
        let stdout = Some(child.stdout.take().ok_or_else(missing)?);
        let stderr = Some(child.stderr.take().ok_or_else(missing)?);
        Ok(Shell { child, outputs: Outputs { stdout, stderr } })
    }

    async fn run(&mut self, script: &[u8], collector: &mut Collector, limits: Limits) -> End {
        let stdin = self.child.stdin.take();
        let send = async move {
            if let Some(mut stdin) = stdin {
                // A shell that has ended shows as the end of its outputs.
                let _ = stdin.write_all(script).await;
            }
            pending::<()>().await;
        };
        let collected = collect(&mut self.outputs, collector, limits);
        match select(std::pin::pin!(collected), std::pin::pin!(send)).await {
            Either::Left((End::Closed(_), _)) => {
                let status = self.child.wait().await.ok().and_then(|status| status.code());
                End::Closed(status)
            }
            Either::Left((end, _)) => end,
            Either::Right(_) => End::Closed(None),
        }
    }

    /// Ends the shell and what it started.
    fn kill(&self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended meanwhile.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The most that is read from a command's stream at once.
const STREAM_CHUNK: usize = 256 << 10;

/// How much the pipe of a stream holds: each time that one end waits for the other costs more than the bytes.
const STREAM_PIPE: usize = 1 << 20;

/// The most that is read from a pipe at once.
const CHUNK: usize = 64 << 10;

struct Outputs {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Session for Outputs {
    async fn next(&mut self) -> Piece {
        let mut out = Vec::with_capacity(CHUNK);
        let mut err = Vec::with_capacity(CHUNK);
        loop {
            tokio::select! {
                more = read(self.stdout.as_mut(), &mut out), if self.stdout.is_some() => {
                    if more {
                        return Piece::Bytes(Output::Stdout, out);
                    }
                    self.stdout = None;
                }
                more = read(self.stderr.as_mut(), &mut err), if self.stderr.is_some() => {
                    if more {
                        return Piece::Bytes(Output::Stderr, err);
                    }
                    self.stderr = None;
                }
                else => return Piece::Closed(None),
            }
        }
    }
}

/// Reads a piece; false at the end, and where reading fails.
async fn read<R: AsyncReadExt + Unpin>(pipe: Option<&mut R>, into: &mut Vec<u8>) -> bool {
    match pipe {
        Some(pipe) => pipe.read_buf(into).await.is_ok_and(|n| n > 0),
        None => false,
    }
}
