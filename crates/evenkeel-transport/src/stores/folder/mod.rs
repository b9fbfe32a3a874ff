//! A folder on a machine as a store of files, by the commands that every machine has. What is written there is readable
//! by its user only.

mod answers;
mod scripts;
#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use evenkeel_core::request::{Digest, Listing};
use evenkeel_core::transport::{BoxFuture, TransportError, TransportErrorKind};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;

use self::scripts::{MISSING, Script, UNABLE};
use super::{Abilities, Store, StoreError, Stored};
use crate::machine::{Broken, Finished, Machine, Streams, Words};

/// What an answer may have, in bytes: a listing of some hundred thousand files.
const LARGEST: usize = 64 << 20;

/// No checksum takes longer.
const LONGEST: Duration = Duration::from_hours(24);

/// A folder on a machine: any path there.
#[derive(Debug)]
pub(crate) struct FolderFiles {
    machine: Machine,
    /// For everything that does not last the longer the larger a file is.
    patience: Duration,
}

impl FolderFiles {
    /// The files of a machine. `patience` is how long one of its commands may take. Nothing is sent before the first
    /// call.
    pub(crate) fn new(machine: Machine, patience: Duration) -> Self {
        FolderFiles { machine, patience }
    }

    /// Runs a script that reads nothing, and gives what it prints. `None`: the machine has no program for it.
    async fn ask(&self, script: Script, arguments: &[&str], patience: Duration) -> Stored<Option<Vec<u8>>> {
        let mut printed = Printed(Vec::new());
        let mut words = Words::default();
        let command = script.words(arguments);
        let streams = Streams { input: None, output: &mut printed, words: &mut words };
        let Ok(ended) = timeout(patience, self.machine.run(&command, streams)).await else {
            let (name, seconds) = (self.machine.name(), patience.as_secs());
            let message = format!("a command on {name} did not end within {seconds} s and was given up");
            let error = TransportError::new(TransportErrorKind::Timeout, message);
            let hint = "raise the target's `commandTimeoutSeconds` if it needs longer";
            return Err(StoreError::Failed(error.hint(hint)));
        };
        let finished = ended.map_err(|broken| match broken {
            Broken::Output(_) => {
                let message =
                    format!("a command on {} printed more than {LARGEST} bytes", self.machine.name());
                StoreError::Failed(TransportError::new(TransportErrorKind::OutputTooLarge, message))
            }
            broken => told(broken),
        })?;
        if finished.status == UNABLE {
            return Ok(None);
        }
        self.judge(finished, &words)?;
        Ok(Some(printed.0))
    }

    /// As [`FolderFiles::ask`], for what every machine can do.
    async fn answer(&self, script: Script, arguments: &[&str]) -> Stored<Vec<u8>> {
        let printed = self.ask(script, arguments, self.patience).await?;
        printed.ok_or_else(|| self.strange("nothing"))
    }

    /// What it means how a script ended.
    fn judge(&self, finished: Finished, words: &Words) -> Stored<()> {
        let name = self.machine.name();
        let said = match words.told() {
            said if said.is_empty() => format!("the exit status is {}", finished.status),
            said => said,
        };
        match finished.status {
            0 => Ok(()),
            MISSING => Err(StoreError::Missing(format!("{name}: {said}"))),
            -1 => {
                let message = format!("a command on {name} was ended by a signal");
                Err(StoreError::Failed(TransportError::new(TransportErrorKind::ConnectionLost, message)))
            }
            _ => Err(StoreError::Refused(format!("{name}: {said}"))),
        }
    }

    fn strange(&self, what: &str) -> StoreError {
        let message = format!("{} answers {what} where a folder's files were asked for", self.machine.name());
        StoreError::Failed(TransportError::new(TransportErrorKind::Protocol, message))
    }

    /// `output`, understood by `read`.
    fn read<T>(&self, output: &[u8], read: impl FnOnce(&[u8]) -> Option<T>) -> Stored<T> {
        read(output).ok_or_else(|| {
            let text = String::from_utf8_lossy(output.get(..output.len().min(200)).unwrap_or_default());
            self.strange(&format!("`{}`", text.trim()))
        })
    }

    async fn passed(
        &self,
        path: &str,
        offset: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Stored<u64> {
        let first = offset.saturating_add(1).to_string();
        let command = Script::Get.words(&[&argument(path)?, &first]);
        let mut counted = CountedWrite { into, bytes: 0 };
        let mut words = Words::default();
        let streams = Streams { input: None, output: &mut counted, words: &mut words };
        let finished = self.machine.run(&command, streams).await.map_err(told)?;
        self.judge(finished, &words)?;
        counted.shutdown().await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
        Ok(counted.bytes)
    }

    async fn written(
        &self,
        path: &str,
        offset: u64,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Stored<u64> {
        let command = Script::Put.words(&[&argument(path)?, &offset.to_string()]);
        let mut counted = CountedRead { from, bytes: 0 };
        let mut words = Words::default();
        let mut printed = Printed(Vec::new());
        let streams = Streams { input: Some(&mut counted), output: &mut printed, words: &mut words };
        let finished = self.machine.run(&command, streams).await.map_err(told)?;
        self.judge(finished, &words)?;
        let size = self.read(&printed.0, answers::number)?;
        if !finished.took_all || size != offset.saturating_add(counted.bytes) {
            let (name, bytes) = (self.machine.name(), counted.bytes);
            let message = format!("{name} has {size} bytes of {path} and was sent {bytes} from {offset} on");
            return Err(StoreError::Failed(TransportError::new(TransportErrorKind::ConnectionLost, message)));
        }
        Ok(counted.bytes)
    }
}

/// A path as an argument that no program takes for an option.
fn argument(path: &str) -> Stored<String> {
    if path.contains(['\0', '\n']) {
        return Err(StoreError::Refused(format!("{path:?} has a line break in it")));
    }
    Ok(if path.starts_with('/') { path.to_owned() } else { format!("./{path}") })
}

fn told(broken: Broken) -> StoreError {
    match broken {
        Broken::Machine(error) => StoreError::Failed(error),
        Broken::Input(error) | Broken::Output(error) => StoreError::OtherEnd(error.to_string()),
    }
}

impl Store for FolderFiles {
    fn abilities(&self) -> Abilities {
        Abilities { renames: true, appends: true, shows_whole_files: false }
    }

    fn list<'a>(&'a mut self, folder: &'a str, depth: u8) -> BoxFuture<'a, Stored<Listing>> {
        Box::pin(async move {
            let output = self.answer(Script::List, &[&argument(folder)?, &depth.to_string()]).await?;
            self.read(&output, answers::listing)
        })
    }

    fn size<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(async move {
            let output = self.answer(Script::Size, &[&argument(path)?]).await?;
            self.read(&output, answers::number)
        })
    }

    fn get<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        into: &'a mut (dyn AsyncWrite + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.passed(path, offset, into))
    }

    fn put<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        from: &'a mut (dyn AsyncRead + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.written(path, offset, from))
    }

    fn make_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move { self.answer(Script::MakeFolder, &[&argument(folder)?]).await.map(drop) })
    }

    fn rename<'a>(&'a mut self, from: &'a str, to: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(
            async move { self.answer(Script::Rename, &[&argument(from)?, &argument(to)?]).await.map(drop) },
        )
    }

    fn remove<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move { self.answer(Script::Remove, &[&argument(path)?]).await.map(drop) })
    }

    fn remove_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move { self.answer(Script::RemoveFolder, &[&argument(folder)?]).await.map(drop) })
    }

    fn checksum<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<Option<Digest>>> {
        Box::pin(async move {
            let output = self.ask(Script::Checksum, &[&argument(path)?], LONGEST).await?;
            output.map(|output| self.read(&output, answers::digest)).transpose()
        })
    }

    fn space<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<Option<u64>>> {
        Box::pin(async move {
            let output = self.answer(Script::Space, &[&argument(folder)?]).await?;
            self.read(&output, answers::free).map(Some)
        })
    }
}

/// Takes what a script prints, up to [`LARGEST`].
struct Printed(Vec<u8>);

impl AsyncWrite for Printed {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.0.len() + bytes.len() > LARGEST {
            return Poll::Ready(Err(io::Error::other("too much")));
        }
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Counts what is written.
struct CountedWrite<'a> {
    into: &'a mut (dyn AsyncWrite + Send + Unpin),
    bytes: u64,
}

impl AsyncWrite for CountedWrite<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.into).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.bytes += *count as u64;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.into).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.into).poll_shutdown(context)
    }
}

/// Counts what is read.
struct CountedRead<'a> {
    from: &'a mut (dyn AsyncRead + Send + Unpin),
    bytes: u64,
}

impl AsyncRead for CountedRead<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut *self.from).poll_read(context, buffer);
        self.bytes += (buffer.filled().len() - before) as u64;
        read
    }
}
