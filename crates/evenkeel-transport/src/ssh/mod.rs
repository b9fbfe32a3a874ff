//! SSH: one connection per target, kept for the next round; a round is one `/bin/sh`, or one PowerShell.
//!
//! [`endpoint`] works out where a target is and how to get in, from its settings and `ssh_config`; [`pool`] keeps
//! the connections, [`connect`] and [`auth`] open them, [`exec`] sends a round over one. [`client`] is the door to all
//! of them, also for those who only want a command to run on some server ([`running`]).

mod algorithms;
mod auth;
mod client;
mod config_file;
mod config_now;
mod connect;
mod endpoint;
mod exec;
mod identities;
mod known_hosts;
mod local_user;
pub mod patterns;
mod plain_file;
mod pool;
mod quickack;
mod running;
mod socket;
mod stream;
mod streams;
mod subsystem;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::request::Request;
use evenkeel_core::target::{SshSpec, Target};
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind};

use crate::credentials::Credentials;
use crate::powershell;
use crate::round::{End, Limits, Replies, Round};
use crate::{DEFAULT_COMMAND_TIMEOUT_SECONDS, DEFAULT_OUTPUT_LIMIT};

pub use client::SshClient;
pub use identities::private_key_works;
pub use running::{Ended, Running};
pub(crate) use stream::SshCommand;
pub(crate) use subsystem::Subsystem;

/// What SSH takes from this machine and its user.
#[derive(Debug, Clone)]
pub struct SshOptions {
    /// The home directory, for `~`, default keys and `known_hosts`.
    pub home: PathBuf,
    /// The local user's name: who to log in as where nothing says otherwise.
    pub user: String,
    /// `ssh_config` files, the most important first. Files that do not exist are empty.
    pub config_files: Vec<PathBuf>,
    /// Host keys that hold for all users, besides those in `~/.ssh/known_hosts`.
    pub global_known_hosts: Vec<PathBuf>,
    /// The socket of the running ssh-agent.
    pub agent_socket: Option<PathBuf>,
    /// What one command may print on each of its outputs, in bytes.
    pub output_limit: usize,
    /// How many connections may be in the making at once.
    pub parallel_connects: usize,
    /// Connections that were not used for this long are closed. `None`: they stay until the transport ends.
    pub idle: Option<Duration>,
    /// How many connections are kept: above that, the one that was not used for longest is closed. Those in use are
    /// not, so there may be more for a while.
    pub max_connections: usize,
}

impl SshOptions {
    /// The settings of this process's user: `~/.ssh`, `/etc/ssh` and `SSH_AUTH_SOCK`.
    pub fn from_env() -> Self {
        let local = local_user::LocalUser::current();
        let home = local.home;
        SshOptions {
            config_files: vec![home.join(".ssh/config"), PathBuf::from("/etc/ssh/ssh_config")],
            global_known_hosts: vec![PathBuf::from("/etc/ssh/ssh_known_hosts")],
            agent_socket: std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
            ..SshOptions::isolated(home, local.name)
        }
    }

    /// Settings that take nothing from this machine but what is below `home`, and no `ssh_config`.
    pub fn isolated(home: impl Into<PathBuf>, user: impl Into<String>) -> Self {
        SshOptions {
            home: home.into(),
            user: user.into(),
            config_files: Vec::new(),
            global_known_hosts: Vec::new(),
            agent_socket: None,
            output_limit: DEFAULT_OUTPUT_LIMIT,
            parallel_connects: 100,
            idle: None,
            max_connections: usize::MAX,
        }
    }
}

/// Reaches targets over SSH.
///
/// Needs a Tokio runtime with I/O and time enabled.
#[derive(Debug)]
pub struct SshTransport {
    client: Arc<SshClient>,
}

impl SshTransport {
    /// A transport without connections; they are opened as targets are asked.
    pub fn new(options: SshOptions, credentials: Arc<dyn Credentials>) -> Self {
        SshTransport { client: Arc::new(SshClient::new(options, credentials)) }
    }

    /// The client that opens and keeps the connections.
    pub fn client(&self) -> &Arc<SshClient> {
        &self.client
    }

    /// As [`SshClient::warnings`].
    pub fn warnings(&self) -> Vec<String> {
        self.client.warnings()
    }

    /// Ends all connections. Rounds in flight lose theirs.
    pub async fn close(&self) {
        self.client.close().await;
    }

    /// Sends commands and scripts for PowerShell in their order, as few sessions as that takes. A group without an
    /// answer from the target ends the rest.
    async fn groups(&self, name: &str, spec: &SshSpec, requests: &[Request]) -> Replies {
        let mut replies = Replies::with_capacity(requests.len());
        for group in requests.chunk_by(|a, b| is_powershell(a) == is_powershell(b)) {
            let mut failed = replies.iter().filter_map(|reply| reply.as_ref().err());
            if let Some(error) = failed.rfind(|error| error.kind.loses_target()).cloned() {
                replies.extend(group.iter().map(|_| Err(error.clone())));
            } else if group.first().is_some_and(is_powershell) {
                replies.extend(self.powershell(name, spec, group).await);
            } else {
                replies.extend(self.round(name, spec, group).await);
            }
        }
        replies
    }

    async fn round(&self, name: &str, spec: &SshSpec, requests: &[Request]) -> Replies {
        let prepared = self.client.target(spec).and_then(|endpoint| {
            let credentials_ref = spec.credentials_ref.as_deref();
            let round = Round::new(requests, spec.become_, credentials_ref, self.client.credentials())?;
            Ok((endpoint, round))
        });
        let (endpoint, round) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        let limits = self.limits(spec);
        if round.is_empty() {
            let collector = round.collector(limits.output);
            return round.replies(collector, &End::Complete, name, limits);
        }
        match self.client.session(&endpoint).await {
            Ok(session) => exec::run(session, name, round, limits).await,
            Err(error) => round.failed(&or_accept_new(error)),
        }
    }

    async fn powershell(&self, name: &str, spec: &SshSpec, requests: &[Request]) -> Replies {
        let prepared = match spec.become_ {
            Some(_) => Err(powershell::not_with_become(name)),
            None => self.client.target(spec).and_then(|endpoint| {
                Ok((endpoint, powershell::Round::new(requests, spec.powershell.unwrap_or_default())?))
            }),
        };
        let (endpoint, round) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return requests.iter().map(|_| Err(error.clone())).collect(),
        };
        match self.client.session(&endpoint).await {
            Ok(session) => exec::run_powershell(session, name, &round, self.limits(spec)).await,
            Err(error) => round.failed(&or_accept_new(error)),
        }
    }

    fn limits(&self, spec: &SshSpec) -> Limits {
        let seconds = spec.command_timeout_seconds.unwrap_or(DEFAULT_COMMAND_TIMEOUT_SECONDS);
        Limits { time: Duration::from_secs(seconds.into()), output: self.client.options().output_limit }
    }
}

fn is_powershell(request: &Request) -> bool {
    matches!(request, Request::PowerShell(_))
}

/// A key that is not known may be accepted unseen, where a target says so.
fn or_accept_new(error: TransportError) -> TransportError {
    match &error.hint {
        Some(hint) if error.kind == TransportErrorKind::HostKeyUnknown => {
            let hint = format!("{hint}; or set `hostKeyChecking: accept-new`");
            TransportError { hint: Some(hint), ..error }
        }
        _ => error,
    }
}

impl Transport for SshTransport {
    fn exchange<'a>(&'a self, target: &'a Target, requests: &'a [Request]) -> BoxFuture<'a, Replies> {
        Box::pin(async move {
            if let Some(spec) = &target.spec.ssh {
                return self.groups(&target.name, spec, requests).await;
            }
            let message = format!("target `{}` has no `ssh` settings", target.name);
            let error = TransportError::new(TransportErrorKind::Configuration, message);
            requests.iter().map(|_| Err(error.clone())).collect()
        })
    }

    fn renew<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, ()> {
        if let Some(spec) = &target.spec.ssh {
            self.client.renew(spec);
        }
        Box::pin(std::future::ready(()))
    }
}
