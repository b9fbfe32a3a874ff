//! Where the controller's secrets come from: the environment, its configuration, what repositories declare, a folder.

use std::path::Path;
use std::sync::Arc;

use evenkeel_core::driver::Registry;
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::TransportError;
use evenkeel_engine::source::Snapshot;
use evenkeel_engine::{Clock as _, SystemClock};
use evenkeel_transport::Credentials;
use evenkeel_transport::credentials::{
    Base, CredentialChain, DirectoryCredentials, EnvironmentCredentials, NamedSecret, SecretCredentials,
    SecretSettings,
};
use secrecy::SecretString;

use crate::controller::Configuration;
use crate::session::credentials_folder;

/// The chain of all sources of secrets, and the one that repositories declare theirs in.
pub(in crate::commands) fn chain(
    configuration: &Configuration,
) -> (Arc<CredentialChain>, Arc<SecretCredentials>) {
    let folder = configuration.folder();
    let named = configuration.secrets.iter().map(|(name, (spec, _))| NamedSecret {
        name: name.clone(),
        spec: spec.clone(),
        base: Base::Folder(folder.to_owned()),
        trusted: true,
    });
    let spec = &configuration.controller;
    let stored = spec.credentials.as_ref().map(|path| folder.join(path)).or_else(credentials_folder);
    let stored = || stored.iter().map(|path| DirectoryCredentials::new(path.clone()));
    let mut settings = SecretSettings::from_env();
    settings.age_identity = spec.age_identity.as_ref().map(|path| folder.join(path));
    settings.others = stored().next().map(|credentials| Arc::new(credentials) as Arc<dyn Credentials>);
    let declared = Arc::new(SecretCredentials::new(named.collect(), settings));
    let mut sources: Vec<Box<dyn Credentials>> =
        vec![Box::new(EnvironmentCredentials::from_env()), Box::new(Shared(Arc::clone(&declared)))];
    sources.extend(stored().map(|credentials| Box::new(credentials) as Box<dyn Credentials>));
    (Arc::new(CredentialChain::new(sources)), declared)
}

/// Takes the secrets that a revision declares.
pub(in crate::commands) fn take(declared: &SecretCredentials, source: &str, snapshot: &Snapshot) {
    // Only secrets are asked for, so no driver is needed: what is wrong with the rest was said before.
    let loaded = load(&Registry::default(), &snapshot.manifests, &snapshot.values, SystemClock.now());
    let files: Arc<[SourceFile]> = snapshot.attachments.as_slice().into();
    let entry = |(name, (spec, location)): (String, (_, evenkeel_core::diagnostic::Location))| {
        let folder = Path::new(&location.file).parent().unwrap_or(Path::new("")).display().to_string();
        NamedSecret {
            name,
            spec,
            base: Base::Attachments { folder, files: Arc::clone(&files) },
            trusted: false,
        }
    };
    declared.set_source(source, loaded.secrets.into_iter().map(entry).collect());
}

/// Credentials that somebody else holds too.
struct Shared(Arc<SecretCredentials>);

impl Credentials for Shared {
    fn find(&self, secret: &SecretRef) -> Result<Option<SecretString>, TransportError> {
        self.0.find(secret)
    }

    fn whereabouts(&self, secret: &SecretRef) -> String {
        self.0.whereabouts(secret)
    }
}
