//! The command line and the script that start a command whose input and output are streams.
//!
//! A login shell of any kind is given one fixed line without anything that it could take for its own. That runs a
//! POSIX shell, which takes the script off the beginning of its standard input: so nothing of it is an argument that
//! others see, and it may be as long as it wants. What follows on standard input is the command's. Both outputs begin
//! with a line that nobody else prints: what the login printed before that is not the command's.

use evenkeel_core::target::Become;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use memchr::memmem;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::become_root::BecomeRoot;
use crate::credentials::Credentials;
use crate::round::become_root;
use crate::script::{BEGIN, Command, Nonce, feed, preamble, quote};

/// What starts a command.
pub(crate) struct Launch {
    /// The line for the login shell.
    pub(super) line: String,
    /// What goes to standard input first.
    pub(super) first: Zeroizing<Vec<u8>>,
    /// How the outputs begin.
    pub(super) begin: Vec<u8>,
    pub(super) become_root: Option<BecomeRoot>,
}

impl Launch {
    /// What starts `words`, as root where `become_` says so. Where it `takes_input`, everything that follows on standard
    /// input is the command's; else it reads nothing.
    pub(crate) fn new(
        words: &[String],
        takes_input: bool,
        become_: Option<Become>,
        credentials_ref: Option<&str>,
        credentials: &dyn Credentials,
    ) -> Result<Self, TransportError> {
        let problem = |what: &str| TransportError::new(TransportErrorKind::Configuration, what);
        if words.is_empty() || words.iter().any(|word| word.contains('\0')) {
            return Err(problem("a command has no words, or a NUL character in one"));
        }
        let become_root =
            become_.map(|program| become_root(program, credentials_ref, credentials)).transpose()?;
        let nonce = Nonce::random().ok_or_else(|| problem("the system gives no random numbers"))?;
        let plain = Command { words: words.to_vec(), stdin: vec![], input: None };
        let command = match &become_root {
            Some(root) if takes_input => root.wrap_reading(plain, nonce.as_str()),
            Some(root) => root.wrap(plain),
            None => plain,
        };
        let script = script(&nonce, &command, takes_input);
        let length = script.len();
        let line = format!("/bin/sh -c 'eval \"$(dd bs=1 count={length} 2>/dev/null)\"'");
        let first = if takes_input { with_secrets(script, &nonce, &command.stdin) } else { script };
        let begin = format!("\n{} {BEGIN}\n", nonce.as_str()).into_bytes();
        Ok(Launch { line, first, begin, become_root })
    }
}

/// One compound command: a shell that has not read its end runs nothing of it.
fn script(nonce: &Nonce, command: &Command, takes_input: bool) -> Zeroizing<Vec<u8>> {
    let secrets: usize = command.stdin.iter().map(|secret| secret.expose_secret().len()).sum();
    let words: usize = command.words.iter().map(|word| 2 * word.len() + 8).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(1024 + words + secrets));
    text.extend_from_slice(preamble(nonce).as_bytes());
    text.extend_from_slice(b"exec ");
    for word in &command.words {
        quote(word.as_bytes(), &mut text);
        text.push(b' ');
    }
    if takes_input {
        text.push(b'\n');
    } else {
        feed(nonce.as_str(), command, &mut text);
    }
    text.push(b'}');
    text
}

fn with_secrets(script: Zeroizing<Vec<u8>>, nonce: &Nonce, secrets: &[SecretString]) -> Zeroizing<Vec<u8>> {
    if secrets.is_empty() {
        return script;
    }
    let more: usize = secrets.iter().map(|secret| secret.expose_secret().len() + 1).sum();
    let mut first = Zeroizing::new(Vec::with_capacity(script.len() + more + nonce.as_str().len() + 1));
    first.extend_from_slice(&script);
    for secret in secrets {
        first.extend_from_slice(secret.expose_secret().as_bytes());
        first.push(b'\n');
    }
    first.extend_from_slice(nonce.as_str().as_bytes());
    first.push(b'\n');
    first
}

/// The most that a login may print before a command begins, in bytes.
const NOISE: usize = 64 << 10;

/// Takes what a login prints off the beginning of an output.
#[derive(Debug)]
pub(super) struct Beginning {
    /// `None` once the command has begun.
    noise: Option<Vec<u8>>,
}

impl Beginning {
    pub(super) fn new() -> Self {
        Beginning { noise: Some(Vec::new()) }
    }

    pub(super) fn begun(&self) -> bool {
        self.noise.is_none()
    }

    /// What was printed while nothing had begun, shortened.
    pub(super) fn noise(&self) -> &[u8] {
        let noise = self.noise.as_deref().unwrap_or_default();
        noise.get(..noise.len().min(800)).unwrap_or_default()
    }

    /// Leaves of `bytes` what is the command's.
    pub(super) fn take(&mut self, bytes: &mut Vec<u8>, begin: &[u8]) {
        let Some(noise) = &mut self.noise else { return };
        noise.append(bytes);
        if let Some(at) = memmem::find(noise, begin) {
            *bytes = noise.split_off(at + begin.len());
            self.noise = None;
        } else if noise.len() > NOISE {
            noise.drain(..noise.len() - begin.len());
        }
    }
}
