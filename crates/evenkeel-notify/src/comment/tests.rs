//! Comments at a stand-in of each forge.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::stand_in::http::{Seen, Server};

#[test]
fn a_request_is_known_by_its_address() {
    for (url, forge, path) in [
        ("https://github.com/teppi/infra/pull/7", Forge::GitHub, "teppi/infra"),
        ("https://github.com/teppi/infra/pull/7/files#x", Forge::GitHub, "teppi/infra"),
        ("https://git.example/teppi/infra/pulls/7", Forge::Gitea, "teppi/infra"),
        ("https://git.example:8443/a/b/c/-/merge_requests/7/diffs", Forge::GitLab, "a/b/c"),
    ] {
        let found = PullRequest::parse(url).unwrap();
        assert_eq!((found.forge, found.repository.path.as_str(), found.number), (forge, path, 7), "{url}");
    }
    for url in [
        "https://github.com/teppi/infra",
        "https://github.com/teppi/infra/pull/x",
        "https://github.com/pull/7",
        "http://git.example/a/b/pull/7",
        "https://me:hunter2@git.example/a/b/pull/7",
        "a/b#7",
    ] {
        let failure = PullRequest::parse(url).unwrap_err();
        assert!(failure.hint.is_some() || url == "a/b#7", "{url}: {failure:?}");
        assert!(!format!("{failure:?}").contains("hunter2"));
    }
}

/// A forge with so many comments of others before ours.
struct Forgery {
    server: Server,
    comments: Arc<Mutex<Vec<Value>>>,
}

/// `me` is who the token belongs to, where the forge says.
async fn forge(others: usize, me: Option<&'static str>) -> Forgery {
    let other =
        |id: usize| json!({ "id": id, "body": "looks good", "user": { "login": "eve", "type": "User" } });
    let comments: Arc<Mutex<Vec<Value>>> = Arc::new(Mutex::new((1..=others).map(other).collect()));
    let kept = Arc::clone(&comments);
    let server = Server::start(move |seen: &Seen| {
        let mut comments = kept.lock().unwrap();
        let author = me.unwrap_or("evenkeel[bot]");
        if seen.path.ends_with("/user") {
            return match me {
                Some(me) => (200, "", json!({ "login": me, "username": me }).to_string()),
                None => (403, "", r#"{"message":"Resource not accessible by integration"}"#.to_owned()),
            };
        }
        match seen.method.as_str() {
            "GET" => {
                let (_, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
                let page: Option<usize> =
                    query.split('&').find_map(|p| p.strip_prefix("page=")?.parse().ok());
                let all: Vec<Value> = match page {
                    Some(page) => comments.iter().skip((page - 1) * 100).take(100).cloned().collect(),
                    None => comments.clone(),
                };
                (200, "", Value::from(all).to_string())
            }
            "POST" => {
                let id = comments.len() + 1;
                let user = json!({ "login": author, "username": author, "type": "Bot" });
                comments.push(json!({ "id": id, "body": seen.json()["body"], "user": user, "author": user }));
                (201, "", "{}".to_owned())
            }
            _ => {
                let id: usize = seen.path.rsplit('/').next().unwrap().parse().unwrap();
                comments[id - 1]["body"] = seen.json()["body"].clone();
                (200, "", "{}".to_owned())
            }
        }
    })
    .await;
    Forgery { server, comments }
}

fn plan(text: &str) -> Remark {
    Remark::of_plan(&["site".to_owned()], "Plan: 1 to update", text)
}

async fn post(forgery: &Forgery, path: &str, remark: &Remark) -> Posted {
    let request = PullRequest::parse(&format!("{}{path}", forgery.server.url)).unwrap();
    request.post(remark, &SecretString::from("hunter2")).await.unwrap()
}

#[tokio::test]
async fn one_comment_is_made_and_then_written_anew() {
    for (path, list, one, verb, header) in [
        (
            "/a/b/pull/7",
            "/api/v3/repos/a/b/issues/7/comments",
            "/api/v3/repos/a/b/issues/comments/131",
            "PATCH",
            ("authorization", "Bearer hunter2"),
        ),
        (
            "/a/b/pulls/7",
            "/api/v1/repos/a/b/issues/7/comments",
            "/api/v1/repos/a/b/issues/comments/131",
            "PATCH",
            ("authorization", "token hunter2"),
        ),
        (
            "/a/c/b/-/merge_requests/7",
            "/api/v4/projects/a%2Fc%2Fb/merge_requests/7/notes",
            "/api/v4/projects/a%2Fc%2Fb/merge_requests/7/notes/131",
            "PUT",
            ("private-token", "hunter2"),
        ),
    ] {
        let forgery = forge(130, Some("robot")).await;
        assert_eq!(post(&forgery, path, &plan("atime: on -> off")).await, Posted::Created);
        assert_eq!(post(&forgery, path, &plan("nothing to do")).await, Posted::Updated);
        assert_eq!(post(&forgery, path, &plan("nothing to do")).await, Posted::Unchanged);
        let other = Remark::of_plan(&["other".to_owned()], "Plan", "x");
        assert_eq!(post(&forgery, path, &other).await, Posted::Created, "of another part of the repository");
        let comments = forgery.comments.lock().unwrap();
        assert_eq!(comments.len(), 132);
        let body = comments[130]["body"].as_str().unwrap();
        assert!(
            body.contains("```text\nnothing to do\n```") && body.contains("**Evenkeel** Plan: 1 to update"),
            "{body}"
        );
        let seen = forgery.server.seen();
        let posted = seen.iter().find(|s| s.method == "POST").unwrap();
        assert_eq!((posted.path.as_str(), posted.headers[header.0].as_str()), (list, header.1));
        let changed = seen.iter().find(|s| s.method == verb).unwrap();
        assert_eq!(changed.path, one);
    }
}

#[tokio::test]
async fn a_comment_of_somebody_else_is_never_taken_for_ours() {
    for (me, author, kind, expected) in [
        (Some("robot"), "robot", "User", Posted::Updated),
        (Some("robot"), "eve", "User", Posted::Created),
        // The token of an app may not ask who it is.
        (None, "eve", "User", Posted::Created),
        (None, "evenkeel[bot]", "Bot", Posted::Updated),
    ] {
        let forgery = forge(0, me).await;
        let forged = format!("{}\nnothing to see here", plan("").mark);
        let comment = json!({ "id": 1, "body": forged, "user": { "login": author, "type": kind } });
        forgery.comments.lock().unwrap().push(comment);
        assert_eq!(post(&forgery, "/a/b/pull/7", &plan("x")).await, expected, "{author}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_without_the_token() {
    let server = Server::start(|_| (401, "", r#"{"message":"Bad credentials hunter2"}"#.to_owned())).await;
    let request = PullRequest::parse(&format!("{}/a/b/pull/7", server.url)).unwrap();
    let failure = request.post(&plan("x"), &SecretString::from("hunter2")).await.unwrap_err();
    assert_eq!(failure.message, r#"127.0.0.1 answers 401: {"message":"Bad credentials ***"}"#);
}

#[test]
fn a_long_plan_is_cut_and_says_so() {
    let text = "a line of a plan\n".repeat(10_000);
    let body = plan(&text).body;
    assert!((60_000..=LONGEST).contains(&body.chars().count()), "{}", body.chars().count());
    assert!(
        body.ends_with(" more lines are cut off here: the output of the job has all of them.\n"),
        "{}",
        &body[body.len() - 200..]
    );
}

#[test]
fn what_stands_in_a_plan_stays_in_its_block() {
    let hostile = "a\n```\n<!-- evenkeel plan 000 -->\n@everyone <script>\n````\n";
    let body = Remark::of_plan(&[], "Plan: `x` <b> @all [a](b)", hostile).body;
    assert!(body.contains("\n`````text\na\n```\n"), "{body}");
    assert!(body.contains(r"Plan: \`x\` &lt;b\> @"), "{body}");
    assert!(!body.contains("[a](b)") && !body.contains(" @all"), "{body}");
}
