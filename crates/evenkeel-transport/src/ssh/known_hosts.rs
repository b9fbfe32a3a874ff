//! `known_hosts` files: which keys are known for a host, and what a presented key is worth.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use ring::hmac;
use russh::keys::ssh_key::known_hosts::{HostPatterns, Marker};
use russh::keys::{Algorithm, HashAlg, PublicKey};

use super::{patterns, plain_file};

const SSH_PORT: u16 = 22;

/// The name under which a host stands in the files: `host`, or `[host]:port` where the port is not 22.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct HostName {
    host: String,
    port: u16,
}

impl HostName {
    pub(super) fn new(host: &str, port: u16) -> Self {
        HostName { host: host.to_ascii_lowercase(), port }
    }
}

impl std::fmt::Display for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            SSH_PORT => f.write_str(&self.host),
            port => write!(f, "[{}]:{port}", self.host),
        }
    }
}

/// One line about a host.
#[derive(Debug, Clone)]
struct Line {
    file: PathBuf,
    number: usize,
    marker: Option<Marker>,
    key: PublicKey,
    /// Written without the port though the host has one of its own: it can vouch for a key, not contradict one.
    without_port: bool,
}

/// Everything the files say about one host.
#[derive(Debug)]
pub(super) struct KnownHosts {
    name: HostName,
    files: Vec<PathBuf>,
    lines: Vec<Line>,
}

impl KnownHosts {
    /// Looks the host up in `files`; a file that does not exist is empty.
    pub(super) fn look_up(name: HostName, files: Vec<PathBuf>) -> Result<Self, TransportError> {
        let mut lines = Vec::new();
        for file in &files {
            let text = match plain_file::read(file) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(e) => {
                    let message = format!("cannot read the known hosts in {}: {e}", file.display());
                    return Err(TransportError::new(TransportErrorKind::Configuration, message));
                }
            };
            lines.extend(text.lines().enumerate().filter_map(|(i, text)| line(file, i + 1, text, &name)));
        }
        Ok(KnownHosts { name, files, lines })
    }

    /// The key types known for the host, to be asked for first.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        self.plain().map(|line| line.key.algorithm()).collect()
    }

    fn plain(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.marker.is_none())
    }

    /// Accepts `key`, or says why not. With `accept_new`, the key of a host that is not known at all is written
    /// into the first file.
    pub(super) fn check(&self, key: &PublicKey, accept_new: bool) -> Result<(), TransportError> {
        let is_key = |line: &&Line| line.key.key_data() == key.key_data();
        let revoked = self.lines.iter().filter(|line| line.marker == Some(Marker::Revoked)).find(is_key);
        if let Some(line) = revoked {
            return Err(self.revoked(line, key));
        }
        if self.plain().any(|line| is_key(&line)) {
            return Ok(());
        }
        if let Some(old) = self.contradicting(key) {
            return Err(self.changed(old, key));
        }
        if accept_new {
            return self.add(key);
        }
        Err(self.unknown(key))
    }

    /// The line that knows another key of this host, one of the same type if there is one. A new type of key is
    /// as suspicious as a changed key: it is what somebody in between would present.
    fn contradicting(&self, key: &PublicKey) -> Option<&Line> {
        let same_type = |line: &&Line| line.key.algorithm() == key.algorithm();
        let others = || self.plain().filter(|line| !line.without_port);
        others().find(same_type).or_else(|| others().next())
    }

    fn revoked(&self, line: &Line, key: &PublicKey) -> TransportError {
        let (name, at) = (&self.name, line.at());
        let message = format!("the host key of {name} ({}) is revoked by {at}", fingerprint(key));
        TransportError::new(TransportErrorKind::HostKeyChanged, message)
            .hint("do not connect before the host has a new key")
    }

    fn changed(&self, old: &Line, key: &PublicKey) -> TransportError {
        let name = &self.name;
        let message = format!(
            "the host key of {name} has changed: it presents {}, but {} has {}",
            fingerprint(key),
            old.at(),
            fingerprint(&old.key)
        );
        let hint = format!(
            "if the host was reinstalled, remove the old key with `ssh-keygen -R '{name}' -f {}`; if not, somebody \
             may be in between",
            old.file.display()
        );
        TransportError::new(TransportErrorKind::HostKeyChanged, message).hint(hint)
    }

    fn unknown(&self, key: &PublicKey) -> TransportError {
        let name = &self.name;
        let files: Vec<_> = self.files.iter().map(|f| f.display().to_string()).collect();
        let authority = self.lines.iter().find(|line| line.marker == Some(Marker::CertAuthority));
        let authority = authority.map_or_else(String::new, |line| {
            format!("; {} names a certificate authority, which is not supported", line.at())
        });
        let message = format!(
            "the host key of {name} ({}) is not known ({}){authority}",
            fingerprint(key),
            if files.is_empty() { "no known hosts file".to_owned() } else { files.join(", ") },
        );
        let file = files.first().map_or("~/.ssh/known_hosts", String::as_str);
        let hint = format!(
            "compare the fingerprint with the host's own (`ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` there), then \
             `echo '{name} {}' >> {file}`",
            key_text(key)
        );
        TransportError::new(TransportErrorKind::HostKeyUnknown, message).hint(hint)
    }

    fn add(&self, key: &PublicKey) -> Result<(), TransportError> {
        let problem = |message: String| TransportError::new(TransportErrorKind::Configuration, message);
        let Some(file) = self.files.first() else {
            return Err(problem(
                "`hostKeyChecking: accept-new` needs a known hosts file to write to".to_owned(),
            ));
        };
        let line = format!("{} {}\n", self.name, key_text(key));
        append(file, &line)
            .map_err(|e| problem(format!("cannot write the new host key into {}: {e}", file.display())))
    }
}

impl Line {
    fn at(&self) -> String {
        format!("{}:{}", self.file.display(), self.number)
    }
}

/// The line, where it is about `name` and has a key that can be read.
fn line(file: &Path, number: usize, text: &str, name: &HostName) -> Option<Line> {
    if !may_be_about(text, name) {
        return None;
    }
    let mut fields = text.split_whitespace().peekable();
    let marker = match fields.peek()? {
        comment if comment.starts_with('#') => return None,
        marker if marker.starts_with('@') => Some(fields.next()?.parse::<Marker>().ok()?),
        _ => None,
    };
    let hosts: HostPatterns = fields.next()?.parse().ok()?;
    let with_port = is_about(&hosts, &name.to_string());
    let without_port = !with_port && name.port != SSH_PORT && is_about(&hosts, &name.host);
    if !with_port && !without_port {
        return None;
    }
    let key = format!("{} {}", fields.next()?, fields.next()?);
    let key = PublicKey::from_openssh(&key).ok()?;
    Some(Line { file: file.to_owned(), number, marker, key, without_port })
}

/// False for most lines about others. A quick look: a fleet's file has a line for each host, and is read for each.
fn may_be_about(line: &str, name: &HostName) -> bool {
    let line = line.trim_start();
    let hosts = line.split([' ', '\t']).next().unwrap_or_default().as_bytes();
    // A marker comes before the names; patterns, hashes and capitals want the long look.
    hosts.iter().any(|b| matches!(b, b'@' | b'*' | b'?' | b'|') || b.is_ascii_uppercase())
        || memchr::memmem::find(hosts, name.host.as_bytes()).is_some()
}

fn is_about(hosts: &HostPatterns, name: &str) -> bool {
    match hosts {
        HostPatterns::Patterns(list) => patterns::match_host(list.iter().map(String::as_str), name),
        HostPatterns::HashedName { salt, hash } => {
            // The format's hash; it hides names, it protects nothing.
            let salt = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            hmac::verify(&salt, name.as_bytes(), hash).is_ok()
        }
    }
}

/// `ssh-ed25519 SHA256:…`, as `ssh-keygen -l` shows it.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

/// Type and key without a comment.
fn key_text(key: &PublicKey) -> String {
    PublicKey::from(key.key_data().clone()).to_openssh().unwrap_or_default()
}

/// Appends one line in one write, so that lines of several connections do not mix.
fn append(file: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    let mut text = String::new();
    if file.seek(SeekFrom::End(-1)).is_ok() {
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push('\n');
        }
    }
    file.write_all((text + line).as_bytes())
}

#[cfg(test)]
#[path = "known_hosts_tests.rs"]
mod tests;
