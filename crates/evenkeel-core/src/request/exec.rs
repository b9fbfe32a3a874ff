//! A program to run: argv, never a shell string.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::Script;

/// The script that runs a command whose outputs go to a log ([`Exec::log`]): `sh -c LOGGED sh LOG WORD…`. Where the log
/// cannot be written, nothing is run, and its exit status is 73.
pub const LOGGED: &str = include_str!("logged.sh");

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
    /// What it reads on standard input, where that is no secret: the script that `sh -s` runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Script>,
    /// The file on the target that takes what it prints, on both outputs, behind what is there already; its folder is made
    /// where it is missing. The reply has then nothing on standard output, and on standard error the last 20 lines of that
    /// where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
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
        Exec { argv, operands: BTreeSet::new(), stdin: None, input: None, log: None, seconds: None }
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

    /// What it reads on standard input.
    #[must_use]
    pub fn reading(mut self, script: Script) -> Self {
        self.input = Some(script);
        self
    }

    /// The file on the target that takes what it prints.
    #[must_use]
    pub fn logged(mut self, file: impl Into<String>) -> Self {
        self.log = Some(file.into());
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

    /// The words that are run on the target: the full argument vector, and where its outputs go to a log, [`LOGGED`] and
    /// the log before it.
    pub fn sent_words(&self) -> Vec<String> {
        let words = self.words();
        match &self.log {
            Some(log) => {
                ["sh", "-c", LOGGED, "sh", log].map(str::to_owned).into_iter().chain(words).collect()
            }
            None => words,
        }
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
        if let Some(script) = &self.input {
            let _ = write!(line, " < {}", script.name);
        }
        if let Some(log) = &self.log {
            let _ = write!(line, " >>{} 2>&1", shell_quote(log));
        }
        line
    }
}

/// Quotes one word for a POSIX shell; words of plain characters stay as they are.
pub fn shell_quote(word: &str) -> String {
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
    fn what_is_read_and_where_the_outputs_go_is_shown() {
        let exec = Exec::new(["vzctl", "exec2", "555", "sh -s install php"])
            .reading(Script::new("containers/packages.sh", "set -e"))
            .logged("/var/log/evenkeel/scientific-6.log");
        assert_eq!(
            exec.display(),
            "vzctl exec2 555 'sh -s install php' < containers/packages.sh >>/var/log/evenkeel/scientific-6.log 2>&1"
        );
    }

    #[test]
    fn a_log_stands_before_the_words() {
        let exec = Exec::new(["vzctl", "start"]).on(["555"]);
        assert_eq!(exec.sent_words(), ["vzctl", "start", "555"]);
        let expected = ["sh", "-c", LOGGED, "sh", "/var/log/x.log", "vzctl", "start", "555"];
        assert_eq!(exec.logged("/var/log/x.log").sent_words(), expected);
    }

    #[test]
    fn a_secret_is_shown_by_name_only() {
        let mut exec = Exec::new(["zfs", "load-key"]);
        exec.stdin = Some(SecretRef { name: "nas".into(), key: "password".into() });
        assert_eq!(exec.display(), "zfs load-key < [secret nas/password]");
    }
}
