//! How the hosts of clusters take turns in one run: few at a time, and none any more after too many that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::plan::Rollout;
use evenkeel_core::transport::TransportErrorKind;

/// What may be done with a host now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Its turn.
    Now,
    /// Others of its cluster go first.
    Later,
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
}

impl Turns {
    /// Whether a host that takes these turns may be changed now. A host may be in several clusters, and in one by several resources.
    pub(crate) fn admit(&self, rollouts: &[Arc<Rollout>]) -> Admission {
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
            let bears = group.under_way.values().copied().chain([rollout.at_once]).min().unwrap_or(1);
            if group.under_way.len() + group.away.len() >= bears {
                admission = Admission::Later;
            }
        }
        admission
    }

    /// `target` does not answer: as far as its cluster goes, it is away already.
    pub(crate) fn miss(&mut self, target: &str, rollout: &Rollout) {
        self.groups.entry(rollout.group.clone()).or_default().away.insert(target.to_owned());
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

    fn rollout(at_once: usize, max_failures: usize) -> Vec<Arc<Rollout>> {
        vec![Arc::new(Rollout { group: "cluster=a".to_owned(), at_once, max_failures })]
    }

    #[test]
    fn as_many_as_are_borne_at_a_time() {
        let (mut turns, two) = (Turns::default(), rollout(2, 1));
        for (target, expected) in
            [("olive", Admission::Now), ("lime", Admission::Now), ("plum", Admission::Later)]
        {
            assert_eq!(turns.admit(&two), expected, "{target}");
            if expected == Admission::Now {
                turns.begin(target, &two);
            }
        }
        turns.end("lime", &two, &BTreeSet::new());
        assert_eq!(turns.admit(&two), Admission::Now);
    }

    #[test]
    fn who_does_not_answer_is_away_already() {
        let (mut turns, two) = (Turns::default(), rollout(2, 1));
        turns.miss("fig", &two[0]);
        assert_eq!(turns.admit(&two), Admission::Now, "one is left");
        turns.begin("olive", &two);
        assert_eq!(turns.admit(&two), Admission::Later);
        let Admission::Never { reason, .. } = turns.admit(&rollout(1, 1)) else { panic!("none may go") };
        assert!(reason.contains("no more than 1 may be away, and fig does not answer"), "{reason}");
    }

    #[test]
    fn the_strictest_of_those_under_way_counts() {
        let mut turns = Turns::default();
        turns.begin("olive", &rollout(1, 1));
        assert_eq!(turns.admit(&rollout(5, 1)), Admission::Later);
        let mut turns = Turns::default();
        turns.begin("olive", &rollout(5, 1));
        assert_eq!(turns.admit(&rollout(1, 1)), Admission::Later);
    }

    #[test]
    fn after_too_many_failures_nobody_has_a_turn() {
        let (mut turns, wish) = (Turns::default(), rollout(3, 2));
        let here = BTreeSet::from(["cluster=a"]);
        turns.end("olive", &wish, &here);
        turns.end("olive", &wish, &here);
        assert_eq!(turns.admit(&wish), Admission::Now, "one host failed, twice");
        turns.end("plum", &wish, &BTreeSet::from(["cluster=b"]));
        assert_eq!(turns.admit(&wish), Admission::Now, "what failed on another is another cluster's");
        turns.end("lime", &wish, &here);
        let Admission::Never { reason: why, .. } = turns.admit(&wish) else { panic!("two failed") };
        assert_eq!(why, "not begun, because 2 of the hosts with cluster=a failed (olive, lime)");
        let other = vec![Arc::new(Rollout { group: "cluster=b".to_owned(), at_once: 1, max_failures: 1 })];
        assert_eq!(turns.admit(&other), Admission::Now);
        assert_eq!(turns.admit(&[]), Admission::Now, "no cluster, no turn");
    }
}
