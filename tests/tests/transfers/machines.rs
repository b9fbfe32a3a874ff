//! Streams of commands behind a real sshd.

use std::time::{Duration, Instant};

use evenkeel_core::request::{Check, Exec, FileRequest, Goal, Request};
use evenkeel_core::transport::{Transport as _, TransportErrorKind};
use evenkeel_tests::sshd::TestSshd;
use serde_json::json;

use super::rig::{Rig, StopAt, output, target, transfer};

fn file(path: String, check: Check) -> Goal {
    Goal::File { target: None, path, check, record: Some(serde_json::Map::new()), log: None }
}

#[tokio::test]
async fn a_host_may_be_both_ends_and_what_its_login_prints_is_no_data() {
    let sshd = TestSshd::start();
    std::fs::write(sshd.folder().join(".bashrc"), "echo noise; echo noise >&2\n").unwrap();
    let home = tempfile::tempdir().unwrap();
    let rig = Rig::new(home.path(), &[]);
    let host = target("host", json!({ "ssh": sshd.spec() }));
    let path = home.path().join("copy").display().to_string();
    let much = 40_000_000;
    let command = output(&format!("head -c {much} /dev/zero"));
    let moved =
        rig.moved(&host, &host, &transfer(command.clone(), file(path.clone(), Check::ReadBack))).await;
    assert_eq!(moved.bytes, much);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), much);
    let exec = Exec::new(["sh", "-c", &format!("cat >'{path}.2'")]);
    rig.moved(&host, &host, &transfer(command, Goal::Input { target: None, exec })).await;
    assert!(std::fs::read(format!("{path}.2")).unwrap() == std::fs::read(&path).unwrap());
}

#[tokio::test]
async fn commands_and_files_are_asked_in_order() {
    let sshd = TestSshd::start();
    let home = tempfile::tempdir().unwrap();
    let rig = Rig::new(home.path(), &[]);
    let path = home.path().join("f").display().to_string();
    for spec in [json!({ "ssh": sshd.spec() }), json!({ "local": {} })] {
        let host = target("host", spec);
        let cat = || Request::Exec(Exec::new(["cat", &path]));
        let write = |text: &str| Request::Files(FileRequest::Write { path: path.clone(), text: text.into() });
        let remove = Request::Files(FileRequest::Remove { path: path.clone() });
        let replies =
            rig.0.exchange(&host, &[write("1"), cat(), write("2"), cat(), cat(), remove, cat()]).await;
        let replies: Vec<_> = replies.into_iter().map(Result::unwrap).collect();
        let printed: Vec<&[u8]> = replies.iter().map(|reply| reply.stdout.as_slice()).collect();
        assert_eq!(printed, [b"".as_slice(), b"1", b"", b"2", b"2", b"", b""]);
        assert_eq!(replies.iter().map(|reply| reply.exit).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 1]);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_a_note_and_no_half() {
    let sshd = TestSshd::start();
    let home = tempfile::tempdir().unwrap();
    let rig = Rig::new(home.path(), &[]);
    let (host, here) =
        (target("host", json!({ "ssh": sshd.spec() })), target("here", json!({ "local": {} })));
    let path = home.path().join("copy").display().to_string();
    let request = transfer(output("head -c 5000000 /dev/zero; sleep 98768"), file(path.clone(), Check::Size));
    let part = format!("{path}.part");
    let cut = async {
        let began = Instant::now();
        while std::fs::metadata(&part).map_or(0, |meta| meta.len()) < 1_000_000 {
            assert!(began.elapsed() < Duration::from_mins(1), "nothing flows");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sshd.kill_connections();
    };
    let (outcome, ()) = tokio::join!(rig.transfer(&host, &here, &request), cut);
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::ConnectionLost, "{error}");
    let mut left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["copy.failed.json"]);
}

#[tokio::test]
async fn a_stop_ends_the_command_on_the_host() {
    let sshd = TestSshd::start();
    let home = tempfile::tempdir().unwrap();
    let rig = Rig::new(home.path(), &[]);
    let (host, here) =
        (target("host", json!({ "ssh": sshd.spec() })), target("here", json!({ "local": {} })));
    let (path, id) = (home.path().join("copy").display().to_string(), home.path().join("id"));
    let command = format!("echo $$ >'{}'; exec cat /dev/zero", id.display());
    let request = transfer(output(&command), file(path, Check::Size));
    let watch = StopAt(1_000_000, 0.into());
    let error = rig.0.transfer(&host, &here, &request, &watch).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Stopped);
    let process = format!("/proc/{}", std::fs::read_to_string(&id).unwrap().trim());
    let began = Instant::now();
    while std::path::Path::new(&process).exists() {
        assert!(began.elapsed() < Duration::from_mins(1), "it runs on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::remove_file(id).unwrap();
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
