//! All templates of a host that are ours, and how one goes whose resource left the manifests.

use std::sync::Arc;

use evenkeel_core::driver::{Found, Marked, ObserveError, Step};
use evenkeel_core::request::{Query, Replies};

use super::host::{self, Host};
use super::steps::discarding;
use crate::containers::host::{Look, all_marked, look_query};

/// What to read: the host's own folder of templates.
pub(super) fn queries(so_far: &Replies) -> Vec<Query> {
    let mut queries = vec![host::query(None)];
    queries.extend(Host::read(so_far, None).ok().map(|host| look_query(&host.cache)));
    queries
}

fn read(replies: &Replies) -> Result<(Arc<Host>, Arc<Look>), ObserveError> {
    let host = Host::read(replies, None)?;
    let look = Look::read(replies, &look_query(&host.cache))?;
    Ok((host, look))
}

/// The objects with our mark.
pub(super) fn marked(replies: &Replies) -> Result<Vec<Marked>, ObserveError> {
    Ok(all_marked(read(replies)?.1.marked()))
}

/// The writes that remove all versions of an object, and what is left of its builds.
pub(super) fn removal(object: &str, replies: &Replies) -> Result<Vec<Step>, String> {
    let (host, look) = read(replies).map_err(|error| error.to_string())?;
    look.removal(object, |id, name, mark| Some(discarding(&host.area(id), &look.folder, id, name, mark)))
}

/// No manifest can be made of what is there: its record does not tell in which container it was built. Whether there is such
/// a host is told all the same.
pub(super) fn found(replies: &Replies) -> Result<Vec<Found>, ObserveError> {
    read(replies)?;
    Ok(Vec::new())
}

/// What there is to tell of the folder.
pub(super) fn remarks(replies: &Replies) -> Vec<String> {
    read(replies).map(|(_, look)| look.remarks()).unwrap_or_default()
}
