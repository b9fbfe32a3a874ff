//! Known, unknown, new and changed host keys.

use std::process::Command;

use super::*;
use evenkeel_tests::sshd::{TestSshd, keygen};

fn fingerprint(public_key: &std::path::Path) -> String {
    let out = Command::new("ssh-keygen").arg("-lf").arg(public_key).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.split_whitespace().nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_unknown_host_key_is_refused_until_it_is_written_down() {
    let sshd = TestSshd::start();
    let client = Client::new();
    let file = client.file(".ssh/known_hosts");
    let spec = without(&sshd.spec(), "knownHosts");
    let error = client.ask(&spec, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::HostKeyUnknown);
    assert!(error.message.contains(&fingerprint(&sshd.folder().join("host_key.pub"))), "{error}");
    assert!(!file.exists());
    assert_eq!(sshd.logins(), 0);
    // The command of the hint is what a person would run.
    let hint = error.hint.unwrap();
    let echo = hint.split('`').find(|part| part.starts_with("echo ")).unwrap();
    std::fs::create_dir(client.file(".ssh")).unwrap();
    assert!(Command::new("sh").args(["-c", echo]).status().unwrap().success());
    assert_eq!(stdout(&client.ask(&spec, &["echo", "in"]).await), "in\n");
}

#[tokio::test]
async fn accept_new_writes_a_new_key_down_and_refuses_a_changed_one() {
    let sshd = TestSshd::start();
    let client = Client::new();
    let spec = with(&without(&sshd.spec(), "knownHosts"), "hostKeyChecking", "accept-new");
    assert_eq!(stdout(&client.ask(&spec, &["echo", "in"]).await), "in\n");
    let file = client.file(".ssh/known_hosts");
    let text = std::fs::read_to_string(&file).unwrap();
    let found = Command::new("ssh-keygen")
        .args(["-F", &format!("[127.0.0.1]:{}", sshd.port()), "-f"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(found.status.success(), "OpenSSH finds it in {text}");
    assert_eq!(stdout(&client.ask(&with(&spec, "hostKeyChecking", "strict"), &["echo", "in"]).await), "in\n");

    keygen(&client.file("other"), &["-t", "ed25519"]);
    let other = std::fs::read_to_string(client.file("other.pub")).unwrap();
    std::fs::write(&file, format!("# a comment\n[127.0.0.1]:{} {other}", sshd.port())).unwrap();
    let logins = sshd.logins();
    let error = client.ask(&spec, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::HostKeyChanged);
    let (old, new) =
        (fingerprint(&client.file("other.pub")), fingerprint(&sshd.folder().join("host_key.pub")));
    for part in [old, new, format!("{}:2", file.display())] {
        assert!(error.message.contains(&part), "{part} in {error}");
    }
    assert!(error.hint.unwrap().contains("ssh-keygen -R"));
    assert_eq!(sshd.logins(), logins);
}

#[tokio::test]
async fn hashed_entries_are_understood() {
    let sshd = TestSshd::start();
    let hash = Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(sshd.known_hosts()).output().unwrap();
    assert!(hash.status.success());
    let text = std::fs::read_to_string(sshd.known_hosts()).unwrap();
    assert!(text.starts_with("|1|"), "{text}");
    assert_eq!(stdout(&Client::new().ask(&sshd.spec(), &["echo", "in"]).await), "in\n");
}

#[tokio::test]
async fn the_server_is_asked_for_the_type_of_key_that_is_known() {
    let host_keys = ["HostKey {folder}/host_key", "HostKey {folder}/host_key_rsa"];
    let sshd = TestSshd::prepared(&host_keys, |folder| {
        keygen(&folder.join("host_key"), &["-t", "ed25519"]);
        keygen(&folder.join("host_key_rsa"), &["-t", "rsa", "-b", "2048"]);
    });
    for name in ["host_key.pub", "host_key_rsa.pub"] {
        let key = std::fs::read_to_string(sshd.folder().join(name)).unwrap();
        std::fs::write(sshd.known_hosts(), format!("[127.0.0.1]:{} {key}", sshd.port())).unwrap();
        assert_eq!(stdout(&Client::new().ask(&sshd.spec(), &["echo", "in"]).await), "in\n", "{name}");
    }
}
