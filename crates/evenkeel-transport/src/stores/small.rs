//! Small files and final names: what a store's own operations do not give by themselves.

use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use evenkeel_core::request::{Entry, Listing};
use tokio::io::AsyncWrite;

use super::paths::{join, name, parent, part};
use super::{Store, StoreError, Stored};

/// The most that a small file may hold, in bytes.
pub(crate) const SMALL: usize = 1 << 20;

/// Reads a small file.
pub(crate) async fn read(store: &mut dyn Store, path: &str) -> Stored<Vec<u8>> {
    let mut into = Small { bytes: Vec::new(), too_large: false };
    let answer = store.get(path, 0, &mut into).await;
    if into.too_large {
        return Err(StoreError::Refused(format!("{path} holds more than 1 MiB")));
    }
    let bytes = answer?;
    if bytes != into.bytes.len() as u64 {
        return Err(StoreError::Refused(format!("{path} was not read whole")));
    }
    Ok(into.bytes)
}

/// Writes a small file whole and reads it back: under another name first where the store can rename. Where it refuses to
/// rename over a file, that is removed first.
pub(crate) async fn write(store: &mut dyn Store, path: &str, bytes: &[u8]) -> Stored<()> {
    if bytes.len() > SMALL {
        return Err(StoreError::Refused(format!("{path} would hold more than 1 MiB")));
    }
    let abilities = store.abilities();
    if abilities.shows_whole_files || !abilities.renames {
        return put(store, path, bytes).await;
    }
    let part = part(path);
    put(store, &part, bytes).await?;
    give_name(store, &part, path).await
}

async fn put(store: &mut dyn Store, path: &str, bytes: &[u8]) -> Stored<()> {
    let mut from = bytes;
    let written = store.put(path, 0, &mut from).await?;
    if written == bytes.len() as u64 && read(store, path).await? == bytes {
        return Ok(());
    }
    remove(store, path).await?;
    Err(StoreError::Refused(format!("{path} is not kept as it was written; it was removed")))
}

/// Gives a whole file its final name, in the place of what has it.
pub(crate) async fn give_name(store: &mut dyn Store, part: &str, path: &str) -> Stored<()> {
    let refused = match store.rename(part, path).await {
        Err(StoreError::Refused(words)) => words,
        other => return other,
    };
    // Some servers rename over nothing.
    if store.size(path).await.is_err() {
        return Err(StoreError::Refused(refused));
    }
    store.remove(path).await?;
    store.rename(part, path).await
}

/// Removes a file; one that is not there is fine.
pub(crate) async fn remove(store: &mut dyn Store, path: &str) -> Stored<()> {
    fine_where_missing(store.remove(path).await)
}

/// `answer`, with nothing to complain about where there was nothing.
pub(crate) fn fine_where_missing(answer: Stored<()>) -> Stored<()> {
    match answer {
        Err(StoreError::Missing(_)) => Ok(()),
        other => other,
    }
}

/// True where there is a file or folder or anything else by that name.
pub(crate) async fn exists(store: &mut dyn Store, path: &str) -> Stored<bool> {
    if let Some(folder) = parent(path) {
        return match store.list(folder, 1).await {
            Ok(Listing { entries }) => Ok(entries.contains_key(name(path))),
            Err(StoreError::Missing(_)) => Ok(false),
            Err(error) => Err(error),
        };
    }
    match store.size(path).await {
        Ok(_) => return Ok(true),
        Err(StoreError::Missing(_) | StoreError::Refused(_)) => {}
        Err(error) => return Err(error),
    }
    match store.list(path, 1).await {
        Ok(_) => Ok(true),
        Err(StoreError::Missing(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a folder and those above it. Those above are touched only where it cannot be made without that: a login may
/// not be allowed to look at them.
pub(crate) async fn make_folders(store: &mut dyn Store, folder: &str) -> Stored<()> {
    // From the folder up, as far as nothing can be made.
    let mut below: Vec<&str> = Vec::new();
    let mut now = folder;
    loop {
        match store.make_folder(now).await {
            Ok(()) => break,
            Err(error @ (StoreError::Missing(_) | StoreError::Refused(_))) => {
                let Some(above) = parent(now).filter(|above| *above != "/") else { return Err(error) };
                below.push(now);
                now = above;
            }
            Err(error) => return Err(error),
        }
    }
    // And down again.
    while let Some(folder) = below.pop() {
        store.make_folder(folder).await?;
    }
    Ok(())
}

/// Removes a folder with everything in it; one that is not there is fine. The file `last` goes after everything else.
/// What is neither file nor folder, and what is not among `only`, keeps all of it from being touched.
pub(crate) async fn remove_folder(
    store: &mut dyn Store,
    folder: &str,
    last: &str,
    only: &BTreeSet<String>,
) -> Stored<()> {
    let entries = match store.list(folder, u8::MAX).await {
        Ok(Listing { entries }) => entries,
        Err(StoreError::Missing(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    if let Some((path, _)) = entries.iter().find(|(_, entry)| matches!(entry, Entry::Other)) {
        let path = join(folder, path);
        return Err(StoreError::Refused(format!(
            "{path} is neither a file nor a folder; nothing of {folder} was removed"
        )));
    }
    if let Some(path) = entries.keys().find(|path| path.as_str() != last && !only.contains(*path)) {
        let path = join(folder, path);
        return Err(StoreError::Refused(format!(
            "{path} came in meanwhile; nothing of {folder} was removed"
        )));
    }
    let is_file = |entry: &Entry| matches!(entry, Entry::File(_));
    for (path, _) in entries.iter().filter(|(path, entry)| is_file(entry) && path.as_str() != last) {
        remove(store, &join(folder, path)).await?;
    }
    // What is in a folder comes after it in order.
    for (path, _) in entries.iter().rev().filter(|(_, entry)| matches!(entry, Entry::Folder)) {
        fine_where_missing(store.remove_folder(&join(folder, path)).await)?;
    }
    if entries.contains_key(last) {
        remove(store, &join(folder, last)).await?;
    }
    fine_where_missing(store.remove_folder(folder).await)
}

/// Takes the bytes of a small file, and no more.
struct Small {
    bytes: Vec<u8>,
    too_large: bool,
}

impl AsyncWrite for Small {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.bytes.len() + bytes.len() > SMALL {
            self.too_large = true;
            return Poll::Ready(Err(io::Error::other("more than 1 MiB")));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
