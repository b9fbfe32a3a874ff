//! What goes wrong ends in one clear message: what, where, why, and what to do; the right exit code; nothing sent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::time::Duration;

use evenkeel_lab::server::{Fault, KnownAs, LabTarget, Sudo};
use evenkeel_tests::site::Site;

fn site(change: impl FnOnce(&mut LabTarget)) -> Site {
    let mut target = Site::host();
    change(&mut target);
    let site = Site::with(vec![target]);
    site.work.write("d.yaml", &Site::dataset("vm", "tank/vm", "atime: off"));
    site
}

/// The target's manifest with `more` in its `ssh`.
fn with_ssh(site: &Site, more: &str) {
    let text = site.lab.manifests().replace("ssh:\n", &format!("ssh:\n    {more}\n"));
    assert!(text.contains(more), "{text}");
    site.work.write("targets.yaml", &text);
}

fn nothing_was_sent(site: &Site) {
    assert_eq!(site.writes("host"), Vec::<String>::new());
}

#[test]
fn a_wrong_key() {
    let site = site(|_| {});
    let other = Site::of_one();
    let text = site
        .lab
        .manifests()
        .replace(site.lab.client_key().to_str().unwrap(), other.lab.client_key().to_str().unwrap());
    site.work.write("targets.yaml", &text);
    site.work.expect(1, &["apply", "--auto-approve"]).says(&["host", "root@127.0.0.1", "hint:"]);
    site.work.expect(1, &["status", "--output", "json"]).says(&["AuthenticationFailed"]);
    nothing_was_sent(&site);
}

#[test]
fn an_unknown_host_key() {
    let site = site(|t| t.known_as = KnownAs::Nobody);
    site.work.expect(1, &["apply", "--auto-approve"]).says(&[
        "SHA256:",
        "known_hosts",
        "hint:",
        "accept-new",
    ]);
    nothing_was_sent(&site);
    with_ssh(&site, "hostKeyChecking: accept-new");
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["1 applied"]);
}

#[test]
fn a_changed_host_key_even_with_accept_new() {
    let site = site(|t| t.known_as = KnownAs::AnotherKey);
    with_ssh(&site, "hostKeyChecking: accept-new");
    site.work.expect(1, &["apply", "--auto-approve"]).says(&["changed", "SHA256:", "hint:", "ssh-keygen -R"]);
    nothing_was_sent(&site);
}

#[test]
fn sudo_that_wants_a_password() {
    let site = site(|t| t.sudo = Sudo::Password("secret-word".into()));
    with_ssh(&site, "become: sudo");
    site.work.expect(1, &["apply", "--auto-approve"]).says(&["sudo", "password", "hint:", "becomePassword"]);
    nothing_was_sent(&site);
    with_ssh(&site, "become: sudo\n    credentialsRef: ops");
    let ran = site
        .work
        .command(&["apply", "--auto-approve", "--show-commands"])
        .env("EVENKEEL_CRED_OPS_BECOMEPASSWORD", "wrong-word")
        .output()
        .unwrap();
    let all = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(all.contains("sudo") && !all.contains("wrong-word"), "{all}");
    let ran = site
        .work
        .command(&["apply", "--auto-approve", "--show-commands"])
        .env("EVENKEEL_CRED_OPS_BECOMEPASSWORD", "secret-word")
        .output()
        .unwrap();
    let all = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(all.contains("1 applied") && !all.contains("secret-word"), "{all}");
    assert!(!format!("{:?}", site.lab.commands("host")).contains("secret-word"));
}

#[test]
fn sudo_that_refuses() {
    let site = site(|t| t.sudo = Sudo::Refused);
    with_ssh(&site, "become: sudo");
    site.work.expect(1, &["plan"]).says(&["sudo", "hint:"]);
}

#[test]
fn a_host_that_is_down_stops_no_other() {
    let site = site(|_| {});
    let down = "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: down }\nspec: { ssh: { host: 127.0.0.1, port: 1, user: root } }\n";
    let on_down = Site::dataset("d", "tank/vm", "atime: off").replace("target: host", "target: down");
    site.work.write("down.yaml", &format!("{down}{on_down}"));
    let ran = site.work.expect(1, &["apply", "--auto-approve"]);
    ran.says(&["1 applied", "1 unknown", "127.0.0.1", "refused"]);
    assert_eq!(site.writes("host").len(), 1);
    site.work.expect(1, &["status"]).says(&["Unreachable", "InSync"]);
}

#[test]
fn a_host_that_hangs_mid_output() {
    let site = site(|_| {});
    with_ssh(&site, "commandTimeoutSeconds: 5");
    site.lab.inject("host", Fault::HangAfter(10));
    site.work.expect(1, &["apply", "--auto-approve"]).says(&["5 s", "hint:"]);
    nothing_was_sent(&site);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["1 applied"]);
}

#[test]
fn a_connection_lost_mid_output() {
    let site = site(|_| {});
    site.lab.inject("host", Fault::DropAfter(10));
    site.work.expect(1, &["plan", "--output", "json"]).says(&["ConnectionLost"]);
    nothing_was_sent(&site);
}

#[test]
fn a_slow_host_is_waited_for() {
    let site = site(|_| {});
    site.lab.inject("host", Fault::Delay(Duration::from_secs(1)));
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["1 applied"]);
}

#[test]
fn zfs_missing() {
    let site = site(|t| t.has_zfs = false);
    site.work.expect(1, &["plan"]).says(&["zfs", "not found", "install OpenZFS"]);
}

#[test]
fn a_dataset_missing_with_its_parent_missing() {
    let site = site(|_| {});
    site.work.write("d.yaml", &Site::dataset("deep", "tank/a/b/c", ""));
    site.work.expect(1, &["plan"]).says(&[
        "tank/a/b does not exist",
        "hint: add a ZfsDataset for tank/a/b",
        "d.yaml:",
    ]);
    site.work.write("d.yaml", &Site::dataset("deep", "nopool/a", ""));
    site.work.expect(1, &["plan"]).says(&["nopool", "not imported"]);
    nothing_was_sent(&site);
}

#[test]
fn a_property_unknown_to_this_version() {
    let mut target = Site::host();
    target.host = evenkeel_lab::zfs::ZfsHost::new(evenkeel_lab::zfs::Version::V2_1);
    target.host.add_pool("tank", 8 << 40);
    target.host.run(&["zfs", "create", "tank/vm"]);
    let site = Site::with(vec![target]);
    let both = Site::dataset("vm", "tank/vm", "prefetch: none") + &Site::dataset("top", "tank", "atime: off");
    site.work.write("d.yaml", &both);
    site.work.expect(1, &["apply", "--auto-approve"]).says(&[
        "prefetch",
        "d.yaml:",
        "1 applied",
        "1 unknown",
    ]);
    site.work.write("d.yaml", &Site::dataset("vm", "tank/vm", "compresion: lz4"));
    site.work.expect(1, &["plan"]).says(&["compresion", "did you mean `compression`?"]);
}

#[test]
fn an_invalid_value_offline_and_from_the_host() {
    let site = site(|_| {});
    site.work.write("d.yaml", &Site::dataset("vm", "tank/vm", "sync: maybe, recordsize: 3K, quota: 1Q"));
    site.work.expect(1, &["plan"]).says(&[
        "sync",
        "standard",
        "always",
        "disabled",
        "recordsize",
        "power of two",
        "quota",
        "3 errors",
    ]);
    site.lab.with_host("host", |host| host.write_data("tank/vm", 4 << 20));
    site.work.write("d.yaml", &Site::dataset("vm", "tank/vm", "quota: 1M"));
    site.work
        .expect(1, &["apply", "--auto-approve"])
        .says(&["size is less than current used or reserved space", "1 failed"]);
}

#[test]
fn a_full_pool() {
    let site = site(|_| {});
    site.work.write("d.yaml", &Site::dataset("big", "tank/big", "reservation: 100T"));
    site.work.expect(1, &["apply", "--auto-approve"]).says(&["out of space", "1 failed"]);
}

#[test]
fn two_manifests_that_claim_one_property() {
    let site = site(|_| {});
    site.work.write(
        "d.yaml",
        &(Site::dataset("a", "tank/vm", "atime: off") + &Site::dataset("b", "tank/vm", "atime: on")),
    );
    site.work.expect(1, &["validate"]).says(&["atime", "tank/vm", "d.yaml:5:", "ZfsDataset/a", "1 error"]);
    site.work.write(
        "d.yaml",
        &(Site::dataset("a", "tank/vm", "quota: 1G")
            + &Site::dataset("b", "tank/vm", "quota: 1073741824, atime: on")),
    );
    site.work.expect(0, &["validate"]);
}

#[test]
fn a_dataset_renamed_under_us() {
    let site = site(|_| {});
    site.work.expect(2, &["plan", "--out", "p.json"]);
    site.by_hand("host", &["zfs", "rename", "tank/vm", "tank/other"]);
    site.work.expect(1, &["apply", "p.json", "--auto-approve"]).says(&[
        "stale",
        "tank/vm is gone",
        "nothing was sent",
    ]);
}

#[test]
fn a_megabyte_of_garbage() {
    let site = site(|_| {});
    let mut garbage: Vec<u8> =
        (0..1_000_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    garbage.push(b'\n');
    site.lab.inject("host", Fault::Garbage(garbage));
    // Noise before the first frame is what login scripts print, and is read over: the plan is whole.
    let ran = site.work.expect(2, &["plan"]);
    ran.says(&["1 to update"]);
    assert!(ran.stdout.len() < 10_000, "the garbage is not shown");
    nothing_was_sent(&site);
}

#[test]
fn names_and_values_that_are_not_utf_8() {
    let site = site(|_| {});
    let mut odd = b"tank/vm\tatime\t\xff\xfe\tlocal\n".to_vec();
    odd.insert(0, b'\n');
    site.lab.inject("host", Fault::Garbage(odd));
    site.work.expect(2, &["plan"]).says(&["(default) → off", "1 to update"]);
    nothing_was_sent(&site);
    site.work.write("d.yaml", "");
    std::fs::write(site.work.path().join("d.yaml"), b"kind: Target\nmetadata: { name: \xff }\n").unwrap();
    site.work.expect(1, &["validate"]).says(&["d.yaml:2:", "UTF-8"]);
}

#[test]
fn a_wrong_command_line_is_exit_1_not_changes_pending() {
    let site = site(|_| {});
    site.work.expect(1, &["plan", "--no-such-flag"]).says(&["--no-such-flag"]);
    site.work.expect(1, &["plan", "no/such/path"]).says(&["no/such/path"]);
    site.work.expect(1, &["plan", "ZfsDataset/nobody"]).says(&["ZfsDataset/nobody", "hint:"]);
    site.work.expect(1, &["plan", "--target", "nobody"]).says(&["nobody", "known targets: host"]);
    site.work.expect(1, &["plan", "-l", "oops"]).says(&["KEY=VALUE"]);
}

#[test]
fn an_apply_without_a_terminal_asks_nobody_and_sends_nothing() {
    let site = site(|_| {});
    site.work.expect(1, &["apply"]).says(&["no terminal", "--auto-approve"]);
    nothing_was_sent(&site);
}
