//! Rounds for PowerShell over a real server, with a stand-in for the program: it answers each script with what the script
//! is given. What the scripts do, the simulator of Windows shows.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use evenkeel_core::request::{PowerShell, Script};
use evenkeel_tests::sshd::TestSshd;

/// Reads the first line, and says that it has begun.
const BEGIN: &str = "read -r first\nn=$(printf '%s' \"$first\" | sed 's/.*\"nonce\":\"\\([0-9a-f]*\\)\".*/\\1/')\n\
                     printf 'Welcome\\r\\n%s powershell\\r\\n' \"$n\"\n";

/// Answers one script; `$1` is its number.
const ANSWER: &str = "answer() {\nIFS= read -r line || return 1\nprintf '%s %s begin\\r\\n' \"$n\" $1\n\
                      printf '%s\\n' \"$line\" | sed 's/^{\"input\":\\(.*\\),\"script\":\".*$/{\"value\":\\1}/'\n\
                      printf '%s %s end\\r\\n' \"$n\" $1\n}\n";

/// Answers all of them.
const ALL: &str = "i=1\nwhile answer $i; do i=$((i + 1)); done\n";

/// A server whose sessions find `script` as `name` first.
fn with_program(name: &'static str, script: String) -> TestSshd {
    TestSshd::prepared(&["SetEnv HOME={folder} PATH={folder}/bin:/usr/bin:/bin"], move |folder: &Path| {
        let path = folder.join("bin").join(name);
        std::fs::create_dir(folder.join("bin")).unwrap();
        let arguments =
            "[ \"$1 $2 $3\" = '-NoProfile -NonInteractive -EncodedCommand' ] && [ $# = 4 ] || exit 64\n";
        std::fs::write(&path, format!("#!/bin/sh\n{arguments}{script}")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    })
}

fn script(input: Value) -> Request {
    Request::PowerShell(Box::new(PowerShell::new(Script::new("look.ps1", "param($Wanted)\n$Wanted"), input)))
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.as_ref().unwrap().stdout).unwrap()
}

/// Waits until something is true; a test on a busy machine may have to wait long.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn scripts_of_a_round_are_one_session_between_the_commands() {
    let sshd = with_program("powershell", format!("{BEGIN}{ANSWER}{ALL}"));
    let transport = Client::new().transport();
    let inputs =
        [json!({"name": "イーサネット 2"}), json!({"text": "it's $(1) \"'`\\ \r\n x".repeat(20_000)})];
    let requests = [
        exec(&["echo", "first"]),
        script(inputs[0].clone()),
        script(inputs[1].clone()),
        exec(&["echo", "last"]),
    ];
    let answers = round(&transport, &sshd.spec(), &requests).await;
    assert_eq!((stdout(&answers[0]), stdout(&answers[3])), ("first\n", "last\n"));
    assert_eq!([json_of(&answers[1]), json_of(&answers[2])], inputs);
    assert_eq!((sshd.logins(), sshd.execs()), (1, 3));
}

#[tokio::test]
async fn another_program_is_found_by_its_name_and_one_that_is_missing_is_no_shell() {
    let sshd = with_program("pwsh", format!("{BEGIN}{ANSWER}{ALL}"));
    let transport = Client::new().transport();
    let newer = with(&sshd.spec(), "powershell", "pwsh");
    assert_eq!(json_of(&round(&transport, &newer, &[script(json!({"a": 1}))]).await[0]), json!({"a": 1}));
    let requests = [script(json!({})), exec(&["echo", "here"]), script(json!({}))];
    let answers = round(&transport, &sshd.spec(), &requests).await;
    for lacking in [&answers[0], &answers[2]] {
        assert_eq!(kind(lacking), TransportErrorKind::NoShell, "{answers:?}");
        assert_eq!(lacking.as_ref().unwrap_err().message, "host has no `powershell`");
    }
    assert_eq!(stdout(&answers[1]), "here\n");
}

#[tokio::test]
async fn where_a_target_becomes_root_nobody_is_asked() {
    let sshd = with_program("powershell", format!("{BEGIN}{ANSWER}{ALL}"));
    let spec = with(&sshd.spec(), "become", "sudo");
    let answers = round(&Client::new().transport(), &spec, &[script(json!({}))]).await;
    assert_eq!(kind(&answers[0]), TransportErrorKind::NoShell);
    assert_eq!(sshd.logins(), 0);
}

#[tokio::test]
async fn what_ends_by_itself_is_told_with_what_it_said() {
    let clixml = "#< CLIXML\\r\\n<Objs><S S=\"Error\">out of &lt;luck&gt;_x000D__x000A_</S></Objs>";
    let sshd =
        with_program("powershell", format!("{BEGIN}{ANSWER}answer 1\nprintf '{clixml}' >&2\nexit 7\n"));
    let requests = [script(json!({"a": 1})), script(json!({})), script(json!({}))];
    let answers = round(&Client::new().transport(), &sshd.spec(), &requests).await;
    assert_eq!(json_of(&answers[0]), json!({"a": 1}));
    assert!(answers[1..].iter().all(|answer| kind(answer) == TransportErrorKind::Protocol), "{answers:?}");
    let message = &answers[1].as_ref().unwrap_err().message;
    assert!(message.contains("exit status 7") && message.ends_with(": out of <luck>"), "{message}");
}

#[tokio::test]
async fn a_script_that_does_not_end_is_given_up() {
    let sshd = with_program("powershell", format!("{BEGIN}{ANSWER}answer 1\nexec sleep 600\n"));
    let spec = with(&sshd.spec(), "commandTimeoutSeconds", 8);
    let requests = [script(json!({"a": 1})), script(json!({})), exec(&["echo", "not sent"])];
    let answers = round(&Client::new().transport(), &spec, &requests).await;
    assert_eq!(json_of(&answers[0]), json!({"a": 1}));
    assert!(answers[1..].iter().all(|answer| kind(answer) == TransportErrorKind::Timeout), "{answers:?}");
    assert_eq!(sshd.execs(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_loses_what_was_not_answered() {
    let script_text = format!("{BEGIN}{ANSWER}answer 1\ntouch \"$HOME/answered\"\nsleep 600\n");
    let sshd = with_program("powershell", script_text);
    let transport = Client::new().transport();
    let spec = sshd.spec();
    let requests = [script(json!({"a": 1})), script(json!({})), exec(&["echo", "not sent"])];
    let cut = async {
        until("the first answer", || sshd.folder().join("answered").exists()).await;
        // What was printed before may still be on its way in the server.
        tokio::time::sleep(Duration::from_millis(300)).await;
        sshd.kill_connections();
    };
    let (answers, ()) = tokio::join!(round(&transport, &spec, &requests), cut);
    assert!(
        answers[1..].iter().all(|answer| kind(answer) == TransportErrorKind::ConnectionLost),
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_windows_machine_is_told_from_one_that_refuses() {
    let cmd = "'/bin/sh' は、内部コマンドまたは外部コマンド、\r\n操作可能なプログラムまたはバッチ ファイルとして認識されていません。\r\n";
    let sshd = TestSshd::prepared(&["ForceCommand cat {folder}/says >&2; exit 1"], |folder: &Path| {
        std::fs::write(folder.join("says"), cmd).unwrap();
    });
    let answers = round(&Client::new().transport(), &sshd.spec(), &[exec(&["true"])]).await;
    assert_eq!(kind(&answers[0]), TransportErrorKind::NoShell, "{answers:?}");
    let error = answers[0].as_ref().unwrap_err();
    assert_eq!(error.message, "host has no /bin/sh");
    assert!(
        error.hint.as_deref().unwrap().contains("Windows machine (its login shell is cmd.exe)"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_renewed_target_gets_a_new_connection_and_nobody_loses_the_old_one() {
    let sshd = TestSshd::start();
    let transport = Client::new().transport();
    let (spec, go) = (sshd.spec(), sshd.folder().join("go"));
    transport.renew(&target(&spec)).await;
    let wait = sh(&format!("while ! test -e {}; do sleep 0.05; done; echo done", go.display()));
    let requests = [wait];
    let long = round(&transport, &spec, &requests);
    let meanwhile = async {
        until("the first login", || sshd.execs() == 1).await;
        transport.renew(&target(&another_target(&spec, 1))).await;
        assert_eq!(stdout(&ask(&transport, &spec, &["echo", "old"]).await), "old\n");
        assert_eq!(sshd.logins(), 1, "another target's connection is not this one");
        transport.renew(&target(&spec)).await;
        for _ in 0..2 {
            assert_eq!(stdout(&ask(&transport, &spec, &["echo", "new"]).await), "new\n");
            assert_eq!(sshd.logins(), 2);
        }
        // One that nobody uses is closed now.
        transport.renew(&target(&spec)).await;
        until("the goodbye", || sshd.logged("Disconnected from user") == 1).await;
        std::fs::write(&go, "").unwrap();
    };
    let (answers, ()) = tokio::join!(long, meanwhile);
    assert_eq!(stdout(&answers[0]), "done\n");
    until("the end of the old one", || {
        sshd.logged("Disconnected from user") + sshd.logged("Connection closed by") == 2
    })
    .await;
    assert_eq!(stdout(&ask(&transport, &spec, &["echo", "newest"]).await), "newest\n");
    assert_eq!(sshd.logins(), 3);
}
