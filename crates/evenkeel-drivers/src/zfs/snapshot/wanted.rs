//! What shall be: the slot that is due, and nothing that no rule keeps.

use std::collections::BTreeSet;

use evenkeel_core::backup::{Zone, slot_name, slot_of};
use evenkeel_core::request::Replies;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::listing::full;
use super::send::{
    Standings, Unfinished, arriving, candidates, protected, protected_blindly, shipping, standings,
};
use super::side::{Expected, Protected, Side, Slots, Verdict};
use super::spec::ZfsSnapshotSpec;
use super::state::{Generations, Replica, ReplicaState, Seen, Todo, ZfsSnapshotState};

pub(super) fn wanted(
    spec: &ZfsSnapshotSpec,
    seen: Option<&ZfsSnapshotState>,
    now: Timestamp,
) -> Option<ZfsSnapshotState> {
    match seen.and_then(|state| Some((state, state.seen.as_ref()?))) {
        Some((state, seen)) => Some(of_seen(spec, state, seen, now)),
        None => in_general(spec, now),
    }
}

/// What the spec wants of any host.
fn in_general(spec: &ZfsSnapshotSpec, now: Timestamp) -> Option<ZfsSnapshotState> {
    let zone = Zone::read(spec.schedule.time_zone.as_deref(), &Replies::default()).ok();
    let zone = zone.map_or(TimeZone::UTC, |zone| zone.zone);
    let slot = slot_name(spec.schedule.due(now, &zone, &object(spec)).slot?);
    let one = || Generations::from([(slot.clone(), Some(BTreeSet::from([".".to_owned()])))]);
    let replica =
        spec.send().map(|_| ReplicaState { generations: one(), bookmarks: one(), ..ReplicaState::default() });
    Some(ZfsSnapshotState { generations: one(), replica, ..ZfsSnapshotState::default() })
}

/// The dataset and the prefix: two schedules of one dataset do not meet as long as their prefixes differ.
pub(super) fn object(spec: &ZfsSnapshotSpec) -> String {
    format!("{}@{}", spec.zfs_snapshot.dataset, spec.prefix())
}

fn of_seen(
    spec: &ZfsSnapshotSpec,
    state: &ZfsSnapshotState,
    seen: &Seen,
    now: Timestamp,
) -> ZfsSnapshotState {
    let todo = todo(spec, seen, now);
    let (source, mut generations) = (&seen.source, Generations::new());
    if let Some((slot, datasets)) = &todo.make {
        let there = source.slots().remove(slot).unwrap_or_default();
        generations.insert(slot.clone(), Some(there.union(datasets).cloned().collect()));
    }
    let mut going = todo.source.remove.clone();
    for (slot, datasets) in &todo.later {
        going.entry(slot.clone()).or_default().extend(datasets.iter().cloned());
    }
    without(&mut generations, &source.slots(), &going);
    let replica = match (&seen.replica, &state.replica) {
        (Some(Replica::Known { side, .. }), Some(there)) => Some(of_replica(side, there, &todo)),
        _ => None,
    };
    ZfsSnapshotState { generations, replica, seen: Some(seen.clone()), todo }
}

fn of_replica(side: &Side, state: &ReplicaState, todo: &Todo) -> ReplicaState {
    let mut wanted = ReplicaState::default();
    let there = side.slots();
    let mut comes = |slot: &String, relative: &String| {
        let entry = wanted.generations.entry(slot.clone());
        let have = entry.or_insert_with(|| Some(there.get(slot).cloned().unwrap_or_default()));
        have.get_or_insert_default().insert(relative.clone());
    };
    let unmarked = &todo.shipping.unmarked;
    for (slot, datasets) in unmarked {
        for relative in datasets {
            comes(slot, relative);
        }
    }
    for shipment in &todo.shipping.shipments {
        let resumed = shipment.unfinished.as_ref().and_then(Unfinished::slot);
        for slot in resumed.into_iter().chain(&shipment.slots) {
            comes(slot, &shipment.relative);
        }
    }
    without(&mut wanted.generations, &there, &todo.replica.remove);
    for (slot, datasets) in &todo.passing {
        let coming = wanted.generations.remove(slot).flatten().unwrap_or_default();
        let left: BTreeSet<String> = coming.difference(datasets).cloned().collect();
        wanted.generations.insert(slot.clone(), (!left.is_empty()).then_some(left));
    }
    for shipment in todo.shipping.shipments.iter().filter(|shipment| shipment.unfinished.is_some()) {
        wanted.unfinished.insert(shipment.relative.clone(), None);
    }
    let have = |slot: &str| state.bookmarks.get(slot).cloned().flatten().unwrap_or_default();
    for (relative, slot) in &todo.shipping.bookmarks {
        let entry = wanted.bookmarks.entry(slot.clone()).or_insert_with(|| Some(have(slot)));
        entry.get_or_insert_default().insert(relative.clone());
    }
    for (slot, datasets) in &todo.shipping.old_bookmarks {
        let entry = wanted.bookmarks.entry(slot.clone()).or_insert_with(|| Some(have(slot)));
        let left: BTreeSet<String> =
            entry.iter().flatten().filter(|one| !datasets.contains(*one)).cloned().collect();
        *entry = (!left.is_empty()).then_some(left);
    }
    wanted
}

/// What is left of slots that lose datasets.
fn without(wanted: &mut Generations, there: &Slots, remove: &Slots) {
    for (slot, datasets) in remove {
        let have = there.get(slot).cloned().unwrap_or_default();
        let left: BTreeSet<String> = have.difference(datasets).cloned().collect();
        wanted.insert(slot.clone(), (!left.is_empty()).then_some(left));
    }
}

/// What is to be done on both sides.
pub(super) fn todo(spec: &ZfsSnapshotSpec, seen: &Seen, now: Timestamp) -> Todo {
    let at = (now, &seen.zone.zone);
    let latest = spec.schedule.slot_before(now, &seen.zone.zone);
    // Slots are whole seconds, as their names are.
    let latest = latest.and_then(|slot| slot_of(&slot_name(slot)));
    let expected = Expected { latest, source: &seen.source };
    let (make, taken) = to_make(spec, seen, now);
    let coming: Slots = make.iter().cloned().collect();
    let mut todo = Todo { make, taken, ..Todo::default() };
    let standings = match &seen.replica {
        Some(Replica::Known { side, tokens }) => Some(standings(spec, &seen.source, side, tokens)),
        _ => None,
    };
    let protected = match &standings {
        Some(standings) => protected(standings),
        None if spec.send().is_some() => protected_blindly(spec, &seen.source),
        None => Protected::new(),
    };
    todo.source = seen.source.judge(&spec.retention, &coming, &protected, expected, at);
    match (standings, &seen.replica) {
        (Some(standings), Some(Replica::Known { side, .. })) if !spec.schedule.paused => {
            send(spec, (expected, side), standings, &mut todo, at);
        }
        (_, Some(Replica::Known { side, .. })) => {
            let nothing = (Slots::new(), Protected::new());
            todo.replica = side.judge(spec.send_retention(), &nothing.0, &nothing.1, expected, at);
        }
        _ => {}
    }
    if spec.schedule.once.is_some() {
        // Somebody asked for one more copy, not for fewer.
        todo.later.clear();
        todo.passing.clear();
        for verdict in [&mut todo.source, &mut todo.replica] {
            *verdict = Verdict { reasons: std::mem::take(&mut verdict.reasons), ..Verdict::default() };
        }
    }
    todo
}

/// What goes to the other side; what no rule keeps there then, and what is not needed here any more.
fn send(
    spec: &ZfsSnapshotSpec,
    (expected, side): (Expected<'_>, &Side),
    standings: Standings,
    todo: &mut Todo,
    at: (Timestamp, &TimeZone),
) {
    let source = expected.source;
    let candidates = candidates((spec, source, side), &standings, &todo.source.remove, todo.make.as_ref());
    let mut coming = candidates.clone();
    let arriving = arriving(source, side, &standings);
    for (slot, datasets) in &arriving {
        coming.entry(slot.clone()).or_default().extend(datasets.iter().cloned());
    }
    todo.replica = side.judge(spec.send_retention(), &coming, &Protected::new(), expected, at);
    for (slot, datasets) in arriving {
        let unwelcome = todo.replica.unwelcome.get(&slot);
        let passing: BTreeSet<String> = unwelcome.into_iter().flatten().cloned().collect();
        let passing: BTreeSet<String> = passing.intersection(&datasets).cloned().collect();
        todo.passing.extend((!passing.is_empty()).then_some((slot, passing)));
    }
    todo.shipping = shipping(spec, (source, side), standings, (&candidates, &todo.replica.unwelcome));
    for shipment in &todo.shipping.shipments {
        let Some(last) = shipment.last() else { continue };
        for (slot, datasets) in &todo.source.needed {
            if slot != last && datasets.contains(&shipment.relative) {
                todo.later.entry(slot.clone()).or_default().insert(shipment.relative.clone());
            }
        }
    }
}

/// A slot and the datasets that are to get a snapshot for it.
type Making = (String, BTreeSet<String>);

/// The slot that is due with the datasets that lack it; or the snapshot of somebody else that has its name.
fn to_make(spec: &ZfsSnapshotSpec, seen: &Seen, now: Timestamp) -> (Option<Making>, Option<String>) {
    let due = spec.schedule.due(now, &seen.zone.zone, &object(spec));
    let Some(slot) = due.slot.map(slot_name) else { return (None, None) };
    let source = &seen.source;
    let lacks = |relative: &String| source.our(relative, &slot).is_none();
    let missing: BTreeSet<String> = source.due(&slot).into_iter().filter(lacks).collect();
    let name = format!("{}{slot}", spec.prefix());
    let taken = missing.iter().find_map(|relative| {
        let dataset = source.dataset(relative)?;
        let is_there = dataset.snapshots.iter().any(|snapshot| snapshot.name == name);
        is_there.then(|| format!("{}@{name}", full(&source.root, relative)))
    });
    if taken.is_some() || missing.is_empty() {
        return (None, taken);
    }
    (Some((slot, missing)), None)
}
