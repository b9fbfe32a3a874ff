//! Whether the job does what it is for: how old the newest copy of each guest is, not whether the job exists.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::Zone;
use evenkeel_core::driver::{Fate, Generation, Health, Report};
use evenkeel_core::period::Period;
use evenkeel_core::request::Replies;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::PveJobState;
use super::cluster::Copy;
use super::spec::{PveJobSchedule, Written};

pub(super) fn report(spec: &PveJobSchedule, seen: &PveJobState, now: Timestamp) -> Report {
    let evidence = &seen.evidence;
    let zone = evidence.zone.as_deref().and_then(|name| Zone::read(Some(name), &Replies::default()).ok());
    let mut report = Report::default();
    match &zone {
        Some(zone) => report.notes.push(format!("Proxmox runs it in the nodes' time zone, {}", zone.name)),
        None => report.notes.push(
            "Proxmox runs it in the nodes' time zone, which this login may not read (Sys.Audit on the node)"
                .to_owned(),
        ),
    }
    let zone = zone.map_or(TimeZone::UTC, |zone| zone.zone);
    if let Some(next) = evidence.next_run.filter(|_| evidence.enabled) {
        report.notes.push(format!("next run: {}", next.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z")));
    }
    if !evidence.enabled {
        if spec.pve_job.enabled == Written::Value(false) {
            report.notes.push("the job is disabled, as the manifest says: no copies are expected".to_owned());
        } else {
            report.health.push(Health::bad(
                "Enabled",
                "Disabled",
                "the job is disabled: no copies are made".to_owned(),
            ));
        }
    }
    match &evidence.copies {
        Ok(copies) => {
            let guests = evidence.guests.as_ref();
            let ours = copies.iter().filter(|copy| guests.is_none_or(|all| all.contains(&copy.guest)));
            report.generations = ours.map(|copy| generation(copy, seen)).collect();
            if evidence.enabled {
                freshness(spec, seen, copies, now, &zone, &mut report);
            }
        }
        Err(why) => report.health.push(Health::bad(
            "Fresh",
            "Unknown",
            format!("how old the newest copies are is not known: {why}"),
        )),
    }
    report
}

fn generation(copy: &Copy, seen: &PveJobState) -> Generation {
    let evidence = &seen.evidence;
    let rules = evidence.own_rules.as_ref().unwrap_or(&evidence.storage_rules);
    let fate = if copy.protected {
        Fate::Kept { reasons: vec!["protected".to_owned()] }
    } else {
        Fate::LeftAlone { reason: format!("Proxmox keeps it or removes it by {rules}") }
    };
    Generation {
        store: evidence.storage.clone(),
        slot: copy.at,
        item: copy.guest.to_string(),
        name: copy.name.clone(),
        bytes: Some(copy.bytes),
        verified: copy.checked == Some(true),
        fate,
    }
}

/// What can be restored: vzdump gives an archive its name only when it is whole, and a backup server tells what it
/// found damaged.
fn counts(copy: &Copy) -> bool {
    copy.bytes > 0 && copy.checked != Some(false)
}

fn freshness(
    spec: &PveJobSchedule,
    seen: &PveJobState,
    copies: &[Copy],
    now: Timestamp,
    zone: &TimeZone,
    report: &mut Report,
) {
    let mut newest: BTreeMap<u32, Timestamp> = BTreeMap::new();
    for copy in copies.iter().filter(|copy| counts(copy)) {
        let at = newest.entry(copy.guest).or_insert(copy.at);
        *at = (*at).max(copy.at);
    }
    let guests = if let Some(guests) = &seen.evidence.guests {
        guests.clone()
    } else {
        let note =
            "this login sees no guests (VM.Audit on `/vms`): only those that have copies are looked at";
        report.notes.push(note.to_owned());
        newest.keys().copied().collect::<BTreeSet<_>>()
    };
    if guests.is_empty() {
        report.health.push(Health::bad("Fresh", "NoGuests", "the job reaches no guest at all".to_owned()));
    }
    let limit = spec.schedule.fresh_within_seconds(now, zone);
    for guest in guests {
        report.health.push(of_guest(guest, newest.get(&guest).copied(), limit, &seen.evidence.storage, now));
    }
}

fn of_guest(guest: u32, newest: Option<Timestamp>, limit: u64, storage: &str, now: Timestamp) -> Health {
    let about = format!("Fresh/{guest}");
    let wanted = Period::coarse(limit);
    let Some(newest) = newest else {
        let message = format!("there is no copy of {guest} in {storage}, wanted one < {wanted} old");
        return Health::bad(about, "Never", message).aged(None, limit);
    };
    let age = u64::try_from(now.as_second().saturating_sub(newest.as_second())).unwrap_or(0);
    let message =
        format!("the newest copy of {guest} in {storage} is {} old, wanted < {wanted}", Period::coarse(age));
    let health = if age < limit {
        Health::good(about, "Fresh", message)
    } else {
        Health::bad(about, "TooOld", message)
    };
    health.aged(Some(newest), limit)
}
