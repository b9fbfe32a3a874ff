//! The doors: a TCP address, a Unix socket, and what is not opened.

use std::fs::Permissions;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_core::config::HttpSpec;
use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream};

use crate::tls::{Certificate, TlsError};

/// Connections that wait to be taken.
const BACKLOG: u32 = 256;

/// The doors that requests come in by, open. Clones are the same doors: they are closed with the last one.
#[derive(Clone)]
pub struct Listeners {
    pub(crate) tcp: Option<Network>,
    pub(crate) socket: Option<Socket>,
}

/// A TCP address.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) listener: Arc<TcpListener>,
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// What stands in the configuration. `None`: somebody else opened it.
    listen: Option<String>,
}

/// A Unix socket.
#[derive(Clone)]
pub(crate) struct Socket {
    pub(crate) listener: Arc<UnixListener>,
    /// `None`: somebody else made it.
    file: Option<Arc<SocketFile>>,
}

/// Doors that whoever started the process has opened already, such as systemd.
#[derive(Debug, Default)]
pub struct Inherited {
    /// A TCP address.
    pub address: Option<std::net::TcpListener>,
    /// A Unix socket.
    pub socket: Option<std::os::unix::net::UnixListener>,
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = self.socket.as_ref().and_then(|socket| socket.file.as_ref());
        f.debug_struct("Listeners")
            .field("address", &self.address())
            .field("socket", &file)
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
    /// An address was passed on, and the configuration knows of none.
    #[error("an open address was passed on at the start, and the configuration has no `http`")]
    Unasked,
    /// A socket was passed on that nobody would find.
    #[error("the socket that was passed on at the start is not {}", expected.display())]
    Elsewhere {
        /// Where it is looked for.
        expected: PathBuf,
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
            ListenError::Unasked => {
                "add `http` to the Controller, or take the address out of the unit of the socket"
            }
            ListenError::Elsewhere { .. } => {
                "let the unit of the socket listen there: it is `evenkeel.sock` in the stateDirectory"
            }
            ListenError::Tls(error) => error.hint(),
        }
    }
}

impl Listeners {
    /// Opens the TCP address, where there is one in the configuration, and the socket at `socket`. A socket that
    /// nobody answers at is replaced. Relative paths are relative to where the process runs.
    pub async fn open(http: Option<&HttpSpec>, socket: Option<&Path>) -> Result<Self, ListenError> {
        Self::take(Inherited::default(), http, socket).await
    }

    /// Takes the doors that are open already, and opens the others.
    pub async fn take(
        inherited: Inherited,
        http: Option<&HttpSpec>,
        socket: Option<&Path>,
    ) -> Result<Self, ListenError> {
        let tcp = match (http, inherited.address) {
            (Some(spec), Some(passed)) => Some(adopt_tcp(spec, passed).await?),
            (Some(spec), None) => Some(open_tcp(spec).await?),
            (None, Some(_)) => return Err(ListenError::Unasked),
            (None, None) => None,
        };
        let socket = match (socket, inherited.socket) {
            (Some(path), Some(passed)) => Some(adopt_socket(path, passed)?),
            (Some(path), None) => Some(open_socket(path).await?),
            (None, _) => None,
        };
        Ok(Listeners { tcp, socket })
    }

    /// The doors of another configuration: an address that stays is not closed in between, and one that was passed on
    /// stays whatever the configuration says of it. These here stay open until they are dropped.
    pub async fn renew(&self, http: Option<&HttpSpec>) -> Result<Self, ListenError> {
        let tcp = match (http, &self.tcp) {
            (Some(spec), Some(open)) if open.listen.as_ref().is_none_or(|listen| *listen == spec.listen) => {
                let address = local(&open.listener)?;
                permit(spec, address.ip())?;
                let listener = Arc::clone(&open.listener);
                Some(Network { listener, certificate: certificate(spec).await?, listen: open.listen.clone() })
            }
            (Some(spec), _) => Some(open_tcp(spec).await?),
            (None, Some(open)) if open.listen.is_none() => return Err(ListenError::Unasked),
            (None, _) => None,
        };
        Ok(Listeners { tcp, socket: self.socket.clone() })
    }

    /// The TCP address that it is reached at, also where the configuration left the port to the system.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|network| network.listener.local_addr().ok())
    }
}

/// Whether the configuration lets requests come in at an address.
fn permit(spec: &HttpSpec, ip: IpAddr) -> Result<(), ListenError> {
    let listen = || spec.listen.clone();
    if !ip.to_canonical().is_loopback() {
        if !spec.allow_remote {
            return Err(ListenError::Remote { listen: listen() });
        }
        if spec.tls.is_none() && !spec.allow_plaintext {
            return Err(ListenError::Plaintext { listen: listen() });
        }
    }
    Ok(())
}

async fn certificate(spec: &HttpSpec) -> Result<Option<Arc<Certificate>>, ListenError> {
    match &spec.tls {
        Some(tls) => Ok(Some(Arc::new(Certificate::read(tls).await?))),
        None => Ok(None),
    }
}

async fn open_tcp(spec: &HttpSpec) -> Result<Network, ListenError> {
    let listen = || spec.listen.clone();
    let address: SocketAddr = spec.listen.parse().map_err(|_| ListenError::Address { listen: listen() })?;
    permit(spec, address.ip())?;
    let certificate = certificate(spec).await?;
    let failed = |source| ListenError::Failed { what: listen(), source };
    let listener = Arc::new(TcpListener::bind(address).await.map_err(failed)?);
    Ok(Network { listener, certificate, listen: Some(listen()) })
}

async fn adopt_tcp(spec: &HttpSpec, passed: std::net::TcpListener) -> Result<Network, ListenError> {
    let failed = |source| ListenError::Failed { what: "the address that was passed on".to_owned(), source };
    passed.set_nonblocking(true).map_err(failed)?;
    let listener = Arc::new(TcpListener::from_std(passed).map_err(failed)?);
    let address = local(&listener)?;
    permit(&HttpSpec { listen: address.to_string(), ..spec.clone() }, address.ip())?;
    Ok(Network { listener, certificate: certificate(spec).await?, listen: None })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, ListenError> {
    let failed = |source| ListenError::Failed { what: "the open address".to_owned(), source };
    listener.local_addr().map_err(failed)
}

fn adopt_socket(path: &Path, passed: std::os::unix::net::UnixListener) -> Result<Socket, ListenError> {
    let failed = |source| ListenError::Failed { what: path.display().to_string(), source };
    let at = passed.local_addr().map_err(failed)?;
    // Links on the way there are followed: what counts is where the commands of this machine look for it.
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if at.as_pathname().and_then(real).is_none_or(|at| Some(at) != real(path)) {
        return Err(ListenError::Elsewhere { expected: path.to_owned() });
    }
    passed.set_nonblocking(true).map_err(failed)?;
    let listener = Arc::new(UnixListener::from_std(passed).map_err(failed)?);
    Ok(Socket { listener, file: None })
}

async fn open_socket(path: &Path) -> Result<Socket, ListenError> {
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
    let file = Some(Arc::new(SocketFile(path.to_owned())));
    // Nobody can connect before `listen`, so nobody comes in before the mode is right.
    tokio::fs::set_permissions(path, Permissions::from_mode(0o600)).await.map_err(failed)?;
    let listener = Arc::new(socket.listen(BACKLOG).map_err(failed)?);
    Ok(Socket { listener, file })
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
