//! Stores of every earlier version open with all that is in them.
//!
//! They are kept as text in `tests/stored/`. When the tables change, the version before that change is written down first:
//!
//! ```sh
//! EVENKEEL_STORE_TO_KEEP=v1.db cargo nextest run -p evenkeel-store --run-ignored only -E 'test(writes_one_to_keep)'
//! { sqlite3 v1.db .dump; sqlite3 v1.db 'SELECT "PRAGMA application_id = " || application_id || ";" FROM pragma_application_id'
//!   sqlite3 v1.db 'SELECT "PRAGMA user_version = " || user_version || ";" FROM pragma_user_version'; } > tests/stored/v1.sql
//! ```

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
use evenkeel_engine::store::{Batch, EventFilter, ResourceFilter, RunFilter, Store, StoreError};
use evenkeel_store::{Mode, SqliteStore};
use rusqlite::Connection;

#[tokio::test]
#[ignore = "writes a file to keep, where its name is given"]
async fn writes_one_to_keep() {
    let Ok(file) = std::env::var("EVENKEEL_STORE_TO_KEEP") else { return };
    fill(&SqliteStore::open(file, Mode::Create).unwrap()).await;
}

/// Writes something of everything.
async fn fill(store: &SqliteStore) {
    let fence = store.claim("the one before", at(0), at(60)).await.unwrap();
    let (x, y) = (key("s", "t", "K", "x"), key("s", "t", "K", "y"));
    let run = record_run(store, fence, new_run("s", "t", at(1)), at(2), &[("K", "x")]).await;
    store.journal(fence, command(run.id, "zfs set atime=off tank/x", at(1))).await.unwrap();
    let batch = Batch {
        resources: vec![resource(x.clone(), 1), resource(y.clone(), 2)],
        sources: vec![source("s", 2)],
        snapshots: vec![("s".into(), snapshot("abc"))],
        inventory: vec![inventory(x.clone(), false), inventory(y.clone(), true)],
        observations: vec![observation(x.clone(), at(1), Some(1)), observation(y, at(2), None)],
        events: vec![event(at(3), None), event(at(4), Some(x))],
        ..Batch::default()
    };
    store.commit(fence, batch).await.unwrap();
    store.commit(fence, Batch { audit: vec![asked(at(4), "kim")], ..Batch::default() }).await.unwrap();
    store.begin_run(fence, new_run("s", "t", at(5))).await.unwrap();
}

/// All of [`fill`] is there.
async fn is_filled(store: &SqliteStore, version: u32) {
    let all = ResourceFilter::default();
    assert_eq!(store.sources().await.unwrap(), [source("s", 2)]);
    assert_eq!(store.snapshot("s").await.unwrap(), Some(snapshot("abc")));
    let (x, y) = (key("s", "t", "K", "x"), key("s", "t", "K", "y"));
    assert_eq!(store.resources(&all).await.unwrap(), [resource(x.clone(), 1), resource(y.clone(), 2)]);
    let entries = [inventory(x.clone(), false), inventory(y.clone(), true)];
    assert_eq!(store.inventory(None).await.unwrap(), entries);
    let runs = store.runs(&RunFilter { name: Some("x".into()), ..RunFilter::default() }).await.unwrap();
    let run = ended(begun(runs[0].id, new_run("s", "t", at(1))), at(2), &[("K", "x")]);
    let (found, journal) = store.run(runs[0].id).await.unwrap().unwrap();
    assert_eq!((found, runs.len()), (run, 1));
    assert_eq!((journal.len(), journal[0].at), (1, at(1)));
    assert_eq!(store.unfinished_runs().await.unwrap().len(), 1);
    let seen = [observation(x.clone(), at(1), Some(1)), observation(y, at(2), None)];
    assert_eq!(store.observed_at(&all, at(9)).await.unwrap(), seen);
    let events = store.events(&EventFilter::default()).await.unwrap();
    assert_eq!(
        events.iter().map(|e| &e.what).collect::<Vec<_>>(),
        [&event(at(3), None), &event(at(4), Some(x))]
    );
    // The audit log came with the second version.
    let log = audit_log(store).await;
    let expected = [command(runs[0].id, "zfs set atime=off tank/x", at(1)).into(), asked(at(4), "kim")];
    let expected = if version < 2 { &[][..] } else { &expected[..] };
    assert_eq!(log.into_iter().map(|line| line.entry).collect::<Vec<_>>(), expected);
    // The right that was held when it was written.
    let held = store.claim("somebody", at(9), at(99)).await.unwrap_err();
    assert_eq!(held, StoreError::Held { holder: "the one before".into(), until: at(60) });
}

#[tokio::test]
async fn a_store_of_every_version_opens_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new.db");
    let store = SqliteStore::open(&new, Mode::Create).unwrap();
    fill(&store).await;
    is_filled(&store, u32::MAX).await;
    drop(store);
    let version = |file: &Path| -> u32 {
        Connection::open(file).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let known = version(&new);
    for older in 1..=known {
        let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/stored/v{older}.sql"));
        let sql = fs::read_to_string(&sql).unwrap_or_else(|e| panic!("{}: {e}", sql.display()));
        let file = folder.path().join("old.db");
        Connection::open(&file).unwrap().execute_batch(&sql).unwrap();
        assert_eq!(version(&file), older);

        is_filled(&SqliteStore::open(&file, Mode::ReadWrite).unwrap(), older).await;
        assert_eq!(version(&file), known);
        let copy = PathBuf::from(format!("{}.v{older}", file.display()));
        assert_eq!(copy.exists(), older < known, "an older one is copied first");
        fs::remove_file(file).unwrap();
    }
}
