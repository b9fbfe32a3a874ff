//! What people and scripts see of the store: status, history, events, differences.

use evenkeel_core::condition::Status;
use evenkeel_engine::store::{Batch, Store as _};
use jiff::Timestamp;
use serde_json::Value;

use crate::keeper::Keeper;
use crate::stored::{HELD, REVISION, key, status, stored};

const CONFIG: &str = "--config=evenkeel.yaml";

/// The lines of a table, with one space between columns.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn status_shows_sources_and_resources_out_of_the_store() {
    let stored = stored();
    let ran = stored.work.expect(1, &["status", CONFIG]);
    assert_eq!(
        lines(&ran.stdout),
        [
            "SOURCE REVISION RESOURCES VERDICT SINCE MESSAGE",
            "broken 3f2a9c1d77e0 3 Invalid 2d4h b7c8d9e0f1a2: hosts/a.yaml:7:3: unknown field `qota` (and 1 more problem)",
            "lab 3f2a9c1d77e0 3 Held 2d4h b7c8d9e0f1a2: it would prune 40 of 100 resources (`evenkeel accept lab b7c8d9e0f1a2` lets it in)",
            "site 3f2a9c1d77e0 3 InForce 2d4h home: more quota",
            "",
            "RESOURCE TARGET OBJECT READY REASON SINCE NEXT MESSAGE",
            "ZfsDataset/home alpha tank/home True InSync 2d4h in 3h29m as the manifest says",
            "ZfsDataset/vm alpha tank/vm False Drifted 2d4h in 3h29m properties.quota is 5 GiB, shall be 10 GiB",
            "ZfsDataset/scratch beta tank/scratch True InSync 2d4h in 3h29m as the manifest says",
        ]
        .map(|line| line.replace("in 3h29m", &next(&ran.stdout)))
    );
}

#[test]
fn status_says_where_no_controller_runs_and_what_was_not_looked_at_yet() {
    let stored = stored();
    let ran = stored.work.expect(1, &["status", CONFIG]);
    assert!(
        ran.stderr
            .contains("warning: no controller is running; this is what it wrote down, the last of it at ")
    );
    assert!(ran.stderr.contains("not looked at yet: 6 resources in force"), "{}", ran.stderr);
    let json = stored.work.expect(1, &["status", CONFIG, "--output", "json"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["running"], false);
    let _keeper = Keeper::start(&stored);
    let ran = stored.work.expect(1, &["status", CONFIG]);
    assert!(!ran.stderr.contains("no controller"), "{}", ran.stderr);
}

/// What the table says of the next look: a minute or more may have gone by since the store was written.
fn next(text: &str) -> String {
    let from = text.find("in 3h").expect("a next look in three hours and a bit");
    text[from..].split("  ").next().unwrap().trim_end().to_owned()
}

#[test]
fn a_part_of_the_status_is_selected_and_the_exit_code_is_about_that_part() {
    let stored = stored();
    let ran = stored.work.expect(0, &["status", CONFIG, "--source", "site", "--target", "beta"]);
    assert!(ran.stdout.contains("scratch") && !ran.stdout.contains("ZfsDataset/vm"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("broken"), "{}", ran.stdout);
    let both = stored.work.expect(2, &["status", CONFIG, "zfsdataset/VM", "ZfsDataset/scratch"]);
    assert!(both.stdout.contains("scratch") && both.stdout.contains("tank/vm"), "{}", both.stdout);
    assert!(!both.stdout.contains("tank/home"), "{}", both.stdout);
    stored.work.expect(2, &["status", CONFIG, "--source", "lab"]).says(&["Held", HELD.get(..12).unwrap()]);
    // Not known is an error, as it is for `plan`.
    let lost = status(key("beta", "scratch"), Status::Unknown, "Unreachable", "no answer", Timestamp::now());
    let batch = Batch { resources: vec![lost], ..Batch::default() };
    stored.runtime.block_on(stored.store.commit(stored.fence, batch)).unwrap();
    stored.work.expect(1, &["status", CONFIG, "--target", "beta"]).says(&["Unknown", "Unreachable"]);
}

#[test]
fn status_as_json_is_one_document_as_the_api_gives_it() {
    let stored = stored();
    let json = stored.work.expect(1, &["status", CONFIG, "-o", "json"]).json();
    assert_eq!(json["formatVersion"], 1);
    assert_eq!(json["sources"][1]["verdict"]["state"], "held");
    assert_eq!(json["sources"][1]["verdict"]["revision"]["id"], HELD);
    let vm = &json["resources"][1];
    assert_eq!(
        (&vm["kind"], &vm["name"], &vm["source"]),
        (&"ZfsDataset".into(), &"vm".into(), &"site".into())
    );
    assert_eq!(vm["conditions"][0]["reason"], "Drifted");
    assert_eq!(vm["lastAppliedRevision"], REVISION);
}

#[test]
fn history_lists_runs_the_newest_first() {
    let stored = stored();
    let ran = stored.work.expect(0, &["history"]);
    assert_eq!(
        lines(&ran.stdout),
        [
            "RUN STARTED SOURCE TARGET TRIGGER BY REVISION CHANGES STATE COMMANDS",
            "3 2026-11-01T13:00:00Z site beta interval - 3f2a9c1d77e0 ? interrupted ?",
            "2 2026-11-01T12:00:00Z site alpha operator ops 3f2a9c1d77e0 1 drift failed 1",
            "1 2026-11-01T10:00:00Z site alpha push - 3f2a9c1d77e0 2 manifest done 2",
        ]
    );
    let numbers = |args: &[&str]| -> Vec<i64> {
        let json = stored.work.expect(0, &[&["history", "-o", "json"], args].concat()).json();
        assert_eq!(json["formatVersion"], 1);
        json["runs"].as_array().unwrap().iter().map(|run| run["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(numbers(&["--limit", "2"]), [3, 2]);
    assert_eq!(numbers(&["--target", "alpha"]), [2, 1]);
    assert_eq!(numbers(&["zfsdataset/home"]), [1]);
    assert_eq!(numbers(&["--source", "site", "ZfsDataset/vm"]), [2, 1]);
}

#[test]
fn one_run_is_shown_in_full() {
    let stored = stored();
    assert_eq!(
        stored.work.expect(0, &["history", "2"]).stdout,
        "Run 2 failed on alpha from site\n\
         \x20 woken by operator (ops), revision 3f2a9c1d77e0\n\
         \x20 2026-11-01T12:00:00Z to 2026-11-01T12:00:02Z\n\
         \n\
         \x20 ~ update ZfsDataset/vm  tank/vm  drift: failed\n\
         \x20     properties.quota             5 GiB → 10 GiB\n\
         \x20     zfs set: out of space\n\
         \x20     hint: free some\n\
         \n\
         \x20 $ zfs set quota=10737418240 tank/vm  exit 1\n"
    );
    stored.work.expect(0, &["history", "1"]).says(&[
        "+ create ZfsDataset/home",
        "manifest changed: applied",
        "exit 0",
    ]);
    assert_eq!(
        stored.work.expect(0, &["history", "3"]).stdout,
        "Run 3 interrupted on beta from site\n\
         \x20 woken by interval, revision 3f2a9c1d77e0\n\
         \x20 2026-11-01T13:00:00Z to 2026-11-01T13:00:02Z\n\
         \n\
         \x20 about to be sent before it was cut off; the last may or may not have happened:\n\
         \x20 2026-11-01T13:00:00Z  $ zfs set atime=off tank/scratch\n\
         \x20 2026-11-01T13:00:01Z  $ zfs set quota=10737418240 tank/scratch\n"
    );
    let json = stored.work.expect(0, &["history", "3", "-o", "json"]).json();
    assert_eq!(
        (&json["run"]["state"], &json["journal"][1]["target"]),
        (&"interrupted".into(), &"beta".into())
    );
}

#[test]
fn events_are_lines() {
    let stored = stored();
    assert_eq!(
        stored.work.expect(0, &["events"]).stdout,
        "2026-11-01T09:59:59Z RevisionInForce site: 3f2a9c1d77e0 is in force\n\
         2026-11-01T10:00:02Z Applied alpha ZfsDataset/vm: tank/vm: properties.atime on -> off\n\
         2026-11-01T11:30:00Z warning DriftFound alpha ZfsDataset/vm: tank/vm: properties.quota is 5 GiB\n"
    );
    let reasons = |args: &[&str]| -> Vec<String> {
        let json = stored.work.expect(0, &[&["events", "-o", "json"], args].concat()).json();
        let reason = |event: &Value| event["reason"].as_str().unwrap().to_owned();
        json["events"].as_array().unwrap().iter().map(reason).collect()
    };
    assert_eq!(reasons(&["--last", "1"]), ["DriftFound"]);
    assert_eq!(reasons(&["ZfsDataset/vm"]), ["Applied", "DriftFound"]);
    assert_eq!(reasons(&["--target", "beta"]), Vec::<String>::new());
    assert_eq!(reasons(&["--last", "0"]), Vec::<String>::new());
}

#[test]
fn diff_tells_what_became_different_and_which_run_did_it() {
    let stored = stored();
    let (from, to) = ("--at=2026-11-01T09:30:00Z", "--at=2026-11-01T14:00:00Z");
    let ran = stored.work.expect(2, &["diff", to, from]);
    assert_eq!(
        ran.stdout,
        "alpha\n\
         \x20 + created ZfsDataset/home  tank/home  (from site, seen 2026-11-01T10:00:02Z)  by run 1\n\
         \x20 - gone ZfsDataset/old  tank/old  (from site, seen 2026-11-01T12:30:00Z)\n\
         \x20 ~ changed ZfsDataset/vm  tank/vm  (from site, seen 2026-11-01T11:30:00Z)\n\
         \x20     properties.atime             on (default) → off  by run 1\n\
         \x20     properties.quota             10 GiB → 5 GiB\n\
         \n\
         beta\n\
         \x20 + first seen ZfsDataset/scratch  tank/scratch  (from site, seen 2026-11-01T12:00:00Z)\n\
         \n\
         From 2026-11-01T09:30:00Z to 2026-11-01T14:00:00Z: 1 object changed, 1 object created, 1 object gone, 1 object first seen.\n"
    );
    let json = stored.work.expect(2, &["diff", from, to, "ZfsDataset/vm", "-o", "json"]).json();
    assert_eq!((&json["formatVersion"], &json["from"]), (&1.into(), &"2026-11-01T09:30:00Z".into()));
    let found = json["differences"].as_array().unwrap();
    assert_eq!((found.len(), &found[0]["what"]), (1, &"changed".into()));
    let atime = &found[0]["fields"][0];
    assert_eq!(atime["path"], serde_json::json!(["properties", "atime"]));
    assert_eq!(
        (&atime["after"], &atime["beforeText"], &atime["run"]),
        (&"off".into(), &"on (default)".into(), &1.into())
    );
    assert!(found[0]["fields"][1]["run"].is_null(), "set by hand: {json:#}");
}

#[test]
fn diff_ends_with_0_where_nothing_differs_and_takes_spans_and_what_left_the_manifests() {
    let stored = stored();
    let same = ["diff", "--at=2026-11-01T12:45:00Z", "--at=2026-11-01T12:50:00Z"];
    stored.work.expect(0, &same).says(&["no difference."]);
    stored.work.expect(0, &["diff", "--at", "1s"]).says(&["no difference."]);
    // No resource of that name is known any more, but it was seen.
    let gone = ["diff", "--at=2026-11-01T09:30:00Z", "ZfsDataset/old"];
    stored.work.expect(2, &gone).says(&["- gone ZfsDataset/old"]);
}

#[test]
fn a_backup_of_the_store_is_a_store() {
    let stored = stored();
    stored.work.expect(0, &["store", "backup", "copy.db"]).says(&["saved: "]);
    std::fs::create_dir(stored.work.path().join("other")).unwrap();
    stored.work.write(
        "other/evenkeel.yaml",
        &std::fs::read_to_string(stored.work.path().join("evenkeel.yaml")).unwrap(),
    );
    std::fs::create_dir(stored.work.path().join("other/state")).unwrap();
    std::fs::rename(stored.work.path().join("copy.db"), stored.work.path().join("other/state/evenkeel.db"))
        .unwrap();
    let of = |config: &str| stored.work.expect(0, &["history", "--config", config]).stdout;
    assert_eq!(of("other/evenkeel.yaml"), of("evenkeel.yaml"));
}
