//! The audit log and `why`, over real runs on the lab's hosts; and a store that is restored.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use evenkeel_tests::evenkeel::{Ran, Workdir};
use evenkeel_tests::gitops::{Followed, Serving};
use evenkeel_tests::site::Site;
use serde_json::Value;

/// A host of the lab, and a repository that a controller follows.
struct Scene {
    site: Site,
    followed: Followed,
}

impl Scene {
    fn new(source: &str) -> Self {
        let site = Site::of_one();
        let followed = Followed::new(&site.work, source);
        followed.repository.write("targets.yaml", &site.lab.manifests());
        Scene { site, followed }
    }

    /// Puts one dataset with these properties into the repository, and pushes that. Gives the commit.
    fn push(&self, properties: &str, message: &str) -> String {
        self.followed.repository.write("vm.yaml", &Site::dataset("vm", "tank/vm", properties));
        self.followed.repository.push(message).0
    }

    fn serve(&self) -> Serving {
        Serving::start(&self.site.work, &["--config", "evenkeel.yaml"])
    }

    fn expect(&self, code: i32, args: &[&str]) -> Ran {
        self.work().expect(code, &[args, &["--config", "evenkeel.yaml"]].concat())
    }

    fn work(&self) -> &Workdir {
        &self.site.work
    }

    fn store(&self) -> PathBuf {
        self.work().path().join("state/evenkeel.db")
    }

    fn head(&self) -> String {
        let verified = self.expect(0, &["audit", "verify", "--output", "json"]).json();
        verified["verified"]["head"].as_str().unwrap().to_owned()
    }
}

/// The fields of an account, by path.
fn field<'a>(why: &'a Value, path: &[&str]) -> &'a Value {
    let fields = why["why"]["fields"].as_array().unwrap();
    fields.iter().find(|field| field["path"] == serde_json::json!(path)).unwrap_or_else(|| panic!("{why:#}"))
}

#[test]
fn it_is_said_who_what_when_and_why() {
    let scene = Scene::new("drift: { every: 1h, mode: Correct }");
    let first = scene.push("atime: off", "vm: no atime");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");

    let why = scene.expect(0, &["why", "host/ZfsDataset/vm", "--output", "json"]).json();
    assert_eq!(why["why"]["changed"]["revision"]["id"], first.as_str());
    assert_eq!(why["why"]["changed"]["revision"]["subject"], "vm: no atime");
    let atime = field(&why, &["properties", "atime"]);
    assert_eq!((&atime["wanted"], &atime["location"]["file"]), (&"off".into(), &"vm.yaml".into()));
    let manifest = Site::dataset("vm", "tank/vm", "atime: off");
    let line = manifest.lines().position(|line| line.contains("atime")).unwrap() + 1;
    assert_eq!(atime["location"]["line"], line);
    let made = &atime["made"];
    assert_eq!((&made["trigger"], &made["intent"]), (&"push".into(), &"intentional".into()));
    assert_eq!(made["revision"]["author"], "Ada <ada@example.org>");
    assert_eq!(made["verdict"]["state"], "applied");
    let commands = made["commands"].as_array().unwrap();
    assert!(commands.iter().any(|c| c["command"].as_str().unwrap().contains("atime=off")), "{commands:?}");
    assert!(commands.iter().all(|c| c["exit"] == 0), "{commands:?}");

    // Another value, by a person's hand: put right, and told.
    scene.site.by_hand("host", &["zfs", "set", "atime=on", "tank/vm"]);
    scene.expect(0, &["reconcile", "--now", "--target", "host"]);
    serving.wait_for("DriftCorrected host ZfsDataset/vm");
    let why = scene.expect(0, &["why", "vm.atime", "--output", "json"]).json();
    let made = &field(&why, &["properties", "atime"])["made"];
    assert_eq!((&made["intent"], &made["trigger"]), (&"corrective".into(), &"operator".into()));
    assert_eq!((&made["before"], &made["after"]), (&"on".into(), &"off".into()));
    assert_eq!(made["commands"][0]["command"], "zfs set atime=off tank/vm");
    assert_eq!(field(&why, &["properties", "atime"])["earlier"][0]["intent"], "intentional");
    scene.expect(0, &["why", "ZfsDataset/vm.atime"]).says(&[
        "it had drifted: on → off",
        "zfs set atime=off tank/vm  exit 0",
        "woken by operator",
        "vm: no atime",
        &format!("vm.yaml:{line}:"),
    ]);
    scene.expect(1, &["why", "vm.atme"]).says(&["never wanted anything of `atme`"]);
    scene.expect(1, &["why", "host/ZfsDataset/wm"]).says(&["did you mean `host/ZfsDataset/vm`"]);
    scene.expect(0, &["audit", "show", "ZfsDataset/vm"]).says(&["$ zfs set atime=off tank/vm", "vm.yaml:"]);
    scene.expect(0, &["audit", "show"]).says(&[
        "asked for a look now",
        "started",
        "revision in force (vm: no atime)",
    ]);
    stop(serving);
}

#[test]
fn a_log_that_was_tampered_with_is_found() {
    let scene = Scene::new("");
    scene.push("atime: off", "first");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    // While the controller runs.
    let verified = scene.expect(0, &["audit", "verify"]);
    verified.says(&["whole:", "head:", "Keep the head elsewhere"]);
    let head = scene.head();
    let export = scene.expect(0, &["audit", "export"]).stdout;
    scene.work().write("log.jsonl", &export);
    stop(serving);

    let lines: Vec<&str> = export.lines().collect();
    assert!(lines.len() >= 4, "{export}");
    for line in &lines {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["entry"]["seq"].is_u64() && line["hash"].is_string(), "{line}");
    }
    let work = scene.work();
    work.expect(0, &["audit", "verify", "log.jsonl", "--expect", &head]).says(&["whole:"]);
    work.write("other.jsonl", &export.replacen("atime=off", "atime=on", 1));
    work.expect(1, &["audit", "verify", "other.jsonl"]).says(&["is not what was written"]);
    work.write("gap.jsonl", &[&lines[..1], &lines[2..]].concat().join("\n"));
    work.expect(1, &["audit", "verify", "gap.jsonl"]).says(&["entry 2 is missing"]);
    work.write("short.jsonl", &(lines[..2].join("\n") + "\n"));
    work.expect(0, &["audit", "verify", "short.jsonl"]);
    work.expect(1, &["audit", "verify", "short.jsonl", "--expect", &head]).says(&["cut off or written anew"]);
    work.write("part.jsonl", &lines[2..].join("\n"));
    work.expect(0, &["audit", "verify", "part.jsonl"]).says(&["It begins with entry 3"]);
    work.write("none.jsonl", "no log\n");
    work.expect(1, &["audit", "verify", "none.jsonl"]).says(&["line 1 is no entry"]);
    // By hand, as the documentation says.
    let script = fenced("python").concat();
    let by_hand = |file: &str| {
        let log = fs::File::open(work.path().join(file)).unwrap();
        Command::new("python3").args(["-c", &script]).stdin(log).output().expect("python3 is installed")
    };
    assert_eq!(String::from_utf8_lossy(&by_hand("log.jsonl").stdout).trim(), head);
    assert!(by_hand("part.jsonl").status.success());
    for file in ["other.jsonl", "gap.jsonl"] {
        assert!(!by_hand(file).status.success(), "{file}");
    }
    let since = scene.expect(0, &["audit", "export", "--since", "3"]).stdout;
    assert_eq!(since.lines().take(lines.len() - 2).collect::<Vec<_>>(), lines[2..]);

    // In the store itself, behind the back of the controller.
    scene.expect(0, &["store", "backup", "whole.db"]);
    let whole = fs::read(work.path().join("whole.db")).unwrap();
    put_back(&scene, &whole);
    for (sql, said) in [
        ("UPDATE audit SET record = replace(record, 'atime=off', 'atime=on')", "is not what was written"),
        ("UPDATE audit SET at = at + 1 WHERE seq = 2", "entry 2 is not what was written"),
        ("DELETE FROM audit WHERE seq = 2", "entry 2 is missing"),
        ("DELETE FROM audit", "has no entries"),
    ] {
        let done = sqlite(&scene, sql);
        assert!(done.status.success(), "{sql}: {done:?}");
        scene.expect(1, &["audit", "verify"]).says(&[said]);
        put_back(&scene, &whole);
    }
    assert!(sqlite(&scene, "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)").status.success());
    let last = scene.expect(0, &["audit", "verify", "--output", "json"]).json();
    assert_ne!(last["verified"]["head"], head.as_str());
    put_back(&scene, &whole);
    scene.expect(0, &["audit", "verify", "--expect", &head]);
}

/// The blocks of this language in the documentation.
fn fenced(language: &str) -> Vec<String> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/audit.md")).unwrap();
    let begin = format!("```{language}\n");
    page.split(&begin).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_documented_commands_are_such() {
    let work = Workdir::new();
    let blocks = fenced("sh").concat().replace("$(date +%F)", "today");
    let mut seen = 0;
    for line in blocks.lines().filter(|line| line.starts_with("evenkeel ")) {
        let command = line.split(['#', '|']).next().unwrap();
        let mut words: Vec<&str> = command.split_whitespace().skip(1).collect();
        words.push("--help");
        work.expect(0, &words);
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}

/// What somebody with the right to the file can do, past Evenkeel.
fn sqlite(scene: &Scene, sql: &str) -> Output {
    let script = "import sqlite3, sys\nstore = sqlite3.connect(sys.argv[1])\nstore.execute(sys.argv[2])\nstore.commit()\nstore.close()";
    Command::new("python3")
        .args(["-c", script])
        .arg(scene.store())
        .arg(sql)
        .output()
        .expect("python3 is installed")
}

/// The store as it was, without what others left beside it.
fn put_back(scene: &Scene, whole: &[u8]) {
    for beside in ["evenkeel.db-wal", "evenkeel.db-shm"] {
        let _ = fs::remove_file(scene.store().with_file_name(beside));
    }
    fs::write(scene.store(), whole).unwrap();
}

/// Ends the controller as an operator does.
fn stop(mut serving: Serving) {
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
}

#[test]
fn a_store_is_restored_and_nothing_is_sent_again() {
    let scene = Scene::new("");
    let leaving = scene.followed.repository.clone_path().join("gone.yaml");
    fs::write(&leaving, Site::dataset("gone", "tank", "compression: lz4")).unwrap();
    scene.push("atime: off", "first");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    scene.expect(0, &["store", "backup", "copy.db"]);
    fs::remove_file(leaving).unwrap();
    scene.push("atime: on", "second");
    serving.wait_for("Applied host ZfsDataset/vm");
    scene.expect(1, &["store", "restore", "copy.db"]).says(&["another controller runs"]);
    stop(serving);
    let head = scene.head();
    let writes = scene.site.writes("host").len();

    scene
        .expect(1, &["store", "restore", "nowhere.db"])
        .says(&["nothing was restored", "no store at nowhere.db"]);
    let restored = scene.expect(0, &["store", "restore", "copy.db"]);
    restored.says(&["restored: copy.db", "kept:", "before-restore-", "audit:    whole"]);
    scene.expect(1, &["audit", "verify", "--expect", &head]).says(&["cut off or written anew"]);
    scene.expect(0, &["audit", "show"]).says(&["restored from copy.db"]);

    // The older revision is not enforced, and nothing that was sent since is sent again.
    let mut serving = scene.serve();
    serving.wait_for("RevisionInForce site");
    scene.expect(0, &["reconcile", "--now", "--wait", "ZfsDataset/vm"]);
    assert_eq!(scene.site.writes("host").len(), writes);
    // What the copy knew and the revision in force does not want is not known any more.
    let status = scene.expect(0, &["status", "--output", "json"]).json();
    let names: Vec<&str> =
        status["resources"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["vm"]);
    scene.expect(0, &["audit", "verify"]);
    stop(serving);
}
