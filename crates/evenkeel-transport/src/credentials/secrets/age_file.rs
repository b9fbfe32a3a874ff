//! Files encrypted with age, and the identities that open them.

use std::io::Read;
use std::path::{Path, PathBuf};

use age::armor::ArmoredReader;
use age::x25519;
use age::{DecryptError, Decryptor, Identity};
use evenkeel_core::transport::TransportError;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::super::private_file;
use super::problem;

/// What a file may hold once it is decrypted, in bytes.
const LARGEST: u64 = 1 << 20;

/// How a file of age begins.
const HEADERS: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"];

/// The identities of one file.
pub(super) struct Identities {
    file: PathBuf,
    keys: Vec<x25519::Identity>,
}

impl Identities {
    /// Reads a file as `age-keygen` writes it: an identity a line, comments between them. The file must be its owner's
    /// alone.
    pub(super) fn read(file: &Path) -> Result<Self, TransportError> {
        let Some(text) = private_file::read(file, "age identity file")? else {
            let message = format!("there is no age identity file {}", file.display());
            return Err(problem(message)
                .hint("make one with `age-keygen -o FILE` and mode 0600, or set `ageIdentity`"));
        };
        let keys = keys(&text).map_err(|(why, hint)| {
            problem(format!("the age identity file {} is not used: {why}", file.display())).hint(hint)
        })?;
        Ok(Identities { file: file.to_owned(), keys })
    }

    /// Decrypts `bytes`, armoured or not. `what` names them in messages.
    pub(super) fn decrypt(&self, bytes: &[u8], what: &str) -> Result<Zeroizing<Vec<u8>>, TransportError> {
        let broken = |why: &str| problem(format!("{what} cannot be decrypted: {why}"));
        if !HEADERS.iter().any(|header| bytes.trim_ascii_start().starts_with(header)) {
            let error = broken("it is not a file of age");
            return Err(error.hint("encrypt it with `age -a -r RECIPIENT -o FILE`"));
        }
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(bytes.trim_ascii_start()))
            .map_err(|_| broken("it is damaged, or of a version that is not known"))?;
        if decryptor.is_scrypt() {
            let error = broken("it wants a passphrase, and there is nobody to type one");
            return Err(error.hint(format!("encrypt it for {}", self.recipients())));
        }
        let mut reader =
            decryptor.decrypt(self.keys.iter().map(|key| key as &dyn Identity)).map_err(|e| match e {
                DecryptError::NoMatchingKeys => {
                    let error = broken(&format!("no identity in {} opens it", self.file.display()));
                    error.hint(format!("encrypt it for {}", self.recipients()))
                }
                _ => broken("it is damaged"),
            })?;
        let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
        let read = reader.by_ref().take(LARGEST + 1).read_to_end(&mut plain);
        read.map_err(|_| broken("it is damaged"))?;
        if plain.len() as u64 > LARGEST {
            return Err(broken(&format!("it holds more than {LARGEST} bytes")));
        }
        Ok(plain)
    }

    /// The public halves, for hints.
    fn recipients(&self) -> String {
        let names: Vec<String> =
            self.keys.iter().take(3).map(|key| format!("`{}`", key.to_public())).collect();
        names.join(" or ")
    }
}

/// The identities in a file's text, or why there are none and what to do.
fn keys(text: &SecretString) -> Result<Vec<x25519::Identity>, (String, &'static str)> {
    let text = text.expose_secret();
    let plain = "give it the lines `AGE-SECRET-KEY-1…` that `age-keygen` writes";
    if HEADERS.iter().any(|header| text.as_bytes().starts_with(header)) {
        let hint = "decrypt it with `age -d` into a file of mode 0600";
        return Err(("it is protected by a passphrase, which nobody is there to type".to_owned(), hint));
    }
    if text.starts_with("-----BEGIN") {
        return Err(("SSH and PEM keys are not taken".to_owned(), plain));
    }
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(|(number, line)| {
        line.parse().map_err(|_| (format!("line {number} is no X25519 identity"), plain))
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(("it holds no identity".to_owned(), plain)) } else { Ok(keys) }
}
