//! Hosts with next to nothing on them, as ESXi is: a shell of busybox, or an old bash, few tools, no locales.
//!
//! A session is shut into a folder where there is nothing but what a test puts there, so what a round needs of a host
//! beyond its shell would be missed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::*;
use evenkeel_core::request::{Check, Goal, Moved, Origin, Script, SecretRef, Transfer};
use evenkeel_core::transport::Watch;
use evenkeel_tests::sshd::{TestSshd, user};
use evenkeel_transport::{Credentials, LocalTransport, Router};

/// What is `/bin/sh`: on ESXi, on most Linux systems, and on ESX 4 with its console.
const SHELLS: [(&str, &str); 3] = [("/bin/busybox", "busybox"), ("/bin/dash", "dash"), ("/bin/bash", "bash")];

/// What a login on ESXi says; everything of it on both outputs here, and without an end of its last line.
const NOISE: &str = "The time and date of this login have been sent to the system logs.\n\nWARNING:\n   All commands run on \
                     the ESXi shell are logged and may be included in\n   support bundles. Do not provide passwords \
                     directly on the command line.\nType 'exit'";

/// A program that is written for the host's shell, as is much of what old hosts have.
const ESXCLI: &str = r#"#!/bin/sh
case "$*" in
"storage nmp device list") printf 'naa.6\n   Device Display Name: NETAPP Fibre Channel Disk (naa.6)\n' ;;
"nmp device list") echo 'Error: Unknown command or namespace nmp device list' >&2; exit 1 ;;
count*) shift; echo $# ;;
locale) echo "$LC_ALL" ;;
*) while IFS= read -r line; do printf 'got %s\n' "$line"; done ;;
esac
"#;

/// A server whose sessions see nothing but a shell and `esxcli`.
fn host(shell: &Path, more: &[(&Path, &str)]) -> TestSshd {
    assert_eq!(
        user(),
        "root",
        "this test shuts sessions into a folder: run it as root, as `sudo ./test` does"
    );
    let session = "ForceCommand cat {folder}/noise; cat {folder}/noise >&2; \
                   exec /usr/sbin/chroot {folder}/root /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"";
    TestSshd::prepared(&[session, "Banner {folder}/noise"], |folder| {
        std::fs::write(folder.join("noise"), NOISE).unwrap();
        let root = folder.join("root");
        for name in ["bin", "dev", "sbin", "tmp"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        install(shell, &root, "sh");
        for (program, name) in more {
            install(program, &root, name);
        }
        let made = Command::new("mknod").arg(root.join("dev/null")).args(["c", "1", "3"]).status();
        assert!(made.unwrap().success(), "mknod fails: this test needs the right to make /dev/null");
        let esxcli = root.join("sbin/esxcli");
        std::fs::write(&esxcli, ESXCLI).unwrap();
        std::fs::set_permissions(&esxcli, std::fs::Permissions::from_mode(0o755)).unwrap();
    })
}

/// Copies a program and the libraries that it needs.
fn install(program: &Path, root: &Path, name: &str) {
    let package = program.file_name().unwrap().display();
    assert!(program.exists(), "{} is missing: apt-get install {package}", program.display());
    std::fs::copy(program, root.join("bin").join(name)).unwrap();
    let said = Command::new("ldd").arg(program).output().expect("ldd is missing: apt-get install libc-bin");
    let said = String::from_utf8(said.stdout).unwrap();
    for library in said.split_whitespace().filter(|word| word.starts_with('/')) {
        let copy = root.join(library.trim_start_matches('/'));
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(library, copy).unwrap();
    }
}

#[tokio::test]
async fn a_round_needs_a_shell_and_nothing_else() {
    for (shell, name) in SHELLS {
        let sshd = host(Path::new(shell), &[]);
        let mut many = Exec::new(["esxcli", "count"]);
        many.operands = (0..3000).map(|nth| format!("naa.{nth:0>32}")).collect();
        let mut secret = Exec::new(["esxcli", "read"]);
        secret.stdin = Some(SecretRef { name: "c".into(), key: "password".into() });
        let requests = [
            exec(&["esxcli", "storage", "nmp", "device", "list"]),
            exec(&["esxcli", "nmp", "device", "list"]),
            exec(&["esxcfg-nas", "-l"]),
            Request::Exec(many),
            Request::Exec(secret),
            exec(&["esxcli", "read"]),
            exec(&["sh", "-c", "printf '%s|' \"$@\"; exit 3", "sh", "it's", "$(esxcli)", "a\nb", "日本"]),
            exec(&["exit", "4"]),
            Request::Exec(Exec::new(["esxcli", "read"]).reading(Script::new("x.sh", "it's $HOME\n日本"))),
        ];
        let client = Client::new().secret("password", "h'u$nter2 \\n");
        let answers = round(&client.transport(), &sshd.spec(), &requests).await;
        let replies: Vec<Reply> = answers.into_iter().map(Result::unwrap).collect();
        let printed: Vec<(i32, String, String)> = replies
            .iter()
            .map(|r| (r.exit, String::from_utf8_lossy(&r.stdout).into_owned(), r.stderr_text()))
            .collect();
        let is = |at: usize, exit: i32, stdout: &str, stderr: &str| {
            assert_eq!(printed[at], (exit, stdout.to_owned(), stderr.to_owned()), "{name}, request {at}");
        };
        is(0, 0, "naa.6\n   Device Display Name: NETAPP Fibre Channel Disk (naa.6)\n", "");
        is(1, 1, "", "Error: Unknown command or namespace nmp device list");
        assert_eq!((printed[2].0, printed[2].1.as_str()), (127, ""), "{name}");
        assert!(printed[2].2.contains("not found"), "{name}: {}", printed[2].2);
        is(3, 0, "3000\n", "");
        // What was sent in secret is taken out of what comes back.
        assert_eq!((printed[4].0, printed[4].2.as_str()), (0, ""), "{name}");
        assert!(
            printed[4].1.starts_with("got ") && !printed[4].1.contains("nter2"),
            "{name}: {}",
            printed[4].1
        );
        is(5, 0, "", "");
        is(6, 3, "it's|$(esxcli)|a\nb|日本|", "");
        is(7, 4, "", "");
        is(8, 0, "got it's $HOME\ngot 日本\n", "");
        assert_eq!(sshd.logged("Starting session: forced-command"), 1, "{name}");
    }
}

#[tokio::test]
async fn a_locale_that_the_host_does_not_know_is_not_told_in_results() {
    // This bash, like that of ESX 4, complains of it once for each script that it runs.
    let sshd = host(Path::new("/bin/bash"), &[]);
    let reply = Client::new().ask(&sshd.spec(), &["esxcli", "locale"]).await.unwrap();
    assert_eq!((String::from_utf8_lossy(&reply.stdout).as_ref(), reply.stderr_text().as_str()), ("C\n", ""));
    let sshd = host(Path::new("/bin/busybox"), &[]);
    let reply = Client::new().ask(&sshd.spec(), &["esxcli", "locale"]).await.unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&reply.stdout).as_ref(), reply.stderr_text().as_str()),
        ("C.UTF-8\n", "")
    );
}

struct Never;

impl Watch for Never {
    fn moved(&self, _: u64, _: Option<u64>) {}

    fn is_stopped(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_stream_needs_dd_as_well() {
    for (shell, name) in SHELLS {
        let dd = if name == "busybox" { shell } else { "/bin/dd" };
        let sshd = host(Path::new(shell), &[(Path::new(dd), "dd")]);
        let client = Client::new();
        let credentials: Arc<dyn Credentials> = Arc::new(EnvironmentCredentials::new(Vec::new()));
        let local = Arc::new(LocalTransport::new(Arc::clone(&credentials)));
        let router = Router::new(&Arc::new(client.transport()), local, credentials);
        let (path, command) = (client.file("copy"), Exec::new(["esxcli", "nmp", "x"]));
        let transfer = Transfer {
            from: Origin::Output {
                target: None,
                exec: Exec::new(["esxcli", "storage", "nmp", "device", "list"]),
                must_say: vec![],
                must_not_say: vec![],
            },
            to: Goal::File {
                target: None,
                path: path.display().to_string(),
                check: Check::Size,
                record: Some(serde_json::Map::new()),
                log: None,
            },
            rate: None,
            patience: None,
        };
        let here: TargetSpec = serde_json::from_value(json!({ "local": {} })).unwrap();
        let here = Target { name: "here".into(), labels: BTreeMap::new(), spec: here };
        let host = target(&sshd.spec());
        let reply = router.transfer(&host, &here, &transfer, &Never).await.unwrap();
        let moved: Moved = serde_json::from_slice(&reply.stdout).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("naa.6\n   Device"), "{name}: {text}");
        assert_eq!(moved.bytes, text.len() as u64, "{name}");
        // What comes in is the command's to the byte.
        let into = Goal::Input { target: None, exec: command };
        let from = Origin::Output {
            target: None,
            exec: Exec::new(["printf", "one\\ntwo\\n"]),
            must_say: vec![],
            must_not_say: vec![],
        };
        let back = Transfer { from, to: into, rate: None, patience: None };
        let reply = router.transfer(&here, &host, &back, &Never).await.unwrap();
        assert_eq!(reply.exit, 0, "{name}: {}", reply.stderr_text());
    }
}
