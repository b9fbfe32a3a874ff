//! The ways to an Incus server: its socket on this machine or through SSH, or HTTPS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::request::SecretRef;
use evenkeel_core::target::{IncusSpec, SshSpec};
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::certificates::{Advice, Judge, Verdict, provider};
use crate::credentials::Credentials;
use crate::ssh::SshClient;

/// Connecting may take so long where the server's machine does not say.
const CONNECTING: Duration = Duration::from_secs(15);

/// The keys of the client's certificate in its credential.
const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "privateKey";

/// What to do about a server's certificate.
const ADVICE: Advice = Advice {
    compare: "with `certificate_fingerprint` in `incus info` on the server",
    authority: "the server's own certificate or its authority's",
};

/// A stream of bytes each way.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How a server is reached.
pub(super) enum Way {
    /// Its socket on this machine.
    Here { socket: String },
    /// Its socket on another one.
    There { client: Arc<SshClient>, spec: Box<SshSpec>, socket: String },
    /// Its port for HTTPS.
    Https { host: String, port: u16, name: ServerName<'static>, config: Arc<ClientConfig>, verdict: Verdict },
}

impl Way {
    /// The way that the settings of the target `whose` name.
    pub(super) fn of(
        whose: &str,
        spec: &IncusSpec,
        client: &Arc<SshClient>,
        credentials: &dyn Credentials,
    ) -> Result<Self, TransportError> {
        if spec.url.is_none() {
            let socket = spec.socket().to_owned();
            return Ok(match spec.ssh.clone() {
                Some(ssh) => Way::There { client: Arc::clone(client), spec: Box::new(ssh), socket },
                None => Way::Here { socket },
            });
        }
        let wrong = |why: &str, hint: &str| {
            let message = format!("target `{whose}`: {why}");
            TransportError::new(TransportErrorKind::Configuration, message).hint(hint)
        };
        let server = spec.server().and_then(|(host, port)| {
            Some((host.to_owned(), port, ServerName::try_from(host.to_owned()).ok()?))
        });
        let (host, port, name) = server.ok_or_else(|| {
            wrong("`url` is not the address of an Incus server", "write `https://host[:port]`")
        })?;
        let credential = spec.credentials_ref.as_deref().ok_or_else(|| {
            let hint = "name with `credentialsRef` the credential that holds `certificate` and `privateKey`";
            wrong("`url` wants the client's certificate", hint)
        })?;
        let verdict = Verdict::default();
        let judge = Judge::new(spec.certificate_fingerprint.as_deref(), spec.ca_file.as_deref(), &verdict)?;
        let config = Arc::new(config(judge, credential, credentials)?);
        Ok(Way::Https { host, port, name, config, verdict })
    }

    /// Where it leads, for messages.
    pub(super) fn place(&self) -> String {
        match self {
            Way::Here { socket } => socket.clone(),
            Way::There { spec, socket, .. } => format!("{socket} on {}", spec.host),
            Way::Https { .. } => self.authority(),
        }
    }

    /// The `Host` of a request.
    pub(super) fn authority(&self) -> String {
        match self {
            Way::Https { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Way::Https { host, port, .. } => format!("{host}:{port}"),
            // What Incus's own client says, too.
            Way::Here { .. } | Way::There { .. } => "unix.socket".to_owned(),
        }
    }

    /// True where the server asks who calls; at its socket it knows.
    pub(super) fn asks_for_trust(&self) -> bool {
        matches!(self, Way::Https { .. })
    }

    /// A new connection; after `until` it is given up.
    pub(super) async fn connect(
        &self,
        whose: &str,
        until: Instant,
    ) -> Result<Box<dyn Stream>, TransportError> {
        match self {
            Way::Here { socket } => {
                let connected = timeout_at(until, UnixStream::connect(socket)).await;
                let stream = connected.map_err(|_| slow(whose))?.map_err(|e| no_socket(whose, socket, &e))?;
                Ok(Box::new(stream))
            }
            Way::There { client, spec, socket } => {
                let connected = timeout_at(until, Box::pin(client.socket(spec, socket))).await;
                Ok(Box::new(connected.map_err(|_| slow(whose))??))
            }
            Way::Https { host, port, name, config, verdict } => {
                let until = until.min(Instant::now() + CONNECTING);
                let connected = timeout_at(until, TcpStream::connect((host.as_str(), *port))).await;
                let stream = connected.map_err(|_| slow(whose))?.map_err(|e| unreachable(whose, &e))?;
                // Small requests, each of which is waited for.
                let _ = stream.set_nodelay(true);
                let connector = TlsConnector::from(Arc::clone(config));
                let encrypted = timeout_at(until, connector.connect(name.clone(), stream)).await;
                let encrypted = encrypted.map_err(|_| slow(whose))?.map_err(|e| {
                    verdict.take(&self.authority(), ADVICE).unwrap_or_else(|| unreachable(whose, &e))
                })?;
                Ok(Box::new(encrypted))
            }
        }
    }
}

/// Encryption that trusts whom `judge` does, and says who we are.
fn config(
    judge: Arc<Judge>,
    credential: &str,
    credentials: &dyn Credentials,
) -> Result<ClientConfig, TransportError> {
    let get = |key: &str| credentials.get(&SecretRef { name: credential.to_owned(), key: key.to_owned() });
    // What the library says of them is not told: it may quote them.
    let odd = |key: &str, what: &str| {
        let message = format!("`{key}` of the credential `{credential}` is not {what} in PEM form");
        TransportError::new(TransportErrorKind::Credentials, message)
            .hint("Incus's own client keeps both in its folder: `client.crt` and `client.key`")
    };
    let text = get(CERTIFICATE)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.expose_secret().as_bytes()).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| odd(CERTIFICATE, "a certificate"))?;
    let text = get(PRIVATE_KEY)?;
    let key = PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes());
    let key = key.map_err(|_| odd(PRIVATE_KEY, "a private key without a passphrase"))?;
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder =
        builder.map_err(|e| TransportError::new(TransportErrorKind::Configuration, e.to_string()))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(judge);
    builder.with_client_auth_cert(chain, key).map_err(|_| {
        let message =
            format!("`{CERTIFICATE}` and `{PRIVATE_KEY}` of the credential `{credential}` are not a pair");
        TransportError::new(TransportErrorKind::Credentials, message)
            .hint("the key must be the certificate's own, and one of RSA, ECDSA (P-256, P-384) or Ed25519")
    })
}

fn no_socket(whose: &str, socket: &str, error: &io::Error) -> TransportError {
    let (kind, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied => (
            TransportErrorKind::AuthenticationFailed,
            "whoever runs Evenkeel must be root or a member of the group `incus-admin`".to_owned(),
        ),
        _ => (
            TransportErrorKind::Unreachable,
            format!("is there a server that listens at {socket}? `socket` of the target names another place"),
        ),
    };
    TransportError::new(kind, format!("cannot reach {whose}: {error}")).hint(hint)
}

fn unreachable(whose: &str, error: &io::Error) -> TransportError {
    TransportError::new(TransportErrorKind::Unreachable, format!("cannot reach {whose}: {error}"))
        .hint("check that the machine is up, and that `core.https_address` of the server is what `url` says")
}

fn slow(whose: &str) -> TransportError {
    TransportError::new(TransportErrorKind::Timeout, format!("{whose} was not connected in time"))
        .hint("check that the machine is up")
}
