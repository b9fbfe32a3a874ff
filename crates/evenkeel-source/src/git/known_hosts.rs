//! `known_hosts` files: whether the key that a server presents is one that is known for it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use evenkeel_engine::source::{SourceError, SourceErrorKind};
use ring::hmac;
use russh::keys::ssh_key::known_hosts::{HostPatterns, Marker};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

use crate::verify::patterns;

const SSH_PORT: u16 = 22;

/// What servers are asked for. No SHA-1, no DSA.
const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// One line about the host.
#[derive(Debug, Clone)]
struct Line {
    at: String,
    file: PathBuf,
    marker: Option<Marker>,
    key: PublicKey,
}

/// Everything that the files say about one host.
#[derive(Debug)]
pub(super) struct KnownHosts {
    /// `host`, or `[host]:port` where the port is not 22.
    name: String,
    files: Vec<PathBuf>,
    lines: Vec<Line>,
}

impl KnownHosts {
    /// Looks the host up in `files`; a file that does not exist is empty.
    pub(super) fn look_up(host: &str, port: u16, files: Vec<PathBuf>) -> Result<Self, SourceError> {
        let host = host.to_ascii_lowercase();
        let name = if port == SSH_PORT { host } else { format!("[{host}]:{port}") };
        let mut lines = Vec::new();
        for file in &files {
            let text = match std::fs::read(file) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(e) => {
                    let message = format!("cannot read the known hosts in {}: {e}", file.display());
                    return Err(SourceError::new(SourceErrorKind::Configuration, message));
                }
            };
            lines.extend(text.lines().enumerate().filter_map(|(i, text)| line(file, i + 1, text, &name)));
        }
        Ok(KnownHosts { name, files, lines })
    }

    /// What the server is asked for: keys of the known types first, so that it shows one that can be checked.
    pub(super) fn host_keys(&self) -> Vec<Algorithm> {
        let mut all = HOST_KEYS.to_vec();
        all.sort_by_key(|algorithm| !self.plain().any(|line| same_type(&line.key.algorithm(), algorithm)));
        all
    }

    fn plain(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.marker.is_none())
    }

    /// Accepts the key, or says why not. Nothing is learnt by itself.
    pub(super) fn check(&self, key: &PublicKey) -> Result<(), SourceError> {
        let is_key = |line: &&Line| line.key.key_data() == key.key_data();
        let revoked = self.lines.iter().filter(|line| line.marker == Some(Marker::Revoked)).find(is_key);
        let (name, shown) = (&self.name, fingerprint(key));
        if let Some(line) = revoked {
            let message = format!("the host key of {name} ({shown}) is revoked by {}", line.at);
            return Err(SourceError::new(SourceErrorKind::Untrusted, message)
                .hint("do not fetch from it before it has a new key"));
        }
        if self.plain().any(|line| is_key(&line)) {
            return Ok(());
        }
        let add = format!("{name} {}", key_text(key));
        if let Some(old) = self.plain().next() {
            let message = format!(
                "the host key of {name} has changed: it presents {shown}, but {} has {}",
                old.at,
                fingerprint(&old.key)
            );
            return Err(SourceError::new(SourceErrorKind::Untrusted, message).hint(format!(
                "if the server has a new key, run `ssh-keygen -R '{name}' -f {file}` and `echo '{add}' >> {file}`; \
                 if not, somebody may be in between",
                file = old.file.display()
            )));
        }
        let files: Vec<String> = self.files.iter().map(|file| file.display().to_string()).collect();
        let message = format!("the host key of {name} ({shown}) is not known in {}", files.join(", "));
        Err(SourceError::new(SourceErrorKind::Untrusted, message).hint(format!(
            "compare the fingerprint with what the server's owner publishes, then `echo '{add}' >> {}`",
            files.first().map_or("~/.ssh/known_hosts", String::as_str)
        )))
    }
}

/// RSA keys are one type, whatever hash their signatures use.
fn same_type(a: &Algorithm, b: &Algorithm) -> bool {
    matches!((a, b), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || a == b
}

/// The line, where it is about `name` and has a key that can be read. Certificate authorities are not supported.
fn line(file: &Path, number: usize, text: &str, name: &str) -> Option<Line> {
    let mut fields = text.split_whitespace().peekable();
    let marker = match fields.peek()? {
        comment if comment.starts_with('#') => return None,
        marker if marker.starts_with('@') => Some(fields.next()?.parse::<Marker>().ok()?),
        _ => None,
    };
    let hosts: HostPatterns = fields.next()?.parse().ok()?;
    if !is_about(&hosts, name) {
        return None;
    }
    let key = PublicKey::from_openssh(&format!("{} {}", fields.next()?, fields.next()?)).ok()?;
    Some(Line { at: format!("{}:{number}", file.display()), file: file.to_owned(), marker, key })
}

fn is_about(hosts: &HostPatterns, name: &str) -> bool {
    match hosts {
        HostPatterns::Patterns(list) => {
            patterns::matches(list.iter().map(|pattern| pattern.to_ascii_lowercase()), name)
        }
        HostPatterns::HashedName { salt, hash } => {
            // The format's hash; it hides names, it protects nothing.
            let salt = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            hmac::verify(&salt, name.as_bytes(), hash).is_ok()
        }
    }
}

fn fingerprint(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

/// Type and key without a comment.
fn key_text(key: &PublicKey) -> String {
    PublicKey::from(key.key_data().clone()).to_openssh().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn check(lines: &str, host: &str, port: u16) -> Result<(), SourceError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        std::fs::write(&file, lines.replace("KEY", KEY).replace("OTHER", OTHER)).unwrap();
        let known = KnownHosts::look_up(host, port, vec![file, "/nonexistent/known_hosts".into()]).unwrap();
        known.check(&PublicKey::from_openssh(KEY).unwrap())
    }

    #[test]
    fn a_key_is_known_by_plain_and_hashed_names_and_patterns() {
        for (lines, host, port) in [
            ("example.net KEY", "example.net", 22),
            ("a,example.net KEY comment", "EXAMPLE.net", 22),
            ("*.example.net KEY", "git.example.net", 22),
            ("[example.net]:2222 KEY", "example.net", 2222),
            ("# c\n\nexample.net OTHER\nexample.net KEY", "example.net", 22),
            (
                "|1|y2IzY1FgJb6Gl+mpgB/Zi/GP0XA=|2kBZDg+3SBXz3CCXO9eYtGwQ3Ow= OTHER\nexample.net KEY",
                "example.net",
                22,
            ),
        ] {
            check(lines, host, port).unwrap();
        }
    }

    #[test]
    fn an_unknown_changed_or_revoked_key_is_refused_with_what_to_do() {
        for (lines, expected) in [
            ("", "is not known"),
            ("[example.net]:2222 KEY", "is not known"),
            ("*,!example.net KEY", "is not known"),
            ("@cert-authority * KEY", "is not known"),
            ("example.net OTHER", "has changed"),
            ("example.net KEY\n@revoked * KEY", "is revoked"),
        ] {
            let error = check(lines, "example.net", 22).unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Untrusted);
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint.is_some());
        }
        let hint = check("", "example.net", 2222).unwrap_err().hint.unwrap();
        assert!(hint.contains(&format!("echo '[example.net]:2222 {KEY}' >> ")), "{hint}");
    }
}
