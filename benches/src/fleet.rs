//! Manifests of a made-up fleet.

use std::fmt::Write as _;

use evenkeel_core::driver::Registry;
use evenkeel_core::manifest::{Loaded, SourceFile, load};
use jiff::Timestamp;

/// The six properties that every manifest of a dataset names, as written.
pub const PROPERTIES: [(&str, &str); 6] = [
    ("atime", "off"),
    ("compression", "lz4"),
    ("logbias", "latency"),
    ("quota", "10G"),
    ("recordsize", "128K"),
    ("sync", "standard"),
];

const API_VERSION: &str = "apiVersion: evenkeel.dev/v1alpha1";

/// So many hosts with so many datasets each.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    /// How many hosts.
    pub hosts: usize,
    /// How many datasets each has.
    pub datasets: usize,
}

/// How the datasets of a fleet are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One document for each dataset of each host.
    OneByOne,
    /// One document for each dataset, by selector for all hosts.
    BySelector,
}

/// The name of the `nth` host.
pub fn host(nth: usize) -> String {
    format!("host-{nth:04}")
}

/// The name of the `nth` dataset of any host.
pub fn dataset(nth: usize) -> String {
    format!("tank/data/d{nth:05}")
}

/// The time at which all measurements are made.
///
/// # Panics
/// Never: it is a constant.
pub fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("a time")
}

impl Fleet {
    /// The manifests, without a file system: one file of datasets per host or for all, and one of the hosts,
    /// whose `spec.ssh` is what `ssh` makes of their numbers.
    pub fn manifests(self, style: Style, ssh: impl Fn(usize) -> String) -> Vec<SourceFile> {
        let mut files = vec![targets(self.hosts, ssh)];
        match style {
            Style::OneByOne => files.extend((0..self.hosts).map(|at| {
                let place = format!("target: {}", host(at));
                file(format!("{}.yaml", host(at)), self.resources(&host(at), &place))
            })),
            Style::BySelector => {
                let place = "targetSelector: { matchLabels: { role: storage } }";
                files.push(file("datasets.yaml".to_owned(), self.resources("all", place)));
            }
        }
        files
    }

    /// The manifests with one document for each dataset, of hosts that nobody connects to.
    pub fn in_memory(self) -> Vec<SourceFile> {
        self.manifests(Style::OneByOne, |nth| format!("host: {}.example.com", host(nth)))
    }

    fn resources(self, prefix: &str, place: &str) -> String {
        let mut text = String::new();
        for nth in 0..self.datasets {
            let _ = write!(
                text,
                "---\n{API_VERSION}\nkind: ZfsDataset\nmetadata:\n  name: {prefix}-d{nth:05}\n  \
                 labels: {{ site: tokyo, team: storage }}\nspec:\n  {place}\n  dataset: {}\n  properties:\n",
                dataset(nth)
            );
            for (name, value) in PROPERTIES {
                let _ = writeln!(text, "    {name}: {value}");
            }
        }
        text
    }
}

/// The manifests of so many hosts, whose `spec.ssh` is what `ssh` makes of their numbers.
pub fn targets(hosts: usize, ssh: impl Fn(usize) -> String) -> SourceFile {
    file("targets.yaml".to_owned(), (0..hosts).map(|nth| target(nth, &ssh(nth))).collect())
}

fn target(nth: usize, ssh: &str) -> String {
    format!(
        "---\n{API_VERSION}\nkind: Target\nmetadata:\n  name: {}\n  labels: {{ role: storage }}\nspec:\n  \
         ssh: {{ {ssh} }}\n",
        host(nth)
    )
}

fn file(path: String, text: String) -> SourceFile {
    SourceFile { path, bytes: text.into_bytes() }
}

/// Reads the manifests with the drivers of the program.
///
/// # Panics
/// Where the manifests have an error.
pub fn load_all(registry: &Registry, files: &[SourceFile]) -> Loaded {
    let loaded = load(registry, files, &[], now());
    assert!(!loaded.has_errors(), "the manifests are good: {:?}", loaded.diagnostics.first());
    loaded
}
