//! What there is to tell of a schedule's snapshots.

use std::collections::BTreeSet;

use evenkeel_core::backup::slot_of;
use evenkeel_core::driver::{Fate, Generation, Health, Report};
use evenkeel_core::period::Period;
use jiff::Timestamp;

use super::listing::full;
use super::side::{Side, Verdict};
use super::spec::ZfsSnapshotSpec;
use super::state::{Replica, Seen, Todo, ZfsSnapshotState};
use super::wanted::{object, todo};

/// Notes name at most so many of what they are about.
const MOST_NAMED: usize = 3;

pub(super) fn report(spec: &ZfsSnapshotSpec, state: Option<&ZfsSnapshotState>, now: Timestamp) -> Report {
    let Some(seen) = state.and_then(|state| state.seen.as_ref()) else { return Report::default() };
    let todo = todo(spec, seen, now);
    let mut report =
        Report { next: spec.schedule.due(now, &seen.zone.zone, &object(spec)).next, ..Report::default() };
    report.health.push(fresh(spec, seen, &seen.source, None, now));
    report.health.extend(whole(&seen.source));
    report.health.extend(todo.taken.as_ref().map(|name| taken(name)));
    report.generations = generations(spec, &seen.source, &todo.source, None);
    if let Some(send) = spec.send() {
        replica(spec, seen, &todo, now, &mut report);
        if let Some(Replica::Known { side, .. }) = &seen.replica {
            report.generations.extend(generations(spec, side, &todo.replica, Some(&send.target)));
        }
    }
    if spec.schedule.time_zone.is_none() {
        report.notes.push(format!("times are those of {}, the host's own time zone", seen.zone.name));
    }
    report.notes.extend(strangers(spec, &seen.source));
    report
}

/// How old the newest is that all its datasets have.
fn fresh(spec: &ZfsSnapshotSpec, seen: &Seen, side: &Side, target: Option<&str>, now: Timestamp) -> Health {
    let about = target.map_or_else(|| "Fresh".to_owned(), |target| format!("Fresh/{target}"));
    let limit = spec.schedule.fresh_within_seconds(now, &seen.zone.zone);
    let place = target.map(|target| format!(" on {target}")).unwrap_or_default();
    let Some(newest) = side.newest_whole() else {
        let message = format!("there is no snapshot of {} for this schedule yet{place}", side.root);
        return Health::bad(about, "Never", message).aged(None, limit);
    };
    let age = u64::try_from(now.as_second().saturating_sub(newest.as_second())).unwrap_or(0);
    let message = format!(
        "the newest snapshot of {}{place} is of {newest}, {} ago; wanted < {}",
        side.root,
        Period::coarse(age),
        Period::coarse(limit)
    );
    let health = if age <= limit {
        Health::good(about, "Fresh", message)
    } else {
        Health::bad(about, "TooOld", message)
    };
    health.aged(Some(newest), limit)
}

/// The newest slot is on every dataset that was there when it was made.
fn whole(side: &Side) -> Option<Health> {
    let slots = side.slots();
    let (slot, have) = slots.iter().next_back()?;
    let missing: BTreeSet<String> = side.due(slot).difference(have).cloned().collect();
    if missing.is_empty() {
        return None;
    }
    let names: Vec<String> = missing.iter().map(|relative| full(&side.root, relative)).collect();
    Some(Health::bad(
        "Whole",
        "Incomplete",
        format!("the snapshot for {slot} is missing on {}", named(&names)),
    ))
}

fn taken(name: &str) -> Health {
    let message = format!(
        "{name} is there and was not made by this schedule, so that there is no snapshot for its slot: rename or destroy it by hand"
    );
    Health::bad("Slot", "Taken", message)
}

fn replica(spec: &ZfsSnapshotSpec, seen: &Seen, todo: &Todo, now: Timestamp, report: &mut Report) {
    let Some(send) = spec.send() else { return };
    match &seen.replica {
        Some(Replica::Unknown(why)) => {
            let about = format!("Fresh/{}", send.target);
            let message = format!("it is not known what {} has of {}: {why}", send.target, send.dataset);
            report.health.push(Health::bad(&about, "Unreachable", message));
        }
        Some(Replica::Known { side, .. }) => {
            report.health.push(fresh(spec, seen, side, Some(&send.target), now));
            if !todo.shipping.blocked.is_empty() {
                let why: Vec<String> = todo.shipping.blocked.values().cloned().collect();
                let about = format!("Send/{}", send.target);
                report.health.push(Health::bad(&about, "Blocked", named(&why)));
            }
        }
        None => {}
    }
}

fn named(all: &[String]) -> String {
    let few = all.get(..MOST_NAMED).unwrap_or(all).join("; ");
    if all.len() > MOST_NAMED { format!("{few}; and {} more", all.len() - MOST_NAMED) } else { few }
}

fn strangers(spec: &ZfsSnapshotSpec, side: &Side) -> Option<String> {
    let count = side.strangers.len();
    (count > 0).then(|| {
        format!(
            "{count} snapshots are called `{}…` and were not made by this schedule: they are left alone and not counted ({})",
            spec.prefix(),
            named(&side.strangers)
        )
    })
}

/// One for each slot, newest last.
fn generations(
    spec: &ZfsSnapshotSpec,
    side: &Side,
    verdict: &Verdict,
    target: Option<&str>,
) -> Vec<Generation> {
    let of = |(slot, have): (String, BTreeSet<String>)| {
        let sizes = have.iter().filter_map(|relative| Some(side.our(relative, &slot)?.bytes));
        let goes = verdict.remove.get(&slot).is_some_and(|datasets| have.is_subset(datasets));
        let reasons = || verdict.reasons.get(&slot).cloned().unwrap_or_default();
        Some(Generation {
            store: target.map_or_else(|| side.root.clone(), |target| format!("{target}:{}", side.root)),
            slot: slot_of(&slot)?,
            item: spec.zfs_snapshot.dataset.clone(),
            name: format!("{}@{}{slot}", side.root, spec.prefix()),
            bytes: Some(sizes.sum()),
            verified: side.due(&slot).is_subset(&have),
            fate: if goes { Fate::Expired } else { Fate::Kept { reasons: reasons() } },
        })
    };
    side.slots().into_iter().filter_map(of).collect()
}
