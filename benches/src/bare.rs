//! What reaching hosts costs at the least: connect, log in, run one command, take its output. The same SSH library
//! as Evenkeel's, and nothing around it.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use russh::ChannelMsg;
use russh::client::{self, Config, Handler};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use serde::{Deserialize, Serialize};

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
struct Trusting;

impl Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// Runs the command on every host; how many bytes it printed on all of them.
pub(crate) fn run(fleet: Fleet) -> usize {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let key = load_secret_key(&fleet.key, None).expect("the key");
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    let config = Arc::new(Config { nodelay: true, ..Config::default() });
    let fleet = Arc::new(fleet);
    runtime
        .expect("a runtime")
        .block_on(async move {
            let hosts = 0..fleet.addresses.len();
            let works =
                hosts.map(|nth| tokio::spawn(one(Arc::clone(&fleet), nth, Arc::clone(&config), key.clone())));
            stream::iter(works)
                .buffer_unordered(AT_ONCE)
                .map(|printed| printed.expect("no panic"))
                .collect::<Vec<_>>()
                .await
        })
        .into_iter()
        .sum()
}

async fn one(fleet: Arc<Fleet>, nth: usize, config: Arc<Config>, key: PrivateKeyWithHashAlg) -> usize {
    let address = fleet.addresses.get(nth).expect("a host").as_str();
    let mut session = client::connect(config, (address, fleet.port), Trusting).await.expect("a connection");
    let login = session.authenticate_publickey(&fleet.user, key).await.expect("a login");
    assert!(login.success(), "the key is accepted");
    let mut channel = session.channel_open_session().await.expect("a session");
    channel.exec(true, fleet.command.as_str()).await.expect("a command");
    let mut printed = 0;
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } = message {
            printed += data.len();
        }
    }
    assert!(printed > 0, "{address} printed nothing");
    printed
}
