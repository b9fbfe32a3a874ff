//! Pushes: good, broken, unsigned, too much at once.

use std::process::Command;

use crate::Scene;

#[test]
fn a_push_over_ssh_brings_a_host_to_the_new_state_and_says_so() {
    let scene = Scene::new("");
    scene.want("atime: off");
    scene.repository().push("first");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    assert_eq!(scene.value("atime"), "off");
    scene.want("atime: off, compression: zstd");
    let (commit, said) = scene.repository().push("compress");
    assert!(said.contains("site"), "the hook says what it woke: {said}");
    let line = serving.wait_for("RevisionInForce site");
    assert!(
        line.contains(&commit[..12]) && line.contains("1 changed") && line.contains("compress"),
        "{line}"
    );
    let line = serving.wait_for("Applied host ZfsDataset/vm");
    assert!(line.contains("compression"), "{line}");
    assert_eq!(scene.value("compression"), "zstd");
    let work = &scene.site.work;
    work.expect(0, &["status", "--config", "evenkeel.yaml"]).says(&["ZfsDataset/vm", "InSync", &commit[..7]]);
    work.expect(0, &["history", "--config", "evenkeel.yaml"]).says(&["host", "push", &commit[..7]]);
    work.expect(0, &["events", "--config", "evenkeel.yaml"]).says(&["RevisionInForce", "Applied"]);
    // Looked at again, nothing is sent.
    let before = scene.writes();
    work.expect(0, &["reconcile", "--now", "--wait", "--config", "evenkeel.yaml"]);
    assert_eq!(scene.writes(), before);
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0), "{}", serving.said());
}

#[test]
fn a_broken_manifest_changes_nothing_and_says_file_and_line() {
    let scene = Scene::new("");
    scene.want("atime: off");
    scene.repository().push("good");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    let before = scene.writes();
    scene.want("atime: of, compression: zstd");
    scene.repository().push("broken");
    let line = serving.wait_for("RevisionInvalid site");
    assert!(line.contains("vm.yaml:5:") && line.contains("atime"), "{line}");
    let status = scene.site.work.run(&["status", "--config", "evenkeel.yaml"]);
    status.says(&["vm.yaml:5:"]);
    // What is in force stays, also for a controller that starts anew.
    serving.signal("KILL");
    serving.ended();
    let mut serving = scene.serve();
    scene.site.by_hand("host", &["zfs", "set", "atime=on", "tank/vm"]);
    scene.site.work.expect(2, &["reconcile", "--now", "--wait", "--config", "evenkeel.yaml"]);
    serving.wait_for("DriftFound host ZfsDataset/vm");
    assert_eq!(scene.writes(), before);
    scene.want("atime: off, compression: zstd");
    scene.repository().push("mended");
    serving.wait_for("RevisionInForce site");
    serving.wait_for("Applied host ZfsDataset/vm");
    assert_eq!(scene.value("compression"), "zstd");
}

#[test]
fn an_unsigned_commit_is_refused_and_a_signed_one_taken() {
    let scene = Scene::new("verify: { commits: [ssh], allowedSigners: signers }");
    let key = scene.repository().clone_path().with_file_name("signing_key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f"])
        .arg(&key)
        .status()
        .expect("ssh-keygen is installed: apt-get install openssh-client");
    assert!(made.success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    scene.site.work.write("signers", &format!("ada@example.org {public}"));
    scene.want("atime: off");
    let (unsigned, _) = scene.repository().push("unsigned");
    let mut serving = scene.serve();
    let line = serving.wait_for("RevisionRefused site");
    assert!(line.contains(&unsigned[..7]), "{line}");
    assert_eq!(scene.writes(), 0, "{:?}", scene.site.writes("host"));
    let format = "gpg.format=ssh";
    let signing = format!("user.signingKey={}", key.display());
    scene.repository().git(&[
        "-c",
        format,
        "-c",
        &signing,
        "commit",
        "--quiet",
        "--allow-empty",
        "-S",
        "-m",
        "signed",
    ]);
    scene.repository().push_only();
    let line = serving.wait_for("RevisionInForce site");
    assert!(line.contains("signed"), "{line}");
    serving.wait_for("Applied host ZfsDataset/vm");
    assert_eq!(scene.value("atime"), "off");
}

#[test]
fn an_emptied_repository_waits_for_a_person() {
    let scene = Scene::new("");
    scene.want("atime: off");
    scene.repository().push("good");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    std::fs::remove_file(scene.repository().clone_path().join("vm.yaml")).unwrap();
    let (commit, _) = scene.repository().push("oops");
    let line = serving.wait_for("RevisionHeld site");
    assert!(line.contains("no resources at all") && line.contains("evenkeel accept site"), "{line}");
    let work = &scene.site.work;
    work.expect(2, &["status", "--config", "evenkeel.yaml"]).says(&["no resources at all"]);
    work.expect(1, &["accept", "site", "0000000000", "--config", "evenkeel.yaml"]).says(&[&commit]);
    work.expect(0, &["accept", "site", &commit, "--config", "evenkeel.yaml"]);
    serving.wait_for("RevisionInForce site");
    let line = serving.wait_for("Forgotten host ZfsDataset/vm");
    assert!(line.contains("left as it is"), "{line}");
    assert_eq!(scene.value("atime"), "off");
}
