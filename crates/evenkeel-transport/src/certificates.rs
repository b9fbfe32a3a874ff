//! Whether a server is the one that is meant: by its certificate's fingerprint, by a file of authorities, or by those
//! that this machine trusts.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// The library that encrypts; named where it is used, so that nothing global is installed.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What was wrong with a certificate, in words of whoever looked at it last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict(Arc<Mutex<Option<Refusal>>>);

#[derive(Debug, Clone)]
struct Refusal {
    pinned: bool,
    why: String,
    fingerprint: String,
}

/// What to do about a certificate, where more is known of the server than that it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Advice {
    /// How to see the server's own certificate.
    pub(crate) compare: &'static str,
    /// The authority to name in `caFile`.
    pub(crate) authority: &'static str,
}

impl Verdict {
    /// The error for a certificate that was refused since the last call; `None` where none was.
    pub(crate) fn take(&self, server: &str, advice: Advice) -> Option<TransportError> {
        let refusal = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let (Refusal { pinned, why, fingerprint }, Advice { compare, authority }) = (refusal, advice);
        let (kind, message, hint) = if pinned {
            (
                TransportErrorKind::HostKeyChanged,
                format!("{server} has another certificate than `certificateFingerprint` says: {fingerprint}"),
                format!("compare it {compare}; if it was renewed, put the new fingerprint there"),
            )
        } else {
            (
                TransportErrorKind::HostKeyUnknown,
                format!("the certificate of {server} is not trusted: {why}"),
                format!(
                    "name {authority} in `caFile`, or pin this certificate, once you compared it {compare}: \
                     `certificateFingerprint: {fingerprint}`"
                ),
            )
        };
        Some(TransportError::new(kind, message).hint(hint))
    }
}

/// Whom to trust.
#[derive(Debug)]
enum Trust {
    /// This certificate, whoever signed it.
    Pinned([u8; 32]),
    /// Those whom authorities have signed, and those who were named themselves: a device's own certificate may call
    /// itself an authority.
    Authorities { named: Vec<CertificateDer<'static>>, verifier: Arc<WebPkiServerVerifier> },
}

impl Trust {
    /// In those whom a person named.
    fn named(named: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        Ok(Trust::Authorities { verifier: by_authorities(&named, provider)?, named })
    }

    /// In whom the authorities that this machine trusts have signed. They are no servers themselves.
    fn system(found: &[CertificateDer<'static>], provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        Ok(Trust::Authorities { verifier: by_authorities(found, provider)?, named: Vec::new() })
    }
}

/// Judges certificates, and remembers what it said.
#[derive(Debug)]
pub(crate) struct Judge {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    verdict: Verdict,
}

impl Judge {
    /// Trusts the certificate with the fingerprint `pin`; else the authorities in this file; else the system's.
    pub(crate) fn new(
        pin: Option<&str>,
        ca_file: Option<&str>,
        verdict: &Verdict,
    ) -> Result<Arc<Self>, TransportError> {
        let wrong = |why: String| TransportError::new(TransportErrorKind::Configuration, why);
        let provider = provider();
        let trust = match (pin, ca_file) {
            (Some(pin), _) => Trust::Pinned(fingerprint(pin).map_err(wrong)?),
            (None, Some(file)) => {
                Trust::named(authorities(file).map_err(wrong)?, &provider).map_err(wrong)?
            }
            (None, None) => {
                let found = rustls_native_certs::load_native_certs().certs;
                Trust::system(&found, &provider).map_err(wrong)?
            }
        };
        Ok(Arc::new(Judge { trust, provider, verdict: verdict.clone() }))
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
            Trust::Authorities { named, .. } if named.contains(certificate) => {
                let parsed = ParsedCertificate::try_from(certificate)?;
                rustls::client::verify_server_name(&parsed, name).map(|()| ServerCertVerified::assertion())
            }
            Trust::Authorities { verifier, .. } => {
                verifier.verify_server_cert(certificate, chain, name, stapled, now)
            }
        };
        judged.inspect_err(|error| {
            let why = match error {
                Error::InvalidCertificate(why) => why.to_string(),
                error => error.to_string(),
            };
            let pairs: Vec<String> = found.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
            let pinned = matches!(self.trust, Trust::Pinned(_));
            let refusal = Refusal { pinned, why, fingerprint: pairs.join(":") };
            *self.verdict.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The 32 bytes of a fingerprint, with or without colons.
fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let digits: String = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    let bytes = hex::decode(digits).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| {
        format!("certificateFingerprint `{text}` is not a SHA-256: 64 digits of hexadecimal, colons allowed")
    })
}

fn authorities(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bad = |why: &dyn std::fmt::Display| format!("caFile {file} gives no authorities: {why}");
    let all = CertificateDer::pem_file_iter(Path::new(file)).map_err(|e| bad(&e))?;
    let all = all.collect::<Result<Vec<_>, _>>().map_err(|e| bad(&e))?;
    if all.is_empty() { Err(bad(&"there is no certificate in PEM")) } else { Ok(all) }
}

fn by_authorities(
    all: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(all.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().map_err(|e| {
        format!("there is no authority to trust ({e}): give `certificateFingerprint` or `caFile`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_or_without_colons() {
        let plain = "ab".repeat(32);
        let colons = ["AB"; 32].join(":");
        assert_eq!(fingerprint(&plain).unwrap(), [0xab; 32]);
        assert_eq!(fingerprint(&colons).unwrap(), [0xab; 32]);
        for wrong in ["", "ab", &plain[2..], "zz"] {
            assert!(fingerprint(wrong).unwrap_err().contains("64 digits"), "{wrong}");
        }
    }

    #[test]
    fn an_authority_is_a_server_only_where_somebody_named_it() {
        let mut authority = rcgen::CertificateParams::new(["nas.example".to_owned()]).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = authority.self_signed(&key).unwrap().der().clone();
        let (provider, name) = (provider(), ServerName::try_from("nas.example").unwrap());
        let judged = |trust: Trust| {
            let judge = Judge { trust, provider: Arc::clone(&provider), verdict: Verdict::default() };
            judge.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now()).is_ok()
        };
        let all = vec![certificate.clone()];
        assert!(!judged(Trust::system(&all, &provider).unwrap()));
        assert!(judged(Trust::named(all, &provider).unwrap()));
    }
}
