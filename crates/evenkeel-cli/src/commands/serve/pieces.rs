//! The pieces of a controller, put together from its configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::{ControllerSpec, GitRef, SourceSpec};
use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::{Transport, TransportError};
use evenkeel_engine::controller::ConfiguredSource;
use evenkeel_engine::source::{Snapshot, Source, SourceError};
use evenkeel_notify::Notifier;
use evenkeel_server::Settings;
use evenkeel_source::{DirectorySource, GitOptions, GitSource};
use evenkeel_transport::credentials::{CredentialChain, SecretCredentials};
use evenkeel_transport::{Credentials, LocalTransport, Router, SshOptions, SshTransport};
use secrecy::SecretString;

use super::discreet::Discreet;
use super::{notifiers, secrets};
use crate::controller::Configuration;
use crate::error::CliError;
use crate::ui;

/// Hears of every snapshot before it comes into force.
type OnSnapshot = Arc<dyn Fn(&str, &Snapshot) + Send + Sync>;

/// What a controller is made of.
pub(super) struct Pieces {
    pub(super) controller: ControllerSpec,
    pub(super) sources: Vec<ConfiguredSource>,
    pub(super) chain: Arc<CredentialChain>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) ssh: Arc<SshTransport>,
    pub(super) on_snapshot: OnSnapshot,
    pub(super) http: Settings,
    pub(super) notifiers: Vec<Notifier>,
}

/// How secrets, machines and repositories are reached.
pub(in crate::commands) struct Ways {
    pub(in crate::commands) chain: Arc<CredentialChain>,
    /// Where repositories declare theirs.
    pub(in crate::commands) declared: Arc<SecretCredentials>,
    pub(in crate::commands) transport: Arc<dyn Transport>,
    pub(in crate::commands) ssh: Arc<SshTransport>,
    git: GitOptions,
}

impl Ways {
    /// Those of a configuration, with `clones` as the folder for clones of repositories.
    pub(in crate::commands) fn new(configuration: &Configuration, clones: PathBuf) -> Self {
        let (chain, declared) = secrets::chain(configuration);
        let options = ssh_options(configuration);
        let home = options.home.clone();
        let ssh = Arc::new(SshTransport::new(options, Arc::clone(&chain) as _));
        for warning in ssh.warnings() {
            ui::note(&format!("warning: {warning}\n"));
        }
        let git = GitOptions {
            clones,
            home,
            base: configuration.folder().to_owned(),
            ssh: Arc::clone(ssh.client()),
            credentials: Arc::clone(&chain) as _,
            user_agent: format!("evenkeel/{}", env!("CARGO_PKG_VERSION")),
        };
        let local = LocalTransport::new(Arc::clone(&chain) as _);
        let transport: Arc<dyn Transport> =
            Arc::new(Router::new(&ssh, Arc::new(local), Arc::clone(&chain) as _));
        Ways { chain, declared, transport, ssh, git }
    }

    /// The source of this name. Its errors have no secrets in them.
    pub(in crate::commands) fn source(
        &self,
        name: String,
        spec: SourceSpec,
    ) -> Result<ConfiguredSource, CliError> {
        let found = source(name, spec, &self.git)?;
        let chain = Arc::clone(&self.chain);
        Ok(ConfiguredSource { source: Arc::new(Discreet { source: found.source, chain }), ..found })
    }
}

impl Pieces {
    pub(super) fn new(configuration: Configuration) -> Result<Self, CliError> {
        let ways = Ways::new(&configuration, configuration.state().clones());
        let http = http_settings(&configuration.controller, &ways.chain)?;
        let notifiers = notifiers::prepared(&configuration, &ways.chain)?;
        let sources = configuration.sources.into_iter().map(|(name, spec)| ways.source(name, spec));
        let sources = sources.collect::<Result<_, _>>()?;
        let Ways { chain, declared, transport, ssh, .. } = ways;
        let on_snapshot: OnSnapshot =
            Arc::new(move |source, snapshot| secrets::take(&declared, source, snapshot));
        let controller = configuration.controller;
        Ok(Pieces { controller, sources, chain, transport, ssh, on_snapshot, http, notifiers })
    }
}

fn ssh_options(configuration: &Configuration) -> SshOptions {
    let mut options = SshOptions::from_env();
    let spec = &configuration.controller;
    if let Some(file) = &spec.ssh_config {
        options.config_files = vec![configuration.folder().join(file)];
    }
    options.idle = Some(Duration::from(spec.limits.idle));
    options.max_connections = spec.limits.connections.into();
    options
}

fn source(name: String, spec: SourceSpec, git: &GitOptions) -> Result<ConfiguredSource, CliError> {
    let terms = spec.reconcile();
    let failed = |error: SourceError| {
        CliError::new(format!("the source {name} cannot work: {error}")).hint_if_any(error.hint)
    };
    let (source, url, reference): (Arc<dyn Source>, String, Option<String>) = match spec {
        SourceSpec::Git(spec) => {
            let reference = followed(&spec.reference);
            let source = GitSource::new(&name, spec, git.clone()).map_err(failed)?;
            let url = source.url().to_owned();
            (Arc::new(source), url, reference)
        }
        SourceSpec::Directory(spec) => {
            let url = git.base.join(&spec.path).display().to_string();
            (Arc::new(DirectorySource::new(&spec, &git.base)), url, None)
        }
    };
    Ok(ConfiguredSource { name, url, source, terms, reference })
}

/// The full name of the branch or tag, where it is known without asking.
fn followed(reference: &GitRef) -> Option<String> {
    let branch = reference.branch.as_ref().map(|name| format!("refs/heads/{name}"));
    branch.or_else(|| reference.tag.as_ref().map(|name| format!("refs/tags/{name}")))
}

fn http_settings(spec: &ControllerSpec, chain: &CredentialChain) -> Result<Settings, CliError> {
    let secret = |whose: String, credential: &str, key: &str| -> Result<SecretString, CliError> {
        let wanted = SecretRef { name: credential.to_owned(), key: key.to_owned() };
        chain.get(&wanted).map_err(|TransportError { message, hint, .. }| {
            CliError::new(format!("{whose}: {message}")).hint_if_any(hint)
        })
    };
    let tokens = spec.tokens.iter().map(|token| {
        let value = secret(format!("the token {}", token.name), &token.credentials_ref, "token")?;
        Ok((token.clone(), value))
    });
    let webhooks = spec.webhooks.iter().map(|webhook| {
        let value =
            secret(format!("the webhook {}", webhook.name), &webhook.credentials_ref, "webhookSecret")?;
        Ok((webhook.clone(), value))
    });
    let (tokens, webhooks) =
        (tokens.collect::<Result<_, CliError>>()?, webhooks.collect::<Result<_, CliError>>()?);
    Settings::new(tokens, webhooks, spec.limits.webhooks_per_minute).map_err(|error| {
        let hint = error.hint();
        CliError::new("the HTTP settings do not work").because(error).hint(hint)
    })
}
