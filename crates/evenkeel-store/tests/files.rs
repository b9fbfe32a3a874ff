//! The store as a file: how it is made, opened, refused, copied, shared between processes, and survives a full disk.

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
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use contract::sample::*;
use evenkeel_core::config::HistorySpec;
use evenkeel_engine::store::{Batch, EventFilter, ResourceFilter, Store, StoreError};
use evenkeel_store::{Mode, SqliteStore};
use rusqlite::Connection;

struct Place {
    folder: tempfile::TempDir,
    file: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state/of/it/store.db");
    Place { folder, file }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", file.display()))
}

fn some_resources(count: u64) -> Batch {
    let resources = (0..count).map(|n| resource(key("s", "t", "K", &format!("{n:05}")), n)).collect();
    Batch { resources, ..Batch::default() }
}

async fn count(store: &SqliteStore) -> usize {
    store.resources(&ResourceFilter::default()).await.unwrap().len()
}

#[tokio::test]
async fn a_file_that_was_removed_while_in_use_takes_nothing_without_a_word() {
    let place = place();
    let store = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let fence = fence(&store).await;
    store.commit(fence, some_resources(3)).await.unwrap();
    fs::remove_file(&place.file).unwrap();
    let error = store.commit(fence, some_resources(4)).await.unwrap_err().to_string();
    assert!(error.contains("its file was removed while it was in use"), "{error}");
}

#[tokio::test]
async fn folder_and_file_are_made_for_their_owner_only_and_opened_again() {
    let place = place();
    let store = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let fence = fence(&store).await;
    store.commit(fence, some_resources(3)).await.unwrap();
    assert_eq!(mode(&place.folder.path().join("state")), 0o700);
    assert_eq!(mode(place.file.parent().unwrap()), 0o700);
    for ending in ["", "-wal", "-shm"] {
        assert_eq!(mode(&beside(&place.file, ending)), 0o600, "{ending}");
    }
    drop(store);
    assert!(!beside(&place.file, "-wal").exists(), "closed whole, in one file");
    for mode in [Mode::Create, Mode::ReadWrite, Mode::ReadOnly] {
        assert_eq!(count(&SqliteStore::open(&place.file, mode).unwrap()).await, 3, "{mode:?}");
    }
}

#[test]
fn what_is_not_there_is_only_made_where_that_is_asked_for() {
    let place = place();
    for mode in [Mode::ReadWrite, Mode::ReadOnly] {
        let missing = StoreError::Missing { file: place.file.display().to_string() };
        assert_eq!(SqliteStore::open(&place.file, mode).unwrap_err(), missing);
        assert!(!place.folder.path().join("state").exists());
        // What is left where the first start was killed before it wrote anything.
        let empty = place.folder.path().join("empty.db");
        fs::write(&empty, "").unwrap();
        let missing = StoreError::Missing { file: empty.display().to_string() };
        assert_eq!(SqliteStore::open(&empty, mode).unwrap_err(), missing);
    }
    SqliteStore::open(place.folder.path().join("empty.db"), Mode::Create).unwrap();
}

/// What opening says, in each mode the same.
fn refused(file: &Path) -> StoreError {
    let all = [Mode::Create, Mode::ReadWrite, Mode::ReadOnly];
    let said = all.map(|mode| SqliteStore::open(file, mode).unwrap_err());
    assert!(said.iter().all(|error| *error == said[0]), "{said:?}");
    said[0].clone()
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let place = place();
    let path = |name: &str| place.folder.path().join(name);
    let garbage = path("garbage.db");
    fs::write(&garbage, "this is the diary of somebody else, and longer than a header\n".repeat(99)).unwrap();
    let foreign = path("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE diary (text TEXT)").unwrap();
    let cases = [
        (garbage, "this is no store, or a damaged one; restore a backup"),
        (foreign, "this is the database of another program"),
        (place.folder.path().to_owned(), "this is a folder"),
    ];
    for (file, why) in cases {
        let before = fs::read(&file).ok();
        let message = format!("the store {}: {why}", file.display());
        assert!(refused(&file).to_string().starts_with(&message), "{}", refused(&file));
        assert_eq!(fs::read(&file).ok(), before);
    }
    let within = path("garbage.db").join("store.db");
    let error = SqliteStore::open(within, Mode::Create).unwrap_err().to_string();
    assert!(error.contains("it cannot be created"), "{error}");
}

#[test]
fn a_store_of_a_newer_evenkeel_is_refused_and_left_as_it_is() {
    let place = place();
    drop(SqliteStore::open(&place.file, Mode::Create).unwrap());
    let database = Connection::open(&place.file).unwrap();
    database.pragma_update(None, "user_version", 4711).unwrap();
    database.close().unwrap();
    let before = fs::read(&place.file).unwrap();
    match refused(&place.file) {
        StoreError::Newer { file, found: 4711, known } if known > 0 => {
            assert_eq!(file, place.file.display().to_string());
        }
        other => panic!("{other}"),
    }
    assert_eq!(fs::read(&place.file).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_store_says_so_and_never_panics() {
    let place = place();
    let store = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let fence = fence(&store).await;
    store.commit(fence, some_resources(500)).await.unwrap();
    drop(store);
    let whole = fs::read(&place.file).unwrap();
    let ask = async || {
        let store = SqliteStore::open(&place.file, Mode::ReadWrite)?;
        store.resources(&ResourceFilter::default()).await.map(|found| found.len())
    };
    fs::write(&place.file, &whole[..whole.len() / 2]).unwrap();
    let error = ask().await.unwrap_err().to_string();
    assert!(error.contains("it is damaged; restore a backup"), "{error}");
    // Wherever else it is hit, there is an answer or an error.
    for start in (0..whole.len() - 64).step_by(whole.len() / 60) {
        let mut hit = whole.clone();
        hit[start..start + 64].fill(0xa5);
        fs::write(&place.file, hit).unwrap();
        if let Err(error) = ask().await {
            assert!(error.to_string().starts_with("the store "), "{error}");
        }
    }
    fs::write(&place.file, whole).unwrap();
    assert_eq!(ask().await, Ok(500));
}

#[tokio::test]
async fn others_look_while_one_writes_and_change_nothing() {
    let place = place();
    let store = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let looking = SqliteStore::open(&place.file, Mode::ReadOnly).unwrap();
    let fence = fence(&store).await;
    for round in 1..5 {
        store.commit(fence, some_resources(round)).await.unwrap();
        assert_eq!(count(&looking).await as u64, round);
    }
    let refused = looking.commit(fence, some_resources(1)).await.unwrap_err().to_string();
    assert!(refused.ends_with("it is open to look only"), "{refused}");
    looking.claim("x", day(9_999), day(10_000)).await.unwrap_err();
    // Also where the writer was there before and is gone.
    drop(store);
    assert_eq!(count(&looking).await, 4);
}

#[tokio::test]
async fn a_second_writer_takes_over_in_the_same_file_and_the_first_one_learns_it() {
    let place = place();
    let first = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let second = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let lost = first.claim("first", at(0), at(60)).await.unwrap();
    assert!(matches!(second.claim("second", at(1), at(61)).await, Err(StoreError::Held { .. })));
    let fence = second.claim("second", at(60), at(120)).await.unwrap();
    assert_eq!(first.commit(lost, some_resources(1)).await, Err(StoreError::Fenced));
    second.commit(fence, some_resources(2)).await.unwrap();
    assert_eq!(count(&first).await, 2);
}

#[tokio::test]
async fn while_another_process_locks_it_writing_fails_and_reading_goes_on() {
    let place = place();
    let store = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let fence = fence(&store).await;
    store.commit(fence, some_resources(1)).await.unwrap();
    let other = Connection::open(&place.file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (written, read) = tokio::join!(store.commit(fence, some_resources(2)), count(&store));
    let error = written.unwrap_err().to_string();
    let expected = format!("the store {}: another process keeps it locked", place.file.display());
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!(read, 1);
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(fence, some_resources(2)).await.unwrap();
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn a_backup_is_a_store_of_one_moment_while_work_goes_on() {
    let place = place();
    let store = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let fence = fence(&store).await;
    // Each batch writes the same generation to all: a copy of two moments would show.
    let write = async |generation: u64| {
        let keys = (0..200).map(|n| key("s", "t", "K", &format!("{n:03}")));
        let resources = keys.map(|key| resource(key, generation)).collect();
        let events = vec![event(at(0), None)];
        store.commit(fence, Batch { resources, events, ..Batch::default() }).await.unwrap();
    };
    write(0).await;
    for round in 0..5_u64 {
        let copy = place.folder.path().join(format!("backup-{round}.db"));
        let work = async {
            for generation in 1..10 {
                write(round * 10 + generation).await;
            }
        };
        let (made, ()) = tokio::join!(store.backup(&copy), work);
        made.unwrap();
        assert_eq!(mode(&copy), 0o600);
        let copied = SqliteStore::open(&copy, Mode::ReadOnly).unwrap();
        let resources = copied.resources(&ResourceFilter::default()).await.unwrap();
        let generation = resources[0].observed_generation;
        assert!(resources.len() == 200 && generation + 1 >= round * 10, "{generation}");
        assert!(resources.iter().all(|r| r.observed_generation == generation));
        let events = copied.events(&EventFilter::default()).await.unwrap().len() as u64;
        assert_eq!(events, 1 + round * 9 + generation.saturating_sub(round * 10));
    }
    drop(store);
    let mut names: Vec<_> = fs::read_dir(place.folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let copies: Vec<_> = (0..5).map(|round| format!("backup-{round}.db")).collect();
    assert_eq!(names, [copies, vec!["state".to_owned()]].concat(), "each in one file, and nothing half-made");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_error_that_says_which_and_what_to_do() {
    let place = place();
    let store = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let fence = fence(&store).await;
    store.commit(fence, some_resources(1)).await.unwrap();
    let other = Connection::open(&place.file).unwrap();
    other.execute_batch("UPDATE resource SET record = '{\"source\": \"s\"}'").unwrap();
    let error = store.resources(&ResourceFilter::default()).await.unwrap_err().to_string();
    assert!(error.contains("a ResourceStatus in it cannot be read (missing field"), "{error}");
    assert!(error.contains("use that one, or restore a backup"), "{error}");
}

#[tokio::test]
async fn a_backup_takes_the_place_of_nothing() {
    let place = place();
    let store = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let copy = place.folder.path().join("precious");
    fs::write(&copy, "precious").unwrap();
    let error = store.backup(&copy).await.unwrap_err().to_string();
    assert!(error.contains("precious exists already; name a new file for the backup"), "{error}");
    assert_eq!(fs::read(&copy).unwrap(), b"precious");
    let error = store.backup(&place.folder.path().join("no/such/folder/x.db")).await.unwrap_err().to_string();
    assert!(error.contains("cannot be written: No such file or directory"), "{error}");
    store.backup(&place.file).await.unwrap_err();

    let memory = SqliteStore::in_memory().unwrap();
    let fence = fence(&memory).await;
    memory.commit(fence, some_resources(7)).await.unwrap();
    let copy = place.folder.path().join("of-memory.db");
    memory.backup(&copy).await.unwrap();
    assert_eq!(count(&SqliteStore::open(&copy, Mode::ReadOnly).unwrap()).await, 7);
}

#[tokio::test]
async fn what_is_forgotten_gives_its_room_back() {
    let place = place();
    let store = SqliteStore::open(&place.file, Mode::Create).unwrap();
    let fence = fence(&store).await;
    let events = (0..20_000).map(|_| event(day(0), Some(key("s", "t", "K", "n")))).collect();
    store.commit(fence, Batch { events, ..Batch::default() }).await.unwrap();
    let run = record_run(&store, fence, new_run("s", "t", day(0)), day(0), &[("K", "n")]).await;
    store.journal(fence, command(run.id, "zfs set a=b tank/n", day(0))).await.unwrap();
    let seen = vec![observation(key("s", "t", "K", "n"), day(0), Some(1))];
    store.commit(fence, Batch { observations: seen, ..Batch::default() }).await.unwrap();
    let ask = |sql: &str| {
        let database = Connection::open(&place.file).unwrap();
        database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let pages = || ask("PRAGMA page_count");
    let full = pages();
    assert_eq!(store.expire(fence, HistorySpec::default(), day(1_000)).await.unwrap(), 20_001);
    assert_eq!(store.expire(fence, HistorySpec::default(), day(2_000)).await.unwrap(), 1);
    for table in ["event", "run", "run_entry", "journal", "observation", "subject"] {
        assert_eq!(ask(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    assert!(pages() < full / 4, "{} of {full} pages", pages());
}
