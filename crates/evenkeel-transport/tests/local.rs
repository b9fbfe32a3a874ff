//! The local transport, against this machine's shell.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_core::request::{Exec, PowerShell, Reply, Request, Script, SecretRef};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{Transport, TransportError, TransportErrorKind};
use evenkeel_transport::LocalTransport;
use evenkeel_transport::credentials::EnvironmentCredentials;
use serde_json::{Value, json};

fn sh(text: &str) -> Request {
    Request::Exec(Exec::new(["sh", "-c", text]))
}

fn transport() -> LocalTransport {
    let secret = ("EVENKEEL_CRED_C_KEY".to_owned(), "s3cret".to_owned());
    LocalTransport::new(Arc::new(EnvironmentCredentials::new([secret])))
}

async fn round(
    transport: &LocalTransport,
    spec: Value,
    requests: &[Request],
) -> Vec<Result<Reply, TransportError>> {
    let spec = serde_json::from_value(spec).unwrap();
    transport.exchange(&Target { name: "here".into(), labels: BTreeMap::new(), spec }, requests).await
}

#[tokio::test]
async fn a_round_runs_in_order_with_the_environment_of_remote_ones() {
    let requests = [
        sh("echo out; echo err >&2; exit 3"),
        Request::Exec(Exec::new(["no-such-command"])),
        sh("echo $LC_ALL; echo $PATH"),
        sh("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"),
    ];
    let replies = round(&transport(), json!({ "local": {} }), &requests).await;
    let replies: Vec<Reply> = replies.into_iter().map(Result::unwrap).collect();
    assert_eq!(replies[0], Reply { exit: 3, stdout: b"out\n".to_vec(), stderr: b"err\n".to_vec() });
    assert_eq!(replies[1].exit, 127);
    let environment = String::from_utf8_lossy(&replies[2].stdout).into_owned();
    assert!(
        environment.starts_with("C.UTF-8\n") && environment.trim_end().ends_with(":/sbin"),
        "{environment}"
    );
    assert_eq!((replies[3].stdout.len(), replies[3].stderr.len()), (3_000_000, 3_000_000));
}

#[tokio::test]
async fn a_hanging_command_is_ended_with_everything_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let requests =
        [sh("echo done"), sh(&format!("(sleep 6; touch {}) & sleep 60", mark.display())), sh("echo")];
    let start = Instant::now();
    let spec = json!({ "local": { "commandTimeoutSeconds": 4 } });
    let answers = round(&transport(), spec, &requests).await;
    assert!(start.elapsed() < Duration::from_secs(50), "{:?}", start.elapsed());
    assert_eq!(answers[0].as_ref().unwrap().stdout, b"done\n");
    assert_eq!(answers[1].as_ref().unwrap_err().kind, TransportErrorKind::Timeout);
    assert!(answers[2].as_ref().unwrap_err().message.contains("not run"));
    tokio::time::sleep(Duration::from_secs(8).saturating_sub(start.elapsed())).await;
    assert!(!mark.exists(), "the background part lives on");
}

#[tokio::test]
async fn a_background_process_holds_nothing_up() {
    let start = Instant::now();
    let answers =
        round(&transport(), json!({ "local": {} }), &[sh("sleep 30 & echo $!"), sh("echo on")]).await;
    assert!(start.elapsed() < Duration::from_secs(25));
    assert_eq!(answers[1].as_ref().unwrap().stdout, b"on\n");
    let id = String::from_utf8(answers[0].as_ref().unwrap().stdout.clone()).unwrap();
    std::process::Command::new("kill").arg(id.trim()).status().unwrap();
}

#[tokio::test]
async fn a_shell_that_dies_leaves_no_reply_to_the_rest() {
    let requests = [sh("echo first"), sh("kill -KILL -$(cut -d' ' -f5 /proc/self/stat)"), sh("echo third")];
    let answers = round(&transport(), json!({ "local": {} }), &requests).await;
    assert_eq!(answers[0].as_ref().unwrap().stdout, b"first\n");
    for answer in &answers[1..] {
        assert_eq!(answer.as_ref().unwrap_err().kind, TransportErrorKind::ConnectionLost);
    }
}

#[tokio::test]
async fn a_secret_is_read_from_standard_input() {
    let mut exec = Exec::new(["sh", "-c", "cat; tr '\\0' ' ' < /proc/$PPID/cmdline; env"]);
    exec.stdin = Some(SecretRef { name: "c".into(), key: "key".into() });
    let answers = round(&transport(), json!({ "local": {} }), &[Request::Exec(exec)]).await;
    let text = String::from_utf8(answers[0].as_ref().unwrap().stdout.clone()).unwrap();
    assert!(text.starts_with("s3cret\n"), "{text}");
    assert_eq!(text.matches("s3cret").count(), 1, "{text}");
}

#[tokio::test]
async fn a_script_is_read_from_standard_input_and_ends_with_a_line() {
    let read = |text: &'static str| Request::Exec(Exec::new(["cat"]).reading(Script::new("x.sh", text)));
    let run = Exec::new(["sh", "-s", "a b", "c"]).reading(Script::new("x.sh", "echo \"$# $1\"\nexit 3"));
    let requests = [read("it's\n$HOME"), read("whole\n"), read(""), Request::Exec(run), sh("cat")];
    let answers = round(&transport(), json!({ "local": {} }), &requests).await;
    let replies: Vec<Reply> = answers.into_iter().map(Result::unwrap).collect();
    let printed: Vec<(i32, &[u8])> = replies.iter().map(|r| (r.exit, r.stdout.as_slice())).collect();
    assert_eq!(printed, [(0, &b"it's\n$HOME\n"[..]), (0, b"whole\n"), (0, b""), (3, b"2 a b\n"), (0, b"")]);
}

#[tokio::test]
async fn what_cannot_be_fed_is_refused_and_the_rest_is_run() {
    let script = |text: &'static str| Exec::new(["sh", "-s"]).reading(Script::new("x.sh", text));
    let mut both = script("true");
    both.stdin = Some(SecretRef { name: "c".into(), key: "key".into() });
    let nowhere = Exec::new(["true"]).logged("x.log");
    let wordless = Exec::new([""; 0]).logged("/x.log");
    let requests = [both, script("a\0b"), nowhere, wordless, Exec::new(["echo", "on"])].map(Request::Exec);
    let answers = round(&transport(), json!({ "local": {} }), &requests).await;
    for (answer, said) in answers.iter().zip(["a secret and a script", "NUL", "no absolute path", "no words"])
    {
        let error = answer.as_ref().unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Configuration);
        assert!(error.message.contains(said), "{error}");
    }
    assert_eq!(answers[4].as_ref().unwrap().stdout, b"on\n");
}

#[tokio::test]
async fn outputs_go_to_a_log_and_the_end_of_a_failure_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("new/x.log").display().to_string();
    let script = Script::new("x.sh", "echo \"got $1\"; echo aside >&2; exit \"$2\"");
    let logged = |exit: &str| {
        Request::Exec(Exec::new(["sh", "-s", "it's", exit]).reading(script.clone()).logged(log.as_str()))
    };
    let answers = round(&transport(), json!({ "local": {} }), &[logged("0"), logged("3")]).await;
    assert_eq!(answers[0].as_ref().unwrap(), &Reply { exit: 0, stdout: vec![], stderr: vec![] });
    let failed = Reply { exit: 3, stdout: vec![], stderr: b"got it's\naside\n".to_vec() };
    assert_eq!(answers[1].as_ref().unwrap(), &failed);
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!([&lines[1..3], &lines[4..]], [["got it's", "aside"], ["got it's", "aside"]]);
    assert!(lines[0].ends_with("Z: sh -s it's 0") && lines[3].ends_with("Z: sh -s it's 3"), "{text}");
}

#[tokio::test]
async fn output_beyond_the_limit_is_refused() {
    let transport = transport().output_limit(1000);
    let requests = [sh("head -c 1001 /dev/zero"), sh("head -c 1000 /dev/zero")];
    let answers = round(&transport, json!({ "local": {} }), &requests).await;
    assert_eq!(answers[0].as_ref().unwrap_err().kind, TransportErrorKind::OutputTooLarge);
    assert_eq!(answers[1].as_ref().unwrap().stdout.len(), 1000);
}

#[tokio::test]
async fn a_target_of_another_kind_is_an_error() {
    let answers = round(&transport(), json!({ "ssh": { "host": "h" } }), &[sh("echo")]).await;
    assert_eq!(answers[0].as_ref().unwrap_err().kind, TransportErrorKind::Configuration);
}

#[tokio::test]
async fn powershell_is_not_run_on_this_machine_and_commands_beside_it_are() {
    let script = PowerShell::new(Script::new("look.ps1", "1"), json!({}));
    let requests = [Request::PowerShell(Box::new(script)), Request::Exec(Exec::new(["echo", "here"]))];
    let answers = round(&transport(), json!({ "local": {} }), &requests).await;
    let error = answers[0].as_ref().unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::NoShell);
    assert!(error.message.contains("look.ps1") && error.hint.is_some(), "{error:?}");
    assert_eq!(answers[1].as_ref().unwrap().stdout, b"here\n");
}
