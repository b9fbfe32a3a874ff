//! Commands whose outputs go to a log, by the shells that hosts have.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use evenkeel_core::request::Exec;
use tempfile::TempDir;

const SHELLS: [&str; 3] = ["dash", "bash", "busybox sh"];

/// A shell and a folder for its logs.
struct Host {
    shell: &'static str,
    folder: TempDir,
}

fn hosts() -> impl Iterator<Item = Host> {
    SHELLS.into_iter().map(|shell| Host { shell, folder: tempfile::tempdir().unwrap() })
}

impl Host {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs words with what they print in `log`: the exit status, and what came back on both outputs.
    fn run(&self, log: &Path, words: &[&str], input: &str) -> (i32, String, String) {
        let sent = Exec::new(words.iter().copied()).logged(log.display().to_string()).sent_words();
        assert_eq!(sent[0], "sh");
        let mut shell = self.shell.split(' ');
        let mut child = Command::new(shell.next().unwrap())
            .args(shell)
            .args(&sent[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}: apt-get install dash bash busybox", self.shell));
        // What reads nothing may be gone.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let out = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
    }

    fn sh(&self, log: &Path, script: &str) -> (i32, String, String) {
        self.run(log, &["sh", "-c", script], "")
    }
}

fn read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap()
}

#[test]
fn what_succeeds_says_nothing_and_leaves_everything_in_the_log() {
    for host in hosts() {
        // Both folders are new.
        let log = host.path("new/er/x.log");
        let answer = host.run(&log, &["sh", "-c", "cat; echo aside >&2; umask"], "given\nby the way");
        assert_eq!(answer, (0, String::new(), String::new()), "{}", host.shell);
        let text = read(&log);
        let (header, rest) = text.split_once('\n').unwrap();
        assert!(
            header.starts_with("== 2") && header.ends_with("Z: sh -c cat; echo aside >&2; umask"),
            "{text}"
        );
        let umask = Command::new("sh").args(["-c", "umask"]).output().unwrap().stdout;
        let umask = String::from_utf8(umask).unwrap();
        assert_eq!(rest, format!("given\nby the wayaside\n{umask}"), "{}", host.shell);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&host.path("new/er")), mode(&log)), (0o700, 0o600), "{}", host.shell);
    }
}

#[test]
fn of_a_failure_the_end_comes_back_and_nothing_of_what_was_logged_before() {
    for host in hosts() {
        let log = host.path("x.log");
        std::fs::write(&log, "of old\n").unwrap();
        host.sh(&log, "echo of the one before; exit 1");
        let (status, stdout, stderr) =
            host.sh(&log, "n=1; while [ $n -le 30 ]; do echo $n; n=$((n + 1)); done; exit 7");
        let expected: String = (11..=30).flat_map(|n| [n.to_string(), "\n".to_owned()]).collect();
        assert_eq!((status, stdout.as_str(), stderr), (7, "", expected), "{}", host.shell);
        let (_, _, stderr) = host.sh(&log, "echo one; exit 1");
        assert_eq!(stderr, "one\n", "{}", host.shell);
        let text = read(&log);
        assert!(text.starts_with("of old\n== 2") && text.contains("\n1\n2\n") && text.ends_with("\none\n"));
    }
}

#[test]
fn the_status_is_the_commands_whatever_became_of_it() {
    for host in hosts() {
        let log = host.path("x.log");
        assert_eq!(host.sh(&log, "kill -9 $$").0, 137, "{}", host.shell);
        let (status, _, stderr) = host.run(&log, &["no-such-program", "x"], "");
        assert!(status == 127 && stderr.contains("not found"), "{}: {stderr}", host.shell);
        // Words of the shell end nothing but themselves.
        assert_eq!(host.run(&log, &["exit", "5"], "").0, 5, "{}", host.shell);
        assert_eq!(host.sh(&log, "printf %0100000d 1; exit 1").2.len(), 4000, "one endless line");
    }
}

#[test]
fn words_of_several_lines_are_one_line_of_the_log() {
    for host in hosts() {
        let log = host.path("x.log");
        host.run(&log, &["echo", "a\n== forged", "it's $HOME"], "");
        let text = read(&log);
        assert_eq!(text.matches("== ").count(), 3, "{text}");
        assert!(text.lines().next().unwrap().ends_with("Z: echo a == forged it's $HOME"), "{text}");
        assert!(text.ends_with("\na\n== forged it's $HOME\n"), "{text}");
    }
}

#[test]
fn without_its_log_nothing_is_run() {
    for host in hosts() {
        let mark = host.path("mark");
        std::fs::write(host.path("file"), "").unwrap();
        // A folder that is none, a log that is a folder, and a disk without room.
        for log in [host.path("file/x.log"), host.folder.path().to_owned(), "/dev/full".into()] {
            let (status, stdout, stderr) = host.run(&log, &["touch", &mark.display().to_string()], "");
            assert_eq!((status, stdout.as_str()), (73, ""), "{}: {stderr}", host.shell);
            let said = format!("the log {} cannot be written, so nothing was run\n", log.display());
            assert!(stderr.ends_with(&said), "{}: {stderr}", host.shell);
            // Of a full disk, busybox says nothing more.
            let has_reason = log.starts_with("/dev") || stderr.len() > said.len();
            assert!(has_reason, "{}: {stderr}", host.shell);
            assert!(!mark.exists(), "{}", host.shell);
        }
    }
}
