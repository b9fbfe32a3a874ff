//! Scripts in instances.

use evenkeel_core::request::Script;

use super::*;

const STDOUT: &str = "/1.0/instances/c1/logs/exec-output/exec_7a.stdout";
const STDERR: &str = "/1.0/instances/c1/logs/exec-output/exec_7a.stderr";

fn exec(text: &'static str) -> IncusRequest {
    let arguments = vec!["install".to_owned(), "a b".to_owned()];
    IncusRequest::Exec {
        instance: "c1".into(),
        script: Script::new("x/y.sh", text),
        arguments,
        seconds: None,
    }
}

fn ended(status: i64) -> Act {
    operation(200, &json!({ "return": status, "output": { "1": STDOUT, "2": STDERR } }), "")
}

#[tokio::test]
async fn a_script_is_run_and_what_it_said_is_read_and_removed() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "POST /1.0/instances/c1/exec" => begun(),
        _ if is_wait(asked) => ended(100),
        line if line == format!("GET {STDOUT}") => Act::raw(206, b"begin\nat 1%\rat 2%\r\n"),
        line if line == format!("GET {STDERR}") => Act::raw(200, b"words"),
        line if line.starts_with("DELETE") => refused(500, "no"),
        line => panic!("{line}"),
    });
    let reply = ask(&at(&server.socket(), 60), exec("exit 100")).await.unwrap();
    assert_eq!(
        (reply.exit, reply.stdout.as_slice(), reply.stderr.as_slice()),
        (
            100,
            &b"begin\nat 1%\rat 2%\r\n"[..],
            &b"x/y.sh install 'a b' ended with status 100\nbegin\nat 2%\nwords\n"[..]
        )
    );
    let log = server.log();
    let body = log[0].json();
    assert_eq!(body["command"], json!(["sh", "-c", "exit 100", "x/y.sh", "install", "a b"]));
    assert_eq!(body["environment"]["LC_ALL"], json!("C.UTF-8"));
    assert_eq!(
        [&body["record-output"], &body["interactive"], &body["wait-for-websocket"]],
        [true, false, false]
    );
    assert!(log[2].head.to_lowercase().contains("range: bytes=-65536"), "{}", log[2].head);
    let removed = server.lines().into_iter().filter(|line| line.starts_with("DELETE"));
    assert_eq!(removed.collect::<Vec<_>>(), [format!("DELETE {STDOUT}"), format!("DELETE {STDERR}")]);
}

#[tokio::test]
async fn of_a_long_output_the_end_is_kept_and_of_none_nothing() {
    let long: Vec<u8> = (0..300_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let expected = long[long.len() - (64 << 10)..].to_vec();
    let server = Server::start(move |asked| match asked.line.as_str() {
        "POST /1.0/instances/c1/exec" => begun(),
        _ if is_wait(asked) => ended(0),
        // One that does not know of ranges.
        line if line == format!("GET {STDOUT}") => Act::raw(200, &long),
        line if line == format!("GET {STDERR}") => Act::raw(416, b"invalid range"),
        _ => done(&json!({})),
    });
    let reply = ask(&at(&server.socket(), 60), exec("yes")).await.unwrap();
    assert!(reply.exit == 0 && reply.stdout == expected && reply.stderr.is_empty());
}

#[tokio::test]
async fn a_script_that_could_not_be_run_has_no_status_of_a_script() {
    let server = Server::start(|_| refused(400, "Instance is not running"));
    let reply = ask(&at(&server.socket(), 60), exec("true")).await.unwrap();
    assert_eq!((reply.exit, reply.stderr_text().as_str()), (400, "Instance is not running"));
    let long: &'static str = Box::leak("#".repeat(128 << 10).into_boxed_str());
    let reply = ask(&at(&server.socket(), 60), exec(long)).await.unwrap();
    assert_eq!(reply.exit, 413);
    assert!(reply.stderr_text().contains("x/y.sh was not run"), "{}", reply.stderr_text());
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn what_a_script_said_is_never_made_up() {
    for (metadata, output, words) in [
        (json!({ "output": {} }), Act::raw(200, b""), "does not tell its exit status"),
        (json!({ "return": 0 }), Act::raw(200, b""), "does not tell where its output is"),
        (
            json!({ "return": 0, "output": { "1": "http://x/", "2": "" } }),
            Act::raw(200, b""),
            "where its output is",
        ),
        (json!({ "return": 0, "output": { "1": STDOUT, "2": STDERR } }), Act::raw(404, b""), "answers 404"),
    ] {
        let server = Server::start(move |asked| match asked.line.as_str() {
            "POST /1.0/instances/c1/exec" => begun(),
            _ if is_wait(asked) => operation(200, &metadata, ""),
            _ => output.clone(),
        });
        let error = ask(&at(&server.socket(), 60), exec("true")).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Protocol, "{error}");
        assert!(error.message.contains(words) && error.message.contains("x/y.sh was run"), "{error}");
    }
}

#[tokio::test]
async fn an_output_is_read_again_where_the_connection_ended() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "POST /1.0/instances/c1/exec" => begun(),
        _ if is_wait(asked) => ended(0),
        line if line == format!("GET {STDOUT}") && asked.connection == 0 => Act::raw(200, b"whole").torn(),
        line if line == format!("GET {STDOUT}") => Act::raw(200, b"whole"),
        line if line == format!("GET {STDERR}") => Act::raw(200, b""),
        _ => Act::Cut,
    });
    let reply = ask(&at(&server.socket(), 60), exec("true")).await.unwrap();
    assert_eq!((reply.exit, reply.stdout.as_slice()), (0, &b"whole"[..]));
}
