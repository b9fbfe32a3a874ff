//! Applying a plan: read again, refuse what changed, send, read back.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::plan::{Action, Change, Gate, Instance, InstanceId, Order, Plan, Policy, Rollout};
use evenkeel_core::transport::BoxFuture;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;

use crate::progress::Event;
use crate::reconcile::{Engine, Scope};
use crate::rollout::{Admission, Turns, is_away};
use crate::run::{Outcome, Run, Sent, Verdict};
use crate::verify::{Fresh, Look, Part, Written, compare, drift, verdict_after};

/// How soon a run that rests hears that it shall stop.
const A_WHILE: Duration = Duration::from_secs(1);

/// How many targets are written to at the same time.
const WRITERS: usize = 32;

/// The part of a plan that is applied on one target at one level.
struct Share<'a> {
    part: Part<'a>,
    /// Position in the plan, and the change.
    changes: Vec<(usize, &'a Change)>,
    /// The changes of the target that were as their manifests say until now, and whether they were applied.
    settled: Vec<(usize, &'a Change, bool)>,
    /// What this run wrote on the target before.
    written: Written<'a>,
    /// The clusters whose hosts take turns with this one, each with the position of a change that is why.
    rollouts: Vec<(usize, Arc<Rollout>)>,
}

/// What became of a share.
#[derive(Default)]
struct Done {
    /// Position in the plan, the verdict, and the commands that were sent for it, as indexes into `commands`.
    results: Vec<(usize, Verdict, Vec<usize>)>,
    /// The settled ones, as they are afterwards.
    settled: Vec<(usize, Verdict)>,
    commands: Vec<Sent>,
}

impl Engine {
    /// Applies the open changes of `plan`. Each target is read again just before; what is no longer as the plan
    /// saw it is refused as stale. Afterwards everything touched is read back: applied means verified. So is what
    /// was settled on these targets, because a write can change more than its own object (inherited values).
    pub async fn apply(&self, scope: &Scope, plan: &Plan, policy: Policy) -> Run {
        let started = self.clock.now();
        let mut outcomes: Vec<Outcome> = plan.changes.iter().map(before_apply).collect();
        let mut commands = Vec::new();
        let by_target = scope.by_target();
        let by_id: HashMap<&InstanceId, &Instance> = scope.instances.iter().map(|i| (&i.id, i)).collect();
        let mut turns = Turns::default();
        for change in plan.changes.iter().filter(|c| c.error.as_ref().is_some_and(|e| is_away(&e.reason))) {
            if let Some(rollout) = by_id.get(&change.id).and_then(|instance| instance.rollout.as_ref()) {
                turns.miss(&change.id.target, rollout);
            }
        }
        for level in levels(plan) {
            let part = |name: &str| {
                let instances = by_target.get(name).map_or(&[][..], Vec::as_slice);
                Some(Part { scope, target: scope.targets.get(name)?, instances, policy })
            };
            let shares = shares(plan, level, part, &by_id, &mut outcomes);
            for (change, outcome) in plan.changes.iter().zip(&outcomes).filter(|(c, _)| c.level <= level) {
                let rollout = by_id.get(&change.id).and_then(|instance| instance.rollout.as_ref());
                let canary = rollout.filter(|rollout| rollout.order == Order::Canary);
                let is_due = || shares.iter().any(|share| share.has(change));
                if let Some(rollout) = canary.filter(|_| is_unwell(change, &outcome.verdict) && !is_due()) {
                    turns.give_up(&change.id.target, rollout);
                }
            }
            for done in self.take_turns(shares, &mut turns).await {
                record(done, &mut outcomes, &mut commands);
            }
        }
        Run::of(started, self.clock.now(), self.stop.is_requested(), outcomes, commands)
    }

    /// Applies shares, many at a time; hosts of one cluster as many at a time as it bears, and none after too many that
    /// failed.
    async fn take_turns<'a>(&self, shares: Vec<Share<'a>>, turns: &mut Turns) -> Vec<Done> {
        let mut all = Vec::with_capacity(shares.len());
        for share in &shares {
            turns.expect(&share.part.target.name, &share.turns());
        }
        let mut waiting: VecDeque<Share<'a>> = shares.into();
        let mut told: Option<Timestamp> = None;
        // Boxed, because the compiler cannot tell that bare ones may go to another thread.
        let mut works: FuturesUnordered<BoxFuture<'_, (Share<'a>, Done)>> = FuturesUnordered::new();
        loop {
            let mut rest: Option<(Timestamp, String)> = None;
            for _ in 0..waiting.len() {
                let Some(mut share) = waiting.pop_front() else { break };
                let now = self.clock.now();
                let mut admission = turns.admit(&share.turns(), now);
                while let Admission::Never { group, reason } = admission {
                    all.push(share.leave_alone(&group, &reason, turns));
                    admission = turns.admit(&share.turns(), now);
                }
                if share.changes.is_empty() {
                    continue;
                }
                let has_to_wait = match admission {
                    // Who is told to stop does not wait for it: nothing is sent any more.
                    Admission::Rest { group, until } if !self.stop.is_requested() => {
                        rest = rest.into_iter().chain([(until, group)]).min();
                        true
                    }
                    Admission::Later => true,
                    _ => works.len() >= WRITERS,
                };
                if has_to_wait {
                    waiting.push_back(share);
                    continue;
                }
                turns.begin(&share.part.target.name, &share.turns());
                works.push(Box::pin(async move {
                    let done = self.apply_share(&share).await;
                    (share, done)
                }));
            }
            self.tell_rest(rest.as_ref(), &mut told);
            let (share, done) = tokio::select! {
                Some(ended) = works.next() => ended,
                () = self.rest(rest.as_ref().map(|(until, _)| *until)), if rest.is_some() => continue,
                else => break,
            };
            // Who was told to stop did not fail.
            let failed = if self.stop.is_requested() { BTreeSet::new() } else { share.failed_in(&done) };
            let target = &share.part.target.name;
            if !done.commands.is_empty() {
                turns.wrote(&share.turns(), self.clock.now());
            }
            turns.end(target, &share.turns(), &failed);
            share.unwell_in(&done).for_each(|rollout| turns.give_up(target, rollout));
            all.push(done);
        }
        // Only canaries of several clusters can wait for each other.
        let reason =
            "not begun, because canaries of several clusters wait for each other: change `rollout.canary`";
        all.extend(waiting.into_iter().map(|share| share.leave(reason)));
        all
    }

    /// Says that a cluster rests until then, unless that was `told`.
    fn tell_rest(&self, rest: Option<&(Timestamp, String)>, told: &mut Option<Timestamp>) {
        if let Some((until, group)) = rest.filter(|(until, _)| *told != Some(*until)) {
            *told = Some(*until);
            let seconds = u64::try_from(until.duration_since(self.clock.now()).as_secs());
            self.progress.on(&Event::Resting { group, seconds: seconds.unwrap_or_default() });
        }
    }

    /// Waits until then, or until it is told to stop.
    async fn rest(&self, until: Option<Timestamp>) {
        while let Some(until) = until.filter(|until| self.clock.now() < *until)
            && !self.stop.is_requested()
        {
            let left = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
            tokio::time::sleep(left.min(A_WHILE)).await;
        }
    }

    async fn apply_share(&self, share: &Share<'_>) -> Done {
        let mut done = Done::default();
        if self.stop.is_requested() {
            done.results =
                share.changes.iter().map(|(at, _)| (*at, Verdict::NotStarted, Vec::new())).collect();
            return done;
        }
        let planned: Vec<&Change> = share.changes.iter().map(|(_, change)| *change).collect();
        let now = self.clock.now();
        let fresh = self.look_again(&share.part, &planned, now).await;
        let mut go = Vec::new();
        for (at, change) in &share.changes {
            match compare(change, &fresh, &share.written) {
                Fresh::AsPlanned => go.push((*at, *change)),
                Fresh::Settled(verdict) => done.results.push((*at, verdict, Vec::new())),
            }
        }
        let changes: Vec<Change> = go.iter().map(|(_, change)| (*change).clone()).collect();
        let (works, sent) = self.send(&share.part, &changes).await;
        let touched =
            changes.iter().chain(share.settled.iter().map(|(_, change, _)| *change)).collect::<Vec<_>>();
        let after =
            if sent.is_empty() { Look::new() } else { self.look_again(&share.part, &touched, now).await };
        for ((at, change), work) in go.iter().zip(works) {
            let is_scheduled = share.part.is_scheduled(change);
            done.results.push((*at, verdict_after(change, is_scheduled, &work, &after), work.sent));
        }
        done.settled =
            share.settled.iter().filter_map(|(at, c, was)| Some((*at, drift(c, *was, &after)?))).collect();
        done.commands = sent;
        self.progress.on(&Event::Applied { target: &share.part.target.name });
        done
    }
}

impl<'a> Share<'a> {
    fn of(part: Part<'a>) -> Self {
        Share { part, changes: vec![], settled: vec![], written: vec![], rollouts: vec![] }
    }

    fn turns(&self) -> Vec<Arc<Rollout>> {
        self.rollouts.iter().map(|(_, rollout)| Arc::clone(rollout)).collect()
    }

    /// True where a change is in it.
    fn has(&self, change: &Change) -> bool {
        self.changes.iter().any(|(_, own)| std::ptr::eq(*own, change))
    }

    /// Nothing of it is sent.
    fn leave(self, reason: &str) -> Done {
        let skipped = |at: usize| (at, Verdict::Skipped { reason: reason.to_owned() }, Vec::new());
        Done { results: self.changes.into_iter().map(|(at, _)| skipped(at)).collect(), ..Done::default() }
    }

    /// The clusters of the changes that did not end as their manifests say.
    fn unwell_in(&self, done: &Done) -> impl Iterator<Item = &Rollout> {
        let is_unwell = |at: usize| {
            let verdict = done.results.iter().find(|(known, ..)| *known == at).map(|(_, verdict, _)| verdict);
            !matches!(verdict, Some(Verdict::Applied | Verdict::Unchanged))
        };
        self.rollouts.iter().filter(move |(at, _)| is_unwell(*at)).map(|(_, rollout)| &**rollout)
    }

    /// What takes turns with this cluster is not sent. The rest of the share has nothing to do with it.
    fn leave_alone(&mut self, group: &str, reason: &str, turns: &mut Turns) -> Done {
        let (gone, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.rollouts).into_iter().partition(|(_, rollout)| rollout.group == group);
        for (_, rollout) in &gone {
            turns.give_up(&self.part.target.name, rollout);
        }
        self.rollouts = kept;
        self.changes.retain(|(at, _)| !gone.iter().any(|(gone, _)| gone == at));
        let skipped = |at: usize| (at, Verdict::Skipped { reason: reason.to_owned() }, Vec::new());
        Done { results: gone.into_iter().map(|(at, _)| skipped(at)).collect(), ..Done::default() }
    }

    /// The clusters of the changes that went wrong here, so that it may go wrong on their other hosts, too.
    fn failed_in(&self, done: &Done) -> BTreeSet<&str> {
        let failures = done.results.iter().filter(|(_, verdict, _)| is_failure(verdict));
        let rollout = |at: usize| self.rollouts.iter().find(move |(known, _)| *known == at);
        failures.filter_map(|(at, ..)| rollout(*at)).map(|(_, rollout)| rollout.group.as_str()).collect()
    }
}

/// True where a change of a canary keeps others from being begun, if it is not its turn now.
fn is_unwell(change: &Change, verdict: &Verdict) -> bool {
    !change.suspended && !matches!(verdict, Verdict::Unchanged | Verdict::Applied)
}

/// True where it shall keep others from the same fate.
fn is_failure(verdict: &Verdict) -> bool {
    verdict.ends_target() || matches!(verdict, Verdict::Failed { .. } | Verdict::Unknown { .. })
}

fn record(done: Done, outcomes: &mut [Outcome], commands: &mut Vec<Sent>) {
    let before = commands.len();
    commands.extend(done.commands);
    for (at, verdict, sent) in done.results {
        if let Some(outcome) = outcomes.get_mut(at) {
            outcome.verdict = verdict;
            outcome.sent = sent.into_iter().map(|nth| before + nth).collect();
        }
    }
    for (at, verdict) in done.settled {
        if let Some(outcome) = outcomes.get_mut(at) {
            outcome.verdict = verdict;
        }
    }
}

/// The open changes of a level by target, without those whose dependencies did not become ready. Nothing goes to a target
/// that was halted at an earlier level.
fn shares<'a>(
    plan: &'a Plan,
    level: usize,
    part: impl Fn(&str) -> Option<Part<'a>>,
    by_id: &HashMap<&InstanceId, &Instance>,
    outcomes: &mut [Outcome],
) -> Vec<Share<'a>> {
    let unready: HashMap<String, String> = outcomes.iter().filter_map(unready).collect();
    let unfinished: HashMap<String, String> =
        plan.changes.iter().zip(outcomes.iter()).filter_map(|(c, outcome)| unfinished(c, outcome)).collect();
    let halted: BTreeSet<String> =
        outcomes.iter().filter(|o| is_halted(o)).map(|o| o.id.target.clone()).collect();
    let mut shares: BTreeMap<&str, Share<'a>> = BTreeMap::new();
    for (at, change) in plan.changes.iter().enumerate().filter(|(_, c)| c.is_open() && c.level == level) {
        let Some(part) = part(&change.id.target).filter(|_| !halted.contains(&change.id.target)) else {
            continue;
        };
        let instance = by_id.get(&change.id);
        let blocked = match change.action {
            Action::Delete => unfinished.get(&change.id.target),
            _ => instance.and_then(|i| i.depends_on.iter().find_map(|name| unready.get(name))),
        };
        if let (Some(reason), Some(outcome)) = (blocked, outcomes.get_mut(at)) {
            outcome.verdict = Verdict::Skipped { reason: reason.clone() };
            continue;
        }
        let share = shares.entry(&change.id.target).or_insert_with(|| Share::of(part));
        share.changes.push((at, change));
        share.rollouts.extend(instance.and_then(|instance| Some((at, instance.rollout.clone()?))));
    }
    for ((at, change), outcome) in plan.changes.iter().enumerate().zip(outcomes.iter()) {
        let Some(share) = shares.get_mut(change.id.target.as_str()) else { continue };
        match outcome.verdict {
            Verdict::Unchanged => share.settled.push((at, change, false)),
            Verdict::Applied | Verdict::Drifted { .. } => {
                share.settled.push((at, change, !outcome.sent.is_empty()));
            }
            _ => {}
        }
        if outcome.verdict == Verdict::Applied {
            share.written.extend(change.fields.iter().map(|field| &field.change));
        }
    }
    shares.into_values().collect()
}

fn levels(plan: &Plan) -> Vec<usize> {
    let mut levels: Vec<usize> = plan.changes.iter().filter(|c| c.is_open()).map(|c| c.level).collect();
    levels.sort_unstable();
    levels.dedup();
    levels
}

/// The outcome of a change if nothing is sent for it.
fn before_apply(change: &Change) -> Outcome {
    let verdict = match (change, &change.gate) {
        (Change { error: Some(e), .. }, _) => {
            Verdict::Unknown { message: e.message.clone(), hint: e.hint.clone() }
        }
        (Change { busy: Some(reason), .. }, _) => Verdict::Skipped { reason: reason.clone() },
        (change, _) if change.suspended => {
            Verdict::Skipped { reason: "suspended in the manifest".to_owned() }
        }
        (change, Gate::Held { reasons, .. }) if change.is_pending() => {
            Verdict::Held { reasons: reasons.clone() }
        }
        (change, _) if change.is_pending() => Verdict::NotStarted,
        _ => Verdict::Unchanged,
    };
    Outcome {
        id: change.id.clone(),
        object: change.object.clone(),
        action: change.action,
        verdict,
        sent: Vec::new(),
    }
}

/// `Kind/name` and the reason to wait, where an outcome keeps dependents from their turn.
fn unready(outcome: &Outcome) -> Option<(String, String)> {
    let why = match &outcome.verdict {
        Verdict::Unchanged | Verdict::Applied => return None,
        Verdict::Held { .. } => "held",
        Verdict::Skipped { .. } => "skipped",
        Verdict::Stale { .. } => "stale",
        Verdict::Drifted { .. } => "drifted",
        Verdict::Failed { .. } => "failed",
        Verdict::Halted { .. } => "halted",
        Verdict::RolledBack { .. } => "rolled back",
        Verdict::Unknown { .. } => "unknown",
        Verdict::NotStarted => "not started",
    };
    let name = format!("{}/{}", outcome.id.kind, outcome.id.name);
    let reason = format!("waits for {name}, which is {why}");
    Some((name, reason))
}

fn is_halted(outcome: &Outcome) -> bool {
    outcome.verdict.ends_target()
}

/// The target and the reason to remove nothing from it, where an outcome may be why something was left over.
fn unfinished(change: &Change, outcome: &Outcome) -> Option<(String, String)> {
    let is_open = match outcome.verdict {
        Verdict::Failed { .. }
        | Verdict::Halted { .. }
        | Verdict::RolledBack { .. }
        | Verdict::Unknown { .. }
        | Verdict::Stale { .. }
        | Verdict::NotStarted => true,
        Verdict::Skipped { .. } => change.is_open(),
        _ => false,
    };
    let waits = || format!("removed when {}/{} is as its manifest says", outcome.id.kind, outcome.id.name);
    (is_open && outcome.action != Action::Delete).then(|| (outcome.id.target.clone(), waits()))
}
