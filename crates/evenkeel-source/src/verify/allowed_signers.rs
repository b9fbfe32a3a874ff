//! The file of those who may sign, in the form of `ssh-keygen`'s ALLOWED SIGNERS.

use std::path::Path;

use evenkeel_engine::source::{SourceError, SourceErrorKind};
use evenkeel_transport::patterns;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use russh::keys::{HashAlg, PublicKey};

/// A line: who may sign with which key, what for, and when.
#[derive(Debug)]
struct Line {
    at: usize,
    principals: String,
    authority: bool,
    namespaces: Option<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    key: PublicKey,
}

/// All lines of a file.
#[derive(Debug)]
pub(super) struct AllowedSigners {
    file: String,
    lines: Vec<Line>,
}

impl AllowedSigners {
    /// Reads the file. A line that is not understood is an error: it may have been meant to limit something.
    pub(super) fn read(text: &[u8], file: &Path) -> Result<Self, SourceError> {
        let file = file.display().to_string();
        let text = String::from_utf8_lossy(text);
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let lines = lines.map(|(i, text)| {
            line(i + 1, text).map_err(|why| {
                let message = format!("{file}:{}: {why}", i + 1);
                SourceError::new(SourceErrorKind::Configuration, message).hint(
                    "write `principal [options] keytype key`, as in ALLOWED SIGNERS of `man ssh-keygen`",
                )
            })
        });
        let lines: Result<Vec<Line>, SourceError> = lines.collect();
        Ok(AllowedSigners { file: file.clone(), lines: lines? })
    }

    /// Who `key` belongs to, where it may sign for `namespace` at all of `moments`; else why not. Where a line is for
    /// many, it is `maker` if that is one of them.
    pub(super) fn principal(
        &self,
        key: &PublicKey,
        namespace: &str,
        moments: &[Timestamp],
        maker: &str,
    ) -> Result<String, String> {
        let shown = key.fingerprint(HashAlg::Sha256);
        let mut why = format!("its signer's key {shown} is not in {}", self.file);
        for line in &self.lines {
            let at = format!("{}:{}", self.file, line.at);
            if line.authority {
                why = format!("{why}; {at} names a certificate authority, which is not supported");
                continue;
            }
            if line.key.key_data() != key.key_data() {
                continue;
            }
            let for_git =
                line.namespaces.as_ref().is_none_or(|n| patterns::match_name(n.split(','), namespace));
            let early = line.after.is_some_and(|after| moments.iter().any(|moment| *moment < after));
            let late = line.before.is_some_and(|before| moments.iter().any(|moment| *moment >= before));
            why = match (for_git, early, late) {
                (false, ..) => format!("{at} allows its signer's key {shown} for other things, not for git"),
                (_, true, _) => format!("its signer's key {shown} is not valid yet ({at})"),
                (_, _, true) => format!("its signer's key {shown} is no longer valid ({at})"),
                _ if patterns::match_name(line.principals.split(','), maker) => return Ok(maker.to_owned()),
                _ => return Ok(line.principals.clone()),
            };
        }
        Err(why)
    }
}

fn line(at: usize, text: &str) -> Result<Line, String> {
    let mut words = words(text)?.into_iter().peekable();
    let principals = words.next().ok_or("it is empty")?;
    let mut line = Options::default();
    // Options come before the key; no type of key looks like one.
    if let Some(options) = words.next_if(|word| !is_key_type(word)) {
        line.read(&options)?;
    }
    let (Some(kind), Some(key)) = (words.next(), words.next()) else {
        return Err("there is no key in it".to_owned());
    };
    let key = PublicKey::from_openssh(&format!("{kind} {key}")).map_err(|e| format!("its key: {e}"))?;
    let Options { authority, namespaces, after, before } = line;
    Ok(Line { at, principals, authority, namespaces, after, before, key })
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-", "rsa-"].iter().any(|start| word.starts_with(start))
}

#[derive(Default)]
struct Options {
    authority: bool,
    namespaces: Option<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Options {
    fn read(&mut self, text: &str) -> Result<(), String> {
        for option in split_options(text) {
            let (name, value) = option.split_once('=').unwrap_or((&option, ""));
            let value = value.trim_matches('"');
            match name.to_ascii_lowercase().as_str() {
                "cert-authority" => self.authority = true,
                "namespaces" if !value.is_empty() => self.namespaces = Some(value.to_owned()),
                "valid-after" => self.after = Some(moment(value)?),
                "valid-before" => self.before = Some(moment(value)?),
                _ => return Err(format!("the option `{option}` is not known")),
            }
        }
        Ok(())
    }
}

/// Words apart from each other; quotes keep them together, at the start of a word without being part of it.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.push(c);
            }
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    if quoted {
        return Err("a quotation mark is not closed".to_owned());
    }
    if let Some(first) = words.first_mut() {
        *first = first.trim_matches('"').to_owned();
    }
    Ok(words)
}

/// Options apart from each other at commas outside of quotes.
fn split_options(text: &str) -> Vec<String> {
    let (mut options, mut option, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            ',' if !quoted => options.push(std::mem::take(&mut option)),
            c => {
                quoted ^= c == '"';
                option.push(c);
            }
        }
    }
    options.push(option);
    options
}

/// `YYYYMMDD[HHMM[SS]]`, of this machine's time zone unless a `Z` follows.
fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{text}` is not a time as YYYYMMDD or YYYYMMDDHHMM, with or without Z");
    let (digits, zone) = match text.strip_suffix(['Z', 'z']) {
        Some(digits) => (digits, TimeZone::UTC),
        None => (text, TimeZone::system()),
    };
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let padded = format!("{digits:0<14}");
    let parsed = DateTime::strptime("%Y%m%d%H%M%S", padded).map_err(|_| wrong())?;
    Ok(parsed.to_zoned(zone).map_err(|_| wrong())?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn read(text: &str) -> Result<AllowedSigners, SourceError> {
        let text = text.replace("KEY", KEY).replace("OTHER", OTHER);
        AllowedSigners::read(text.as_bytes(), Path::new("signers"))
    }

    fn principal(text: &str) -> Result<String, String> {
        let moments = ["2026-03-01T00:00:00Z".parse().unwrap(), "2026-06-01T00:00:00Z".parse().unwrap()];
        let key = PublicKey::from_openssh(KEY).unwrap();
        read(text).unwrap().principal(&key, "git", &moments, "me@example.net")
    }

    #[test]
    fn a_key_in_the_file_has_a_principal() {
        for (text, expected) in [
            ("alice KEY", "alice"),
            ("# c\n\nbob OTHER\n\"alice\" KEY comment", "alice"),
            ("alice,me@example.net KEY", "me@example.net"),
            ("*@example.net KEY", "me@example.net"),
            ("*@example.org KEY", "*@example.org"),
            ("alice namespaces=\"file,git\" KEY", "alice"),
            ("alice valid-after=\"20260101Z\",valid-before=\"202701010000Z\" KEY", "alice"),
            ("old valid-before=\"20200101\" KEY\nalice KEY", "alice"),
        ] {
            assert_eq!(principal(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_key_that_may_not_sign_is_told_why() {
        for (text, expected) in [
            ("", "is not in signers"),
            ("bob OTHER", "is not in signers"),
            ("alice namespaces=\"file\" KEY", "signers:1 allows"),
            ("alice valid-after=\"20260501Z\" KEY", "is not valid yet"),
            ("alice valid-before=\"20260501Z\" KEY", "is no longer valid"),
            ("* cert-authority KEY", "certificate authority, which is not supported"),
        ] {
            let why = principal(text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }

    #[test]
    fn a_line_that_is_not_understood_is_an_error_with_its_number() {
        for (text, expected) in [
            ("alice KEY\nbob", "signers:2: there is no key in it"),
            ("alice surprise KEY", "the option `surprise` is not known"),
            ("alice valid-before=\"soon\" KEY", "is not a time"),
            ("alice valid-before=\"20261301\" KEY", "is not a time"),
            ("alice ssh-ed25519 AAAA", "its key"),
            ("\"alice KEY", "quotation mark"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Configuration);
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
}
