//! Whether a server is the one that is meant: by its certificate's fingerprint, by a file of authorities, or by those
//! that this machine trusts.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_core::target::FtpSpec;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Encryption with one server. Data connections resume the session of the control connection, which some servers demand.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    verdict: Arc<Mutex<Option<Verdict>>>,
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

/// What was wrong with the certificate, and its fingerprint.
struct Verdict {
    pinned: bool,
    why: String,
    fingerprint: String,
}

impl Tls {
    /// What the settings of the server say.
    pub(super) fn new(spec: &FtpSpec, version: Version) -> Result<Self, TransportError> {
        let wrong = |message: String| TransportError::new(TransportErrorKind::Configuration, message);
        let name = ServerName::try_from(spec.host.clone())
            .map_err(|e| wrong(format!("ftp.host `{}` cannot be in a certificate: {e}", spec.host)))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = match (&spec.certificate_fingerprint, &spec.ca_file) {
            (Some(text), _) => Trust::Pinned(fingerprint(text).map_err(wrong)?),
            (None, Some(file)) => {
                authorities(file).and_then(|all| by_authorities(all, &provider)).map_err(wrong)?
            }
            (None, None) => {
                let found = rustls_native_certs::load_native_certs().certs;
                by_authorities(found, &provider).map_err(wrong)?
            }
        };
        let version = match version {
            Version::V12 => &rustls::version::TLS12,
            Version::V13 => &rustls::version::TLS13,
        };
        let verdict = Arc::new(Mutex::new(None));
        let judge = Judge { trust, provider: Arc::clone(&provider), verdict: Arc::clone(&verdict) };
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .map_err(|e| wrong(e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(judge))
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
        if let Some(verdict) = self.verdict.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(NotEncrypted::Failed(verdict.told(server)));
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

impl Verdict {
    fn told(self, server: &str) -> TransportError {
        let Verdict { pinned, why, fingerprint } = self;
        if pinned {
            let message =
                format!("{server} has another certificate than `certificateFingerprint` says: {fingerprint}");
            let hint = "find out why; if it was renewed, put the new fingerprint there";
            return TransportError::new(TransportErrorKind::HostKeyChanged, message).hint(hint);
        }
        let message = format!("the certificate of {server} is not trusted: {why}");
        let hint = format!(
            "name the authority in `caFile`, or pin this certificate, once you compared it on the server: \
             `certificateFingerprint: {fingerprint}`"
        );
        TransportError::new(TransportErrorKind::HostKeyUnknown, message).hint(hint)
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whom to trust.
#[derive(Debug)]
enum Trust {
    /// This certificate, whoever signed it.
    Pinned([u8; 32]),
    /// Those whom these have signed, and these themselves: a device's own certificate may call itself an authority.
    Authorities { all: Vec<CertificateDer<'static>>, verifier: Arc<WebPkiServerVerifier> },
}

/// Judges certificates, and remembers what it said.
struct Judge {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    verdict: Arc<Mutex<Option<Verdict>>>,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("trust", &self.trust).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = ring::digest::digest(&ring::digest::SHA256, certificate);
        let judged = match &self.trust {
            Trust::Pinned(wanted) if found.as_ref() == wanted => Ok(ServerCertVerified::assertion()),
            Trust::Pinned(_) => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            Trust::Authorities { all, .. } if all.contains(certificate) => {
                let parsed = ParsedCertificate::try_from(certificate)?;
                rustls::client::verify_server_name(&parsed, name).map(|()| ServerCertVerified::assertion())
            }
            Trust::Authorities { verifier, .. } => {
                verifier.verify_server_cert(certificate, chain, name, stapled, now)
            }
        };
        judged.inspect_err(|e| {
            let why = match e {
                Error::InvalidCertificate(why) => why.to_string(),
                e => e.to_string(),
            };
            let pinned = matches!(self.trust, Trust::Pinned(_));
            let verdict = Verdict { pinned, why, fingerprint: hex::encode(found) };
            *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The 32 bytes of a fingerprint, with or without colons.
fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let digits: String = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    let bytes = hex::decode(&digits).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| {
        format!("certificateFingerprint `{text}` is not a SHA-256: 64 digits of hexadecimal, colons allowed")
    })
}

fn authorities(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bad = |why: &dyn std::fmt::Display| format!("caFile {file} gives no authorities: {why}");
    let all = CertificateDer::pem_file_iter(Path::new(file)).map_err(|e| bad(&e))?;
    all.collect::<Result<Vec<_>, _>>().map_err(|e| bad(&e))
}

fn by_authorities(
    all: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Trust, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(all.iter().cloned());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|e| format!("there are no certificate authorities to trust ({e}): name a `caFile`"))?;
    Ok(Trust::Authorities { all, verifier })
}
