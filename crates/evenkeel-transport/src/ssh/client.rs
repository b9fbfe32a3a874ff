//! The one SSH client: it finds the way to a server, keeps its connection, and opens sessions on it.

use std::sync::Arc;

use evenkeel_core::target::SshSpec;
use evenkeel_core::transport::{BoxFuture, TransportError, TransportErrorKind};

use super::SshOptions;
use super::config_file::ConfigFile;
use super::config_now::ConfigNow;
use super::connect::{NoSession, SessionChannel};
use super::endpoint::{Endpoint, Resolver};
use super::pool::{Lease, Pool};
use super::running::Running;
use crate::credentials::Credentials;

/// Logs in to servers over SSH and keeps the connections: of targets, and of servers that run a command for us, as
/// those of git repositories do.
///
/// Needs a Tokio runtime with I/O and time enabled.
pub struct SshClient {
    options: Arc<SshOptions>,
    credentials: Arc<dyn Credentials>,
    config: ConfigNow,
    pool: Arc<Pool>,
}

impl SshClient {
    /// A client without connections; they are opened as they are needed.
    pub fn new(options: SshOptions, credentials: Arc<dyn Credentials>) -> Self {
        let options = Arc::new(options);
        let pool = Pool::new(&options, Arc::clone(&credentials));
        SshClient { options, credentials, config: ConfigNow::default(), pool: Arc::new(pool) }
    }

    /// What a person should know about the `ssh_config` files: parts that are not respected.
    pub fn warnings(&self) -> Vec<String> {
        let Ok(config) = self.config() else { return Vec::new() };
        let warn =
            |at: &String| format!("{at}: `Match` blocks are not evaluated; their settings do not hold");
        config.unevaluated().iter().map(warn).collect()
    }

    /// Ends all connections. What runs over them loses them.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Runs `command` on a server, in the shell of the user who logs in: the one of `spec`, else of `ssh_config`, else
    /// `default_user`. The connection is the one that is kept, or a new one.
    ///
    /// Whoever names a credential means the key in it: its `privateKey` is then all that is offered. Without one, it is
    /// what is offered to a target.
    ///
    /// # Errors
    /// Why there is no connection, and nothing runs. Hints may speak of targets.
    pub async fn run(
        &self,
        spec: &SshSpec,
        default_user: &str,
        command: &str,
    ) -> Result<Running, TransportError> {
        let config = self.config()?;
        let endpoint = Resolver::new(&config, &self.options).resolve_server(spec, default_user)?;
        let session = self.session(&endpoint).await?;
        Running::start(session, &self.pool, endpoint, command).await
    }

    /// Gives up the connections to a target: the next session is one of a new connection. Whoever uses an old one keeps
    /// it until he is done.
    pub(crate) fn renew(&self, spec: &SshSpec) {
        // Settings that lead nowhere have no connection.
        if let Ok(endpoint) = self.target(spec) {
            self.pool.renew(&endpoint);
        }
    }

    pub(super) fn options(&self) -> &SshOptions {
        &self.options
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn credentials(&self) -> &dyn Credentials {
        self.credentials.as_ref()
    }

    pub(super) fn target(&self, spec: &SshSpec) -> Result<Endpoint, TransportError> {
        let config = self.config()?;
        Resolver::new(&config, &self.options).resolve(spec)
    }

    /// Opens a session on the kept connection, or on a new one where the kept one turns out dead. Nothing has been
    /// sent before that, so nothing is sent twice.
    pub(super) async fn session(&self, endpoint: &Endpoint) -> Result<SessionChannel, TransportError> {
        let patience = endpoint.connect_timeout;
        self.opened(endpoint, |lease| Box::pin(lease.session(patience))).await
    }

    /// What `open` opens on the kept connection, or on a new one where the kept one turns out dead.
    pub(super) async fn opened<T>(
        &self,
        endpoint: &Endpoint,
        open: impl for<'l> Fn(&'l Lease) -> BoxFuture<'l, Result<T, NoSession>>,
    ) -> Result<T, TransportError> {
        let kept = self.pool.get(endpoint).await.map_err(|e| self.blame(e))?;
        let mut unanswered = Unanswered { pool: &self.pool, endpoint, kept: Some(&kept) };
        let answer = open(&kept).await;
        unanswered.kept = None;
        match answer {
            Ok(opened) => return Ok(opened),
            Err(NoSession::Refused(error)) => return Err(error),
            Err(NoSession::Dead(why)) => tracing::debug!(%endpoint, why, "the kept connection is dead"),
        }
        self.pool.discard(endpoint, &kept);
        let fresh = self.pool.get(endpoint).await.map_err(|e| self.blame(e))?;
        open(&fresh).await.map_err(|no| match no {
            NoSession::Refused(error) => error,
            NoSession::Dead(why) => {
                let message = format!("{endpoint} ended the connection before anything was sent: {why}");
                TransportError::new(TransportErrorKind::ConnectionLost, message)
            }
        })
    }

    fn config(&self) -> Result<Arc<ConfigFile>, TransportError> {
        self.config.get(&self.options.config_files, &self.options.home)
    }

    /// Blames `Match` blocks where a login failed: what they would have set may be what is missing.
    fn blame(&self, error: TransportError) -> TransportError {
        let login = matches!(
            error.kind,
            TransportErrorKind::AuthenticationFailed
                | TransportErrorKind::Unreachable
                | TransportErrorKind::Timeout
        );
        let warnings = if login { self.warnings() } else { Vec::new() };
        if warnings.is_empty() {
            return error;
        }
        let hints: Vec<String> = error.hint.iter().cloned().chain(warnings).collect();
        TransportError { hint: Some(hints.join("; ")), ..error }
    }
}

/// Somebody waits for a session. Where he gives up, the connection may be dead, and the next one gets a new one.
struct Unanswered<'a> {
    pool: &'a Pool,
    endpoint: &'a Endpoint,
    kept: Option<&'a Lease>,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(kept) = self.kept {
            self.pool.discard(self.endpoint, kept);
        }
    }
}

impl std::fmt::Debug for SshClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshClient").field("options", &self.options).finish_non_exhaustive()
    }
}
