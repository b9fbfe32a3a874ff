//! The doors: a TCP address, a Unix socket, and what is not opened.

use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use evenkeel_core::config::HttpSpec;
use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream};

use crate::tls::{Certificate, TlsError};

/// Connections that wait to be taken.
const BACKLOG: u32 = 256;

/// The doors that requests come in by, open.
pub struct Listeners {
    pub(crate) tcp: Option<(TcpListener, Option<Certificate>)>,
    pub(crate) socket: Option<(UnixListener, SocketFile)>,
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners")
            .field("address", &self.address())
            .field("socket", &self.socket.as_ref().map(|(_, file)| &file.0))
            .finish_non_exhaustive()
    }
}

/// Why a door was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be read.
    #[error("`listen: {listen}` is no address and port")]
    Address {
        /// What was written.
        listen: String,
    },
    /// The address can be reached from outside, and that was not asked for.
    #[error("`listen: {listen}` can be reached from other machines")]
    Remote {
        /// What was written.
        listen: String,
    },
    /// Tokens would travel in the clear.
    #[error("`listen: {listen}` can be reached from other machines, without https")]
    Plaintext {
        /// What was written.
        listen: String,
    },
    /// The system refuses.
    #[error("{what} cannot be opened")]
    Failed {
        /// Which door.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// Another process answers at the socket.
    #[error("another controller answers at {}", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else lies where the socket should be.
    #[error("{} is there and is no socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The certificate does not work.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl ListenError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            ListenError::Address { .. } => {
                "write an IP address and a port, for instance 127.0.0.1:8750 or [::1]:8750"
            }
            ListenError::Remote { .. } => "add `allowRemote: true` if that is meant, or listen on 127.0.0.1",
            ListenError::Plaintext { .. } => {
                "add `tls` with a certificate, or `allowPlaintext: true` if a proxy in front of it speaks https"
            }
            ListenError::Failed { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => "another process uses it: choose another port, or stop that one",
                io::ErrorKind::NotFound => "create the state directory",
                io::ErrorKind::InvalidInput => {
                    "choose a shorter stateDirectory: a socket's path has at most 107 bytes"
                }
                _ => "check that the user it runs as may do that",
            },
            ListenError::InUse { .. } => "stop it, or give this one another stateDirectory",
            ListenError::NotASocket { .. } => "move it away, or choose another stateDirectory",
            ListenError::Tls(error) => error.hint(),
        }
    }
}

impl Listeners {
    /// Opens the TCP address, where there is one in the configuration, and the socket at `socket`. A socket that
    /// nobody answers at is replaced. Relative paths are relative to where the process runs.
    pub async fn open(http: Option<&HttpSpec>, socket: Option<&Path>) -> Result<Self, ListenError> {
        let tcp = match http {
            Some(spec) => Some(open_tcp(spec).await?),
            None => None,
        };
        let socket = match socket {
            Some(path) => Some(open_socket(path).await?),
            None => None,
        };
        Ok(Listeners { tcp, socket })
    }

    /// The TCP address that it is reached at, also where the configuration left the port to the system.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }
}

async fn open_tcp(spec: &HttpSpec) -> Result<(TcpListener, Option<Certificate>), ListenError> {
    let listen = || spec.listen.clone();
    let address: SocketAddr = spec.listen.parse().map_err(|_| ListenError::Address { listen: listen() })?;
    if !address.ip().to_canonical().is_loopback() {
        if !spec.allow_remote {
            return Err(ListenError::Remote { listen: listen() });
        }
        if spec.tls.is_none() && !spec.allow_plaintext {
            return Err(ListenError::Plaintext { listen: listen() });
        }
    }
    let certificate = match &spec.tls {
        Some(tls) => Some(Certificate::read(tls).await?),
        None => None,
    };
    let failed = |source| ListenError::Failed { what: listen(), source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    Ok((listener, certificate))
}

async fn open_socket(path: &Path) -> Result<(UnixListener, SocketFile), ListenError> {
    let failed = |source| ListenError::Failed { what: path.display().to_string(), source };
    match tokio::fs::symlink_metadata(path).await {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => match UnixStream::connect(path).await {
            Ok(_) => return Err(ListenError::InUse { path: path.to_owned() }),
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                tokio::fs::remove_file(path).await.map_err(failed)?;
            }
            Err(e) => return Err(failed(e)),
        },
    }
    let socket = UnixSocket::new_stream().map_err(failed)?;
    socket.bind(path).map_err(failed)?;
    let file = SocketFile(path.to_owned());
    // Nobody can connect before `listen`, so nobody comes in before the mode is right.
    tokio::fs::set_permissions(path, Permissions::from_mode(0o600)).await.map_err(failed)?;
    let listener = socket.listen(BACKLOG).map_err(failed)?;
    Ok((listener, file))
}

/// The socket's file, which goes when the door is closed.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // One that is left over is replaced at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}
