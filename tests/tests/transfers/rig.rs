//! A router over the real transports, and targets for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use evenkeel_core::request::{Exec, FileRequest, Moved, Origin, Reply, Request, Transfer};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{Transport as _, TransportError, Watch};
use evenkeel_transport::credentials::EnvironmentCredentials;
use evenkeel_transport::{Credentials, LocalTransport, Router, SshOptions, SshTransport};
use serde_json::Value;

/// The transports of the program.
pub(super) struct Rig(pub(super) Router);

/// Stops a transfer once so many bytes were moved.
pub(super) struct StopAt(pub(super) u64, pub(super) AtomicU64);

impl Watch for StopAt {
    fn moved(&self, bytes: u64, _: Option<u64>) {
        self.1.store(bytes, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.1.load(Ordering::Relaxed) >= self.0
    }
}

pub(super) fn never() -> StopAt {
    StopAt(u64::MAX, AtomicU64::new(0))
}

impl Rig {
    /// With these keys of the credential `nas`.
    pub(super) fn new(home: &Path, secrets: &[(&str, &str)]) -> Self {
        let variable = |key: &str| format!("EVENKEEL_CRED_NAS_{}", key.to_uppercase());
        let secrets = secrets.iter().map(|(key, value)| (variable(key), (*value).to_owned()));
        let credentials: Arc<dyn Credentials> = Arc::new(EnvironmentCredentials::new(secrets));
        let options = SshOptions::isolated(home, "nobody");
        let ssh = Arc::new(SshTransport::new(options, Arc::clone(&credentials)));
        let local = Arc::new(LocalTransport::new(Arc::clone(&credentials)));
        Rig(Router::new(&ssh, local, credentials))
    }

    pub(super) async fn transfer(
        &self,
        from: &Target,
        to: &Target,
        transfer: &Transfer,
    ) -> Result<Reply, TransportError> {
        self.0.transfer(from, to, transfer, &never()).await
    }

    /// A transfer that succeeds.
    pub(super) async fn moved(&self, from: &Target, to: &Target, transfer: &Transfer) -> Moved {
        let reply = self.transfer(from, to, transfer).await.unwrap();
        assert_eq!(reply.exit, 0, "{}", reply.stderr_text());
        serde_json::from_slice(&reply.stdout).unwrap()
    }

    /// Requests to a store, all of which succeed.
    pub(super) async fn ask(&self, target: &Target, requests: Vec<FileRequest>) -> Vec<String> {
        let requests: Vec<Request> = requests.into_iter().map(Request::Files).collect();
        let replies = self.0.exchange(target, &requests).await;
        let each = requests.iter().zip(replies).map(|(request, reply)| {
            let reply = reply.unwrap_or_else(|e| panic!("{}: {e}", request.display()));
            assert_eq!(reply.exit, 0, "{}: {}", request.display(), reply.stderr_text());
            String::from_utf8(reply.stdout).unwrap()
        });
        each.collect()
    }
}

pub(super) fn target(name: &str, spec: Value) -> Target {
    Target { name: name.into(), labels: BTreeMap::new(), spec: serde_json::from_value(spec).unwrap() }
}

/// The output of a shell command.
pub(super) fn output(command: &str) -> Origin {
    let exec = Exec::new(["sh", "-c", command]);
    Origin::Output { target: None, exec, must_say: vec![], must_not_say: vec![] }
}

pub(super) fn transfer(from: Origin, to: evenkeel_core::request::Goal) -> Transfer {
    Transfer { from, to, rate: None, patience: None }
}
