//! What a pool remembers of who changed it: `zpool history`.
//!
//! A pool keeps events, which say exactly what became of which dataset and in what order, but not who did it; and behind them
//! the commands that caused them, with their users. A command that failed half way leaves events alone, and so does a program
//! that is no command of ZFS. So an event says what and when, and a command behind it that speaks of the same says who.

mod record;
mod who;

use evenkeel_core::driver::{Attribution, Drift, ObserveError};
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request, Script};

use record::Record;

/// Prints the newest part of a pool's history.
pub const HISTORY: Script = Script::new("zfs/history.sh", include_str!("history.sh"));

/// What is said to have told it.
const SOURCE: &str = "zpool history";

/// The history of a pool, oldest first.
struct History(Vec<Record>);

/// What a difference is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) pool: &'a str,
    /// The dataset; `None` for the pool's own properties.
    pub(super) dataset: Option<&'a str>,
    /// What there is to know of a property.
    pub(super) traits: fn(&str) -> Traits,
}

/// What there is to know of a property besides its full name, which is how events call it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traits {
    /// How commands may call it too.
    pub(super) alias: Option<&'static str>,
    /// It is `on` or `off`, and 1 or 0 in events.
    pub(super) is_switch: bool,
}

/// What tells who changed something in `pool`.
pub(super) fn query(pool: &str) -> Query {
    Query::reading(Request::Exec(Exec::new(["sh", "-s", pool]).reading(HISTORY)))
}

/// Who made this difference. Nobody is named where the history could not be read: that changes nothing else.
pub(super) fn blame(subject: Subject<'_>, drift: &Drift<'_>, replies: &Replies) -> Vec<Attribution> {
    let read = |_: &Request, reply: &Reply| -> Result<History, ObserveError> {
        Ok(History(record::read(&String::from_utf8_lossy(&reply.stdout))))
    };
    match replies.parsed(&query(subject.pool), read) {
        Ok(history) => who::changed(subject, drift, &history.0),
        Err(_) => Vec::new(),
    }
}
