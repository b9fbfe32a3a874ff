//! The protocol's requests, and what its failures mean.

use std::collections::HashMap;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use russh_sftp::client::error::Error;
use russh_sftp::client::{Config, RawSftpSession};
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use super::watched::{Watched, Watcher};
use crate::ssh::Subsystem;
use crate::stores::{StoreError, Stored};

/// One request may wait this long. A connection that is dead is noticed long before, by SSH itself; this is for a server
/// whose disk takes its time.
const PATIENCE_SECONDS: u64 = 300;

/// Every server takes so many bytes in one request, and some many more.
const USUAL_PIECE: u64 = 32 << 10;
const LARGEST_PIECE: u64 = 128 << 10;

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: u32 = 1 << 20;

const POSIX_RENAME: &str = "posix-rename@openssh.com";
const FSYNC: &str = "fsync@openssh.com";
const STATVFS: &str = "statvfs@openssh.com";
const LIMITS: &str = "limits@openssh.com";

/// A session with an SFTP server.
pub(super) struct Session {
    raw: RawSftpSession,
    watcher: Watcher,
    server: String,
    /// Held as long as the session: without it, others would take this one's turn.
    _permit: OwnedSemaphorePermit,
    extensions: HashMap<String, String>,
    /// How many bytes to ask for, and to send, at once.
    pub(super) read_piece: u32,
    pub(super) write_piece: usize,
}

/// Why a request failed.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The server's answer.
    Refused { code: StatusCode, words: String },
    /// There was no answer that can be understood.
    NoAnswer { kind: TransportErrorKind, why: String },
}

/// What came of a request.
pub(super) type Asked<T> = Result<T, Failure>;

impl Session {
    /// Agrees with the server on how to speak.
    pub(super) async fn begin(subsystem: Subsystem) -> Stored<Self> {
        let Subsystem { streams, server, permit } = subsystem;
        let config = Config {
            request_timeout_secs: PATIENCE_SECONDS,
            max_packet_len: LARGEST_ANSWER,
            ..Config::default()
        };
        let (stream, watcher) = Watched::new(streams);
        let raw = RawSftpSession::new_with_config(stream, config);
        let begun = unless_ended(&watcher, raw.init()).await;
        let mut session = Session {
            raw,
            watcher,
            server: format!("SFTP server {server}"),
            _permit: permit,
            extensions: HashMap::new(),
            read_piece: piece(None),
            write_piece: piece(None) as usize,
        };
        session.extensions = begun.map_err(|failure| session.meaning("the session", failure))?.extensions;
        if session.extensions.contains_key(LIMITS)
            && let Ok(limits) = session.ask(session.raw.limits()).await
        {
            session.read_piece = piece(Some(limits.max_read_len));
            session.write_piece = piece(Some(limits.max_write_len)) as usize;
        }
        Ok(session)
    }

    async fn ask<T>(&self, request: impl Future<Output = Result<T, Error>>) -> Asked<T> {
        unless_ended(&self.watcher, request).await
    }

    /// What is known of a path itself, not of what it leads to.
    pub(super) async fn look(&self, path: &str) -> Asked<FileAttributes> {
        Ok(self.ask(self.raw.lstat(path)).await?.attrs)
    }

    /// What is known of what a path leads to.
    pub(super) async fn follow(&self, path: &str) -> Asked<FileAttributes> {
        Ok(self.ask(self.raw.stat(path)).await?.attrs)
    }

    /// Everything in a folder, to the end.
    pub(super) async fn list(&self, folder: &str) -> Asked<Vec<(String, FileAttributes)>> {
        let handle = self.ask(self.raw.opendir(folder)).await?.handle;
        let mut found = Vec::new();
        let end = loop {
            match self.ask(self.raw.readdir(handle.as_str())).await {
                Ok(more) => found.extend(more.files.into_iter().map(|file| (file.filename, file.attrs))),
                Err(Failure::Refused { code: StatusCode::Eof, .. }) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        let closed = self.close(&handle).await;
        end.and(closed)?;
        found.retain(|(name, _)| name != "." && name != "..");
        Ok(found)
    }

    pub(super) async fn open_to_read(&self, path: &str) -> Asked<String> {
        let none = FileAttributes::empty();
        Ok(self.ask(self.raw.open(path, OpenFlags::READ, none)).await?.handle)
    }

    /// Opens a file that is there to go on with it, or `anew`.
    pub(super) async fn open_to_write(&self, path: &str, anew: bool) -> Asked<String> {
        let fresh = OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let flags = OpenFlags::WRITE | if anew { fresh } else { OpenFlags::empty() };
        Ok(self.ask(self.raw.open(path, flags, FileAttributes::empty())).await?.handle)
    }

    /// The bytes from `offset` on, at most so many; none at the end of the file.
    pub(super) async fn read(&self, handle: &str, offset: u64, most: u32) -> Asked<Vec<u8>> {
        match self.ask(self.raw.read(handle, offset, most)).await {
            Ok(data) => Ok(data.data),
            Err(Failure::Refused { code: StatusCode::Eof, .. }) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    pub(super) async fn write(&self, handle: &str, offset: u64, bytes: Vec<u8>) -> Asked<()> {
        self.ask(self.raw.write(handle, offset, bytes)).await?;
        Ok(())
    }

    /// Has the server bring to its disk what was written, where it can.
    pub(super) async fn keep(&self, handle: &str) -> Asked<()> {
        if self.extensions.contains_key(FSYNC) {
            self.ask(self.raw.fsync(handle)).await?;
        }
        Ok(())
    }

    pub(super) async fn close(&self, handle: &str) -> Asked<()> {
        self.ask(self.raw.close(handle)).await?;
        Ok(())
    }

    pub(super) async fn make_folder(&self, folder: &str) -> Asked<()> {
        self.ask(self.raw.mkdir(folder, FileAttributes::empty())).await?;
        Ok(())
    }

    /// Renames, in one step over what is there already, where the server can do that.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Asked<()> {
        if !self.extensions.contains_key(POSIX_RENAME) {
            self.ask(self.raw.rename(from, to)).await?;
            return Ok(());
        }
        let mut both = Vec::new();
        for path in [from, to] {
            both.extend(u32::try_from(path.len()).unwrap_or(u32::MAX).to_be_bytes());
            both.extend(path.as_bytes());
        }
        match self.ask(self.raw.extended(POSIX_RENAME, both)).await? {
            Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
            Packet::Status(status) => Err(Error::Status(status).into()),
            _ => Err(Error::UnexpectedPacket.into()),
        }
    }

    pub(super) async fn remove(&self, path: &str) -> Asked<()> {
        self.ask(self.raw.remove(path)).await?;
        Ok(())
    }

    pub(super) async fn remove_folder(&self, folder: &str) -> Asked<()> {
        self.ask(self.raw.rmdir(folder)).await?;
        Ok(())
    }

    /// How many bytes this user may still write where `path` is; `None` where the server does not tell.
    pub(super) async fn space(&self, path: &str) -> Asked<Option<u64>> {
        if !self.extensions.contains_key(STATVFS) {
            return Ok(None);
        }
        let found = self.ask(self.raw.statvfs(path)).await?;
        Ok(Some(found.blocks_avail.saturating_mul(found.fragment_size)))
    }

    /// What a failure about `path` means, where nothing more is known.
    pub(super) fn meaning(&self, path: &str, failure: Failure) -> StoreError {
        match failure {
            Failure::Refused { words, .. } => StoreError::Refused(format!("{path}: {words}")),
            Failure::NoAnswer { kind, why } => {
                StoreError::Failed(TransportError::new(kind, format!("{}: {why}", self.server)))
            }
        }
    }

    /// The connection ended too early, or as good as that.
    pub(super) fn lost(&self, why: &str) -> StoreError {
        let why = why.to_owned();
        self.meaning("", Failure::NoAnswer { kind: TransportErrorKind::ConnectionLost, why })
    }
}

/// The answer to a request, if it comes before the connection ends.
async fn unless_ended<T>(watcher: &Watcher, request: impl Future<Output = Result<T, Error>>) -> Asked<T> {
    tokio::select! {
        biased;
        answer = request => Ok(answer?),
        () = watcher.ended() => {
            let why = "the session ended before the answer".to_owned();
            Err(Failure::NoAnswer { kind: TransportErrorKind::ConnectionLost, why })
        }
    }
}

/// How much fits into one request, where the server says that (0: it has no limit).
fn piece(limit: Option<u64>) -> u32 {
    let most = match limit {
        None => USUAL_PIECE,
        Some(0) => LARGEST_PIECE,
        Some(limit) => limit.min(LARGEST_PIECE),
    };
    u32::try_from(most).unwrap_or(u32::MAX)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (kind, why) = match error {
            Error::Status(status) => match status.status_code {
                StatusCode::NoConnection | StatusCode::ConnectionLost => {
                    (TransportErrorKind::ConnectionLost, status.error_message)
                }
                StatusCode::BadMessage => (TransportErrorKind::Protocol, status.error_message),
                code => {
                    let words = match status.error_message {
                        words if words.is_empty() => code.to_string(),
                        words => words,
                    };
                    return Failure::Refused { code, words };
                }
            },
            Error::Timeout => (TransportErrorKind::Timeout, format!("no answer within {PATIENCE_SECONDS} s")),
            Error::UnexpectedPacket => {
                (TransportErrorKind::Protocol, "its answer is of the wrong kind".to_owned())
            }
            Error::Limited(why) => (TransportErrorKind::Protocol, why),
            Error::IO(why) | Error::UnexpectedBehavior(why) => {
                (TransportErrorKind::ConnectionLost, format!("the session ended: {why}"))
            }
        };
        Failure::NoAnswer { kind, why }
    }
}
