//! The SSH transport against a real OpenSSH server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

#[path = "ssh_openssh/become_root.rs"]
mod become_root;
#[path = "ssh_openssh/connections.rs"]
mod connections;
#[path = "ssh_openssh/cuts.rs"]
mod cuts;
#[path = "ssh_openssh/host_keys.rs"]
mod host_keys;
#[path = "ssh_openssh/incus.rs"]
mod incus;
#[path = "ssh_openssh/kept.rs"]
mod kept;
#[path = "ssh_openssh/login.rs"]
mod login;
#[path = "ssh_openssh/old_servers.rs"]
mod old_servers;
#[path = "ssh_openssh/powershell.rs"]
mod powershell;
#[path = "ssh_openssh/rounds.rs"]
mod rounds;
#[path = "ssh_openssh/routes.rs"]
mod routes;
#[path = "ssh_openssh/small_shells.rs"]
mod small_shells;
#[path = "ssh_openssh/throwaway_user.rs"]
mod throwaway_user;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use evenkeel_core::request::{Exec, Reply, Request};
use evenkeel_core::target::{Target, TargetSpec};
use evenkeel_core::transport::{Transport, TransportError, TransportErrorKind};
use evenkeel_transport::credentials::EnvironmentCredentials;
use evenkeel_transport::{SshOptions, SshTransport};
use serde_json::{Value, json};
use tempfile::TempDir;

type Answer = Result<Reply, TransportError>;

/// A transport with a home directory of its own, and no other settings of this machine.
struct Client {
    home: TempDir,
    options: SshOptions,
    secrets: Vec<(String, String)>,
}

impl Client {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut options = SshOptions::isolated(home.path(), evenkeel_tests::sshd::user());
        options.config_files = vec![home.path().join("ssh_config")];
        Client { home, options, secrets: Vec::new() }
    }

    /// The secret `key` of the credential `c`.
    fn secret(mut self, key: &str, value: &str) -> Self {
        self.secrets.push((format!("EVENKEEL_CRED_C_{}", key.to_uppercase()), value.to_owned()));
        self
    }

    fn ssh_config(&self, text: &str) -> &Self {
        std::fs::write(self.home.path().join("ssh_config"), text).unwrap();
        self
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn transport(&self) -> SshTransport {
        let credentials = EnvironmentCredentials::new(self.secrets.clone());
        SshTransport::new(self.options.clone(), Arc::new(credentials))
    }

    /// Asks a target with these `ssh` settings, over a connection of its own.
    async fn ask(&self, spec: &Value, command: &[&str]) -> Answer {
        ask(&self.transport(), spec, command).await
    }
}

fn target(spec: &Value) -> Target {
    let spec: TargetSpec = serde_json::from_value(json!({ "ssh": spec })).unwrap();
    Target { name: "host".into(), labels: BTreeMap::new(), spec }
}

fn exec(command: &[&str]) -> Request {
    Request::Exec(Exec::new(command.iter().copied()))
}

/// `sh -c TEXT`
fn sh(text: &str) -> Request {
    exec(&["sh", "-c", text])
}

async fn round(transport: &SshTransport, spec: &Value, requests: &[Request]) -> Vec<Answer> {
    transport.exchange(&target(spec), requests).await
}

async fn ask(transport: &SshTransport, spec: &Value, command: &[&str]) -> Answer {
    round(transport, spec, &[exec(command)]).await.remove(0)
}

/// `spec` with one setting changed.
fn with(spec: &Value, key: &str, value: impl Into<Value>) -> Value {
    let mut spec = spec.clone();
    spec[key] = value.into();
    spec
}

/// The same server as a target of its own: settings that differ do not share a connection.
fn another_target(spec: &Value, number: u32) -> Value {
    with(spec, "keepaliveSeconds", 1000 + number)
}

fn without(spec: &Value, key: &str) -> Value {
    let mut spec = spec.clone();
    spec.as_object_mut().unwrap().remove(key);
    spec
}

fn stdout(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.as_ref().unwrap().stdout).unwrap()
}

fn kind(answer: &Answer) -> TransportErrorKind {
    answer.as_ref().unwrap_err().kind
}
