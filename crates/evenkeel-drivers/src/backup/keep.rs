//! What is kept in a store and what is removed from it, decided for each item by its own copies.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::{Retention, slot_of};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::copies::verified;
use super::desk::Desk;
use super::layout::{BUILDING, Layout};
use super::picture::{Picture, Standing};

/// Messages name no more than so many things.
const MOST_NAMED: usize = 3;

/// What becomes of the archives of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Those that stay, each with the reasons, by item and slot.
    pub keep: BTreeMap<(String, Timestamp), Vec<String>>,
    /// Those that no rule keeps, by folder.
    pub expired: BTreeMap<String, BTreeSet<String>>,
    /// Why a person should look at it before anything is removed.
    pub alarm: Option<String>,
}

/// The slots of the good archives of each item.
pub(super) fn members(picture: &Picture) -> BTreeMap<String, BTreeSet<Timestamp>> {
    let mut members: BTreeMap<String, BTreeSet<Timestamp>> = BTreeMap::new();
    for archive in picture.archives().into_iter().filter(super::picture::Archive::is_verified) {
        members.entry(archive.record.item.clone()).or_default().insert(archive.slot);
    }
    members
}

/// Whether an item's archive of a slot would be kept if it were made now. A later one by hand may stand for it already.
pub fn would_stay(
    picture: &Picture,
    item: &str,
    slot: Timestamp,
    retention: &Retention,
    now: Timestamp,
    zone: &TimeZone,
) -> bool {
    let mut slots = members(picture).remove(item).unwrap_or_default();
    slots.insert(slot);
    retention.decide(&verified(&slots), now, zone).keep.contains_key(&slot)
}

/// Decides what becomes of what is in a store.
///
/// Only verified archives count, and only they protect others. One that was lost stays listed, so that it is told, until
/// it would have expired if it were good.
///
/// Time goes on while copies fail, and rules such as `keepWithin` would clear away the last good ones one after the other.
/// So nothing is removed of what `is_behind` tells: an item that shall be copied and lacks its newest copy.
pub fn judge(
    picture: &Picture,
    retention: &Retention,
    is_behind: &dyn Fn(&str, Option<Timestamp>) -> bool,
    now: Timestamp,
    zone: &TimeZone,
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut alarms = Vec::new();
    let members = members(picture);
    let mut gone: BTreeSet<(String, Timestamp)> = BTreeSet::new();
    for (item, slots) in &members {
        let mut decision = retention.decide(&verified(slots), now, zone);
        if is_behind(item, slots.last().copied()) {
            for slot in std::mem::take(&mut decision.remove) {
                decision.keep.insert(slot, vec!["until there is a new one".to_owned()]);
            }
            decision.alarm = None;
        }
        alarms.extend(decision.alarm.map(|alarm| format!("{item}: {alarm}")));
        gone.extend(decision.remove.into_iter().map(|slot| (item.clone(), slot)));
        verdict.keep.extend(decision.keep.into_iter().map(|(slot, why)| ((item.clone(), slot), why)));
    }
    gone.extend(lost_and_expired(picture, &members, retention, now, zone));
    for (name, folder, sealed) in picture.sealed() {
        let names = folder.archives_of(name, sealed);
        let expired: BTreeSet<String> = names
            .filter(|archive| gone.contains(&(archive.record.item.clone(), archive.slot)))
            .map(|archive| archive.name.to_owned())
            .collect();
        if !expired.is_empty() {
            verdict.expired.insert(name.to_owned(), expired);
        }
    }
    let more = alarms.len().saturating_sub(MOST_NAMED);
    alarms.truncate(MOST_NAMED);
    if !alarms.is_empty() {
        let rest = if more == 0 { String::new() } else { format!("; and {more} more") };
        verdict.alarm = Some(format!("{}{rest}", alarms.join("; ")));
    }
    verdict
}

fn lost_and_expired(
    picture: &Picture,
    members: &BTreeMap<String, BTreeSet<Timestamp>>,
    retention: &Retention,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<(String, Timestamp)> {
    let mut lost: BTreeMap<&str, BTreeSet<Timestamp>> = BTreeMap::new();
    let archives = picture.archives();
    for archive in archives.iter().filter(|archive| !archive.is_verified()) {
        lost.entry(&archive.record.item).or_default().insert(archive.slot);
    }
    let mut expired = Vec::new();
    for (item, slots) in lost {
        // While there is no good one, nothing is cleared away.
        let Some(good) = members.get(item) else { continue };
        let all: BTreeSet<Timestamp> = good.union(&slots).copied().collect();
        let decision = retention.decide(&verified(&all), now, zone);
        let gone = decision.remove.into_iter().filter(|slot| slots.contains(slot));
        expired.extend(gone.map(|slot| (item.to_owned(), slot)));
    }
    expired
}

/// Plans all removals: what has no purpose, then what expired, then the gaps that this leaves. `current` tells the slots
/// that are still worked on.
pub fn prune(desk: &mut Desk<'_>, verdict: &Verdict, current: &dyn Fn(Timestamp) -> bool) {
    desk.begin_removing(None);
    for folder in desk.picture.folders.keys().cloned().collect::<Vec<_>>() {
        let Some(found) = desk.picture.folders.get(&folder) else { continue };
        match &found.standing {
            Standing::Sealed(_) => desk.remove_leftovers(&folder),
            Standing::Removing => desk.remove_folder(&folder, None),
            Standing::Open(open) => {
                let is_stale = open.records.is_empty() && !open.slot.is_some_and(current);
                if is_stale && is_built_in(desk.store.layout(), &folder) {
                    let stamp = open.stamp.clone();
                    desk.remove_folder(&folder, stamp.as_deref());
                }
            }
            Standing::Foreign(_) | Standing::Damaged(_) => {}
        }
    }
    desk.begin_removing(verdict.alarm.clone());
    for (folder, names) in &verdict.expired {
        let Some((all, stamp)) = desk.picture.folders.get(folder).and_then(|found| match &found.standing {
            Standing::Sealed(sealed) => Some((
                sealed.seal.archives.keys().all(|name| names.contains(name)),
                sealed.seal.stamp.clone(),
            )),
            _ => None,
        }) else {
            continue;
        };
        if all {
            desk.remove_folder(folder, Some(&stamp));
        } else {
            desk.take_out(folder, names);
        }
    }
    desk.begin_removing(None);
    desk.close_gaps();
}

fn is_built_in(layout: &Layout, folder: &str) -> bool {
    match layout {
        Layout::Slot => slot_of(folder).is_some(),
        Layout::Numbered { .. } => folder == BUILDING,
    }
}
