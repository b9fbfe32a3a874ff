//! What goes wrong for real: a program that is killed, a NAS that goes away or is full.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use evenkeel_tests::backups::{BackupSite, DUMPS};
use evenkeel_tests::sshd::kill;

const PATIENCE: Duration = Duration::from_mins(1);

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "no {what} within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All files below the dumps that are being written.
fn parts(place: &BackupSite) -> Vec<String> {
    let folder = place.nas(DUMPS).join("transfer");
    BackupSite::names(&folder)
        .into_iter()
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "part"))
        .collect()
}

#[test]
fn killed_in_the_middle_of_a_dump_the_next_run_brings_it_about_and_leaves_nothing() {
    let place = BackupSite::of_example("backup-vzdump");
    let work = &place.site.work;
    place.slow_down("pve1", 200_000);
    let mut command = work.command(&["apply", "--auto-approve"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("half a dump", || !parts(&place).is_empty());
    kill(child.id(), "KILL");
    child.wait().unwrap();
    assert!(!place.nas(DUMPS).join("daily.0").exists(), "half a night is none");
    place.slow_down("pve1", 0);
    work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
    assert_eq!(BackupSite::names(&place.nas(DUMPS)), ["daily.0"]);
    assert_eq!(BackupSite::names(&place.nas(DUMPS).join("daily.0")).len(), 11);
    work.expect(0, &["backup", "verify"]);
}

#[test]
fn ctrl_c_ends_a_dump_soon_and_says_what_is_left() {
    let place = BackupSite::of_example("backup-vzdump");
    let work = &place.site.work;
    // A minute each, at this pace.
    place.slow_down("pve1", 5_000);
    let mut command = work.command(&["apply", "--auto-approve"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("a dump that has begun", || place.nas(DUMPS).join("transfer/evenkeel.building").exists());
    let begun = Instant::now();
    kill(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(begun.elapsed() < PATIENCE);
    assert!(!place.nas(DUMPS).join("daily.0").exists());
    place.slow_down("pve1", 0);
    work.expect(0, &["apply", "--auto-approve"]);
    assert_eq!(BackupSite::names(&place.nas(DUMPS)), ["daily.0"]);
}

#[test]
fn the_last_try_that_fails_is_no_success() {
    let place = BackupSite::of_example("backup-vzdump");
    let work = &place.site.work;
    let text = fs::read_to_string(work.path().join("backup.yaml")).unwrap();
    work.write(
        "backup.yaml",
        &text.replace("guests: running", "guests: [101]").replace("schedule: {", "schedule: { attempts: 1,"),
    );
    place.fail("pve1", 101, Some("error"));
    work.expect(1, &["apply", "--auto-approve"]).says(&["failed", "1 failed"]);
    work.expect(2, &["status"]).says(&["False", "there is no verified copy"]);
    work.expect(0, &["backup", "list"]).says(&["given up for this slot", "101"]);
    work.expect(1, &["backup", "verify"]).says(&["there was no copy to read"]);
}

#[test]
fn a_nas_that_does_not_answer_is_unknown_and_nothing_is_dumped() {
    let place = BackupSite::of_example("backup-vzdump");
    let work = &place.site.work;
    work.write("values.yaml", "linkstationHost: 127.0.0.1\nlinkstationPort: 1\nlinkstationUser: x\n");
    let ran = work.expect(1, &["apply", "--auto-approve"]);
    ran.says(&["linkstation", "unknown", "nothing was sent"]);
}

#[test]
fn the_password_of_the_nas_is_said_nowhere() {
    let place = BackupSite::of_example("backup-vzdump");
    let work = &place.site.work;
    let secret = evenkeel_tests::ftpd::PASSWORD;
    for args in [
        &["plan", "--show-commands"][..],
        &["plan", "--output", "json"],
        &["apply", "--auto-approve", "--output", "json"],
        &["backup", "list"],
    ] {
        let ran = work.run(args);
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{args:?}");
    }
    let wrong = work.write(".config/evenkeel/credentials/linkstation/password", "wrong-horse-8");
    let ran = work.expect(1, &["plan"]);
    ran.says(&["linkstation"]);
    assert!(!ran.stdout.contains("wrong-horse-8") && !ran.stderr.contains("wrong-horse-8"));
    fs::remove_file(wrong).unwrap();
}
