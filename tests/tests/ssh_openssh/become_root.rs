//! `become`, by a stand-in and by the real `sudo`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::throwaway_user::ThrowawayUser;
use super::*;
use evenkeel_core::request::{Script, SecretRef};
use evenkeel_tests::sshd::TestSshd;

/// A server whose sessions find `script` as `sudo` and `doas` first.
fn with_stand_in(script: &'static str) -> TestSshd {
    TestSshd::prepared(&["SetEnv HOME={folder} PATH={folder}/bin:/usr/bin:/bin"], |folder: &Path| {
        std::fs::create_dir(folder.join("bin")).unwrap();
        for name in ["sudo", "doas"] {
            let path = folder.join("bin").join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    })
}

#[tokio::test]
async fn commands_go_through_the_program() {
    let sshd = with_stand_in("echo \"$(basename $0) $*\"");
    let client = Client::new().secret("becomepassword", "pw");
    for (program, expected) in [("sudo", "sudo -n -- zfs list\n"), ("doas", "doas -n -- zfs list\n")] {
        let answer = client.ask(&with(&sshd.spec(), "become", program), &["zfs", "list"]).await;
        assert_eq!(stdout(&answer), expected);
    }
    let spec = with(&with(&sshd.spec(), "become", "sudo"), "credentialsRef", "c");
    assert_eq!(stdout(&client.ask(&spec, &["zfs"]).await), "sudo -k -S -p  -- zfs\n");
}

#[tokio::test]
async fn the_password_is_in_no_process_list() {
    // In capitals: what comes back as it was sent is taken out, and would not be seen here.
    let sshd = with_stand_in(
        "read -r given; { echo \"got $given\"; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; } | tr a-z A-Z",
    );
    let client = Client::new().secret("becomepassword", "h'u$nter2");
    let spec = with(&with(&sshd.spec(), "become", "sudo"), "credentialsRef", "c");
    let answer = client.ask(&spec, &["zfs"]).await;
    assert!(stdout(&answer).starts_with("GOT H'U$NTER2\n"), "{answer:?}");
    assert_eq!(stdout(&answer).matches("NTER2").count(), 1, "{answer:?}");
}

#[tokio::test]
async fn refusals_are_errors_with_hints() {
    for (script, says) in [
        ("echo 'sudo: a password is required' >&2; exit 1", "NOPASSWD"),
        ("echo 'Sorry, user ops is not allowed to execute x as root on h.' >&2; exit 1", "sudoers"),
        ("echo 'ops is not in the sudoers file.' >&2; exit 1", "sudoers"),
    ] {
        let sshd = with_stand_in(script);
        let answer = Client::new().ask(&with(&sshd.spec(), "become", "sudo"), &["zfs"]).await;
        assert_eq!(kind(&answer), TransportErrorKind::BecomeFailed);
        assert!(answer.unwrap_err().hint.unwrap().contains(says), "{script}");
    }
}

#[tokio::test]
async fn a_program_that_is_missing_is_an_error() {
    let sshd = TestSshd::with(&["SetEnv HOME={folder} PATH=/nowhere"]);
    let answer = Client::new().ask(&with(&sshd.spec(), "become", "doas"), &["zfs"]).await;
    assert_eq!(kind(&answer), TransportErrorKind::BecomeFailed, "{answer:?}");
    assert!(answer.unwrap_err().message.contains("not installed"));
}

struct RealSudo {
    user: ThrowawayUser,
    sshd: TestSshd,
}

impl RealSudo {
    fn new() -> Self {
        assert!(Path::new("/usr/bin/sudo").exists(), "sudo is missing: apt-get install sudo");
        RealSudo { user: ThrowawayUser::new(), sshd: TestSshd::start() }
    }

    fn spec(&self) -> Value {
        with(&with(&self.sshd.spec(), "user", self.user.name()), "become", "sudo")
    }

    fn with_password(&self, password: &str) -> (Client, Value) {
        (Client::new().secret("becomepassword", password), with(&self.spec(), "credentialsRef", "c"))
    }
}

#[tokio::test]
async fn real_sudo_without_a_password() {
    let mut sudo = RealSudo::new();
    let answer = Client::new().ask(&sudo.spec(), &["id", "-u"]).await;
    assert_eq!(kind(&answer), TransportErrorKind::BecomeFailed);
    assert!(answer.unwrap_err().hint.unwrap().contains("becomePassword"));
    sudo.user.sudo_rule("ALL=(root) NOPASSWD: /usr/bin/id");
    let requests = [exec(&["id", "-u"]), exec(&["whoami"]), exec(&["no-such-command"])];
    let answers = round(&Client::new().transport(), &sudo.spec(), &requests).await;
    assert_eq!(stdout(&answers[0]), "0\n");
    assert_eq!(kind(&answers[1]), TransportErrorKind::BecomeFailed);
    sudo.user.sudo_rule("ALL=(root) NOPASSWD: ALL");
    let answers = round(&Client::new().transport(), &sudo.spec(), &requests).await;
    assert_eq!(stdout(&answers[1]), "root\n");
    assert_eq!(answers[2].as_ref().unwrap().exit, 127, "{answers:?}");
}

#[tokio::test]
async fn real_sudo_with_a_password() {
    let mut sudo = RealSudo::new();
    let (client, spec) = sudo.with_password(sudo.user.password());
    let error = client.ask(&spec, &["id", "-u"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::BecomeFailed);
    assert!(error.message.contains("not in the sudoers file"), "{error}");

    sudo.user.sudo_rule("ALL=(root) ALL");
    // In capitals: what comes back as it was sent is taken out.
    let mut secret = Exec::new(["tr", "a-z", "A-Z"]);
    secret.stdin = Some(SecretRef { name: "c".into(), key: "other".into() });
    let requests = [exec(&["id", "-u"]), Request::Exec(secret), exec(&["cat"])];
    let client = client.secret("other", "for the command");
    let answers = round(&client.transport(), &spec, &requests).await;
    assert_eq!(stdout(&answers[0]), "0\n");
    assert_eq!(stdout(&answers[1]), "FOR THE COMMAND\n", "the password is sudo's, the secret the command's");
    assert_eq!(stdout(&answers[2]), "");

    let (client, spec) = sudo.with_password("wrong");
    let answer = client.ask(&with(&spec, "commandTimeoutSeconds", 20), &["id", "-u"]).await;
    assert_eq!(kind(&answer), TransportErrorKind::BecomeFailed, "{answer:?}");
    let error = answer.unwrap_err();
    assert!(
        error.hint.as_deref().unwrap().contains("becomePassword") && !format!("{error:?}").contains("wrong")
    );
}

#[tokio::test]
async fn real_sudo_leaves_what_a_command_reads_and_logs_to_the_command() {
    let mut sudo = RealSudo::new();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("logs/x.log");
    let script = Script::new("x.sh", "echo \"$1 as $(id -u)\"; cat <<'END'\nit's $HOME\nEND\nexit \"$2\"");
    let run = |exit: &str| Exec::new(["sh", "-s", "ran", exit]).reading(script.clone());
    let logged = run("3").logged(log.display().to_string());
    let requests =
        [run("0"), logged, Exec::new(["sh", "-s"]).reading(Script::new("none.sh", ""))].map(Request::Exec);
    // It asks for the password, it does not although there is one, and there is none.
    for (rule, has_password) in
        [("ALL=(root) ALL", true), ("ALL=(root) NOPASSWD: ALL", true), ("ALL=(root) NOPASSWD: ALL", false)]
    {
        sudo.user.sudo_rule(rule);
        let (client, spec) = if has_password {
            sudo.with_password(sudo.user.password())
        } else {
            (Client::new(), sudo.spec())
        };
        let answers = round(&client.transport(), &spec, &requests).await;
        let replies: Vec<Reply> = answers.into_iter().map(Result::unwrap).collect();
        let expected = "ran as 0\nit's $HOME\n".as_bytes().to_vec();
        assert_eq!(replies[0], Reply { exit: 0, stdout: expected.clone(), stderr: vec![] }, "{rule}");
        assert_eq!(replies[1], Reply { exit: 3, stdout: vec![], stderr: expected }, "{rule}");
        assert_eq!((replies[2].exit, replies[2].stderr.len()), (0, 0), "{rule}: {:?}", replies[2]);
    }
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!((text.matches("ran as 0\n").count(), text.lines().count()), (3, 9), "{text}");
    assert!(!text.contains(sudo.user.password()), "{text}");
}
