//! Which clones are kept, decided for each machine by its own.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::{Member, slot_name, slot_of};
use jiff::Timestamp;

use super::spec::VmCloneScheduleSpec;
use super::state::{Cloned, Seen, Standing};

/// What becomes of clones.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict {
    /// Why those stay that do, by machine and slot.
    pub(super) keep: BTreeMap<(String, Timestamp), Vec<String>>,
    /// Those that no rule keeps: where they are among those that were seen.
    pub(super) remove: Vec<usize>,
    /// Why a person should look at it before anything is removed, by machine.
    pub(super) alarms: BTreeMap<String, String>,
}

/// The schedule's own clones of one machine: where they are among those that were seen.
pub(super) type Own<'s> = BTreeMap<&'s str, Vec<usize>>;

/// All of them, by machine.
pub(super) fn own(seen: &Seen) -> Own<'_> {
    let mut own = Own::new();
    for (at, clone) in seen.clones.iter().enumerate() {
        own.entry(clone.item.as_str()).or_default().push(at);
    }
    own
}

/// The clones of one machine as far as retention is concerned. `coming` is its slot for which there will be one, and those that
/// are whole will be sealed.
fn members(seen: &Seen, all: &[usize], coming: Option<Timestamp>) -> Vec<Member> {
    let member = |at, verified, protected| Member { at, verified, protected, tags: BTreeSet::new() };
    let there = all.iter().filter_map(|at| seen.clones.get(*at)).filter_map(|clone| match &clone.standing {
        Standing::Sealed | Standing::Finished => Some(member(clone.slot, true, None)),
        Standing::Changed(why) => Some(member(clone.slot, false, Some(why.clone()))),
        Standing::Half(_) | Standing::Busy => None,
    });
    there.chain(coming.map(|slot| member(slot, true, None))).collect()
}

/// Whether a clone of this slot would be kept if it were made now.
pub(super) fn would_stay(
    spec: &VmCloneScheduleSpec,
    seen: &Seen,
    all: &[usize],
    slot: Timestamp,
    now: Timestamp,
) -> bool {
    let members = members(seen, all, Some(slot));
    spec.retention.decide(&members, now, &seen.zone.zone).keep.contains_key(&slot)
}

/// Decides for every machine, also for those that the manifest names no more. `coming` are the slots for which there will be a
/// clone, by machine; of the `untouched` ones nothing goes.
///
/// Time goes on while clones fail, and rules such as `keepWithin` would clear away the last good ones one after the other. So
/// nothing goes of a machine that lacks its newest clone.
pub(super) fn judge(
    spec: &VmCloneScheduleSpec,
    seen: &Seen,
    coming: &BTreeMap<&str, Timestamp>,
    untouched: &BTreeSet<&str>,
    now: Timestamp,
) -> Verdict {
    let zone = &seen.zone.zone;
    let latest = spec.schedule.slot_before(now, zone).and_then(|slot| slot_of(&slot_name(slot)));
    let expected: BTreeSet<&str> = seen.sources.iter().map(|source| source.item.as_str()).collect();
    let mut verdict = Verdict::default();
    for (item, all) in own(seen) {
        let members = members(seen, &all, coming.get(item).copied());
        let decision = spec.retention.decide(&members, now, zone);
        let good = members.iter().filter(|member| member.verified && member.at <= now);
        let newest = good.map(|member| member.at).max();
        let is_behind = expected.contains(item) && newest < latest;
        let stays = is_behind || untouched.contains(item);
        for at in all {
            let Some(clone) = seen.clones.get(at) else { continue };
            let key = (item.to_owned(), clone.slot);
            if !decision.remove.contains(&clone.slot) || !can_go(clone) {
                verdict.keep.insert(key, decision.keep.get(&clone.slot).cloned().unwrap_or_default());
            } else if stays {
                verdict.keep.insert(key, vec!["until there is a new one".to_owned()]);
            } else {
                verdict.remove.push(at);
            }
        }
        let alarm = decision.alarm.filter(|_| !stays);
        verdict.alarms.extend(alarm.map(|alarm| (item.to_owned(), format!("{item}: {alarm}"))));
    }
    verdict
}

/// Only what is as it was when it was sealed.
fn can_go(clone: &Cloned) -> bool {
    clone.standing == Standing::Sealed
}
