//! What can be offered at a login: keys from files, the agent and the credential, and the password.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use ring::digest;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PublicKey, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::endpoint::IdentitySettings;
use super::plain_file;
use crate::credentials::Credentials;

/// An agent that does not answer in this time is left out.
const AGENT_TIMEOUT: Duration = Duration::from_secs(5);

/// More keys than this are not kept decrypted.
const MOST_KEYS: usize = 1000;

/// A connection to the ssh-agent.
pub(super) type Agent = AgentClient<UnixStream>;

/// One key to offer.
pub(super) enum Candidate {
    /// A key in memory.
    Key { key: Arc<PrivateKey>, label: String },
    /// A key that the agent holds.
    Agent { identity: Box<AgentIdentity>, label: String },
}

impl Candidate {
    /// The key's fingerprint and where it is from.
    pub(super) fn label(&self) -> &str {
        match self {
            Candidate::Key { label, .. } | Candidate::Agent { label, .. } => label,
        }
    }
}

/// Everything to log in with, in the order in which it is offered.
pub(super) struct Identities {
    pub(super) candidates: Vec<Candidate>,
    pub(super) agent: Option<Agent>,
    pub(super) password: Option<SecretString>,
    /// Keys that exist and cannot be used, and why.
    pub(super) left_out: Vec<String>,
}

/// Decrypting a key takes long on purpose, so each is decrypted once. Named by a digest of file and passphrase: a key that
/// was exchanged is another one.
#[derive(Default)]
pub(super) struct KeyCache(Mutex<HashMap<Vec<u8>, Arc<PrivateKey>>>);

/// Collects what the settings name: first what was named explicitly, then the agent's keys, then the default files.
pub(super) async fn collect(
    settings: &IdentitySettings,
    credentials: &dyn Credentials,
    cache: &KeyCache,
) -> Result<Identities, TransportError> {
    let credential = settings.credentials_ref.as_deref();
    if let Some(name) = credential.filter(|_| settings.only_credential) {
        return from_credential(name, credentials, cache).await;
    }
    let secrets = Secrets::find(credential, credentials)?;
    let (agent, in_agent, problem) = ask_agent(settings.agent.as_deref()).await;
    let mut collecting = Collecting {
        cache,
        passphrase: secrets.passphrase,
        in_agent,
        candidates: Vec::new(),
        left_out: problem.into_iter().collect(),
    };
    if let Some(text) = &secrets.private_key {
        collecting.add_from_credential(text, credential.unwrap_or_default()).await?;
    }
    if let Some(path) = &settings.required {
        collecting.add_file(path).await.map_err(|why| unusable(path, &why))?;
    }
    for path in &settings.configured {
        collecting.add_optional_file(path).await;
    }
    if !settings.only_files {
        collecting.add_rest_of_agent();
    }
    for path in &settings.defaults {
        collecting.add_optional_file(path).await;
    }
    let Collecting { candidates, left_out, .. } = collecting;
    Ok(Identities { candidates, agent, password: secrets.password, left_out })
}

/// The key of a credential, and nothing else.
async fn from_credential(
    name: &str,
    credentials: &dyn Credentials,
    cache: &KeyCache,
) -> Result<Identities, TransportError> {
    let secret = |key: &str| SecretRef { name: name.to_owned(), key: key.to_owned() };
    let private_key = credentials.get(&secret("privateKey"))?;
    let passphrase = credentials.find(&secret("passphrase"))?;
    let (in_agent, candidates, left_out) = (Vec::new(), Vec::new(), Vec::new());
    let mut collecting = Collecting { cache, passphrase, in_agent, candidates, left_out };
    collecting.add_from_credential(&private_key, name).await?;
    let Collecting { candidates, left_out, .. } = collecting;
    Ok(Identities { candidates, agent: None, password: None, left_out })
}

/// The parts of a credential that a login can use.
struct Secrets {
    password: Option<SecretString>,
    passphrase: Option<SecretString>,
    private_key: Option<SecretString>,
}

impl Secrets {
    fn find(name: Option<&str>, credentials: &dyn Credentials) -> Result<Self, TransportError> {
        let Some(name) = name else {
            return Ok(Secrets { password: None, passphrase: None, private_key: None });
        };
        let secret = |key: &str| SecretRef { name: name.to_owned(), key: key.to_owned() };
        let find = |key: &str| credentials.find(&secret(key));
        let secrets = Secrets {
            password: find("password")?,
            passphrase: find("passphrase")?,
            private_key: find("privateKey")?,
        };
        let Secrets { password, passphrase, private_key } = &secrets;
        if password.is_none()
            && passphrase.is_none()
            && private_key.is_none()
            && find("becomePassword")?.is_none()
        {
            let message = format!(
                "credential `{name}` has none of `password`, `passphrase`, `privateKey` and `becomePassword`"
            );
            let hint = credentials.whereabouts(&secret("password"));
            return Err(TransportError::new(TransportErrorKind::Credentials, message).hint(hint));
        }
        Ok(secrets)
    }
}

/// The agent and its keys, or why there are none though there is an agent.
async fn ask_agent(socket: Option<&Path>) -> (Option<Agent>, Vec<AgentIdentity>, Option<String>) {
    let Some(socket) = socket else { return (None, Vec::new(), None) };
    let ask = async {
        let mut agent = AgentClient::connect_uds(socket).await?;
        let identities = agent.request_identities().await?;
        Ok::<_, russh::keys::Error>((agent, identities))
    };
    match tokio::time::timeout(AGENT_TIMEOUT, ask).await {
        Ok(Ok((agent, identities))) => (Some(agent), identities, None),
        Ok(Err(e)) => (None, Vec::new(), Some(format!("the ssh-agent at {}: {e}", socket.display()))),
        Err(_) => (None, Vec::new(), Some(format!("the ssh-agent at {} does not answer", socket.display()))),
    }
}

struct Collecting<'a> {
    cache: &'a KeyCache,
    passphrase: Option<SecretString>,
    in_agent: Vec<AgentIdentity>,
    candidates: Vec<Candidate>,
    left_out: Vec<String>,
}

impl Collecting<'_> {
    async fn add_from_credential(&mut self, text: &SecretString, name: &str) -> Result<(), TransportError> {
        let text = Zeroizing::new(text.expose_secret().to_owned() + "\n");
        let origin = format!("credential `{name}`");
        let key = self.decode(text).await.map_err(|why| {
            TransportError::new(
                TransportErrorKind::Credentials,
                format!("the `privateKey` of {origin}: {why}"),
            )
        })?;
        self.push_key(key, &origin);
        Ok(())
    }

    /// A key file that need not exist, or be usable.
    async fn add_optional_file(&mut self, path: &Path) {
        if path.exists()
            && let Err(why) = self.add_file(path).await
        {
            self.left_out.push(format!("{}: {why}", path.display()));
        }
    }

    async fn add_file(&mut self, path: &Path) -> Result<(), String> {
        let text = read(path)?;
        let public = public_half(&text, path);
        if let Some(public) = &public
            && self.take_from_agent(public, path)
        {
            return Ok(());
        }
        if PublicKey::from_openssh(&text).is_ok() {
            return Err("it is a public key, and no agent holds its private half".to_owned());
        }
        private(path)?;
        let key = self.decode(text).await?;
        self.push_key(key, &path.display().to_string());
        Ok(())
    }

    fn push_key(&mut self, key: Arc<PrivateKey>, origin: &str) {
        let label = format!("{} ({origin})", key.fingerprint(HashAlg::Sha256));
        self.candidates.push(Candidate::Key { key, label });
    }

    /// True where the agent holds the key of a file: then nothing needs to be decrypted.
    fn take_from_agent(&mut self, public: &PublicKey, path: &Path) -> bool {
        let found = self.in_agent.iter().position(|i| i.public_key().key_data() == public.key_data());
        let Some(identity) = found.map(|at| self.in_agent.remove(at)) else { return false };
        self.push_agent(identity, &format!("{}, by ssh-agent", path.display()));
        true
    }

    fn add_rest_of_agent(&mut self) {
        for identity in std::mem::take(&mut self.in_agent) {
            let origin = format!("ssh-agent: {}", identity.comment());
            self.push_agent(identity, &origin);
        }
    }

    fn push_agent(&mut self, identity: AgentIdentity, origin: &str) {
        let label = format!("{} ({origin})", identity.public_key().fingerprint(HashAlg::Sha256));
        self.candidates.push(Candidate::Agent { identity: Box::new(identity), label });
    }

    async fn decode(&self, text: Zeroizing<String>) -> Result<Arc<PrivateKey>, String> {
        let passphrase = self.passphrase.clone();
        let mut name = digest::Context::new(&digest::SHA256);
        name.update(text.as_bytes());
        name.update(&[0]);
        name.update(passphrase.as_ref().map_or(&[], |p| p.expose_secret().as_bytes()));
        let name = name.finish().as_ref().to_vec();
        let cached = self.cache.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(key) = cached {
            return Ok(key);
        }
        let decoding = tokio::task::spawn_blocking(move || decode(&text, passphrase.as_ref()));
        let key = Arc::new(decoding.await.map_err(|e| e.to_string())??);
        let mut cache = self.cache.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MOST_KEYS {
            // Of keys that were exchanged long ago, too.
            cache.clear();
        }
        cache.insert(name, Arc::clone(&key));
        Ok(key)
    }
}

/// Whether a private key can be used, without offering it to anybody: `Err` says why not.
pub fn private_key_works(key: &SecretString, passphrase: Option<&SecretString>) -> Result<(), String> {
    decode(key.expose_secret(), passphrase).map(|_| ())
}

fn decode(text: &str, passphrase: Option<&SecretString>) -> Result<PrivateKey, String> {
    let decoded = decode_secret_key(text, passphrase.map(ExposeSecret::expose_secret));
    decoded.map_err(|e| match (e, passphrase) {
        (russh::keys::Error::KeyIsEncrypted, None) => {
            "it is encrypted; give the `passphrase` in the credential, or add it to the ssh-agent".to_owned()
        }
        (e, None) => format!("it is not a private key in a known format ({e})"),
        (e, Some(_)) => {
            format!("it cannot be decrypted with the credential's `passphrase`, or is no key ({e})")
        }
    })
}

fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    match plain_file::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(e) => {
                drop(Zeroizing::new(e.into_bytes()));
                Err("it is not UTF-8 text".to_owned())
            }
        },
        Err(e) if e.kind() == ErrorKind::NotFound => Err("there is no such file".to_owned()),
        Err(e) => Err(e.to_string()),
    }
}

/// Refuses a key file that others can read, with the rule of ssh: of files that are this user's own.
fn private(path: &Path) -> Result<(), String> {
    let metadata = std::fs::metadata(path).map_err(|e| e.to_string())?;
    let own = metadata.uid() == rustix::process::getuid().as_raw();
    let mode = metadata.mode() & 0o7777;
    if own && mode & 0o077 != 0 {
        let path = path.display();
        return Err(format!("its mode is {mode:04o}: other users may read it; run `chmod 600 {path}`"));
    }
    Ok(())
}

/// The public key of a file: its own, or of the `.pub` file beside it. OpenSSH's format has it unencrypted.
fn public_half(text: &str, path: &Path) -> Option<PublicKey> {
    if let Ok(public) = PublicKey::from_openssh(text) {
        return Some(public);
    }
    if let Ok(key) = PrivateKey::from_openssh(text) {
        return Some(key.public_key().clone());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    PublicKey::from_openssh(&std::fs::read_to_string(beside).ok()?).ok()
}

fn unusable(path: &Path, why: &str) -> TransportError {
    let message = format!("the key file {} is not used: {why}", path.display());
    TransportError::new(TransportErrorKind::Credentials, message)
}
