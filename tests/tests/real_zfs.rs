//! Evenkeel against real OpenZFS hosts over real OpenSSH, as a user runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use evenkeel_tests::evenkeel::Workdir;
use evenkeel_tests::on_each_version;
use evenkeel_tests::zfshost::ZfsHost;

fn dataset(name: &str, dataset: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: ZfsDataset\nmetadata: {{ name: {name} }}\nspec:\n  target: host\n  \
         dataset: {dataset}\n{spec}\n"
    )
}

on_each_version!(
    a_pool_is_brought_to_the_manifests_kept_there_and_imported,
    datasets_and_volumes_are_created_with_what_is_fixed_at_creation,
    sudo_is_used_and_a_missing_password_is_said,
    what_the_host_refuses_is_shown_in_its_own_words,
    a_dataset_renamed_under_a_saved_plan_is_refused,
    pruning_destroys_what_is_ours_and_nothing_with_snapshots,
    pool_properties_are_kept_and_pools_never_created,
);

fn a_pool_is_brought_to_the_manifests_kept_there_and_imported(version: &str) {
    let host = ZfsHost::start(version);
    let tree = host.tree("converge");
    host.sh(&format!("zfs create {tree}/vm && zfs set sync=always {tree}/vm"));
    let work = Workdir::new();
    work.write("target.yaml", &host.target("host", "root", ""));
    let accept = "  accept: { dataLoss: { of: sync=disabled, reason: tests, until: 2099-01-01 } }";
    let first = "  properties: { sync: disabled, atime: off, com.acme:owner: \"it's ours\" }\n";
    work.write(
        "d.yaml",
        &(dataset("top", &tree, &format!("{first}{accept}"))
            + &dataset(
                "vm",
                &format!("{tree}/vm"),
                "  properties: { quota: 100M, refquota: none, sync: inherit, compress: zstd-3 }",
            )),
    );
    work.expect(0, &["validate"]);
    work.expect(2, &["plan", "--show-commands"]).says(&[
        "2 to update",
        "sync=disabled",
        "standard",
        "zfs set",
    ]);
    work.expect(0, &["apply", "--auto-approve"]).says(&["2 applied"]);
    let get = |what: &str, of: &str| host.sh(&format!("zfs get -Hp -o value {what} {tree}{of}"));
    assert_eq!(get("sync,atime,com.acme:owner", ""), "disabled\noff\nit's ours\n");
    assert_eq!(get("quota,refquota,sync,compression", "/vm"), "104857600\n0\ndisabled\nzstd-3\n");
    work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
    host.sh(&format!("zfs set atime=on {tree}"));
    work.expect(2, &["plan"]).says(&["1 to update", "atime", "on → off"]);
    work.expect(0, &["apply", "--auto-approve"]).says(&["1 applied"]);
    assert_eq!(get("atime", ""), "off\n");
    let imported = Workdir::new();
    imported.write("target.yaml", &host.target("host", "root", ""));
    let yaml = imported.expect(0, &["import", "host"]).stdout;
    assert!(yaml.contains(&format!("dataset: {tree}/vm")), "{yaml}");
    imported.write("imported.yaml", &yaml);
    imported.expect(0, &["plan"]).says(&["nothing to do"]);
}

fn datasets_and_volumes_are_created_with_what_is_fixed_at_creation(version: &str) {
    let host = ZfsHost::start(version);
    let tree = host.tree("create");
    let work = Workdir::new();
    work.write("target.yaml", &host.target("host", "root", ""));
    work.write(
        "d.yaml",
        &(dataset(
            "fs",
            &format!("{tree}/fs"),
            "  properties: { casesensitivity: insensitive, mountpoint: /srv/日本 }",
        ) + &dataset("inner", &format!("{tree}/fs/inner"), "  properties: { recordsize: 1M }")
            + &dataset(
                "vol",
                &format!("{tree}/vol"),
                "  sparse: true\n  properties: { volsize: 16M, volblocksize: 8K }",
            )),
    );
    work.expect(0, &["apply", "--auto-approve"]).says(&["3 applied"]);
    let got = host.sh(&format!(
        "zfs get -Hp -o value casesensitivity,mountpoint,dev.evenkeel:managed-by {tree}/fs; zfs get -Hp -o value volsize,volblocksize,refreservation {tree}/vol"
    ));
    assert_eq!(host.sh(&format!("zfs get -Hp -o value mounted {tree}/fs")), "yes\n");
    assert_eq!(got, "insensitive\n/srv/日本\nevenkeel\n16777216\n8192\n0\n");
    work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
    work.write("d.yaml", &dataset("fs", &format!("{tree}/nowhere/fs"), ""));
    work.expect(1, &["plan"]).says(&[&format!("{tree}/nowhere does not exist"), "hint: add a ZfsDataset"]);
}

fn sudo_is_used_and_a_missing_password_is_said(version: &str) {
    let host = ZfsHost::start(version);
    let tree = host.tree("sudo");
    let work = Workdir::new();
    work.write("d.yaml", &dataset("d", &tree, "  properties: { atime: off }"));
    work.write("target.yaml", &host.target("host", "pwops", ", become: sudo"));
    work.expect(1, &["plan"]).says(&["sudo", "password", "hint:", "becomePassword"]);
    work.write("target.yaml", &host.target("host", "pwops", ", become: sudo, credentialsRef: pw"));
    let secret = work.write(".config/evenkeel/credentials/pw/becomePassword", "evenkeel-test\n");
    work.expect(1, &["plan"]).says(&["becomePassword", "chmod"]);
    let only_me = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(secret, only_me).unwrap();
    work.expect(0, &["apply", "--auto-approve"]).says(&["1 applied"]);
    work.write("target.yaml", &host.target("host", "ops", ", become: sudo"));
    host.sh(&format!("zfs inherit atime {tree}"));
    work.expect(0, &["apply", "--auto-approve"]).says(&["1 applied"]);
    assert_eq!(host.sh(&format!("zfs get -Hp -o value atime {tree}")), "off\n");
}

fn what_the_host_refuses_is_shown_in_its_own_words(version: &str) {
    let host = ZfsHost::start(version);
    let tree = host.tree("refused");
    host.sh(&format!("dd if=/dev/urandom of=/{tree}/f bs=1M count=4 2>/dev/null; sync; zpool sync tank"));
    let work = Workdir::new();
    work.write("target.yaml", &host.target("host", "root", ""));
    work.write("d.yaml", &dataset("d", &tree, "  properties: { quota: 1M }"));
    work.expect(1, &["apply", "--auto-approve"])
        .says(&["1 failed", "size is less than current used or reserved space"]);
    work.write("d.yaml", &dataset("d", &format!("{tree}/full"), "  properties: { reservation: 10T }"));
    work.expect(1, &["apply", "--auto-approve"]).says(&["1 failed", "out of space"]);
    work.write("d.yaml", &dataset("d", &tree, "  properties: { atiem: off }"));
    work.expect(1, &["plan"]).says(&["atiem", "did you mean `atime`?", "d.yaml:"]);
    if version == "2.1" {
        work.write("d.yaml", &dataset("d", &tree, "  properties: { prefetch: none }"));
        work.expect(1, &["plan"]).says(&["prefetch", "d.yaml:"]);
    }
}

fn a_dataset_renamed_under_a_saved_plan_is_refused(version: &str) {
    let host = ZfsHost::start(version);
    let tree = host.tree("renamed");
    host.sh(&format!("zfs create {tree}/a; zfs create {tree}/b"));
    let work = Workdir::new();
    work.write("target.yaml", &host.target("host", "root", ""));
    work.write(
        "d.yaml",
        &(dataset("a", &format!("{tree}/a"), "  properties: { recordsize: 1M }")
            + &dataset("b", &format!("{tree}/b"), "  properties: { recordsize: 1M }")),
    );
    work.expect(2, &["plan", "--out", "p.json"]);
    host.sh(&format!("zfs rename {tree}/a {tree}/c; zfs set recordsize=64K {tree}/b"));
    let says = ["2 stale", "renamed/a is gone", "properties.recordsize", "nothing was sent", "plan again"];
    work.expect(1, &["apply", "p.json", "--auto-approve"]).says(&says);
    assert_eq!(host.sh(&format!("zfs get -Hp -o value recordsize {tree}/b {tree}/c")), "65536\n131072\n");
}

fn pruning_destroys_what_is_ours_and_nothing_with_snapshots(version: &str) {
    let host = ZfsHost::start(version);
    let tree = host.tree("prune");
    host.sh(&format!("zfs create {tree}/theirs"));
    let work = Workdir::new();
    let target = host.target("host", "root", "") + "  prune: true\n  owner: prune-test\n";
    work.write("target.yaml", &target);
    let all = ["a", "b", "c"].map(|n| dataset(n, &format!("{tree}/{n}"), ""));
    work.write("d.yaml", &all.concat());
    work.expect(0, &["apply", "--auto-approve"]).says(&["3 applied"]);
    host.sh(&format!("zfs snapshot {tree}/b@keep"));
    work.write("d.yaml", &all[0]);
    work.expect(2, &["apply", "--auto-approve"]).says(&["destructive", "held", "nothing was sent"]);
    work.expect(2, &["apply", "--auto-approve", "--allow", "destructive"]).says(&["1 applied", "snapshot"]);
    assert_eq!(
        host.sh(&format!("zfs list -H -o name -r {tree}")),
        format!("{tree}\n{tree}/a\n{tree}/b\n{tree}/theirs\n")
    );
}

fn pool_properties_are_kept_and_pools_never_created(version: &str) {
    let host = ZfsHost::start(version);
    host.sh("zpool set autotrim=off tank; zpool set comment= tank");
    let work = Workdir::new();
    work.write("target.yaml", &host.target("host", "root", ""));
    let pool = |name: &str| {
        dataset(
            "pool",
            name,
            "  properties: { autotrim: on, autoexpand: off, comment: \"rack 3, it's ours\" }",
        )
        .replace("kind: ZfsDataset", "kind: ZfsPool")
        .replace("dataset: ", "pool: ")
    };
    work.write("d.yaml", &pool("tank"));
    work.expect(0, &["apply", "--auto-approve"]).says(&["1 applied"]);
    assert_eq!(host.sh("zpool get -Hp -o value autotrim,comment tank"), "on\nrack 3, it's ours\n");
    work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
    host.sh("zpool set autotrim=off tank");
    work.expect(2, &["plan"]).says(&["off → on"]);
    work.write("d.yaml", &pool("nopool"));
    work.expect(1, &["plan"]).says(&["nopool", "hint:", "never creates"]);
}
