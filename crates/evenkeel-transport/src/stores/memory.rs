//! A store in memory, for tests: it fails where a test wants it to, and counts what is done to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use evenkeel_core::request::{Digest, Entry, Listing};
use evenkeel_core::transport::{BoxFuture, TransportError, TransportErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Abilities, Store, StoreError, Stored};

/// What is in it: folders are `None`.
pub(crate) type Content = BTreeMap<String, Option<Vec<u8>>>;

/// A fault: the call of this number (from 0) fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) call: usize,
    /// For a `get` or `put`: after so many bytes.
    pub(crate) after: usize,
    pub(crate) how: How,
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// With a refusal; the next call works.
    Refused,
    /// With a lost connection: so do all later calls over it.
    Lost,
    /// It did it, and the answer was lost.
    DoneAndLost,
    /// It keeps other bytes than it was given, and says nothing.
    Garbled,
    /// It never answers.
    Silent,
}

/// A store that outlives its connections.
#[derive(Debug, Clone)]
pub(crate) struct MemoryServer(pub(crate) Arc<Mutex<State>>);

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) content: Content,
    pub(crate) abilities: Abilities,
    pub(crate) calls: Vec<String>,
    pub(crate) fault: Option<Fault>,
    /// It computes checksums.
    pub(crate) sums: bool,
    /// It refuses to rename over a file.
    pub(crate) careful: bool,
    pub(crate) closed: usize,
    pub(crate) opened: usize,
}

pub(crate) const PLAIN: Abilities = Abilities { renames: true, appends: true, shows_whole_files: false };
pub(crate) const BUCKET: Abilities = Abilities { renames: false, appends: false, shows_whole_files: true };

impl MemoryServer {
    pub(crate) fn new(abilities: Abilities) -> Self {
        MemoryServer(Arc::new(Mutex::new(State {
            content: Content::new(),
            abilities,
            calls: Vec::new(),
            fault: None,
            sums: false,
            careful: false,
            closed: 0,
            opened: 0,
        })))
    }

    pub(crate) fn connect(&self) -> Memory {
        self.0.lock().unwrap().opened += 1;
        Memory { server: self.clone(), lost: false }
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.0.lock().unwrap().content.insert(path.to_owned(), Some(bytes.to_vec()));
    }

    pub(crate) fn folder(&self, path: &str) {
        self.0.lock().unwrap().content.insert(path.to_owned(), None);
    }

    pub(crate) fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().content.get(path).cloned().flatten()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().content.keys().cloned().collect()
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.clone()
    }
}

/// A connection to it.
#[derive(Debug)]
pub(crate) struct Memory {
    server: MemoryServer,
    lost: bool,
}

impl Memory {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.server.0.lock().unwrap()
    }

    /// The fault of this call, if it is its turn.
    async fn called(&mut self, what: String) -> Stored<Option<Fault>> {
        let fault = {
            let mut state = self.state();
            let number = state.calls.len();
            state.calls.push(what);
            state.fault.filter(|fault| fault.call == number)
        };
        if self.lost {
            return Err(lost());
        }
        if fault.is_some_and(|fault| fault.how == How::Silent) {
            std::future::pending::<()>().await;
        }
        Ok(fault)
    }

    fn fail(&mut self, how: How) -> StoreError {
        if how == How::Refused {
            return StoreError::Refused("the store is full: 552".to_owned());
        }
        self.lost = true;
        lost()
    }

    /// Does something whole or not at all.
    async fn whole<T>(&mut self, what: String, act: impl FnOnce(&mut Content) -> Stored<T>) -> Stored<T> {
        let fault = self.called(what).await?;
        match fault.map(|fault| fault.how) {
            None | Some(How::Garbled | How::Silent) => act(&mut self.state().content),
            Some(How::DoneAndLost) => {
                let _ = act(&mut self.state().content);
                Err(self.fail(How::Lost))
            }
            Some(how) => Err(self.fail(how)),
        }
    }
}

fn lost() -> StoreError {
    StoreError::Failed(TransportError::new(TransportErrorKind::ConnectionLost, "the store is gone"))
}

fn missing(path: &str) -> StoreError {
    StoreError::Missing(format!("550 {path}: no such file"))
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn other_end(e: std::io::Error) -> StoreError {
    StoreError::OtherEnd(e.to_string())
}

impl Store for Memory {
    fn abilities(&self) -> Abilities {
        self.state().abilities
    }

    fn list<'a>(&'a mut self, folder: &'a str, depth: u8) -> BoxFuture<'a, Stored<Listing>> {
        Box::pin(self.whole(format!("list {folder}"), move |content| {
            if folder != "/" && content.get(folder) != Some(&None) {
                return Err(missing(folder));
            }
            let prefix = if folder == "/" { "/".to_owned() } else { format!("{folder}/") };
            let mut entries = BTreeMap::new();
            for (path, bytes) in content.range(prefix.clone()..) {
                let Some(rest) = path.strip_prefix(&prefix) else { break };
                if rest.matches('/').count() < usize::from(depth) {
                    let entry = bytes.as_ref().map_or(Entry::Folder, |b| Entry::File(b.len() as u64));
                    entries.insert(rest.to_owned(), entry);
                }
            }
            Ok(Listing { entries })
        }))
    }

    fn size<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.whole(format!("size {path}"), move |content| match content.get(path) {
            Some(Some(bytes)) => Ok(bytes.len() as u64),
            _ => Err(missing(path)),
        }))
    }

    fn get<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        into: &'a mut (dyn AsyncWrite + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(async move {
            let fault = self.called(format!("get {path} {offset}")).await?;
            let bytes = self.server.file(path).ok_or_else(|| missing(path))?;
            let rest = bytes[usize::try_from(offset).unwrap()..].to_vec();
            let end = fault.map_or(rest.len(), |fault| fault.after.min(rest.len()));
            match fault.map(|fault| fault.how) {
                Some(How::Garbled) | None => {
                    into.write_all(&rest).await.map_err(other_end)?;
                    into.shutdown().await.map_err(other_end)?;
                    Ok(rest.len() as u64)
                }
                Some(how) => {
                    into.write_all(&rest[..end]).await.map_err(other_end)?;
                    Err(self.fail(how))
                }
            }
        })
    }

    fn put<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        from: &'a mut (dyn AsyncRead + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(async move {
            let fault = self.called(format!("put {path} {offset}")).await?;
            let whole_only = self.abilities().shows_whole_files;
            let mut kept = self.server.file(path).filter(|_| offset > 0).unwrap_or_default();
            assert_eq!(kept.len() as u64, offset, "a file is continued at its end");
            let (mut buffer, mut written) = (vec![0; 1000], 0);
            loop {
                let n = from.read(&mut buffer).await.map_err(other_end)?;
                if n == 0 {
                    break;
                }
                kept.extend_from_slice(&buffer[..n]);
                written += n;
                if !whole_only {
                    self.server.put(path, &kept);
                }
                if let Some(fault) =
                    fault.filter(|f| matches!(f.how, How::Refused | How::Lost) && written > f.after)
                {
                    return Err(self.fail(fault.how));
                }
            }
            match fault.map(|fault| fault.how) {
                Some(How::Garbled) if !kept.is_empty() => kept[usize::try_from(offset).unwrap() / 2] ^= 1,
                // With nothing to fail after so many bytes, it fails at the end.
                Some(how @ (How::Refused | How::Lost)) => return Err(self.fail(how)),
                _ => {}
            }
            self.server.put(path, &kept);
            if fault.is_some_and(|fault| fault.how == How::DoneAndLost) {
                return Err(self.fail(How::Lost));
            }
            Ok(written as u64)
        })
    }

    fn make_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(self.whole(format!("mkdir {folder}"), move |content| {
            let above = super::paths::parent(folder).filter(|above| *above != "/");
            if let Some(above) = above.filter(|above| content.get(*above) != Some(&None)) {
                return Err(missing(above));
            }
            if let Some(Some(_)) = content.get(folder) {
                return Err(StoreError::Refused("550 a file".to_owned()));
            }
            content.insert(folder.to_owned(), None);
            Ok(())
        }))
    }

    fn rename<'a>(&'a mut self, from: &'a str, to: &'a str) -> BoxFuture<'a, Stored<()>> {
        let careful = self.state().careful;
        Box::pin(self.whole(format!("rename {from} {to}"), move |content| {
            if careful && content.contains_key(to) {
                return Err(StoreError::Refused("550 is there already".to_owned()));
            }
            let moved = content.remove(from).ok_or_else(|| missing(from))?;
            content.insert(to.to_owned(), moved);
            let prefix = format!("{from}/");
            let below: Vec<String> =
                content.keys().filter(|path| path.starts_with(&prefix)).cloned().collect();
            for path in below {
                let moved = content.remove(&path).unwrap();
                content.insert(format!("{to}/{}", &path[prefix.len()..]), moved);
            }
            Ok(())
        }))
    }

    fn remove<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(self.whole(format!("remove {path}"), move |content| match content.get(path) {
            Some(Some(_)) => {
                content.remove(path);
                Ok(())
            }
            Some(None) => Err(StoreError::Refused("550 a folder".to_owned())),
            None => Err(missing(path)),
        }))
    }

    fn remove_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(self.whole(format!("rmdir {folder}"), move |content| {
            let prefix = format!("{folder}/");
            if content.keys().any(|path| path.starts_with(&prefix)) {
                return Err(StoreError::Refused("550 not empty".to_owned()));
            }
            content.remove(folder).map(|_| ()).ok_or_else(|| missing(folder))
        }))
    }

    fn checksum<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<Option<Digest>>> {
        let sums = self.state().sums;
        Box::pin(self.whole(format!("sum {path}"), move |content| match content.get(path) {
            Some(Some(bytes)) => Ok(sums.then(|| digest(bytes))),
            _ => Err(missing(path)),
        }))
    }

    fn space<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<Option<u64>>> {
        Box::pin(self.whole(format!("df {folder}"), move |content| match content.get(folder) {
            Some(None) => Ok(Some(4096)),
            _ => Err(missing(folder)),
        }))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.state().closed += 1;
        Box::pin(std::future::ready(()))
    }
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let sha256 = hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes));
    Digest { bytes: bytes.len() as u64, sha256 }
}
