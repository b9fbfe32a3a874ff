//! The goal of a transfer: a file that has its name only once it is whole and checked.

use evenkeel_core::request::{Check, Moved, Reply};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::disk::{Done, Trouble};
use super::requests::{json, refused};
use super::{Content, Cut, FileStore};
use crate::random::Random;

/// What an origin gives.
#[derive(Debug, Clone)]
pub struct Supply {
    /// The bytes that come.
    pub bytes: Vec<u8>,
    /// What it says on standard error.
    pub stderr: Vec<u8>,
    /// Why it does not count, where it does not.
    pub failed: Option<String>,
    /// When it begins and ends.
    pub at: Timestamp,
}

/// A file to be made, as in [`evenkeel_core::request::Goal::File`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) path: &'a str,
    pub(crate) check: Check,
    pub(crate) record: Option<&'a Map<String, Value>>,
    pub(crate) log: Option<&'a str>,
}

impl FileStore {
    /// Receives a file. `random`: the line is cut somewhere on the way.
    pub(crate) fn receive(
        &mut self,
        order: Order<'_>,
        supply: &Supply,
        random: Option<&mut Random>,
    ) -> Result<Reply, Cut> {
        let Some(random) = random else {
            return self.take(order, supply);
        };
        let mut dry = self.clone();
        dry.disk.take_done();
        // Only the work is of interest.
        let _ = dry.take(order, supply);
        self.with_cut_line(dry.disk.take_done(), random, |store| drop(store.take(order, supply)));
        Err(Cut)
    }

    fn take(&mut self, order: Order<'_>, supply: &Supply) -> Result<Reply, Cut> {
        match self.taken(order, supply) {
            Ok(reply) => Ok(reply),
            Err(Trouble::Missing(text) | Trouble::Refused(text)) => Ok(refused(&text)),
            Err(Trouble::Cut) => Err(Cut),
        }
    }

    /// In the order of the real transport: the log, the record of what was there before, the name, the record.
    fn taken(&mut self, order: Order<'_>, supply: &Supply) -> Done<Reply> {
        let shows_whole_files = !self.disk.personality.renames();
        let (part, record_path) = (format!("{}.part", order.path), format!("{}.json", order.path));
        if shows_whole_files && order.record.is_some() {
            self.disk.remove(&record_path)?;
        }
        if !shows_whole_files {
            self.disk.put(&part, &supply.bytes)?;
        }
        if let Some(reason) = &supply.failed {
            return self.note_failure(order, supply, reason);
        }
        if shows_whole_files {
            self.disk.put(order.path, &supply.bytes)?;
        }
        if let Some(log) = order.log {
            self.put_named(log, &supply.stderr)?;
        }
        if !shows_whole_files {
            if order.record.is_some() {
                self.disk.remove(&record_path)?;
            }
            self.give_name(&part, order.path)?;
        }
        let content = Content::new(&supply.bytes);
        let moved = Moved {
            bytes: content.len(),
            sha256: content.sha256().to_owned(),
            checked: match order.check {
                Check::Checksum | Check::ReadBack => "readBack",
                Check::Size => "size",
            }
            .to_owned(),
            began: supply.at,
            ended: supply.at,
        };
        if let Some(record) = order.record {
            let mut record = record.clone();
            if let Ok(Value::Object(told)) = serde_json::to_value(&moved) {
                record.extend(told);
            }
            self.put_named(&record_path, &json(&record))?;
        }
        Ok(Reply { exit: 0, stdout: json(&moved), stderr: Vec::new() })
    }

    fn note_failure(&mut self, order: Order<'_>, supply: &Supply, reason: &str) -> Done<Reply> {
        self.disk.remove(&format!("{}.part", order.path))?;
        if let Some(log) = order.log {
            self.put_named(log, &supply.stderr)?;
        }
        if let Some(record) = order.record {
            let mut record = record.clone();
            record.insert("failed".to_owned(), reason.into());
            record.insert("at".to_owned(), supply.at.to_string().into());
            self.put_named(&format!("{}.failed.json", order.path), &json(&record))?;
        }
        Ok(refused(reason))
    }

    /// Writes a small file whole, like [`evenkeel_core::request::FileRequest::Write`].
    fn put_named(&mut self, path: &str, bytes: &[u8]) -> Done<()> {
        if !self.disk.personality.renames() {
            return self.disk.put(path, bytes);
        }
        let part = format!("{path}.part");
        self.disk.put(&part, bytes)?;
        self.give_name(&part, path)
    }
}
