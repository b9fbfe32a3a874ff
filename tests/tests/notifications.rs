//! People are told what happens: by a controller that runs on the lab's hosts, and on a pull request.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use evenkeel_tests::evenkeel::Ran;
use evenkeel_tests::gitops::{Serving, wait_until};
use evenkeel_tests::site::Site;
use serde_json::Value;

/// The part of an address that is a secret.
const SECRET: &str = "T0-canary-hunter2";

/// A server that says yes, and keeps what it was sent: method, path, body.
struct Chat {
    address: String,
    seen: Arc<Mutex<Vec<(String, String, Value)>>>,
}

impl Chat {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen: Arc<Mutex<Vec<(String, String, Value)>>> = Arc::default();
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut first = String::new();
                stream.read_line(&mut first).unwrap();
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    let line = line.trim_end().to_ascii_lowercase();
                    if let Some(given) = line.strip_prefix("content-length: ") {
                        length = given.parse().unwrap();
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let words: Vec<&str> = first.split(' ').collect();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                kept.lock().unwrap().push((words[0].to_owned(), words[1].to_owned(), body));
                // No comments, and nobody in particular.
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        Chat { address, seen }
    }

    fn texts(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(_, _, body)| body["text"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec: {{ {spec} }}\n"
    )
}

/// A site with one dataset, a controller's configuration for it, and these further documents.
fn site(controller: &str, more: &str) -> Site {
    let site = Site::of_one();
    site.work.write("site/targets.yaml", &site.lab.manifests());
    site.work.write("site/vm.yaml", &Site::dataset("vm", "tank/vm", "atime: off"));
    let folder = "path: site, interval: 1h, drift: { every: 1h, mode: Report }";
    let text = [
        document("Controller", "main", &format!("stateDirectory: state{controller}")),
        document("DirectorySource", "folder", folder),
        more.to_owned(),
    ];
    site.work.write("evenkeel.yaml", &text.concat());
    site
}

#[test]
fn drift_is_told_once_and_so_is_its_end_also_over_a_restart() {
    let chat = Chat::start();
    let url = format!("http://{}/services/{SECRET}", chat.address);
    let variables = [("EVENKEEL_CRED_CHAT_URL", url.as_str())];
    let site = site("", &document("Notifier", "ops", "slack: { credentialsRef: chat }"));
    let serve = || Serving::start_with(&site.work, &["--config", "evenkeel.yaml"], &variables);
    let look = ["reconcile", "--now", "--target", "host", "--config", "evenkeel.yaml"];
    let mut serving = serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    site.by_hand("host", &["zfs", "set", "atime=on", "tank/vm"]);
    site.work.expect(0, &look);
    serving.wait_for("DriftFound host ZfsDataset/vm");
    wait_until("the drift is told", || !chat.texts().is_empty());
    site.work.expect(0, &look);
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
    let said = serving.said();
    let mut serving = serve();
    site.work.expect(0, &look);
    site.by_hand("host", &["zfs", "set", "atime=off", "tank/vm"]);
    site.work.expect(0, &look);
    serving.wait_for("InSync host ZfsDataset/vm");
    wait_until("its end is told", || chat.texts().len() > 1);
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
    let texts = chat.texts();
    let [drift, end] = texts.as_slice() else { panic!("{texts:?}") };
    assert!(
        drift.starts_with("main: host: ZfsDataset/vm drifted: ") && drift.contains("atime is on"),
        "{drift}"
    );
    assert!(drift.ends_with("(evenkeel why host/ZfsDataset/vm)"), "{drift}");
    assert!(end.starts_with("main: host: ZfsDataset/vm is in order again: "), "{end}");
    assert_eq!(chat.seen.lock().unwrap()[0].1, format!("/services/{SECRET}"));
    let events = site.work.expect(0, &["events", "--config", "evenkeel.yaml"]).stdout;
    for text in [said, serving.said(), events] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn what_cannot_be_told_is_told_in_the_log_and_does_not_hold_the_controller_up() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/services/{SECRET}", gone.local_addr().unwrap());
    drop(gone);
    let notifier = "slack: { credentialsRef: chat }, on: { weight: Normal }";
    let site = site("", &document("Notifier", "ops", notifier));
    let variables = [("EVENKEEL_CRED_CHAT_URL", url.as_str())];
    let mut serving = Serving::start_with(&site.work, &["--config", "evenkeel.yaml"], &variables);
    serving.wait_for("Applied host ZfsDataset/vm");
    let line = serving.wait_for("NotificationFailed Notifier/ops");
    assert!(line.contains("127.0.0.1 cannot be reached") && !line.contains(SECRET), "{line}");
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
    assert!(!serving.said().contains(SECRET));
}

/// `evenkeel notifier test NAME`, with these variables.
fn test(site: &Site, name: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = site.work.command(&["notifier", "test", name, "--config", "evenkeel.yaml"]);
    Ran::of(&command.envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn a_signed_webhook_is_what_the_servers_own_verifier_takes() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let http = format!(
        ", http: {{ listen: '{free}' }}, webhooks: [{{ name: own, provider: gitlab, credentialsRef: hook }}]"
    );
    let to = |credential: &str| {
        format!("webhook: {{ url: 'http://{free}/webhooks/own', credentialsRef: {credential} }}")
    };
    let site = site(
        &http,
        &(document("Notifier", "good", &to("hook")) + &document("Notifier", "bad", &to("other"))),
    );
    let variables = [
        ("EVENKEEL_CRED_HOOK_WEBHOOKSECRET", "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIy"),
        ("EVENKEEL_CRED_OTHER_WEBHOOKSECRET", "whsec_aHVudGVyM2h1bnRlcjNodW50ZXIz"),
    ];
    let mut serving = Serving::start_with(&site.work, &["--config", "evenkeel.yaml"], &variables);
    serving.wait_for("Applied host ZfsDataset/vm");
    let good = test(&site, "good", &variables);
    assert_eq!((good.code, good.stdout.as_str()), (0, "good: a message was sent and taken\n"), "{good:?}");
    let bad = test(&site, "bad", &variables);
    assert_eq!(bad.code, 1);
    bad.says(&["the notifier bad: 127.0.0.1 answers 401", "look whether the credential is the right one"]);
    let none = test(&site, "god", &variables);
    assert_eq!(none.code, 1);
    none.says(&["the configuration has no notifier `god`, did you mean `good`?"]);
}

#[test]
fn a_plan_stands_on_the_pull_request_and_its_exit_codes_stay() {
    let chat = Chat::start();
    let site = site("", "");
    let url = format!("http://{}/teppi/infra/pulls/7", chat.address);
    let plan = |token: Option<&str>| {
        let mut command = site.work.command(&["plan", "site", "--comment", &url]);
        command.env_remove("EVENKEEL_FORGE_TOKEN").envs(token.map(|token| ("EVENKEEL_FORGE_TOKEN", token)));
        Ran::of(&command.output().unwrap())
    };
    let ran = plan(None);
    assert_eq!(ran.code, 1);
    ran.says(&["the environment variable EVENKEEL_FORGE_TOKEN is not set"]);
    assert!(chat.seen.lock().unwrap().is_empty());
    let ran = plan(Some(SECRET));
    assert_eq!(ran.code, 2, "{ran:?}");
    ran.says(&["atime", "the plan stands on the pull request"]);
    site.by_hand("host", &["zfs", "set", "atime=off", "tank/vm"]);
    let ran = plan(Some(SECRET));
    assert_eq!(ran.code, 0, "{ran:?}");
    let seen = chat.seen.lock().unwrap();
    let posts: Vec<&(String, String, Value)> = seen.iter().filter(|(method, ..)| method == "POST").collect();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0].1, "/api/v1/repos/teppi/infra/issues/7/comments");
    let body = posts[0].2["body"].as_str().unwrap();
    assert!(
        body.starts_with("<!-- evenkeel plan ") && body.contains("```text\n") && body.contains("atime"),
        "{body}"
    );
    assert!(!body.contains('\u{1b}') && !body.contains(SECRET), "{body}");
    assert!(posts[1].2["body"].as_str().unwrap().contains("nothing to do"));
    let wrong = site.work.expect(1, &["plan", "site", "--comment", "https://git.example/x"]);
    wrong.says(&["this is not the address of a pull or merge request"]);
}

/// The documents of the page, with what they stand on.
#[test]
fn the_configurations_of_the_documentation_are_good() {
    let page = include_str!("../../docs/notifications.md");
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2);
    let site = site("", &["---\n", &blocks.join("---\n")].concat());
    let ran = site.work.expect(0, &["validate", "--config", "evenkeel.yaml"]);
    assert_eq!(ran.stderr, "", "no warnings");
}
