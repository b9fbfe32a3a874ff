//! What is kept: the record of a run, and every state that an object was seen in.

use evenkeel_core::plan::{Action, Plan, Seen};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::errand::Errand;
use super::inventory::is_removal;
use super::settle::Fared;
use super::state::{Counters, State};
use super::words::Intent;
use crate::run::{Run, RunSummary, Verdict};
use crate::store::{Batch, NewRun, Observation, RunEntry, RunId, RunRecord, RunState};

/// The record of a run that ended.
pub(super) fn record(id: RunId, errand: &Errand, plan: &Plan, fared: &[Fared<'_>], run: &Run) -> RunRecord {
    // A wish to stop that came when all was done stopped nothing.
    let state = if run.is_complete() {
        RunState::Done
    } else if run.stopped {
        RunState::Stopped
    } else {
        RunState::Failed
    };
    let entry = |one: &Fared<'_>| {
        Some(RunEntry {
            id: one.change.id.clone(),
            object: one.change.object.clone(),
            intent: one.intent,
            action: one.change.action,
            fields: one.change.fields.clone(),
            verdict: one.verdict?.clone(),
            approval: one.change.approved.clone(),
        })
    };
    let entries = fared.iter().filter(|one| one.change.is_open()).filter_map(entry);
    let outcomes = run.outcomes.iter().zip(&plan.changes);
    let removals = outcomes.filter(|(o, _)| o.action == Action::Delete).map(|(o, change)| RunEntry {
        id: o.id.clone(),
        object: o.object.clone(),
        intent: Intent::Intentional,
        action: o.action,
        fields: Vec::new(),
        verdict: o.verdict.clone(),
        approval: change.approved.clone(),
    });
    RunRecord {
        id,
        source: errand.job.source.clone(),
        target: errand.job.target.clone(),
        trigger: errand.job.trigger,
        by: errand.by.clone(),
        revision: errand.world.revision.id.clone(),
        started: run.started,
        finished: Some(run.finished),
        state,
        entries: entries.chain(removals).collect(),
        summary: run.summary,
        commands: run.commands.clone(),
    }
}

/// The record of a run that nobody saw the end of.
pub(super) fn cut_off(id: RunId, new: NewRun, now: Timestamp) -> RunRecord {
    let NewRun { source, target, trigger, by, revision, started } = new;
    RunRecord {
        id,
        source,
        target,
        trigger,
        by,
        revision,
        started,
        finished: Some(now),
        state: RunState::Interrupted,
        entries: Vec::new(),
        commands: Vec::new(),
        summary: RunSummary::default(),
    }
}

/// Keeps the state that was seen, where it is another than before.
pub(super) fn observe(state: &mut State, one: &Fared<'_>, now: Timestamp, batch: &mut Batch) {
    let seen = match &one.change.seen {
        None => return,
        Some(Seen::Absent) => None,
        Some(Seen::Present(value)) => Some(value.clone()),
    };
    let hash = fingerprint(seen.as_ref());
    if state.seen.insert(one.key.clone(), hash) == Some(hash) {
        return;
    }
    let object = one.change.object.clone();
    batch.observations.push(Observation { key: one.key.clone(), object, at: now, state: seen });
}

/// Equal for equal states.
pub(super) fn fingerprint(state: Option<&Value>) -> u64 {
    let Some(state) = state else { return 0 };
    let digest = Sha256::digest(state.to_string().as_bytes());
    first_bytes(&digest)
}

/// The first eight bytes of a hash, as a number.
pub(super) fn first_bytes(hash: &[u8]) -> u64 {
    hash.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

impl Counters {
    /// Counts a run.
    pub(super) fn count(&mut self, run: &Run, fared: &[Fared<'_>]) {
        let word = match run {
            run if run.is_complete() => "done",
            run if run.stopped => "stopped",
            _ => "failed",
        };
        *self.runs.entry(word.to_owned()).or_default() += 1;
        self.commands += run.commands.len() as u64;
        for one in
            fared.iter().filter(|one| one.verdict == Some(&Verdict::Applied) && !is_removal(one.change))
        {
            let word = match one.intent {
                Intent::Intentional => "intentional",
                Intent::Corrective => "corrective",
            };
            *self.changes.entry(word.to_owned()).or_default() += 1;
        }
    }
}
