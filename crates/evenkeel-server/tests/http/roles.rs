//! Every route for every role, and what a token must not do.

use evenkeel_core::period::Period;
use evenkeel_engine::controller::Word;
use evenkeel_server::{Access, Bounds, Settings, routes};

use crate::running::{ADMIN, OPERATOR, Reply, Request, Running, VIEWER, plain, wide};

/// What is sent for a route, and its answers: without a token, with a wrong one, as viewer, operator and admin over TCP,
/// and over the socket without any.
type Row = (&'static str, &'static str, &'static str, &'static str, [u16; 6]);

const OPEN: [u16; 6] = [200, 200, 200, 200, 200, 200];
const VIEW: [u16; 6] = [401, 401, 200, 200, 200, 200];
const OPERATE: [u16; 6] = [401, 401, 403, 202, 202, 202];
const ADMINISTER: [u16; 6] = [401, 401, 403, 403, 200, 200];
const NOBODY: [u16; 6] = [404, 404, 404, 404, 404, 404];

const MATRIX: [Row; 20] = [
    ("GET", "/healthz", "/healthz", "", OPEN),
    ("GET", "/readyz", "/readyz", "", OPEN),
    ("GET", "/metrics", "/metrics", "", VIEW),
    ("POST", "/webhooks/{name}", "/webhooks/nobody", "{}", NOBODY),
    ("GET", "/api/v1/openapi.json", "/api/v1/openapi.json", "", VIEW),
    ("GET", "/api/v1/sources", "/api/v1/sources", "", VIEW),
    ("GET", "/api/v1/resources", "/api/v1/resources", "", VIEW),
    ("GET", "/api/v1/runs", "/api/v1/runs", "", VIEW),
    ("GET", "/api/v1/runs/{id}", "/api/v1/runs/12", "", VIEW),
    ("GET", "/api/v1/inventory", "/api/v1/inventory", "", VIEW),
    ("GET", "/api/v1/events", "/api/v1/events", "", VIEW),
    ("GET", "/api/v1/events/stream", "/api/v1/events/stream", "", VIEW),
    ("GET", "/api/v1/observations", "/api/v1/observations", "", VIEW),
    ("GET", "/api/v1/audit", "/api/v1/audit", "", VIEW),
    ("GET", "/api/v1/approvals", "/api/v1/approvals", "", VIEW),
    (
        "POST",
        "/api/v1/approvals/{plan}/approve",
        "/api/v1/approvals/0123456789ab/approve",
        r#"{"reason":"r"}"#,
        ADMINISTER,
    ),
    (
        "POST",
        "/api/v1/approvals/{plan}/reject",
        "/api/v1/approvals/0123456789ab/reject",
        r#"{"reason":"r"}"#,
        ADMINISTER,
    ),
    ("POST", "/api/v1/notify", "/api/v1/notify", "{}", OPERATE),
    ("POST", "/api/v1/reconcile", "/api/v1/reconcile", "{}", OPERATE),
    (
        "POST",
        "/api/v1/sources/{name}/accept",
        "/api/v1/sources/infra/accept",
        r#"{"revision":"f"}"#,
        ADMINISTER,
    ),
];

#[tokio::test]
async fn every_route_for_every_role() {
    let mut listed: Vec<_> = routes().map(|r| (r.method, r.path)).collect();
    let mut tested: Vec<_> = MATRIX.iter().map(|row| (row.0, row.1)).collect();
    listed.sort_unstable();
    tested.sort_unstable();
    assert_eq!(listed, tested, "every route has a line in the matrix");

    let server = Running::start().await;
    for (method, _, path, body, expected) in MATRIX {
        let request = || Request { method, path, headers: Vec::new(), body: body.as_bytes() };
        let mut found = [0; 6];
        found[0] = check(&server.ask(&request()).await);
        for (n, token) in ["wrong-0123456789abcdef", VIEWER, OPERATOR, ADMIN].into_iter().enumerate() {
            found[n + 1] = check(&server.ask(&request().token(token)).await);
        }
        found[5] = check(&server.ask_socket(&request()).await);
        assert_eq!(found, expected, "{method} {path}");
    }
    server.stop().await;
}

/// Every refusal is a problem document with a hint, and nothing is kept by caches.
fn check(reply: &Reply) -> u16 {
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:?}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{reply:?}");
    if reply.status >= 400 {
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        let problem = reply.json();
        assert_eq!(problem["status"], reply.status);
        assert_eq!(problem["formatVersion"], 1);
        assert!(problem["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{problem}");
        assert_eq!(reply.header("www-authenticate").is_some(), reply.status == 401, "{reply:?}");
    }
    reply.status
}

#[tokio::test]
async fn only_one_whole_bearer_token_will_do() {
    let server = Running::start().await;
    let ask = async |values: &[&str]| {
        let mut request = Request::get("/api/v1/sources");
        for value in values {
            request = request.header("authorization", value);
        }
        server.ask(&request).await.status
    };
    let bearer = format!("Bearer {VIEWER}");
    assert_eq!(ask(&[&bearer]).await, 200);
    assert_eq!(ask(&[&format!("bEARER   {VIEWER} ")]).await, 200);
    for wrong in [
        VIEWER.to_owned(),
        format!("Basic {VIEWER}"),
        format!("Bearer {}", &VIEWER[..VIEWER.len() - 1]),
        format!("Bearer {VIEWER}x"),
        format!("Bearer {}", VIEWER.to_uppercase()),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
    ] {
        assert_eq!(ask(&[&wrong]).await, 401, "{wrong}");
    }
    assert_eq!(ask(&[&bearer, &bearer]).await, 401);
    server.stop().await;
}

#[tokio::test]
async fn what_a_wrong_token_was_is_not_told() {
    let server = Running::start().await;
    let reply = server.ask(&Request::get("/metrics").token("canary-0123456789abcdef")).await;
    assert!(!String::from_utf8_lossy(&reply.body).contains("canary"), "{reply:?}");
    server.stop().await;
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_the_socket_stays_open() {
    // One in a minute, which is longer than this takes.
    let bounds = Bounds { wrong_tokens_per_minute: 1, ..wide() };
    let server = Running::bounded(bounds).await;
    let reply = server.ask(&Request::get("/metrics").token("wrong-0123456789abcdef")).await;
    assert_eq!(reply.status, 401);
    // Without a token nothing is guessed.
    assert_eq!(server.ask(&Request::get("/metrics")).await.status, 401);
    for token in ["wrong-0123456789abcdef", ADMIN] {
        let reply = server.ask(&Request::get("/metrics").token(token)).await;
        assert_eq!(reply.status, 429, "{token}");
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
    }
    assert_eq!(server.ask_socket(&Request::get("/metrics")).await.status, 200);
    assert_eq!(server.ask(&Request::get("/healthz")).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn guessing_at_an_open_address_is_slowed_down_too() {
    let bounds = Bounds { wrong_tokens_per_minute: 1, ..wide() };
    let server = Running::bounded(bounds).await;
    let ready = async |token| server.ask(&Request::get("/readyz").token(token)).await;
    assert!(!ready(ADMIN).await.json()["health"].is_null());
    for token in ["wrong-0123456789abcdef", ADMIN] {
        let reply = ready(token).await;
        assert_eq!(reply.status, 200, "it stays open: {reply:?}");
        assert!(reply.json()["health"].is_null(), "{token} is told from others");
    }
    assert_eq!(server.ask(&Request::get("/metrics").token(ADMIN)).await.status, 429);
    server.stop().await;
}

#[tokio::test]
async fn without_tokens_the_api_is_closed_and_says_what_to_do() {
    let settings = Settings::new(Vec::new(), Vec::new(), 60).unwrap().bounds(wide());
    let server = Running::with(settings, plain()).await;
    for route in routes() {
        let path = route.path.replace("{id}", "12").replace("{name}", "infra");
        let request = Request { method: route.method, path: &path, headers: Vec::new(), body: b"{}" };
        let reply = server.ask(&request.token(ADMIN)).await;
        match route.access {
            Access::Open => assert_ne!(reply.status, 401, "{path}"),
            Access::Role(_) => {
                assert_eq!(reply.status, 401, "{path}");
                assert!(reply.json()["hint"].as_str().unwrap().contains("tokens"));
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn why_it_is_not_ready_is_told_to_those_who_may_look() {
    let server = Running::start().await;
    {
        let mut health = server.fake.health.lock().unwrap();
        health.ready = false;
        health.reasons = vec!["the source infra was not read yet".to_owned()];
    }
    let open = server.ask(&Request::get("/readyz").token("wrong-0123456789abcdef")).await;
    assert_eq!((open.status, open.json()), (503, serde_json::json!({ "formatVersion": 1, "ready": false })));
    let known = server.ask(&Request::get("/readyz").token(VIEWER)).await;
    assert_eq!(known.status, 503);
    assert_eq!(known.json()["health"]["reasons"][0], "the source infra was not read yet");
    server.fake.health.lock().unwrap().ready = true;
    assert_eq!(server.ask(&Request::get("/readyz")).await.status, 200);
    server.fake.health.lock().unwrap().draining = true;
    assert_eq!(server.ask(&Request::get("/readyz")).await.status, 503);
    server.fake.health.lock().unwrap().live = false;
    assert_eq!(server.ask(&Request::get("/healthz")).await.status, 503);
    server.stop().await;
}

#[tokio::test]
async fn who_asked_is_written_down() {
    let server = Running::start().await;
    let body = br#"{"target":"durian"}"#;
    assert_eq!(server.ask(&Request::post("/api/v1/reconcile", body).token(OPERATOR)).await.status, 202);
    assert_eq!(server.ask_socket(&Request::post("/api/v1/reconcile", body)).await.status, 202);
    let body = br#"{"revision":"fedc"}"#;
    assert_eq!(
        server.ask(&Request::post("/api/v1/sources/infra/accept", body).token(ADMIN)).await.status,
        200
    );
    {
        let wishes = server.fake.wishes.lock().unwrap();
        assert_eq!(wishes[0].1, "ci");
        assert!(wishes[1].1.starts_with("local user"), "{wishes:?}");
        assert_eq!(wishes[0].0.target.as_deref(), Some("durian"));
        let accepted = server.fake.accepted.lock().unwrap();
        assert_eq!(*accepted, [("infra".to_owned(), "fedc".to_owned(), "root".to_owned())]);
    }
    let refused = server.ask(&Request::post("/api/v1/sources/lab/accept", body).token(ADMIN)).await;
    assert_eq!((refused.status, refused.json()["detail"].as_str()), (409, Some("lab holds no revision")));
    server.stop().await;
}

#[tokio::test]
async fn a_method_or_address_that_is_not_there() {
    let server = Running::start().await;
    let put = Request { method: "PUT", path: "/api/v1/sources", headers: Vec::new(), body: b"" };
    let reply = server.ask(&put.token(ADMIN)).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
    let reply = server.ask(&Request::get("/api/v1/nothing").token(ADMIN)).await;
    assert_eq!(reply.status, 404);
    for path in ["/api/v1/runs/%ff%fe", "/webhooks/%ff"] {
        let method = if path.starts_with("/web") { "POST" } else { "GET" };
        let unread = Request { method, path, headers: Vec::new(), body: b"" };
        assert_eq!(check(&server.ask(&unread.token(ADMIN)).await), 400, "{path}");
    }
    let head = Request { method: "HEAD", path: "/api/v1/sources", headers: Vec::new(), body: b"" };
    assert_eq!(server.ask(&head).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn a_decision_has_the_name_of_who_made_it_and_refusals_have_their_status() {
    let server = Running::start().await;
    let ask = async |path: &str, body: &str| {
        let path = format!("/api/v1/approvals/{path}");
        server.ask(&Request::post(&path, body.as_bytes()).token(ADMIN)).await.status
    };
    let body = r#"{"reason":"as agreed","for":"2h","overrideWindow":true}"#;
    assert_eq!(ask("0123456789ab/approve", body).await, 200);
    assert_eq!(ask("0123456789ab/reject", r#"{"reason":"no"}"#).await, 200);
    {
        let decisions = server.fake.decisions.lock().unwrap();
        let word = Word::Approve { within: Period::minutes(120), override_window: true };
        assert_eq!((decisions[0].by.as_str(), &decisions[0].word), ("root", &word));
        assert_eq!(decisions[1].word, Word::Reject);
    }
    for (path, body, status) in [
        ("1123456789ab/approve", r#"{"reason":"r"}"#, 409),
        ("ffffffffffff/approve", r#"{"reason":"r"}"#, 404),
        ("0123456789ab/approve", "{}", 400),
        ("0123456789ab/approve", r#"{"reason":"r","for":"soon"}"#, 400),
        ("0123456789ab/approve", r#"{"reason":"r","forever":true}"#, 400),
        ("0123456789ab/reject", r#"{"reason":"r","for":"2h"}"#, 400),
        ("0123456789ab/drop", "{}", 404),
    ] {
        assert_eq!(ask(path, body).await, status, "{path} {body}");
    }
    server.stop().await;
}
