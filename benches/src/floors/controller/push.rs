//! From the moment that the repository has a push until the first command reaches a host.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use evenkeel_bench::fleet::Fleet;
use evenkeel_tests::evenkeel::{Workdir, program};
use evenkeel_tests::gitops::{Followed, Repository, Serving, wait_until};
use ring::hmac;

use super::{Scene, page, servers};
use crate::floors::servers::Servers;
use crate::report::Report;

const FLEET: Fleet = Fleet { hosts: 1, datasets: 50 };

/// How often it is pushed.
const TIMES: usize = 10;

/// Milliseconds, in the middle.
const AT_MOST: f64 = 300.0;

/// A commit is planned and reported only: so nothing but pushes makes it look.
const SOURCE: &str = "onPush: { apply: None }\ndrift: { every: 1h }";

const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(in crate::floors) fn measure(report: &mut Report) {
    notified(report);
    hooked(report);
    over_ssh(report);
}

/// A hook that runs `evenkeel notify` beside the controller.
fn notified(report: &mut Report) {
    let scene = Scene::new(FLEET, &SOURCE.replace('\n', ", "), "");
    let serving = scene.serve();
    let pushes = Pushes {
        serving: &serving,
        work: &scene.work,
        repository: &scene.repository,
        servers: &scene.servers,
    };
    pushes.measure(report, "file, evenkeel notify", &notify(&scene.work), |_| {});
}

/// A forge that sends a signed webhook.
fn hooked(report: &mut Report) {
    let http = ", http: { listen: '127.0.0.1:0' }, \
                webhooks: [{ name: forge, provider: github, credentialsRef: forge, sources: [site] }]";
    let scene = Scene::new(FLEET, &SOURCE.replace('\n', ", "), http);
    let secret = scene.work.write("secret", SECRET);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("its mode");
    let mut text = fs::read_to_string(scene.work.path().join("evenkeel.yaml")).expect("the configuration");
    text += "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Secret\nmetadata: { name: forge }\n\
             spec: { file: { webhookSecret: secret } }\n";
    scene.work.write("evenkeel.yaml", &text);
    let serving = scene.serve();
    let address = address(&serving);
    let request = scene.work.path().join("request");
    let me = std::env::current_exe().expect("a path of this program");
    let send = format!("{} work send {address} {}", me.display(), request.display());
    let pushes = Pushes {
        serving: &serving,
        work: &scene.work,
        repository: &scene.repository,
        servers: &scene.servers,
    };
    pushes.measure(report, "file, a signed webhook", &send, |nth| {
        fs::write(&request, webhook(nth)).expect("a request");
    });
}

/// A repository behind an SSH server, which is pushed to and fetched from over SSH.
fn over_ssh(report: &mut Report) {
    let work = Workdir::new();
    let followed = Followed::new(&work, SOURCE);
    // The hook of the test would wake what does not run yet.
    followed.repository.hook("exit 0");
    let scene = Scene { fleet: FLEET, work, repository: Repository::new(), servers: servers(FLEET) };
    scene.write_manifests(&followed.repository);
    followed.repository.push("all");
    let serving = scene.serve();
    let pushes = Pushes {
        serving: &serving,
        work: &scene.work,
        repository: &followed.repository,
        servers: &scene.servers,
    };
    pushes.measure(report, "ssh, evenkeel notify", &notify(&scene.work), |_| {});
}

fn notify(work: &Workdir) -> String {
    let config = work.path().join("evenkeel.yaml");
    format!("{} notify --config {} site", program("evenkeel").display(), config.display())
}

/// Where the controller said that it listens.
fn address(serving: &Serving) -> String {
    let said = serving.said();
    let line = said.lines().find(|line| line.contains(" serves ")).expect("the line that says so");
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// What a forge would send, signed.
fn webhook(nth: usize) -> String {
    let body = format!("{{\"ref\":\"refs/heads/main\",\"after\":\"{nth}\"}}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hex::encode(hmac::sign(&key, body.as_bytes()));
    format!(
        "POST /webhooks/forge HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-GitHub-Event: push\r\n\
         X-GitHub-Delivery: {nth}\r\nX-Hub-Signature-256: sha256={signature}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

struct Pushes<'a> {
    serving: &'a Serving,
    work: &'a Workdir,
    repository: &'a Repository,
    servers: &'a Servers,
}

impl Pushes<'_> {
    /// Pushes again and again; `prepare` is done before each push, `hook` by the repository after it.
    fn measure(&self, report: &mut Report, how: &str, hook: &str, prepare: impl Fn(usize)) {
        let stamp = self.work.path().join("pushed");
        self.repository.hook(&format!("date +%s%N >{}\nexec {hook}", stamp.display()));
        let file = "host-0000.yaml";
        let text = fs::read_to_string(self.repository.clone_path().join(file)).expect("manifests");
        let mut times: Vec<f64> = (0..TIMES)
            .map(|nth| {
                prepare(nth);
                self.repository.write(file, &text.replacen("quota: 10G", &format!("quota: 2{nth}G"), 1));
                self.repository.push("another quota");
                let said = fs::read_to_string(&stamp).expect("the hook's time");
                let begin: u128 = said.trim().parse().expect("nanoseconds");
                let mut first = None;
                wait_until("the host is asked", || {
                    first = self.servers.first_after(begin);
                    first.is_some()
                });
                self.wait_for_rest();
                let nanoseconds = u64::try_from(first.unwrap_or_default() - begin).expect("a short time");
                Duration::from_nanos(nanoseconds).as_secs_f64() * 1000.0
            })
            .collect();
        let taken = self.serving.said().matches("RevisionInForce").count();
        assert_eq!(taken, TIMES + 1, "each push, and what was there first:\n{}", self.serving.said());
        times.sort_by(f64::total_cmp);
        let what = format!("push to first command ({how})");
        report.value(format!("{what}: least"), "ms", times.first().copied().unwrap_or_default());
        report.value(format!("{what}: worst of {TIMES}"), "ms", times.last().copied().unwrap_or_default());
        let middle = times.get(TIMES / 2).copied().unwrap_or_default();
        report.floor(format!("{what}: median"), "ms", middle, AT_MOST);
    }

    fn wait_for_rest(&self) {
        wait_until("the look is over", || {
            let page = page(self.work);
            ["queue_resources", "targets_reading"].iter().all(|n| page.contains(&format!("evenkeel_{n} 0\n")))
        });
    }
}
