//! What there is to tell: whether there is a good copy, what there is, and what becomes of it.

use std::collections::BTreeSet;

use evenkeel_core::driver::{Fate, Generation, Health, Report};
use evenkeel_core::period::Period;
use jiff::Timestamp;

use super::observe::Seen;
use super::plan::{Planned, plan};
use super::spec::{Guests, VzdumpScheduleSpec};
use crate::backup::{Picture, Standing, StoreSpec, Verdict};

/// Messages name no more than so many things.
const MOST_NAMED: usize = 5;

/// Everything that there is to tell.
pub(super) fn report(spec: &VzdumpScheduleSpec, seen: &Seen, now: Timestamp) -> Report {
    let planned = plan(spec, seen, now);
    let mut report = Report { next: planned.due.next, ..Report::default() };
    if spec.schedule.time_zone.is_none() {
        report.notes.push(format!("slots are in the time zone of the host, {}", seen.zone.name));
    }
    report.notes.extend(seen.notes.iter().cloned());
    let store = &spec.vzdump.store;
    report.health.push(fresh(spec, seen, &seen.store, "Fresh".to_owned(), now));
    report.health.push(whole(spec, seen, &planned));
    report.health.extend(missing(spec, seen));
    if !planned.holds.is_empty() {
        let told = planned.holds.iter().map(|(item, why)| format!("{item}: {why}"));
        report.health.push(Health::bad("Space", "NoRoom", some(told)));
    }
    tell(&mut report, store, &seen.store, &planned.verdict);
    for (nth, (copy, known)) in spec.vzdump.copies.iter().zip(&seen.copies).enumerate() {
        let store = copy.store();
        let about = format!("Fresh/{}", store.target);
        match known {
            Ok(picture) => {
                report.health.push(fresh(spec, seen, picture, about, now));
                let lost = lost(picture);
                if !lost.is_empty() {
                    report.health.push(Health::bad(format!("Whole/{}", store.target), "Lost", some(lost)));
                }
                let verdict = planned.copies.get(nth).and_then(Option::as_ref).map(|(_, verdict)| verdict);
                tell(&mut report, store, picture, verdict.unwrap_or(&Verdict::default()));
            }
            Err(why) => {
                report.health.push(Health::bad(&about, "Unreachable", format!("{}: {why}", store.label())));
                report.notes.push(format!("{} is left as it is: {why}", store.label()));
            }
        }
    }
    report
}

/// The guests that the manifest names and that are not there.
fn missing(spec: &VzdumpScheduleSpec, seen: &Seen) -> Option<Health> {
    let Guests::Ids(ids) = &spec.vzdump.guests else { return None };
    let missing: Vec<String> =
        ids.iter().filter(|id| !seen.guests.contains_key(id)).map(ToString::to_string).collect();
    let says = format!(
        "not on this host: guest {}; take it out of `guests`, its copies stay by their own rules",
        missing.join(", ")
    );
    (!missing.is_empty()).then(|| Health::bad("Guests", "Missing", says))
}

fn some(all: impl IntoIterator<Item = String>) -> String {
    let all: Vec<String> = all.into_iter().collect();
    let more = all.len().saturating_sub(MOST_NAMED);
    let named = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; ");
    if more == 0 { named } else { format!("{named}; and {more} more") }
}

/// Whether the newest verified copy is new enough.
fn fresh(spec: &VzdumpScheduleSpec, seen: &Seen, picture: &Picture, about: String, now: Timestamp) -> Health {
    let limit = spec.schedule.fresh_within_seconds(now, &seen.zone.zone);
    let archives = picture.archives();
    // One that says it is of the future says nothing about now.
    let verified = archives.iter().filter(|archive| archive.is_verified()).map(|archive| archive.slot);
    let newest = verified.filter(|slot| *slot <= now).max();
    let Some(newest) = newest else {
        let health = if seen.chosen.is_empty() {
            Health::good(about, "NothingToCopy", "there is no copy, and nothing to be copied")
        } else {
            Health::bad(about, "Never", "there is no verified copy")
        };
        return health.aged(None, limit);
    };
    let age = u64::try_from(now.duration_since(newest).as_secs()).unwrap_or(0);
    let (told, wanted) = (Period::coarse(age), Period::coarse(limit));
    let message = format!("the newest verified copy is {told} old, wanted < {wanted}");
    let health = if age < limit {
        Health::good(about, "Fresh", message)
    } else {
        Health::bad(about, "TooOld", message)
    };
    health.aged(Some(newest), limit)
}

/// Whether the newest generation has all that it should have, and none has lost any.
fn whole(spec: &VzdumpScheduleSpec, seen: &Seen, planned: &Planned<'_>) -> Health {
    let given_up = given_up(spec, seen, planned);
    let newest = seen.store.sealed().max_by_key(|(.., sealed)| sealed.slot);
    let lacking = newest.map(|(_, folder, sealed)| {
        let good = |item: &&str| !sealed.failures.values().any(|failure| failure.item == **item);
        let (silent, failed): (Vec<&str>, Vec<&str>) = folder.lacking(sealed).into_iter().partition(good);
        let why = |item: &&str| sealed.failures.values().find(|failure| failure.item == **item);
        let failed = failed.into_iter().filter_map(|item| Some(format!("{item}: {}", why(&item)?.failed)));
        let silent = silent.into_iter().map(|item| format!("{item}: there is no good archive"));
        failed.chain(silent).collect::<Vec<_>>()
    });
    let lacking = lacking.unwrap_or_default();
    let lost = lost(&seen.store);
    let damaged = seen.store.folders.iter().filter_map(|(name, folder)| match &folder.standing {
        Standing::Damaged(why) => Some(format!("{name}: {why}")),
        _ => None,
    });
    let damaged: Vec<String> = damaged.collect();
    if !given_up.is_empty() {
        return Health::bad("Whole", "Failed", format!("given up for this slot: {}", some(given_up)));
    }
    if !lacking.is_empty() {
        return Health::bad(
            "Whole",
            "Incomplete",
            format!("the newest generation is incomplete: {}", some(lacking)),
        );
    }
    if !damaged.is_empty() {
        return Health::bad("Whole", "Damaged", some(damaged));
    }
    if !lost.is_empty() {
        return Health::bad("Whole", "Lost", some(lost));
    }
    let message = match newest {
        Some(_) => "the newest generation has everything, and none has lost any".to_owned(),
        None => "there is no generation yet".to_owned(),
    };
    Health::good("Whole", "Whole", message)
}

/// The guests that will not be tried again for the slot that is due, and why.
fn given_up(spec: &VzdumpScheduleSpec, seen: &Seen, planned: &Planned<'_>) -> Vec<String> {
    let Some(slot) = planned.due.slot else { return Vec::new() };
    let name = evenkeel_core::backup::slot_name(slot);
    let open = seen.store.open().find(|(_, open)| open.slot == Some(slot)).map(|(_, open)| open);
    let done: BTreeSet<&str> =
        open.into_iter().flat_map(|open| open.records.values()).map(|record| record.item.as_str()).collect();
    let mut told = Vec::new();
    for item in seen.chosen.iter().map(ToString::to_string).filter(|item| !done.contains(item.as_str())) {
        let failure = open.and_then(|open| open.failures.values().find(|failure| failure.item == item));
        let on_host = seen.on_host.as_ref().map_or(0, |host| host.tries(&name, &item));
        let tries = failure.map_or(0, |failure| failure.attempt).max(on_host);
        if tries >= spec.attempts() {
            let why = failure.map_or_else(
                || format!("see {}/{name}/{item}/out.log on the host", super::observe::host_folder(spec)),
                |failure| failure.failed.clone(),
            );
            told.push(format!("{item} failed {tries} times: {why}"));
        }
    }
    told
}

fn lost(picture: &Picture) -> Vec<String> {
    let archives = picture.archives();
    let lost = archives.iter().filter(|archive| !archive.is_verified());
    lost.map(|archive| format!("{}/{}: {}", archive.folder, archive.name, archive.tell())).collect()
}

/// The copies in a store, and whose folders are among ours.
fn tell(report: &mut Report, store: &StoreSpec, picture: &Picture, verdict: &Verdict) {
    for archive in picture.archives() {
        let expired = verdict.expired.values().any(|names| names.contains(archive.name));
        let kept = verdict.keep.get(&(archive.record.item.clone(), archive.slot));
        let fate = match kept {
            _ if !archive.is_verified() => Fate::LeftAlone { reason: archive.tell() },
            Some(reasons) => Fate::Kept { reasons: reasons.clone() },
            None if expired => Fate::Expired,
            None => Fate::LeftAlone { reason: "not decided yet".to_owned() },
        };
        report.generations.push(Generation {
            store: store.label(),
            slot: archive.slot,
            item: archive.record.item.clone(),
            name: format!("{}/{}", archive.folder, archive.name),
            bytes: Some(archive.record.bytes),
            verified: archive.is_verified(),
            fate,
        });
    }
    let foreign: Vec<String> = picture
        .folders
        .iter()
        .filter_map(|(name, folder)| match &folder.standing {
            Standing::Foreign(why) => Some(format!("{name} ({why})")),
            _ => None,
        })
        .collect();
    if !foreign.is_empty() {
        report.notes.push(format!("{}: not ours, left alone: {}", store.label(), some(foreign)));
    }
    let carried: Vec<String> = picture
        .sealed()
        .filter(|(_, folder, sealed)| folder.has_foreign(Some(&sealed.seal.stamp)))
        .map(|(name, ..)| name.to_owned())
        .collect();
    if !carried.is_empty() {
        report.notes.push(format!(
            "{}: other files are among ours, left alone: in {}",
            store.label(),
            some(carried)
        ));
    }
}
