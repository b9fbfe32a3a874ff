//! Ways to a controller, and connections by them.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::Full;
use hyper::Uri;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::ClientError;

/// For a connection to be there, with TLS.
const CONNECT: Duration = Duration::from_secs(15);

type Requests = SendRequest<Full<Bytes>>;

/// The way to a controller.
#[derive(Debug, Clone)]
pub(super) enum Door {
    Socket(PathBuf),
    Network {
        /// As it was written, without a last `/`.
        url: String,
        host: String,
        port: u16,
        /// What stands before the paths, where a proxy wants that.
        prefix: String,
        tls: Option<Arc<ClientConfig>>,
    },
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Door::Socket(path) => write!(f, "{}", path.display()),
            Door::Network { url, .. } => f.write_str(url),
        }
    }
}

impl Door {
    pub(super) fn parse(url: &str, ca_file: Option<&Path>) -> Result<Self, ClientError> {
        let wrong = || ClientError::Setting {
            message: format!("\"{url}\" is no address of a controller: write it like https://host:8750"),
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().filter(|a| !a.as_str().contains('@')).ok_or_else(wrong)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || uri.query().is_some() {
            return Err(wrong());
        }
        Ok(Door::Network {
            url: url.trim_end_matches('/').to_owned(),
            port: authority.port_u16().unwrap_or(if https { 443 } else { 80 }),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            tls: if https { Some(trust(ca_file)?) } else { None },
            host,
        })
    }

    /// True where others could read what is sent.
    pub(super) fn is_open_to_others(&self) -> bool {
        match self {
            Door::Network { host, tls: None, .. } => {
                let loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
                !loopback && host != "localhost"
            }
            Door::Network { tls: Some(_), .. } | Door::Socket(_) => false,
        }
    }

    /// What the header `Host` says.
    pub(super) fn host(&self) -> String {
        match self {
            Door::Socket(_) => "localhost".to_owned(),
            Door::Network { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Door::Network { host, port, .. } => format!("{host}:{port}"),
        }
    }

    pub(super) fn path(&self, path: &str) -> String {
        match self {
            Door::Socket(_) => path.to_owned(),
            Door::Network { prefix, .. } => format!("{prefix}{path}"),
        }
    }

    pub(super) async fn open(&self) -> Result<Requests, ClientError> {
        match tokio::time::timeout(CONNECT, self.connect()).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::TooSlow { door: self.to_string() }),
        }
    }

    async fn connect(&self) -> Result<Requests, ClientError> {
        match self {
            Door::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(|e| no_socket(path, e))?;
                self.shake(stream).await
            }
            Door::Network { host, port, tls, .. } => {
                let unreachable = |source| ClientError::Unreachable { door: self.to_string(), source };
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
                let _ = stream.set_nodelay(true);
                let Some(tls) = tls else { return self.shake(stream).await };
                let name = ServerName::try_from(host.clone()).map_err(|e| ClientError::Setting {
                    message: format!("\"{host}\" is no name of a machine: {e}"),
                })?;
                let connector = TlsConnector::from(Arc::clone(tls));
                let stream = connector.connect(name, stream).await.map_err(|e| self.no_tls(e))?;
                self.shake(stream).await
            }
        }
    }

    async fn shake<S>(&self, stream: S) -> Result<Requests, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| ClientError::Cut { door: self.to_string(), message: e.to_string() })?;
        // It ends with the last request or body that uses it.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(requests)
    }

    fn no_tls(&self, error: io::Error) -> ClientError {
        let door = self.to_string();
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => {
                ClientError::Untrusted { door, message: why.to_string() }
            }
            _ => ClientError::Unreachable { door, source: error },
        }
    }
}

fn no_socket(path: &Path, source: io::Error) -> ClientError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning { path },
        io::ErrorKind::PermissionDenied => ClientError::Denied { path },
        _ => ClientError::Unreachable { door: path.display().to_string(), source },
    }
}

/// Who may have signed the controller's certificate.
fn trust(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, ClientError> {
    let failed = |message: String| ClientError::Setting { message };
    let mut roots = RootCertStore::empty();
    if let Some(file) = ca_file {
        let bad = |e: &dyn fmt::Display| failed(format!("{} gives no authorities: {e}", file.display()));
        for authority in CertificateDer::pem_file_iter(file).map_err(|e| bad(&e))? {
            roots.add(authority.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
        }
        if roots.is_empty() {
            return Err(bad(&"there is no certificate in it"));
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(failed(
                "the system has no certificate authorities: name a file with those to trust".to_owned(),
            ));
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
