//! Copies of the generations of one store in another.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::{Member, Retention};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::desk::{Arrival, Desk};
use super::format::{Record, Seal};
use super::keep::members;
use super::make::{clear, fields_of, finish};
use super::picture::{Archive, Standing};

/// So many generations are copied in one run at most; a run that leaves some for later tells that it is not done.
const MOST: usize = 31;

/// An archive of the first store that is missing in the other.
#[derive(Debug, Clone)]
struct Missing {
    folder: String,
    name: String,
    record: Record,
    has_log: bool,
}

/// Plans the copies that are missing in `desk` of what is, or then will be, in `from`.
pub fn copy(
    desk: &mut Desk<'_>,
    from: &Desk<'_>,
    template: &Seal,
    retention: &Retention,
    now: Timestamp,
    zone: &TimeZone,
) {
    let mut missing = missing(desk, from, retention, now, zone);
    let begun: Vec<Timestamp> = desk.picture.open().filter_map(|(_, open)| open.slot).collect();
    let kept: BTreeSet<Timestamp> = missing
        .keys()
        .rev()
        .take(MOST)
        .copied()
        .chain(begun.iter().copied().filter(|slot| missing.contains_key(slot)))
        .collect();
    missing.retain(|slot, _| kept.contains(slot));
    finish(desk, template, &|slot| kept.contains(&slot));
    // What was begun is in the way of the others, where there is one folder to build in.
    let mut order: Vec<Timestamp> = kept.into_iter().collect();
    order.sort_by_key(|slot| (!begun.contains(slot), *slot));
    for slot in order {
        if let Some(archives) = missing.get(&slot) {
            copy_generation(desk, from, slot, archives);
        }
    }
}

/// What the copies' rules would keep and is not there, by slot.
fn missing(
    desk: &Desk<'_>,
    from: &Desk<'_>,
    retention: &Retention,
    now: Timestamp,
    zone: &TimeZone,
) -> BTreeMap<Timestamp, Vec<Missing>> {
    let mut missing: BTreeMap<Timestamp, Vec<Missing>> = BTreeMap::new();
    let there = members(&desk.picture);
    for (item, archives) in by_item(&from.picture.archives()) {
        let own = there.get(item).cloned().unwrap_or_default();
        let all: BTreeSet<Timestamp> = own.iter().copied().chain(archives.iter().map(|a| a.slot)).collect();
        let decision = retention.decide(&verified(&all), now, zone);
        for archive in archives
            .iter()
            .filter(|archive| !own.contains(&archive.slot) && decision.keep.contains_key(&archive.slot))
        {
            let folder = from.picture.folders.get(archive.folder);
            missing.entry(archive.slot).or_default().push(Missing {
                folder: archive.folder.to_owned(),
                name: archive.name.to_owned(),
                record: archive.record.clone(),
                has_log: folder.is_some_and(|found| found.files.contains_key(&archive.record.log)),
            });
        }
    }
    missing
}

/// The good archives by what they are of.
fn by_item<'p>(archives: &[Archive<'p>]) -> BTreeMap<&'p str, Vec<Archive<'p>>> {
    let mut by_item: BTreeMap<&str, Vec<Archive<'p>>> = BTreeMap::new();
    for archive in archives.iter().filter(|archive| archive.is_verified()) {
        by_item.entry(&archive.record.item).or_default().push(*archive);
    }
    by_item
}

/// Members that count.
pub(super) fn verified(slots: &BTreeSet<Timestamp>) -> Vec<Member> {
    let member = |at: &Timestamp| Member { at: *at, verified: true, protected: None, tags: BTreeSet::new() };
    slots.iter().map(member).collect()
}

fn copy_generation(desk: &mut Desk<'_>, from: &Desk<'_>, slot: Timestamp, archives: &[Missing]) {
    let Some((_, _, original)) = from.picture.generation(slot) else { return };
    let known = desk.picture.generation(slot).map(|(name, _, sealed)| (name.to_owned(), sealed.seal.clone()));
    let is_new = known.is_none();
    let (folder, mut seal) = known.unwrap_or_else(|| {
        let open = desk.picture.open().find(|(_, open)| open.slot == Some(slot));
        let folder = open.map_or_else(|| desk.store.layout().building(slot), |(name, _)| name.to_owned());
        (folder, original.seal.clone())
    });
    if desk.picture.is_taken(&folder) {
        return;
    }
    seal.layout = desk.store.layout().to_string();
    seal.items.extend(archives.iter().map(|archive| archive.record.item.clone()));
    seal.removed.retain(|name| !archives.iter().any(|archive| archive.name == *name));
    seal.more.insert("copiedFrom".to_owned(), Value::String(from.store.label()));
    if is_new {
        seal.removed.clear();
        clear(desk, &folder, slot);
        desk.open(&folder, slot, &original.seal.stamp);
    } else {
        desk.forget_lost(&folder);
    }
    for archive in archives {
        if is_there(desk, &folder, archive) {
            continue;
        }
        let arrival = Arrival {
            record: archive.record.clone(),
            fields: fields_of(&archive.record),
            name: archive.name.clone(),
            folder: folder.clone(),
        };
        let path = |name: &str| from.store.path(&format!("{}/{name}", archive.folder));
        let target = Some(from.store.target.as_str());
        if archive.has_log {
            let step = desk.fetch(target, path(&archive.record.log), desk.log_goal(&arrival));
            desk.push(step);
        }
        let step = desk.fetch(target, path(&archive.name), desk.goal(&arrival, false));
        desk.push(step);
        desk.arrive(&arrival);
    }
    desk.seal(&folder, seal, slot);
    if is_new {
        desk.rotate_in(&folder, slot);
    }
}

/// True where an unfinished copy has it already.
fn is_there(desk: &Desk<'_>, folder: &str, archive: &Missing) -> bool {
    let found = desk.picture.folders.get(folder).map(|found| &found.standing);
    let Some(Standing::Open(open)) = found else { return false };
    open.records
        .get(&archive.name)
        .is_some_and(|record| record.sha256 == archive.record.sha256 && record.bytes == archive.record.bytes)
}
