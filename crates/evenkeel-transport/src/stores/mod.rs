//! Stores of files: what each protocol has to be able to do, and what is made of it.
//!
//! A folder on a machine (`ssh`, `local`) is one, too: its commands are run by [`Machine::run`](crate::machine::Machine::run),
//! with a stream each way and as root where the target says so.

mod folder;
mod ftp;
mod http;
mod objects;
mod sftp;
mod webdav;

#[cfg(test)]
mod exercise;
#[cfg(test)]
mod front;
#[cfg(test)]
pub(crate) mod memory;
mod open;
pub(crate) mod paths;
#[cfg(test)]
#[allow(
    unreachable_pub,
    dead_code,
    clippy::expect_used,
    clippy::panic,
    reason = "shared with the end-to-end tests"
)]
#[path = "../../../../tests/src/objects.rs"]
mod peers;
pub(crate) mod requests;
pub(crate) mod small;
#[cfg(test)]
#[allow(
    unreachable_pub,
    dead_code,
    clippy::expect_used,
    clippy::panic,
    reason = "shared with the end-to-end tests"
)]
#[path = "../../../../tests/src/sshd.rs"]
mod sshd;

pub(crate) use open::Stores;

use evenkeel_core::request::{Digest, Listing};
use evenkeel_core::transport::{BoxFuture, TransportError};
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection to a store. Paths are as in [`evenkeel_core::request::FileRequest`].
pub(crate) trait Store: Send {
    /// What it can do.
    fn abilities(&self) -> Abilities;

    /// What is in `folder`, `depth` levels down: whole, or an error.
    fn list<'a>(&'a mut self, folder: &'a str, depth: u8) -> BoxFuture<'a, Stored<Listing>>;

    /// The size of a file.
    fn size<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<u64>>;

    /// Passes a file's bytes from `offset` on to `into`, and shuts that down at the end of the file. Gives how many.
    fn get<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        into: &'a mut (dyn AsyncWrite + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>>;

    /// Writes what comes `from` into a file until its end; at `offset` (its size so far), or anew where that is 0.
    /// Where reading `from` fails, that is the error, and the file is not whole. Gives how many bytes were written.
    fn put<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        from: &'a mut (dyn AsyncRead + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>>;

    /// Makes a folder; fine where it is there. What is above it is there.
    fn make_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>>;

    /// Renames a file or folder. What is at `to`, if anything, may be replaced or be the reason to refuse: whoever must
    /// not replace it looks before.
    fn rename<'a>(&'a mut self, from: &'a str, to: &'a str) -> BoxFuture<'a, Stored<()>>;

    /// Removes a file.
    fn remove<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<()>>;

    /// Removes an empty folder.
    fn remove_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>>;

    /// What a file holds, computed by the store from what it keeps; `None` where it cannot.
    fn checksum<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<Option<Digest>>> {
        let _ = path;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// How many bytes are free at `folder`; `None` where it cannot tell.
    fn space<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<Option<u64>>> {
        let _ = folder;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Ends the connection in good order.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What a store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// Files and folders can be renamed.
    pub(crate) renames: bool,
    /// A file can be continued at its end.
    pub(crate) appends: bool,
    /// A file is seen only once it is whole.
    pub(crate) shows_whole_files: bool,
}

/// An answer of a store.
pub(crate) type Stored<T> = Result<T, StoreError>;

/// Why a store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// It answered that there is no such file or folder.
    #[error("{0}")]
    Missing(String),
    /// It answered and refused: full, not allowed, in the way.
    #[error("{0}")]
    Refused(String),
    /// It gave no answer, or one that nobody understands.
    #[error("{0}")]
    Failed(TransportError),
    /// What was to be written could not be read, or the other way round: the other end's fault, told there.
    #[error("{0}")]
    OtherEnd(String),
}
