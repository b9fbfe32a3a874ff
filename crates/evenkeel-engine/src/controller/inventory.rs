//! What is managed, and what becomes of it when it leaves the manifests: forgotten, or removed and kept on the list
//! until that is confirmed.

use std::collections::BTreeSet;

use evenkeel_core::plan::{Action, Change, InstanceId};
use jiff::Timestamp;

use super::state::{State, about_resource};
use crate::reconcile::Pruning;
use crate::run::Verdict;
use crate::store::{Batch, InventoryEntry, InventoryState, ResourceKey, Weight};

/// Notes that an object is as its manifest says.
pub(super) fn manage(state: &mut State, key: &ResourceKey, object: &str, now: Timestamp, batch: &mut Batch) {
    let known = state.inventory.get(key);
    if known.is_some_and(|e| e.object == object && e.state == InventoryState::Managed) {
        return;
    }
    let since = known.filter(|entry| entry.object == object).map_or(now, |entry| entry.since);
    let entry =
        InventoryEntry { key: key.clone(), object: object.to_owned(), since, state: InventoryState::Managed };
    state.inventory.insert(key.clone(), entry.clone());
    batch.inventory.push(entry);
}

/// Resources that left the manifests: their objects are to be removed where the target is pruned, else forgotten.
pub(super) fn leave<'i>(
    state: &mut State,
    source: &str,
    gone: impl Iterator<Item = &'i InstanceId>,
    now: Timestamp,
    batch: &mut Batch,
) {
    let Some(world) = state.sources.get(source).and_then(|found| found.world.clone()) else { return };
    for id in gone {
        let key = ResourceKey { source: source.to_owned(), id: id.clone() };
        state.resources.remove(&key);
        state.seen.remove(&key);
        state.asked.remove(&key);
        state.unsaved.remove(&key);
        batch.gone.push(key.clone());
        let Some(mut entry) = state.inventory.remove(&key) else { continue };
        let wanted_anew = |key: &ResourceKey| world.wanted.get(&key.id).is_some();
        let is_pruned = world.targets.get(&id.target).is_some_and(|target| target.spec.prune);
        if is_pruned && !wanted_anew(&key) {
            let message = "waits for the next look at its target".to_owned();
            entry.state = InventoryState::Leaving { since: now, message };
            state.inventory.insert(key.clone(), entry.clone());
            batch.inventory.push(entry);
            state.scheduler.wake(&super::state::sweep_key(source, &id.target), super::Trigger::Push, now);
        } else {
            let message = format!("{} left the manifests and is left as it is", entry.object);
            batch.events.push(about_resource(&key, now, Weight::Normal, "Forgotten", message));
            batch.released.push(key);
        }
    }
}

/// What may be removed from a target: what the inventory knows, and nobody wants under another name of the machine.
pub(super) fn pruning(state: &State, source: &str, target: &str) -> Pruning {
    let here = |key: &ResourceKey| key.source == source && key.id.target == target;
    let confirmed = state.inventory.values().filter(|entry| here(&entry.key));
    let machine = state.sources.get(source).and_then(|s| s.world.as_ref()).map(|world| world.machine(target));
    let elsewhere = state.sources.iter().flat_map(|(name, found)| {
        let world = found.world.iter();
        world.flat_map(move |world| world.wanted.values().map(move |wanted| (name, world, &wanted.instance)))
    });
    let twins = elsewhere.filter(|(name, world, instance)| {
        let is_here = name.as_str() == source && instance.id.target == target;
        !is_here && Some(world.machine(&instance.id.target)) == machine
    });
    Pruning {
        wanted_elsewhere: twins.map(|(_, _, i)| (i.id.kind.clone(), i.object.clone())).collect(),
        confirmed: Some(confirmed.map(|entry| (entry.key.id.kind.clone(), entry.object.clone())).collect()),
    }
}

/// What became of the removals of a look or run: gone for sure, or still on the list with the reason.
pub(super) fn swept(
    state: &mut State,
    (source, target): (&str, &str),
    removals: &[(&Change, Option<&Verdict>)],
    now: Timestamp,
    batch: &mut Batch,
) {
    let is_unread = removals.iter().any(|(change, _)| change.error.is_some());
    let found: BTreeSet<(&str, &str)> =
        removals.iter().map(|(c, _)| (c.id.kind.as_str(), c.object.as_str())).collect();
    let leaving = state.inventory.values().filter(|entry| {
        let here = entry.key.source == source && entry.key.id.target == target;
        here && matches!(entry.state, InventoryState::Leaving { .. })
    });
    for mut entry in leaving.cloned().collect::<Vec<_>>() {
        let mine = |(c, _): &&(&Change, Option<&Verdict>)| {
            c.id.kind == entry.key.id.kind && c.object == entry.object
        };
        let removal = removals.iter().find(mine);
        let key = entry.key.clone();
        let removed = matches!(removal, Some((_, Some(Verdict::Applied))));
        if removed {
            let message = format!("{} left the manifests and was removed", entry.object);
            batch.events.push(about_resource(&key, now, Weight::Normal, "Pruned", message));
        } else if is_unread || found.contains(&(key.id.kind.as_str(), entry.object.as_str())) {
            let InventoryState::Leaving { message, .. } = &mut entry.state else { continue };
            let why =
                removal.map_or_else(|| "its target could not be read".to_owned(), |(c, v)| still_here(c, *v));
            if *message != why {
                why.clone_into(message);
                let said = format!("{} left the manifests and is still there: {why}", entry.object);
                batch.events.push(about_resource(&key, now, Weight::Warning, "PruneHeld", said));
                state.inventory.insert(key, entry.clone());
                batch.inventory.push(entry);
            }
            continue;
        } else {
            let message =
                format!("{} left the manifests and no longer carries our mark, or is gone", entry.object);
            batch.events.push(about_resource(&key, now, Weight::Normal, "Forgotten", message));
        }
        state.inventory.remove(&key);
        batch.released.push(key);
    }
}

fn still_here(change: &Change, verdict: Option<&Verdict>) -> String {
    match (verdict, &change.gate) {
        (Some(Verdict::Failed { message, .. } | Verdict::Unknown { message, .. }), _) => message.clone(),
        (Some(Verdict::Held { reasons }), _) | (_, evenkeel_core::plan::Gate::Held { reasons }) => {
            reasons.join("; ")
        }
        (Some(Verdict::Skipped { reason }), _) => reason.clone(),
        _ if change.error.is_some() => "its target could not be read".to_owned(),
        _ => "waits for its turn".to_owned(),
    }
}

/// True for changes that remove what left the manifests, or say why that is not known.
pub(super) fn is_removal(change: &Change) -> bool {
    change.location.is_none() && (change.action == Action::Delete || change.error.is_some())
}
