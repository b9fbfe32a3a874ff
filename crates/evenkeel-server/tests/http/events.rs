//! The stream of events: nothing lost, nothing twice, whoever is slow.

use std::time::Duration;

use evenkeel_engine::store::{Event, ResourceFilter};
use evenkeel_server::Bounds;
use evenkeel_server::client::{Client, ClientError, EventStream};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::running::{PATIENCE, Request, Running, VIEWER, wide};

async fn listen(server: &Running, after: Option<u64>) -> EventStream {
    Client::socket(&server.socket).events(after, &ResourceFilter::default()).await.unwrap()
}

async fn next(stream: &mut EventStream) -> Result<Event, ClientError> {
    tokio::time::timeout(PATIENCE, stream.next()).await.expect("an event in time").expect("no end")
}

#[tokio::test]
async fn events_as_they_happen_and_those_before_only_if_asked() {
    let server = Running::start().await;
    let old = server.fake.happen("old");
    let mut new = listen(&server, None).await;
    let mut all = listen(&server, Some(0)).await;
    let seq = server.fake.happen("new");
    let event = next(&mut new).await.unwrap();
    assert_eq!((event.seq, event.what.name.as_deref()), (seq, Some("new")));
    assert_eq!(next(&mut all).await.unwrap().seq, old);
    assert_eq!(next(&mut all).await.unwrap().seq, seq);
    server.stop().await;
}

#[tokio::test]
async fn a_listener_that_falls_behind_gets_everything_once() {
    let server = Running::start().await;
    let mut stream = listen(&server, Some(0)).await;
    // More than the channel holds, and than is read at once.
    let mut expected: Vec<u64> = (0..1200).map(|n| server.fake.happen(&n.to_string())).collect();
    let mut seen = Vec::new();
    for n in 0..1200 {
        seen.push(next(&mut stream).await.unwrap().seq);
        if n % 100 == 0 {
            expected.push(server.fake.happen("more"));
        }
    }
    while seen.len() < expected.len() {
        seen.push(next(&mut stream).await.unwrap().seq);
    }
    assert_eq!(seen, expected);
    server.stop().await;
}

#[tokio::test]
async fn who_comes_back_goes_on_where_it_was() {
    let server = Running::start().await;
    let seqs: Vec<u64> = (0..5).map(|n| server.fake.happen(&n.to_string())).collect();
    let request = Request::get("/api/v1/events/stream?after=0")
        .token(VIEWER)
        .header("last-event-id", &seqs[2].to_string());
    let mut stream = server.connect().await;
    stream.write_all(&request.bytes()).await.unwrap();
    let text = read_until(&mut stream, &format!("id: {}\n", seqs[4])).await;
    assert!(text.contains(&format!("id: {}\n", seqs[3])), "{text}");
    assert!(!text.contains(&format!("id: {}\n", seqs[2])), "the number in the header wins: {text}");
    assert!(text.contains("\"formatVersion\":1"), "{text}");
    let bad = Request::get("/api/v1/events/stream").token(VIEWER).header("last-event-id", "x");
    assert_eq!(server.ask(&bad).await.status, 400);
    server.stop().await;
}

async fn read_until(stream: &mut tokio::net::TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    tokio::time::timeout(PATIENCE, async {
        while !String::from_utf8_lossy(&read).contains(end) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{}", String::from_utf8_lossy(&read));
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{end:?} in {}", String::from_utf8_lossy(&read)));
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn signs_of_life_and_an_event_that_nobody_told_of() {
    let server = Running::bounded(Bounds { heartbeat: Duration::from_millis(50), ..wide() }).await;
    let mut stream = server.connect().await;
    stream.write_all(&Request::get("/api/v1/events/stream").token(VIEWER).bytes()).await.unwrap();
    read_until(&mut stream, ": alive\n\n").await;
    let event = server.fake.write("quiet");
    read_until(&mut stream, &format!("id: {}\n", event.seq)).await;
    server.stop().await;
}

#[tokio::test]
async fn only_what_was_asked_for() {
    let server = Running::start().await;
    let about = ResourceFilter { name: Some("b c".to_owned()), ..ResourceFilter::default() };
    let mut stream = Client::socket(&server.socket).events(Some(0), &about).await.unwrap();
    for name in ["a", "b c", "d", "b c"] {
        server.fake.happen(name);
    }
    for _ in 0..2 {
        assert_eq!(next(&mut stream).await.unwrap().what.name.as_deref(), Some("b c"));
    }
    server.stop().await;
}

#[tokio::test]
async fn streams_end_with_the_server_and_with_the_store() {
    let server = Running::start().await;
    let mut stream = listen(&server, None).await;
    let mut other = listen(&server, None).await;
    server.fake.happen("a");
    next(&mut stream).await.unwrap();
    next(&mut other).await.unwrap();
    *server.fake.memory.broken.lock().unwrap() = true;
    server.fake.happen("b");
    let error = next(&mut stream).await.unwrap_err();
    assert!(matches!(error, ClientError::Cut { .. }) && error.is_retryable(), "{error}");
    assert!(stream.next().await.is_none());
    *server.fake.memory.broken.lock().unwrap() = false;
    let mut last = listen(&server, None).await;
    server.stop().await;
    assert!(matches!(next(&mut last).await, Err(ClientError::Cut { .. })));
}

#[tokio::test]
async fn a_stream_outlives_the_bound_on_idle_connections() {
    let short = Duration::from_millis(100);
    let server = Running::bounded(Bounds { headers: short, heartbeat: short / 2, ..wide() }).await;
    let mut stream = server.connect().await;
    stream.write_all(&Request::get("/api/v1/events/stream").token(VIEWER).bytes()).await.unwrap();
    for _ in 0..8 {
        read_until(&mut stream, ": alive\n\n").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_listener_that_takes_nothing_gives_its_place_up() {
    let bounds = Bounds { connections: 1, write: Duration::from_millis(200), ..wide() };
    let server = Running::bounded(bounds).await;
    // More than the system keeps for who does not read.
    let long = "x".repeat(20_000);
    for _ in 0..1000 {
        server.fake.write(&long);
    }
    let mut stream = server.connect().await;
    stream.write_all(&Request::get("/api/v1/events/stream?after=0").token(VIEWER).bytes()).await.unwrap();
    assert_eq!(server.ask(&Request::get("/healthz")).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn many_pages_come_one_after_the_other() {
    let server = Running::bounded(Bounds { heartbeat: PATIENCE * 10, ..wide() }).await;
    let written: Vec<u64> = (0..1200).map(|n| server.fake.write(&n.to_string()).seq).collect();
    let mut stream = listen(&server, Some(0)).await;
    for seq in written {
        assert_eq!(next(&mut stream).await.unwrap().seq, seq);
    }
    server.stop().await;
}
