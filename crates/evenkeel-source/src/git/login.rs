//! Logging in to an SSH server: with the credential's key, else the agent's keys, else the default key files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::GitSourceSpec;
use evenkeel_engine::source::{SourceError, SourceErrorKind};
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::GitOptions;
use super::place::SshPlace;
use super::ssh::Client;

/// An agent that does not answer in this time is left out.
const AGENT_TIMEOUT: Duration = Duration::from_secs(5);

/// The files that ssh would try, too.
const DEFAULT_KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// Servers count attempts.
const MAX_AGENT_KEYS: usize = 4;

/// Logs in as the user of `place`. A refusal is told with everything that was offered.
pub(super) async fn log_in(
    handle: &mut Handle<Client>,
    place: &SshPlace,
    spec: &GitSourceSpec,
    options: &GitOptions,
) -> Result<(), SourceError> {
    let mut login = Login { handle, user: &place.user, offered: Vec::new(), left_out: Vec::new() };
    if let Some(name) = &spec.credentials_ref {
        let key = from_credential(name, options).await?;
        if login.key(key, &format!("credential `{name}`")).await {
            return Ok(());
        }
        // Who names a key means that one.
        return Err(login.refused(place));
    }
    if let Some(socket) = &options.agent
        && login.agent(socket).await
    {
        return Ok(());
    }
    for name in DEFAULT_KEYS {
        let path = options.home.join(".ssh").join(name);
        let Ok(text) = std::fs::read_to_string(&path).map(Zeroizing::new) else { continue };
        let shown = path.display().to_string();
        match decode_secret_key(&text, None) {
            Ok(key) => {
                if login.key(key, &shown).await {
                    return Ok(());
                }
            }
            Err(e) => login.left_out.push(format!("{shown}: {e}")),
        }
    }
    Err(login.refused(place))
}

struct Login<'a> {
    handle: &'a mut Handle<Client>,
    user: &'a str,
    offered: Vec<String>,
    /// Keys that could not be offered, and why.
    left_out: Vec<String>,
}

impl Login<'_> {
    /// Offers a key. True where it got in.
    async fn key(&mut self, key: PrivateKey, origin: &str) -> bool {
        let label = format!("key {} ({origin})", key.fingerprint(HashAlg::Sha256));
        let hash = self.hash(key.algorithm().is_rsa()).await;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let result = self.handle.authenticate_publickey(self.user, key).await;
        self.settle(label, result.map_err(|e| e.to_string()))
    }

    /// Offers the agent's keys.
    async fn agent(&mut self, socket: &Path) -> bool {
        let ask = async {
            let mut agent = AgentClient::connect_uds(socket).await?;
            let identities = agent.request_identities().await?;
            Ok::<_, russh::keys::Error>((agent, identities))
        };
        let (mut agent, identities) = match tokio::time::timeout(AGENT_TIMEOUT, ask).await {
            Ok(Ok(found)) => found,
            Ok(Err(e)) => {
                self.left_out.push(format!("the ssh-agent at {}: {e}", socket.display()));
                return false;
            }
            Err(_) => {
                self.left_out.push(format!("the ssh-agent at {} does not answer", socket.display()));
                return false;
            }
        };
        for identity in identities.into_iter().take(MAX_AGENT_KEYS) {
            let AgentIdentity::PublicKey { key, comment } = identity else { continue };
            let label = format!("key {} (ssh-agent: {comment})", key.fingerprint(HashAlg::Sha256));
            let hash = self.hash(key.algorithm().is_rsa()).await;
            let result = self.handle.authenticate_publickey_with(self.user, key, hash, &mut agent).await;
            if self.settle(label, result.map_err(|e| e.to_string())) {
                return true;
            }
        }
        false
    }

    /// What RSA keys sign with: never SHA-1. Other keys have no choice.
    async fn hash(&mut self, rsa: bool) -> Option<HashAlg> {
        if !rsa {
            return None;
        }
        let stated = self.handle.best_supported_rsa_hash().await.ok().flatten().flatten();
        Some(stated.unwrap_or(HashAlg::Sha256))
    }

    fn settle(&mut self, label: String, result: Result<AuthResult, String>) -> bool {
        match result {
            Ok(AuthResult::Success) => return true,
            Ok(AuthResult::Failure { .. }) => self.offered.push(label),
            Err(why) => self.left_out.push(format!("{label}: {why}")),
        }
        false
    }

    fn refused(&self, place: &SshPlace) -> SourceError {
        let SshPlace { user, host, .. } = place;
        let mut message = match self.offered.as_slice() {
            [] => format!("there is no key to log in with as {user}@{host}"),
            offered => format!("{user}@{host} accepted none of: {}", offered.join("; ")),
        };
        if !self.left_out.is_empty() {
            message = format!("{message}. Not offered: {}", self.left_out.join("; "));
        }
        SourceError::new(SourceErrorKind::AuthenticationFailed, message).hint(
            "register the public key there (a deploy key that may read will do), or give the source another \
             `credentialsRef`",
        )
    }
}

/// The credential's key, decrypted.
async fn from_credential(name: &str, options: &GitOptions) -> Result<PrivateKey, SourceError> {
    let (owned, secrets) = (name.to_owned(), Arc::clone(&options.secrets));
    let decoding = tokio::task::spawn_blocking(move || {
        let get = |key: &str| secrets.get(&owned, key);
        let text = get("privateKey")?.ok_or("it has no `privateKey`")?;
        decode(&text, get("passphrase")?.as_ref())
    });
    decoding.await.unwrap_or_else(|e| Err(e.to_string())).map_err(|why| {
        SourceError::new(SourceErrorKind::Configuration, format!("credential `{name}`: {why}"))
            .hint("ssh takes `privateKey` (and `passphrase`); tokens and passwords are for https")
    })
}

fn decode(text: &SecretString, passphrase: Option<&SecretString>) -> Result<PrivateKey, String> {
    // Values lose their last line end on many ways.
    let text = Zeroizing::new(format!("{}\n", text.expose_secret().trim_end()));
    let passphrase = passphrase.map(ExposeSecret::expose_secret);
    decode_secret_key(&text, passphrase).map_err(|e| match (e, passphrase) {
        (russh::keys::Error::KeyIsEncrypted, None) => {
            "the `privateKey` is encrypted, and there is no `passphrase`".to_owned()
        }
        (e, None) => format!("the `privateKey` is not a private key in a known format ({e})"),
        (e, Some(_)) => {
            format!("the `privateKey` cannot be decrypted with the `passphrase`, or is no key ({e})")
        }
    })
}
