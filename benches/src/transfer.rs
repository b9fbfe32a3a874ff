//! Moving bytes from one place to another, by the transports alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use evenkeel_core::request::Transfer;
use evenkeel_core::target::{Target, TargetSpec};
use evenkeel_core::transport::{Transport as _, Watch};
use evenkeel_transport::credentials::EnvironmentCredentials;
use evenkeel_transport::{Credentials, LocalTransport, Router, SshOptions, SshTransport};
use serde::{Deserialize, Serialize};

/// What to move, and the password of the store.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) from: TargetSpec,
    pub(crate) to: TargetSpec,
    pub(crate) transfer: Transfer,
    pub(crate) password: String,
}

struct Nobody;

impl Watch for Nobody {
    fn moved(&self, _: u64, _: Option<u64>) {}

    fn is_stopped(&self) -> bool {
        false
    }
}

/// Does it, with one thread as the program has it.
pub(crate) fn run(job: &Job) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let password = ("EVENKEEL_CRED_NAS_PASSWORD".to_owned(), job.password.clone());
    let credentials: Arc<dyn Credentials> = Arc::new(EnvironmentCredentials::new([password]));
    let options = SshOptions::isolated(Path::new("/nonexistent"), "nobody");
    let ssh = Arc::new(SshTransport::new(options, Arc::clone(&credentials)));
    let local = Arc::new(LocalTransport::new(Arc::clone(&credentials)));
    let router = Router::new(&ssh, local, credentials);
    let target = |name: &str, spec: &TargetSpec| Target {
        name: name.to_owned(),
        labels: BTreeMap::new(),
        spec: spec.clone(),
    };
    let (from, to) = (target("here", &job.from), target("there", &job.to));
    let reply = runtime.block_on(router.transfer(&from, &to, &job.transfer, &Nobody)).expect("an answer");
    assert_eq!(reply.exit, 0, "{}", reply.stderr_text());
}
