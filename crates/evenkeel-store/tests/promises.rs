//! The store keeps the promises of the port: in a file, in memory, and against a simple model.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

mod contract;

use evenkeel_store::{Mode, SqliteStore};

fn in_a_file() -> (SqliteStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (SqliteStore::open(folder.path().join("store.db"), Mode::Create).unwrap(), folder)
}

contract::keeps_its_promises!(file, in_a_file());
contract::keeps_its_promises!(memory, (SqliteStore::in_memory().unwrap(), ()));
