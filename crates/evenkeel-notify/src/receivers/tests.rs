//! Messages at stand-ins of their receivers.

use std::time::Duration;

use evenkeel_core::config::{EmailSpec, MailTls};
use evenkeel_engine::store::{Event, Weight};
use serde_json::json;

use super::*;
use crate::http::Way;
use crate::message::Gathered;
use crate::stand_in::credential;
use crate::stand_in::diary::{beginning, event};
use crate::stand_in::http::Server;
use crate::stand_in::smtp::{self, Manner, certificate};

fn way() -> Way {
    Way { timeout: Duration::from_secs(5), ca_file: None }
}

fn message(names: &[&str]) -> Message {
    let mut gathered = Gathered::default();
    for (nth, name) in names.iter().enumerate() {
        let what = event(Weight::Warning, "DriftFound", name, beginning());
        gathered.add(Event { seq: 7 + nth as u64, what });
    }
    gathered.message("main", "chat", 6 + names.len() as u64)
}

async fn to_slack(url: &str, message: &Message) -> Result<(), Failure> {
    let slack = Slack { credential: credential(&[("url", url)]), way: way() };
    slack.deliver(message, beginning()).await
}

#[tokio::test]
async fn slack_gets_its_text() {
    let server = Server::start(|_| (200, "", "ok".to_owned())).await;
    let url = format!("{}/services/hunter2", server.url);
    to_slack(&url, &message(&["a"])).await.unwrap();
    to_slack(&url, &message(&["<!channel>", "b"])).await.unwrap();
    let seen = server.seen();
    let rest = |text: &str| json!({ "text": text, "unfurl_links": false, "unfurl_media": false, "link_names": false });
    assert_eq!(
        seen[0].json(),
        rest(
            "main: host1: ZfsDataset/a drifted: tank/a: atime is on, shall be off (evenkeel why host1/ZfsDataset/a)"
        )
    );
    let text = "main: 2 events: DriftFound\n\
        • host1: ZfsDataset/&lt;!channel&gt; drifted: tank/&lt;!channel&gt;: atime is on, shall be off (evenkeel why host1/ZfsDataset/&lt;!channel&gt;)\n\
        • host1: ZfsDataset/b drifted: tank/b: atime is on, shall be off (evenkeel why host1/ZfsDataset/b)";
    assert_eq!(seen[1].json(), rest(text));
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/services/hunter2"));
}

#[tokio::test]
async fn what_a_server_says_decides_what_becomes_of_a_message() {
    for (status, more, refused, asked) in [
        (429, "Retry-After: 30\r\n", false, Some(30)),
        (503, "", false, None),
        (500, "", false, None),
        (400, "", true, None),
        (404, "", false, None),
        (302, "Location: http://127.0.0.1:1/\r\n", false, None),
    ] {
        let server = Server::start(move |_| (status, more, "no: hunter2".to_owned())).await;
        let url = format!("{}/services/hunter2", server.url);
        let failure = to_slack(&url, &message(&["a"])).await.unwrap_err();
        assert_eq!(
            (failure.is_refused, failure.retry_after),
            (refused, asked.map(Duration::from_secs)),
            "{status}"
        );
        assert_eq!(failure.message, format!("127.0.0.1 answers {status}: no: ***"));
    }
}

#[tokio::test]
async fn no_failure_shows_the_address_that_is_a_secret() {
    let closed = Server::start(|_| (200, "", String::new())).await.url.clone();
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    for url in [
        format!("http://127.0.0.1:{port}/hunter2"),
        "http://chat.example/hunter2".to_owned(),
        "hunter2".to_owned(),
        "ftp://hunter2/".to_owned(),
        format!("{closed}\u{0}hunter2"),
    ] {
        if let Err(failure) = to_slack(&url, &message(&["a"])).await {
            assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
            assert!(!failure.is_refused);
        }
    }
    let slack = Slack { credential: credential(&[]), way: way() };
    let failure = slack.deliver(&message(&["a"]), beginning()).await.unwrap_err();
    assert_eq!(failure.message, "credential `chat` has no `url`");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let way = Way { timeout: Duration::from_millis(300), ca_file: None };
    let slack = Slack { credential: credential(&[("url", &url)]), way };
    let failure = slack.deliver(&message(&["a"]), beginning()).await.unwrap_err();
    assert_eq!(failure.message, "127.0.0.1 cannot be reached: no answer in time");
}

#[tokio::test]
async fn a_webhook_is_signed_json() {
    let server = Server::start(|_| (204, "", String::new())).await;
    let url = format!("{}/hook", server.url);
    let webhook =
        Webhook { url, credential: credential(&[("webhookSecret", "whsec_aHVudGVyMg==")]), way: way() };
    webhook.deliver(&message(&["a"]), beginning()).await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!(seen.headers["webhook-id"], "evenkeel-main-chat-7-7");
    assert_eq!(seen.headers["webhook-timestamp"], beginning().as_second().to_string());
    assert!(seen.headers["webhook-signature"].starts_with("v1,"));
    assert_eq!(seen.headers["content-type"], "application/json");
    let body = seen.json();
    assert_eq!(body["id"], "evenkeel-main-chat-7-7");
    assert_eq!(
        (&body["warning"], &body["omitted"], &body["controller"]),
        (&json!(true), &json!(0), &json!("main"))
    );
    assert_eq!(body["events"][0]["reason"], "DriftFound");
    assert_eq!(body["events"][0]["seq"], 7);
    assert_eq!(body["title"], "host1: ZfsDataset/a drifted");
}

fn email(port: u16, tls: MailTls, login: bool, ca_file: Option<std::path::PathBuf>) -> Email {
    let spec = EmailSpec {
        server: "localhost".to_owned(),
        port: Some(port),
        tls,
        from: "evenkeel@example.org".to_owned(),
        to: vec!["ops@example.org".to_owned(), "eve@example.org".to_owned()],
        credentials_ref: None,
    };
    let credential = login.then(|| credential(&[("username", "mailer"), ("password", "hunter2")]));
    Email::new(spec, credential, Way { ca_file, ..way() }).unwrap()
}

#[tokio::test]
async fn mail_is_plain_text_that_says_that_a_machine_wrote_it() {
    let server = smtp::Server::start(Manner::default()).await;
    let email = email(server.port, MailTls::None, false, None);
    email.deliver(&message(&["a"]), beginning()).await.unwrap();
    let mail = server.taken().remove(0);
    assert_eq!((mail.from.as_str(), mail.to.len(), mail.login), ("evenkeel@example.org", 2, None));
    let (head, body) = mail.data.split_once("\r\n\r\n").unwrap();
    for line in [
        "From: evenkeel@example.org",
        "Subject: [evenkeel main] host1: ZfsDataset/a drifted",
        "Message-ID: <evenkeel-main-chat-7-7@example.org>",
        "Auto-Submitted: auto-generated",
        "To: ops@example.org, eve@example.org",
        "Date: Fri, 20 Nov 2026 18:00:00 +0000",
    ] {
        assert!(head.lines().any(|found| found == line), "{line}\n{head}");
    }
    let text = body.replace("=\r\n", "").replace("\r\n", "\n");
    assert!(
        text.starts_with("host1: ZfsDataset/a drifted: tank/a: atime is on, shall be off (evenkeel why host1/ZfsDataset/a)\n"),
        "{body}"
    );
}

#[tokio::test]
async fn nothing_in_an_event_makes_a_header() {
    let server = smtp::Server::start(Manner::default()).await;
    let email = email(server.port, MailTls::None, false, None);
    let hostile = "a\r\nBcc: eve@evil.example\r\n\r\n.\r\nMAIL FROM:<x>";
    let mut what = event(Weight::Warning, "DriftFound", hostile, beginning());
    what.message = format!("x\r\n.\r\nRCPT TO:<eve@evil.example>\r\n{hostile}");
    what.target = Some(hostile.to_owned());
    let mut gathered = Gathered::default();
    gathered.add(Event { seq: 1, what });
    email.deliver(&gathered.message("main", "mail", 1), beginning()).await.unwrap();
    let taken = server.taken();
    assert_eq!((taken.len(), taken[0].to.len()), (1, 2));
    let (head, _) = taken[0].data.split_once("\r\n\r\n").unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
}

#[tokio::test]
async fn mail_goes_encrypted_and_with_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let (pem, acceptor) = certificate();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    for (tls, at_once) in [(MailTls::StartTls, false), (MailTls::Tls, true)] {
        let manner = Manner { tls: Some(acceptor.clone()), at_once, ..Manner::default() };
        let server = smtp::Server::start(manner).await;
        let email = email(server.port, tls, true, Some(ca.clone()));
        email.deliver(&message(&["a"]), beginning()).await.unwrap();
        let mail = server.taken().remove(0);
        // NUL, the user, NUL, the password.
        assert_eq!((mail.encrypted, mail.login.as_deref()), (true, Some("AG1haWxlcgBodW50ZXIy")), "{tls:?}");
    }
    // A server that nobody vouched for gets neither mail nor login.
    let manner = Manner { tls: Some(acceptor.clone()), ..Manner::default() };
    let server = smtp::Server::start(manner).await;
    let failure =
        email(server.port, MailTls::StartTls, true, None).deliver(&message(&["a"]), beginning()).await;
    assert!(!failure.unwrap_err().is_refused && server.taken().is_empty());
    // Nor does one that does not encrypt.
    let server = smtp::Server::start(Manner::default()).await;
    let sent =
        email(server.port, MailTls::StartTls, true, Some(ca)).deliver(&message(&["a"]), beginning()).await;
    assert!(sent.is_err() && server.taken().is_empty());
}

#[tokio::test]
async fn what_a_mail_server_refuses_is_told_without_the_password() {
    let refuses = Manner { refuses: Some("550 no such user hunter2"), ..Manner::default() };
    let server = smtp::Server::start(refuses).await;
    let failure = email(server.port, MailTls::None, true, None)
        .deliver(&message(&["a"]), beginning())
        .await
        .unwrap_err();
    assert!(failure.is_refused && failure.message.contains("no such user ***"), "{failure}");
    let login = Manner { login: Some("535 wrong: hunter2"), ..Manner::default() };
    let server = smtp::Server::start(login).await;
    let failure = email(server.port, MailTls::None, true, None)
        .deliver(&message(&["a"]), beginning())
        .await
        .unwrap_err();
    assert!(!failure.is_refused && !format!("{failure:?}").contains("hunter2"), "{failure:?}");
    let full = Manner { refuses: Some("452 full"), ..Manner::default() };
    let server = smtp::Server::start(full).await;
    let failure = email(server.port, MailTls::None, false, None)
        .deliver(&message(&["a"]), beginning())
        .await
        .unwrap_err();
    assert!(!failure.is_refused, "{failure}");
}

#[tokio::test]
async fn a_message_has_an_end_everywhere() {
    let server = Server::start(|_| (200, "", "ok".to_owned())).await;
    let mail = smtp::Server::start(Manner::default()).await;
    let names: Vec<String> = (0..500).map(|nth| format!("{nth}{}", "x".repeat(4000))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = message(&names);
    to_slack(&format!("{}/x", server.url), &message).await.unwrap();
    email(mail.port, MailTls::None, false, None).deliver(&message, beginning()).await.unwrap();
    let text = server.seen()[0].json()["text"].as_str().unwrap().chars().count();
    assert!(text < 4_000, "{text}");
    assert!(mail.taken()[0].data.len() < 60_000);
    let longest = message.lines.iter().map(|line| line.chars().count()).max();
    assert!(longest.unwrap() <= 401, "{longest:?}");
}
