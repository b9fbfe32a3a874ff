//! What is too large, too slow or too much.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_server::Bounds;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fake::Gate;
use crate::running::{ADMIN, PATIENCE, Request, Running, answer, unix, wide};

const SHORT: Duration = Duration::from_millis(200);

/// Waits until the other end closes, and gives what it said until then.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it closes");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn who_sends_no_whole_head_is_cut() {
    let server = Running::bounded(Bounds { headers: SHORT, ..wide() }).await;
    for sent in [&b""[..], b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: "] {
        let mut stream = server.connect().await;
        stream.write_all(sent).await.unwrap();
        let said = until_closed(&mut stream).await;
        assert!(!said.contains("200 OK"), "{said}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_idles_after_a_request_is_closed() {
    let server = Running::bounded(Bounds { headers: SHORT, ..wide() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(answer(&mut stream).await.status, 200);
    assert_eq!(until_closed(&mut stream).await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Running::bounded(Bounds { body: SHORT, ..wide() }).await;
    for path in ["/api/v1/notify", "/webhooks/github", "/webhooks/nobody"] {
        let mut stream = server.connect().await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN}\r\ncontent-length: 10\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream).await.status, 408, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read_to_its_end() {
    let server = Running::start().await;
    for (path, most) in [("/api/v1/notify", 64 * 1024), ("/webhooks/github", 1024 * 1024)] {
        let announced = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN}\r\ncontent-length: {}\r\n\r\n",
            most + 1
        );
        let mut stream = server.connect().await;
        stream.write_all(announced.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream).await.status, 413, "{path}");

        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let mut stream = server.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = [format!("{:x}\r\n", 16 * 1024).as_bytes(), &[b' '; 16 * 1024], b"\r\n"].concat();
        for _ in 0..=most / (16 * 1024) {
            // It may have answered and closed before the last one.
            if stream.write_all(&chunk).await.is_err() {
                break;
            }
        }
        assert_eq!(answer(&mut stream).await.status, 413, "{path} in chunks");
    }
    let most = vec![b' '; 64 * 1024];
    let reply = server.ask(&Request::post("/api/v1/notify", &most).token(ADMIN)).await;
    assert_eq!(reply.status, 400, "this one is read, and is no JSON");
    server.stop().await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let server = Running::start().await;
    let reply = server.ask(&Request::get("/healthz").header("x", &"y".repeat(256 * 1024))).await;
    assert_eq!(reply.status, 431);
    server.stop().await;
}

#[tokio::test]
async fn only_so_many_connections_at_once_and_the_socket_has_its_own() {
    let server = Running::bounded(Bounds { connections: 1, headers: Duration::from_secs(1), ..wide() }).await;
    let mut idle = server.connect().await;
    // It has its place for certain once it was answered.
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(answer(&mut idle).await.status, 200);
    assert_eq!(server.ask_socket(&Request::get("/healthz")).await.status, 200);
    assert_eq!(server.ask(&Request::get("/healthz")).await.status, 200);
    let closed = idle.try_read(&mut [0; 1]);
    assert!(matches!(closed, Ok(0)), "the second was answered when the first was gone: {closed:?}");
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_and_so_does_the_server() {
    let bounds = Bounds { answer: SHORT, drain: SHORT, ..wide() };
    let server = Running::bounded(bounds).await;
    *server.fake.stuck.lock().unwrap() = true;
    let reply = server.ask(&Request::post("/api/v1/notify", b"{}").token(ADMIN)).await;
    assert_eq!(reply.status, 503);
    server.stop().await;

    let bounds = Bounds { answer: PATIENCE * 10, drain: SHORT, ..wide() };
    let server = Running::bounded(bounds).await;
    *server.fake.stuck.lock().unwrap() = true;
    let mut stream = unix(&server.socket).await;
    stream.write_all(&Request::post("/api/v1/notify", b"{}").bytes()).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn what_has_begun_is_finished_at_the_end() {
    // Nothing is cut for being late: who idles is told to go.
    let mut server = Running::bounded(Bounds { drain: PATIENCE * 10, ..wide() }).await;
    let mut idle = server.connect().await;
    let mut begun = server.connect().await;
    let request = Request::post("/api/v1/reconcile", b"{}").token(ADMIN).bytes();
    let (first, rest) = request.split_at(request.len() - 1);
    begun.write_all(first).await.unwrap();
    // A whole request on another connection shows that the server had time to read the first one's head.
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(answer(&mut idle).await.status, 200);
    server.begin_to_stop();
    assert_eq!(until_closed(&mut idle).await, "");
    // Whether the head of the first was read in time is the machine's business; a half answer is never given.
    let _ = begun.write_all(rest).await;
    let said = until_closed(&mut begun).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 202"), "{said}");
}

#[tokio::test]
async fn nonsense_is_answered_or_cut_and_the_server_goes_on() {
    let server = Running::start().await;
    for sent in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"GET /api/v1/runs/%ff%fe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /api/v1/sources/%2e%2e/accept HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let said = until_closed(&mut stream).await;
        assert!(!said.contains(" 200 ") && !said.contains(" 500 "), "{said}");
    }
    assert_eq!(server.ask(&Request::get("/healthz")).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn what_was_asked_is_done_also_when_the_client_goes_away() {
    let server = Running::start().await;
    let gate = Arc::new(Gate::default());
    *server.fake.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let mut stream = server.connect().await;
    let request = Request::post("/api/v1/sources/infra/accept", br#"{"revision":"f"}"#).token(ADMIN);
    stream.write_all(&request.bytes()).await.unwrap();
    tokio::time::timeout(PATIENCE, gate.begun.notified()).await.expect("it begins");
    drop(stream);
    // The server has seen that the client is gone once a later request on another connection is answered.
    assert_eq!(server.ask(&Request::get("/healthz")).await.status, 200);
    gate.go_on.notify_one();
    tokio::time::timeout(PATIENCE, gate.done.notified()).await.expect("it is done");
    assert_eq!(server.fake.accepted.lock().unwrap().len(), 1);
    server.stop().await;
}
