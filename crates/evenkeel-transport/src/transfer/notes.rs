//! What is written down about a transfer beside the file: its record, or its failure, and what the origin said.

use evenkeel_core::request::{Goal, Moved, Origin};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Mover;
use super::goal::Writing;
use super::trouble::{Failure, Trouble};
use crate::machine::{Lane, Words};
use crate::stores::{Store, Stored, paths, small};

impl Mover<'_> {
    /// Writes what the origin said into the log, where one is wanted.
    pub(super) async fn keep_log(&self, writing: &mut Writing<'_>, words: &Words) -> Result<(), Failure> {
        let Goal::File { log: Some(log), .. } = &self.transfer.to else { return Ok(()) };
        let kept = small::write(writing.store.as_mut(), log, &words.all()).await;
        kept.map_err(|e| Failure::Goal(e.into()))
    }

    /// Writes the record, where one is wanted: it is the last thing that is written.
    pub(super) async fn keep_record(&self, writing: &mut Writing<'_>, moved: &Moved) -> Result<(), Failure> {
        let Goal::File { path, record: Some(fields), .. } = &self.transfer.to else { return Ok(()) };
        let mut record = fields.clone();
        if let Ok(Value::Object(moved)) = serde_json::to_value(moved) {
            record.extend(moved);
        }
        let kept = note(writing.store.as_mut(), &format!("{path}.json"), record).await;
        kept.map_err(|e| Failure::Goal(e.into()))
    }

    /// After a failure: writes the origin's down, and removes the half that nobody will continue. Over a connection of
    /// its own, since that of the transfer may be of no use any more.
    pub(super) async fn note_failure(&self, failure: &Failure, words: &Words) -> Stored<()> {
        let Goal::File { path, record, log, .. } = &self.transfer.to else { return Ok(()) };
        let origins = match failure {
            Failure::Origin(trouble) => Some(trouble),
            // Nobody would hear of it.
            Failure::Goal(Trouble::Broken(_)) | Failure::Unreached(_) => return Ok(()),
            Failure::Goal(Trouble::Answer { .. }) | Failure::Stopped => None,
        };
        let mut store = self.ends.store(self.to, Lane::To).await?;
        let abilities = store.abilities();
        let continued = matches!(self.transfer.from, Origin::File { .. }) && abilities.appends;
        let removed = if continued || abilities.shows_whole_files || !abilities.renames {
            Ok(())
        } else {
            small::remove(store.as_mut(), &paths::part(path)).await
        };
        if let Some(trouble) = origins {
            let said = words.all();
            if let Some(log) = log.as_ref().filter(|_| matches!(self.transfer.from, Origin::Output { .. })) {
                small::write(store.as_mut(), log, &said).await?;
            }
            if let Some(fields) = record {
                let mut failed = fields.clone();
                failed.insert("failed".to_owned(), trouble.words().into());
                failed.insert("at".to_owned(), Timestamp::now().to_string().into());
                note(store.as_mut(), &format!("{path}.failed.json"), failed).await?;
            }
        }
        store.close().await;
        // Leaving a half behind is nothing to tell where the failure itself is told.
        drop(removed);
        Ok(())
    }
}

async fn note(store: &mut dyn Store, path: &str, fields: Map<String, Value>) -> Stored<()> {
    let mut text = serde_json::to_vec_pretty(&fields).unwrap_or_default();
    text.push(b'\n');
    small::write(store, path, &text).await
}
