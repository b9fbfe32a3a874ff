//! The certificate of the server, read again when its files change: the process outlives certificates.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use evenkeel_core::config::TlsSpec;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate and its key, in their files and in use.
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    /// The hash of both files as they were when they were last looked at.
    seen: RwLock<[u8; 32]>,
    now: RwLock<Arc<ServerConfig>>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} holds no {what} in PEM form", file.display())]
    NotPem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// They do not fit each other, or are not supported.
    #[error("the certificate in {} does not work with its key: {source}", file.display())]
    Unusable {
        /// The certificate's file.
        file: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl TlsError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            TlsError::Unreadable { .. } => {
                "check `tls` of the Controller's `http`, and that the user it runs as may read the file"
            }
            TlsError::NotPem { .. } => {
                "PEM files have lines like -----BEGIN CERTIFICATE-----; `openssl x509 -inform der -in FILE` converts"
            }
            TlsError::Unusable { .. } => {
                "name the key that the certificate was made for; a key is RSA, ECDSA or Ed25519"
            }
        }
    }
}

impl Certificate {
    pub(crate) async fn read(spec: &TlsSpec) -> Result<Self, TlsError> {
        let (certificate, key) = (PathBuf::from(&spec.certificate), PathBuf::from(&spec.key));
        let files = Files::read(&certificate, &key).await?;
        let config = files.config(&certificate, &key)?;
        Ok(Certificate { chain: certificate, key, seen: RwLock::new(files.hash()), now: RwLock::new(config) })
    }

    /// What new connections use.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files again. What does not work is reported once, and the certificate in use stays.
    pub(crate) async fn refresh(&self) {
        let renewed = async {
            let files = Files::read(&self.chain, &self.key).await?;
            let hash = files.hash();
            let before =
                std::mem::replace(&mut *self.seen.write().unwrap_or_else(PoisonError::into_inner), hash);
            if before == hash { Ok(None) } else { files.config(&self.chain, &self.key).map(Some) }
        };
        match renewed.await {
            Ok(None) => {}
            Ok(Some(config)) => {
                *self.now.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!(file = %self.chain.display(), "a new certificate is in use");
            }
            Err(error) => tracing::warn!(%error, hint = error.hint(), "the certificate in use stays"),
        }
    }
}

/// What the two files hold.
struct Files {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

impl Files {
    async fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Files { certificate: bytes(certificate).await?, key: bytes(key).await?.into() })
    }

    fn hash(&self) -> [u8; 32] {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(Sha256::digest(&self.certificate));
        hash.update(Sha256::digest(&*self.key));
        hash.finalize().into()
    }

    fn config(&self, certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
        let not_pem = |file: &Path, what| TlsError::NotPem { file: file.to_owned(), what };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| not_pem(certificate, "certificate"))?;
        if chain.is_empty() {
            return Err(not_pem(certificate, "certificate"));
        }
        let private =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| not_pem(key, "unencrypted private key"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
            .map_err(|source| TlsError::Unusable { file: certificate.to_owned(), source })?;
        Ok(Arc::new(config))
    }
}

async fn bytes(file: &Path) -> Result<Vec<u8>, TlsError> {
    tokio::fs::read(file).await.map_err(|source| TlsError::Unreadable { file: file.to_owned(), source })
}
