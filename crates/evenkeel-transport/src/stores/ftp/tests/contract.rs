//! What every store of files does, whatever it speaks.

use std::path::Path;

use evenkeel_core::request::Entry;
use tokio::io::{AsyncRead, ReadBuf};

use crate::stores::{Store, StoreError, Stored};

/// So many bytes, the same ones each time.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

pub(crate) async fn put(store: &mut dyn Store, path: &str, offset: u64, bytes: &[u8]) -> Stored<u64> {
    let mut from = bytes;
    store.put(path, offset, &mut from).await
}

pub(crate) async fn get(store: &mut dyn Store, path: &str, offset: u64) -> Stored<Vec<u8>> {
    let mut into = Vec::new();
    let count = store.get(path, offset, &mut into).await?;
    assert_eq!(count, into.len() as u64);
    Ok(into)
}

/// Gives some bytes and then fails.
pub(crate) struct Failing(pub(crate) usize);

impl AsyncRead for Failing {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.0 == 0 {
            return std::task::Poll::Ready(Err(std::io::Error::other("the dump died")));
        }
        let count = self.0.min(buffer.remaining());
        buffer.put_slice(&vec![7; count]);
        self.0 -= count;
        std::task::Poll::Ready(Ok(()))
    }
}

#[track_caller]
fn missing<T: std::fmt::Debug>(answer: &Stored<T>) {
    assert!(matches!(answer, Err(StoreError::Missing(_))), "{answer:?}");
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: &Stored<T>) {
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
}

/// All that can be asked. `root` is where a login begins, as this machine sees it; it is empty.
pub(crate) async fn all(store: &mut dyn Store, root: &Path) {
    assert!(store.list("", 1).await.unwrap().entries.is_empty());
    folders(store, root).await;
    files(store, root).await;
    names(store, root).await;
    what_is_not_there(store, root).await;
    // The session is in order until the end.
    store.list("", 3).await.unwrap();
    // Not every server is in order after this one.
    put(store, "big", 0, &bytes(2_000_000)).await.unwrap();
    let mut closed = tokio::io::duplex(16).0;
    let failed = store.get("big", 0, &mut closed).await;
    assert!(matches!(failed, Err(StoreError::OtherEnd(_))), "{failed:?}");
    store.close().await;
}

async fn folders(store: &mut dyn Store, root: &Path) {
    store.make_folder("backups").await.unwrap();
    store.make_folder("backups").await.unwrap();
    store.make_folder("backups/daily.0").await.unwrap();
    assert!(root.join("backups/daily.0").is_dir());
    assert!(store.list("backups/daily.0", 2).await.unwrap().entries.is_empty());
    put(store, "backups/daily.0/a", 0, b"abc").await.unwrap();
    store.make_folder("backups/daily.0/deep").await.unwrap();
    put(store, "backups/daily.0/deep/b", 0, b"").await.unwrap();
    std::os::unix::fs::symlink("daily.0", root.join("backups/link")).unwrap();
    let listing = store.list("backups", 3).await.unwrap();
    let entries: Vec<_> = listing.entries.iter().map(|(path, entry)| (path.as_str(), *entry)).collect();
    let want = [
        ("daily.0", Entry::Folder),
        ("daily.0/a", Entry::File(3)),
        ("daily.0/deep", Entry::Folder),
        ("daily.0/deep/b", Entry::File(0)),
        ("link", Entry::Other),
    ];
    assert_eq!(entries, want);
    assert_eq!(store.list("backups", 1).await.unwrap().entries.len(), 2);
    refused(&store.remove_folder("backups/daily.0").await);
    store.rename("backups/daily.0", "backups/daily.1").await.unwrap();
    assert_eq!(get(store, "backups/daily.1/a", 0).await.unwrap(), b"abc");
    store.remove("backups/link").await.unwrap();
    store.remove("backups/daily.1/deep/b").await.unwrap();
    store.remove_folder("backups/daily.1/deep").await.unwrap();
    store.remove("backups/daily.1/a").await.unwrap();
    store.remove_folder("backups/daily.1").await.unwrap();
    assert!(store.list("backups", 1).await.unwrap().entries.is_empty());
}

async fn files(store: &mut dyn Store, root: &Path) {
    let whole = bytes(3_000_017);
    assert_eq!(put(store, "backups/big", 0, &whole).await.unwrap(), whole.len() as u64);
    assert!(std::fs::read(root.join("backups/big")).unwrap() == whole);
    assert_eq!(store.size("backups/big").await.unwrap(), whole.len() as u64);
    assert!(get(store, "backups/big", 0).await.unwrap() == whole);
    assert!(get(store, "backups/big", 1_234_567).await.unwrap() == whole[1_234_567..]);
    assert!(get(store, "backups/big", whole.len() as u64).await.unwrap().is_empty());
    if let Some(digest) = store.checksum("backups/big").await.unwrap() {
        let wanted = ring::digest::digest(&ring::digest::SHA256, &whole);
        assert_eq!((digest.bytes, digest.sha256), (whole.len() as u64, hex::encode(wanted)));
    }
    // Anew, and shorter than before.
    assert_eq!(put(store, "backups/big", 0, &whole[..70_000]).await.unwrap(), 70_000);
    assert_eq!(put(store, "backups/big", 70_000, &whole[70_000..]).await.unwrap(), 2_930_017);
    assert!(std::fs::read(root.join("backups/big")).unwrap() == whole);
    assert_eq!(put(store, "backups/big", whole.len() as u64, b"").await.unwrap(), 0);
    let wrong_place = put(store, "backups/big", 5, b"x").await;
    refused(&wrong_place);
    assert!(std::fs::read(root.join("backups/big")).unwrap() == whole);
    let failed = store.put("backups/half", 0, &mut Failing(1_000_000)).await;
    assert_eq!(failed, Err(StoreError::OtherEnd("the dump died".to_owned())));
    let size = store.size("backups/half").await.unwrap();
    assert!(size <= 1_000_000);
    store.remove("backups/half").await.unwrap();
    store.remove("backups/big").await.unwrap();
    for count in 0..20 {
        put(store, &format!("backups/{count}"), 0, &bytes(count * 1000)).await.unwrap();
    }
    for count in 0..20 {
        let path = format!("backups/{count}");
        assert!(get(store, &path, 0).await.unwrap() == bytes(count * 1000));
        store.remove(&path).await.unwrap();
    }
}

async fn names(store: &mut dyn Store, root: &Path) {
    let names = [
        "two  blanks",
        "-la",
        "*",
        "a[b]",
        "a\"b\"",
        "\u{30d0}\u{30c3}\u{30af}\u{30a2}\u{30c3}\u{30d7}.tar",
        "%41",
        "a;b",
        "~",
        "#x",
        "-> arrow",
    ];
    for name in names {
        let path = format!("backups/{name}");
        put(store, &path, 0, name.as_bytes()).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(std::fs::read(root.join("backups").join(name)).unwrap(), name.as_bytes(), "{name}");
        assert_eq!(get(store, &path, 0).await.unwrap(), name.as_bytes(), "{name}");
        let listing = store.list("backups", 1).await.unwrap();
        assert_eq!(listing.entries.get(name), Some(&Entry::File(name.len() as u64)), "{name}: {listing:?}");
        store.rename(&path, "backups/x").await.unwrap();
        store.rename("backups/x", &path).await.unwrap();
        store.remove(&path).await.unwrap();
        if name == "*" {
            // Some servers make no such folder.
            continue;
        }
        store.make_folder(&path).await.unwrap();
        put(store, &format!("{path}/x"), 0, b"x").await.unwrap();
        let listing = store.list("backups", 2).await.unwrap();
        assert_eq!(listing.entries.get(&format!("{name}/x")), Some(&Entry::File(1)), "{name}: {listing:?}");
        store.remove(&format!("{path}/x")).await.unwrap();
        store.remove_folder(&path).await.unwrap();
    }
    // What is hidden is there, too: a folder with it is not empty.
    std::fs::write(root.join("backups/.hidden"), "h").unwrap();
    let listing = store.list("backups", 1).await.unwrap();
    assert_eq!(listing.entries.get(".hidden"), Some(&Entry::File(1)), "{listing:?}");
    std::fs::remove_file(root.join("backups/.hidden")).unwrap();
    for name in ["a\nb", "a\rDELE b", "a\0b"] {
        refused(&put(store, &format!("backups/{name}"), 0, b"x").await);
        refused(&store.make_folder(&format!("backups/{name}")).await);
        refused(&store.rename("backups", &format!("backups/{name}")).await);
    }
    assert!(store.list("backups", 1).await.unwrap().entries.is_empty());
}

async fn what_is_not_there(store: &mut dyn Store, root: &Path) {
    missing(&store.size("backups/no").await);
    missing(&store.size("no/no").await);
    missing(&get(store, "backups/no", 0).await);
    missing(&get(store, "no/such/file", 0).await);
    missing(&store.list("no", 1).await);
    missing(&store.list("no/such/folder", 2).await);
    missing(&store.remove("backups/no").await);
    missing(&store.remove_folder("backups/no").await);
    missing(&store.rename("backups/no", "backups/yes").await);
    missing(&put(store, "no/file", 0, b"x").await);
    missing(&store.make_folder("no/folder").await);
    // What is in the way is not missing.
    put(store, "backups/file", 0, b"x").await.unwrap();
    refused(&store.make_folder("backups/file").await);
    refused(&store.list("backups/file", 1).await);
    refused(&put(store, "backups", 0, b"x").await);
    assert!(root.join("backups").is_dir());
    store.remove("backups/file").await.unwrap();
}
