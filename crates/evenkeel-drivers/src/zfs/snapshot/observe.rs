//! What is read, and what it means.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::backup::Zone;
use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::request::{Query, Replies};

use super::listing::{self, Listing};
use super::send::{known_bookmarks, read_token, token_query, tokens};
use super::side::{Side, Slots};
use super::spec::{ZfsSend, ZfsSnapshotSpec};
use super::state::{Replica, ReplicaState, Seen, Todo, ZfsSnapshotState, generations};
use crate::zfs::reply::failure::refused;

/// Round one: both sides and the time zone. Round two: what the tokens of receives that are half done mean.
pub(super) fn queries(spec: &ZfsSnapshotSpec, so_far: &Replies) -> Vec<Query> {
    let mut queries = vec![source_query(spec)];
    queries.extend(Zone::queries(spec.schedule.time_zone.as_deref(), so_far));
    if let Some(send) = spec.send() {
        queries.push(replica_query(spec, send));
        if let Ok(side) = replica_side(spec, send, so_far) {
            queries.extend(tokens(&side).map(|(_, token)| token_query(token)));
        }
    }
    queries
}

fn source_query(spec: &ZfsSnapshotSpec) -> Query {
    listing::query(&spec.zfs_snapshot.dataset, spec.zfs_snapshot.recursive)
}

fn replica_query(spec: &ZfsSnapshotSpec, send: &ZfsSend) -> Query {
    listing::query(&send.dataset, spec.zfs_snapshot.recursive).at(&send.target)
}

pub(super) fn observe(
    spec: &ZfsSnapshotSpec,
    replies: &Replies,
) -> Result<Observed<ZfsSnapshotState>, ObserveError> {
    let root = &spec.zfs_snapshot.dataset;
    let query = source_query(spec);
    let listing = replies.parsed(&query, Listing::parse)?;
    if let Some(reason) = listing.refusal(root) {
        return Err(refused(query.request(), root, reason));
    }
    if listing.get(root).is_none() {
        let message = format!("there is no dataset {root} on this host");
        let hint = "write its right name, or create it first: a ZfsDataset and `dependsOn`";
        return Err(ObserveError::unfit(&["zfsSnapshot", "dataset"], message, hint));
    }
    let zone = Zone::read(spec.schedule.time_zone.as_deref(), replies)?;
    let source = Side::of(spec, listing, root);
    let replica = spec.send().map(|send| replica(spec, send, &source, replies)).transpose()?;
    Ok(Observed::Present(state(spec, Seen { zone, source, replica })))
}

/// The other side. That it does not answer must stop nothing here.
fn replica(
    spec: &ZfsSnapshotSpec,
    send: &ZfsSend,
    source: &Side,
    replies: &Replies,
) -> Result<Replica, ObserveError> {
    let side = match replica_side(spec, send, replies) {
        Ok(side) => side,
        Err(error) => return Ok(Replica::Unknown(error.to_string())),
    };
    never_into_itself(send, source, &side)?;
    let tokens: Result<BTreeMap<_, _>, ObserveError> = tokens(&side)
        .map(|(relative, token)| Ok((relative.to_owned(), read_token(token, replies)?)))
        .collect();
    Ok(match tokens {
        Ok(tokens) => Replica::Known { side, tokens },
        Err(error) => Replica::Unknown(error.to_string()),
    })
}

fn replica_side(spec: &ZfsSnapshotSpec, send: &ZfsSend, replies: &Replies) -> Result<Side, ObserveError> {
    let query = replica_query(spec, send);
    let listing: Arc<Listing> = replies.parsed(&query, Listing::parse)?;
    let root = &send.dataset;
    match listing.refusal(root) {
        Some(reason) => Err(refused(query.request(), root, reason)),
        None if listing.get(root).is_none() && !listing.is_missing(root) => {
            Err(refused(query.request(), root, "the host said nothing of it"))
        }
        None => Ok(Side::of(spec, listing, root)),
    }
}

/// A copy inside of what is copied would be copied, too.
fn never_into_itself(send: &ZfsSend, source: &Side, replica: &Side) -> Result<(), ObserveError> {
    let same = |one: &Side, other: &Side| {
        let there = other.listing.get(&other.root).map(|dataset| dataset.guid);
        there.is_some() && one.listing.get(&other.root).map(|dataset| dataset.guid) == there
    };
    let nested = source.recursive || source.root == replica.root;
    if !nested || (!same(source, replica) && !same(replica, source)) {
        return Ok(());
    }
    let message = format!("{} and {} on the same machine lie in each other", send.dataset, source.root);
    let hint = "send to a dataset beside it, better in another pool";
    Err(ObserveError::unfit(&["zfsSnapshot", "send", "dataset"], message, hint))
}

fn state(spec: &ZfsSnapshotSpec, seen: Seen) -> ZfsSnapshotState {
    let replica = match &seen.replica {
        Some(Replica::Known { side, tokens }) => Some(ReplicaState {
            generations: generations(side.slots()),
            bookmarks: generations(bookmarks(spec, &seen.source, side)),
            unfinished: tokens
                .iter()
                .map(|(relative, token)| (relative.clone(), Some(token.to.clone())))
                .collect(),
        }),
        Some(Replica::Unknown(_)) | None => None,
    };
    ZfsSnapshotState {
        generations: generations(seen.source.slots()),
        replica,
        seen: Some(seen),
        todo: Todo::default(),
    }
}

fn bookmarks(spec: &ZfsSnapshotSpec, source: &Side, replica: &Side) -> Slots {
    let mut slots = Slots::new();
    for (relative, dataset) in source.datasets() {
        for slot in known_bookmarks(spec, dataset, replica.dataset(relative)) {
            slots.entry(slot.to_owned()).or_default().insert(relative.to_owned());
        }
    }
    slots
}
