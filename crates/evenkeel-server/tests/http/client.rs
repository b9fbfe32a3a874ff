//! The client against real servers, and where there is none.

use evenkeel_server::client::{Client, ClientError};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::running::{OPERATOR, Running, VIEWER};

fn token(value: &str) -> SecretString {
    SecretString::from(value)
}

#[tokio::test]
async fn asks_by_socket_and_by_address() {
    let server = Running::start().await;
    let local = Client::socket(&server.socket);
    let woken: Value = local.post_json("/api/v1/notify", &json!({ "sources": ["lab"] })).await.unwrap();
    assert_eq!(woken["woken"], json!(["lab"]));
    let url = format!("http://{}/", server.address);
    let remote = Client::http(&url, Some(token(OPERATOR)), None).unwrap();
    let seen: Value = remote.get_json("/api/v1/runs/12").await.unwrap();
    assert_eq!(seen["run"]["id"], 12);
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_keeps_its_reason_and_hint() {
    let server = Running::start().await;
    let url = format!("http://{}", server.address);
    let viewer = Client::http(&url, Some(token(VIEWER)), None).unwrap();
    let error = viewer.post_json::<_, Value>("/api/v1/notify", &json!({})).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 403, .. }), "{error}");
    assert!(error.to_string().contains("\"anna\" has the role viewer"), "{error}");
    assert!(error.hint().unwrap().contains("operator"));
    assert!(!error.is_retryable());
    let error = viewer.get_json::<Value>("/api/v1/runs/13").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no such run");
    *server.fake.memory.broken.lock().unwrap() = true;
    let error = viewer.get_json::<Value>("/api/v1/sources").await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("the disk is full"), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn where_nobody_answers_it_says_what_to_look_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let ask = async || Client::socket(&path).get_json::<Value>("/healthz").await.unwrap_err();
    let error = ask().await;
    assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");
    assert!(error.hint().unwrap().contains("is `evenkeel serve` running"));
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(matches!(ask().await, ClientError::NotRunning { .. }), "left over by one that was killed");

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = Client::http(&format!("http://{free}"), None, None).unwrap();
    let error = nobody.get_json::<Value>("/healthz").await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_controller_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let other = tokio::spawn(async move {
        for answer in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"[..],
            b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>",
            b"SSH-2.0-OpenSSH_9.9\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"cut",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(answer).await.unwrap();
        }
    });
    let client = Client::http(&url, None, None).unwrap();
    let ask = async || client.get_json::<Value>("/api/v1/sources").await.unwrap_err();
    let error = ask().await;
    assert!(matches!(error, ClientError::Unreadable { .. }), "{error}");
    let error = ask().await;
    assert!(matches!(error, ClientError::Refused { status: 502, .. }), "{error}");
    for _ in 0..2 {
        let error = ask().await;
        assert!(matches!(error, ClientError::Cut { .. }), "{error}");
    }
    other.await.unwrap();
}

#[tokio::test]
async fn authorities_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let parse = || Client::http("https://127.0.0.1:1", None, Some(&file)).unwrap_err().to_string();
    assert!(parse().contains("ca.pem"), "{}", parse());
    std::fs::write(&file, "nothing").unwrap();
    assert!(parse().contains("there is no certificate in it"), "{}", parse());
}
