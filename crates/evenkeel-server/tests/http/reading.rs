//! Parameters: what is asked for reaches the store, and slips are told.

use serde_json::json;

use crate::running::{ADMIN, Request, Running, VIEWER};

#[tokio::test]
async fn what_is_asked_for_reaches_the_store() {
    let server = Running::start().await;
    let cases = [
        (
            "/api/v1/resources?source=a&target=b%20c&kind=K&name=%C3%BC",
            &["\"a\"", "\"b c\"", "\"K\"", "\"ü\""][..],
        ),
        ("/api/v1/runs?name=x&before=9&limit=3", &["\"x\"", "RunId(9)", "limit: Some(3)"]),
        ("/api/v1/events?after=7&limit=2&target=t", &["after: Some(7)", "limit: Some(2)", "\"t\""]),
        ("/api/v1/events?last=5", &["last: Some(5)"]),
        ("/api/v1/inventory?source=lab", &["Some(\"lab\")"]),
        ("/api/v1/observations?name=x&at=2026-01-02T03:04:05Z", &["\"x\""]),
        ("/api/v1/audit?after=7&limit=2&name=x", &["after: Some(7)", "limit: Some(2)", "\"x\""]),
        ("/api/v1/audit?what=command&since=2026-01-02T03:04:05Z", &["\"command\"", "2026-01-02T03:04:05Z"]),
        ("/api/v1/runs/12", &["RunId(12)"]),
    ];
    for (path, expected) in cases {
        let reply = server.ask(&Request::get(path).token(VIEWER)).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert!(String::from_utf8_lossy(&reply.body).starts_with("{\"formatVersion\":1,"), "{path}");
        let asked = server.fake.memory.asked.lock().unwrap().last().cloned().unwrap();
        for part in expected {
            assert!(asked.contains(part), "{part} in {asked}");
        }
    }
    let seen =
        server.ask(&Request::get("/api/v1/observations?at=2026-01-02T03:04:05Z").token(VIEWER)).await.json();
    assert_eq!(seen["at"], "2026-01-02T03:04:05Z");
    assert_eq!(seen["observations"][0]["state"]["properties"]["atime"], "on");
    server.stop().await;
}

#[tokio::test]
async fn slips_are_told_and_nothing_is_asked() {
    let server = Running::start().await;
    for (path, expected) in [
        ("/api/v1/resources?targets=a", "no parameter \"targets\""),
        ("/api/v1/resources?name=a&name=b", "given twice"),
        ("/api/v1/sources?name=a", "no parameter"),
        ("/api/v1/runs?before=x", "before cannot be \"x\""),
        ("/api/v1/runs?limit=0", "from 1 to 1000"),
        ("/api/v1/events?last=10001", "from 1 to 10000"),
        ("/api/v1/events?after=-1", "after cannot be"),
        ("/api/v1/observations?at=yesterday", "at cannot be \"yesterday\""),
        ("/api/v1/audit?since=yesterday", "since cannot be \"yesterday\""),
        ("/api/v1/events/stream?last=1", "no parameter \"last\""),
    ] {
        let reply = server.ask(&Request::get(path).token(VIEWER)).await;
        assert_eq!(reply.status, 400, "{path}");
        let problem = reply.json();
        assert!(problem["detail"].as_str().unwrap().contains(expected), "{path}: {problem}");
    }
    for path in ["/api/v1/runs/13", "/api/v1/runs/x", "/api/v1/runs/99999999999999999999"] {
        assert_eq!(server.ask(&Request::get(path).token(VIEWER)).await.status, 404, "{path}");
    }
    let asked = server.fake.memory.asked.lock().unwrap().clone();
    assert_eq!(asked, ["RunId(13)"]);
    server.stop().await;
}

#[tokio::test]
async fn wishes_with_slips_are_told_and_nothing_is_done() {
    let server = Running::start().await;
    for (path, body) in [
        ("/api/v1/notify", &b"{\"source\":\"infra\"}"[..]),
        ("/api/v1/notify", b"[]"),
        ("/api/v1/notify", b"{\"sources\":\"infra\"}"),
        ("/api/v1/notify", b"\xff"),
        ("/api/v1/reconcile", b"{\"targets\":\"a\"}"),
        ("/api/v1/reconcile", b"{"),
        ("/api/v1/sources/infra/accept", b""),
        ("/api/v1/sources/infra/accept", b"{\"revision\":1}"),
    ] {
        let reply = server.ask(&Request::post(path, body).token(ADMIN)).await;
        assert_eq!(reply.status, 400, "{path} {}", String::from_utf8_lossy(body));
    }
    assert!(server.fake.heard.lock().unwrap().is_empty());
    assert!(server.fake.wishes.lock().unwrap().is_empty());
    assert!(server.fake.accepted.lock().unwrap().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn notifying_says_who_was_woken_and_who_is_unknown() {
    let server = Running::start().await;
    let ask = async |body: &[u8]| {
        let reply = server.ask(&Request::post("/api/v1/notify", body).token(ADMIN)).await;
        (reply.status, reply.json())
    };
    let (status, answer) = ask(b"").await;
    assert_eq!((status, &answer["woken"]), (202, &json!(["infra", "lab"])));
    let (status, answer) = ask(br#"{"sources":["lab","nobody"]}"#).await;
    assert_eq!(
        (status, answer),
        (202, json!({ "formatVersion": 1, "woken": ["lab"], "unknown": ["nobody"] }))
    );
    let (status, answer) = ask(br#"{"sources":["nobody"]}"#).await;
    assert_eq!((status, answer["detail"].as_str()), (404, Some("there is no source of that name")));
    server.stop().await;
}
