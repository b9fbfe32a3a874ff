//! What reaching hosts costs at the least: connect, log in, run one command, take its output. The same SSH library
//! as Evenkeel's, and nothing around it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use russh::ChannelMsg;
use russh::client::{self, Config, Handle, Handler};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

/// How many hosts are connected to at once; as many as Evenkeel does.
const AT_ONCE: usize = 100;

/// The hosts to reach, and how.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fleet {
    pub(crate) addresses: Vec<String>,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) key: PathBuf,
    pub(crate) command: String,
}

/// Takes any host key: checking it is not part of the least.
pub(crate) struct Trusting;

impl Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// Runs the command on every host; how many bytes it printed on all of them.
pub(crate) fn run(fleet: Fleet) -> usize {
    let means = Arc::new(Means::new(fleet));
    runtime()
        .block_on(async move {
            let hosts = 0..means.fleet.addresses.len();
            let works = hosts.map(|nth| {
                let means = Arc::clone(&means);
                tokio::spawn(async move { means.exec(&means.log_in(nth).await).await })
            });
            stream::iter(works)
                .buffer_unordered(AT_ONCE)
                .map(|printed| printed.expect("no panic"))
                .collect::<Vec<_>>()
                .await
        })
        .into_iter()
        .sum()
}

/// Connections that are kept open, one to each host.
pub(crate) struct Open {
    runtime: Runtime,
    means: Means,
    sessions: Vec<Handle<Trusting>>,
}

impl Open {
    pub(crate) fn connect(fleet: Fleet) -> Self {
        let (runtime, means) = (runtime(), Means::new(fleet));
        let log_ins = (0..means.fleet.addresses.len()).map(|nth| means.log_in(nth));
        let sessions = runtime.block_on(stream::iter(log_ins).buffered(AT_ONCE).collect());
        Open { runtime, means, sessions }
    }

    /// Runs the command so many times, on one host after the other, with a pause before each; how many bytes it
    /// printed.
    pub(crate) fn exec(&self, times: usize, pause: Duration) -> usize {
        self.runtime.block_on(async {
            let mut printed = 0;
            for session in self.sessions.iter().cycle().take(times) {
                tokio::time::sleep(pause).await;
                printed += self.means.exec(session).await;
            }
            printed
        })
    }
}

/// What is the same for all hosts.
struct Means {
    fleet: Fleet,
    config: Arc<Config>,
    key: PrivateKeyWithHashAlg,
}

impl Means {
    fn new(fleet: Fleet) -> Self {
        let key = load_secret_key(&fleet.key, None).expect("the key");
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        Means { fleet, config: Arc::new(Config { nodelay: true, ..Config::default() }), key }
    }

    async fn log_in(&self, nth: usize) -> Handle<Trusting> {
        let at = (self.fleet.addresses.get(nth).expect("a host").as_str(), self.fleet.port);
        let mut session =
            client::connect(Arc::clone(&self.config), at, Trusting).await.expect("a connection");
        let login =
            session.authenticate_publickey(&self.fleet.user, self.key.clone()).await.expect("a login");
        assert!(login.success(), "the key is accepted");
        session
    }

    async fn exec(&self, session: &Handle<Trusting>) -> usize {
        let mut channel = session.channel_open_session().await.expect("a session");
        channel.exec(true, self.fleet.command.as_str()).await.expect("a command");
        let mut printed = 0;
        while let Some(message) = channel.wait().await {
            if let ChannelMsg::Data { data } = message {
                printed += data.len();
            }
        }
        assert!(printed > 0, "a host printed nothing");
        printed
    }
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime")
}
