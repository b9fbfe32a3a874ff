//! A push over SSH to a bare repository, and a controller that follows it: on the lab's hosts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "gitops/drift.rs"]
mod drift;
#[path = "gitops/foreign.rs"]
mod foreign;
#[path = "gitops/killed.rs"]
mod killed;
#[path = "gitops/push.rs"]
mod push;
#[path = "gitops/webhook.rs"]
mod webhook;

use evenkeel_tests::gitops::{Followed, Repository, Serving};
use evenkeel_tests::site::Site;

/// A host of the lab, and a repository behind a real SSH server that a controller follows.
pub(crate) struct Scene {
    pub(crate) site: Site,
    followed: Followed,
}

impl Scene {
    /// `source` are further fields of the `GitSource`.
    pub(crate) fn new(source: &str) -> Self {
        let site = Site::of_one();
        let followed = Followed::new(&site.work, source);
        followed.repository.write("targets.yaml", &site.lab.manifests());
        Scene { site, followed }
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.followed.repository
    }

    /// Puts one dataset with these properties into the repository.
    pub(crate) fn want(&self, properties: &str) {
        self.repository().write("vm.yaml", &Site::dataset("vm", "tank/vm", properties));
    }

    pub(crate) fn serve(&self) -> Serving {
        Serving::start(&self.site.work, &["--config", "evenkeel.yaml"])
    }

    /// A property of the dataset, as the host has it.
    pub(crate) fn value(&self, property: &str) -> String {
        let get = ["zfs", "get", "-H", "-o", "value", property, "tank/vm"];
        let output = self.site.lab.with_host("host", |host| host.run(&get)).unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// How many writes the host was sent.
    pub(crate) fn writes(&self) -> usize {
        self.site.writes("host").len()
    }
}
