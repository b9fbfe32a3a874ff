//! Bytes from a command to an FTP server, against `curl -T` of the same file; and many bytes, for the memory.

use std::fs::File;
use std::io::{Read as _, Write as _, copy};
use std::path::Path;
use std::process::Command;

use evenkeel_core::request::{Check, Exec, Goal, Origin, Transfer};
use evenkeel_core::target::{LocalSpec, TargetSpec};
use evenkeel_tests::ftpd::{FtpServer, PASSWORD, Tls};
use serde_json::json;

use super::work;
use crate::child::{Ran, run};
use crate::report::{Report, megabytes};
use crate::transfer::Job;

/// What is sent to the server.
const FILE: u64 = 1 << 30;

/// What is sent for the memory.
const MUCH: u64 = 10 << 30;

/// How often each is measured, turn by turn.
const TURNS: usize = 5;

pub(super) fn measure(report: &mut Report) {
    against_curl(report);
    much(report);
}

fn against_curl(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    write_noise(&file);
    let root = folder.path().join("root");
    std::fs::create_dir(&root).expect("a folder");
    let server = FtpServer::vsftpd(&root, Tls::None);
    let url = |name: &str| format!("ftp://127.0.0.1:{}/{name}", server.port());
    let curl = || {
        let login = format!("{}:{PASSWORD}", server.user());
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--user", &login, "--upload-file"]);
        once(&root, || run(command.arg(&file).arg(url("by-curl"))).expect(0))
    };
    let ours = |check| {
        let to = TargetSpec {
            ftp: Some(serde_json::from_value(server.spec("nas")).expect("settings")),
            ..TargetSpec::default()
        };
        let path = "by-evenkeel".to_owned();
        let goal = Goal::File { target: None, path, check, record: None, log: None };
        let exec = Exec::new(["cat", &file.display().to_string()]);
        once(&root, || job(folder.path(), to, exec, goal))
    };
    let mut turns: Vec<[Ran; 3]> =
        (0..TURNS).map(|_| [curl(), ours(Check::Size), ours(Check::ReadBack)]).collect();
    let Some(mut best) = turns.pop() else { return };
    for turn in turns {
        for (best, ran) in best.iter_mut().zip(turn) {
            *best = best.clone().better(ran);
        }
    }
    let [curl, ours, read_back] = best;
    report.ran("1 GiB to vsftpd: curl -T", &curl);
    report.ran("1 GiB to vsftpd: from a command, its size checked", &ours);
    report.ran("1 GiB to vsftpd: from a command, read back", &read_back);
    let ratio = |ran: &Ran| ran.wall.as_secs_f64() / curl.wall.as_secs_f64();
    report.floor("1 GiB to vsftpd: a transfer / curl -T", "x time", ratio(&ours), 1.1);
    report.value("1 GiB to vsftpd and back: a transfer / curl -T one way", "x time", ratio(&read_back));
}

fn much(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let to = TargetSpec { local: Some(LocalSpec::default()), ..TargetSpec::default() };
    let goal = Goal::Input { target: None, exec: Exec::new(["sh", "-c", "cat >/dev/null"]) };
    let exec = Exec::new(["head", "-c", &MUCH.to_string(), "/dev/zero"]);
    let ran = job(folder.path(), to, exec, goal);
    report.ran("10 GiB from a command to a command", &ran);
    report.floor("10 GiB from a command to a command: the most memory", "MB", megabytes(ran.peak), 64.0);
}

/// Runs a transfer in a process of its own.
fn job(folder: &Path, to: TargetSpec, exec: Exec, goal: Goal) -> Ran {
    let from = Origin::Output { target: None, exec, must_say: vec![], must_not_say: vec![] };
    let transfer = Transfer { from, to: goal, rate: None, patience: None };
    let here = TargetSpec { local: Some(LocalSpec::default()), ..TargetSpec::default() };
    let job = Job { from: here, to, transfer, password: PASSWORD.to_owned() };
    let file = folder.join("job.json");
    std::fs::write(&file, json!(job).to_string()).expect("a file");
    work(&["transfer", &file.display().to_string()]).0
}

/// Runs `what` and checks and removes what it left on the server.
fn once(root: &Path, what: impl FnOnce() -> Ran) -> Ran {
    let ran = what();
    let files: Vec<_> =
        std::fs::read_dir(root).expect("a folder").map(|f| f.expect("a file").path()).collect();
    let [file] = files.as_slice() else { panic!("one file, not {files:?}") };
    assert_eq!(std::fs::metadata(file).expect("a file").len(), FILE);
    std::fs::remove_file(file).expect("removed");
    ran
}

fn write_noise(path: &Path) {
    let mut file = File::create(path).expect("a file");
    let mut random = File::open("/dev/urandom").expect("random numbers").take(FILE);
    copy(&mut random, &mut file).expect("written");
    file.flush().expect("written");
}
