//! Applying a plan: read again, refuse what changed, send, read back.

use std::collections::{BTreeMap, HashMap};

use evenkeel_core::plan::{Change, Gate, Plan, Policy, batches};
use evenkeel_core::request::Reply;
use evenkeel_core::target::Target;
use evenkeel_core::transport::TransportError;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::progress::Event;
use crate::reconcile::{Engine, Scope};
use crate::run::{Outcome, Run, Sent, Verdict};
use crate::verify::{Fresh, Look, Part, compare, verdict_after};

/// How many targets are written to at the same time.
const WRITERS: usize = 32;

/// What was sent for one change, and what came of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Work {
    pub(crate) sent: Vec<Sent>,
    /// What the target said against it.
    pub(crate) complaint: Option<(String, Option<String>)>,
    /// True where a step did not get its turn because the run was stopped.
    pub(crate) cut_short: bool,
}

/// The part of a plan that is applied on one target at one level.
struct Share<'a> {
    part: Part<'a>,
    /// Position in the plan, and the change.
    changes: Vec<(usize, &'a Change)>,
}

impl Engine {
    /// Applies the open changes of `plan`. Each target is read again just before; what is no longer as the plan
    /// saw it is refused as stale. Afterwards everything touched is read back: applied means verified.
    pub async fn apply(&self, scope: &Scope, plan: &Plan, policy: Policy) -> Run {
        let started = self.clock.now();
        let mut outcomes: Vec<Outcome> = plan.changes.iter().map(before_apply).collect();
        let mut commands = 0;
        let by_target = scope.by_target();
        for level in levels(plan) {
            let part = |name: &str| {
                let instances = by_target.get(name).map_or(&[][..], Vec::as_slice);
                Some(Part { scope, target: scope.targets.get(name)?, instances, policy })
            };
            let shares = shares(plan, level, part, &mut outcomes);
            let works = shares.iter().map(|share| self.apply_share(share));
            let done: Vec<_> = stream::iter(works).buffer_unordered(WRITERS).collect().await;
            for (results, sent) in done {
                commands += sent;
                for (at, verdict, sent) in results {
                    if let Some(outcome) = outcomes.get_mut(at) {
                        outcome.verdict = verdict;
                        outcome.sent = sent;
                    }
                }
            }
        }
        Run::of(started, self.clock.now(), self.stop.is_requested(), outcomes, commands)
    }

    async fn apply_share(&self, share: &Share<'_>) -> (Vec<(usize, Verdict, Vec<Sent>)>, usize) {
        if self.stop.is_requested() {
            return (share.changes.iter().map(|(at, _)| (*at, Verdict::NotStarted, Vec::new())).collect(), 0);
        }
        let planned: Vec<&Change> = share.changes.iter().map(|(_, change)| *change).collect();
        let fresh = self.look_again(&share.part, &planned).await;
        let mut results = Vec::new();
        let mut go = Vec::new();
        for (at, change) in &share.changes {
            match compare(change, &fresh) {
                Fresh::AsPlanned(now) => go.push((*at, now)),
                Fresh::Settled(verdict) => results.push((*at, verdict, Vec::new())),
            }
        }
        let changes: Vec<Change> = go.iter().map(|(_, change)| (*change).clone()).collect();
        let (works, sent) = self.send(share.part.target, &changes).await;
        let touched: Vec<&Change> = changes.iter().collect();
        let after = if sent == 0 { Look::new() } else { self.look_again(&share.part, &touched).await };
        for ((at, change), work) in go.iter().zip(works) {
            results.push((*at, verdict_after(change, &work, &after), work.sent));
        }
        self.progress.on(&Event::Applied { target: &share.part.target.name });
        (results, sent)
    }

    /// Sends the writes for `changes`, one at a time, and stops between two when asked.
    async fn send(&self, target: &Target, changes: &[Change]) -> (Vec<Work>, usize) {
        let mut works = vec![Work::default(); changes.len()];
        let batches = batches(changes);
        let mut sent = 0;
        self.progress.on(&Event::Applying { target: &target.name, steps: batches.len() });
        for batch in batches {
            let failed = |at: &usize| works.get(*at).is_some_and(|w| w.complaint.is_some());
            if batch.serves.iter().all(failed) {
                continue;
            }
            if self.stop.is_requested() {
                for at in batch.serves {
                    if let Some(work) = works.get_mut(at) {
                        work.cut_short = true;
                    }
                }
                continue;
            }
            let command = batch.request.display();
            self.progress.on(&Event::Sending { target: &target.name, command: &command });
            let answer = self.exchange(target, std::slice::from_ref(&batch.request)).await.pop();
            sent += 1;
            self.progress
                .on(&Event::Sent { target: &target.name, ok: matches!(&answer, Some(Ok(r)) if r.exit == 0) });
            for at in batch.serves {
                if let (Some(work), Some(change), Some(answer)) =
                    (works.get_mut(at), changes.get(at), &answer)
                {
                    note(work, change, &command, answer);
                }
            }
        }
        (works, sent)
    }
}

fn note(work: &mut Work, change: &Change, command: &str, answer: &Result<Reply, TransportError>) {
    let exit = answer.as_ref().ok().map(|reply| reply.exit);
    work.sent.push(Sent { command: command.to_owned(), exit });
    match answer {
        Ok(reply) if reply.exit == 0 => {}
        Ok(reply) => work.complaint = Some((about(&change.object, reply), None)),
        Err(error) => work.complaint = Some((error.message.clone(), error.hint.clone())),
    }
}

/// What a failed command said about `object`: of a joined command's messages those that name it, else all.
fn about(object: &str, reply: &Reply) -> String {
    let text = reply.stderr_text();
    let named: Vec<&str> = text.lines().filter(|line| line.contains(&format!("'{object}'"))).collect();
    let said = if named.is_empty() { text.clone() } else { named.join("; ") };
    if said.is_empty() { format!("exit status {} without a message", reply.exit) } else { said }
}

/// The open changes of a level by target, without those whose dependencies did not become ready.
fn shares<'a>(
    plan: &'a Plan,
    level: usize,
    part: impl Fn(&str) -> Option<Part<'a>>,
    outcomes: &mut [Outcome],
) -> Vec<Share<'a>> {
    let unready: HashMap<String, String> = outcomes.iter().filter_map(unready).collect();
    let mut shares: BTreeMap<&str, Share<'a>> = BTreeMap::new();
    for (at, change) in plan.changes.iter().enumerate().filter(|(_, c)| c.is_open() && c.level == level) {
        let Some(part) = part(&change.id.target) else { continue };
        // Level 0 waits for nothing: no need to look it up.
        let instance = (level > 0).then(|| part.instances.iter().find(|i| i.id == change.id)).flatten();
        let blocked = instance.and_then(|i| i.depends_on.iter().find_map(|name| unready.get(name)));
        match (blocked, outcomes.get_mut(at)) {
            (Some(reason), Some(outcome)) => outcome.verdict = Verdict::Skipped { reason: reason.clone() },
            _ => shares
                .entry(&change.id.target)
                .or_insert_with(|| Share { part, changes: Vec::new() })
                .changes
                .push((at, change)),
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
        (change, Gate::Held { reasons }) if change.is_pending() => Verdict::Held { reasons: reasons.clone() },
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
        Verdict::Unchanged | Verdict::Applied | Verdict::NotStarted => return None,
        Verdict::Held { .. } => "held",
        Verdict::Skipped { .. } => "skipped",
        Verdict::Stale { .. } => "stale",
        Verdict::Failed { .. } => "failed",
        Verdict::Unknown { .. } => "unknown",
    };
    let name = format!("{}/{}", outcome.id.kind, outcome.id.name);
    let reason = format!("waits for {name}, which is {why}");
    Some((name, reason))
}
