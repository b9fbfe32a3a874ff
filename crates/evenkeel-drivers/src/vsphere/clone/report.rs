//! What there is to tell: whether each machine has a new clone, what is in the way, and what becomes of those there are.

use std::collections::BTreeMap;

use evenkeel_core::driver::{Fate, Generation, Health, Report};
use evenkeel_core::period::Period;
use jiff::{SignedDuration, Timestamp};

use super::spec::{ForeignSnapshots, VmCloneScheduleSpec};
use super::state::{Cloned, Seen, Standing, VmCloneState};
use super::wanted::{Todo, todo};

/// Messages name at most so many of what they are about.
const MOST_NAMED: usize = 5;
/// What waits for a task is looked at again so many seconds later.
const LATER: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn report(spec: &VmCloneScheduleSpec, state: Option<&VmCloneState>, now: Timestamp) -> Report {
    let Some(seen) = state.and_then(|state| state.seen.as_deref()) else { return Report::default() };
    let todo = todo(spec, seen, now);
    let mut report = Report { next: next(&todo, seen, now), ..Report::default() };
    let told = |all: &BTreeMap<String, String>| {
        let told = all.iter().map(|(item, why)| format!("{item}: {why}"));
        (!all.is_empty()).then(|| some(told))
    };
    let bad =
        |about: &str, reason: &str, says: Option<String>| says.map(|says| Health::bad(about, reason, says));
    // Plans show the first that is bad: why there is no new clone says more than that there is none.
    report.health.extend(bad("Machines", "Unfit", told(&todo.troubles)));
    report.health.extend(bad("Space", "NoRoom", told(&todo.holds)));
    report.health.extend(bad("Whole", "Failed", told(&todo.given_up)));
    report.health.push(fresh(spec, seen, now));
    report.health.extend(changed(seen));
    report.health.extend(foreign(spec, seen));
    report.notes.extend(told(&todo.waits).map(|waits| format!("waits until it is done: {waits}")));
    report.notes.extend(notes(seen));
    report.generations =
        seen.clones.iter().enumerate().map(|(at, clone)| generation(seen, &todo, at, clone)).collect();
    report
}

fn next(todo: &Todo, seen: &Seen, now: Timestamp) -> Option<Timestamp> {
    let is_busy = |clone: &Cloned| clone.standing == Standing::Busy;
    let waits = !todo.waits.is_empty() || seen.clones.iter().any(is_busy);
    let soon = now.checked_add(LATER).ok().filter(|_| waits);
    todo.due.next.into_iter().chain(soon).min()
}

/// How old the newest clone is of the machine whose newest is the oldest.
fn fresh(spec: &VmCloneScheduleSpec, seen: &Seen, now: Timestamp) -> Health {
    let limit = spec.schedule.fresh_within_seconds(now, &seen.zone.zone);
    let mut newest: BTreeMap<&str, Timestamp> = BTreeMap::new();
    // One that says it is of the future says nothing about now.
    let good = |clone: &&Cloned| clone.standing == Standing::Sealed && clone.slot <= now;
    for clone in seen.clones.iter().filter(good) {
        let known = newest.entry(clone.item.as_str()).or_insert(clone.slot);
        *known = clone.slot.max(*known);
    }
    let items = || seen.sources.iter().map(|source| source.item.as_str());
    let never: Vec<String> = items().filter(|item| !newest.contains_key(item)).map(str::to_owned).collect();
    if !never.is_empty() {
        let message = format!("there is no whole clone of {}", listed(never, ", "));
        return Health::bad("Fresh", "Never", message).aged(None, limit);
    }
    let age = |slot: &Timestamp| u64::try_from(now.duration_since(*slot).as_secs()).unwrap_or(0);
    let old = items().filter(|item| newest.get(item).is_some_and(|slot| age(slot) >= limit));
    let old: Vec<String> = old.map(str::to_owned).collect();
    let oldest = items().filter_map(|item| newest.get(item)).min().copied();
    let (told, wanted) = (Period::coarse(oldest.as_ref().map_or(0, age)), Period::coarse(limit));
    let health = if old.is_empty() {
        let message = format!("every machine has a clone that is not older than {told}, wanted < {wanted}");
        Health::good("Fresh", "Fresh", message)
    } else {
        let message =
            format!("the newest clone of {} is up to {told} old, wanted < {wanted}", listed(old, ", "));
        Health::bad("Fresh", "TooOld", message)
    };
    health.aged(oldest, limit)
}

/// Clones that somebody did something with.
fn changed(seen: &Seen) -> Option<Health> {
    let changed = seen.clones.iter().filter_map(|clone| match &clone.standing {
        Standing::Changed(why) => Some(format!("{}: {why}", clone.vm.name)),
        _ => None,
    });
    let changed: Vec<String> = changed.collect();
    let message = || format!("never touched, and not counted: {}", some(changed.clone()));
    (!changed.is_empty()).then(|| Health::bad("Clones", "Changed", message()))
}

/// Snapshots of others that are called as ours are.
fn foreign(spec: &VmCloneScheduleSpec, seen: &Seen) -> Option<Health> {
    let is_told = spec.vm_clone.foreign_snapshots == ForeignSnapshots::Report && !seen.foreign.is_empty();
    let paths = seen.foreign.iter().map(|left| left.path.clone());
    is_told.then(|| {
        let message = format!(
            "snapshots that are called `{}` and are not ours grow with their machines: {}; remove them by hand, or write `foreignSnapshots: remove`",
            spec.snapshot_name(),
            some(paths)
        );
        Health::bad("Snapshots", "Foreign", message)
    })
}

fn notes(seen: &Seen) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let (mut same, mut outside) = (Vec::new(), Vec::new());
    for source in &seen.sources {
        let Ok(machine) = &source.machine else { continue };
        if machine.vm.store() == Some(seen.store.name.as_str()) {
            same.push(source.item.clone());
        }
        if machine.detail.disks.iter().any(|disk| disk.is_independent) {
            outside.push(source.item.clone());
        }
    }
    if !same.is_empty() {
        let store = &seen.store.name;
        notes.push(format!("on {store} as its clones are, so that one failure takes both: {}", some(same)));
    }
    if !outside.is_empty() {
        notes.push(format!("has independent disks, of which no snapshot holds anything: {}", some(outside)));
    }
    notes.extend(seen.notes.iter().cloned());
    notes
}

/// A clone, and what becomes of it.
fn generation(seen: &Seen, todo: &Todo, at: usize, clone: &Cloned) -> Generation {
    let kept = || todo.verdict.keep.get(&(clone.item.clone(), clone.slot)).cloned().unwrap_or_default();
    let left = |reason: &str| Fate::LeftAlone { reason: reason.to_owned() };
    let fate = match &clone.standing {
        _ if todo.verdict.remove.contains(&at) || todo.halves.contains(&at) => Fate::Expired,
        Standing::Sealed => Fate::Kept { reasons: kept() },
        Standing::Finished => left("it is whole and not sealed yet"),
        Standing::Half(why) | Standing::Changed(why) => left(why),
        Standing::Busy => left("a task runs on it"),
    };
    let verified = clone.standing == Standing::Sealed;
    let (store, item, name) = (seen.store.name.clone(), clone.item.clone(), clone.vm.name.clone());
    Generation { store, slot: clone.slot, item, name, bytes: Some(clone.bytes), verified, fate }
}

fn some(all: impl IntoIterator<Item = String>) -> String {
    listed(all, "; ")
}

fn listed(all: impl IntoIterator<Item = String>, between: &str) -> String {
    let all: Vec<String> = all.into_iter().collect();
    let named = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(between);
    match all.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named}{between}and {more} more"),
    }
}
