//! The program `evenkeel-lab`, as `./demo` uses it.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn serve(dir: &Path) -> Child {
    let child = Command::new(env!("CARGO_BIN_EXE_evenkeel-lab"))
        .args(["serve", "--targets", "2", "--datasets", "3", "--dir"])
        .arg(dir)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while !dir.join("ready").exists() {
        assert!(begin.elapsed() < Duration::from_mins(2), "the lab does not get ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn run(dir: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_evenkeel-lab"))
        .args(["run", "--dir"])
        .arg(dir)
        .args(words)
        .output()
        .unwrap()
}

#[test]
fn serve_runs_until_its_input_ends_and_can_be_started_again() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut child = serve(dir.path());
        let manifests = std::fs::read_to_string(dir.path().join("targets.yaml")).unwrap();
        assert_eq!(manifests.matches("kind: Target\n").count(), 2, "{manifests}");
        assert!(manifests.contains("name: durian") && manifests.contains("name: kiwi"));

        let set = run(dir.path(), &["durian", "zfs", "set", "sync=disabled", "POOL1/bulk/0002"]);
        assert!(set.status.success(), "{set:?}");
        let get = run(dir.path(), &["durian", "zfs", "get", "-Hp", "-o", "value", "sync", "POOL1/bulk/0002"]);
        assert_eq!(get.stdout, b"disabled\n");
        let unknown = run(dir.path(), &["olive", "zfs", "list"]);
        assert_eq!(String::from_utf8_lossy(&unknown.stderr), "the lab has no target olive\n");

        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
    let gone = run(dir.path(), &["durian", "zfs", "list"]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("is it running?"), "{gone:?}");
}
