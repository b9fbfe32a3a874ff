//! What is held and waits for a person, and what persons said: kept in step with every look.
//!
//! A decision speaks of one plan, by its hash. What is sent rests on the gate of the plan alone; here it is decided which
//! approval the gate gets to see, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use evenkeel_core::plan::{Approvable, Approval, Change, Decided, Rejection, short_plan};
use jiff::Timestamp;

use super::schedule::Job;
use super::state::{Shared, State, about_resource, sweep_key};
use super::words::Trigger;
use crate::run::Verdict;
use crate::store::{ApprovalRecord, ApprovalState, Batch, InventoryState, ResourceKey, RunId, Weight};

/// So many plans that are not to be sent any more are remembered, for who decides about one of them too late.
const OUTDATED: usize = 1000;

/// What waits for persons, and what they said that still counts.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    live: BTreeMap<ResourceKey, ApprovalRecord>,
    /// Plans that were to be decided about, and are not to be sent any more.
    outdated: VecDeque<(String, ResourceKey)>,
}

/// A look at one change, or what came of sending it.
pub(super) struct Looked<'a> {
    pub(super) key: &'a ResourceKey,
    pub(super) change: &'a Change,
    pub(super) revision: &'a str,
    /// What became of it in a run.
    pub(super) ran: Option<(RunId, &'a Verdict)>,
}

impl Approvals {
    /// What the store remembers.
    pub(super) fn of(records: Vec<ApprovalRecord>) -> Self {
        let live = records.into_iter().filter(|record| record.state.is_live());
        let live = live.map(|record| (record.key.clone(), record)).collect();
        Approvals { live, outdated: VecDeque::new() }
    }

    /// What counts for the change of a resource now.
    pub(super) fn decided(&self, key: &ResourceKey, now: Timestamp) -> Decided {
        let Some(record) = self.live.get(key) else { return Decided::default() };
        let approval = record.approval.clone().filter(|approval| now < approval.until);
        Decided { approval: approval.map(Arc::new), rejection: record.rejection.clone().map(Arc::new) }
    }

    /// What is there to be decided about, by the beginning of a plan's hash.
    pub(super) fn find(&self, plan: &str) -> Vec<&ApprovalRecord> {
        self.live.values().filter(|record| record.plan.starts_with(plan)).collect()
    }

    /// The resource whose plan this was, where it is not to be sent any more, and what waits instead.
    pub(super) fn outdated(&self, plan: &str) -> Option<(&ResourceKey, Option<&ApprovalRecord>)> {
        let (_, key) = self.outdated.iter().rev().find(|(old, _)| old.starts_with(plan))?;
        Some((key, self.live.get(key)))
    }

    /// Takes a record as it now is.
    pub(super) fn put(&mut self, record: ApprovalRecord, batch: &mut Batch) {
        batch.approvals.push(record.clone());
        self.live.insert(record.key.clone(), record);
    }

    /// Takes note of a look, or of a run. What could not be read changes nothing.
    pub(super) fn look(&mut self, looked: &Looked<'_>, now: Timestamp, batch: &mut Batch) {
        let Looked { key, change, ran, .. } = looked;
        if change.error.is_some() || change.busy.is_some() || change.suspended {
            return;
        }
        if let Some((run, verdict)) = ran
            && change.is_open()
        {
            // What else became of it is found by the look that follows.
            if matches!(verdict, Verdict::Applied | Verdict::Drifted { .. }) {
                self.sent(key, change, *run, now, batch);
            }
            return;
        }
        let plan = change.plan.as_deref().filter(|_| change.is_pending());
        match self.live.get_mut(key) {
            Some(record) if Some(record.plan.as_str()) == plan => {
                // What a person decided about stays as that person saw it.
                if record.state == ApprovalState::Waiting && record.change.gate != change.gate {
                    record.change.gate = change.gate.clone();
                    batch.approvals.push(record.clone());
                }
                return;
            }
            Some(_) => self.void(key, plan, now, batch),
            None => {}
        }
        if let Some(plan) = plan
            && change.approvable() != Approvable::No
        {
            self.put(waiting(looked, plan, now), batch);
        }
    }

    /// A change was sent and read back.
    fn sent(&mut self, key: &ResourceKey, change: &Change, run: RunId, now: Timestamp, batch: &mut Batch) {
        let Some(record) = self.live.get(key) else { return };
        if record.state == ApprovalState::Approved && change.plan.as_ref() == Some(&record.plan) {
            self.end(key, ApprovalState::Used, Some(run), now, batch);
        } else {
            self.void(key, None, now, batch);
        }
    }

    /// Something else is to be sent than what was decided about: `plan`, or nothing.
    fn void(&mut self, key: &ResourceKey, plan: Option<&str>, now: Timestamp, batch: &mut Batch) {
        let Some(record) = self.end(key, ApprovalState::Void, None, now, batch) else { return };
        let (Some(Approval { by, .. }), None) = (&record.approval, &record.rejection) else { return };
        let object = &record.change.object;
        let message = match plan {
            Some(plan) => format!(
                "the approval by {by} for {object} is void: something else would be sent than what was approved ({} then, {} now)",
                short_plan(&record.plan),
                short_plan(plan)
            ),
            None => format!("the approval by {by} for {object} is void: it is not to be sent any more"),
        };
        batch.events.push(about_resource(key, now, Weight::Warning, "ApprovalVoid", message));
    }

    fn end(
        &mut self,
        key: &ResourceKey,
        state: ApprovalState,
        run: Option<RunId>,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Option<ApprovalRecord> {
        let record = self.live.remove(key)?;
        let ended = ApprovalRecord { state, run, ended: Some(now), ..record };
        self.outdated.push_back((ended.plan.clone(), key.clone()));
        if self.outdated.len() > OUTDATED {
            self.outdated.pop_front();
        }
        batch.approvals.push(ended.clone());
        Some(ended)
    }
}

fn waiting(looked: &Looked<'_>, plan: &str, now: Timestamp) -> ApprovalRecord {
    // What was read is no part of what is decided about.
    let change = Change { read: BTreeMap::new(), seen: None, ..looked.change.clone() };
    ApprovalRecord {
        key: looked.key.clone(),
        plan: plan.to_owned(),
        revision: looked.revision.to_owned(),
        change,
        since: now,
        state: ApprovalState::Waiting,
        approval: None,
        rejection: None,
        ended: None,
        run: None,
    }
}

/// Ends approvals that were not used in time. One whose target is being written to is waited for.
pub(super) fn expire(shared: &Shared, now: Timestamp) {
    let mut state = shared.state();
    let is_over = |record: &&ApprovalRecord| record.approval.as_ref().is_some_and(|word| word.until <= now);
    let over: Vec<ResourceKey> =
        state.approvals.live.values().filter(is_over).map(|record| record.key.clone()).collect();
    let mut batch = Batch::default();
    for key in over.into_iter().filter(|key| !state.is_at_work(key)).collect::<Vec<_>>() {
        let ended = state.approvals.end(&key, ApprovalState::Expired, None, now, &mut batch);
        let Some(ApprovalRecord { change, approval: Some(Approval { by, .. }), .. }) = ended else {
            continue;
        };
        let message = format!("the approval by {by} for {} has run out before it was sent", change.object);
        batch.events.push(about_resource(&key, now, Weight::Warning, "ApprovalExpired", message));
        // Then it waits again, and says so.
        let unit = state.unit_of(&key);
        state.scheduler.wake(&unit, Trigger::Periodic, now);
    }
    drop(state);
    if !batch.is_empty() {
        shared.put(batch);
    }
}

impl State {
    /// Ends what was to be decided about resources of a source that are neither wanted nor to be removed any more.
    pub(super) fn close_approvals(&mut self, source: &str, now: Timestamp, batch: &mut Batch) {
        if self.sources.get(source).is_some_and(|found| found.world.is_none()) {
            return;
        }
        let is_over = |key: &&ResourceKey| {
            let entry = self.inventory.get(key);
            let is_leaving = entry.is_some_and(|e| matches!(e.state, InventoryState::Leaving { .. }));
            key.source == source && self.digest(key).is_none() && !is_leaving
        };
        let over: Vec<ResourceKey> = self.approvals.live.keys().filter(is_over).cloned().collect();
        for key in over {
            self.approvals.void(&key, None, now, batch);
        }
    }

    /// The sources that something is to be decided about.
    pub(super) fn sources_with_approvals(&self) -> BTreeSet<String> {
        self.approvals.live.keys().map(|key| key.source.clone()).collect()
    }

    /// What the scheduler knows a resource by: itself, or the look for what left its target.
    pub(super) fn unit_of(&self, key: &ResourceKey) -> ResourceKey {
        if self.digest(key).is_some() { key.clone() } else { sweep_key(&key.source, &key.id.target) }
    }

    /// True while a job is on the target of a resource.
    fn is_at_work(&self, key: &ResourceKey) -> bool {
        let is_there = |job: &Job| job.source == key.source && job.target == key.id.target;
        self.running.values().any(|running| is_there(&running.job))
    }
}

/// The event of a decision: its word, and what it says.
pub(super) fn announcement(record: &ApprovalRecord) -> Option<(&'static str, String)> {
    let object = &record.change.object;
    let plan = short_plan(&record.plan);
    match (&record.approval, &record.rejection) {
        (Some(Approval { by, reason, until, override_window, .. }), _) => {
            let also = if *override_window { ", also outside of its windows" } else { "" };
            let until = until.strftime("%Y-%m-%d %H:%M UTC");
            Some((
                "Approved",
                format!("{object} ({plan}) was approved by {by} until {until}{also}: {reason}"),
            ))
        }
        (None, Some(Rejection { by, reason, .. })) => {
            Some(("Rejected", format!("{object} ({plan}) was rejected by {by}: {reason}")))
        }
        (None, None) => None,
    }
}
