//! Credentials that the configuration declares: from the environment, files, programs, files encrypted with age or SOPS,
//! and Vault.

mod age_file;
mod base;
mod command;
mod document;
mod entry;
mod sops;
mod vault;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use evenkeel_core::config::SecretSpec;
use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use secrecy::SecretString;

use super::Credentials;
pub use base::Base;
use entry::{Entry, Surroundings};

/// The values of a credential by key.
type Values = BTreeMap<String, SecretString>;

/// A credential as it is declared.
#[derive(Clone)]
pub struct NamedSecret {
    /// The name that `credentialsRef` uses.
    pub name: String,
    /// Where its values are.
    pub spec: SecretSpec,
    /// Where its relative paths start.
    pub base: Base,
    /// True for the controller's own configuration, false for what came out of a repository: that may not read files or
    /// variables of this machine, nor run programs on it.
    pub trusted: bool,
}

impl NamedSecret {
    /// Says what is wrong with the declaration, without looking at any value.
    pub fn check(&self) -> Result<(), TransportError> {
        entry::check(self)
    }
}

impl fmt::Debug for NamedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedSecret")
            .field("name", &self.name)
            .field("trusted", &self.trusted)
            .finish_non_exhaustive()
    }
}

/// What the credentials take from this machine, and how long they wait and remember.
pub struct SecretSettings {
    /// The file with the age identity for those that name none.
    pub age_identity: Option<PathBuf>,
    /// Other credentials of this machine, never these themselves: they come before what repositories declare, and a
    /// token for Vault that is not declared is looked for in them.
    pub others: Option<Arc<dyn Credentials>>,
    /// How long a program or a server may take. Default: 10 s.
    pub patience: Duration,
    /// How long the answer of a program or a server is kept. Default: 5 min.
    pub keep: Duration,
    environment: HashMap<String, SecretString>,
}

impl SecretSettings {
    /// Settings with the environment of this process.
    pub fn from_env() -> Self {
        let utf8 =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        SecretSettings::new(utf8)
    }

    /// Settings with these environment variables.
    pub fn new(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        SecretSettings {
            age_identity: None,
            others: None,
            patience: Duration::from_secs(10),
            keep: Duration::from_mins(5),
            environment: environment.into_iter().map(|(k, v)| (k, SecretString::from(v))).collect(),
        }
    }
}

impl fmt::Debug for SecretSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSettings")
            .field("age_identity", &self.age_identity)
            .field("patience", &self.patience)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

/// Credentials by name, as they are declared in the controller's configuration and in repositories.
///
/// Values are looked up when they are asked for. Files are read again once they have changed, programs and servers asked
/// again after a while. A name is looked for in the configuration first, then in the repositories; one that two
/// repositories declare is an error. What the other credentials of this machine have comes before the repositories'.
///
/// Looking up may block, for as long as a program or a server may take. On a runtime with several threads the other
/// tasks of this one go on meanwhile.
pub struct SecretCredentials {
    settings: SecretSettings,
    own: Vec<Arc<Entry>>,
    sources: RwLock<BTreeMap<String, Vec<Arc<Entry>>>>,
}

impl SecretCredentials {
    /// The credentials of the controller's configuration.
    pub fn new(entries: Vec<NamedSecret>, settings: SecretSettings) -> Self {
        SecretCredentials { settings, own: wrapped(entries), sources: RwLock::default() }
    }

    /// Puts `entries` in the place of those that `source` had before; none at all forgets the source.
    pub fn set_source(&self, source: &str, entries: Vec<NamedSecret>) {
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        if entries.is_empty() {
            sources.remove(source);
        } else {
            sources.insert(source.to_owned(), wrapped(entries));
        }
    }

    /// The declaration of a name, and an error where there are several.
    fn declared(&self, name: &str) -> Result<Option<Arc<Entry>>, TransportError> {
        let named = |entries: &[Arc<Entry>]| -> Vec<Arc<Entry>> {
            entries.iter().filter(|entry| entry.secret.name == name).cloned().collect()
        };
        let mut found: Vec<(String, Arc<Entry>)> =
            named(&self.own).into_iter().map(|entry| ("the configuration".to_owned(), entry)).collect();
        if found.is_empty() {
            let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
            for (source, entries) in sources.iter() {
                found.extend(named(entries).into_iter().map(|entry| (format!("source `{source}`"), entry)));
            }
        }
        if found.len() > 1 {
            let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
            let message =
                format!("the credential `{name}` is declared more than once: in {}", places.join(", "));
            return Err(problem(message).hint("give each a name of its own"));
        }
        Ok(found.pop().map(|(_, entry)| entry))
    }
}

impl fmt::Debug for SecretCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretCredentials").field("own", &self.own.len()).finish_non_exhaustive()
    }
}

impl Credentials for SecretCredentials {
    fn find(&self, secret: &SecretRef) -> Result<Option<SecretString>, TransportError> {
        let Some(entry) = self.declared(&secret.name)? else { return Ok(None) };
        // A repository cannot put a value of its own in the place of this machine's.
        let others = self.settings.others.as_ref().filter(|_| !entry.secret.trusted);
        if let Some(found) = others.map(|others| others.find(secret)).transpose()?.flatten() {
            return Ok(Some(found));
        }
        let found = entry.find(&secret.key, &Surroundings { settings: &self.settings, all: self });
        found.map_err(|error| TransportError {
            message: format!("credential `{}`: {}", secret.name, error.message),
            ..error
        })
    }

    fn whereabouts(&self, secret: &SecretRef) -> String {
        match self.declared(&secret.name) {
            Ok(Some(entry)) => entry.whereabouts(&secret.key),
            _ => format!("declare a Secret `{}` that has `{}`", secret.name, secret.key),
        }
    }
}

fn wrapped(entries: Vec<NamedSecret>) -> Vec<Arc<Entry>> {
    entries.into_iter().map(|secret| Arc::new(Entry::new(secret))).collect()
}

fn problem(message: String) -> TransportError {
    TransportError::new(TransportErrorKind::Credentials, message)
}
