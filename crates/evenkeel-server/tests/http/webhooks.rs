//! Webhooks over real sockets: what is passed on, once, and what is not.

use evenkeel_engine::controller::Notice;
use evenkeel_server::Bounds;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::running::{Reply, Request, Running, SECRET, VIEWER, plain, settings, wide};

fn sign(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

fn push(name: &str) -> Vec<u8> {
    json!({ "ref": "refs/heads/main", "repository": { "clone_url": format!("https://git.example/{name}.git") } })
        .to_string()
        .into_bytes()
}

/// A push of GitHub, signed with `secret`.
fn github<'a>(path: &'a str, event: &str, id: &str, secret: &str, body: &'a [u8]) -> Request<'a> {
    Request::post(path, body)
        .header("x-github-event", event)
        .header("x-github-delivery", id)
        .header("x-hub-signature-256", &format!("sha256={}", sign(secret, body)))
}

fn heard(server: &Running) -> Vec<Notice> {
    server.fake.heard.lock().unwrap().clone()
}

fn told(reply: &Reply) -> (u16, Value) {
    (reply.status, reply.json())
}

#[tokio::test]
async fn a_push_wakes_the_sources_of_its_repository() {
    let server = Running::start().await;
    let body = push("infra");
    let reply = server.ask(&github("/webhooks/github", "push", "1", SECRET, &body)).await;
    assert_eq!(told(&reply), (202, json!({ "formatVersion": 1, "woken": ["infra"] })));
    let notice = Notice::Repository {
        urls: vec!["https://git.example/infra.git".to_owned()],
        reference: Some("refs/heads/main".to_owned()),
    };
    assert_eq!(heard(&server), [notice]);
    let reply = server.ask(&github("/webhooks/named", "push", "1", SECRET, b"no json")).await;
    assert_eq!(told(&reply), (202, json!({ "formatVersion": 1, "woken": ["lab"] })));
    assert_eq!(heard(&server)[1], Notice::Sources(vec!["lab".to_owned()]));
    server.stop().await;
}

#[tokio::test]
async fn the_same_delivery_again_is_acknowledged_and_not_passed_on() {
    let server = Running::start().await;
    let (one, two) = (push("one"), push("two"));
    let send =
        async |id: &str, body: &[u8]| server.ask(&github("/webhooks/github", "push", id, SECRET, body)).await;
    let duplicate = (200, json!({ "formatVersion": 1, "duplicate": true }));
    assert_eq!(send("1", &one).await.status, 202);
    assert_eq!(told(&send("1", &one).await), duplicate);
    assert_eq!(
        told(&send("2", &one).await),
        duplicate,
        "the number is not signed: another one does not help"
    );
    assert_eq!(told(&send("1", &two).await), duplicate);
    assert_eq!(send("3", &push("three")).await.status, 202);
    assert_eq!(heard(&server).len(), 2);
    let metrics = server.ask(&Request::get("/metrics").token(VIEWER)).await;
    let text = String::from_utf8(metrics.body).unwrap();
    for line in ["outcome=\"accepted\"} 2", "outcome=\"duplicate\"} 3"] {
        assert!(text.contains(&format!("evenkeel_webhooks_total{{webhook=\"github\",{line}\n")), "{text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_as_it_shall_be_is_not_passed_on() {
    let server = Running::start().await;
    let body = push("infra");
    let good = format!("sha256={}", sign(SECRET, &body));
    let post = || Request::post("/webhooks/github", &body).header("x-github-event", "push");
    let requests = [
        github("/webhooks/github", "push", "1", "another secret", &body),
        post(),
        post().header("x-hub-signature-256", &good).header("x-hub-signature-256", &good),
        post().header("x-hub-signature-256", &good[7..]),
        post().header("x-hub-signature", &good),
        post().token(VIEWER),
        github("/webhooks/gitea", "push", "1", SECRET, &body),
        github("/webhooks/gitlab", "push", "1", SECRET, &body),
        github("/webhooks/generic", "push", "1", SECRET, &body),
    ];
    for request in &requests {
        let reply = server.ask(request).await;
        assert_eq!(reply.status, 401, "{:?}", request.headers);
        assert!(reply.json()["hint"].is_string());
    }
    // One that was refused is not remembered: the right one still comes through.
    assert_eq!(server.ask(&github("/webhooks/github", "push", "1", SECRET, &body)).await.status, 202);
    assert_eq!(heard(&server).len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn every_forge_in_its_own_form() {
    let server = Running::start().await;
    let body = push("infra");
    let now = Timestamp::now().as_second().to_string();
    let stamped = [now.as_bytes(), b".", &body].concat();
    let cloud = json!({
        "push": { "changes": [{ "new": { "type": "branch", "name": "main" } }] },
        "repository": { "full_name": "team/infra" }
    })
    .to_string();
    let accepted = [
        Request::post("/webhooks/gitlab", &body)
            .header("x-gitlab-event", "Push Hook")
            .header("x-gitlab-token", SECRET),
        Request::post("/webhooks/gitea", &body)
            .header("x-gitea-event", "push")
            .header("x-gitea-delivery", "7")
            .header("x-gitea-signature", &sign(SECRET, &body)),
        Request::post("/webhooks/bitbucket", cloud.as_bytes())
            .header("x-event-key", "repo:push")
            .header("x-request-uuid", "7")
            .header("x-hub-signature", &format!("sha256={}", sign(SECRET, cloud.as_bytes()))),
        Request::post("/webhooks/generic", &body)
            .header("x-timestamp", &now)
            .header("x-signature-256", &format!("sha256={}", sign(SECRET, &stamped))),
    ];
    for request in &accepted {
        let first = server.ask(request).await;
        assert_eq!(first.status, 202, "{}: {}", request.path, first.json());
        assert_eq!(server.ask(request).await.json()["duplicate"], true, "{}", request.path);
    }
    let signed_by_gitlab = {
        use base64::Engine as _;
        let message = [b"8.", &stamped[..]].concat();
        let tag = hex::decode(sign(SECRET, &message)).unwrap();
        format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(tag))
    };
    let signed = Request::post("/webhooks/gitlab", &body)
        .header("x-gitlab-event", "Push Hook")
        .header("webhook-id", "8")
        .header("webhook-timestamp", &now)
        .header("webhook-signature", &signed_by_gitlab);
    assert_eq!(server.ask(&signed).await.status, 202);
    assert_eq!(heard(&server).len(), 5);

    let old = (Timestamp::now().as_second() - 301).to_string();
    let stamped = [old.as_bytes(), b".", &body].concat();
    let late = Request::post("/webhooks/generic", &body)
        .header("x-timestamp", &old)
        .header("x-signature-256", &format!("sha256={}", sign(SECRET, &stamped)));
    let reply = server.ask(&late).await;
    assert_eq!(reply.status, 401);
    assert!(reply.json()["hint"].as_str().unwrap().contains("clocks"));
    assert_eq!(heard(&server).len(), 5);
    server.stop().await;
}

#[tokio::test]
async fn pings_and_other_events_are_answered_and_not_passed_on() {
    let server = Running::start().await;
    let reply = server.ask(&github("/webhooks/github", "ping", "1", SECRET, b"{}")).await;
    assert_eq!(told(&reply), (200, json!({ "formatVersion": 1, "pong": true })));
    let reply = server.ask(&github("/webhooks/github", "issues", "2", SECRET, b"{}")).await;
    assert_eq!(told(&reply), (200, json!({ "formatVersion": 1, "ignored": "issues" })));
    for body in [&b"{}"[..], b"\xff\xfe", b"payload=%7B%7D", b"{\"repository\":"] {
        let reply = server.ask(&github("/webhooks/github", "push", "3", SECRET, body)).await;
        assert_eq!(reply.status, 422);
        assert!(reply.json()["hint"].is_string());
    }
    assert!(heard(&server).is_empty());
    server.stop().await;
}

#[tokio::test]
async fn too_many_from_one_address_have_to_wait_and_other_webhooks_do_not() {
    let server = Running::with(settings(2).bounds(wide()), plain()).await;
    let body = push("infra");
    let mut limited = 0;
    // A slow machine gives one back every 30 seconds; never all of them.
    for n in 0..6 {
        let reply = server.ask(&github("/webhooks/github", "push", &n.to_string(), "wrong", &body)).await;
        if reply.status == 429 {
            limited += 1;
            let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=31).contains(&wait), "{wait}");
        } else {
            assert_eq!(reply.status, 401);
        }
    }
    assert!(limited > 0);
    assert_eq!(server.ask(&github("/webhooks/named", "push", "1", SECRET, &body)).await.status, 202);
    // The names that there are not share one count.
    let mut statuses = Vec::new();
    for n in 0..6 {
        let path = format!("/webhooks/nobody-{n}");
        statuses.push(server.ask(&github(&path, "push", "1", SECRET, &body)).await.status);
    }
    assert!(statuses.contains(&404) && statuses.contains(&429), "{statuses:?}");
    server.stop().await;
}

#[tokio::test]
async fn secrets_are_in_no_answer() {
    let server = Running::bounded(Bounds::default()).await;
    let body = push("infra");
    for request in [
        github("/webhooks/github", "push", "1", "x", &body),
        Request::post("/webhooks/gitlab", &body).header("x-gitlab-token", "wrong"),
        Request::get("/metrics").token(VIEWER),
    ] {
        let reply = server.ask(&request).await;
        let text = format!("{}{}", reply.head, String::from_utf8_lossy(&reply.body));
        assert!(!text.contains(SECRET) && !text.contains(VIEWER), "{text}");
    }
    server.stop().await;
}
