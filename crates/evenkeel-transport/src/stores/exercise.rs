//! What every store has to do, tried on a real one.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use evenkeel_core::request::{Digest, Entry};
use evenkeel_core::transport::TransportErrorKind;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Store, StoreError, Stored};

/// Names that a shell, a URL or XML could stumble over.
const NAMES: [&str; 8] =
    ["a file", "-rf", "ünï", "it's $(id) `id`", "50%41&<b>", "a#b;c+d=e", "\"quoted\"", "*"];

/// Bytes that do not compress and do not repeat.
pub(super) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// The most memory that this process ever had, in bytes.
pub(super) fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// A source that gives so many zeros and then fails.
pub(super) struct Failing(pub(super) usize);

impl AsyncRead for Failing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0 == 0 {
            return Poll::Ready(Err(io::Error::other("the source broke")));
        }
        let count = self.0.min(buffer.remaining());
        buffer.put_slice(&vec![0; count]);
        self.0 -= count;
        Poll::Ready(Ok(()))
    }
}

/// A goal that takes nothing.
pub(super) struct Full;

impl AsyncWrite for Full {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::Error::other("the goal is full")))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub(super) async fn put(store: &mut dyn Store, path: &str, bytes: &[u8]) {
    let written = store.put(path, 0, &mut &*bytes).await;
    assert_eq!(written, Ok(bytes.len() as u64), "{path}");
}

pub(super) async fn get(store: &mut dyn Store, path: &str, offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let count = store.get(path, offset, &mut bytes).await.unwrap();
    assert_eq!(count, bytes.len() as u64, "{path}");
    bytes
}

/// The kind of a failure to reach the store.
pub(super) fn kind<T: std::fmt::Debug>(answer: Stored<T>) -> TransportErrorKind {
    match answer {
        Err(StoreError::Failed(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

fn assert_missing<T: std::fmt::Debug>(answer: &Stored<T>) {
    assert!(matches!(answer, Err(StoreError::Missing(_))), "{answer:?}");
}

fn assert_refused<T: std::fmt::Debug>(answer: &Stored<T>) {
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
}

/// Tries everything in the new folder `top`, which is gone afterwards.
pub(super) async fn exercise(store: &mut dyn Store, top: &str) {
    let at = |name: &str| format!("{top}/{name}");
    let abilities = store.abilities();
    if abilities.renames {
        assert_missing(&store.list(top, 1).await);
        assert!(store.make_folder(&at("x")).await.is_err());
    } else {
        assert!(store.list(top, 1).await.unwrap().entries.is_empty());
    }
    for folder in [top, top, &at("in"), &at("in/in 2")] {
        store.make_folder(folder).await.unwrap();
    }
    files(store, top).await;
    sources_and_goals(store, top).await;
    for name in ["nothing", "nothing/x"] {
        assert_missing(&store.size(&at(name)).await);
        assert_missing(&store.get(&at(name), 0, &mut Vec::new()).await);
        assert_missing(&store.remove(&at(name)).await);
    }
    assert_refused(&store.remove_folder(&at("in")).await);
    assert_eq!(get(store, &at("in/in 2/deep"), 0).await, b"deep");
    if abilities.renames {
        assert_refused(&store.remove(&at("in")).await);
        assert_refused(&store.size(&at("in")).await);
        renames(store, top).await;
    } else {
        assert_refused(&store.rename(&at("in/in 2/deep"), &at("x")).await);
    }
    for name in NAMES.into_iter().chain(["in/in 2/deep"]) {
        store.remove(&at(name)).await.unwrap();
    }
    for folder in [&at("in/in 2"), &at("in"), top] {
        store.remove_folder(folder).await.unwrap();
    }
    store.close().await;
}

/// Files of all sizes and names arrive, are listed exactly, and come back.
async fn files(store: &mut dyn Store, top: &str) {
    let at = |name: &str| format!("{top}/{name}");
    let contents: Vec<Vec<u8>> = (0..NAMES.len()).map(|number| noise(number * number * 9000)).collect();
    let mut expected = BTreeMap::new();
    for (name, bytes) in NAMES.iter().zip(&contents) {
        put(store, &at(name), bytes).await;
        assert_eq!(store.size(&at(name)).await, Ok(bytes.len() as u64));
        expected.insert((*name).to_owned(), Entry::File(bytes.len() as u64));
    }
    put(store, &at("in/in 2/deep"), b"deep").await;
    expected.insert("in".to_owned(), Entry::Folder);
    assert_eq!(store.list(top, 1).await.unwrap().entries, expected);
    expected.insert("in/in 2".to_owned(), Entry::Folder);
    assert_eq!(store.list(top, 2).await.unwrap().entries, expected);
    expected.insert("in/in 2/deep".to_owned(), Entry::File(4));
    assert_eq!(store.list(top, 3).await.unwrap().entries, expected);
    assert_eq!(store.list(top, 9).await.unwrap().entries, expected);
    assert!(store.list("", 1).await.unwrap().entries.contains_key(top));
    for (name, bytes) in NAMES.iter().zip(&contents) {
        assert_eq!(&get(store, &at(name), 0).await, bytes, "{name}");
        let half = bytes.len() / 2;
        assert_eq!(get(store, &at(name), half as u64).await, bytes[half..], "{name}");
        assert!(get(store, &at(name), bytes.len() as u64).await.is_empty());
        if let Some(digest) = store.checksum(&at(name)).await.unwrap() {
            let sha256 = hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes));
            assert_eq!(digest, Digest { bytes: bytes.len() as u64, sha256 });
        }
    }
    // What is there is replaced, also by less.
    put(store, &at(NAMES[7]), b"less").await;
    assert_eq!(get(store, &at(NAMES[7]), 0).await, b"less");
    let more = store.put(&at(NAMES[7]), 4, &mut b" is more".as_slice()).await;
    if store.abilities().appends {
        assert_eq!(more, Ok(8));
        assert_eq!(get(store, &at(NAMES[7]), 0).await, b"less is more");
        // Only at its end.
        assert_refused(&store.put(&at(NAMES[7]), 3, &mut b"x".as_slice()).await);
        assert_eq!(store.size(&at(NAMES[7])).await, Ok(12));
    } else {
        assert_refused(&more);
    }
    assert!(
        store.put(&at("no folder/x"), 0, &mut b"x".as_slice()).await.is_err() || !store.abilities().renames
    );
    if !store.abilities().renames {
        store.remove(&at("no folder/x")).await.unwrap();
    }
    store.space(top).await.unwrap();
    store.space(&at("not yet/there")).await.unwrap();
}

/// What is broken on the other side is told as that.
async fn sources_and_goals(store: &mut dyn Store, top: &str) {
    let broken = format!("{top}/broken");
    for size in [0, 1000, 20 << 20] {
        let answer = store.put(&broken, 0, &mut Failing(size)).await;
        assert_eq!(answer, Err(StoreError::OtherEnd("the source broke".to_owned())), "{size}");
        if store.abilities().shows_whole_files {
            assert_missing(&store.size(&broken).await);
        } else if store.size(&broken).await.is_ok() {
            store.remove(&broken).await.unwrap();
        }
    }
    let answer = store.get(&format!("{top}/{}", NAMES[6]), 0, &mut Full).await;
    assert_eq!(answer, Err(StoreError::OtherEnd("the goal is full".to_owned())));
}

async fn renames(store: &mut dyn Store, top: &str) {
    let at = |name: &str| format!("{top}/{name}");
    assert!(store.rename(&at("nothing"), &at("x")).await.is_err());
    store.rename(&at("in"), &at("moved")).await.unwrap();
    assert_missing(&store.list(&at("in"), 1).await);
    assert_eq!(get(store, &at("moved/in 2/deep"), 0).await, b"deep");
    // Never into a folder that is there, nor over it.
    store.make_folder(&at("in")).await.unwrap();
    for from in ["moved", NAMES[0]] {
        assert_refused(&store.rename(&at(from), &at("in")).await);
        assert!(store.list(&at("in"), 1).await.unwrap().entries.is_empty(), "{from}");
    }
    store.remove_folder(&at("in")).await.unwrap();
    store.rename(&at("moved"), &at("in")).await.unwrap();
    for name in NAMES {
        let bytes = get(store, &at(name), 0).await;
        store.rename(&at(name), &at("in/renamed")).await.unwrap();
        assert_missing(&store.size(&at(name)).await);
        assert_eq!(get(store, &at("in/renamed"), 0).await, bytes, "{name}");
        store.rename(&at("in/renamed"), &at(name)).await.unwrap();
    }
}
