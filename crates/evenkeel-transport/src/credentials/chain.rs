//! Several sources, and the memory of what was handed out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::TransportError;
use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::Credentials;

/// What a secret is replaced by.
const MASK: &[u8] = b"***";

/// A text that is looked for when secrets are taken out of others.
type Form = Zeroizing<Vec<u8>>;

/// Asks its sources in order; the first that has a secret gives it.
///
/// What was handed out is remembered, so that [`redact`](CredentialChain::redact) can take it out of what is written
/// down: of each secret the value that was given last and the one before it, which may still be on its way.
pub struct CredentialChain {
    sources: Vec<Box<dyn Credentials>>,
    handed_out: Mutex<HandedOut>,
}

#[derive(Default)]
struct HandedOut {
    values: HashMap<SecretRef, Given>,
    /// Every way in which a value may be written, the longest first. `None` where a value came in since.
    forms: Option<Arc<[Form]>>,
}

struct Given {
    last: SecretString,
    before: Option<SecretString>,
}

impl CredentialChain {
    /// A chain of `sources`, the most important first.
    pub fn new(sources: Vec<Box<dyn Credentials>>) -> Self {
        CredentialChain { sources, handed_out: Mutex::default() }
    }

    /// `bytes` with every secret that was handed out replaced by `***`: as it is, in base16 (either case) and in
    /// base64. Of a secret of several lines, such as a private key, each longer line counts by itself.
    pub fn redact(&self, bytes: &[u8]) -> Vec<u8> {
        self.redacted(bytes).unwrap_or_else(|| bytes.to_vec())
    }

    /// `text`, redacted as by [`redact`](CredentialChain::redact); the text itself where no secret is in it.
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redacted(text.as_bytes()) {
            None => Cow::Borrowed(text),
            Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// `None` where there is nothing to replace.
    fn redacted(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let forms = self.lock().forms();
        forms.iter().fold(None, |text: Option<Vec<u8>>, form| {
            let replaced = replace(text.as_deref().unwrap_or(bytes), form);
            replaced.or(text)
        })
    }

    fn lock(&self) -> MutexGuard<'_, HandedOut> {
        self.handed_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HandedOut {
    fn note(&mut self, secret: &SecretRef, value: &SecretString) {
        let before = match self.values.get(secret) {
            Some(given) if given.last.expose_secret() == value.expose_secret() => return,
            Some(given) => Some(given.last.clone()),
            None => None,
        };
        self.values.insert(secret.clone(), Given { last: value.clone(), before });
        self.forms = None;
    }

    fn forms(&mut self) -> Arc<[Form]> {
        let values = &self.values;
        let collect = || {
            let known = values.values().flat_map(|given| [Some(&given.last), given.before.as_ref()]);
            let mut all: Vec<Form> =
                known.flatten().flat_map(|secret| forms(secret.expose_secret())).collect();
            // A secret may be part of another one.
            all.sort_by_key(|form| std::cmp::Reverse(form.len()));
            all.into()
        };
        Arc::clone(self.forms.get_or_insert_with(collect))
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
                self.lock().note(secret, &found);
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn whereabouts(&self, secret: &SecretRef) -> String {
        self.sources.iter().map(|s| s.whereabouts(secret)).collect::<Vec<_>>().join(", or ")
    }
}

/// `bytes` with each of `secrets`, as it is, replaced by `***`.
pub(crate) fn mask(bytes: &[u8], secrets: &[&SecretString]) -> Vec<u8> {
    let values =
        secrets.iter().map(|secret| secret.expose_secret().as_bytes()).filter(|value| !value.is_empty());
    values.fold(bytes.to_vec(), |text, value| replace(&text, value).unwrap_or(text))
}

/// Lines shorter than this are not taken as secrets of their own: they would blot out ordinary text.
const SHORTEST_LINE: usize = 12;

/// In bytes; the same for parts of base64.
const SHORTEST_WITHIN: usize = 8;

fn forms(secret: &str) -> Vec<Form> {
    let lines = secret.lines().filter(|l| l.len() >= SHORTEST_LINE && l.len() < secret.len());
    std::iter::once(secret)
        .chain(lines)
        .filter(|text| !text.is_empty())
        .flat_map(|text| {
            let lower = hex::encode(text);
            let upper = lower.to_uppercase();
            let base64 = STANDARD_NO_PAD.encode(text);
            [text.to_owned(), lower, upper, base64]
                .into_iter()
                .chain(within_base64(text))
                .map(|form| Zeroizing::new(form.into_bytes()))
        })
        .collect()
}

/// How `secret` looks in the base64 of a longer text, such as a user name and a password: without the characters that
/// what stands beside it has a part in, in both alphabets. A short secret leaves too little of itself.
fn within_base64(secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    if secret.len() < SHORTEST_WITHIN {
        return found;
    }
    for before in 0..3 {
        let whole = Zeroizing::new([&vec![0; before], secret.as_bytes()].concat());
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = Zeroizing::new(engine.encode(&whole));
            let own = (before * 8).div_ceil(6)..whole.len() * 8 / 6;
            found.extend(encoded.get(own).map(str::to_owned));
        }
    }
    found.dedup();
    found
}

/// `None` where `needle` is not in `text`.
fn replace(text: &[u8], needle: &[u8]) -> Option<Vec<u8>> {
    let mut found = memmem::find_iter(text, needle).peekable();
    found.peek()?;
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in found {
        out.extend_from_slice(text.get(from..at).unwrap_or_default());
        out.extend_from_slice(MASK);
        from = at + needle.len();
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    Some(out)
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
    fn a_secret_within_a_longer_encoded_text_is_redacted() {
        let (chain, secret) = chain("~?hunter2!?~");
        chain.get(&secret).unwrap();
        for before in ["", "a", "ad", "ada:", "x-access-token:"] {
            for after in ["", "\n", "..", "..."] {
                let text = format!("{before}~?hunter2!?~{after}");
                for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                    let told = chain.redact_text(&encoded);
                    // At either end a character or two, which hold less than a byte of it.
                    let most = (before.len() + after.len()) * 4 / 3 + 4;
                    assert!(told.contains("***") && told.len() - 3 <= most, "{text:?}: {told}");
                }
            }
        }
    }

    /// Gives another value each time.
    struct Counting(std::sync::atomic::AtomicU32);

    impl Credentials for Counting {
        fn find(&self, _: &SecretRef) -> Result<Option<SecretString>, TransportError> {
            let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(Some(format!("value-{number}.").into()))
        }

        fn whereabouts(&self, _: &SecretRef) -> String {
            String::new()
        }
    }

    #[test]
    fn the_last_two_values_of_a_secret_are_redacted_and_no_more_are_kept() {
        let chain = CredentialChain::new(vec![Box::new(Counting(0.into()))]);
        let secret = SecretRef { name: "nas".into(), key: "password".into() };
        for _ in 0..1000 {
            chain.get(&secret).unwrap();
            assert!(chain.lock().forms().len() <= 20);
        }
        assert_eq!(chain.redact_text("value-999. value-998. value-997."), "*** *** value-997.");
    }

    #[test]
    fn a_text_without_secrets_is_not_copied() {
        let (chain, secret) = chain("hunter2!");
        chain.get(&secret).unwrap();
        assert!(matches!(chain.redact_text("nothing here: é"), Cow::Borrowed(_)));
        assert_eq!(chain.redact_text("é hunter2! é"), "é *** é");
    }

    #[test]
    fn each_line_of_a_key_is_redacted() {
        let (chain, secret) = chain("-----BEGIN KEY-----\nAAAABBBBCCCCDDDD\n-----END KEY-----");
        chain.get(&secret).unwrap();
        assert_eq!(chain.redact(b"leaked: AAAABBBBCCCCDDDD."), b"leaked: ***.");
    }
}
