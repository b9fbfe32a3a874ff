//! What there is to do: first whole generations, then copies of them, then removals.

use std::collections::BTreeMap;

use evenkeel_core::backup::{Due, Retention, slot_name, slot_of};
use evenkeel_core::driver::Step;
use jiff::Timestamp;

use super::dump::{Dumper, HostFolder, remove};
use super::observe::{Seen, host_folder};
use super::spec::VzdumpScheduleSpec;
use crate::backup::{
    Arrival, Desk, FORMAT, Job, Night, Seal, Verdict, copy, finish, judge, make, prune, stamp_of, would_stay,
};

/// A first dump is taken to need so much room.
const FIRST_DUMP: u64 = 1 << 30;

/// What is planned.
#[derive(Debug)]
pub(super) struct Planned<'a> {
    /// What is due.
    pub due: Due,
    /// The first store.
    pub store: Desk<'a>,
    /// What becomes of what is in it.
    pub verdict: Verdict,
    /// The others, where anything is known of them.
    pub copies: Vec<Option<(Desk<'a>, Verdict)>>,
    /// Folders of dumps on the host that have no purpose.
    pub stray: Vec<String>,
    /// Why guests wait, by id.
    pub holds: BTreeMap<String, String>,
    /// All steps, in order.
    pub steps: Vec<Step>,
}

/// The object of a spec; it fixes the jitter, too.
pub(super) fn object(spec: &VzdumpScheduleSpec) -> String {
    format!("vzdump to {}", spec.vzdump.store.label())
}

/// The rules of a copy's store.
pub(super) fn retention_of(spec: &VzdumpScheduleSpec, copy: usize) -> &Retention {
    spec.vzdump.copies.get(copy).and_then(|copy| copy.retention.as_ref()).unwrap_or(&spec.retention)
}

/// Plans from what was seen at `now`.
pub(super) fn plan<'a>(spec: &'a VzdumpScheduleSpec, seen: &Seen, now: Timestamp) -> Planned<'a> {
    let zone = &seen.zone.zone;
    let mut due = spec.schedule.due(now, zone, &object(spec));
    due.slot = due.slot.map(whole_seconds);
    let is_pause = spec.schedule.paused;
    let current = |slot: Timestamp| is_pause || due.slot.is_some_and(|due| slot_name(due) == slot_name(slot));
    // By hand a copy is only made: nothing is removed then.
    let removes = spec.schedule.once.is_none();
    let template = template(spec, seen);
    let mut store = Desk::new(&spec.vzdump.store, &seen.store);
    let (jobs, stray) = match due.slot {
        // A copy by hand is made of a slot of its own: those of the schedule are not worked on, but wanted.
        Some(slot) if !removes => (jobs(spec, seen, slot, now), Vec::new()),
        Some(slot) => (jobs(spec, seen, slot, now), stray(seen, &store, slot)),
        None => (Vec::new(), all_slots(seen, !removes || is_pause)),
    };
    let mut steps: Vec<Step> =
        stray.iter().map(|slot| remove(&format!("{}/{slot}", host_folder(spec)))).collect();
    if !is_pause {
        finish(&mut store, &template, &current);
    }
    if let Some(slot) = due.slot {
        build(spec, seen, slot, &jobs, &mut store, &template);
    }
    let mut copies: Vec<Option<Desk<'_>>> = Vec::new();
    for (nth, known) in seen.copies.iter().enumerate() {
        let there = spec.vzdump.copies.get(nth).zip(known.as_ref().ok());
        copies.push(there.map(|(written, picture)| {
            let mut desk = Desk::new(written.store(), picture);
            if !is_pause {
                copy(&mut desk, &store, &template, retention_of(spec, nth), now, zone);
            }
            desk
        }));
    }
    steps.append(&mut store.steps);
    copies.iter_mut().flatten().for_each(|desk| steps.append(&mut desk.steps));
    let latest = spec.schedule.slot_before(now, zone);
    let is_behind = |item: &str, newest: Option<Timestamp>| {
        let is_chosen = item.parse().is_ok_and(|id| seen.chosen.contains(&id));
        is_chosen && latest.is_some_and(|latest| newest.is_none_or(|newest| newest < whole_seconds(latest)))
    };
    let mut tidy = |desk: &mut Desk<'a>, retention: &Retention| {
        let verdict = judge(&desk.picture, retention, &is_behind, now, zone);
        if removes {
            prune(desk, &verdict, &current);
            steps.append(&mut desk.steps);
        }
        verdict
    };
    let verdict = tidy(&mut store, &spec.retention);
    let copies = copies.into_iter().enumerate().map(|(nth, desk)| {
        desk.map(|mut desk| {
            let verdict = tidy(&mut desk, retention_of(spec, nth));
            (desk, verdict)
        })
    });
    let copies = copies.collect();
    let holds = jobs.into_iter().filter_map(|job| Some((job.item, job.hold?))).collect();
    Planned { due, store, verdict, copies, stray, holds, steps }
}

/// Slots are whole seconds, as their names are.
fn whole_seconds(slot: Timestamp) -> Timestamp {
    slot_of(&slot_name(slot)).unwrap_or(slot)
}

fn template(spec: &VzdumpScheduleSpec, seen: &Seen) -> Seal {
    Seal {
        format: FORMAT,
        kind: "vzdump".to_owned(),
        source: String::new(),
        resource: String::new(),
        owner: String::new(),
        slot: String::new(),
        stamp: String::new(),
        tool: seen.facts.version.clone(),
        layout: spec.vzdump.store.layout().to_string(),
        items: std::collections::BTreeSet::new(),
        archives: BTreeMap::new(),
        removed: std::collections::BTreeSet::new(),
        more: BTreeMap::new(),
    }
}

/// The guests that are to be in the slot's generation.
fn jobs(spec: &VzdumpScheduleSpec, seen: &Seen, slot: Timestamp, now: Timestamp) -> Vec<Job> {
    let stamp = stamp_of(slot, &seen.zone.zone);
    let name = slot_name(slot);
    let dumper = dumper(spec, seen);
    let job = |id: &u32| {
        let guest = seen.guests.get(id)?;
        let item = id.to_string();
        let stem = format!("vzdump-{}-{item}-{stamp}", guest.kind);
        let archive = format!("{stem}.{}", dumper.extension(guest.kind)?);
        let tried = seen.on_host.as_ref().map_or(0, |host| host.tries(&name, &item));
        let hold = hold(seen, &name, &item, &archive);
        Some(Job { item, kind: guest.kind.to_owned(), archive, log: format!("{stem}.log"), tried, hold })
    };
    let zone = &seen.zone.zone;
    // What would be removed at once is not made.
    let stays = |job: &Job| would_stay(&seen.store, &job.item, slot, &spec.retention, now, zone);
    seen.chosen.iter().filter_map(job).filter(stays).collect()
}

fn dumper(spec: &VzdumpScheduleSpec, seen: &Seen) -> Dumper {
    Dumper { dialect: seen.facts.dialect, mode: spec.vzdump.mode, compress: seen.compress }
}

/// Why a guest's dump has no room on the host: it is taken to be as large as the last one.
fn hold(seen: &Seen, slot: &str, item: &str, archive: &str) -> Option<String> {
    let host = seen.on_host.as_ref()?;
    if host.has(slot, item, archive) {
        return None;
    }
    let archives = seen.store.archives();
    let of_item = archives.iter().filter(|archive| archive.record.item == item);
    let last = of_item.max_by_key(|archive| archive.slot).map(|archive| archive.record.bytes);
    let needed = last.unwrap_or(FIRST_DUMP);
    let whose = if last.is_some() { "its last dump had" } else { "a first dump is taken to need" };
    (host.free < needed).then(|| format!("{} bytes are free on the host, {whose} {needed}", host.free))
}

/// The slots whose dumps on the host are of no use any more.
fn stray(seen: &Seen, store: &Desk<'_>, slot: Timestamp) -> Vec<String> {
    let done = is_complete(store, slot);
    let name = slot_name(slot);
    let slots = seen.on_host.as_ref().map(|host| host.slots()).unwrap_or_default();
    slots.into_iter().filter(|other| done || *other != name).map(str::to_owned).collect()
}

/// True where the slot's generation has all that it should have.
fn is_complete(store: &Desk<'_>, slot: Timestamp) -> bool {
    store.picture.generation(slot).is_some_and(|(_, folder, sealed)| folder.lacking(sealed).is_empty())
}

fn all_slots(seen: &Seen, keeps: bool) -> Vec<String> {
    let slots = seen.on_host.as_ref().filter(|_| !keeps).map(|host| host.slots()).unwrap_or_default();
    slots.into_iter().map(str::to_owned).collect()
}

fn build(
    spec: &VzdumpScheduleSpec,
    seen: &Seen,
    slot: Timestamp,
    jobs: &[Job],
    store: &mut Desk<'_>,
    template: &Seal,
) {
    let dumper = dumper(spec, seen);
    let (folder, name) = (host_folder(spec), slot_name(slot));
    let bring = |desk: &Desk<'_>, job: &Job, arrival: &Arrival| match &seen.on_host {
        None => dumper.stream(desk, job, arrival),
        Some(host) => {
            let place = HostFolder { folder: &folder, slot: &name };
            dumper.by_folder(desk, job, arrival, place, host.has(&name, &job.item, &job.archive))
        }
    };
    let stamp = stamp_of(slot, &seen.zone.zone);
    let attempts = spec.attempts();
    let was_complete = is_complete(store, slot);
    make(store, &Night { slot, stamp, seal: template, attempts, jobs, bring: &bring });
    // What the dumps of this slot leave on the host goes with the last of them. Marks of failed ones are counted until then.
    if seen.on_host.is_some() && !was_complete && is_complete(store, slot) {
        store.push(remove(&format!("{folder}/{name}")));
    }
}
