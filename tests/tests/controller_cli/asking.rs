//! What a running controller is asked for: notify, reconcile, accept; over its socket and by its address.

use std::io::Write as _;
use std::process::{Command, Stdio};

use evenkeel_core::condition::Status;
use evenkeel_tests::evenkeel::Ran;
use serde_json::json;

use crate::keeper::{Found, Keeper, TOKEN};
use crate::stored::{HELD, stored};

/// Runs a command with something on its standard input.
fn with_input(mut command: Command, input: &[u8]) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever does not read it to its end closes it, which is no error of this test.
    let _ = child.stdin.take().unwrap().write_all(input);
    Ran::of(&child.wait_with_output().unwrap())
}

#[test]
fn notify_wakes_sources_and_says_so_in_one_line() {
    let stored = stored();
    let _keeper = Keeper::start(&stored);
    assert_eq!(stored.work.expect(0, &["notify"]).stdout, "evenkeel: looking at broken, lab, site\n");
    assert_eq!(stored.work.expect(0, &["notify", "site"]).stdout, "evenkeel: looking at site\n");
    let some = stored.work.expect(1, &["notify", "site", "sit"]);
    assert_eq!(some.stdout, "evenkeel: looking at site\n");
    some.says(&["knows no source sit"]);
    stored.work.expect(1, &["notify", "sit"]).says(&["knows no source sit", "hint: "]);
    let json = stored.work.expect(0, &["notify", "lab", "-o", "json"]).json();
    assert_eq!(json, json!({ "formatVersion": 1, "woken": ["lab"], "unknown": [] }));
}

#[test]
fn notify_takes_what_git_writes_to_a_hook() {
    let stored = stored();
    let _keeper = Keeper::start(&stored);
    let line = b"0000000000000000000000000000000000000000 3f2a9c1d77e0 refs/heads/main\n";
    for input in [line.to_vec(), line.repeat(20_000), Vec::new()] {
        let ran = with_input(stored.work.command(&["notify", "site"]), &input);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "evenkeel: looking at site\n"), "{}", ran.stderr);
    }
    // Nobody writes, and nobody closes it either.
    let mut command = stored.work.command(&["notify", "site"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _open = child.stdin.take().unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn notify_gives_up_after_a_while() {
    let stored = stored();
    let keeper = Keeper::start(&stored);
    *keeper.fake.is_stuck.lock().unwrap() = true;
    stored.work.expect(1, &["notify"]).says(&["did not answer within 5 s", "hint: "]);
}

#[test]
fn reconcile_asks_for_what_is_selected() {
    let stored = stored();
    let keeper = Keeper::start(&stored);
    let ran = stored.work.expect(0, &["reconcile", "--now", "zfsdataset/vm", "--target", "alpha"]);
    ran.says(&["asked: 1 resource on 1 target"]);
    let (filter, _) = keeper.fake.wishes.lock().unwrap()[0].clone();
    assert_eq!((filter.kind.as_deref(), filter.name.as_deref()), (Some("ZfsDataset"), Some("vm")));
    assert_eq!((filter.target.as_deref(), filter.source), (Some("alpha"), None));
    let json = stored.work.expect(0, &["reconcile", "--now", "-o", "json"]).json();
    assert_eq!(
        json,
        json!({ "formatVersion": 1, "woken": { "resources": 3, "targets": 1 }, "resources": null })
    );
}

#[test]
fn reconcile_waits_for_the_look_and_tells_what_came_of_it() {
    let stored = stored();
    let keeper = Keeper::start(&stored);
    let wait = ["reconcile", "--now", "--wait", "--target", "alpha"];
    let looked = |ready, reason, after_another| {
        *keeper.fake.finds.lock().unwrap() = Some(Found { ready, reason, after_another });
    };
    looked(Status::False, "Held", false);
    stored.work.expect(2, &wait).says(&["ZfsDataset/home", "ZfsDataset/vm", "False", "Held"]);
    looked(Status::Unknown, "Unreachable", false);
    stored.work.expect(1, &wait).says(&["Unknown", "Unreachable"]);
    looked(Status::True, "InSync", true);
    let ran = stored.work.expect(0, &wait);
    assert!(ran.stdout.contains("InSync") && !ran.stdout.contains("Unreachable"), "{}", ran.stdout);
}

#[test]
fn reconcile_does_not_wait_for_ever() {
    let stored = stored();
    let _keeper = Keeper::start(&stored);
    let ran = stored.work.expect(1, &["reconcile", "--now", "--wait", "--timeout", "1s", "ZfsDataset/vm"]);
    ran.says(&["within 1s 1 resource was not looked at: ZfsDataset/vm on alpha", "hint: "]);
}

#[test]
fn a_held_revision_is_let_in() {
    let stored = stored();
    let _keeper = Keeper::start(&stored);
    stored.work.expect(0, &["accept", "lab", &HELD[..12]]).says(&["accepted: lab goes on with b7c8d9e0f1a2"]);
    let wrong = stored.work.expect(1, &["accept", "lab", "abcdefabcdef"]);
    wrong.says(&["not abcdefabcdef", "`evenkeel accept lab b7c8d9e0f1a2`"]);
    stored
        .work
        .expect(1, &["accept", "site", HELD])
        .says(&["no revision of site is held", "status --source site"]);
    stored.work.expect(1, &["accept", "lob", HELD]).says(&["no source `lob`, did you mean `lab`?"]);
}

#[test]
fn a_controller_elsewhere_gives_the_same_by_its_address() {
    let stored = stored();
    let keeper = Keeper::start(&stored);
    let url = keeper.url();
    let ask = |args: &[&str]| -> Ran {
        let mut command = stored.work.command(&[args, &["--server", &url]].concat());
        Ran::of(&command.env("EVENKEEL_TOKEN", TOKEN).output().unwrap())
    };
    let diff = ["diff", "--at=2026-11-01T09:30:00Z", "--at=2026-11-01T14:00:00Z"];
    let runs = ["history", "--limit", "2", "--source", "site"];
    for args in
        [&["events"][..], &["events", "--last", "1", "ZfsDataset/vm"], &runs, &["history", "3"], &diff]
    {
        let (there, here) = (ask(args), stored.work.run(args));
        assert_eq!((there.code, &there.stdout), (here.code, &here.stdout), "{args:?}: {}", there.stderr);
        assert!(!there.stdout.is_empty(), "{args:?}");
    }
    let status = ask(&["status", "-o", "json"]);
    let here = stored.work.expect(1, &["status", "-o", "json", "--config", "evenkeel.yaml"]);
    assert_eq!((status.code, status.json()), (1, here.json()));
    let missing = ask(&["history", "99"]);
    assert_eq!(missing.code, 1);
    missing.says(&["there is no run 99"]);
    assert_eq!(ask(&["notify", "site"]).stdout, "evenkeel: looking at site\n");
    assert_eq!(ask(&["reconcile", "--now"]).code, 0);
    assert_eq!(keeper.fake.wishes.lock().unwrap()[0].1, "root");
    assert_eq!(ask(&["accept", "lab", HELD]).code, 0);
}

#[test]
fn an_address_wants_its_token() {
    let stored = stored();
    let keeper = Keeper::start(&stored);
    stored.work.expect(1, &["events", "--server", &keeper.url()]).says(&["EVENKEEL_TOKEN", "hint: "]);
    let mut wrong = stored.work.command(&["events", "--server", &keeper.url()]);
    let ran = Ran::of(&wrong.env("EVENKEEL_TOKEN", "another-token-of-16").output().unwrap());
    assert_eq!(ran.code, 1);
    assert!(!ran.stderr.contains("another-token-of-16"), "{}", ran.stderr);
}
