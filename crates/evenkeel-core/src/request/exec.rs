//! A program to run: argv, never a shell string.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// A named secret. Only transports resolve it; it never becomes part of a plan, log, error or argv.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// The credential's name, as in `credentialsRef`.
    pub name: String,
    /// The key within that credential, for instance `password`.
    pub key: String,
}

/// One argument of a command.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Arg {
    /// Sent as it is, quoted by the transport.
    Text(String),
    /// A comma-joined set (`sync,atime`). Joined commands carry the union of their sets.
    Set(BTreeSet<String>),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Arg::Text(text.to_owned())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Arg::Text(text)
    }
}

impl Arg {
    /// The argument as it is sent.
    pub fn to_text(&self) -> String {
        match self {
            Arg::Text(text) => text.clone(),
            Arg::Set(items) => items.iter().map(String::as_str).collect::<Vec<_>>().join(","),
        }
    }
}

/// Run `argv` followed by `operands` on the target.
///
/// The transport quotes every argument, sets `LC_ALL=C.UTF-8` (English messages, any file name), appends the system directories to `PATH`, and
/// runs it through the target's `become` program if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exec {
    /// Program and leading arguments.
    pub argv: Vec<Arg>,
    /// Trailing arguments that the command treats each by itself (`zfs get … A B C`). Requests that are
    /// equal but for their non-empty operands (and the contents of their [`Arg::Set`]s) may be joined into one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub operands: BTreeSet<String>,
    /// A secret passed on standard input (followed by a newline), never on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<SecretRef>,
    /// It may take so many seconds, where that is more than the target gives a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

impl Exec {
    /// A command without operands.
    pub fn new<I, A>(argv: I) -> Self
    where
        I: IntoIterator<Item = A>,
        A: Into<Arg>,
    {
        let argv = argv.into_iter().map(Into::into).collect();
        Exec { argv, operands: BTreeSet::new(), stdin: None, seconds: None }
    }

    /// Adds one more leading argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<Arg>) -> Self {
        self.argv.push(arg.into());
        self
    }

    /// Sets the trailing operands.
    #[must_use]
    pub fn on<I, S>(mut self, operands: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.operands = operands.into_iter().map(Into::into).collect();
        self
    }

    /// It may take so many seconds, where that is more than the target gives a command.
    #[must_use]
    pub fn within(mut self, seconds: u64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// The full argument vector as it is sent.
    pub fn words(&self) -> Vec<String> {
        self.argv.iter().map(Arg::to_text).chain(self.operands.iter().cloned()).collect()
    }

    /// The command as a person would type it into a POSIX shell.
    pub fn display(&self) -> String {
        let mut line = String::new();
        for word in self.words() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&shell_quote(&word));
        }
        if let Some(secret) = &self.stdin {
            let _ = write!(line, " < [secret {}/{}]", secret.name, secret.key);
        }
        line
    }
}

/// Quotes one word for a POSIX shell; words of plain characters stay as they are.
pub(crate) fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_quotes_what_a_shell_would_split_or_expand() {
        let exec = Exec::new(["zfs", "set", "com.acme:note=it's a *"]).on(["tank/b", "tank/a"]);
        assert_eq!(exec.display(), r"zfs set 'com.acme:note=it'\''s a *' tank/a tank/b");
    }

    #[test]
    fn a_secret_is_shown_by_name_only() {
        let mut exec = Exec::new(["zfs", "load-key"]);
        exec.stdin = Some(SecretRef { name: "nas".into(), key: "password".into() });
        assert_eq!(exec.display(), "zfs load-key < [secret nas/password]");
    }
}
