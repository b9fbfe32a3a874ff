//! Who may use the API, which webhooks are taken, and the bounds of it all.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use evenkeel_core::config::{Role, TokenSpec, WebhookSpec};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::webhook::SigningKey;

/// A shorter token could be guessed.
const SHORTEST_TOKEN: usize = 16;

/// Who may use the API, and which webhooks are taken.
#[derive(Debug)]
pub struct Settings {
    pub(crate) tokens: Vec<Token>,
    pub(crate) webhooks: BTreeMap<String, Webhook>,
    pub(crate) webhooks_per_minute: u16,
    pub(crate) bounds: Bounds,
}

/// What a request, a connection and the server may take. The defaults are for use; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For the headers of a request to arrive, and for a connection to idle between two requests.
    pub headers: Duration,
    /// For the body of a request to arrive.
    pub body: Duration,
    /// For the answer to a request to begin.
    pub answer: Duration,
    /// For the other end to take some of what is written to it.
    pub write: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For open requests to end after the signal to stop.
    pub drain: Duration,
    /// From one sign of life in the event stream to the next.
    pub heartbeat: Duration,
    /// From one look at the certificate's files to the next.
    pub certificate: Duration,
    /// Connections at a time, on TCP and on the socket each.
    pub connections: usize,
    /// Wrong tokens per minute from one address.
    pub wrong_tokens_per_minute: u16,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            headers: Duration::from_secs(15),
            body: Duration::from_secs(15),
            answer: Duration::from_secs(30),
            write: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            drain: Duration::from_secs(10),
            heartbeat: Duration::from_secs(15),
            certificate: Duration::from_mins(1),
            connections: 256,
            wrong_tokens_per_minute: 20,
        }
    }
}

/// A token, as its hash: the token itself is not kept.
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) hash: [u8; 32],
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A webhook and the key that signs it.
#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) spec: WebhookSpec,
    pub(crate) key: SigningKey,
}

/// Why settings do not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Two entries of one name.
    #[error("there are two {what}s named \"{name}\"")]
    Twice {
        /// `token` or `webhook`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Two tokens of one value: nobody could tell who asks.
    #[error("the tokens \"{first}\" and \"{second}\" have the same value")]
    Same {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// A token that could be guessed, or cannot be sent.
    #[error(
        "the token \"{name}\" is shorter than {SHORTEST_TOKEN} characters, or has others than visible ASCII"
    )]
    Token {
        /// Its name.
        name: String,
    },
    /// A secret that signs nothing.
    #[error("the secret of the webhook \"{name}\" {why}")]
    Secret {
        /// The webhook's name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A name that cannot stand in an address.
    #[error("\"{name}\" is no name for a webhook")]
    Name {
        /// The name.
        name: String,
    },
}

impl SettingsError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            SettingsError::Twice { .. } => "give each its own name",
            SettingsError::Same { .. } => "give each token its own value, or keep one of them",
            SettingsError::Token { .. } => "make one with `openssl rand -hex 32`",
            SettingsError::Secret { .. } => {
                "make one with `openssl rand -hex 32` and enter it at the forge too; a signing token of GitLab is \
                 copied whole, with its `whsec_`"
            }
            SettingsError::Name { .. } => {
                "use letters, digits, `-`, `_` and `.`: it is the end of /webhooks/NAME"
            }
        }
    }
}

impl Settings {
    /// Settings out of the configuration, with each token and webhook's secret already resolved.
    pub fn new(
        tokens: Vec<(TokenSpec, SecretString)>,
        webhooks: Vec<(WebhookSpec, SecretString)>,
        webhooks_per_minute: u16,
    ) -> Result<Self, SettingsError> {
        Ok(Settings {
            tokens: hashed(tokens)?,
            webhooks: keyed(webhooks)?,
            webhooks_per_minute,
            bounds: Bounds::default(),
        })
    }

    /// The same with other bounds.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }
}

fn hashed(specs: Vec<(TokenSpec, SecretString)>) -> Result<Vec<Token>, SettingsError> {
    let mut tokens: Vec<Token> = Vec::with_capacity(specs.len());
    for (spec, secret) in specs {
        let text = secret.expose_secret();
        if text.len() < SHORTEST_TOKEN || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SettingsError::Token { name: spec.name });
        }
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        if tokens.iter().any(|t| t.name == spec.name) {
            return Err(SettingsError::Twice { what: "token", name: spec.name });
        }
        if let Some(same) = tokens.iter().find(|t| t.hash == hash) {
            return Err(SettingsError::Same { first: same.name.clone(), second: spec.name });
        }
        tokens.push(Token { name: spec.name, role: spec.role, hash });
    }
    Ok(tokens)
}

fn keyed(specs: Vec<(WebhookSpec, SecretString)>) -> Result<BTreeMap<String, Webhook>, SettingsError> {
    let mut webhooks = BTreeMap::new();
    for (spec, secret) in specs {
        let name = spec.name.clone();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
            return Err(SettingsError::Name { name });
        }
        let key = SigningKey::new(spec.provider, &secret)
            .map_err(|why| SettingsError::Secret { name: name.clone(), why })?;
        if webhooks.insert(name.clone(), Webhook { spec, key }).is_some() {
            return Err(SettingsError::Twice { what: "webhook", name });
        }
    }
    Ok(webhooks)
}

#[cfg(test)]
mod tests {
    use evenkeel_core::config::Provider;

    use super::*;

    fn token(name: &str, value: &str) -> (TokenSpec, SecretString) {
        let spec = TokenSpec { name: name.to_owned(), role: Role::Viewer, credentials_ref: "c".to_owned() };
        (spec, SecretString::from(value))
    }

    fn webhook(name: &str, value: &str) -> (WebhookSpec, SecretString) {
        let spec = WebhookSpec {
            name: name.to_owned(),
            provider: Provider::GitLab,
            credentials_ref: "c".to_owned(),
            sources: Vec::new(),
        };
        (spec, SecretString::from(value))
    }

    #[test]
    fn what_could_be_guessed_or_mixed_up_is_refused_with_a_hint() {
        let long = "0123456789abcdef";
        let bad: [(Vec<_>, Vec<_>, &str); 8] = [
            (vec![token("a", "short")], vec![], "shorter than 16"),
            (vec![token("a", "0123456789 abcdef")], vec![], "visible ASCII"),
            (vec![token("a", long), token("a", "another-0123456789")], vec![], "two tokens named \"a\""),
            (vec![token("a", long), token("b", long)], vec![], "\"a\" and \"b\" have the same value"),
            (vec![], vec![webhook("w", "")], "is empty"),
            (vec![], vec![webhook("w", "whsec_!")], "is not base64"),
            (vec![], vec![webhook("a/b", long)], "no name for a webhook"),
            (vec![], vec![webhook("w", long), webhook("w", long)], "two webhooks named"),
        ];
        for (tokens, webhooks, expected) in bad {
            let error = Settings::new(tokens, webhooks, 60).unwrap_err();
            assert!(error.to_string().contains(expected), "{error} / {expected}");
            assert!(!error.hint().is_empty());
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let settings =
            Settings::new(vec![token("a", "0123456789abcdef")], vec![webhook("w", "canary-canary")], 60)
                .unwrap();
        let text = format!("{settings:?}");
        assert!(!text.contains("0123456789abcdef") && !text.contains("canary"), "{text}");
    }
}
