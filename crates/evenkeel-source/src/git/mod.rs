//! A git repository as a source of manifests.
//!
//! A repository on this machine is read where it is. Of one behind SSH or HTTP a bare clone is kept, as shallow as the
//! server allows; it is a cache, and made anew where it is broken or has grown.
//!
//! libgit2 talks to a port on the loopback interface only ([`bridge`]); what is behind it speaks SSH or HTTP to the
//! server. So the time limit is real (libgit2's own waits have no end that safe code could set), host keys and
//! certificate authorities can be chosen for each source, and libgit2 never sees a credential.

mod bridge;
mod clone;
mod failure;
mod http;
mod listing;
mod place;
mod read;
mod ssh;
mod tree;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evenkeel_core::config::{GitSourceSpec, version_range};
use evenkeel_core::transport::BoxFuture;
use evenkeel_engine::source::{Fetched, Source, SourceError, SourceErrorKind};
use evenkeel_transport::{Credentials, SshClient};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

pub(crate) use read::author;

use bridge::Bridge;
use place::Place;

/// A fetch that the settings give no time for has this much.
const TIMEOUT: Duration = Duration::from_mins(1);

/// What all git sources of a controller share.
#[derive(Clone)]
pub struct GitOptions {
    /// The folder for clones; made with mode 0700 where it is missing.
    pub clones: PathBuf,
    /// What `~` stands for.
    pub home: PathBuf,
    /// Relative paths of `knownHosts`, `caFile` and `verify` are meant from here.
    pub base: PathBuf,
    /// Logs in to servers over SSH, with credentials of its own, and keeps the connections.
    pub ssh: Arc<SshClient>,
    /// Where credentials for HTTP come from.
    pub credentials: Arc<dyn Credentials>,
    /// How HTTP servers are told who asks.
    pub user_agent: String,
}

impl GitOptions {
    /// The file that a setting names.
    fn file(&self, path: &str) -> PathBuf {
        match path.strip_prefix("~/") {
            Some(below) => self.home.join(below),
            None => self.base.join(path),
        }
    }
}

impl fmt::Debug for GitOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitOptions").field("clones", &self.clones).finish_non_exhaustive()
    }
}

/// A branch, tag, range of versions or commit of a git repository.
///
/// A branch that was rewound or pushed by force is at its new commit: whether that is wanted is for the caps of the
/// source to say. Of the files, those are taken that `evenkeel plan` would take in a checked-out folder, except that a
/// symbolic link named like a manifest is an error. Files named `*.age`, `*.sops.*` and `*.enc.*` are attachments.
///
/// What is verified is the commit that is read. `known` must have been fetched with the same settings: what is unchanged
/// is not verified again.
///
/// Over SSH, servers are reached as targets are: as `ssh_config` says (aliases, jump hosts, keys), on a connection that is
/// kept. The key is that of the credential (`privateKey`, `passphrase`); without one it is looked for where a target's
/// is. The server's key must be in a `known_hosts` file, whatever `StrictHostKeyChecking` says. HTTP proxies are taken
/// from the environment (`HTTPS_PROXY`, `NO_PROXY`).
#[derive(Debug)]
pub struct GitSource {
    inner: Arc<Inner>,
    /// One look at a time, also where a caller gave up waiting for the last one.
    turn: Arc<Mutex<()>>,
}

struct Inner {
    name: String,
    spec: GitSourceSpec,
    options: GitOptions,
    place: Place,
    /// The URL without secrets.
    shown: String,
    timeout: Duration,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("name", &self.name).field("url", &self.shown).finish_non_exhaustive()
    }
}

impl GitSource {
    /// The source `name`, whose clone is in the folder of that name.
    ///
    /// # Errors
    /// `Configuration`, where the settings cannot work.
    pub fn new(name: &str, spec: GitSourceSpec, options: GitOptions) -> Result<Self, SourceError> {
        let place = Place::read(&spec.url)?;
        check(name, &spec)?;
        let shown = Place::shown(&spec.url);
        let timeout = spec.timeout.map_or(TIMEOUT, Duration::from);
        let inner = Inner { name: name.to_owned(), spec, options, place, shown, timeout };
        Ok(GitSource { inner: Arc::new(inner), turn: Arc::default() })
    }

    /// The URL without user, password and token: what may be shown and stored.
    pub fn url(&self) -> &str {
        &self.inner.shown
    }

    async fn look(&self, known: Option<&str>) -> Result<Fetched, SourceError> {
        let inner = &self.inner;
        if known.is_some() && known == inner.spec.reference.commit.as_deref() {
            return Ok(Fetched::Unchanged);
        }
        let deadline = Instant::now() + inner.timeout;
        let late = |_| inner.late();
        let turn = timeout_at(deadline, Arc::clone(&self.turn).lock_owned()).await.map_err(late)?;
        let bridge = timeout_at(deadline, inner.bridge(deadline)).await.map_err(late)??;
        let url = bridge.as_ref().map(|bridge| bridge.url.clone());
        let stop = Stop { deadline, given_up: Arc::default() };
        // Where the caller drops this look, the work behind it ends soon, too.
        let _given_up = GivingUp(Arc::clone(&stop.given_up));
        let (worker, known) = (Arc::clone(inner), known.map(str::to_owned));
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read::look(&worker, url.as_deref(), known.as_deref(), &stop)
        });
        let error = match timeout_at(deadline, work).await {
            Ok(Ok(Ok(fetched))) => return Ok(fetched),
            Ok(Ok(Err(error))) => error,
            Ok(Err(e)) => {
                SourceError::new(SourceErrorKind::Failed, format!("reading {} ended early: {e}", inner.shown))
            }
            Err(_) => return Err(inner.late()),
        };
        let about_network = matches!(error.kind, SourceErrorKind::Unreachable | SourceErrorKind::Failed);
        match bridge {
            // What happened behind the bridge says more than that it broke.
            Some(bridge) if about_network => {
                if Instant::now() >= deadline {
                    return Err(inner.late());
                }
                Err(bridge.trouble(deadline).await.unwrap_or(error))
            }
            _ => Err(error),
        }
    }
}

impl Source for GitSource {
    fn fetch<'a>(&'a self, known: Option<&'a str>) -> BoxFuture<'a, Result<Fetched, SourceError>> {
        Box::pin(self.look(known))
    }
}

impl Inner {
    /// The way to the server; none where the repository is on this machine.
    async fn bridge(&self, deadline: Instant) -> Result<Option<Bridge>, SourceError> {
        match &self.place {
            Place::Folder(_) => Ok(None),
            Place::Http { url, user, password } => {
                let login = (user.clone(), password.clone());
                http::open(url, login, &self.spec, &self.options, deadline).await.map(Some)
            }
            Place::Ssh(place) => ssh::open(place, &self.spec, &self.options).await.map(Some),
        }
    }

    fn late(&self) -> SourceError {
        let message = format!("{} did not answer within {} s", self.shown, self.timeout.as_secs());
        SourceError::new(SourceErrorKind::Unreachable, message)
            .hint("check that the server is up; the source's `timeout` allows more time")
    }
}

/// When the work on one look shall end.
struct Stop {
    deadline: Instant,
    given_up: Arc<AtomicBool>,
}

impl Stop {
    fn now(&self) -> bool {
        self.given_up.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }
}

/// Says that nobody waits any more.
struct GivingUp(Arc<AtomicBool>);

impl Drop for GivingUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Settings that cannot work are told before anything is fetched.
fn check(name: &str, spec: &GitSourceSpec) -> Result<(), SourceError> {
    let wrong = |message: String| SourceError::new(SourceErrorKind::Configuration, message);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(wrong(format!("`{name}` cannot be the name of a folder"))
            .hint("name the source with letters, digits and `-`"));
    }
    let reference = &spec.reference;
    let given = [&reference.branch, &reference.tag, &reference.semver, &reference.commit];
    if given.iter().filter(|field| field.is_some()).count() > 1 {
        return Err(wrong("`ref` has more than one of `branch`, `tag`, `semver` and `commit`".to_owned())
            .hint("keep one of them"));
    }
    if let Some(range) = &reference.semver {
        version_range(range).map_err(|why| wrong(format!("`ref.semver: {range}`: {why}")))?;
    }
    if let Some(hash) = &reference.commit {
        listing::full_hash(hash)?;
    }
    for path in spec.path.iter().chain(&spec.values) {
        tree::inside(path)?;
    }
    if spec.submodules {
        return Err(wrong("`submodules: true` is not supported yet".to_owned())
            .hint("name the other repository as a source of its own"));
    }
    crate::verify::check_settings(spec)
}
