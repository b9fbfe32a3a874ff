//! The transport to Incus against a real server, in what no template's build comes to: `real_incus` has the rest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::request::{IncusRequest, Method, Reply, Request, Script};
use evenkeel_core::target::{Target, TargetSpec};
use evenkeel_core::transport::{Transport as _, TransportError, TransportErrorKind};
use evenkeel_tests::incushost::IncusHost;
use evenkeel_tests::sshd::user;
use evenkeel_transport::credentials::EnvironmentCredentials;
use evenkeel_transport::{IncusTransport, SshClient, SshOptions};
use serde_json::{Value, json};

/// A way to a server.
struct Way {
    transport: IncusTransport,
    target: Target,
}

impl Way {
    fn new(incus: &Value, secrets: &[(&str, &str)]) -> Self {
        let secrets = secrets
            .iter()
            .map(|(key, value)| (format!("EVENKEEL_CRED_INCUS_{}", key.to_uppercase()), (*value).to_owned()));
        let credentials = Arc::new(EnvironmentCredentials::new(secrets));
        let options = SshOptions::isolated("/nonexistent", user());
        let client = SshClient::new(options, Arc::clone(&credentials) as _);
        let spec: TargetSpec = serde_json::from_value(json!({ "incus": incus })).unwrap();
        let target = Target { name: "box".into(), labels: BTreeMap::new(), spec };
        Way { transport: IncusTransport::new(Arc::new(client), credentials), target }
    }

    async fn try_ask(&self, request: IncusRequest) -> Result<Reply, TransportError> {
        self.transport.exchange(&self.target, &[Request::Incus(Box::new(request))]).await.remove(0)
    }

    async fn ask(&self, request: IncusRequest) -> Reply {
        let told = request.display();
        self.try_ask(request).await.unwrap_or_else(|error| panic!("{told}: {error:?}"))
    }

    /// What succeeds.
    async fn done(&self, request: IncusRequest) -> Value {
        let told = request.display();
        let reply = self.ask(request).await;
        assert_eq!(reply.exit, 0, "{told}: {}", reply.stderr_text());
        serde_json::from_slice(&reply.stdout).unwrap()
    }

    /// What is refused, and with which words.
    async fn refused(&self, request: IncusRequest) -> (i32, String) {
        let reply = self.ask(request).await;
        assert!(reply.stdout.is_empty(), "{reply:?}");
        (reply.exit, reply.stderr_text())
    }

    /// An instance of the small image that runs.
    async fn launch(&self, name: &str) {
        let instance = json!({
            "name": name,
            "source": { "type": "image", "alias": "busybox" },
            "profiles": [],
            "config": { "user.evenkeel.resource": "ContainerTemplate/a" },
            "devices": { "root": { "type": "disk", "path": "/", "pool": "default" } },
        });
        self.done(IncusRequest::send(Method::Post, "/1.0/instances", instance)).await;
        let start = json!({ "action": "start", "timeout": 30 });
        let path = format!("/1.0/instances/{name}/state");
        self.done(IncusRequest::send(Method::Put, path, start)).await;
    }
}

fn get(path: &str) -> IncusRequest {
    IncusRequest::new(Method::Get, path)
}

fn run(instance: &str, text: &'static str, arguments: &[&str]) -> IncusRequest {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    IncusRequest::Exec {
        instance: instance.into(),
        script: Script::new("x.sh", text),
        arguments,
        seconds: None,
    }
}

fn discard(instance: &str, resource: &str) -> IncusRequest {
    let marked = BTreeMap::from([("user.evenkeel.resource".to_owned(), resource.to_owned())]);
    IncusRequest::Discard { instance: instance.into(), marked }
}

fn at_socket(host: &IncusHost) -> Way {
    Way::new(&json!({ "socket": host.socket(), "timeoutSeconds": 120 }), &[])
}

#[tokio::test]
async fn scripts_run_in_instances_and_what_they_say_comes_back() {
    let host = IncusHost::start();
    let way = at_socket(&host);
    way.launch("c1").await;
    let text = "cat; echo \"$0|$1|$2|$LC_ALL|$HOME|$(id -u)\"; echo words >&2; exit 7";
    let reply = way.ask(run("c1", text, &["a b", "*"])).await;
    assert_eq!((reply.exit, reply.stdout.as_slice()), (7, &b"x.sh|a b|*|C.UTF-8|/root|0\n"[..]));
    assert!(reply.stderr.ends_with(b"words\n"), "{}", reply.stderr_text());
    let reply = way.ask(run("c1", "seq 1 50000; kill -9 $$", &[])).await;
    assert_eq!(reply.exit, 137);
    assert!(reply.stdout.len() == 64 << 10 && reply.stdout.ends_with(b"\n49999\n50000\n"));
    for (text, exit, words) in
        [("echo so far; nosuch", 127, "nosuch"), ("echo so far; echo no >&2; exit 126", 126, "no")]
    {
        let reply = way.ask(run("c1", text, &[])).await;
        let said = reply.stderr_text();
        assert_eq!((reply.exit, reply.stdout.as_slice()), (exit, &b"so far\n"[..]), "{said}");
        assert!(said.contains(words) && said.contains(&format!("x.sh ended with status {exit}")), "{said}");
    }
    let left = way.done(get("/1.0/instances/c1/logs/exec-output")).await;
    assert_eq!(left, json!([]), "outputs are removed");
    assert_eq!(way.refused(run("nowhere", "true", &[])).await.0, 404);
    way.done(IncusRequest::send(
        Method::Put,
        "/1.0/instances/c1/state",
        json!({ "action": "stop", "force": true }),
    ))
    .await;
    let (exit, words) = way.refused(run("c1", "true", &[])).await;
    assert!(exit == 400 && words.contains("not running"), "{exit} {words}");
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let host = IncusHost::start();
    at_socket(&host).launch("c1").await;
    let hasty = Way::new(&json!({ "socket": host.socket(), "timeoutSeconds": 5 }), &[]);
    let error = hasty.try_ask(run("c1", "sleep 600", &[])).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout, "{error}");
    assert!(error.message.contains("took too long"), "{error}");
    // It is given more time where a request asks for that.
    assert_eq!(hasty.ask(run("c1", "sleep 7; exit 3", &[]).within(600)).await.exit, 3);
}

#[tokio::test]
async fn an_image_is_published_under_an_alias_that_others_come_to_follow() {
    let host = IncusHost::start();
    let way = at_socket(&host);
    way.launch("c1").await;
    let publish = |kind: &str, name: &str| {
        let image = json!({
            "source": { "type": kind, "name": name },
            "properties": { "user.evenkeel.digest": "abc" },
            "aliases": [{ "name": "small/20260101" }],
        });
        IncusRequest::send(Method::Post, "/1.0/images", image).within(600)
    };
    // One that fails in the background.
    let (exit, words) = way.refused(publish("instance", "c1")).await;
    assert!(exit == 400 && words.contains("Cannot export a running instance"), "{exit} {words}");
    let snapshot = IncusRequest::send(Method::Post, "/1.0/instances/c1/snapshots", json!({ "name": "gold" }));
    way.done(snapshot).await;
    let published = way.done(publish("snapshot", "c1/gold")).await;
    let fingerprint = published["fingerprint"].as_str().unwrap();
    let image = way.done(get(&format!("/1.0/images/{fingerprint}"))).await;
    assert_eq!(image["properties"]["user.evenkeel.digest"], "abc");
    let again = json!({ "name": "small/20260101", "target": fingerprint });
    let (exit, _) = way.refused(IncusRequest::send(Method::Post, "/1.0/images/aliases", again)).await;
    assert_eq!(exit, 409);
    let follow = |like: &str| IncusRequest::Retarget { alias: "small/newest".into(), like: like.into() };
    for like in ["busybox", "small/20260101"] {
        way.done(follow(like)).await;
        let wanted = way.done(get(&format!("/1.0/images/aliases/{like}"))).await["target"].clone();
        assert_eq!(way.done(get("/1.0/images/aliases/small/newest")).await["target"], wanted);
    }
    assert_eq!(way.refused(follow("nothing")).await.0, 404);
    let (exit, words) = way.refused(discard("c1", "ContainerTemplate/b")).await;
    assert!(exit == 409 && words.contains("not marked"), "{exit} {words}");
    for _ in 0..2 {
        way.done(discard("c1", "ContainerTemplate/a")).await;
        assert_eq!(way.refused(get("/1.0/instances/c1")).await.0, 404);
    }
}

#[tokio::test]
async fn over_https_a_server_is_known_by_its_certificate_or_by_who_signed_it() {
    let host = IncusHost::start();
    let port = host.listen();
    let own = rcgen::generate_simple_self_signed(["evenkeel".to_owned()]).unwrap();
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let fingerprint = host.get("/1.0").unwrap()["environment"]["certificate_fingerprint"].clone();
    let over = |rest: Value| {
        let url = format!("https://127.0.0.1:{port}");
        let mut incus = json!({ "url": url, "credentialsRef": "incus", "timeoutSeconds": 120 });
        incus.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        Way::new(&incus, &[("certificate", &certificate), ("privateKey", &key)])
    };
    let pinned = over(json!({ "certificateFingerprint": fingerprint }));
    let error = pinned.try_ask(get("/1.0/images")).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed, "{error}");
    let file = host.folder().join("evenkeel.crt");
    std::fs::write(&file, &certificate).unwrap();
    host.incus(&["config", "trust", "add-certificate", file.to_str().unwrap()]);
    assert_eq!(pinned.done(get("/1.0")).await["auth"], "trusted");
    let by_file = over(json!({ "caFile": host.folder().join("server.crt") }));
    assert_eq!(by_file.done(get("/1.0")).await["auth"], "trusted");
    let unknown = over(json!({})).try_ask(get("/1.0")).await.unwrap_err();
    assert_eq!(unknown.kind, TransportErrorKind::HostKeyUnknown, "{unknown}");
    let hint = unknown.hint.unwrap().to_lowercase().replace(':', "");
    assert!(hint.contains(fingerprint.as_str().unwrap()), "{hint}");
}
