//! The command line as people and scripts use it, against simulated hosts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use evenkeel_tests::evenkeel::{Ran, Workdir, program};
use evenkeel_tests::site::Site;
use serde_json::Value;

/// One host with four datasets and a manifest for each.
fn site() -> Site {
    let site = Site::of_one();
    let mut text = Site::dataset("vm", "tank/vm", "atime: off");
    for name in ["a", "b", "c"] {
        site.by_hand("host", &["zfs", "create", &format!("tank/{name}")]);
        text += &Site::dataset(name, &format!("tank/{name}"), "compression: lz4, quota: 10G");
    }
    site.work.write("d.yaml", &text);
    site
}

#[test]
fn plan_shows_the_difference_and_reads_only() {
    let site = site();
    let ran = site.work.expect(2, &["plan", "--show-commands", "--full"]);
    ran.says(&[
        "host ",
        "ssh root@127.0.0.1",
        "~ update ZfsDataset/vm",
        "on (default) → off",
        "none → 10 GiB",
        "Plan: 4 to update",
    ]);
    ran.says(&[
        "$ zfs set compression=lz4 quota=10737418240 tank/a tank/b tank/c",
        "$ zfs set atime=off tank/vm",
    ]);
    assert!(!ran.stdout.contains('\u{1b}'), "no colour where nobody sees it");
    assert_eq!(site.writes("host"), Vec::<String>::new());
}

#[test]
fn a_round_is_one_command_whatever_the_number_of_datasets() {
    let site = site();
    let before = site.lab.commands("host").len();
    site.work.expect(2, &["plan"]);
    assert_eq!(site.lab.commands("host").len() - before, 1);
}

#[test]
fn json_is_one_document_with_a_version() {
    let site = site();
    let plan = site.work.expect(2, &["plan", "--output", "json"]).json();
    assert_eq!((plan["formatVersion"].as_u64(), plan["summary"]["update"].as_u64()), (Some(1), Some(4)));
    let fields = plan["changes"][0]["fields"].as_array().unwrap();
    assert!(fields.iter().all(|f| f["path"].is_array() && f["beforeText"].is_string()), "{plan:#}");
    let run = site.work.expect(0, &["apply", "--auto-approve", "--output", "json"]).json();
    assert_eq!((run["formatVersion"].as_u64(), run["summary"]["applied"].as_u64()), (Some(1), Some(4)));
    let status = site.work.expect(0, &["status", "-o", "json"]).json();
    let ready = |r: &Value| r["conditions"][0]["type"] == "Ready" && r["conditions"][0]["status"] == "True";
    assert!(status["resources"].as_array().unwrap().iter().all(ready), "{status:#}");
    let valid = site.work.expect(0, &["validate", "-o", "json"]).json();
    assert_eq!((valid["valid"].as_bool(), valid["instances"].as_u64()), (Some(true), Some(4)));
    assert!(site.work.expect(0, &["version", "-o", "json"]).json()["version"].is_string());
}

#[test]
fn a_script_gets_one_document_also_for_errors() {
    let site = site();
    site.work.write(".bad/d.yaml", &Site::dataset("x", "tank/x", "atime: perhaps"));
    std::fs::copy(site.work.path().join("targets.yaml"), site.work.path().join(".bad/targets.yaml")).unwrap();
    for command in ["plan", "apply", "status"] {
        let json = site.work.expect(1, &[command, ".bad", "-o", "json"]).json();
        assert_eq!(json["formatVersion"].as_u64(), Some(1), "{json:#}");
        assert!(json["error"]["message"].as_str().unwrap().contains("the manifests have errors"), "{json:#}");
        assert_eq!(json["error"]["diagnostics"][0]["line"].as_u64(), Some(5), "{json:#}");
    }
    for args in [
        ["plan", "nowhere"],
        ["apply", "d.yaml"],
        ["validate", "ZfsDataset/nobody"],
        ["plan", "--out=nowhere/plan.json"],
        ["import", "nobody"],
        ["explain", "Nothing"],
    ] {
        let json = site.work.expect(1, &[&args[..], &["-o", "json"]].concat()).json();
        assert!(json["error"]["message"].is_string(), "{args:?}: {json:#}");
    }
}

#[test]
fn drift_is_found_and_put_back_and_only_what_differs_is_sent() {
    let site = site();
    site.work.expect(0, &["apply", "--auto-approve"]);
    site.by_hand("host", &["zfs", "set", "quota=1G", "tank/b"]);
    let before = site.writes("host").len();
    site.work.expect(2, &["status"]).says(&["Drifted", "properties.quota"]);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["1 applied", "3 unchanged", "1 command sent"]);
    assert_eq!(site.writes("host")[before..], ["zfs set quota=10737418240 tank/b"]);
}

#[test]
fn a_part_is_selected_by_name_label_and_target() {
    let site = site();
    let more = Site::dataset("labelled", "tank", "atime: off")
        .replace("name: labelled", "name: labelled, labels: { tier: gold }");
    site.work.write("more.yaml", &more);
    let updates = |args: &[&str]| {
        let args = [&["plan", "-o", "json"], args].concat();
        site.work.run(&args).json()["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["id"]["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(updates(&["zfsdataset/a", "ZfsDataset/b"]), ["a", "b"]);
    assert_eq!(updates(&["-l", "tier=gold"]), ["labelled"]);
    assert_eq!(updates(&["--target", "host"]).len(), 5);
    site.work.expect(1, &["plan", "-l", "tier=bronze"]).says(&["nothing matches"]);
}

#[test]
fn a_saved_plan_is_applied_as_it_was_shown_or_not_at_all() {
    let site = site();
    site.work.expect(2, &["plan", "--out", "plan.json"]).says(&["saved", "evenkeel apply plan.json"]);
    site.work.write("d.yaml", &Site::dataset("vm", "tank/vm", "atime: on"));
    site.by_hand("host", &["zfs", "set", "compression=gzip", "tank/c"]);
    let ran = site.work.expect(1, &["apply", "plan.json", "--auto-approve"]);
    ran.says(&["3 applied", "1 stale", "properties.compression", "plan again"]);
    let got = site
        .lab
        .with_host("host", |h| h.run(&["zfs", "get", "-Hp", "-o", "value", "atime", "tank/vm"]))
        .unwrap();
    assert_eq!(got.stdout, b"off\n", "the plan carries its manifests");
    site.work.write("broken.json", "{ \"formatVersion\": 7 }");
    site.work.expect(1, &["apply", "broken.json"]).says(&["format version 7", "plan again"]);
}

#[test]
fn outside_of_its_window_what_interrupts_is_held_whatever_is_allowed() {
    let site = Site::of_one();
    let dataset = |window: &str| {
        let spec = format!("dataset: tank/vm, properties: {{ atime: off, readonly: on }}, window: {window}");
        Site::resource("ZfsDataset", "vm", &spec)
    };
    site.work.write("d.yaml", &dataset("{ calendar: 2199-01-01 22:00, timeZone: Asia/Tokyo, duration: 4h }"));
    let why = "outside of its window: the next opens Tue 2199-01-01 22:00 JST (in ";
    site.work.expect(2, &["plan", "--allow", "destructive"]).says(&[why, "1 held"]);
    site.work.expect(2, &["apply", "--auto-approve", "--allow", "destructive"]).says(&[why]);
    assert_eq!(site.writes("host"), Vec::<String>::new());
    site.work.write("d.yaml", &dataset("{ every: 1d, timeZone: Asia/Tokyo, duration: 25h }"));
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    assert_eq!(site.writes("host").len(), 1);
}

/// The manifests in the first block of a page of the documentation.
fn manifests_of(page: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let (_, block) = text.split_once("```yaml\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn windows_of_their_own_hold_what_they_select_and_those_of_the_document_are_right() {
    let site = Site::of_one();
    let target = "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: s, labels: { role: storage } }\nspec: { local: {} }\n---\n";
    site.work.write("windows.yaml", &format!("{target}{}", manifests_of("windows.md")));
    assert_eq!(site.work.expect(0, &["validate"]).stderr, "", "no warnings");
    site.work
        .write("d.yaml", &Site::resource("ZfsDataset", "vm", "dataset: tank/vm, properties: { atime: off }"));
    let freeze = |zone: &str| {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: MaintenanceWindow\nmetadata: {{ name: freeze }}\nspec: {{ effect: Deny, appliesTo: All, every: 1d, timeZone: {zone}, duration: 25h, reason: closed }}\n"
        )
    };
    site.work.write("windows.yaml", &freeze("Asia/Tokio"));
    site.work.expect(1, &["validate"]).says(&["windows.yaml:4:", "the time zone `Asia/Tokio` is not known"]);
    site.work.write("windows.yaml", &freeze("Asia/Tokyo"));
    let why = "denied by the window freeze (windows.yaml:1:1) until ";
    site.work.expect(2, &["plan"]).says(&[why, ": closed", "1 held"]);
    site.work.expect(2, &["apply", "--auto-approve"]).says(&[why]);
    assert_eq!(site.writes("host"), Vec::<String>::new());
    site.work.write("windows.yaml", &freeze("Asia/Tokyo").replace("spec: {", "spec: { kinds: [ZfsPool],"));
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
}

#[test]
fn a_saved_plan_takes_no_selection_and_no_company() {
    let site = site();
    site.work.expect(2, &["plan", "--out", "plan.json"]);
    for more in
        [&["-l", "a=b"][..], &["--target", "host"], &["d.yaml"], &["ZfsDataset/a"], &["--values", "v"]]
    {
        let ran = site.work.expect(1, &[&["apply", "plan.json", "--auto-approve"], more].concat());
        ran.says(&["plan.json is a saved plan", "hint:"]);
    }
    let ran = site.work.expect(1, &["apply", "plan.json", "--auto-approve", "--allow", "destructive"]);
    ran.says(&["another `--allow`"]);
    site.work.expect(1, &["plan", "--out", "nowhere/plan.json"]).says(&["its folder does not exist"]);
    site.work.expect(0, &["apply", "plan.json", "--auto-approve"]).says(&["4 applied"]);
}

#[test]
fn one_run_is_enough_below_a_parent_that_changes_too() {
    let site = Site::of_one();
    site.by_hand("host", &["zfs", "create", "tank/vm/a"]);
    site.by_hand("host", &["zfs", "create", "tank/vm/b"]);
    let spec =
        "dataset: tank/vm/a, properties: { compression: zstd, atime: off }, dependsOn: [ZfsDataset/vm]";
    let text = Site::dataset("vm", "tank/vm", "compression: gzip, atime: off")
        + &Site::resource("ZfsDataset", "a", spec)
        + &Site::dataset("b", "tank/vm/b", "atime: on");
    site.work.write("d.yaml", &text);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["3 applied"]);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
    site.work.expect(0, &["plan"]).says(&["nothing to do, 3 unchanged"]);
}

#[test]
fn two_names_of_one_machine_do_not_prune_each_others_objects() {
    let site = Site::of_one();
    let target = std::fs::read_to_string(site.work.path().join("targets.yaml")).unwrap();
    let target = target.replace("spec:", "spec:\n  prune: true");
    let twin = target.replace("name: host", "name: twin");
    site.work.write("targets.yaml", &format!("{target}---\n{twin}"));
    let text = Site::dataset("a", "tank/a", "atime: off")
        + &Site::dataset("b", "tank/b", "atime: off").replace("target: host", "target: twin");
    site.work.write("d.yaml", &text);
    site.work.expect(0, &["apply", "--auto-approve"]);
    site.work.expect(0, &["plan", "--allow", "destructive"]).says(&["nothing to do, 2 unchanged"]);
}

#[test]
fn the_same_trouble_is_shown_once_and_not_again_by_apply() {
    let site = site();
    let text = std::fs::read_to_string(site.work.path().join("targets.yaml")).unwrap();
    let port = text.lines().find(|l| l.contains("port:")).unwrap().to_owned();
    site.work.write("targets.yaml", &text.replace(&port, "    port: 1"));
    let ran = site.work.expect(1, &["apply", "--auto-approve"]);
    ran.says(&["? unknown 4 ZfsDataset", "as shown above", "4 unknown"]);
    assert_eq!(ran.stdout.matches("cannot be reached").count(), 1, "{ran:?}");
}

#[test]
fn what_a_host_says_does_not_steer_the_terminal() {
    let site = Site::of_one();
    site.by_hand("host", &["zfs", "set", "com.acme:note=a\u{1b}[2K\u{1b}[8mb", "tank/vm"]);
    site.work.write("d.yaml", &Site::dataset("vm", "tank/vm", "\"com.acme:note\": c"));
    let ran = site.work.expect(2, &["plan", "--color", "always"]);
    ran.says(&["a\\u{1b}[2K\\u{1b}[8mb"]);
    assert!(!ran.stdout.contains("\u{1b}[2K") && !ran.stdout.contains("\u{1b}[8m"), "{ran:?}");
}

#[test]
fn a_dependency_outside_of_the_selection_is_named() {
    let site = site();
    let spec = "dataset: tank, properties: { atime: off }, dependsOn: [ZfsDataset/a, ZfsDataset/b]";
    site.work.write("more.yaml", &Site::resource("ZfsDataset", "late", spec));
    let ran = site.work.expect(2, &["plan", "ZfsDataset/late", "ZfsDataset/b"]);
    ran.says(&["depends on ZfsDataset/a, not selected"]);
    assert!(!site.work.expect(2, &["plan"]).stderr.contains("not selected"));
}

#[test]
fn a_recording_gives_the_same_plan_without_the_host() {
    let site = site();
    let seen = site.work.expect(2, &["plan", "--record", "rec"]).stdout;
    let elsewhere = Workdir::new();
    for name in ["targets.yaml", "d.yaml"] {
        std::fs::copy(site.work.path().join(name), elsewhere.path().join(name)).unwrap();
    }
    let recording = site.work.path().join("rec");
    let recording = recording.to_str().unwrap().to_owned();
    drop(site.lab);
    assert_eq!(elsewhere.expect(2, &["plan", "--replay", &recording]).stdout, seen);
    let text = Site::dataset("new", "tank/other", "atime: off");
    elsewhere.write("d.yaml", &text);
    elsewhere.expect(1, &["plan", "--replay", &recording]).says(&["record"]);
}

#[test]
fn import_writes_manifests_that_leave_the_host_as_it_is() {
    let site = site();
    site.by_hand("host", &["zfs", "set", "com.acme:note=${x} off: 'q' \"d\"", "tank/a"]);
    site.by_hand("host", &["zfs", "create", "-s", "-V", "64M", "tank/disk"]);
    site.by_hand("host", &["zfs", "set", "atime=on", "tank/vm"]);
    site.work.write("d.yaml", &Site::dataset("vm", "tank/vm", "atime: on"));
    let ran = site.work.expect(0, &["import", "host"]);
    ran.says(&["dataset: tank/disk", "left out: 1 object"]);
    site.work.write("imported.yaml", &ran.stdout);
    site.work.expect(0, &["plan"]).says(&["nothing to do"]);
    let json = site.work.expect(0, &["import", "host", "-o", "json", "--kind", "ZfsPool"]).json();
    assert_eq!(json["manifests"].as_array().unwrap().len(), 0, "imported above");
    site.work.expect(1, &["import", "nobody"]).says(&["no target `nobody`", "known targets: host"]);
    site.work.expect(1, &["import", "host", "--kind", "Zfs"]).says(&["no kind `Zfs`", "ZfsDataset"]);
}

#[test]
fn explain_and_schema_come_from_the_types() {
    let work = Workdir::new();
    work.expect(0, &["explain"]).says(&["Target", "ZfsDataset", "ZfsPool"]);
    work.expect(0, &["explain", "zfsdataset"]).says(&[
        "dataset <text> (required)",
        "properties",
        "targetSelector",
    ]);
    work.expect(0, &["explain", "Target.spec.ssh.hostKeyChecking"]).says(&["strict | accept-new"]);
    work.expect(0, &["explain", "ZfsDataset.accept.dataLoss"]).says(&["reason", "until"]);
    work.expect(1, &["explain", "ZfsDataset.nothing"]).says(&["no field `nothing`", "hint:"]);
    work.expect(1, &["explain", "Nothing"]).says(&["no kind `Nothing`", "ZfsDataset"]);
    work.expect(0, &["schema", "--dir", "s"]);
    let schema = std::fs::read_to_string(work.path().join("s/manifest.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&schema).unwrap()["$defs"]["ZfsDatasetManifest"].is_object());
    work.expect(0, &["completions", "bash"]).says(&["_evenkeel"]);
    work.expect(0, &["version"]).says(&["evenkeel 0."]);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let site = site();
    let mut child =
        site.work.command(&["plan", "--full"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Runs `evenkeel ARGS` on a terminal (of `script`, which every Debian has) and types `input` when it asks.
fn on_a_terminal(site: &Site, args: &str, input: &str) -> Ran {
    let line = format!("{} {args}", program("evenkeel").display());
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .current_dir(site.work.path())
        .env("HOME", site.work.path())
        .env("TERM", "xterm");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("script (apt-get install bsdutils)");
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut said = Vec::new();
    let mut byte = [0];
    while stdout.read(&mut byte).unwrap() == 1 {
        said.push(byte[0]);
        if said.ends_with(b"is taken: ") {
            stdin.write_all(input.as_bytes()).unwrap();
        }
    }
    let mut output = child.wait_with_output().unwrap();
    output.stdout = said;
    Ran::of(&output)
}

#[test]
fn apply_asks_and_takes_only_yes() {
    let site = site();
    let before = site.writes("host").len();
    let ran = on_a_terminal(&site, "apply", "y\n");
    ran.says(&["Only `yes` is taken", "not applied; nothing was sent"]);
    assert_eq!((ran.code, site.writes("host").len()), (2, before));
    let ran = on_a_terminal(&site, "apply", "\u{3}");
    ran.says(&["not applied; nothing was sent"]);
    assert_eq!((ran.code, site.writes("host").len()), (130, before), "Ctrl-C is an answer");
    let ran = on_a_terminal(&site, "apply", "yes\n");
    ran.says(&["4 applied", "\u{1b}["]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn ctrl_c_and_a_wish_to_end_stop_after_the_step_in_flight_and_say_what_was_done() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        stopped_by(signal);
    }
}

fn stopped_by(signal: &str) {
    let site = Site::of_one();
    let mut text = String::new();
    for n in 0..60 {
        site.by_hand("host", &["zfs", "create", &format!("tank/n{n}")]);
        text += &Site::dataset(&format!("n{n}"), &format!("tank/n{n}"), &format!("quota: {}M", n + 100));
    }
    site.work.write("d.yaml", &text);
    let before = site.writes("host").len();
    let child = site
        .work
        .command(&["apply", "--auto-approve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Each step takes a while, so that the signal comes between two of them however busy the machine is.
    site.lab.slow_down("host", Duration::from_millis(250));
    let begin = Instant::now();
    while site.writes("host").len() == before {
        assert!(begin.elapsed() < Duration::from_mins(1), "nothing was sent");
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let ran = Ran::of(&child.wait_with_output().unwrap());
    site.lab.slow_down("host", Duration::ZERO);
    let sent = site.writes("host").len() - before;
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(sent < 60, "it went on to the end");
    ran.says(&[
        "stopping after the step in flight",
        "Stopped:",
        &format!("{sent} applied"),
        &format!("{} not sent", 60 - sent),
    ]);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&[&format!("{} applied", 60 - sent)]);
}
