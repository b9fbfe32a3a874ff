//! What is managed, and what becomes of it when it leaves the manifests: forgotten, or removed and kept on the list
//! until that is confirmed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::plan::{Action, Change, InstanceId};
use jiff::Timestamp;

use super::errand::Errand;
use super::standing::word_of;
use super::state::{State, about_resource, sweep_key};
use super::words::Trigger;
use crate::reconcile::Pruning;
use crate::run::Verdict;
use crate::store::{Batch, InventoryEntry, InventoryState, ResourceKey, SourceVerdict, Weight};

/// Notes that an object is as its manifest says.
pub(super) fn manage(state: &mut State, key: &ResourceKey, object: &str, now: Timestamp, batch: &mut Batch) {
    let known = state.inventory.get(key);
    if known.is_some_and(|e| e.object == object && e.state == InventoryState::Managed) {
        return;
    }
    let (mut since, mut other) = (now, None);
    match known {
        Some(entry) if entry.object == object => since = entry.since,
        Some(entry) => other = Some(entry.clone()),
        None => {}
    }
    let entry =
        InventoryEntry { key: key.clone(), object: object.to_owned(), since, state: InventoryState::Managed };
    state.inventory.insert(key.clone(), entry.clone());
    batch.inventory.push(entry);
    if let Some(other) = other {
        // The resource is about another object now: the old one is left over, under its own name.
        let id = InstanceId { name: other.object.clone(), ..key.id.clone() };
        let key = ResourceKey { id, ..other.key.clone() };
        if !state.inventory.contains_key(&key) {
            part(state, InventoryEntry { key, ..other }, now, batch);
        }
    }
}

/// Resources that left the manifests: their objects are to be removed where the target is pruned, else forgotten.
pub(super) fn leave<'i>(
    state: &mut State,
    source: &str,
    gone: impl Iterator<Item = &'i InstanceId>,
    now: Timestamp,
    batch: &mut Batch,
) {
    for id in gone {
        let key = ResourceKey { source: source.to_owned(), id: id.clone() };
        state.resources.remove(&key);
        state.seen.remove(&key);
        state.asked.remove(&key);
        batch.gone.push(key.clone());
        if let Some(entry) = state.inventory.remove(&key) {
            part(state, entry, now, batch);
        }
    }
}

/// An object that no manifest wants any more.
fn part(state: &mut State, mut entry: InventoryEntry, now: Timestamp, batch: &mut Batch) {
    let key = entry.key.clone();
    if is_pruned(state, &key) {
        let message = "waits for the next look at its target".to_owned();
        entry.state = InventoryState::Leaving { since: now, message };
        state.inventory.insert(key.clone(), entry.clone());
        batch.inventory.push(entry);
        state.scheduler.wake(&sweep_key(&key.source, &key.id.target), Trigger::Push, now);
    } else {
        let message = format!("{} left the manifests and is left as it is", entry.object);
        batch.events.push(about_resource(&key, now, Weight::Normal, "Forgotten", message));
        batch.released.push(key);
    }
}

fn is_pruned(state: &State, key: &ResourceKey) -> bool {
    let world = state.sources.get(&key.source).and_then(|found| found.world.as_ref());
    world.and_then(|world| world.targets.get(&key.id.target)).is_some_and(|target| target.spec.prune)
}

/// A new revision: what was on its way out may be wanted again, or nobody may be there to remove it.
pub(super) fn reconsider(state: &mut State, source: &str, now: Timestamp, batch: &mut Batch) {
    let Some(world) = state.sources.get(source).and_then(|found| found.world.clone()) else { return };
    let leaving: Vec<InventoryEntry> =
        entries(state, source, None).filter(|e| is_leaving(e)).cloned().collect();
    for mut entry in leaving {
        let key = entry.key.clone();
        if world.wanted.get(&key.id).is_some_and(|wanted| wanted.instance.object == entry.object) {
            entry.state = InventoryState::Managed;
            state.inventory.insert(key, entry.clone());
            batch.inventory.push(entry);
        } else if !is_pruned(state, &key) {
            state.inventory.remove(&key);
            part(state, entry, now, batch);
        }
    }
}

/// What the inventory knows of a source, or of one target of it.
fn entries<'s>(
    state: &'s State,
    source: &'s str,
    target: Option<&'s str>,
) -> impl Iterator<Item = &'s InventoryEntry> {
    let name = target.unwrap_or_default().to_owned();
    let first = InstanceId { target: name, kind: String::new(), name: String::new() };
    let first = ResourceKey { source: source.to_owned(), id: first };
    let is_here = move |key: &ResourceKey| key.source == source && target.is_none_or(|t| key.id.target == t);
    state.inventory.range(first..).take_while(move |(key, _)| is_here(key)).map(|(_, entry)| entry)
}

/// What is on its way out of a target.
pub(super) fn leaving<'s>(
    state: &'s State,
    source: &'s str,
    target: &'s str,
) -> impl Iterator<Item = &'s InventoryEntry> {
    entries(state, source, Some(target)).filter(|entry| is_leaving(entry))
}

fn is_leaving(entry: &InventoryEntry) -> bool {
    matches!(entry.state, InventoryState::Leaving { .. })
}

/// What may be removed from a target: what the inventory knows, and nobody wants under another name of the machine.
pub(super) fn pruning(state: &State, source: &str, target: &str, now: Timestamp) -> Pruning {
    let object = |(kind, object): (&str, &str)| (kind.to_owned(), object.to_owned());
    let confirmed = entries(state, source, Some(target)).map(|e| object((&e.key.id.kind, &e.object)));
    let own = state.sources.get(source).and_then(|found| found.world.as_ref());
    let machine = own.map(|world| world.machine(target)).unwrap_or_default();
    let mut wanted_elsewhere = BTreeSet::new();
    for (name, found) in &state.sources {
        let Some(world) = &found.world else { continue };
        for twin in world.names_of(&machine, (name == source).then_some(target)) {
            let wanted = world.wanted_on(twin).map(|(_, wanted)| &wanted.instance);
            wanted_elsewhere.extend(wanted.map(|i| object((&i.id.kind, &i.object))));
        }
    }
    let decided = leaving(state, source, target)
        .map(|entry| (object((&entry.key.id.kind, &entry.object)), state.approvals.decided(&entry.key, now)));
    let maintenance = own.map(|world| Arc::clone(&world.maintenance)).unwrap_or_default();
    let confirmed = Some(confirmed.collect());
    Pruning { wanted_elsewhere, confirmed, decided: decided.collect(), maintenance }
}

/// Why nothing may be removed from a machine now: it is not known whether another source wants what seems left over.
pub(super) fn doubt(state: &State, source: &str, machine: &str) -> Option<String> {
    let others = state.sources.iter().filter(|(name, _)| name.as_str() != source);
    let unknown = others.filter(|(_, found)| match &found.world {
        None => true,
        Some(world) => {
            let is_unread = found.status.verdict != SourceVerdict::InForce && !found.terms.suspend;
            is_unread && world.names_of(machine, None).next().is_some()
        }
    });
    let (name, _) = unknown.min_by_key(|(name, _)| name.as_str())?;
    Some(format!("the source {name} may want it, and what it says now is not in force"))
}

/// What became of the removals of a look or run: gone for sure, or still on the list with the reason.
pub(super) fn swept(
    state: &mut State,
    errand: &Errand,
    removals: &[(&Change, Option<&Verdict>)],
    now: Timestamp,
    batch: &mut Batch,
) {
    let is_unread = removals.iter().any(|(change, _)| change.error.is_some());
    // By name: ten thousand may leave a target at once, and the state is locked meanwhile.
    let removals: BTreeMap<Named<'_>, &(&Change, Option<&Verdict>)> =
        removals.iter().map(|removal| (named(&removal.0.id.kind, &removal.0.object), removal)).collect();
    let wanted = wanted(errand);
    let known = errand.leaving.iter().filter_map(|key| state.inventory.get(key));
    for mut entry in known.filter(|entry| is_leaving(entry)).cloned().collect::<Vec<_>>() {
        let key = entry.key.clone();
        let (kind, object) = (key.id.kind.clone(), entry.object.clone());
        let removal = removals.get(&named(&kind, &object)).copied();
        let why = match (removal, &errand.doubt) {
            (_, Some(doubt)) => Some(doubt.clone()),
            (Some((_, Some(Verdict::Applied))), _) => None,
            (Some((change, verdict)), _) => Some(still_here(change, *verdict)),
            (None, _) if is_unread => Some("its target could not be read".to_owned()),
            (None, _) => None,
        };
        if let Some(why) = why {
            let InventoryState::Leaving { message, .. } = &mut entry.state else { continue };
            if *message != why {
                why.clone_into(message);
                let said = format!("{object} left the manifests and is still there: {why}");
                batch.events.push(about_resource(&key, now, Weight::Warning, "PruneHeld", said));
                state.inventory.insert(key, entry.clone());
                batch.inventory.push(entry);
            }
            continue;
        }
        let (word, became) = match removal {
            Some(_) => ("Pruned", "left the manifests and was removed"),
            None if wanted.contains(&named(&kind, &object)) => ("Forgotten", "is wanted under another name"),
            None => ("Forgotten", "left the manifests and no longer carries our mark, or is gone"),
        };
        batch.events.push(about_resource(&key, now, Weight::Normal, word, format!("{object} {became}")));
        state.inventory.remove(&key);
        batch.released.push(key);
    }
}

/// Kind and object.
type Named<'a> = (&'a str, &'a str);

fn named<'a>(kind: &'a str, object: &'a str) -> Named<'a> {
    (kind, object)
}

/// The objects that other resources want on the same machine.
fn wanted(errand: &Errand) -> BTreeSet<Named<'_>> {
    let here = errand.scope.instances.iter().map(|i| named(&i.id.kind, &i.object));
    let elsewhere = errand.scope.pruning.wanted_elsewhere.iter().map(|(k, o)| named(k, o));
    here.chain(elsewhere).collect()
}

fn still_here(change: &Change, verdict: Option<&Verdict>) -> String {
    match (verdict, &change.gate) {
        (Some(Verdict::Failed { message, .. } | Verdict::Unknown { message, .. }), _) => message.clone(),
        (Some(Verdict::Held { reasons }), _) | (_, evenkeel_core::plan::Gate::Held { reasons, .. }) => {
            format!("{}{}", reasons.join("; "), word_of(change))
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
