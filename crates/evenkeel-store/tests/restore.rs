//! A copy takes the place of a store, if it is whole; what was there stays beside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the samples are used here, the promises in promises.rs"
)]
mod contract;

use std::fs;
use std::path::{Path, PathBuf};

use contract::sample::*;
use evenkeel_engine::store::{Audited, Batch, ResourceFilter, Store, StoreError};
use evenkeel_store::{Mode, Restored, SqliteStore, restore};
use rusqlite::Connection;
use tempfile::TempDir;

struct Place {
    _folder: TempDir,
    store: PathBuf,
    copy: PathBuf,
}

/// A store with one resource and a snapshot, a copy of it, and one more resource since.
async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("evenkeel.db"), folder.path().join("copy.db"));
    let store = SqliteStore::open(&file, Mode::Create).unwrap();
    let fence = store.claim("the controller", at(0), at(60)).await.unwrap();
    store.begin_run(fence, new_run("s", "t", at(1))).await.unwrap();
    for name in ["x", "y"] {
        let batch = Batch {
            resources: vec![resource(key("s", "t", "K", name), 1)],
            sources: vec![source("s", 2)],
            snapshots: vec![("s".into(), snapshot("abc"))],
            audit: vec![asked(at(2), name)],
            ..Batch::default()
        };
        store.commit(fence, batch).await.unwrap();
        if name == "x" {
            store.backup(&copy).await.unwrap();
        }
    }
    Place { _folder: folder, store: file, copy }
}

async fn names(file: &Path) -> Vec<String> {
    let store = SqliteStore::open(file, Mode::ReadOnly).unwrap();
    let found = store.resources(&ResourceFilter::default()).await.unwrap();
    found.into_iter().map(|status| status.key.id.name).collect()
}

#[tokio::test]
async fn a_copy_takes_the_place_of_the_store_which_is_kept() {
    let place = place().await;
    let before = audit_log(&SqliteStore::open(&place.store, Mode::ReadOnly).unwrap()).await;
    let Restored { kept, version, audit, unfinished } = restore(&place.copy, &place.store, at(99)).unwrap();
    let kept = kept.unwrap();
    assert!(kept.display().to_string().contains("evenkeel.db.before-restore-"), "{}", kept.display());
    assert_eq!((unfinished, audit.unwrap().entries), (1, 1));
    assert!(version >= 2);
    assert_eq!(names(&place.store).await, ["x"]);
    assert_eq!(names(&kept).await, ["x", "y"]);
    assert_eq!(names(&place.copy).await, ["x"], "the copy is as it was");

    let store = SqliteStore::open(&place.store, Mode::ReadWrite).unwrap();
    let log = audit_log(&store).await;
    assert_eq!(log[..1], before[..1]);
    let Audited::Restored { file, kept: said, head } = &log[1].entry.what else { panic!("{log:?}") };
    assert_eq!((file, said), (&place.copy.display().to_string(), &Some(kept.display().to_string())));
    assert!(head.is_some(), "how far the log had come");
    assert_eq!(store.snapshot("s").await.unwrap(), None, "an old revision is not put in force");
    assert_eq!(store.unfinished_runs().await.unwrap().len(), 1);
    store.claim("another controller", at(3), at(60)).await.unwrap();
    let left: Vec<_> = fs::read_dir(place.store.parent().unwrap()).unwrap().collect();
    let is_part = |name: &str| name.contains("part");
    assert!(!left.into_iter().any(|f| is_part(&f.unwrap().file_name().to_string_lossy())));
}

#[tokio::test]
async fn a_copy_that_is_not_whole_changes_nothing() {
    let place = place().await;
    let refused = |file: &Path| restore(file, &place.store, at(99)).unwrap_err().to_string();
    let other = place.store.with_file_name("other.db");

    fs::copy(&place.copy, &other).unwrap();
    let tamper = Connection::open(&other).unwrap();
    tamper.execute("UPDATE audit SET record = replace(record, '\"by\":\"x\"', '\"by\":\"z\"')", []).unwrap();
    drop(tamper);
    assert!(refused(&other).contains("audit log does not hold"), "{}", refused(&other));

    fs::copy(&place.copy, &other).unwrap();
    Connection::open(&other).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(restore(&other, &place.store, at(99)), Err(StoreError::Newer { found: 99, .. })));

    fs::write(&other, "no store at all, but long enough to look like one".repeat(99)).unwrap();
    assert!(refused(&other).contains("this is no store"), "{}", refused(&other));

    let mut bytes = fs::read(&place.copy).unwrap();
    let half = bytes.len() / 2;
    bytes.truncate(half);
    fs::write(&other, bytes).unwrap();
    assert!(refused(&other).contains("damaged"), "{}", refused(&other));

    fs::remove_file(&other).unwrap();
    assert!(matches!(restore(&other, &place.store, at(99)), Err(StoreError::Missing { .. })));
    assert_eq!(names(&place.store).await, ["x", "y"]);
    let left = fs::read_dir(place.store.parent().unwrap()).unwrap();
    let left: Vec<_> = left.map(|f| f.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|name| name.contains("part") || name.contains("before")), "{left:?}");
}

#[tokio::test]
async fn a_copy_of_the_first_version_is_brought_up_to_date_and_needs_no_store_before() {
    let folder = tempfile::tempdir().unwrap();
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored/v1.sql");
    let copy = folder.path().join("old.db");
    Connection::open(&copy).unwrap().execute_batch(&fs::read_to_string(sql).unwrap()).unwrap();
    let store = folder.path().join("evenkeel.db");
    let restored = restore(&copy, &store, at(99)).unwrap();
    assert_eq!(restored, Restored { kept: None, version: 1, audit: None, unfinished: 1 });
    assert_eq!(names(&store).await, ["x", "y"]);
    assert_eq!(audit_log(&SqliteStore::open(&store, Mode::ReadOnly).unwrap()).await.len(), 1);
}

#[tokio::test]
async fn a_damaged_store_is_kept_as_it_is() {
    let place = place().await;
    fs::write(&place.store, "damaged beyond help").unwrap();
    let kept = restore(&place.copy, &place.store, at(99)).unwrap().kept.unwrap();
    assert_eq!(fs::read(kept).unwrap(), b"damaged beyond help");
    assert_eq!(names(&place.store).await, ["x"]);
}
