//! A first-time operator's first day: the example configuration, the doctor, a repository, a risky change that is held,
//! approved from a terminal, and afterwards who, what, when and why. The package itself is tried by `packaging/test`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use evenkeel_tests::gitops::{Followed, Serving};
use evenkeel_tests::site::Site;

const CONFIG: [&str; 2] = ["--config", "evenkeel.yaml"];

#[test]
fn the_example_configuration_of_the_package_is_valid() {
    let text = include_str!("../../packaging/evenkeel.yaml");
    let work = evenkeel_tests::evenkeel::Workdir::new();
    work.write("evenkeel.yaml", text);
    work.expect(0, &["validate", "--config", "evenkeel.yaml"]);
    // And so is what stands in its comments, once the `#` are taken away.
    let lines = text.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).skip(2);
    let all: String = lines.map(|line| line.replacen("  # ", "  ", 1) + "\n").collect();
    let all = all
        .replace("One folder per credential", "# One folder per credential")
        .replace("Health, metrics", "# Health, metrics")
        .replace("Nothing is sent at first", "# Nothing is sent at first");
    work.write("evenkeel.yaml", &all);
    work.expect(0, &["validate", "--config", "evenkeel.yaml"]).says(&["1 source"]);
}

#[test]
fn a_risky_change_is_held_approved_and_accounted_for() {
    let site = Site::of_one();
    let followed = Followed::new(&site.work, "onPush: { apply: Safe }");
    let repository = &followed.repository;
    repository.write("targets.yaml", &site.lab.manifests());
    repository.write("vm.yaml", &Site::dataset("vm", "tank/vm", "atime: off"));
    repository.commit("no access times", &[]);
    repository.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let run = |code: i32, args: &[&str]| site.work.expect(code, &[args, &CONFIG[..]].concat());

    // Before the first start: the state directory is not there yet, and that is all.
    let doctor = run(2, &["doctor"]);
    doctor.says(&[
        "source site: ",
        "can be fetched",
        "target host: answers",
        "its clock agrees",
        "checks: 1 warning",
    ]);
    let mut serving = Serving::start(&site.work, &CONFIG);
    serving.wait_for("Applied host ZfsDataset/vm");
    run(0, &["doctor"]).says(&["checks: all well"]);

    repository.write("vm.yaml", &Site::dataset("vm", "tank/vm", "atime: off, readonly: \"on\""));
    let (commit, _) = repository.push("freeze it for the audit");
    serving.wait_for("Held");
    run(2, &["approvals"]).says(&["ZfsDataset/vm", "readonly=on is disruptive"]);
    let readonly = |value: &str| {
        let get = ["zfs", "get", "-H", "-o", "value", "readonly", "tank/vm"];
        let output = site.lab.with_host("host", |host| host.run(&get)).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), value);
    };
    readonly("off");
    run(0, &["approve", "ZfsDataset/vm", "--reason", "the audit begins tonight", "--auto-approve"]);
    serving.wait_for("Applied host ZfsDataset/vm");
    readonly("on");

    let short = &commit[..12];
    run(0, &["why", "host/ZfsDataset/vm.properties.readonly"]).says(&[
        "vm.yaml:",
        short,
        "freeze it for the audit",
        "approved",
        "the audit begins tonight",
        "zfs set",
        "readonly=on",
    ]);
    run(0, &["audit", "show", "ZfsDataset/vm"]).says(&[
        "approved by",
        "the audit begins tonight",
        "readonly=on",
        short,
    ]);
    run(0, &["audit", "verify"]);
    let user =
        String::from_utf8(std::process::Command::new("id").arg("-u").output().unwrap().stdout).unwrap();
    run(0, &["approvals"]).says(&["approved and sent", &format!("local user {}", user.trim())]);
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
}
