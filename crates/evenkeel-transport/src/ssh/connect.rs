//! Opening a connection: TCP or a tunnel, key exchange, host key, login.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use russh::client::{self, DisconnectReason, Handle, Msg};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelOpenFailure, Disconnect};
use tokio::io::BufReader;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::algorithms;
use super::auth;
use super::endpoint::Endpoint;
use super::identities::Identities;
use super::known_hosts::KnownHosts;
use super::pool::Lease;
use super::quickack::QuickAck;
use crate::machine::Lane;

/// sshd takes ten sessions per connection unless configured otherwise, and counts those that are just ending.
const PARALLEL_SESSIONS: usize = 5;

/// How often a session is asked for while the server says that it has too many.
const SESSION_ATTEMPTS: u32 = 6;

/// Keepalives without an answer that end a connection.
const UNANSWERED_KEEPALIVES: usize = 3;

/// An open connection, logged in.
pub(super) struct Connection {
    handle: Handle<Client>,
    sessions: Arc<Semaphore>,
    goodbye: Goodbye,
    /// The jump host's connection that this one runs through.
    _via: Option<Lease>,
}

/// A session channel, counted while it lives, on a connection that is in use as long.
pub(super) struct SessionChannel {
    pub(super) channel: Channel<Msg>,
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) lease: Lease,
}

/// Why a connection gives no session. Nothing was sent in either case.
pub(super) enum NoSession {
    /// The connection is no more.
    Dead(String),
    /// The server does not want to.
    Refused(TransportError),
}

/// Connects to `endpoint`, directly or through `via`.
pub(super) async fn connect(
    endpoint: &Endpoint,
    via: Option<Lease>,
    identities: Identities,
) -> Result<Connection, TransportError> {
    let deadline = Instant::now() + endpoint.connect_timeout;
    let known = KnownHosts::look_up(endpoint.host_key_name.clone(), endpoint.known_hosts.clone())?;
    let config = Arc::new(client_config(endpoint, &known));
    let goodbye = Goodbye::default();
    let client = Client { known, accept_new: endpoint.accept_new, goodbye: goodbye.clone() };
    let connecting = async {
        let connected = match &via {
            None => {
                // The library reads each packet in two parts.
                let stream = BufReader::new(open_tcp(endpoint, deadline).await?);
                client::connect_stream(config, stream, client).await
            }
            Some(via) => {
                let tunnel = via.tunnel(endpoint).await?;
                client::connect_stream(config, tunnel.into_stream(), client).await
            }
        };
        let mut handle = connected.map_err(|failure| failed(endpoint, failure, &goodbye))?;
        auth::log_in(&mut handle, endpoint, identities, &goodbye).await?;
        Ok(handle)
    };
    let handle =
        Box::pin(timeout_at(deadline, connecting)).await.unwrap_or_else(|_| Err(too_slow(endpoint)))?;
    tracing::debug!(%endpoint, "connected");
    let sessions = Arc::new(Semaphore::new(PARALLEL_SESSIONS));
    Ok(Connection { handle, sessions, goodbye, _via: via })
}

impl Connection {
    pub(super) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Says goodbye to the server.
    pub(super) async fn close(&self) {
        // A connection that is closed already is what is wanted.
        let _ = self.handle.disconnect(Disconnect::ByApplication, "", "en").await;
    }

    /// Opens a session channel, waiting for its turn. A server that does not answer within `patience` is taken for
    /// dead: it may have been restarted, or a firewall may have forgotten the connection.
    pub(super) async fn session(
        &self,
        patience: Duration,
    ) -> Result<(Channel<Msg>, OwnedSemaphorePermit), NoSession> {
        let dead = |why: String| NoSession::Dead(self.goodbye.text().unwrap_or(why));
        let permit = Arc::clone(&self.sessions).acquire_owned().await.map_err(|e| dead(e.to_string()))?;
        let mut pause = Duration::from_millis(50);
        for attempt in 1.. {
            match timeout(patience, self.handle.channel_open_session()).await {
                Ok(Ok(channel)) => return Ok((channel, permit)),
                Ok(Err(russh::Error::ChannelOpenFailure(reason))) if attempt >= SESSION_ATTEMPTS => {
                    return Err(NoSession::Refused(session_refused(&reason)));
                }
                Ok(Err(russh::Error::ChannelOpenFailure(_))) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Ok(Err(e)) => return Err(dead(e.to_string())),
                Err(_) => return Err(dead("it does not answer".to_owned())),
            }
        }
        Err(dead("it gives no session".to_owned()))
    }

    /// Opens a channel to a socket in the file system of the machine at `endpoint`. A server that does not answer is taken
    /// for dead.
    pub(super) async fn socket(&self, path: &str, endpoint: &Endpoint) -> Result<Channel<Msg>, NoSession> {
        let dead = |why: String| NoSession::Dead(self.goodbye.text().unwrap_or(why));
        let opening = self.handle.channel_open_direct_streamlocal(path);
        match timeout(endpoint.connect_timeout, opening).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => {
                Err(NoSession::Refused(socket_refused(path, endpoint, &reason)))
            }
            Ok(Err(e)) => Err(dead(e.to_string())),
            Err(_) => Err(dead("it does not answer".to_owned())),
        }
    }

    async fn tunnel(&self, to: &Endpoint) -> Result<Channel<Msg>, TransportError> {
        let opened = self.handle.channel_open_direct_tcpip(&to.host, to.port.into(), "127.0.0.1", 0).await;
        opened.map_err(|e| {
            let why = match e {
                russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
                    "it does not allow forwarding (AllowTcpForwarding in its sshd_config)".to_owned()
                }
                russh::Error::ChannelOpenFailure(_) => "it cannot reach it".to_owned(),
                e => e.to_string(),
            };
            let message = format!("the jump host leads nowhere: no way to {}:{}: {why}", to.host, to.port);
            TransportError::new(TransportErrorKind::Unreachable, message)
        })
    }
}

/// Why the connection ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Goodbye(Arc<Mutex<Option<Ending>>>);

/// An end of a connection.
#[derive(Debug, Clone)]
pub(super) enum Ending {
    /// The server said why.
    Said(String),
    /// It broke.
    Broke(String),
}

impl Goodbye {
    pub(super) fn ending(&self) -> Option<Ending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn text(&self) -> Option<String> {
        self.ending().map(|(Ending::Said(text) | Ending::Broke(text))| text)
    }
}

/// Our side of the protocol's callbacks.
pub(super) struct Client {
    known: KnownHosts,
    accept_new: bool,
    goodbye: Goodbye,
}

/// A failure within the protocol, or our own refusal of the host key.
#[derive(Debug)]
pub(super) enum Failure {
    Ssh(russh::Error),
    HostKey(TransportError),
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Failure::Ssh(error)
    }
}

impl client::Handler for Client {
    type Error = Failure;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, Failure> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = presented else {
            // Certificates are not asked for.
            return Ok(false);
        };
        self.known.check(key, self.accept_new).map_err(Failure::HostKey)?;
        Ok(true)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Failure>) -> Result<(), Failure> {
        let ending = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => Ending::Said(info.message.clone()),
            DisconnectReason::Error(Failure::Ssh(e)) => Ending::Broke(e.to_string()),
            DisconnectReason::Error(Failure::HostKey(e)) => Ending::Broke(e.to_string()),
        };
        *self.goodbye.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending);
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(failure) => Err(failure),
        }
    }
}

/// Nothing is read from a connection while what it brought is not taken: where bytes flow, that may take a while.
const PATIENCE_WITH_STREAMS: Duration = Duration::from_hours(1);

fn client_config(endpoint: &Endpoint, known: &KnownHosts) -> client::Config {
    let silence = endpoint.connect_timeout + endpoint.keepalive * 5;
    let silence = if endpoint.lane == Lane::Shared { silence } else { silence.max(PATIENCE_WITH_STREAMS) };
    client::Config {
        preferred: algorithms::offered(endpoint.legacy_algorithms, &known.algorithms()),
        keepalive_interval: Some(endpoint.keepalive),
        keepalive_max: UNANSWERED_KEEPALIVES,
        // Ends what hangs before the login, where there are no keepalives yet.
        inactivity_timeout: Some(silence),
        ..client::Config::default()
    }
}

/// Tries the host's addresses in turn; one that does not answer leaves time for the others.
async fn open_tcp(endpoint: &Endpoint, deadline: Instant) -> Result<QuickAck, TransportError> {
    let (host, port) = (endpoint.host.as_str(), endpoint.port);
    let addresses: Vec<SocketAddr> = match lookup_host((host, port)).await {
        Ok(found) => found.collect(),
        Err(e) => return Err(unreachable(format!("the name {host} does not resolve: {e}"))),
    };
    let mut last = format!("the name {host} has no address");
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = deadline.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        last = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => match QuickAck::new(stream) {
                Ok(stream) => return Ok(stream),
                Err(e) => format!("{host} ({address}): {e}"),
            },
            Ok(Err(e)) => format!("{host} ({address}) cannot be reached: {}", reason(&e)),
            Err(_) if left == 0 => return Err(too_slow(endpoint)),
            Err(_) => format!("{host} ({address}) does not answer"),
        };
    }
    Err(unreachable(last))
}

/// The system's words without its error number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

fn unreachable(message: String) -> TransportError {
    TransportError::new(TransportErrorKind::Unreachable, message)
        .hint("check that the machine is up, and the target's `host` and `port`")
}

fn too_slow(endpoint: &Endpoint) -> TransportError {
    let seconds = endpoint.connect_timeout.as_secs();
    let message = format!("{endpoint} was not connected within {seconds} s");
    TransportError::new(TransportErrorKind::Timeout, message)
        .hint("check that the machine is up; `connectTimeoutSeconds` of the target allows more time")
}

fn session_refused(reason: &ChannelOpenFailure) -> TransportError {
    let message = format!("the host refuses another session on the connection ({reason:?})");
    TransportError::new(TransportErrorKind::Protocol, message)
        .hint("`MaxSessions` in its sshd_config must not be 0, and allow a few at once")
}

/// OpenSSH does not tell why: what is not allowed, is not there or listens to nobody is all the same to it.
fn socket_refused(path: &str, endpoint: &Endpoint, reason: &ChannelOpenFailure) -> TransportError {
    let (why, hint) = match reason {
        ChannelOpenFailure::UnknownChannelType => (
            "the SSH server knows no way to a socket".to_owned(),
            "OpenSSH 6.7 and newer do; reach the server over HTTPS instead".to_owned(),
        ),
        ChannelOpenFailure::Other { reason, .. } => (reason.clone(), String::new()),
        _ => (
            "the SSH server does not get through to it".to_owned(),
            format!(
                "is there a server that listens at {path}, may the user who logs in use it, and do \
                 AllowStreamLocalForwarding and DisableForwarding in its sshd_config allow that?"
            ),
        ),
    };
    let error = TransportError::new(
        TransportErrorKind::Unreachable,
        format!("no way to the socket {path} on {endpoint}: {why}"),
    );
    if hint.is_empty() { error } else { error.hint(hint) }
}

/// What a failed key exchange means.
fn failed(endpoint: &Endpoint, failure: Failure, goodbye: &Goodbye) -> TransportError {
    let error = match failure {
        Failure::HostKey(error) => return error,
        Failure::Ssh(error) => error,
    };
    match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => {
            no_common_algorithm(endpoint, &format!("{kind:?}"), &theirs)
        }
        russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect => {
            let said = goodbye.text().unwrap_or_else(|| error.to_string());
            let message = format!("{endpoint} ended the connection during the key exchange: {said}");
            TransportError::new(TransportErrorKind::ConnectionLost, message)
                .hint("sshd does so when too many log in at once (MaxStartups) or the address is banned")
        }
        error => {
            let message = format!("{endpoint} does not answer as an SSH server should: {error}");
            TransportError::new(TransportErrorKind::Protocol, message)
        }
    }
}

fn no_common_algorithm(endpoint: &Endpoint, kind: &str, theirs: &[String]) -> TransportError {
    let what = match kind {
        "Kex" => "key exchange",
        "Key" => "host key",
        "Cipher" => "cipher",
        "Mac" => "MAC",
        "Compression" => "compression",
        other => other,
    };
    let message =
        format!("{endpoint} offers no {what} algorithm that is accepted, only {}", theirs.join(", "));
    let error = TransportError::new(TransportErrorKind::NoCommonAlgorithm, message);
    error.hint(if endpoint.legacy_algorithms {
        "update its SSH server; these are not supported even for old hosts"
    } else {
        "for an old host, set `legacyAlgorithms: true` in the target's `ssh` settings"
    })
}
