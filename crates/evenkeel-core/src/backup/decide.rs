//! The decision which copies are kept.
//!
//! Only copies count that are verified, not protected and not in the future. What is removed is what no rule keeps; the
//! newest verified copy is never among it. Sorting is the dearest part.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::retention::{Decision, Interval, Member, Retention, Semantics};
use crate::period::Period;

/// Below so many copies nothing is more than half.
const FEW: usize = 3;

/// Why copies stay, so far.
type Reasons = BTreeMap<Timestamp, Vec<String>>;

/// A copy that counts.
struct Candidate<'a> {
    at: Timestamp,
    local: Zoned,
    tags: BTreeSet<&'a str>,
}

/// See [`Retention::decide`].
pub(super) fn decide(policy: &Retention, members: &[Member], now: Timestamp, zone: &TimeZone) -> Decision {
    let mut keep = Reasons::new();
    let mut future = BTreeSet::new();
    let mut unverified = BTreeSet::new();
    let mut newest = None;
    let mut candidates: BTreeMap<Timestamp, BTreeSet<&str>> = BTreeMap::new();
    for (at, members) in by_time(members) {
        let protected: BTreeSet<&str> =
            members.iter().filter_map(|member| member.protected.as_deref()).collect();
        keep_all(&mut keep, at, protected.iter().map(|why| format!("protected: {why}")));
        let verified = members.iter().any(|member| member.verified);
        if at > now {
            keep_one(&mut keep, at, "in the future");
            future.insert(at);
            continue;
        }
        if verified {
            newest = newest.max(Some(at));
        }
        match (protected.is_empty(), verified) {
            (false, _) => {}
            (true, false) => drop(unverified.insert(at)),
            (true, true) => {
                let tags = members.iter().filter(|member| member.verified).flat_map(|member| &member.tags);
                candidates.insert(at, tags.map(String::as_str).collect());
            }
        }
    }
    let candidates: Vec<Candidate<'_>> = candidates
        .into_iter()
        .rev()
        .map(|(at, tags)| Candidate { at, local: at.to_zoned(zone.clone()), tags })
        .collect();
    if policy.keeps_all() {
        let all = candidates.iter().map(|candidate| candidate.at).chain(unverified);
        all.for_each(|at| keep_one(&mut keep, at, "there is no rule"));
        return Decision {
            keep,
            remove: BTreeSet::new(),
            alarm: alarm(policy, &candidates, &BTreeSet::new(), &future),
        };
    }
    rules(policy, &candidates, now, &mut keep);
    if let Some(at) = newest {
        keep.entry(at).or_insert_with(|| vec!["newest verified".to_owned()]);
    }
    let mut remove: BTreeSet<Timestamp> =
        candidates.iter().map(|candidate| candidate.at).filter(|at| !keep.contains_key(at)).collect();
    let alarm = alarm(policy, &candidates, &remove, &future);
    for at in unverified {
        if newest.is_some_and(|newest| newest > at) {
            remove.insert(at);
        } else {
            keep_one(&mut keep, at, "not verified, and no newer one is");
        }
    }
    Decision { keep, remove, alarm }
}

fn by_time(members: &[Member]) -> BTreeMap<Timestamp, Vec<&Member>> {
    let mut times: BTreeMap<Timestamp, Vec<&Member>> = BTreeMap::new();
    for member in members {
        times.entry(member.at).or_default().push(member);
    }
    times
}

fn keep_one(keep: &mut Reasons, at: Timestamp, why: impl Into<String>) {
    keep.entry(at).or_default().push(why.into());
}

fn keep_all(keep: &mut Reasons, at: Timestamp, why: impl Iterator<Item = String>) {
    why.for_each(|why| keep_one(keep, at, why));
}

/// Adds the reasons of every rule. `candidates` are newest first.
fn rules(policy: &Retention, candidates: &[Candidate<'_>], now: Timestamp, keep: &mut Reasons) {
    let Some(newest) = candidates.first() else { return };
    let reference = match policy.semantics {
        Semantics::Proxmox => now,
        Semantics::Restic => newest.at,
    };
    let last = usize::try_from(policy.keep_last.unwrap_or(0)).unwrap_or(usize::MAX);
    for (candidate, number) in candidates.iter().take(last).zip(1..) {
        keep_one(keep, candidate.at, format!("last {number}"));
    }
    if let Some(period) = policy.keep_within {
        for candidate in young(candidates, reference, period, policy.semantics) {
            keep_one(keep, candidate.at, format!("within {period}"));
        }
    }
    for (interval, period) in policy.windows() {
        let Some(period) = period else { continue };
        let mut seen = None;
        for candidate in young(candidates, reference, period, policy.semantics) {
            let name = interval.name(&candidate.local);
            if seen.as_ref() != Some(&name) {
                keep_one(keep, candidate.at, format!("{name}, within {period}"));
                seen = Some(name);
            }
        }
    }
    match policy.semantics {
        Semantics::Proxmox => stacked(policy, candidates, keep),
        Semantics::Restic => parallel(policy, candidates, keep),
    }
    // Last: a copy that only its tag keeps must not stand for its interval in place of a newer one.
    for candidate in candidates {
        for tag in policy.keep_tags.iter().filter(|tag| candidate.tags.contains(tag.as_str())) {
            keep_one(keep, candidate.at, format!("tag {tag}"));
        }
    }
}

/// Those that are not older than `period`.
fn young<'a>(
    candidates: &'a [Candidate<'a>],
    reference: Timestamp,
    period: Period,
    semantics: Semantics,
) -> impl Iterator<Item = &'a Candidate<'a>> {
    let span = i64::try_from(period.as_seconds()).map_or(SignedDuration::MAX, SignedDuration::from_secs);
    candidates.iter().filter(move |candidate| {
        let age = reference.duration_since(candidate.at);
        // restic asks for `after`, and ours is "not older than".
        age < span || (age == span && semantics == Semantics::Proxmox)
    })
}

/// Proxmox's way: rule after rule, and an interval that already holds a kept copy does not count. A copy that one rule
/// passed over for a newer one of the same interval is not looked at by the rules behind it.
fn stacked(policy: &Retention, candidates: &[Candidate<'_>], keep: &mut Reasons) {
    let mut passed: BTreeSet<Timestamp> = BTreeSet::new();
    for (interval, count) in policy.counts() {
        let Some(count) = count else { continue };
        let kept = candidates.iter().filter(|candidate| keep.contains_key(&candidate.at));
        let held: BTreeSet<String> = kept.map(|candidate| interval.name(&candidate.local)).collect();
        let mut taken = BTreeSet::new();
        for candidate in candidates {
            if keep.contains_key(&candidate.at) || passed.contains(&candidate.at) {
                continue;
            }
            let name = interval.name(&candidate.local);
            if held.contains(&name) {
                continue;
            }
            if taken.contains(&name) {
                passed.insert(candidate.at);
                continue;
            }
            if taken.len() >= usize::try_from(count).unwrap_or(usize::MAX) {
                break;
            }
            keep_one(keep, candidate.at, name.clone());
            taken.insert(name);
        }
    }
}

/// restic's way: every rule by itself; where a rule has numbers left at the end, the oldest copy is kept.
fn parallel(policy: &Retention, candidates: &[Candidate<'_>], keep: &mut Reasons) {
    let oldest = candidates.last().map(|candidate| candidate.at);
    for (interval, count) in policy.counts() {
        let mut left = count.unwrap_or(0);
        let mut seen = None;
        for candidate in candidates {
            if left == 0 {
                break;
            }
            let name = interval.name(&candidate.local);
            let fresh = seen.as_ref() != Some(&name);
            if fresh || oldest == Some(candidate.at) {
                let why = if fresh { name.clone() } else { format!("{name}, the oldest") };
                keep_one(keep, candidate.at, why);
                left -= 1;
            }
            seen = Some(name);
        }
    }
}

impl Interval {
    /// The interval that holds a moment, as reasons name it.
    fn name(self, local: &Zoned) -> String {
        let (year, month, day) = (local.year(), local.month(), local.day());
        match self {
            Interval::Hourly => format!("hourly {year:04}-{month:02}-{day:02} {:02}h", local.hour()),
            Interval::Daily => format!("daily {year:04}-{month:02}-{day:02}"),
            Interval::Weekly => {
                let week = local.date().iso_week_date();
                format!("weekly {:04}-W{:02}", week.year(), week.week())
            }
            Interval::Monthly => format!("monthly {year:04}-{month:02}"),
            Interval::Yearly => format!("yearly {year:04}"),
        }
    }
}

/// Why a person should look first. A night's rotation, and the first one after `keepLast` was lowered by one, are none:
/// there are at most two copies more than `keepLast`.
fn alarm(
    policy: &Retention,
    candidates: &[Candidate<'_>],
    remove: &BTreeSet<Timestamp>,
    future: &BTreeSet<Timestamp>,
) -> Option<String> {
    let mut alarms = Vec::new();
    if let (Some(first), Some(last)) = (future.first(), future.last()) {
        let copies =
            if future.len() == 1 { "1 copy is".to_owned() } else { format!("{} copies are", future.len()) };
        let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
        alarms.push(format!("{copies} in the future ({span}): a clock is wrong, or was"));
    }
    let (all, gone) = (candidates.len(), remove.len());
    let rotation = policy
        .keep_last
        .filter(|last| *last > 0)
        .is_some_and(|last| usize::try_from(last).is_ok_and(|last| all <= last.saturating_add(2)));
    if all >= FEW && gone > all - gone && !rotation {
        let stay = match all - gone {
            1 => "only 1 would stay".to_owned(),
            stay => format!("{stay} would stay"),
        };
        alarms.push(format!("{gone} of {all} verified copies would go, and {stay}"));
    }
    (!alarms.is_empty()).then(|| alarms.join("; "))
}
