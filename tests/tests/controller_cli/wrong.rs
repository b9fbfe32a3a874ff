//! What can be wrong, and what is said about it: what, where, why, what to do.

use evenkeel_core::condition::Status;
use evenkeel_tests::evenkeel::Workdir;
use jiff::Timestamp;

use crate::stored::{empty, key, status, stored};

#[test]
fn without_a_configuration_it_is_said_where_one_is_looked_for() {
    let work = Workdir::new();
    for args in
        [&["history"][..], &["events"], &["diff", "--at", "2h"], &["notify"], &["store", "backup", "x"]]
    {
        work.expect(1, args).says(&[
            "neither evenkeel.yaml nor /etc/evenkeel/evenkeel.yaml",
            "--config",
            "--server",
        ]);
    }
    work.write("bad.yaml", "kind: Controller\n");
    work.expect(1, &["history", "--config", "bad.yaml"]).says(&[
        "bad.yaml",
        "has errors",
        "evenkeel validate --config",
    ]);
    work.expect(1, &["history", "--config", "nowhere.yaml"]).says(&["cannot read nowhere.yaml"]);
}

#[test]
fn without_a_store_it_is_said_where_it_should_be() {
    let stored = empty();
    std::fs::remove_dir_all(stored.work.path().join("state")).unwrap();
    for args in [
        &["status", "--config", "evenkeel.yaml"][..],
        &["history"],
        &["events", "--follow"],
        &["diff", "--at", "2h"],
        &["store", "backup", "copy.db"],
        &["reconcile", "--now"],
    ] {
        stored.work.expect(1, args).says(&[
            "there is no store at",
            "state/evenkeel.db",
            "hint: start `evenkeel serve`",
        ]);
    }
    let json = stored.work.expect(1, &["history", "-o", "json"]).json();
    assert!(json["error"]["message"].as_str().unwrap().contains("there is no store"), "{json:#}");
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let stored = empty();
    // The version stands in the header of the file, where SQLite keeps it for its users.
    let file = stored.work.path().join("state/evenkeel.db");
    let crate::stored::Stored { work, store, runtime, .. } = stored;
    drop((store, runtime));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60..64].copy_from_slice(&999_u32.to_be_bytes());
    std::fs::write(&file, &bytes).unwrap();
    work.expect(1, &["history"]).says(&["a newer Evenkeel", "schema 999", "hint: use the newer Evenkeel"]);
    work.expect(1, &["status", "--config", "evenkeel.yaml"]).says(&["a newer Evenkeel"]);
}

#[test]
fn an_empty_store_is_no_error() {
    let stored = empty();
    stored.work.expect(0, &["history"]).says(&["no runs"]);
    assert_eq!(stored.work.expect(0, &["events"]).stdout, "");
    stored.work.expect(0, &["diff", "--at", "2h"]).says(&["no difference"]);
    stored.work.expect(0, &["status", "--config", "evenkeel.yaml"]).says(&["knows no sources"]);
}

#[test]
fn without_a_running_controller_nothing_can_be_asked_for() {
    let stored = stored();
    for args in [&["notify"][..], &["reconcile", "--now"], &["accept", "lab", "b7c8d9e"]] {
        let ran = stored.work.expect(1, args);
        ran.says(&["no controller answers at", "evenkeel.sock", "hint: is `evenkeel serve` running"]);
    }
    let there = ["events", "--server", "http://127.0.0.1:1"];
    stored.work.expect(1, &there).says(&["http://127.0.0.1:1 cannot be reached", "hint: "]);
    stored.work.expect(1, &["events", "--server", "ftp://x"]).says(&["no address of a controller"]);
}

#[test]
fn a_slip_gets_a_suggestion() {
    let stored = stored();
    for (args, near) in [
        (
            &["status", "--config", "evenkeel.yaml", "ZfsDataset/hom"][..],
            "resource `ZfsDataset/hom`, did you mean `ZfsDataset/home`?",
        ),
        (&["history", "ZfsDatset/vm"], "resource `ZfsDatset/vm`, did you mean `ZfsDataset/vm`?"),
        (&["events", "--target", "alhpa"], "target `alhpa`, did you mean `alpha`?"),
        (&["events", "--follow", "--source", "siet"], "source `siet`, did you mean `site`?"),
        (&["diff", "--at", "2h", "--source", "siet"], "source `siet`, did you mean `site`?"),
        (&["reconcile", "--now", "ZfsDataset/mv"], "resource `ZfsDataset/mv`"),
    ] {
        stored.work.expect(1, args).says(&["the controller knows no", near, "hint: "]);
    }
    stored.work.expect(1, &["history", "vm"]).says(&["`vm` is no resource", "KIND/NAME"]);
    stored.work.expect(1, &["status", "--source", "site", "folder"]).says(&["`folder` is no resource"]);
    stored.work.expect(1, &["status", "--source", "site", "-l", "a=b"]).says(&["`--label` is for"]);
    stored.work.expect(1, &["history", "99"]).says(&["there is no run 99"]);
    stored.work.expect(1, &["history", "1", "--target", "alpha"]).says(&["run 1 is one run"]);
    // Both are known, but not together.
    let none = ["status", "--source", "site", "--target", "beta", "ZfsDataset/vm"];
    stored.work.expect(1, &none).says(&["nothing matches this selection"]);
}

#[test]
fn a_bad_time_and_a_missing_flag_are_explained() {
    let stored = stored();
    stored
        .work
        .expect(1, &["diff", "--at", "yesterday"])
        .says(&["`yesterday` is no time", "2026-11-20T18:00:00Z"]);
    let thrice = ["diff", "--at", "1h", "--at", "2h", "--at", "3h"];
    stored.work.expect(1, &thrice).says(&["--at is given once or twice"]);
    stored.work.expect(1, &["diff"]).says(&["--at"]);
    stored.work.expect(1, &["reconcile"]).says(&["`evenkeel reconcile --now`"]);
    let both = ["events", "--server", "http://127.0.0.1:1", "--config", "evenkeel.yaml"];
    stored.work.expect(1, &both).says(&["cannot be used with"]);
}

#[test]
fn a_backup_takes_the_place_of_nothing() {
    let stored = stored();
    stored.work.write("precious.txt", "mine");
    stored.work.expect(1, &["store", "backup", "precious.txt"]).says(&["precious.txt exists already"]);
    assert_eq!(std::fs::read(stored.work.path().join("precious.txt")).unwrap(), b"mine");
}

#[test]
fn what_a_target_said_does_not_steer_the_terminal() {
    let stored = stored();
    let evil = status(key("alpha", "vm"), Status::False, "Failed", "a\u{1b}[2Jb", Timestamp::now());
    let batch = evenkeel_engine::store::Batch { resources: vec![evil], ..Default::default() };
    stored
        .runtime
        .block_on(evenkeel_engine::store::Store::commit(&*stored.store, stored.fence, batch))
        .unwrap();
    let ran = stored.work.expect(2, &["status", "--source", "site"]);
    assert!(!ran.stdout.contains('\u{1b}') && ran.stdout.contains("a\\u{1b}[2Jb"), "{}", ran.stdout);
}
