//! One declared credential: its values found, and remembered as long as they hold.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use evenkeel_core::config::{AgeSource, SecretSpec, SopsSource, VaultSource};
use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::super::{Credentials, private_file};
use super::age_file::Identities;
use super::base::Opened;
use super::document::{self, Value};
use super::{NamedSecret, SecretCredentials, SecretSettings, Values, command, problem, sops, vault};
use crate::stamp::Stamp;

/// A failure of a program or server is told again for this long before it is tried again: many targets may ask.
const KEEP_FAILURE: Duration = Duration::from_secs(10);

/// What a lookup needs besides the declaration.
pub(super) struct Surroundings<'a> {
    pub(super) settings: &'a SecretSettings,
    pub(super) all: &'a SecretCredentials,
}

/// A declared credential.
pub(super) struct Entry {
    pub(super) secret: NamedSecret,
    /// By the key that a program was asked for; by the empty text where one look brings all keys. Locked while one looks,
    /// so that a hundred targets cause one question.
    memory: Mutex<HashMap<String, Remembered>>,
}

struct Remembered {
    proof: Proof,
    outcome: Result<Arc<Values>, TransportError>,
}

/// How long something holds.
enum Proof {
    Unchanged(Vec<Stamp>),
    Until(Instant),
}

impl Remembered {
    fn holds(&self) -> bool {
        match &self.proof {
            Proof::Unchanged(stamps) => stamps.iter().all(Stamp::holds),
            Proof::Until(end) => Instant::now() < *end,
        }
    }
}

/// Where the values are; exactly one field of the declaration.
enum Place<'a> {
    Env(&'a str),
    File(&'a str),
    Command(&'a [String]),
    Age(&'a AgeSource),
    Sops(&'a SopsSource),
    Vault(&'a VaultSource),
    /// The place has no such key.
    Nowhere,
}

/// Says what is wrong with a declaration.
pub(super) fn check(secret: &NamedSecret) -> Result<(), TransportError> {
    let SecretSpec { env, file, command, age, sops, vault } = &secret.spec;
    let local = [("env", env.is_some()), ("file", file.is_some()), ("command", command.is_some())];
    let shared = [("age", age.is_some()), ("sops", sops.is_some()), ("vault", vault.is_some())];
    let given: Vec<&str> =
        local.iter().chain(&shared).filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let wrong = |message: String| TransportError::new(TransportErrorKind::Configuration, message);
    if given.len() != 1 {
        let what = if given.is_empty() { "none".to_owned() } else { format!("`{}`", given.join("`, `")) };
        let message = format!("it has {what} of `env`, `file`, `command`, `age`, `sops` and `vault`");
        return Err(wrong(message).hint("give exactly one of them"));
    }
    if let Some((name, _)) = local.iter().find(|(_, given)| *given).filter(|_| !secret.trusted) {
        let message = format!(
            "`{name}` is not taken from a repository: whoever can push could read or run things on the controller's \
             machine"
        );
        let hint = "use `age`, `sops` or `vault`, or declare it in the controller's configuration";
        return Err(wrong(message).hint(hint));
    }
    let identities = [
        age.as_ref().and_then(|age| age.identity.as_ref()),
        sops.as_ref().and_then(|sops| sops.identity.as_ref()),
    ];
    if !secret.trusted && identities.iter().any(Option::is_some) {
        let message =
            "`identity` is not taken from a repository: it names a file of the controller's machine";
        return Err(wrong(message.to_owned()).hint("leave it out; the controller's `ageIdentity` is used"));
    }
    Ok(())
}

impl Entry {
    pub(super) fn new(secret: NamedSecret) -> Self {
        Entry { secret, memory: Mutex::default() }
    }

    /// The value of `key`, or `None` where the credential has no such key.
    pub(super) fn find(
        &self,
        key: &str,
        around: &Surroundings<'_>,
    ) -> Result<Option<SecretString>, TransportError> {
        check(&self.secret)?;
        let base = &self.secret.base;
        let settings = around.settings;
        match self.place(key) {
            Place::Nowhere => Ok(None),
            Place::Env(name) => match settings.environment.get(name) {
                Some(value) => Ok(Some(value.clone())),
                None => Err(problem(format!("the environment variable {name} is not set"))),
            },
            Place::File(path) => {
                let path = base.local(path)?;
                let missing = || problem(format!("there is no file {}", path.display()));
                private_file::read(&path, "credential file")?.ok_or_else(missing).map(Some)
            }
            Place::Command(argv) => self.remembered(key, key, || {
                let folder = base.local(".")?;
                let value = command::run(argv, &folder, settings.patience)?;
                Ok((Proof::Until(Instant::now() + settings.keep), [(key.to_owned(), value)].into()))
            }),
            Place::Age(source) => self.remembered("", key, || self.age(source, settings)),
            Place::Sops(source) => self.remembered("", key, || self.sops(source, settings)),
            Place::Vault(source) => self.remembered("", key, || self.vault(source, around)),
        }
    }

    /// Says where `key` would be.
    pub(super) fn whereabouts(&self, key: &str) -> String {
        let name = &self.secret.name;
        let SecretSpec { age, sops, vault, .. } = &self.secret.spec;
        match (age, sops, vault) {
            (Some(age), ..) => format!("add `{key}` to the encrypted file {}", age.path),
            (_, Some(sops), _) => {
                let at = sops.at.as_ref().map_or_else(String::new, |at| format!(" at `{at}`"));
                format!("add `{key}` to the encrypted file {}{at}", sops.path)
            }
            (_, _, Some(vault)) => format!("add `{key}` to the secret `{}` in Vault", vault.path),
            _ => format!("add `{key}` to the Secret `{name}` in the controller's configuration"),
        }
    }

    fn place(&self, key: &str) -> Place<'_> {
        let SecretSpec { env, file, command, age, sops, vault } = &self.secret.spec;
        if let Some(source) = age {
            return Place::Age(source);
        }
        if let Some(source) = sops {
            return Place::Sops(source);
        }
        if let Some(source) = vault {
            return Place::Vault(source);
        }
        let env = env.as_ref().and_then(|env| env.0.get(key)).map(|name| Place::Env(name));
        let file = || file.as_ref()?.0.get(key).map(|path| Place::File(path));
        let command = || command.as_ref()?.0.get(key).map(|argv| Place::Command(argv));
        env.or_else(file).or_else(command).unwrap_or(Place::Nowhere)
    }

    /// The value of `key` among what `look` brings, or brought before if that still holds.
    fn remembered(
        &self,
        slot: &str,
        key: &str,
        look: impl FnOnce() -> Result<(Proof, Values), TransportError>,
    ) -> Result<Option<SecretString>, TransportError> {
        let known = |memory: &HashMap<String, Remembered>| {
            memory.get(slot).filter(|kept| kept.holds()).map(|kept| kept.outcome.clone())
        };
        // Files cost little to look at again.
        let in_file = self.secret.spec.age.is_some() || self.secret.spec.sops.is_some();
        let pause = if in_file { Duration::ZERO } else { KEEP_FAILURE };
        let at_hand = self.memory.try_lock().ok().and_then(|memory| known(&memory));
        let outcome = at_hand.unwrap_or_else(|| {
            aside(|| {
                let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(outcome) = known(&memory) {
                    return outcome;
                }
                let (proof, outcome) = match look() {
                    Ok((proof, values)) => (proof, Ok(Arc::new(values))),
                    Err(error) => (Proof::Until(Instant::now() + pause), Err(error)),
                };
                memory.insert(slot.to_owned(), Remembered { proof, outcome: outcome.clone() });
                outcome
            })
        });
        outcome.map(|values| values.get(key).cloned())
    }

    fn age(&self, source: &AgeSource, settings: &SecretSettings) -> Result<(Proof, Values), TransportError> {
        let (identities, proof, file) = self.open(&source.path, source.identity.as_deref(), settings)?;
        let plain = identities.decrypt(&file.bytes, &source.path)?;
        let broken = |why: &str| problem(format!("{}, decrypted, is of no use: {why}", source.path));
        let tree = document::parse(&plain).map_err(|why| broken(&why))?;
        let values =
            values(tree).map_err(|why| broken(&why).hint("write a line `key: value` for each value"))?;
        Ok((proof, values))
    }

    fn sops(
        &self,
        source: &SopsSource,
        settings: &SecretSettings,
    ) -> Result<(Proof, Values), TransportError> {
        let (identities, proof, file) = self.open(&source.path, source.identity.as_deref(), settings)?;
        let unwrap =
            |wrapped: &[u8]| identities.decrypt(wrapped, &format!("the data key of {}", source.path));
        let mut tree = sops::decrypt(&file.bytes, &source.path, unwrap)?;
        for part in source.at.as_deref().unwrap_or_default().split('.').filter(|part| !part.is_empty()) {
            tree = tree.into_part(part).ok_or_else(|| {
                let at = source.at.as_deref().unwrap_or_default();
                problem(format!("{} has nothing at `{at}`: there is no `{part}`", source.path))
            })?;
        }
        let values = values(tree).map_err(|why| {
            let error = problem(format!("{}, decrypted, is of no use: {why}", source.path));
            error.hint("`at` names the mapping that holds the keys, for instance `hosts.olive`")
        })?;
        Ok((proof, values))
    }

    /// The identities and the encrypted file, and how to find out that either has changed.
    fn open(
        &self,
        path: &str,
        identity: Option<&str>,
        settings: &SecretSettings,
    ) -> Result<(Identities, Proof, Opened), TransportError> {
        let identity: PathBuf = match (identity, &settings.age_identity) {
            (Some(path), _) => self.secret.base.local(path)?,
            (None, Some(path)) => path.clone(),
            (None, None) => {
                let error = problem(format!("there is no age identity to open {path} with"));
                return Err(error.hint(
                    "give `--age-identity FILE`, or set `ageIdentity` in the controller's configuration",
                ));
            }
        };
        let file = self.secret.base.open(path)?;
        let stamps = [Stamp::of(&identity)].into_iter().chain(file.stamp.clone()).collect();
        Ok((Identities::read(&identity)?, Proof::Unchanged(stamps), file))
    }

    fn vault(
        &self,
        source: &VaultSource,
        around: &Surroundings<'_>,
    ) -> Result<(Proof, Values), TransportError> {
        let settings = around.settings;
        let (token, ours) = token(source, around)?;
        let authorities = if self.secret.trusted || !ours {
            source.ca_file.as_deref().map(|path| self.secret.base.open(path)).transpose()?
        } else {
            vouched_for(source, around)?
        };
        let question = vault::Question {
            source,
            token: &token,
            authorities: authorities.as_ref().map(|file| file.bytes.as_slice()),
            patience: settings.patience,
        };
        let values = vault::read(&question)?;
        Ok((Proof::Until(Instant::now() + settings.keep), values))
    }
}

/// A repository may have the controller's token sent to servers of the controller's choice only, and decides nothing
/// about whom to trust on the way: whoever can push could have it sent to himself. Returns the authorities that the
/// controller trusts for that server.
fn vouched_for(source: &VaultSource, around: &Surroundings<'_>) -> Result<Option<Opened>, TransportError> {
    let wanted = vault::origin(&source.address);
    let own = around.all.own.iter().filter(|entry| entry.secret.trusted);
    let known = own.filter_map(|entry| Some((entry, entry.secret.spec.vault.as_ref()?)));
    let mut same = known.filter(|(_, own)| wanted.is_some() && vault::origin(&own.address) == wanted);
    let named = around.settings.environment.get("VAULT_ADDR");
    let named = named.and_then(|address| vault::origin(address.expose_secret()));
    let authorities = match same.next() {
        Some((entry, own)) => own.ca_file.as_deref().map(|path| entry.secret.base.open(path)).transpose()?,
        None if wanted.is_some() && named == wanted => None,
        None => {
            let message =
                format!("the controller's token is not sent to {}, which a repository names", source.address);
            let hint = "name that server in a Secret of the controller's configuration or in VAULT_ADDR, or give a \
                        `credentialsRef` whose token is in the repository";
            return Err(TransportError::new(TransportErrorKind::Configuration, message).hint(hint));
        }
    };
    if source.ca_file.is_some() {
        let message = "a repository's `caFile` is not used together with the controller's token".to_owned();
        return Err(TransportError::new(TransportErrorKind::Configuration, message).hint("leave it out"));
    }
    Ok(authorities)
}

/// The token for Vault, and whether it is the controller's own.
fn token(source: &VaultSource, around: &Surroundings<'_>) -> Result<(SecretString, bool), TransportError> {
    let Some(name) = &source.credentials_ref else {
        let token = around.settings.environment.get("VAULT_TOKEN").cloned();
        return token.map(|token| (token, true)).ok_or_else(|| {
            problem("there is no token for Vault".to_owned())
                .hint("set VAULT_TOKEN, or give a `credentialsRef` whose `token` it is")
        });
    };
    let wanted = SecretRef { name: name.clone(), key: "token".to_owned() };
    match around.all.declared(name)? {
        Some(entry) if entry.secret.spec.vault.is_some() => {
            Err(problem(format!("the token for Vault is itself in Vault (credential `{name}`)")))
        }
        Some(entry) => Ok((around.all.get(&wanted)?, entry.secret.trusted)),
        None => match &around.settings.others {
            Some(others) => Ok((others.get(&wanted)?, true)),
            None => Ok((around.all.get(&wanted)?, true)),
        },
    }
}

/// The values of a mapping. The error names keys, never values.
fn values(tree: Value) -> Result<Values, String> {
    let Value::Map(entries) = tree else { return Err("it is not a mapping of keys to values".to_owned()) };
    let mut values = Values::new();
    for (key, value) in entries {
        match value {
            Value::Scalar(scalar) if scalar.is_null() => {}
            Value::Scalar(scalar) => {
                values.insert(key, SecretString::from(scalar.text.as_str()));
            }
            // What a file holds besides is no business of this credential.
            Value::List(_) | Value::Map(_) => {}
        }
    }
    if values.is_empty() { Err("it holds no value".to_owned()) } else { Ok(values) }
}

/// Does what may block; on a runtime with several threads, the others take over this one's tasks.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}
