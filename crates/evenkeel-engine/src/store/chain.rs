//! The chain of the audit log: what makes that a change of any entry is found.
//!
//! The hash of an entry is SHA-256 of the hash before it (as hexadecimal digits), a line feed, and the entry's JSON text,
//! byte for byte. The first one hangs on [`FIRST`].

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::audit::{AuditEntry, NewAuditEntry};

/// What stands in the place of the hash before the first entry.
pub const FIRST: &str = "evenkeel-audit-1";

/// An entry of the audit log as it is kept: its text, and its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    /// Its number.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The hash of the entry before it, or [`FIRST`].
    pub previous: String,
    /// Its own hash.
    pub hash: String,
    /// The entry's JSON text, as the hash was made over it.
    pub record: String,
}

/// The hash of an entry that stands after one with the hash `previous`.
pub fn link(previous: &str, record: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(previous.as_bytes());
    hash.update(b"\n");
    hash.update(record.as_bytes());
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is read of an entry to find its place.
#[derive(Deserialize)]
struct Place {
    seq: u64,
    at: Timestamp,
}

impl AuditLine {
    /// The line for a new entry, after one with this number and hash; `None` at the very beginning.
    ///
    /// # Errors
    /// Where the entry has no JSON form.
    pub fn next(before: Option<(u64, &str)>, entry: NewAuditEntry) -> Result<Self, serde_json::Error> {
        let (last, previous) = before.unwrap_or((0, FIRST));
        let (seq, at) = (last + 1, entry.at);
        let record = serde_json::to_string(&AuditEntry { seq, entry })?;
        Ok(AuditLine { seq, at, previous: previous.to_owned(), hash: link(previous, &record), record })
    }

    /// What it says.
    ///
    /// # Errors
    /// Where it was damaged, or written by a newer Evenkeel.
    pub fn entry(&self) -> Result<AuditEntry, serde_json::Error> {
        serde_json::from_str(&self.record)
    }

    /// One line of an export, without its end: JSON in which the entry's text stands as it is.
    pub fn exported(&self) -> String {
        let AuditLine { previous, hash, record, .. } = self;
        format!(r#"{{"previous":"{previous}","hash":"{hash}","entry":{record}}}"#)
    }

    /// A line of an export; `None` where it is none.
    pub fn imported(line: &str) -> Option<Self> {
        let (previous, rest) = line.strip_prefix(r#"{"previous":""#)?.split_once(r#"","hash":""#)?;
        let (hash, rest) = rest.split_once(r#"","entry":"#)?;
        let record = rest.strip_suffix('}')?;
        let Place { seq, at } = serde_json::from_str(record).ok()?;
        let (previous, hash, record) = (previous.to_owned(), hash.to_owned(), record.to_owned());
        Some(AuditLine { seq, at, previous, hash, record })
    }
}

/// Goes through a chain, entry by entry.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    expected: Option<String>,
    is_met: bool,
    first: Option<u64>,
    last: Option<(u64, String)>,
}

/// A chain in which every entry fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// How many entries there are.
    pub entries: u64,
    /// The number of the first; 1 where nothing is left out before it.
    pub first: u64,
    /// The hash of the last: keep it elsewhere.
    pub head: String,
}

/// Why a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Not what was written.
    #[error("entry {0} is not what was written: its hash does not fit its text and the entry before it")]
    Changed(u64),
    /// Numbers are left out.
    #[error("{} missing: entry {found} comes after entry {}", missing(*after, *found), place(*after))]
    Missing {
        /// The last number before the gap; 0 at the beginning.
        after: u64,
        /// The number that was found.
        found: u64,
    },
    /// A number comes again, or too late.
    #[error("entry {found} is out of order: it comes after entry {after}")]
    OutOfOrder {
        /// The number before it.
        after: u64,
        /// The number that was found.
        found: u64,
    },
    /// A line of an export is none.
    #[error("line {0} is no entry of an audit log")]
    Unreadable(usize),
    /// The head that was kept is not in it.
    #[error("it was cut off or written anew: no entry has the hash {expected}, which it once had")]
    CutOff {
        /// That head.
        expected: String,
    },
    /// There is nothing in it.
    #[error("it has no entries")]
    Empty,
}

fn missing(after: u64, found: u64) -> String {
    match found - after {
        2 => format!("entry {} is", after + 1),
        _ => format!("entries {} to {} are", after + 1, found.saturating_sub(1)),
    }
}

fn place(after: u64) -> String {
    if after == 0 { "0, the beginning".to_owned() } else { after.to_string() }
}

impl Chain {
    /// A chain from its very first entry on. It must contain `expected`, a head of it that was kept elsewhere.
    pub fn whole(expected: Option<&str>) -> Self {
        Chain { last: Some((0, FIRST.to_owned())), ..Self::any(expected) }
    }

    /// A chain that may begin anywhere, as an export of the newest entries does.
    pub fn any(expected: Option<&str>) -> Self {
        Chain { expected: expected.map(str::to_ascii_lowercase), ..Chain::default() }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// Where it does not fit what came before it.
    pub fn add(&mut self, line: &AuditLine) -> Result<(), Broken> {
        let found = line.seq;
        if let Some((after, _)) = &self.last {
            let after = *after;
            if found <= after {
                return Err(Broken::OutOfOrder { after, found });
            }
            if found > after + 1 {
                return Err(Broken::Missing { after, found });
            }
        }
        let fits = self.last.as_ref().is_none_or(|(_, hash)| *hash == line.previous);
        let told = serde_json::from_str::<Place>(&line.record).ok();
        let is_told = told.is_some_and(|told| (told.seq, told.at) == (line.seq, line.at));
        if !fits || !is_told || link(&line.previous, &line.record) != line.hash {
            return Err(Broken::Changed(found));
        }
        self.is_met |= self.expected.as_ref() == Some(&line.hash);
        self.first.get_or_insert(found);
        self.last = Some((found, line.hash.clone()));
        Ok(())
    }

    /// The end was reached.
    ///
    /// # Errors
    /// Where there is nothing, or not what was expected.
    pub fn end(self) -> Result<Verified, Broken> {
        if let Some(expected) = self.expected.filter(|_| !self.is_met) {
            return Err(Broken::CutOff { expected });
        }
        match (self.first, self.last) {
            (Some(first), Some((last, head))) => Ok(Verified { entries: last - first + 1, first, head }),
            _ => Err(Broken::Empty),
        }
    }
}

#[cfg(test)]
mod tests;
