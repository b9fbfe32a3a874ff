//! A command of a session: a real shell, its streams, and what goes wrong with them.

use std::process::Stdio;
use std::sync::Arc;

use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Notify;

use super::windows::Windows;
use super::{Fault, Served, Sudo, locked};
use crate::shim;

const STDERR: u32 = 1;

/// What a login shell has, after the shims.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

pub(super) struct Process {
    pub(super) served: Arc<Served>,
    pub(super) command: String,
    pub(super) fault: Option<Fault>,
}

impl Process {
    /// Runs the command until it ends or the client goes away.
    pub(super) async fn run(self, channel: Channel<Msg>, cut: Arc<Notify>) {
        if let Some(Fault::Delay(delay)) = self.fault {
            tokio::time::sleep(delay).await;
        }
        let (input, output) = channel.split();
        if let Some(windows) = self.served.windows.clone() {
            return self.run_on(windows, input, &output, &cut).await;
        }
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => {
                let text = format!("the lab cannot start a shell: {error}\n");
                let _ = output.extended_data_bytes(STDERR, text.into_bytes()).await;
                return finish(&output, 255).await;
            }
        };
        tokio::select! {
            () = feed(input, child.stdin.take()) => {}
            status = self.stream_child(&mut child, &output, &cut) => {
                if let Some(status) = status {
                    finish(&output, status).await;
                }
            }
        }
    }

    /// On a Windows host, whose own shell is in this process. It begins once all of standard input is there.
    async fn run_on(
        self,
        windows: Arc<Windows>,
        input: ChannelReadHalf,
        output: &ChannelWriteHalf<Msg>,
        cut: &Notify,
    ) {
        let Some(stdin) = collect(input).await else { return };
        locked(&self.served.commands).push(vec![self.command.clone()]);
        let command = self.command.clone();
        let run = tokio::task::spawn_blocking(move || windows.run(&command, &stdin));
        let Ok(Some(printed)) = run.await else { return cut.notify_one() };
        let ended = async || Some(u32::try_from(printed.exit).unwrap_or(1));
        let (stdout, stderr) = (printed.stdout.as_slice(), printed.stderr.as_slice());
        if let Some(status) = self.stream(Some(stdout), Some(stderr), ended, output, cut).await {
            finish(output, status).await;
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let target = &self.served.target;
        let sudo = match &target.sudo {
            Sudo::Passwordless => "passwordless".to_owned(),
            Sudo::Password(password) => format!("password={password}"),
            Sudo::Refused => "refused".to_owned(),
        };
        Command::new("/bin/sh")
            .arg("-c")
            .arg(&self.command)
            .env_clear()
            .env("PATH", format!("{}:{PATH}", self.served.path.display()))
            .env("USER", &target.user)
            .env("HOME", "/nonexistent")
            .env(shim::SOCKET, &self.served.socket)
            .env(shim::TARGET, &target.name)
            .env(shim::RIGHTS, if target.user == "root" { "root" } else { "user" })
            .env(shim::SUDO, sudo)
            .envs(self.served.containers.is_some().then_some((shim::READS, "yes")))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    async fn stream_child(
        &self,
        child: &mut Child,
        output: &ChannelWriteHalf<Msg>,
        cut: &Notify,
    ) -> Option<u32> {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = async || {
            let status = child.wait().await.ok()?;
            status.code().and_then(|code| u32::try_from(code).ok()).or(Some(137))
        };
        self.stream(stdout, stderr, ended, output, cut).await
    }

    /// Sends the output; the exit status, or `None` where a fault ended it.
    async fn stream(
        &self,
        stdout: Option<impl AsyncRead + Unpin>,
        stderr: Option<impl AsyncRead + Unpin>,
        ended: impl AsyncFnOnce() -> Option<u32>,
        output: &ChannelWriteHalf<Msg>,
        cut: &Notify,
    ) -> Option<u32> {
        if let Some(Fault::Garbage(bytes)) = &self.fault {
            output.data_bytes(bytes.clone()).await.ok()?;
        }
        let limit = match self.fault {
            Some(Fault::DropAfter(bytes) | Fault::HangAfter(bytes)) => Some(bytes),
            _ => None,
        };
        tokio::join!(copy(stdout, output, None, limit), copy(stderr, output, Some(STDERR), None));
        let status = ended().await;
        match self.fault {
            Some(Fault::DropAfter(_)) => {
                cut.notify_one();
                None
            }
            // Nobody ever hears how it ended.
            Some(Fault::HangAfter(_)) => std::future::pending().await,
            _ => status,
        }
    }
}

/// Sends what the process prints, but no more than `limit` bytes of it.
async fn copy(
    from: Option<impl AsyncRead + Unpin>,
    to: &ChannelWriteHalf<Msg>,
    stream: Option<u32>,
    limit: Option<usize>,
) {
    let Some(mut from) = from else { return };
    let mut left = limit.unwrap_or(usize::MAX);
    let mut buffer = vec![0; 1 << 15];
    // The process is read to its end even when the client gets no more: it must not block on a full pipe.
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        let sent = buffer.get(..read.min(left)).unwrap_or_default();
        left -= sent.len();
        let bytes = sent.to_vec();
        let result = match stream {
            None => to.data_bytes(bytes).await,
            Some(stream) => to.extended_data_bytes(stream, bytes).await,
        };
        if result.is_err() {
            return;
        }
    }
}

/// All that the client sends; `None` where it is gone before the end of that.
async fn collect(mut input: ChannelReadHalf) -> Option<Vec<u8>> {
    let mut stdin = Vec::new();
    while let Some(message) = input.wait().await {
        match message {
            ChannelMsg::Data { data } => stdin.extend_from_slice(&data),
            ChannelMsg::Eof => return Some(stdin),
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    None
}

/// Passes on what the client sends; ends when the client is gone, which ends the process.
async fn feed(mut input: ChannelReadHalf, mut stdin: Option<ChildStdin>) {
    while let Some(message) = input.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                if let Some(pipe) = &mut stdin
                    && pipe.write_all(&data).await.is_err()
                {
                    stdin = None;
                }
            }
            ChannelMsg::Eof => stdin = None,
            ChannelMsg::Close => break,
            _ => {}
        }
    }
}

async fn finish(output: &ChannelWriteHalf<Msg>, status: u32) {
    // A client that is gone does not want to know.
    let _ = output.exit_status(status).await;
    let _ = output.eof().await;
    let _ = output.close().await;
}
