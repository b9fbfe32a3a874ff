//! What came back, and how a driver finds the answer to its query.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::join::{same_shape, shape_hash};
use super::{Query, Request};
use crate::driver::ObserveError;
use crate::target::Way;
use crate::transport::TransportError;

/// What a program printed and how it ended. Output is bytes: hosts print what they like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The exit status; 128 + n for a program ended by signal n.
    pub exit: i32,
    /// Standard output.
    #[serde(with = "bytes_as_text")]
    pub stdout: Vec<u8>,
    /// Standard error.
    #[serde(with = "bytes_as_text")]
    pub stderr: Vec<u8>,
}

impl Reply {
    /// Standard error as text for messages: invalid UTF-8 replaced, trimmed.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

/// The answer to one request that was sent, with a memory for what was parsed from it.
pub struct Answer {
    query: Query,
    result: Result<Reply, TransportError>,
    parsed: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("query", &self.query)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// The request as it was sent: a driver's query, or several joined.
    pub fn request(&self) -> &Request {
        self.query.request()
    }

    /// The reply parsed by `parse`, which runs once per type however many instances share it. `parse` sees the
    /// request as it was sent.
    pub fn parsed<T, F>(&self, parse: F) -> Result<Arc<T>, ObserveError>
    where
        T: Any + Send + Sync,
        F: FnOnce(&Request, &Reply) -> Result<T, ObserveError>,
    {
        let reply = self.result.as_ref().map_err(|e| ObserveError::Transport(e.clone()))?;
        let mut memory = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        let key = TypeId::of::<Result<T, ObserveError>>();
        let found =
            memory.get(&key).cloned().and_then(|any| any.downcast::<Result<Arc<T>, ObserveError>>().ok());
        if let Some(known) = found {
            return known.as_ref().clone();
        }
        let fresh = parse(self.query.request(), reply).map(Arc::new);
        memory.insert(key, Arc::new(fresh.clone()));
        fresh
    }
}

/// Every answer of one target so far.
#[derive(Debug, Default)]
pub struct Replies {
    way: Way,
    /// By [`shape_hash`].
    by_shape: HashMap<u64, Vec<Answer>>,
}

impl Replies {
    /// No answer yet of a target that is asked this way.
    pub fn of(way: Way) -> Self {
        Replies { way, by_shape: HashMap::new() }
    }

    /// How the target is asked, for drivers that can ask for the same in more than one way.
    pub fn way(&self) -> Way {
        self.way
    }

    /// Adds what came back for `request` (as it was sent).
    pub fn insert(&mut self, query: Query, result: Result<Reply, TransportError>) {
        let hash = shape_hash(query.target(), query.request());
        self.by_shape.entry(hash).or_default().push(Answer { query, result, parsed: Mutex::default() });
    }

    /// The answer that covers `query`, if it was asked: its own, or that of a joined request.
    pub fn answer(&self, query: &Query) -> Option<&Answer> {
        let answers = self.by_shape.get(&shape_hash(query.target(), query.request()))?;
        answers.iter().find(|a| covers(&a.query, query))
    }

    /// True where `query` was answered, be it by an error.
    pub fn has(&self, query: &Query) -> bool {
        self.answer(query).is_some()
    }

    /// The reply to `query`; a transport failure or a query that was never asked is an error.
    pub fn get(&self, query: &Query) -> Result<&Reply, ObserveError> {
        let answer = self.asked(query)?;
        answer.result.as_ref().map_err(|e| ObserveError::Transport(e.clone()))
    }

    /// The reply to `query`, parsed as [`Answer::parsed`] does.
    pub fn parsed<T, F>(&self, query: &Query, parse: F) -> Result<Arc<T>, ObserveError>
    where
        T: Any + Send + Sync,
        F: FnOnce(&Request, &Reply) -> Result<T, ObserveError>,
    {
        self.asked(query)?.parsed(parse)
    }

    fn asked(&self, query: &Query) -> Result<&Answer, ObserveError> {
        self.answer(query).ok_or_else(|| ObserveError::NotAsked { command: query.request().display() })
    }
}

/// True where the answer to `sent` also answers `wanted`.
fn covers(sent: &Query, wanted: &Query) -> bool {
    if sent.target() != wanted.target() {
        return false;
    }
    let (Request::Exec(sent), Request::Exec(wanted)) = (sent.request(), wanted.request()) else {
        return sent.request() == wanted.request();
    };
    same_shape(wanted, sent)
        && wanted.operands.is_subset(&sent.operands)
        && wanted.argv.iter().zip(&sent.argv).all(|(w, s)| match (w, s) {
            (super::Arg::Set(w), super::Arg::Set(s)) => w.is_subset(s),
            // Of one shape, so that texts are equal.
            _ => true,
        })
}

/// Bytes that are text stay readable in recordings; others are written as `{"base16": …}`.
mod bytes_as_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Raw { base16: String },
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        let form = match std::str::from_utf8(bytes) {
            Ok(text) => Form::Text(text.to_owned()),
            Err(_) => Form::Raw { base16: hex::encode(bytes) },
        };
        form.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        match Form::deserialize(d)? {
            Form::Text(text) => Ok(text.into_bytes()),
            Form::Raw { base16 } => hex::decode(base16).map_err(de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arg, Exec};
    use super::*;

    fn get(props: &[&str], datasets: &[&str]) -> Query {
        let set = Arg::Set(props.iter().map(|p| (*p).to_owned()).collect());
        Query::reading(Request::Exec(Exec::new([Arg::from("zfs"), "get".into(), set]).on(datasets.to_vec())))
    }

    #[test]
    fn a_joined_answer_covers_its_parts_and_nothing_more() {
        let mut replies = Replies::default();
        let reply = Reply { exit: 0, stdout: b"x".to_vec(), stderr: vec![] };
        replies.insert(get(&["atime", "sync"], &["a", "b"]), Ok(reply));
        assert!(replies.has(&get(&["sync"], &["b"])));
        assert!(!replies.has(&get(&["sync"], &["c"])));
        assert!(!replies.has(&get(&["quota"], &["a"])));
        assert!(!replies.has(&get(&["sync"], &["b"]).at("other")));
        assert!(!replies.has(&get(&["sync"], &[])), "no operands means: all of them");
    }

    #[test]
    fn a_target_is_asked_by_commands_unless_it_is_told() {
        assert_eq!(Replies::default().way(), Way::Commands);
        let replies = Replies::of(Way::Vsphere);
        assert_eq!((replies.way(), replies.has(&get(&["sync"], &["a"]))), (Way::Vsphere, false));
    }

    #[test]
    fn parsing_runs_once_per_answer() {
        let mut replies = Replies::default();
        let query = get(&["sync"], &["a"]);
        replies.insert(query.clone(), Ok(Reply { exit: 0, stdout: b"7".to_vec(), stderr: vec![] }));
        let mut runs = 0;
        for _ in 0..3 {
            let parse = |_: &Request, reply: &Reply| {
                runs += 1;
                Ok(reply.stdout.len())
            };
            assert_eq!(*replies.parsed(&query, parse).unwrap(), 1);
        }
        assert_eq!(runs, 1);
    }

    #[test]
    fn a_reply_survives_json_whatever_its_bytes() {
        for stdout in [b"plain".to_vec(), vec![0xff, 0x00, b'a']] {
            let reply = Reply { exit: 3, stdout, stderr: vec![] };
            let json = serde_json::to_string(&reply).unwrap();
            assert_eq!(serde_json::from_str::<Reply>(&json).unwrap(), reply);
        }
    }
}
