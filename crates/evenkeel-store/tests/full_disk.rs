//! A disk without room: writing fails with a reason, reading goes on, and once there is room so does writing.
//!
//! The child process, which is this test's own binary, may not write files beyond a size. To SQLite that is a
//! disk that refuses; the limit can be lifted without privileges.

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

use std::process::Command;

use contract::sample::*;
use evenkeel_engine::store::{Batch, ResourceFilter, Store};
use evenkeel_store::{Mode, SqliteStore};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Names the file in the child.
const FILE: &str = "EVENKEEL_TEST_STORE";

fn generation(number: u64) -> Batch {
    let keys = (0..50).map(|n| key("s", "t", "K", &format!("{n:02}")));
    Batch { resources: keys.map(|key| resource(key, number)).collect(), ..Batch::default() }
}

#[tokio::test]
#[ignore = "the child of the test below, which gives it a file and a limit"]
async fn child() {
    let Ok(file) = std::env::var(FILE) else { return };
    let store = SqliteStore::open(&file, Mode::Create).unwrap();
    let fence = fence(&store).await;
    let mut written = 0;
    let error = loop {
        match store.commit(fence, generation(written + 1)).await {
            Ok(_) => written += 1,
            Err(error) => break error.to_string(),
        }
        assert!(written < 1_000_000, "there is no limit");
    };
    assert!(error.contains("reading or writing failed; look at the disk"), "{error}");
    let all_are = async |number: u64| {
        let found = store.resources(&ResourceFilter::default()).await.unwrap();
        assert!(found.len() == 50 && found.iter().all(|r| r.observed_generation == number), "{number}");
    };
    all_are(written).await;
    store.commit(fence, generation(written + 1)).await.unwrap_err();
    all_are(written).await;

    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum }).unwrap();
    store.commit(fence, generation(written + 1)).await.unwrap();
    all_are(written + 1).await;
}

#[test]
fn without_room_it_says_so_and_with_room_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // Whoever writes beyond the limit is killed, unless that signal is ignored, which a shell hands down.
    let output = Command::new("/bin/sh")
        .args(["-c", "trap '' XFSZ && ulimit -S -f 1000 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FILE, folder.path().join("store.db"))
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
