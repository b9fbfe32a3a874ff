//! Whether a node is the one that is meant: by its certificate's fingerprint, by a file of authorities, or by those
//! that this machine trusts.

use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What was wrong with a certificate, in words of whoever looked at it last.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict(Arc<Mutex<Option<Refusal>>>);

#[derive(Debug, Clone)]
struct Refusal {
    pinned: bool,
    why: String,
    fingerprint: String,
}

impl Verdict {
    /// The error for a certificate that was refused since the last call; `None` where none was.
    pub(super) fn take(&self, node: &str) -> Option<TransportError> {
        let refusal = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let Refusal { pinned, why, fingerprint } = refusal;
        if pinned {
            let message =
                format!("{node} has another certificate than `certificateFingerprint` says: {fingerprint}");
            let hint =
                "compare it with `pvenode cert info` on the node; if it was renewed, put the new one there";
            return Some(TransportError::new(TransportErrorKind::HostKeyChanged, message).hint(hint));
        }
        let message = format!("the certificate of {node} is not trusted: {why}");
        let hint = format!(
            "name the cluster's `pve-root-ca.pem` in `caFile`, or pin the certificate once you compared it with \
             `pvenode cert info` on the node: `certificateFingerprint: {fingerprint}`"
        );
        Some(TransportError::new(TransportErrorKind::HostKeyUnknown, message).hint(hint))
    }
}

/// Encryption that trusts the certificate with this fingerprint, else the authorities in this file, else the system's.
pub(super) fn config(
    pin: Option<&str>,
    ca_file: Option<&str>,
    verdict: &Verdict,
) -> Result<ClientConfig, TransportError> {
    let wrong = |why: String| TransportError::new(TransportErrorKind::Configuration, why);
    // Named here, so that nothing global is installed.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trust = match (pin, ca_file) {
        (Some(pin), _) => Trust::Pinned(fingerprint(pin).map_err(wrong)?),
        (None, ca_file) => {
            let found = match ca_file {
                Some(file) => authorities(file).map_err(wrong)?,
                None => rustls_native_certs::load_native_certs().certs,
            };
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found);
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
            let none = |e| {
                wrong(format!(
                    "there is no authority to trust ({e}): give `certificateFingerprint` or `caFile`"
                ))
            };
            Trust::Authorities(verifier.map_err(none)?)
        }
    };
    let judge = Judge { trust, provider: Arc::clone(&provider), verdict: verdict.clone() };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| wrong(e.to_string()))?.dangerous();
    Ok(builder.with_custom_certificate_verifier(Arc::new(judge)).with_no_client_auth())
}

/// The 32 bytes of a fingerprint, with or without colons.
fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let digits: String = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    let bytes = hex::decode(digits).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| {
        format!("certificateFingerprint `{text}` is no SHA-256: it has 64 digits of hexadecimal")
    })
}

fn authorities(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.map_err(|e| format!("the `caFile` {file} cannot be used: {e}"))?;
    if all.is_empty() { Err(format!("the `caFile` {file} has no certificate in PEM")) } else { Ok(all) }
}

#[derive(Debug)]
enum Trust {
    Pinned([u8; 32]),
    Authorities(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct Judge {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    verdict: Verdict,
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
            Trust::Authorities(verifier) => {
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
}
