//! The socket of an Incus server on the machine behind SSH.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evenkeel_core::request::{IncusRequest, Method};
use evenkeel_transport::IncusTransport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::*;
use evenkeel_tests::sshd::{TestSshd, user};

/// Answers each request with its first line, `answer` of it where that gives something else.
fn listen(socket: &Path, answer: impl Fn(&str) -> Option<Value> + Send + Sync + 'static) {
    let listener = UnixListener::bind(socket).unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut read = Vec::new();
                while stream.read_buf(&mut read).await.unwrap_or(0) > 0 {
                    if !read.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    let text = String::from_utf8(std::mem::take(&mut read)).unwrap();
                    let line = text.split(" HTTP/1.1").next().unwrap();
                    let body = answer(line)
                        .unwrap_or_else(|| json!({ "type": "sync", "metadata": line }))
                        .to_string();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    if stream.write_all((head + &body).as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
}

struct Way {
    transport: IncusTransport,
    target: Target,
}

impl Way {
    fn to(socket: &Path, sshd: &TestSshd) -> Self {
        let ssh = Client::new().transport();
        let credentials = Arc::new(EnvironmentCredentials::new([]));
        let transport = IncusTransport::new(Arc::clone(ssh.client()), credentials);
        let spec = json!({ "incus": { "ssh": sshd.spec(), "socket": socket } });
        let spec: TargetSpec = serde_json::from_value(spec).unwrap();
        Way { transport, target: Target { name: "host".into(), labels: BTreeMap::new(), spec } }
    }

    async fn ask(&self, request: IncusRequest) -> Answer {
        self.transport.exchange(&self.target, &[Request::Incus(Box::new(request))]).await.remove(0)
    }
}

#[tokio::test]
async fn a_socket_behind_ssh_is_reached_over_the_connection_that_is_kept() {
    let sshd = TestSshd::start();
    let socket = sshd.folder().join("incus.socket");
    listen(&socket, |_| None);
    let way = Way::to(&socket, &sshd);
    for path in ["/1.0", "/1.0/images", "/1.0/instances"] {
        assert_eq!(stdout(&way.ask(IncusRequest::new(Method::Get, path)).await), format!("\"GET {path}\""));
    }
    assert_eq!((sshd.logins(), sshd.execs()), (1, 0));
    sshd.kill_connections();
    assert_eq!(stdout(&way.ask(IncusRequest::new(Method::Get, "/1.0")).await), "\"GET /1.0\"");
    assert_eq!(sshd.logins(), 2);
    way.transport.renew(&way.target).await;
    assert_eq!(stdout(&way.ask(IncusRequest::new(Method::Get, "/1.0")).await), "\"GET /1.0\"");
    assert_eq!(sshd.logins(), 3);
}

#[tokio::test]
async fn an_operation_is_followed_over_a_new_connection_where_the_old_one_is_killed() {
    let sshd = Arc::new(TestSshd::start());
    let socket = sshd.folder().join("incus.socket");
    let (waits, killer) = (AtomicUsize::new(0), Arc::downgrade(&sshd));
    listen(&socket, move |line| {
        if line.starts_with("POST ") {
            return Some(json!({ "type": "async", "operation": "/1.0/operations/7a" }));
        }
        assert!(line.starts_with("GET /1.0/operations/7a/wait?"), "{line}");
        if waits.fetch_add(1, Ordering::SeqCst) == 0
            && let Some(sshd) = killer.upgrade()
        {
            sshd.kill_connections();
        }
        let operation = json!({ "status_code": 200, "metadata": { "fingerprint": "abc" } });
        Some(json!({ "type": "sync", "metadata": operation }))
    });
    let way = Way::to(&socket, &sshd);
    let published = way.ask(IncusRequest::new(Method::Post, "/1.0/images")).await;
    assert_eq!(stdout(&published), r#"{"fingerprint":"abc"}"#);
    assert_eq!(sshd.logins(), 2);
}

#[tokio::test]
async fn a_socket_that_cannot_be_had_is_told_with_what_to_look_for() {
    let forbidding = TestSshd::with(&["AllowStreamLocalForwarding no"]);
    let there = forbidding.folder().join("incus.socket");
    listen(&there, |_| None);
    let sshd = TestSshd::start();
    for (sshd, socket) in [(&forbidding, &there), (&sshd, &sshd.folder().join("nothing"))] {
        let answer = Way::to(socket, sshd).ask(IncusRequest::new(Method::Get, "/1.0")).await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Unreachable, "{error}");
        let place = format!("{} on {}@127.0.0.1:{}", socket.display(), user(), sshd.port());
        assert!(error.message.contains(&place), "{error}");
        let hint = error.hint.unwrap();
        assert!(hint.contains("AllowStreamLocalForwarding") && hint.contains("may the user"), "{hint}");
    }
}
