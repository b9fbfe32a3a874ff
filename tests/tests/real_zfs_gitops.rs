//! A push over SSH brings a real OpenZFS host to the new state, and a change by hand is found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use evenkeel_tests::evenkeel::Workdir;
use evenkeel_tests::gitops::{Followed, Serving};
use evenkeel_tests::on_each_version;
use evenkeel_tests::zfshost::ZfsHost;

fn dataset(name: &str, dataset: &str, properties: &str, more: &str) -> String {
    format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: ZfsDataset\nmetadata: {{ name: {name} }}\nspec: {{ target: host, \
         dataset: {dataset}, properties: {{ {properties} }}{more} }}\n"
    )
}

on_each_version!(a_push_reconciles_drift_is_reported_or_put_right_and_what_left_is_pruned);

fn a_push_reconciles_drift_is_reported_or_put_right_and_what_left_is_pruned(version: &str) {
    let host = ZfsHost::start(version);
    let tree = host.tree("gitops");
    let work = Workdir::new();
    let source = "onPush: { apply: Destructive }\ndrift: { every: 10s, mode: Report }\nprune: true";
    let followed = Followed::new(&work, source);
    let repository = &followed.repository;
    let get =
        |what: &str, of: &str| host.sh(&format!("zfs get -Hp -o value {what} {tree}{of}")).trim().to_owned();
    repository.write("host.yaml", &host.target("host", "root", ""));
    let correct = ", drift: { mode: Correct }";
    let top = |properties: &str| dataset("top", &tree, properties, "");
    let vm = |properties: &str| dataset("vm", &format!("{tree}/vm"), properties, correct);
    let old = dataset("old", &format!("{tree}/old"), "atime: off", "");
    repository.write("tree.yaml", &(top("atime: off") + &vm("compression: lz4") + &old));
    let (commit, _) = repository.push("first");
    let mut serving = Serving::start(&work, &["--config", "evenkeel.yaml"]);
    let line = serving.wait_for("RevisionInForce site");
    assert!(line.contains(&commit[..12]), "{line}");
    serving.wait_for("Applied host ZfsDataset/vm");
    assert_eq!((get("atime", ""), get("compression", "/vm")), ("off".into(), "lz4".into()));

    repository.write("tree.yaml", &(top("atime: off, quota: 200M") + &vm("compression: zstd-3") + &old));
    repository.push("second");
    serving.wait_for("RevisionInForce site");
    serving.wait_for("Applied host ZfsDataset/vm");
    assert_eq!((get("quota", ""), get("compression", "/vm")), ("209715200".into(), "zstd-3".into()));

    host.sh(&format!("zfs set atime=on {tree}"));
    // `zfs set` writes the property down and then mounts anew: a look between both finds the old value, as a temporary
    // one, and says that first.
    let line = serving.wait_for("atime is on");
    assert!(line.contains("DriftFound host ZfsDataset/top"), "{line}");
    assert!(line.contains("atime is on, shall be off; changed by root@real-"), "{line}");
    assert!(line.contains(&format!("(zfs set atime=on {tree})")), "{line}");
    assert_eq!(get("atime", ""), "on", "it is reported only");
    host.sh(&format!("zfs set compression=off {tree}/vm"));
    let line = serving.wait_for("DriftCorrected host ZfsDataset/vm");
    assert!(line.contains(&format!("(zfs set compression=off {tree}/vm)")), "{line}");
    assert_eq!(get("compression", "/vm"), "zstd-3");
    work.expect(2, &["status", "--config", "evenkeel.yaml"]).says(&["Drifted", "InSync"]);
    host.sh(&format!("zfs set atime=off {tree}"));
    serving.wait_for("InSync host ZfsDataset/top");

    repository.write("tree.yaml", &(top("atime: off, quota: 200M") + &vm("compression: zstd-3")));
    repository.push("old is not wanted any more");
    serving.wait_for("Pruned host ZfsDataset/old");
    assert_eq!(host.sh(&format!("zfs list -H -o name -r {tree}")), format!("{tree}\n{tree}/vm\n"));
    work.expect(0, &["status", "--config", "evenkeel.yaml"]);
    work.expect(0, &["history", "--config", "evenkeel.yaml"]).says(&["push", "interval"]);
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0), "{}", serving.said());
}
