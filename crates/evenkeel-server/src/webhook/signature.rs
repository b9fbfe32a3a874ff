//! How each forge signs what it sends. All comparisons take the same time whatever is compared.

use std::fmt;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenkeel_core::config::Provider;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::deliveries::Mark;

/// A timestamp may differ from the clock by so many seconds.
const TOLERANCE: i64 = 300;

/// How the signing tokens of Standard Webhooks begin.
const STANDARD_PREFIX: &str = "whsec_";

/// More signatures than this in one header are not looked at: a forge sends one, two while a secret is replaced.
const MOST_SIGNATURES: usize = 8;

/// The secret of a webhook, ready to verify with.
#[derive(Clone)]
pub(crate) struct SigningKey {
    /// The key, ready for a message.
    hmac: Hmac<Sha256>,
    /// The hash of the secret as it was written, to compare GitLab's plain token with; `None` where it is a signing
    /// token, which never travels.
    token: Option<[u8; 32]>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The key that a secret stands for: the secret itself, but for GitLab's signing tokens. `Err` says what is wrong
    /// with the secret, as the end of a sentence.
    pub(crate) fn new(provider: Provider, secret: &SecretString) -> Result<Self, &'static str> {
        let text = secret.expose_secret();
        if text.is_empty() {
            return Err("is empty");
        }
        let signing = text.strip_prefix(STANDARD_PREFIX).filter(|_| provider == Provider::GitLab);
        let Some(encoded) = signing else {
            let token = Some(Sha256::digest(text.as_bytes()).into());
            return Ok(SigningKey { hmac: keyed(text.as_bytes())?, token });
        };
        let key =
            STANDARD.decode(encoded).map_err(|_| "begins with `whsec_` and is not base64 after that")?;
        if key.is_empty() {
            return Err("is empty");
        }
        Ok(SigningKey { hmac: keyed(&key)?, token: None })
    }

    /// A key that nobody has.
    pub(crate) fn nobody() -> Self {
        let hmac = Hmac::<Sha256>::new(&hmac::digest::Key::<Hmac<Sha256>>::default());
        SigningKey { hmac, token: None }
    }

    /// Looks at a message as for a webhook that there is.
    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let given = headers.get("x-hub-signature-256").map_or(&b""[..], |v| v.as_bytes());
        self.signs(&[body], given)
    }

    /// True where `tag` is the signature of `parts`, one after the other.
    fn signs(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let mut mac = self.hmac.clone();
        for part in parts {
            mac.update(part);
        }
        mac.verify_slice(tag).is_ok()
    }
}

fn keyed(key: &[u8]) -> Result<Hmac<Sha256>, &'static str> {
    Hmac::<Sha256>::new_from_slice(key).map_err(|_| "cannot be a key")
}

/// A message that is what its sender signed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// What it is known again by. Where its number is not signed, also what is: else it could be sent again under
    /// another number.
    pub(crate) marks: Vec<Mark>,
}

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the header {0} is missing")]
    Missing(&'static str),
    #[error("the header {0} is there twice")]
    Twice(&'static str),
    #[error("the header {0} has another form than expected")]
    Malformed(&'static str),
    #[error("the signature is not that of this message under the secret of this webhook")]
    Wrong,
    #[error("the message was signed more than five minutes ago, or in the future")]
    Old,
}

impl Refusal {
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Refusal::Missing(_) => {
                "enter the secret of the webhook at the forge, and look whether `provider` is the right one"
            }
            Refusal::Twice(_) | Refusal::Malformed(_) => "look whether `provider` is the right one",
            Refusal::Wrong => "the secret at the forge has to be the `webhookSecret` of the credential",
            Refusal::Old => "compare the clocks of both machines",
        }
    }
}

/// Checks that a message comes from who has the secret, and lately where that can be told.
pub(crate) fn verify(
    provider: Provider,
    key: &SigningKey,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Delivery, Refusal> {
    match provider {
        Provider::GitHub => {
            prefixed(key, headers, "x-hub-signature-256", &[body])?;
            marked(headers, &["x-github-delivery"], body)
        }
        Provider::Gitea => {
            gitea(key, headers, body)?;
            marked(headers, &["x-forgejo-delivery", "x-gitea-delivery"], body)
        }
        Provider::Bitbucket => {
            prefixed(key, headers, "x-hub-signature", &[body])?;
            marked(headers, &["x-request-uuid", "x-request-id"], body)
        }
        Provider::GitLab if headers.contains_key("webhook-signature") => standard(key, headers, body, now),
        Provider::GitLab => gitlab_token(key, headers, body),
        Provider::Generic => generic(key, headers, body, now),
    }
}

/// A header that is there at most once, as text.
fn optional<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut all = headers.get_all(name).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(Refusal::Twice(name));
    }
    value.to_str().map(Some).map_err(|_| Refusal::Malformed(name))
}

fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Refusal> {
    optional(headers, name)?.ok_or(Refusal::Missing(name))
}

/// `sha256=` and the signature of `parts` in hexadecimal.
fn prefixed(
    key: &SigningKey,
    headers: &HeaderMap,
    name: &'static str,
    parts: &[&[u8]],
) -> Result<(), Refusal> {
    let text = single(headers, name)?.strip_prefix("sha256=").ok_or(Refusal::Malformed(name))?;
    hexadecimal(key, name, text, parts)
}

fn hexadecimal(key: &SigningKey, name: &'static str, text: &str, parts: &[&[u8]]) -> Result<(), Refusal> {
    let tag = hex::decode(text).map_err(|_| Refusal::Malformed(name))?;
    if key.signs(parts, &tag) { Ok(()) } else { Err(Refusal::Wrong) }
}

/// Forgejo sends its own header and Gitea's; whichever are there have to be right.
fn gitea(key: &SigningKey, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    let mut any = false;
    for name in ["x-forgejo-signature", "x-gitea-signature"] {
        if let Some(text) = optional(headers, name)? {
            hexadecimal(key, name, text, &[body])?;
            any = true;
        }
    }
    if any { Ok(()) } else { Err(Refusal::Missing("x-gitea-signature")) }
}

/// Standard Webhooks: number, time and message are signed together.
fn standard(key: &SigningKey, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Delivery, Refusal> {
    const NAME: &str = "webhook-signature";
    let id = single(headers, "webhook-id")?;
    let time = single(headers, "webhook-timestamp")?;
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    let mut known = false;
    let mut right = false;
    for one in single(headers, NAME)?.split(' ').take(MOST_SIGNATURES) {
        let Some(encoded) = one.strip_prefix("v1,") else { continue };
        let tag = STANDARD.decode(encoded).map_err(|_| Refusal::Malformed(NAME))?;
        known = true;
        right |= key.signs(&parts, &tag);
    }
    match (known, right) {
        (false, _) => return Err(Refusal::Malformed(NAME)),
        (true, false) => return Err(Refusal::Wrong),
        (true, true) => {}
    }
    lately("webhook-timestamp", time, now)?;
    Ok(Delivery { marks: vec![Mark::new("id", &[id.as_bytes()])] })
}

/// GitLab's older form: the secret itself is sent. Hashes are compared, so that its length does not show either.
fn gitlab_token(key: &SigningKey, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Refusal> {
    let Some(expected) = key.token else { return Err(Refusal::Missing("webhook-signature")) };
    let given: [u8; 32] = Sha256::digest(single(headers, "x-gitlab-token")?.as_bytes()).into();
    if !bool::from(given.ct_eq(&expected)) {
        return Err(Refusal::Wrong);
    }
    // Nothing is signed here, so a number is as good as the body. The same push again has another number.
    let mark = if let Some(id) = optional(headers, "idempotency-key")? {
        Mark::new("id", &[id.as_bytes()])
    } else {
        let event = optional(headers, "x-gitlab-event-uuid")?.unwrap_or_default();
        Mark::new("body", &[event.as_bytes(), body])
    };
    Ok(Delivery { marks: vec![mark] })
}

fn generic(key: &SigningKey, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Delivery, Refusal> {
    let time = single(headers, "x-timestamp")?;
    prefixed(key, headers, "x-signature-256", &[time.as_bytes(), b".", body])?;
    lately("x-timestamp", time, now)?;
    Ok(Delivery { marks: vec![Mark::new("body", &[time.as_bytes(), body])] })
}

fn lately(name: &'static str, time: &str, now: Timestamp) -> Result<(), Refusal> {
    if time.is_empty() || !time.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::Malformed(name));
    }
    let seconds: i64 = time.parse().map_err(|_| Refusal::Malformed(name))?;
    if now.as_second().abs_diff(seconds) > TOLERANCE.unsigned_abs() { Err(Refusal::Old) } else { Ok(()) }
}

/// The marks of a message whose body is signed and whose number is not.
fn marked(headers: &HeaderMap, ids: &[&'static str], body: &[u8]) -> Result<Delivery, Refusal> {
    let mut marks = vec![Mark::new("body", &[body])];
    for name in ids {
        if let Some(id) = optional(headers, name)? {
            marks.push(Mark::new("id", &[id.as_bytes()]));
            break;
        }
    }
    Ok(Delivery { marks })
}

#[cfg(test)]
mod tests;
