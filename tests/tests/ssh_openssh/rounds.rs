//! What a round survives.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::*;
use evenkeel_core::request::SecretRef;
use evenkeel_tests::sshd::TestSshd;

#[tokio::test]
async fn twenty_commands_are_one_exec() {
    let sshd = TestSshd::start();
    let requests: Vec<_> =
        (0..20).map(|i| sh(&format!("echo out {i}; echo err {i} >&2; exit {i}"))).collect();
    let answers = round(&Client::new().transport(), &sshd.spec(), &requests).await;
    assert_eq!(answers.len(), 20);
    for (i, answer) in answers.into_iter().enumerate() {
        let reply = answer.unwrap();
        assert_eq!(reply.exit, i32::try_from(i).unwrap());
        assert_eq!(reply.stdout, format!("out {i}\n").into_bytes());
        assert_eq!(reply.stderr, format!("err {i}\n").into_bytes());
    }
    assert_eq!(sshd.execs(), 1);
}

#[tokio::test]
async fn odd_outputs_come_back_as_they_are() {
    let sshd = TestSshd::start();
    let garbage = "head -c 1000000 /dev/urandom | tee {f}; head -c 200000 /dev/urandom | tee {f}.err >&2";
    let file = sshd.folder().join("garbage").display().to_string();
    let requests = [
        sh("printf 'no line end'"),
        sh(r"printf '\377\376 not UTF-8 \000'"),
        sh(&garbage.replace("{f}", &file)),
        sh("printf '\\n0123456789abcdef0123456789abcdef 3 0\\n'"),
        exec(&["no-such-command"]),
        sh("kill -KILL $$"),
        exec(&["printf", "%s|", "a b", "it's", "$(id)", "two\nlines", "naïve 日本", ""]),
        sh("echo $LC_ALL; command -v swapon || echo $PATH"),
        sh("cat; echo end"),
    ];
    let answers = round(&Client::new().transport(), &sshd.spec(), &requests).await;
    let replies: Vec<Reply> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(replies[0].stdout, b"no line end");
    assert_eq!(replies[1].stdout, b"\xff\xfe not UTF-8 \0");
    assert_eq!(replies[2].stdout, std::fs::read(&file).unwrap());
    assert_eq!(replies[2].stderr, std::fs::read(file + ".err").unwrap());
    assert_eq!(replies[3].stdout, b"\n0123456789abcdef0123456789abcdef 3 0\n");
    assert_eq!(replies[4].exit, 127);
    assert_eq!(replies[5].exit, 128 + 9);
    assert_eq!(String::from_utf8_lossy(&replies[6].stdout), "a b|it's|$(id)|two\nlines|naïve 日本||");
    let environment = String::from_utf8_lossy(&replies[7].stdout).into_owned();
    assert!(environment.starts_with("C.UTF-8\n") && environment.contains("/sbin"), "{environment}");
    assert_eq!(replies[8].stdout, b"end\n", "standard input is empty");
}

#[tokio::test]
async fn noise_of_the_login_is_not_taken_for_output() {
    let noisy = r#"ForceCommand echo "Welcome!"; echo "be warned" >&2; printf "no line end"; eval "$SSH_ORIGINAL_COMMAND""#;
    let sshd = TestSshd::prepared(&[noisy, "Banner {folder}/banner"], |folder| {
        std::fs::write(folder.join("banner"), "Authorised persons only\n").unwrap();
    });
    let answer = Client::new().ask(&sshd.spec(), &["echo", "clean"]).await.unwrap();
    assert_eq!((answer.stdout, answer.stderr), (b"clean\n".to_vec(), vec![]));
}

#[tokio::test]
async fn a_login_without_a_shell_is_told_with_what_it_said() {
    let sshd = TestSshd::with(&["ForceCommand echo This account is closed; exit 1"]);
    let error = Client::new().ask(&sshd.spec(), &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Protocol);
    assert!(error.message.contains("This account is closed"), "{error}");
}

#[tokio::test]
async fn a_hanging_command_times_out_and_nothing_after_it_runs() {
    let sshd = TestSshd::start();
    let mark = sshd.folder().join("mark");
    let touch = format!("touch {}", mark.display());
    let spec = with(&sshd.spec(), "commandTimeoutSeconds", 4);
    let client = Client::new();
    let transport = client.transport();
    let requests = [sh("echo done"), sh("printf partial; sleep 7"), sh(&touch)];
    let start = Instant::now();
    let answers = round(&transport, &spec, &requests).await;
    assert_eq!(stdout(&answers[0]), "done\n");
    assert_eq!(kind(&answers[1]), TransportErrorKind::Timeout);
    assert_eq!(kind(&answers[2]), TransportErrorKind::Timeout);
    assert!(answers[2].as_ref().unwrap_err().message.contains("not run"));
    // The connection is fine, and is used again.
    assert_eq!(stdout(&ask(&transport, &spec, &["echo", "on"]).await), "on\n");
    assert_eq!(sshd.logins(), 1);
    tokio::time::sleep(Duration::from_secs(9).saturating_sub(start.elapsed())).await;
    assert!(!mark.exists(), "what was answered as not run must not run later");
}

#[tokio::test]
async fn the_time_is_each_commands_own() {
    let sshd = TestSshd::start();
    let spec = with(&sshd.spec(), "commandTimeoutSeconds", 4);
    let answers =
        round(&Client::new().transport(), &spec, &[sh("sleep 1.5"), sh("sleep 1.5"), sh("sleep 1.5")]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_lost_connection_keeps_what_was_complete_and_resends_nothing() {
    let sshd = TestSshd::start();
    let runs = sshd.folder().join("runs");
    let mark = sshd.folder().join("mark");
    let requests = [
        sh("echo first"),
        sh(&format!("echo run >> {}; printf partial; sleep 60", runs.display())),
        sh(&format!("touch {}", mark.display())),
    ];
    let client = Client::new();
    let transport = client.transport();
    let spec = sshd.spec();
    let losing = async {
        while !runs.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        sshd.kill_connections();
    };
    let (answers, ()) = tokio::join!(round(&transport, &spec, &requests), losing);
    assert_eq!(stdout(&answers[0]), "first\n");
    assert_eq!(kind(&answers[1]), TransportErrorKind::ConnectionLost);
    assert_eq!(kind(&answers[2]), TransportErrorKind::ConnectionLost);
    assert_eq!(stdout(&ask(&transport, &spec, &["echo", "again"]).await), "again\n");
    assert_eq!(std::fs::read_to_string(&runs).unwrap(), "run\n");
    assert!(!mark.exists());
}

#[tokio::test]
async fn large_arguments_and_large_outputs() {
    let sshd = TestSshd::start();
    let mut many = Exec::new(["sh", "-c", "echo $#; printf %s \"$*\" | wc -c", "sh"]);
    many.operands = (0..3000).map(|i| format!("tank/{i:0>95}")).collect();
    let requests = [Request::Exec(many), sh("head -c 20000000 /dev/zero | tr '\\0' x"), sh("echo after")];
    let answers = round(&Client::new().transport(), &sshd.spec(), &requests).await;
    assert_eq!(stdout(&answers[0]), "3000\n302999\n");
    let large = &answers[1].as_ref().unwrap().stdout;
    assert_eq!(large.len(), 20_000_000);
    assert!(large.iter().all(|&b| b == b'x'));
    assert_eq!(stdout(&answers[2]), "after\n");
}

#[tokio::test]
async fn output_beyond_the_limit_is_refused_and_the_rest_goes_on() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    client.options.output_limit = 10_000;
    let requests =
        [sh("head -c 10001 /dev/zero"), sh("head -c 10000 /dev/zero"), sh("head -c 10001 /dev/zero >&2")];
    let answers = round(&client.transport(), &sshd.spec(), &requests).await;
    assert_eq!(kind(&answers[0]), TransportErrorKind::OutputTooLarge);
    assert_eq!(answers[1].as_ref().unwrap().stdout.len(), 10_000);
    assert_eq!(kind(&answers[2]), TransportErrorKind::OutputTooLarge);
    let endless = with(&sshd.spec(), "commandTimeoutSeconds", 1);
    let answers = round(&client.transport(), &endless, &[exec(&["yes"]), sh("echo after")]).await;
    assert_eq!(kind(&answers[0]), TransportErrorKind::OutputTooLarge);
    assert_eq!(kind(&answers[1]), TransportErrorKind::Timeout);
}

#[tokio::test]
async fn a_secret_reaches_standard_input_and_no_process_list() {
    let sshd = TestSshd::start();
    // In capitals: what comes back as it was sent is taken out, and would not be seen here.
    let script = "read -r it; { echo \"got $it\"; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; } | tr a-z A-Z";
    let mut listing = Exec::new(["sh", "-c", script]);
    listing.stdin = Some(SecretRef { name: "c".into(), key: "password".into() });
    let mut missing = listing.clone();
    missing.stdin = Some(SecretRef { name: "c".into(), key: "other".into() });
    let requests = [Request::Exec(listing), Request::Exec(missing), sh("echo after")];
    let client = Client::new().secret("password", "h'u$nter2");
    let answers = round(&client.transport(), &sshd.spec(), &requests).await;
    let text = stdout(&answers[0]);
    assert!(text.starts_with("GOT H'U$NTER2\n"), "{text}");
    assert_eq!(text.matches("NTER2").count(), 1, "{text}");
    assert_eq!(kind(&answers[1]), TransportErrorKind::Credentials);
    assert_eq!(stdout(&answers[2]), "after\n", "what can be sent is sent");
}

#[tokio::test]
async fn what_no_command_line_can_hold_is_refused() {
    let sshd = TestSshd::start();
    let mut nul = String::from("a");
    write!(nul, "\0b").unwrap();
    let answers = round(&Client::new().transport(), &sshd.spec(), &[exec(&["echo", &nul]), exec(&[])]).await;
    assert!(answers.iter().all(|answer| kind(answer) == TransportErrorKind::Configuration), "{answers:?}");
    assert_eq!(sshd.logins(), 0, "there was nothing to send");
}
