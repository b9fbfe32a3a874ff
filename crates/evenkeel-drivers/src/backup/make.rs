//! Making the generation of a slot, and finishing what an earlier run began.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::slot_name;
use evenkeel_core::driver::Step;
use jiff::Timestamp;

use super::desk::{Arrival, Desk};
use super::format::{self, Failure, Record, Seal};
use super::layout::BUILDING;
use super::picture::Standing;

/// One thing to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What is copied: a guest's id.
    pub item: String,
    /// Its kind, as the record has it.
    pub kind: String,
    /// The archive's name.
    pub archive: String,
    /// The log's name.
    pub log: String,
    /// Tries that failed before anything came to the store.
    pub tried: u32,
    /// Why it cannot be done now. It costs no try.
    pub hold: Option<String>,
}

/// The generation that there shall be.
pub struct Night<'a> {
    /// Its slot.
    pub slot: Timestamp,
    /// The slot as it stands in the names of files.
    pub stamp: String,
    /// What the seal says, but for what is in the generation.
    pub seal: &'a Seal,
    /// How often each thing is tried.
    pub attempts: u32,
    /// What is copied, in order.
    pub jobs: &'a [Job],
    /// The steps that bring an archive into the store.
    pub bring: &'a dyn Fn(&Desk<'_>, &Job, &Arrival) -> Vec<Step>,
}

impl std::fmt::Debug for Night<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Night").field("slot", &self.slot).field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// A seal for a slot without anything in it.
pub(super) fn blank(template: &Seal, slot: Timestamp, stamp: &str) -> Seal {
    Seal { slot: slot_name(slot), stamp: stamp.to_owned(), ..template.clone() }
}

/// Finishes what is whole already: seals that did not get their names, generations that did not get their number, and
/// unfinished ones of slots that are not worked on any more (`current`) with at least one archive.
pub fn finish(desk: &mut Desk<'_>, template: &Seal, current: &dyn Fn(Timestamp) -> bool) {
    let pending: Vec<String> = desk
        .picture
        .sealed()
        .filter(|(.., sealed)| sealed.pending)
        .map(|(name, ..)| name.to_owned())
        .collect();
    for folder in &pending {
        desk.roll_forward(folder);
    }
    let built = desk.picture.folders.get(BUILDING).and_then(|found| match &found.standing {
        Standing::Sealed(sealed) => Some(sealed.slot),
        _ => None,
    });
    if let Some(slot) = built {
        desk.rotate_in(BUILDING, slot);
    }
    let stale: Vec<(String, Timestamp, Seal)> = desk
        .picture
        .open()
        .filter_map(|(name, open)| {
            let slot = open.slot.filter(|slot| !current(*slot) && !open.records.is_empty())?;
            let mut seal = blank(template, slot, open.stamp.as_deref().unwrap_or_default());
            seal.items = items(&open.records, &open.failures);
            Some((name.to_owned(), slot, seal))
        })
        .collect();
    for (folder, slot, seal) in stale {
        // Two folders of one slot would not both be generations.
        if desk.picture.generation(slot).is_none() {
            desk.seal(&folder, seal, slot);
            desk.rotate_in(&folder, slot);
        }
    }
}

fn items(records: &BTreeMap<String, Record>, failures: &BTreeMap<String, Failure>) -> BTreeSet<String> {
    records.values().map(|r| &r.item).chain(failures.values().map(|f| &f.item)).cloned().collect()
}

/// Empties the folder where a generation is built of what an unfinished one of another slot left there.
pub(super) fn clear(desk: &mut Desk<'_>, folder: &str, slot: Timestamp) {
    let Some(found) = desk.picture.folders.get(folder) else { return };
    let Standing::Open(open) = &found.standing else { return };
    if open.slot == Some(slot) {
        return;
    }
    let stamp = open.stamp.clone().unwrap_or_default();
    let marks = |name: &&str| name.starts_with("evenkeel.");
    let names: Vec<String> = found.ours(&stamp).filter(|name| !marks(name)).map(str::to_owned).collect();
    desk.remove_files(folder, &names);
}

/// Plans what is missing of the slot's generation.
pub fn make(desk: &mut Desk<'_>, night: &Night<'_>) {
    let sealed = desk.picture.generation(night.slot).map(|(name, ..)| name.to_owned());
    match sealed {
        Some(folder) => mend(desk, night, &folder),
        None => build(desk, night),
    }
}

/// Makes archives again that a generation lost, or never had although there are tries left.
fn mend(desk: &mut Desk<'_>, night: &Night<'_>, folder: &str) {
    let Some((_, found, sealed)) = desk.picture.generation(night.slot) else { return };
    let lacking = found.lacking(sealed);
    let tries = tries(&sealed.failures);
    let work: Vec<(&Job, u32)> = night
        .jobs
        .iter()
        .filter(|job| lacking.contains(job.item.as_str()) && job.hold.is_none())
        .map(|job| (job, tries.get(&job.item).copied().unwrap_or(0).max(job.tried)))
        .filter(|(_, tried)| *tried < night.attempts)
        .collect();
    if work.is_empty() {
        return;
    }
    let seal = sealed.seal.clone();
    desk.forget_lost(folder);
    bring_all(desk, night, folder, &work);
    desk.seal(folder, seal, night.slot);
}

fn build(desk: &mut Desk<'_>, night: &Night<'_>) {
    let open = desk.picture.open().find(|(_, open)| open.slot == Some(night.slot));
    let folder = open.map_or_else(|| desk.store.layout().building(night.slot), |(name, _)| name.to_owned());
    if desk.picture.is_taken(&folder) {
        return;
    }
    let open = open.map(|(_, open)| open.clone()).unwrap_or_default();
    let done: BTreeSet<&String> = open.records.values().map(|record| &record.item).collect();
    let tries = tries(&open.failures);
    let mut work: Vec<(&Job, u32)> = night
        .jobs
        .iter()
        .filter(|job| !done.contains(&job.item))
        .map(|job| (job, tries.get(&job.item).copied().unwrap_or(0).max(job.tried)))
        .filter(|(_, tried)| *tried < night.attempts)
        .collect();
    let waits = work.iter().any(|(job, _)| job.hold.is_some());
    work.retain(|(job, _)| job.hold.is_none());
    // One that fails must not keep the others from their turn.
    work.sort_by_key(|(_, tried)| *tried);
    if work.is_empty() && (waits || open.records.is_empty()) {
        return;
    }
    if !work.is_empty() {
        clear(desk, &folder, night.slot);
        desk.open(&folder, night.slot, &night.stamp);
        bring_all(desk, night, &folder, &work);
    }
    if waits {
        return;
    }
    let mut seal = blank(night.seal, night.slot, &night.stamp);
    seal.items = items(&open.records, &open.failures);
    seal.items.extend(night.jobs.iter().map(|job| job.item.clone()));
    desk.seal(&folder, seal, night.slot);
    desk.rotate_in(&folder, night.slot);
}

fn bring_all(desk: &mut Desk<'_>, night: &Night<'_>, folder: &str, work: &[(&Job, u32)]) {
    for (job, tried) in work {
        let arrival = arrival(night, folder, job, tried.saturating_add(1));
        for step in (night.bring)(desk, job, &arrival) {
            desk.push(step);
        }
        desk.arrive(&arrival);
    }
}

fn arrival(night: &Night<'_>, folder: &str, job: &Job, attempt: u32) -> Arrival {
    let record = Record {
        item: job.item.clone(),
        kind: job.kind.clone(),
        slot: slot_name(night.slot),
        source: night.seal.source.clone(),
        attempt,
        log: job.log.clone(),
        bytes: 0,
        sha256: String::new(),
        more: BTreeMap::new(),
    };
    Arrival { fields: fields_of(&record), record, name: job.archive.clone(), folder: folder.to_owned() }
}

/// What is written into a record besides what the transfer finds out.
pub(super) fn fields_of(record: &Record) -> serde_json::Map<String, serde_json::Value> {
    let Record { item, kind, slot, source, attempt, log, .. } = record;
    format::fields(item, kind, slot, source, *attempt, log)
}

/// How often each item failed.
pub(super) fn tries(failures: &BTreeMap<String, Failure>) -> BTreeMap<String, u32> {
    let mut tries = BTreeMap::new();
    for failure in failures.values() {
        let known = tries.entry(failure.item.clone()).or_insert(0);
        *known = failure.attempt.max(*known);
    }
    tries
}
