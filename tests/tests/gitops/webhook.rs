//! A push that a webhook tells of: taken where it is signed, and only once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use evenkeel_tests::gitops::{Repository, Serving};
use evenkeel_tests::site::Site;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The HMAC of a body, as a forge computes it.
fn signature(body: &str) -> String {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET, "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl is installed: apt-get install openssl");
    openssl.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let said = openssl.wait_with_output().unwrap();
    String::from_utf8(said.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

/// Sends a webhook of Forgejo. Gives the first line of the answer and its body.
fn post(address: &str, body: &str, signature: &str, delivery: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /webhooks/forgejo HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         X-Forgejo-Event: push\r\nX-Gitea-Event: push\r\nX-Forgejo-Signature: {signature}\r\nX-Gitea-Signature: {signature}\r\n\
         X-Gitea-Delivery: {delivery}\r\nX-Forgejo-Delivery: {delivery}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn a_signed_webhook_wakes_the_source_that_it_names_and_no_other_does() {
    let site = Site::of_one();
    let repository = Repository::new();
    repository.write("targets.yaml", &site.lab.manifests());
    repository.write("vm.yaml", &Site::dataset("vm", "tank/vm", "atime: off"));
    repository.push("first");
    let secret = site.work.write("hook", SECRET);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let url = format!("file://{}", repository.bare().display());
    let head = "apiVersion: evenkeel.dev/v1alpha1";
    site.work.write(
        "evenkeel.yaml",
        &format!(
            "{head}\nkind: Controller\nmetadata: {{ name: test }}\nspec:\n  stateDirectory: state\n  http: {{ listen: 127.0.0.1:0 }}\n  \
             webhooks: [ {{ name: forgejo, provider: gitea, credentialsRef: hook, sources: [site] }} ]\n\
             ---\n{head}\nkind: Secret\nmetadata: {{ name: hook }}\nspec: {{ file: {{ webhookSecret: hook }} }}\n\
             ---\n{head}\nkind: GitSource\nmetadata: {{ name: site }}\nspec: {{ url: \"{url}\", interval: 1h }}\n"
        ),
    );
    let mut serving = Serving::start(&site.work, &["--config", "evenkeel.yaml"]);
    let said = serving.said();
    let address = said.split(" and at ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    serving.wait_for("Applied host ZfsDataset/vm");

    repository.write("vm.yaml", &Site::dataset("vm", "tank/vm", "atime: off, compression: zstd"));
    let (commit, _) = repository.push("compress");
    let body = format!(
        "{{\"ref\":\"refs/heads/main\",\"after\":\"{commit}\",\"repository\":{{\"clone_url\":\"{url}\",\"ssh_url\":\"{url}\"}}}}"
    );
    let (status, answer) = post(address, &body, &"0".repeat(64), "a");
    assert!(status.contains("401"), "{status} {answer}");
    let (status, answer) = post(address, &body.replace("main", "evil"), &signature(&body), "b");
    assert!(status.contains("401"), "{status} {answer}");
    let (status, answer) = post(address, &body, &signature(&body), "c");
    assert!(status.contains("202") && answer.contains("\"site\""), "{status} {answer}");
    let line = serving.wait_for("Applied host ZfsDataset/vm");
    assert!(line.contains("compression"), "{line}");
    let (status, answer) = post(address, &body, &signature(&body), "c");
    assert!(status.contains("200") && answer.contains("duplicate"), "{status} {answer}");
    assert!(!serving.said().contains(SECRET));
}
