//! `evenkeel serve`, which follows a repository: how soon it asks, what a look costs, what it needs when left alone.

pub(super) mod look;
pub(super) mod push;
pub(super) mod soak;

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use evenkeel_bench::fleet::{Fleet, Style, dataset};
use evenkeel_bench::hosts::{Drift, reply};
use evenkeel_tests::evenkeel::Workdir;
use evenkeel_tests::gitops::{Repository, Serving, wait_until};

use super::servers::Servers;
use super::wire::first_request;
use crate::http;

/// Hosts, a repository of their manifests, and the folder of a controller that follows it.
struct Scene {
    fleet: Fleet,
    work: Workdir,
    repository: Repository,
    servers: Servers,
}

impl Scene {
    /// `source` are further fields of the source, `controller` of the controller.
    fn new(fleet: Fleet, source: &str, controller: &str) -> Self {
        let (work, repository) = (Workdir::new(), Repository::new());
        let scene = Scene { fleet, work, repository, servers: servers(fleet) };
        scene.configure(source, controller);
        scene.write_manifests(&scene.repository);
        scene.repository.push("all");
        scene
    }

    /// Writes the configuration.
    fn configure(&self, source: &str, controller: &str) {
        let url = self.repository.bare().display().to_string();
        let head = "apiVersion: evenkeel.dev/v1alpha1\nkind:";
        let text = format!(
            "{head} Controller\nmetadata: {{ name: bench }}\nspec: {{ stateDirectory: state{controller} }}\n---\n\
             {head} GitSource\nmetadata: {{ name: site }}\nspec: {{ url: 'file://{url}', interval: 1h, {source} }}\n"
        );
        self.work.write("evenkeel.yaml", &text);
    }

    fn write_manifests(&self, repository: &Repository) {
        for file in self.fleet.manifests(Style::OneByOne, |nth| self.servers.ssh(nth)) {
            repository.write(&file.path, &String::from_utf8(file.bytes).expect("text"));
        }
    }

    /// Starts the controller, and waits until it has seen every resource as it shall be.
    fn serve(&self) -> Serving {
        let serving = Serving::start(&self.work, &["--config", "evenkeel.yaml"]);
        self.wait_in_sync();
        serving
    }

    fn wait_in_sync(&self) {
        let all = (self.fleet.hosts * self.fleet.datasets).to_string();
        let line = format!("evenkeel_resources{{reason=\"InSync\"}} {all}\n");
        wait_until("everything is in sync", || {
            std::thread::sleep(Duration::from_millis(200));
            self.page().contains(&line)
        });
    }

    /// What the controller tells Prometheus.
    fn page(&self) -> String {
        page(&self.work)
    }

    /// The numbers of the controller, at a moment when it reads and writes nothing, and what `also` is then.
    fn at_rest<T>(&self, mut also: impl FnMut() -> T) -> (BTreeMap<String, f64>, T) {
        let mut found = None;
        wait_until("a moment of rest", || {
            let before = numbers(&self.page());
            let also = also();
            let after = numbers(&self.page());
            let at_rest = ["evenkeel_targets_reading", "evenkeel_targets_writing"]
                .iter()
                .all(|name| before.get(*name) == Some(&0.0) && after.get(*name) == Some(&0.0));
            if at_rest && before.get(LOOKS) == after.get(LOOKS) {
                found = Some((after, also));
            }
            found.is_some()
        });
        found.expect("it was waited for")
    }
}

/// How often targets were looked at.
const LOOKS: &str = "evenkeel_looks_total";

/// Hosts on which everything is as the manifests of the fleet say, also what its datasets inherit from.
fn servers(fleet: Fleet) -> Servers {
    let mut text = String::from_utf8(reply(&first_request(fleet), Drift::None).stdout).expect("text");
    let first = dataset(0) + "\t";
    let rows: String =
        text.lines().filter(|line| line.starts_with(&first)).flat_map(|line| [line, "\n"]).collect();
    for parent in ["tank/data\t", "tank\t"] {
        text.insert_str(0, &rows.replace(&first, parent));
    }
    Servers::stateful(fleet.hosts, text.as_bytes())
}

/// What the controller of a folder tells Prometheus.
fn page(work: &Workdir) -> String {
    let socket = UnixStream::connect(work.path().join("state/evenkeel.sock")).expect("the control socket");
    let answer = http::ask(socket, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

fn numbers(page: &str) -> BTreeMap<String, f64> {
    let number = |line: &str| {
        let (name, value) = line.trim().rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    page.lines().filter_map(number).collect()
}
