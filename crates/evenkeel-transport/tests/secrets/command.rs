//! What programs print.

use std::time::{Duration, Instant};

use super::*;

fn of(folder: &Folder, argv: &[&str]) -> SecretCredentials {
    folder.credentials(&json!({ "command": { "password": argv } }))
}

#[test]
fn what_a_program_prints_is_the_value() {
    let folder = Folder::new();
    assert_eq!(found(&of(&folder, &["printf", "canary\\n"]), "password").unwrap(), "canary");
    // From the folder of the configuration, and without a shell.
    folder.write("give", 0o755, "#!/bin/sh\necho \"$1\" `basename $PWD`\n");
    let name = folder.path("").file_name().unwrap().to_string_lossy().into_owned();
    let found = found(&of(&folder, &["./give", "$HOME;"]), "password").unwrap();
    assert_eq!(found, format!("$HOME; {name}"));
}

#[test]
fn a_program_that_fails_is_named_without_what_it_printed() {
    let folder = Folder::new();
    let script = "echo canary-out; echo 'no such entry' >&2; echo second >&2; exit 3";
    let failed = error(&of(&folder, &["sh", "-c", script]), "password");
    says(&failed, &["`sh`", "exit status: 3", "no such entry"]);
    assert!(!failed.message.contains("second"));
    let twice = "echo canary-both; echo 'wrong: canary-both' >&2; exit 1";
    error(&of(&folder, &["sh", "-c", twice]), "password");
    says(&error(&of(&folder, &["true"]), "password"), &["prints nothing"]);
    says(&error(&of(&folder, &["./missing"]), "password"), &["./missing", "full path"]);
    says(&error(&of(&folder, &["head", "-c", "100000", "/dev/zero"]), "password"), &["more than"]);
    says(&error(&of(&folder, &[]), "password"), &["no words"]);
}

#[test]
fn a_program_that_hangs_is_ended_with_what_it_started() {
    let folder = Folder::new();
    let script = "echo $$ > pid; sleep 1000 & wait";
    let mut settings = settings();
    settings.patience = Duration::from_secs(3);
    let spec = json!({ "command": { "password": ["sh", "-c", script] } });
    let credentials = SecretCredentials::new(vec![folder.secret(&spec)], settings);
    let start = Instant::now();
    says(&error(&credentials, "password"), &["did not end within"]);
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
    let group = std::fs::read_to_string(folder.path("pid")).unwrap();
    let gone = || !Path::new("/proc").join(group.trim()).exists();
    assert!(gone(), "the program lives on");
    // A failure is kept for a while: the other targets do not wait each for themselves.
    std::fs::remove_file(folder.path("pid")).unwrap();
    error(&credentials, "password");
    assert!(!folder.path("pid").exists());
}

#[test]
fn a_program_is_asked_once_until_its_answer_is_old() {
    let folder = Folder::new();
    let spec = json!({ "command": { "password": ["sh", "-c", "echo x >> runs; wc -l < runs"] } });
    let kept = SecretCredentials::new(vec![folder.secret(&spec)], settings());
    std::thread::scope(|scope| {
        let asks: Vec<_> = (0..16).map(|_| scope.spawn(|| found(&kept, "password").unwrap())).collect();
        for ask in asks {
            assert_eq!(ask.join().unwrap().trim(), "1");
        }
    });
    let mut settings = settings();
    settings.keep = Duration::ZERO;
    let forgetful = SecretCredentials::new(vec![folder.secret(&spec)], settings);
    assert_eq!(found(&forgetful, "password").unwrap().trim(), "2");
    assert_eq!(found(&forgetful, "password").unwrap().trim(), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn other_tasks_go_on_while_a_program_runs() {
    let folder = Folder::new();
    // It ends once another task has done its part.
    let go = folder.path("go");
    let script = format!("while ! test -e {}; do sleep 0.02; done; echo canary", go.display());
    let credentials = of(&folder, &["sh", "-c", &script]);
    let other = tokio::spawn(async move { tokio::fs::write(go, "").await.unwrap() });
    let asking = tokio::spawn(async move { found(&credentials, "password") });
    assert_eq!(asking.await.unwrap().unwrap(), "canary");
    other.await.unwrap();
}
