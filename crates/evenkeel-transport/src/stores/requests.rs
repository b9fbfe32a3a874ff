//! Requests to a store, made of what every store can do.

use std::sync::Arc;

use evenkeel_core::request::{Digest, Entry, FileRequest, Listing, MISSING, REFUSED, Reply};
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use serde::Serialize;
use serde_json::{Map, Value};

use super::paths::{check, check_folder, check_name, join, parent};
use super::{Store, StoreError, Stored, small};
use crate::transfer::{Cut, Flow, Inlet, PATIENCE};

/// Does one request. An answer of the store, also a refusal, is a reply; whatever else is an error.
pub(crate) async fn perform(
    store: &mut dyn Store,
    request: &FileRequest,
    whose: &str,
) -> Result<Reply, TransportError> {
    let flow = Arc::new(Flow::default());
    let work = answer(store, request, &flow);
    match flow.watched(work, None, PATIENCE).await {
        Ok(Ok(stdout)) => Ok(Reply { exit: 0, stdout, stderr: vec![] }),
        Ok(Err(error)) => refusal(error, whose),
        Err(Cut::Silent | Cut::Stopped) => {
            let message =
                format!("{whose} gave no answer to `{}` for {} s", request.display(), PATIENCE.as_secs());
            Err(TransportError::new(TransportErrorKind::Timeout, message))
        }
    }
}

/// What a store's failure is to whoever asked.
pub(crate) fn refusal(error: StoreError, whose: &str) -> Result<Reply, TransportError> {
    let reply = |exit, words: String| Ok(Reply { exit, stdout: vec![], stderr: words.into_bytes() });
    match error {
        StoreError::Missing(words) => reply(MISSING, words),
        StoreError::Refused(words) => reply(REFUSED, words),
        StoreError::Failed(error) => Err(error),
        StoreError::OtherEnd(words) => {
            let message = format!("{whose}: {words}");
            Err(TransportError::new(TransportErrorKind::Protocol, message))
        }
    }
}

async fn answer(store: &mut dyn Store, request: &FileRequest, flow: &Arc<Flow>) -> Stored<Vec<u8>> {
    let nothing = |()| Vec::new();
    match request {
        FileRequest::List { folder, depth } => {
            check_folder(folder)?;
            json(&store.list(folder, (*depth).max(1)).await?)
        }
        FileRequest::Read { path } => {
            check(path)?;
            small::read(store, path).await
        }
        FileRequest::Digest { path } => {
            check(path)?;
            json(&digest(store, path, flow).await?)
        }
        FileRequest::Space { folder } => {
            check_folder(folder)?;
            let space = space(store, folder).await?;
            Ok(space.map(|bytes| bytes.to_string()).unwrap_or_default().into_bytes())
        }
        FileRequest::Write { path, text } => {
            check(path)?;
            small::write(store, path, text.as_bytes()).await.map(nothing)
        }
        FileRequest::MakeFolder { folder } => {
            check_folder(folder)?;
            if folder == "/" {
                return Ok(Vec::new());
            }
            small::make_folders(store, folder).await.map(nothing)
        }
        FileRequest::Rename { from, to } => {
            check(from)?;
            check(to)?;
            if small::exists(store, to).await? {
                return Err(StoreError::Refused(format!("{to} is there already; {from} was not renamed")));
            }
            store.rename(from, to).await.map(nothing)
        }
        FileRequest::Remove { path } => {
            check(path)?;
            small::remove(store, path).await.map(nothing)
        }
        FileRequest::RemoveFolder { folder, last, only } => {
            check(folder)?;
            check_name(last)?;
            small::remove_folder(store, folder, last, only).await.map(nothing)
        }
        FileRequest::Seal { folder, into, fields, members } => {
            check(folder)?;
            for name in members.iter().chain([into]) {
                check_name(name)?;
            }
            seal(store, folder, into, fields, members).await.map(nothing)
        }
    }
}

/// Reads a file and says what it holds.
pub(crate) async fn digest(store: &mut dyn Store, path: &str, flow: &Arc<Flow>) -> Stored<Digest> {
    let mut inlet = Inlet::hashing(flow);
    let read = store.get(path, 0, &mut inlet).await?;
    let digest =
        inlet.digest().await.map_err(|e| StoreError::OtherEnd(format!("no SHA-256 was computed: {e}")))?;
    if digest.bytes != read {
        return Err(StoreError::Refused(format!("{path} was not read whole")));
    }
    Ok(digest)
}

async fn space(store: &mut dyn Store, folder: &str) -> Stored<Option<u64>> {
    let mut folder = folder;
    loop {
        match store.space(folder).await {
            Err(error @ StoreError::Missing(_)) => folder = parent(folder).ok_or(error)?,
            other => return other,
        }
        if folder == "/" {
            return store.space(folder).await;
        }
    }
}

async fn seal(
    store: &mut dyn Store,
    folder: &str,
    into: &str,
    fields: &Map<String, Value>,
    members: &[String],
) -> Stored<()> {
    let Listing { entries } = store.list(folder, 1).await?;
    let mut archives = Map::new();
    for member in members {
        let at = join(folder, member);
        let path = format!("{at}.json");
        let bytes = match small::read(store, &path).await {
            Err(StoreError::Missing(_)) => {
                return Err(StoreError::Refused(format!("{at} has no record: {path} is missing")));
            }
            read => read?,
        };
        let record: Value = serde_json::from_slice(&bytes)
            .map_err(|e| StoreError::Refused(format!("{path} is no record of {member}: {e}")))?;
        let says = record.get("bytes").and_then(Value::as_u64);
        let has = match entries.get(member) {
            Some(Entry::File(bytes)) => Some(*bytes),
            _ => None,
        };
        if says.is_none() || says != has {
            let told =
                |bytes: Option<u64>| bytes.map_or("nothing".to_owned(), |bytes| format!("{bytes} bytes"));
            let (has, says) = (told(has), told(says));
            return Err(StoreError::Refused(format!("{at} holds {has}, its record says {says}")));
        }
        archives.insert(member.clone(), record);
    }
    let mut sealed = fields.clone();
    sealed.insert("archives".to_owned(), Value::Object(archives));
    let mut text = serde_json::to_vec_pretty(&sealed)
        .map_err(|e| StoreError::OtherEnd(format!("{into} is no JSON: {e}")))?;
    text.push(b'\n');
    small::write(store, &join(folder, into), &text).await
}

fn json(what: &impl Serialize) -> Stored<Vec<u8>> {
    serde_json::to_vec(what).map_err(|e| StoreError::OtherEnd(format!("the answer is no JSON: {e}")))
}

#[cfg(test)]
#[path = "requests_tests.rs"]
mod tests;
