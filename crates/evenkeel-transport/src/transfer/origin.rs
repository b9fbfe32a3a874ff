//! Where bytes come from.

use evenkeel_core::request::{Digest, Exec, Origin};
use serde_json::Value;

use super::trouble::{Failure, Trouble};
use super::{Flow, Inlet, Mover};
use crate::machine::{Broken, Finished, Lane, Machine, Streams, Words};
use crate::stores::{Store, StoreError, small};

/// What bytes are taken from.
pub(super) enum Source<'a> {
    /// A command.
    Output { machine: Machine, exec: &'a Exec, must_say: &'a [String], must_not_say: &'a [String] },
    /// A file.
    File {
        store: Box<dyn Store>,
        path: &'a str,
        /// How many bytes it has now.
        bytes: u64,
        /// What its record says about it.
        record: Option<Digest>,
    },
}

/// Why not everything was poured.
pub(super) enum Poured {
    /// The origin failed.
    Failed(Trouble),
    /// The goal takes nothing more.
    NotTaken,
}

impl<'a> Source<'a> {
    /// Reaches what the bytes come from. A command is started only when it is time to pour.
    pub(super) async fn open(mover: &Mover<'a>, flow: &Flow) -> Result<Self, Failure> {
        match &mover.transfer.from {
            Origin::Output { exec, must_say, must_not_say, .. } => {
                let machine = mover.ends.machine(mover.from, Lane::From);
                let machine = machine.map_err(|e| Failure::Unreached(Trouble::Broken(e)))?;
                Ok(Source::Output { machine, exec, must_say, must_not_say })
            }
            Origin::File { path, .. } => {
                let store = mover.ends.store(mover.from, Lane::From).await;
                let mut store = store.map_err(|e| Failure::Unreached(e.into()))?;
                let bytes = store.size(path).await.map_err(|e| Failure::Origin(e.into()))?;
                flow.expect(bytes);
                let record = record(store.as_mut(), path).await.map_err(|e| Failure::Origin(e.into()))?;
                if let Some(record) = record.as_ref().filter(|record| record.bytes != bytes) {
                    let says = record.bytes;
                    let words = format!(
                        "{path} holds {bytes} bytes, its record says {says}: it is not what was written"
                    );
                    return Err(Failure::Origin(Trouble::refused(words)));
                }
                Ok(Source::File { store, path, bytes, record })
            }
        }
    }

    /// Pours everything, and says that it was all, once it was.
    pub(super) async fn pour(self, mut inlet: Inlet, words: &mut Words) -> Result<Digest, Poured> {
        match self {
            Source::Output { machine, exec, must_say, must_not_say } => {
                let streams = Streams { input: None, output: &mut inlet, words };
                let finished = machine.run(&exec.words(), streams).await.map_err(|broken| match broken {
                    Broken::Machine(error) => Poured::Failed(Trouble::Broken(error)),
                    Broken::Input(_) | Broken::Output(_) => Poured::NotTaken,
                })?;
                judge(finished, words, must_say, must_not_say).map_err(Poured::Failed)?;
                let digest = inlet.digest().await.map_err(|_| Poured::NotTaken)?;
                inlet.end();
                Ok(digest)
            }
            Source::File { mut store, path, bytes, record } => {
                let read = store.get(path, 0, &mut inlet).await.map_err(|error| match error {
                    StoreError::OtherEnd(_) => Poured::NotTaken,
                    error => Poured::Failed(error.into()),
                })?;
                let digest = inlet.digest().await.map_err(|_| Poured::NotTaken)?;
                let wrong = if read != bytes || digest.bytes != bytes {
                    Some(format!("{path} holds {bytes} bytes, {} were read", digest.bytes))
                } else if record.is_some_and(|record| !record.sha256.eq_ignore_ascii_case(&digest.sha256)) {
                    Some(format!("{path} is not what its record says: its SHA-256 is {}", digest.sha256))
                } else {
                    None
                };
                if let Some(words) = wrong {
                    return Err(Poured::Failed(Trouble::refused(words)));
                }
                inlet.end();
                store.close().await;
                Ok(digest)
            }
        }
    }
}

/// A command may fail and say 0, and the other way round.
fn judge(
    finished: Finished,
    words: &Words,
    must_say: &[String],
    must_not_say: &[String],
) -> Result<(), Trouble> {
    let told = words.told();
    let said = if told.is_empty() { String::new() } else { format!(":\n{told}") };
    let fail = |exit, why: String| Err(Trouble::Answer { exit, words: format!("{why}{said}") });
    if finished.status < 0 {
        return fail(1, "it was ended by a signal".to_owned());
    }
    if finished.status != 0 {
        return fail(finished.status, format!("it failed (exit status {})", finished.status));
    }
    if let Some(word) = must_not_say.iter().find(|word| words.said(word)) {
        return fail(1, format!("it failed: it says {word:?} (exit status 0)"));
    }
    if let Some(word) = must_say.iter().find(|word| !words.said(word)) {
        return fail(1, format!("it failed: nowhere does it say {word:?} (exit status 0)"));
    }
    Ok(())
}

/// What the record beside a file says about it; `None` where there is none.
async fn record(store: &mut dyn Store, path: &str) -> Result<Option<Digest>, StoreError> {
    let at = format!("{path}.json");
    let bytes = match small::read(store, &at).await {
        Err(StoreError::Missing(_)) => return Ok(None),
        read => read?,
    };
    let bad = |why: &str| StoreError::Refused(format!("{at} is no record of {path}: {why}"));
    let record: Value = serde_json::from_slice(&bytes).map_err(|e| bad(&e.to_string()))?;
    let (size, sha256) = (record.get("bytes"), record.get("sha256"));
    match (size.and_then(Value::as_u64), sha256.and_then(Value::as_str)) {
        (Some(bytes), Some(sha256)) => Ok(Some(Digest { bytes, sha256: sha256.to_owned() })),
        _ => Err(bad("it has no `bytes` and `sha256`")),
    }
}
