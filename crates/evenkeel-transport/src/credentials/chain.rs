//! Several sources, and the memory of what was handed out.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::TransportError;
use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::Credentials;

/// What a secret is replaced by.
const MASK: &[u8] = b"***";

/// Asks its sources in order; the first that has a secret gives it.
///
/// Every secret that was handed out is remembered for the life of the chain, so that
/// [`redact`](CredentialChain::redact) can take it out of what is written down.
pub struct CredentialChain {
    sources: Vec<Box<dyn Credentials>>,
    handed_out: Mutex<HashMap<SecretRef, SecretString>>,
}

impl CredentialChain {
    /// A chain of `sources`, the most important first.
    pub fn new(sources: Vec<Box<dyn Credentials>>) -> Self {
        CredentialChain { sources, handed_out: Mutex::default() }
    }

    /// `bytes` with every secret that was handed out replaced by `***`: as it is, in base16 (either case) and in
    /// base64. Of a secret of several lines, such as a private key, each longer line counts by itself.
    pub fn redact(&self, bytes: &[u8]) -> Vec<u8> {
        let known = self.handed_out.lock().unwrap_or_else(PoisonError::into_inner);
        let mut forms: Vec<Zeroizing<Vec<u8>>> =
            known.values().flat_map(|s| forms(s.expose_secret())).collect();
        // The longest first: a secret may be part of another one.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.iter().fold(bytes.to_vec(), |text, form| replace(text, form))
    }
}

impl fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialChain").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

impl Credentials for CredentialChain {
    fn find(&self, secret: &SecretRef) -> Result<Option<SecretString>, TransportError> {
        for source in &self.sources {
            if let Some(found) = source.find(secret)? {
                let mut known = self.handed_out.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(secret.clone(), found.clone());
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn whereabouts(&self, secret: &SecretRef) -> String {
        self.sources.iter().map(|s| s.whereabouts(secret)).collect::<Vec<_>>().join(", or ")
    }
}

/// Lines shorter than this are not taken as secrets of their own: they would blot out ordinary text.
const SHORTEST_LINE: usize = 12;

fn forms(secret: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let lines = secret.lines().filter(|l| l.len() >= SHORTEST_LINE && l.len() < secret.len());
    std::iter::once(secret)
        .chain(lines)
        .filter(|text| !text.is_empty())
        .flat_map(|text| {
            let lower = hex::encode(text);
            let upper = lower.to_uppercase();
            let base64 = STANDARD_NO_PAD.encode(text);
            [text.to_owned(), lower, upper, base64].map(|form| Zeroizing::new(form.into_bytes()))
        })
        .collect()
}

fn replace(text: Vec<u8>, needle: &[u8]) -> Vec<u8> {
    let mut found = memmem::find_iter(&text, needle).peekable();
    if found.peek().is_none() {
        return text;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in found {
        out.extend_from_slice(text.get(from..at).unwrap_or_default());
        out.extend_from_slice(MASK);
        from = at + needle.len();
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::super::EnvironmentCredentials;
    use super::*;

    fn chain(value: &str) -> (CredentialChain, SecretRef) {
        let variables = [("EVENKEEL_CRED_NAS_PASSWORD".to_owned(), value.to_owned())];
        let source = EnvironmentCredentials::new(variables);
        let secret = SecretRef { name: "nas".into(), key: "password".into() };
        (CredentialChain::new(vec![Box::new(EnvironmentCredentials::new([])), Box::new(source)]), secret)
    }

    #[test]
    fn only_what_was_handed_out_is_redacted() {
        let (chain, secret) = chain("hunter2!");
        assert_eq!(chain.redact(b"say hunter2! twice hunter2!"), b"say hunter2! twice hunter2!");
        chain.get(&secret).unwrap();
        assert_eq!(chain.redact(b"say hunter2! twice hunter2!"), b"say *** twice ***");
    }

    #[test]
    fn encoded_secrets_are_redacted_too() {
        let (chain, secret) = chain("hunter2!");
        chain.get(&secret).unwrap();
        let text = b"68756e7465723221 68756E7465723221 aHVudGVyMiE=";
        assert_eq!(chain.redact(text), b"*** *** ***=");
    }

    #[test]
    fn each_line_of_a_key_is_redacted() {
        let (chain, secret) = chain("-----BEGIN KEY-----\nAAAABBBBCCCCDDDD\n-----END KEY-----");
        chain.get(&secret).unwrap();
        assert_eq!(chain.redact(b"leaked: AAAABBBBCCCCDDDD."), b"leaked: ***.");
    }
}
