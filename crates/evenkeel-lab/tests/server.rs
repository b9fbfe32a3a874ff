//! The lab's SSH server, tried with the OpenSSH client.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use evenkeel_lab::server::{Fault, KnownAs, Lab, LabConfig, LabTarget, Sudo};
use evenkeel_lab::zfs::{Version, ZfsHost};

struct Running {
    lab: Lab,
    _dir: tempfile::TempDir,
}

fn start(change: impl FnOnce(&mut LabTarget)) -> Running {
    let mut host = ZfsHost::new(Version::V2_3);
    host.add_pool("tank", 1 << 40);
    let mut target = LabTarget::new("kiwi", host);
    change(&mut target);
    let dir = tempfile::tempdir().unwrap();
    let shim = PathBuf::from(env!("CARGO_BIN_EXE_evenkeel-lab"));
    let config = LabConfig { dir: dir.path().to_owned(), shim, targets: vec![target] };
    Running { lab: Lab::start(config).unwrap(), _dir: dir }
}

impl Running {
    fn ssh(&self, user: &str, command: &str, stdin: &str) -> Output {
        let mut child = Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", "IdentityAgent=none", "-o", "ConnectTimeout=10"])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.lab.known_hosts().display()))
            .arg("-i")
            .arg(self.lab.client_key())
            .args(["-p", &self.lab.address("kiwi").unwrap().port().to_string()])
            .arg(format!("{user}@127.0.0.1"))
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the OpenSSH client is missing: apt-get install openssh-client");
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn ok(&self, command: &str) -> String {
        let output = self.ssh("root", command, "");
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn openssh_talks_to_the_simulated_machine() {
    let running = start(|_| {});
    assert_eq!(running.ok("zfs version"), "zfs-2.3.2-2~bpo12+2\nzfs-kmod-2.3.2-2~bpo12+2\n");
    running.ok("zfs create tank/vm && zfs set sync=disabled 'com.acme:note=two words' tank/vm");
    let seen = running
        .lab
        .with_host("kiwi", |host| host.run(&["zfs", "get", "-H", "-o", "value", "com.acme:note", "tank/vm"]));
    assert_eq!(seen.unwrap().stdout, b"two words\n");
    let failed = running.ssh("root", "zfs set sync=maybe tank/vm; echo $? >&2; exit 7", "");
    assert_eq!(failed.status.code(), Some(7));
    assert!(stderr(&failed).contains("must be one of") && stderr(&failed).contains("255"));
    assert_eq!(running.lab.commands("kiwi")[0], ["zfs", "version"]);
}

#[test]
fn a_script_on_standard_input_runs_like_on_a_real_machine() {
    let running = start(|_| {});
    let script = "PATH=$PATH:/usr/sbin\nzfs get -Hp -o value sync tank </dev/null\nprintf '%s\\n' \"$0\" >&2\nexit 3\n";
    let output = running.ssh("root", "/bin/sh", script);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"standard\n");
    let big = format!("cat <<'E' | wc -c\n{}\nE\n", "x".repeat(3_000_000));
    assert_eq!(running.ssh("root", "/bin/sh", &big).stdout, b"3000001\n");
}

#[test]
fn much_output_arrives_whole() {
    let running = start(|_| {});
    assert_eq!(running.ok("head -c 5000000 /dev/zero").len(), 5_000_000);
}

#[test]
fn only_the_right_user_with_the_right_key_comes_in() {
    let running = start(|_| {});
    let refused = running.ssh("somebody", "true", "");
    assert!(stderr(&refused).contains("Permission denied"), "{refused:?}");
}

#[test]
fn a_changed_and_an_unknown_host_key_are_noticed() {
    let changed = start(|target| target.known_as = KnownAs::AnotherKey);
    assert!(stderr(&changed.ssh("root", "true", "")).contains("IDENTIFICATION HAS CHANGED"));
    let unknown = start(|target| target.known_as = KnownAs::Nobody);
    assert!(stderr(&unknown.ssh("root", "true", "")).contains("Host key verification failed"));
}

#[test]
fn an_ordinary_user_needs_sudo() {
    let running = start(|target| target.user = "ops".to_owned());
    let denied = running.ssh("ops", "zfs set sync=always tank", "");
    assert!(stderr(&denied).contains("permission denied"), "{denied:?}");
    assert!(running.ssh("ops", "sudo -n -- zfs set sync=always tank", "").status.success());
}

#[test]
fn sudo_wants_the_password_where_it_has_one() {
    let running = start(|target| {
        target.user = "ops".to_owned();
        target.sudo = Sudo::Password("moon".to_owned());
    });
    let without = running.ssh("ops", "sudo -n -- zfs list", "");
    assert_eq!((without.status.code(), stderr(&without).trim()), (Some(1), "sudo: a password is required"));
    let wrong = running.ssh("ops", "sudo -S -p '' -- zfs list", "sun\n");
    assert!(stderr(&wrong).contains("incorrect password"), "{wrong:?}");
    let right = running.ssh("ops", "sudo -S -p '' -- zfs list -H -o name; cat", "moon\nrest\n");
    assert_eq!(right.stdout, b"tank\nrest\n", "sudo reads one line and no more");
    let refused = start(|target| {
        target.user = "ops".to_owned();
        target.sudo = Sudo::Refused;
    });
    assert!(!refused.ssh("ops", "sudo -n -- zfs list", "").status.success());
}

#[test]
fn a_machine_without_zfs_says_so() {
    let running = start(|target| target.has_zfs = false);
    let output = running.ssh("root", "zfs list", "");
    assert_eq!(output.status.code(), Some(127));
    assert!(stderr(&output).contains("not found"), "{output:?}");
}

#[test]
fn faults_hit_one_command_and_then_pass() {
    let running = start(|_| {});
    running.lab.inject("kiwi", Fault::DropBefore);
    assert_eq!(running.ssh("root", "zfs set com.acme:a=1 tank", "").status.code(), Some(255));
    assert!(running.lab.commands("kiwi").is_empty(), "the command was never started");

    running.lab.inject("kiwi", Fault::DropAfter(3));
    let cut = running.ssh("root", "echo hello; zfs set com.acme:a=1 tank", "");
    assert_eq!((cut.status.code(), cut.stdout.as_slice()), (Some(255), b"hel".as_slice()));
    assert_eq!(running.lab.commands("kiwi").len(), 1, "the command ran to its end");

    running.lab.inject("kiwi", Fault::Garbage(vec![b'?'; 1 << 20]));
    let garbled = running.ssh("root", "echo hello", "").stdout;
    assert!(garbled.len() == (1 << 20) + 6 && garbled.ends_with(b"hello\n"));

    running.lab.inject("kiwi", Fault::Delay(Duration::from_millis(300)));
    let begin = Instant::now();
    assert_eq!(running.ok("echo hello"), "hello\n");
    assert!(begin.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_hanging_command_leaves_the_connection_up() {
    let running = start(|_| {});
    running.lab.inject("kiwi", Fault::HangAfter(2));
    let mut child = Command::new("timeout")
        .args(["2", "ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-i", running.lab.client_key().to_str().unwrap()])
        .args([
            "-p",
            &running.lab.address("kiwi").unwrap().port().to_string(),
            "root@127.0.0.1",
            "echo hello",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(124), "it was still waiting when its time was up");
    assert_eq!(child.wait_with_output().unwrap().stdout, b"he");
}

#[test]
fn a_missing_shim_says_how_to_build_it() {
    let dir = tempfile::tempdir().unwrap();
    let config =
        LabConfig { dir: dir.path().to_owned(), shim: dir.path().join("nothing"), targets: Vec::new() };
    let message = Lab::start(config).unwrap_err().to_string();
    assert!(message.ends_with("build it: cargo build -p evenkeel-lab"), "{message}");
}
