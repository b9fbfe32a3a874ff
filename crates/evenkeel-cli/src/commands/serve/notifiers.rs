//! Who is told what happens, out of the controller's configuration.

use std::sync::Arc;

use evenkeel_core::config::SourceSpec;
use evenkeel_core::request::SecretRef;
use evenkeel_engine::controller::Handle;
use evenkeel_engine::{Clock, SystemClock};
use evenkeel_notify::{Diary, Notifier, OfController, Running, Settings};
use evenkeel_transport::Credentials as _;
use evenkeel_transport::credentials::CredentialChain;

use crate::controller::Configuration;
use crate::error::CliError;

/// The notifiers of a configuration. None of them is asked for anything yet.
pub(in crate::commands) fn prepared(
    configuration: &Configuration,
    chain: &Arc<CredentialChain>,
) -> Result<Vec<Notifier>, CliError> {
    let repositories = configuration.sources.iter().filter_map(|(name, spec)| match spec {
        SourceSpec::Git(spec) => Some((name.clone(), spec.url.clone())),
        SourceSpec::Directory(_) => None,
    });
    let chain = Arc::clone(chain);
    let settings = Settings {
        controller: configuration.name.clone(),
        notifiers: configuration.notifiers.clone(),
        repositories: repositories.collect(),
        folder: configuration.folder().to_owned(),
        secrets: Arc::new(move |wanted: &SecretRef| chain.get(wanted)),
    };
    evenkeel_notify::prepare(settings).map_err(|error| {
        let hint = error.hint.clone();
        CliError::new(error.to_string()).hint_if_any(hint)
    })
}

/// Lets them tell what the controller behind `handle` does.
pub(super) fn begin(notifiers: Vec<Notifier>, handle: &Arc<dyn Handle>) -> Running {
    let diary: Arc<dyn Diary> = Arc::new(OfController(Arc::clone(handle)));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    evenkeel_notify::start(notifiers, &diary, &clock)
}
