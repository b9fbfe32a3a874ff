//! The controller as a service: what a service manager hears and passes on, a configuration read anew, the doctor.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "service/doctor.rs"]
mod doctor;
#[path = "service/reload.rs"]
mod reload;
#[path = "service/systemd.rs"]
mod systemd;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use evenkeel_tests::gitops::Serving;
use evenkeel_tests::site::Site;

pub(crate) const HEAD: &str = "apiVersion: evenkeel.dev/v1alpha1";

/// A host of the lab, whose manifests lie in a folder that the controller follows, and a token for its API.
pub(crate) struct Scene {
    pub(crate) site: Site,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let site = Site::of_one();
        // What the sites of other tests have at the top is in a folder here.
        site.work.write("manifests/targets.yaml", &site.lab.manifests());
        let scene = Scene { site };
        scene.want("vm", "atime: off");
        scene.token("first", "a-token-of-the-first-kind");
        scene.configure("state", "first", &["manifests"]);
        scene
    }

    /// Wants a dataset with these properties.
    pub(crate) fn want(&self, name: &str, properties: &str) {
        let text = Site::dataset(name, &format!("tank/{name}"), properties);
        self.site.work.write(&format!("manifests/{name}.yaml"), &text);
    }

    /// Writes a secret into a file of its own.
    pub(crate) fn token(&self, name: &str, value: &str) {
        let path = self.site.work.write(&format!("{name}.token"), value);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A configuration with one token and these folders as sources.
    pub(crate) fn configure(&self, state: &str, token: &str, folders: &[&str]) {
        let mut text = format!(
            "{HEAD}\nkind: Controller\nmetadata: {{ name: test }}\nspec:\n  stateDirectory: {state}\n  \
             http: {{ listen: \"127.0.0.1:0\" }}\n  tokens: [ {{ name: ci, role: viewer, credentialsRef: api }} ]\n\
             ---\n{HEAD}\nkind: Secret\nmetadata: {{ name: api }}\nspec: {{ file: {{ token: {token}.token }} }}\n"
        );
        for folder in folders {
            let _ = writeln!(
                text,
                "---\n{HEAD}\nkind: DirectorySource\nmetadata: {{ name: {folder} }}\nspec: {{ path: {folder}, interval: 1h }}"
            );
        }
        self.site.work.write("evenkeel.yaml", &text);
    }

    /// A property of a dataset, as the host has it.
    pub(crate) fn value(&self, dataset: &str, property: &str) -> String {
        let get = ["zfs", "get", "-H", "-o", "value", property, dataset];
        let output = self.site.lab.with_host("host", |host| host.run(&get)).unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// The address that it says it is asked at.
pub(crate) fn address(serving: &Serving) -> SocketAddr {
    let said = serving.said();
    let address = said.rsplit(" and at ").next().and_then(|rest| rest.split_whitespace().next());
    address.unwrap().parse().unwrap()
}

/// The status of `GET /api/v1/sources` with a token.
pub(crate) fn status(address: SocketAddr, token: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET /api/v1/sources HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_whitespace().nth(1).unwrap().parse().unwrap()
}
