//! How the hosts of clusters take turns in one run: few at a time, and none any more after too many that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::plan::{Order, Rollout};
use evenkeel_core::transport::TransportErrorKind;
use jiff::{SignedDuration, Timestamp};

/// What may be done with a host now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Its turn.
    Now,
    /// Others of its cluster go first.
    Later,
    /// Its cluster rests.
    Rest {
        /// The cluster.
        group: String,
        /// Until then.
        until: Timestamp,
    },
    /// Too many of a cluster failed.
    Never {
        /// The cluster.
        group: String,
        /// In words.
        reason: String,
    },
}

/// The turns of one run.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// The hosts that are being changed, each with how many at once it bears.
    under_way: BTreeMap<String, usize>,
    /// Those that failed.
    failed: Vec<String>,
    /// Those that do not answer.
    away: BTreeSet<String>,
    /// The canaries whose turn is to come or goes on.
    canaries: BTreeSet<String>,
    /// Those that are not as their manifests say, and will not be in this run.
    unwell: BTreeSet<String>,
    /// When one of them was written to last.
    written: Option<Timestamp>,
}

impl Turns {
    /// Whether a host that takes these turns may be changed now. A host may be in several clusters, and in one by several resources.
    pub(crate) fn admit(&self, rollouts: &[Arc<Rollout>], now: Timestamp) -> Admission {
        let mut admission = Admission::Now;
        for rollout in rollouts {
            let Some(group) = self.groups.get(&rollout.group) else { continue };
            if group.failed.len() >= rollout.max_failures {
                let reason = stopped(&rollout.group, &group.failed);
                return Admission::Never { group: rollout.group.clone(), reason };
            }
            if group.away.len() >= rollout.at_once {
                let reason = away(rollout, &group.away);
                return Admission::Never { group: rollout.group.clone(), reason };
            }
            let is_last = rollout.order == Order::AfterCanaries;
            if is_last && !group.unwell.is_empty() {
                let reason = canaries_first(&rollout.group, &group.unwell);
                return Admission::Never { group: rollout.group.clone(), reason };
            }
            if is_last && !group.canaries.is_empty() {
                admission = Admission::Later;
            }
            let bears = group.under_way.values().copied().chain([rollout.at_once]).min().unwrap_or(1);
            if group.under_way.len() + group.away.len() >= bears {
                admission = Admission::Later;
            }
            let rested = group.written.and_then(|written| rested(rollout, written));
            if let (Some(until), Admission::Now) = (rested.filter(|until| now < *until), &admission) {
                admission = Admission::Rest { group: rollout.group.clone(), until };
            }
        }
        admission
    }

    /// `target` will have a turn: where it is a canary, others wait for it.
    pub(crate) fn expect(&mut self, target: &str, rollouts: &[Arc<Rollout>]) {
        for rollout in rollouts.iter().filter(|rollout| rollout.order == Order::Canary) {
            self.groups.entry(rollout.group.clone()).or_default().canaries.insert(target.to_owned());
        }
    }

    /// `target` has no turn, or had one, and is not as its manifest says: where it is a canary, it stops the others.
    pub(crate) fn give_up(&mut self, target: &str, rollout: &Rollout) {
        if rollout.order == Order::Canary {
            let group = self.groups.entry(rollout.group.clone()).or_default();
            group.canaries.remove(target);
            group.unwell.insert(target.to_owned());
        }
    }

    /// `target` does not answer: as far as its cluster goes, it is away already.
    pub(crate) fn miss(&mut self, target: &str, rollout: &Rollout) {
        self.groups.entry(rollout.group.clone()).or_default().away.insert(target.to_owned());
    }

    /// A host that takes these turns was written to.
    pub(crate) fn wrote(&mut self, rollouts: &[Arc<Rollout>], now: Timestamp) {
        for rollout in rollouts {
            self.groups.entry(rollout.group.clone()).or_default().written = Some(now);
        }
    }

    /// `target` is being changed.
    pub(crate) fn begin(&mut self, target: &str, rollouts: &[Arc<Rollout>]) {
        for rollout in rollouts {
            let group = self.groups.entry(rollout.group.clone()).or_default();
            let bears = group.under_way.entry(target.to_owned()).or_insert(rollout.at_once);
            *bears = rollout.at_once.min(*bears);
        }
    }

    /// `target` is done; what belongs to these clusters `failed` on it.
    pub(crate) fn end(&mut self, target: &str, rollouts: &[Arc<Rollout>], failed: &BTreeSet<&str>) {
        for rollout in rollouts {
            let group = self.groups.entry(rollout.group.clone()).or_default();
            group.under_way.remove(target);
            group.canaries.remove(target);
            if failed.contains(rollout.group.as_str()) && !group.failed.iter().any(|name| name == target) {
                group.failed.push(target.to_owned());
            }
        }
    }
}

/// Why a cluster is left alone.
pub(crate) fn stopped(group: &str, failed: &[String]) -> String {
    format!("not begun, because {} of the hosts with {group} failed ({})", failed.len(), failed.join(", "))
}

/// Until when a cluster of which a host was `written` to rests.
pub(crate) fn rested(rollout: &Rollout, written: Timestamp) -> Option<Timestamp> {
    let pause = SignedDuration::try_from(std::time::Duration::from(rollout.pause?)).ok()?;
    written.checked_add(pause).ok()
}

/// Why a cluster is left alone whose `canaries` are not as they shall be.
pub(crate) fn canaries_first(group: &str, canaries: &BTreeSet<String>) -> String {
    let names: Vec<&str> = canaries.iter().map(String::as_str).collect();
    let (go, are) = if names.len() == 1 { ("goes", "is") } else { ("go", "are") };
    format!(
        "not begun, because of the hosts with {group} {} {go} first, and {are} not as the manifests say yet",
        names.join(", ")
    )
}

/// True for the reason why nothing is known of a host that does not answer. One that answers and lets nobody in is not
/// away.
pub(crate) fn is_away(reason: &str) -> bool {
    use TransportErrorKind::{ConnectionLost, Timeout, Unreachable};
    [Unreachable, Timeout, ConnectionLost].iter().any(|kind| kind.word() == reason)
}

/// Why a cluster is left alone while hosts of it do not answer.
pub(crate) fn away(rollout: &Rollout, away: &BTreeSet<String>) -> String {
    let names: Vec<&str> = away.iter().map(String::as_str).collect();
    format!(
        "not begun, because of the hosts with {} no more than {} may be away, and {} {} not answer; see to it, or allow more by `rollout.maxUnavailable`",
        rollout.group,
        rollout.at_once,
        names.join(", "),
        if names.len() == 1 { "does" } else { "do" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn one(group: &str, at_once: usize, max_failures: usize, order: Order) -> Rollout {
        Rollout { group: group.to_owned(), at_once, max_failures, order, pause: None }
    }

    fn rollout(at_once: usize, max_failures: usize) -> Vec<Arc<Rollout>> {
        vec![Arc::new(one("cluster=a", at_once, max_failures, Order::Any))]
    }

    #[test]
    fn as_many_as_are_borne_at_a_time() {
        let (mut turns, two) = (Turns::default(), rollout(2, 1));
        for (target, expected) in
            [("olive", Admission::Now), ("lime", Admission::Now), ("plum", Admission::Later)]
        {
            assert_eq!(turns.admit(&two, NOW), expected, "{target}");
            if expected == Admission::Now {
                turns.begin(target, &two);
            }
        }
        turns.end("lime", &two, &BTreeSet::new());
        assert_eq!(turns.admit(&two, NOW), Admission::Now);
    }

    #[test]
    fn who_does_not_answer_is_away_already() {
        let (mut turns, two) = (Turns::default(), rollout(2, 1));
        turns.miss("fig", &two[0]);
        assert_eq!(turns.admit(&two, NOW), Admission::Now, "one is left");
        turns.begin("olive", &two);
        assert_eq!(turns.admit(&two, NOW), Admission::Later);
        let Admission::Never { reason, .. } = turns.admit(&rollout(1, 1), NOW) else { panic!("none may go") };
        assert!(reason.contains("no more than 1 may be away, and fig does not answer"), "{reason}");
    }

    #[test]
    fn the_strictest_of_those_under_way_counts() {
        let mut turns = Turns::default();
        turns.begin("olive", &rollout(1, 1));
        assert_eq!(turns.admit(&rollout(5, 1), NOW), Admission::Later);
        let mut turns = Turns::default();
        turns.begin("olive", &rollout(5, 1));
        assert_eq!(turns.admit(&rollout(1, 1), NOW), Admission::Later);
    }

    #[test]
    fn after_too_many_failures_nobody_has_a_turn() {
        let (mut turns, wish) = (Turns::default(), rollout(3, 2));
        let here = BTreeSet::from(["cluster=a"]);
        turns.end("olive", &wish, &here);
        turns.end("olive", &wish, &here);
        assert_eq!(turns.admit(&wish, NOW), Admission::Now, "one host failed, twice");
        turns.end("plum", &wish, &BTreeSet::from(["cluster=b"]));
        assert_eq!(turns.admit(&wish, NOW), Admission::Now, "what failed on another is another cluster's");
        turns.end("lime", &wish, &here);
        let Admission::Never { reason: why, .. } = turns.admit(&wish, NOW) else { panic!("two failed") };
        assert_eq!(why, "not begun, because 2 of the hosts with cluster=a failed (olive, lime)");
        let other = vec![Arc::new(one("cluster=b", 1, 1, Order::Any))];
        assert_eq!(turns.admit(&other, NOW), Admission::Now);
        assert_eq!(turns.admit(&[], NOW), Admission::Now, "no cluster, no turn");
    }

    #[test]
    fn others_wait_for_canaries_and_stay_where_one_is_not_well() {
        let of = |order| vec![Arc::new(one("cluster=a", 2, 1, order))];
        let (canary, other) = (of(Order::Canary), of(Order::AfterCanaries));
        let mut turns = Turns::default();
        turns.expect("olive", &canary);
        turns.expect("plum", &other);
        assert_eq!(turns.admit(&other, NOW), Admission::Later);
        assert_eq!(turns.admit(&canary, NOW), Admission::Now);
        turns.begin("olive", &canary);
        assert_eq!(turns.admit(&other, NOW), Admission::Later, "there is room, but not for it");
        turns.end("olive", &canary, &BTreeSet::new());
        assert_eq!(turns.admit(&other, NOW), Admission::Now);
        turns.give_up("plum", &other[0]);
        assert_eq!(turns.admit(&other, NOW), Admission::Now, "who is no canary stops nobody");
        turns.give_up("olive", &canary[0]);
        let Admission::Never { reason, .. } = turns.admit(&other, NOW) else { panic!("it may go") };
        assert_eq!(
            reason,
            "not begun, because of the hosts with cluster=a olive goes first, and is not as the manifests say yet"
        );
        assert_eq!(turns.admit(&canary, NOW), Admission::Now);
    }

    #[test]
    fn a_cluster_rests_after_each_of_its_hosts() {
        let pause = Some(evenkeel_core::period::Period::minutes(10));
        let rests = vec![Arc::new(Rollout { pause, ..one("cluster=a", 1, 1, Order::Any) })];
        let minute = |nth: i64| NOW + SignedDuration::from_mins(nth);
        let mut turns = Turns::default();
        assert_eq!(turns.admit(&rests, NOW), Admission::Now);
        turns.begin("olive", &rests);
        turns.wrote(&rests, minute(5));
        turns.end("olive", &rests, &BTreeSet::new());
        let rest = Admission::Rest { group: "cluster=a".to_owned(), until: minute(15) };
        assert_eq!(turns.admit(&rests, minute(14)), rest);
        assert_eq!(turns.admit(&rests, minute(15)), Admission::Now);
        assert_eq!(turns.admit(&rollout(1, 1), minute(6)), Admission::Now, "for who wants no rest");
    }
}
