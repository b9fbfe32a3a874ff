//! SFTP servers as stores: OpenSSH's, also where a user gets `internal-sftp` and nothing else.
//!
//! [`session`] speaks the protocol, [`flow`] moves files with many requests on their way at once.

mod flow;
mod session;
mod watched;

use std::collections::BTreeMap;

use evenkeel_core::request::{Entry, Listing};
use evenkeel_core::target::SshSpec;
use evenkeel_core::transport::BoxFuture;
use russh_sftp::protocol::{FileAttributes, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use self::session::{Failure, Session};
use super::{Abilities, Store, StoreError, Stored};
use crate::machine::Lane;
use crate::ssh::SshClient;

/// A session with an SFTP server.
pub(crate) struct SftpStore {
    session: Session,
}

/// Opens a session on the server that `spec` describes, over the connection of `lane`.
pub(crate) async fn open(client: &SshClient, spec: &SshSpec, lane: Lane) -> Stored<SftpStore> {
    let stream = client.subsystem(spec, lane, "sftp").await.map_err(StoreError::Failed)?;
    Ok(SftpStore { session: Session::begin(stream).await? })
}

impl SftpStore {
    /// Why the server refused something about `path`. OpenSSH also says that there is no such file where something is in
    /// the way: only what it does not show, either, is missing.
    async fn explain(&self, path: &str, failure: Failure) -> StoreError {
        let Failure::Refused { code: StatusCode::NoSuchFile, .. } = failure else {
            return self.session.meaning(path, failure);
        };
        match self.session.look(path).await {
            Ok(_) => self.session.meaning(path, failure),
            Err(Failure::Refused { code: StatusCode::NoSuchFile, .. }) => {
                StoreError::Missing(format!("there is no {path}"))
            }
            Err(other) => self.session.meaning(path, other),
        }
    }

    /// Why a file or folder could not be made. That it is not there is no reason; that its folder is not, is one.
    async fn explain_new(&self, path: &str, failure: Failure) -> StoreError {
        let folder = above(path);
        match self.explain(folder, failure).await {
            StoreError::Missing(_) => StoreError::Missing(format!("there is no folder {folder}")),
            error => error,
        }
    }

    async fn list_levels(&self, folder: &str, depth: u8) -> Stored<Listing> {
        let top = named(folder)?;
        let mut entries = BTreeMap::new();
        let mut level = vec![String::new()];
        for _ in 0..depth {
            let mut below = Vec::new();
            for within in std::mem::take(&mut level) {
                let full = if within.is_empty() { top.to_owned() } else { join(top, &within) };
                for (name, attributes) in self.list_one(&full, within.is_empty()).await? {
                    let entry = self.entry(&join(&full, &name), &name, attributes).await?;
                    let path = if within.is_empty() { name } else { format!("{within}/{name}") };
                    if entry == Entry::Folder {
                        below.push(path.clone());
                    }
                    entries.insert(path, entry);
                }
            }
            level = below;
        }
        Ok(Listing { entries })
    }

    /// What is in one folder. One below the top that goes away meanwhile does not make the top missing.
    async fn list_one(&self, full: &str, is_top: bool) -> Stored<Vec<(String, FileAttributes)>> {
        match self.session.list(full).await {
            Ok(found) => Ok(found),
            Err(failure) => Err(match self.explain(full, failure).await {
                StoreError::Missing(_) if !is_top => changed(full),
                error => error,
            }),
        }
    }

    /// What stands in a listing for this name. A server need not say everything there.
    async fn entry(&self, full: &str, name: &str, mut attributes: FileAttributes) -> Stored<Entry> {
        // The library replaces what is not UTF-8: such a file cannot be named, so nobody is to touch it.
        if name.contains(char::REPLACEMENT_CHARACTER) || name.contains(char::is_control) {
            return Ok(Entry::Other);
        }
        if attributes.permissions.is_none() || attributes.size.is_none() {
            attributes = match self.session.look(full).await {
                Ok(attributes) => attributes,
                Err(failure) => {
                    return Err(match self.explain(full, failure).await {
                        StoreError::Missing(_) => changed(full),
                        error => error,
                    });
                }
            };
        }
        let kind = attributes.file_type();
        Ok(match attributes.size {
            _ if kind.is_dir() => Entry::Folder,
            Some(size) if kind.is_file() => Entry::File(size),
            _ => Entry::Other,
        })
    }

    async fn size_of(&self, path: &str) -> Stored<u64> {
        let path = named(path)?;
        let attributes = match self.session.look(path).await {
            Ok(attributes) => attributes,
            Err(failure) => return Err(self.explain(path, failure).await),
        };
        let size = attributes.size.filter(|_| attributes.file_type().is_file());
        size.ok_or_else(|| StoreError::Refused(format!("{path} is no file")))
    }

    async fn download(
        &self,
        path: &str,
        offset: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Stored<u64> {
        let path = named(path)?;
        let size = self.size_of(path).await?;
        let handle = match self.session.open_to_read(path).await {
            Ok(handle) => handle,
            Err(failure) => return Err(self.explain(path, failure).await),
        };
        let outcome = flow::download(&self.session, path, &handle, offset..size, into).await;
        let closed = self.session.close(&handle).await;
        let got = outcome?;
        closed.map_err(|failure| self.session.meaning(path, failure))?;
        into.shutdown().await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
        Ok(got)
    }

    async fn upload(
        &self,
        path: &str,
        offset: u64,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Stored<u64> {
        let path = named(path)?;
        if offset > 0 {
            let size = self.size_of(path).await?;
            if size != offset {
                let message = format!("{path} has {size} bytes and cannot be continued at {offset}");
                return Err(StoreError::Refused(message));
            }
        }
        let handle = match self.session.open_to_write(path, offset == 0).await {
            Ok(handle) => handle,
            Err(failure) => return Err(self.explain_new(path, failure).await),
        };
        let outcome = flow::upload(&self.session, &handle, offset, from).await;
        let kept = match outcome {
            Ok(_) => self.session.keep(&handle).await,
            Err(_) => Ok(()),
        };
        let closed = self.session.close(&handle).await;
        let sent = match outcome {
            Ok(sent) => sent,
            Err(flow::Broken::OtherEnd(why)) => return Err(StoreError::OtherEnd(why)),
            Err(flow::Broken::Here(failure)) => return Err(self.perhaps_full(path, failure).await),
        };
        if let Err(failure) = kept.and(closed) {
            return Err(self.perhaps_full(path, failure).await);
        }
        self.has_size(path, offset + sent).await?;
        Ok(sent)
    }

    /// A full disk is a mere failure in this protocol; how much is free tells.
    async fn perhaps_full(&self, path: &str, failure: Failure) -> StoreError {
        const HARDLY_ANYTHING: u64 = 1 << 20;
        if let Failure::Refused { code: StatusCode::Failure, .. } = &failure
            && let Ok(Some(free)) = self.session.space(path).await
            && free < HARDLY_ANYTHING
        {
            return StoreError::Refused(format!("the store is full: {free} bytes are free for {path}"));
        }
        self.session.meaning(path, failure)
    }

    /// How much is free where a folder is or will be.
    async fn space_at(&self, folder: &str) -> Stored<Option<u64>> {
        let mut at = named(folder)?;
        loop {
            match self.session.space(at).await {
                Ok(free) => return Ok(free),
                Err(Failure::Refused { code: StatusCode::NoSuchFile, .. }) if at != "." && at != "/" => {
                    at = above(at);
                }
                Err(failure) => return Err(self.explain(at, failure).await),
            }
        }
    }

    /// Fails where the file has not this size.
    async fn has_size(&self, path: &str, wanted: u64) -> Stored<()> {
        let size = self.size_of(path).await?;
        if size == wanted {
            return Ok(());
        }
        Err(self.session.lost(&format!("{path} has {size} bytes there, and {wanted} were passed on")))
    }

    async fn make(&self, folder: &str) -> Stored<()> {
        let folder = named(folder)?;
        let Err(failure) = self.session.make_folder(folder).await else { return Ok(()) };
        // One that is there is a mere failure, too; a link to one is as good.
        match self.session.follow(folder).await {
            Ok(attributes) if attributes.file_type().is_dir() => Ok(()),
            Ok(_) => Err(StoreError::Refused(format!("{folder} is there and is no folder"))),
            Err(_) => Err(self.explain_new(folder, failure).await),
        }
    }
}

/// The path as the server is to get it.
fn named(path: &str) -> Stored<&str> {
    if path.contains(char::is_control) {
        return Err(StoreError::Refused(format!("there is a control character in {path:?}")));
    }
    Ok(if path.is_empty() { "." } else { path })
}

/// The folder that a path is in.
fn above(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        None => ".",
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
    }
}

fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// A listing that mixes two moments is none.
fn changed(full: &str) -> StoreError {
    StoreError::Refused(format!("{full} went away while its folder was listed: try again"))
}

impl Store for SftpStore {
    fn abilities(&self) -> Abilities {
        Abilities { renames: true, appends: true, shows_whole_files: false }
    }

    fn list<'a>(&'a mut self, folder: &'a str, depth: u8) -> BoxFuture<'a, Stored<Listing>> {
        Box::pin(self.list_levels(folder, depth))
    }

    fn size<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.size_of(path))
    }

    fn get<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        into: &'a mut (dyn AsyncWrite + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.download(path, offset, into))
    }

    fn put<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        from: &'a mut (dyn AsyncRead + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.upload(path, offset, from))
    }

    fn make_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(self.make(folder))
    }

    fn rename<'a>(&'a mut self, from: &'a str, to: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move {
            let (from, to) = (named(from)?, named(to)?);
            match self.session.rename(from, to).await {
                Ok(()) => Ok(()),
                Err(failure) => Err(self.explain(from, failure).await),
            }
        })
    }

    fn remove<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move {
            let path = named(path)?;
            match self.session.remove(path).await {
                Ok(()) => Ok(()),
                Err(failure) => Err(self.explain(path, failure).await),
            }
        })
    }

    fn remove_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move {
            let folder = named(folder)?;
            match self.session.remove_folder(folder).await {
                Ok(()) => Ok(()),
                Err(failure) => Err(self.explain(folder, failure).await),
            }
        })
    }

    fn space<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<Option<u64>>> {
        Box::pin(self.space_at(folder))
    }
}

#[cfg(test)]
mod tests;
