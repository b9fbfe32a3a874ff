//! Encryption of the connections to an FTP server.

use std::sync::Arc;

use evenkeel_core::target::FtpSpec;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, Error};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::{Advice, Judge, Verdict, provider};

/// Encryption with one server. Data connections resume the session of the control connection, which some servers demand.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    verdict: Verdict,
}

/// A version of TLS.
///
/// The older one is tried first. With the newer one a session can be resumed no more often than the server hands out
/// tickets, and proftpd takes only those that came over the control connection, which are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V12,
    V13,
}

/// Why there is no encryption.
pub(super) enum NotEncrypted {
    /// The server does not speak this version.
    Version(TransportError),
    /// Something else.
    Failed(TransportError),
}

/// What to do about a certificate of a NAS.
const ADVICE: Advice = Advice { compare: "on the server", authority: "the authority" };

impl Tls {
    /// What the settings of the server say.
    pub(super) fn new(spec: &FtpSpec, version: Version) -> Result<Self, TransportError> {
        let wrong = |message: String| TransportError::new(TransportErrorKind::Configuration, message);
        let name = ServerName::try_from(spec.host.clone())
            .map_err(|e| wrong(format!("ftp.host `{}` cannot be in a certificate: {e}", spec.host)))?;
        let verdict = Verdict::default();
        let (pin, ca_file) = (spec.certificate_fingerprint.as_deref(), spec.ca_file.as_deref());
        let judge = Judge::new(pin, ca_file, &verdict)?;
        let version = match version {
            Version::V12 => &rustls::version::TLS12,
            Version::V13 => &rustls::version::TLS13,
        };
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .map_err(|e| wrong(e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_no_client_auth();
        Ok(Tls { config: Arc::new(config), name, verdict })
    }

    /// Begins encryption.
    pub(super) async fn connect(
        &self,
        server: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, NotEncrypted> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let error = match connector.connect(self.name.clone(), stream).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        if let Some(error) = self.verdict.take(server, ADVICE) {
            return Err(NotEncrypted::Failed(error));
        }
        let failed = |kind| {
            let message = format!("{server} and this program find no way to encrypt: {error}");
            TransportError::new(kind, message).hint("it needs TLS 1.2 or 1.3")
        };
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(
                Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure)
                | Error::PeerIncompatible(_),
            ) => Err(NotEncrypted::Version(failed(TransportErrorKind::Protocol))),
            Some(_) => Err(NotEncrypted::Failed(failed(TransportErrorKind::Protocol))),
            None => Err(NotEncrypted::Failed(failed(TransportErrorKind::ConnectionLost))),
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}
