//! What came of a job: statuses, events, history, inventory, and what the scheduler hears.

use std::collections::BTreeMap;

use evenkeel_core::condition::Condition;
use evenkeel_core::driver::Attribution;
use evenkeel_core::plan::{Change, Plan};
use jiff::Timestamp;

use super::approvals::Looked;
use super::blame;
use super::errand::Errand;
use super::fight;
use super::history;
use super::inventory;
use super::rollout;
use super::schedule::{Aftermath, Ended, HostNews, Job, Report};
use super::standing::{CRASHED, Standing, WAITING, after_look, after_run};
use super::state::{Shared, State, about_source, is_sweep};
use super::tidings;
use super::words::{Intent, Trigger};
use super::work::alike;
use crate::run::{Run, Verdict};
use crate::store::{Batch, NewEvent, NewRun, ResourceKey, ResourceStatus, RunId, Weight};

/// An approved change that turned out to be held is looked at again after this.
const LOOK_AGAIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);

/// A change with what became of it in this job.
pub(super) struct Fared<'a> {
    pub(super) key: ResourceKey,
    pub(super) change: &'a Change,
    pub(super) verdict: Option<&'a Verdict>,
    /// Something was sent for it.
    pub(super) sent: bool,
    /// The run was told to stop before its end.
    pub(super) stopped: bool,
    pub(super) intent: Intent,
    /// Who made the difference, where it is drift and the target told.
    pub(super) blamed: &'a [Attribution],
    pub(super) standing: Standing,
}

/// Takes what came of a job into the state, and has it written down.
pub(super) fn settle(shared: &Shared, errand: &Errand, plan: &Plan, run: Option<(RunId, &Run)>) {
    let now = shared.now();
    let mut batch = Batch::default();
    let mut state = shared.state();
    let (number, run) = run.unzip();
    let fared = fared(errand, plan, run);
    let olds = fared.iter().map(|one| state.resources.get(&one.key));
    batch.events.extend(tidings::of_target(fared.iter().zip(olds), now));
    let mut reports = BTreeMap::new();
    let halted = fared.iter().any(|one| one.verdict.is_some_and(Verdict::ends_target));
    let in_the_way = |state: &State, key: &ResourceKey| {
        state.stands_failed(key) || state.is_missing(key) || state.is_canary_to_come(key)
    };
    let were_in_the_way: Vec<&ResourceKey> =
        fared.iter().map(|one| &one.key).filter(|key| in_the_way(&state, key)).collect();
    for one in fared.iter().filter(|one| one.sent) {
        let wanted = errand.world.wanted.get(&one.change.id);
        if let Some(rollout) = wanted.and_then(|wanted| wanted.instance.rollout.as_ref()) {
            state.rests.note(&errand.job.source, rollout, &errand.job.target, now);
        }
    }
    for one in &fared {
        take(&mut state, errand, one, number, now, &mut batch);
        // A newer wish is not fulfilled by what fulfilled an older one.
        let is_current = state.digest(&one.key) == errand.digest(&one.change.id);
        let ready = one.standing.is_ready() && is_current;
        reports.insert(one.key.clone(), Report { key: one.key.clone(), ended: ended(one, halted), ready });
    }
    removals_decided(&mut state, errand, plan, number.zip(run), now, &mut batch);
    sweep(&mut state, errand, plan, run, now, &mut batch, &mut reports);
    if errand.job.keys.iter().any(|key| is_sweep(&key.id)) {
        state.close_approvals(&errand.job.source, now, &mut batch);
    }
    if let (Some(id), Some(run)) = (number, run) {
        state.counters.count(run, &fared);
        batch.end(history::record(id, errand, plan, &fared, run));
    }
    let reports = errand.job.keys.iter().map(|key| {
        let unheard = || Report { key: key.clone(), ended: Ended::NotStarted, ready: false };
        reports.remove(key).unwrap_or_else(unheard)
    });
    let reports: Vec<Report> = reports.collect();
    let aftermath = state.scheduler.done(errand.job.id, &reports, now);
    for (key, next) in fared.iter().filter_map(|one| Some((&one.key, one.change.report.next?))) {
        state.scheduler.wake(key, Trigger::Periodic, next);
    }
    // What was approved and then found to be held after all is looked at soon: the approval may be void.
    let soon = now.saturating_add(LOOK_AGAIN).unwrap_or(now);
    for one in fared.iter().filter(|one| one.change.is_open() && one.change.approved.is_some()) {
        if matches!(one.verdict, Some(Verdict::Held { .. })) {
            state.scheduler.wake(&one.key, Trigger::Retry, soon);
        }
    }
    let removed = plan.changes.iter().filter(|change| inventory::is_removal(change));
    if let Some(next) = removed.filter_map(|change| change.report.next).min() {
        for key in errand.job.keys.iter().filter(|key| is_sweep(&key.id)) {
            state.scheduler.wake(key, Trigger::Periodic, next);
        }
    }
    let trouble = fared.iter().find_map(|one| one.change.error.as_ref());
    let news = news(&errand.job, aftermath, trouble.map(|error| error.message.as_str()), now);
    batch.events.splice(0..0, news);
    remember(&mut state, &mut batch);
    for key in were_in_the_way {
        if !in_the_way(&state, key) {
            state.go_on_after(key, now);
        }
    }
    drop(state);
    shared.put(batch);
}

/// Takes the statuses of a batch over, with what the scheduler says of them now.
fn remember(state: &mut State, batch: &mut Batch) {
    for status in &mut batch.resources {
        if let Some(standing) = state.scheduler.standing(&status.key) {
            (status.next, status.failures) = (standing.next, standing.failures);
        }
        state.resources.insert(status.key.clone(), status.clone());
    }
}

/// The end of a job that found nothing out. What somebody asked for stays asked for.
pub(super) fn without_result(shared: &Shared, job: &Job, ended: Ended, by: Option<&str>) {
    let now = shared.now();
    let mut state = shared.state();
    for (key, by) in job.keys.iter().filter_map(|key| Some((key, by?))) {
        if state.scheduler.standing(key).is_some() {
            state.asked.entry(key.clone()).or_insert_with(|| by.to_owned());
        }
    }
    let aftermath = state.scheduler.done(job.id, &alike(job, ended), now);
    drop(state);
    shared.put(Batch { events: news(job, aftermath, None, now), ..Batch::default() });
}

/// The end of a job by a mistake in the program. Its resources are tried again, ever more slowly.
pub(super) fn crashed(shared: &Shared, job: &Job, run: Option<(RunId, NewRun)>) {
    let now = shared.now();
    let mut batch = Batch::default();
    let mut state = shared.state();
    let said = format!("a mistake in the program ended the look at {}: see the log", job.target);
    let standing = Standing::crashed(&said);
    let olds: Vec<ResourceStatus> = job.keys.iter().filter_map(|key| known(&state, key, now)).collect();
    let is_crashed = |old: &ResourceStatus| old.conditions.first().is_some_and(|c| c.reason == CRASHED);
    if !olds.iter().any(is_crashed) {
        batch.events.push(about_target(job, Weight::Warning, CRASHED, said.clone(), now));
    }
    for old in olds {
        let since = if is_crashed(&old) { old.since } else { now };
        batch.resources.push(ResourceStatus { conditions: standing.conditions(), since, ..old });
    }
    if let Some((id, new)) = run {
        batch.end(history::cut_off(id, new, now));
    }
    let aftermath = state.scheduler.done(job.id, &alike(job, Ended::Failed), now);
    batch.events.extend(news(job, aftermath, None, now));
    remember(&mut state, &mut batch);
    drop(state);
    shared.put(batch);
}

/// What is known of a resource, be it only its manifest.
fn known(state: &State, key: &ResourceKey, now: Timestamp) -> Option<ResourceStatus> {
    let world = state.sources.get(&key.source)?.world.as_ref()?;
    let wanted = world.wanted.get(&key.id)?;
    let blank = || ResourceStatus {
        key: key.clone(),
        object: wanted.instance.object.clone(),
        location: Some(wanted.instance.location.clone()),
        observed_generation: 1,
        digest: wanted.digest.clone(),
        fulfilled: None,
        last_attempted_revision: world.revision.id.clone(),
        last_applied_revision: None,
        conditions: Vec::new(),
        differs: Vec::new(),
        intent: None,
        attributions: Vec::new(),
        observed_at: None,
        since: now,
        failures: 0,
        next: None,
        corrections: fight::Corrections::new(),
        failed: false,
        halted: None,
        health: Vec::new(),
    };
    Some(state.resources.get(key).cloned().unwrap_or_else(blank))
}

fn fared<'a>(errand: &'a Errand, plan: &'a Plan, run: Option<&'a Run>) -> Vec<Fared<'a>> {
    let outcome = |nth: usize| run.and_then(|run| run.outcomes.get(nth));
    let wanted = plan.changes.iter().enumerate().filter(|(_, c)| errand.world.wanted.contains_key(&c.id));
    let fared = wanted.map(|(nth, change)| {
        let (intent, hold) = (errand.intent(&change.id), errand.holds.get(&change.id));
        let verdict = outcome(nth).map(|outcome| &outcome.verdict);
        let sent = outcome(nth).is_some_and(|outcome| !outcome.sent.is_empty());
        let standing = verdict.map_or_else(
            || after_look(change, hold, intent),
            |verdict| after_run(change, verdict, hold, intent),
        );
        let blamed = errand.blamed.get(&change.id).map_or(&[][..], Vec::as_slice);
        let standing = standing.blaming(blame::told(blamed, change));
        let key = ResourceKey { source: errand.job.source.clone(), id: change.id.clone() };
        let stopped = run.is_some_and(|run| run.stopped);
        Fared { key, change, verdict, sent, stopped, intent, blamed, standing }
    });
    fared.collect()
}

/// Takes over what is known of one resource now.
fn take(
    state: &mut State,
    errand: &Errand,
    one: &Fared<'_>,
    run: Option<RunId>,
    now: Timestamp,
    batch: &mut Batch,
) {
    let Some(digest) = errand.digest(&one.change.id).map(str::to_owned) else { return };
    if one.standing.is_ready() {
        inventory::manage(state, &one.key, &one.change.object, now, batch);
    }
    if state.digest(&one.key).is_none() {
        // It left the manifests while the job ran.
        inventory::leave(state, &one.key.source, std::iter::once(&one.change.id), now, batch);
        return;
    }
    let old = state.resources.get(&one.key);
    let status = status(old, errand, one, digest, now);
    batch.events.extend(tidings::of_resource(old, one, now).map(|event| NewEvent { run, ..event }));
    let looked = Looked {
        key: &one.key,
        change: one.change,
        revision: &errand.world.revision.id,
        ran: run.zip(one.verdict),
    };
    state.approvals.look(&looked, now, batch);
    history::observe(state, one, now, batch);
    batch.resources.push(status);
}

fn status(
    old: Option<&ResourceStatus>,
    errand: &Errand,
    one: &Fared<'_>,
    digest: String,
    now: Timestamp,
) -> ResourceStatus {
    let revision = &errand.world.revision.id;
    let ready = one.standing.is_ready();
    let is_unread = one.change.error.is_some() || one.change.busy.is_some();
    let conditions = one.standing.conditions();
    let unmoved = old.filter(|old| {
        let of = |c: &Condition| (c.status, c.reason.clone());
        old.conditions.first().map(of) == conditions.first().map(of)
    });
    // Of a resource that cannot be read, what was seen last still counts.
    let (differs, intent) = match old {
        _ if ready => (Vec::new(), None),
        _ if !is_unread => (one.change.fields.clone(), Some(one.intent)),
        old => (old.map(|old| old.differs.clone()).unwrap_or_default(), old.and_then(|old| old.intent)),
    };
    let attributions = match old {
        Some(old) if is_unread => old.attributions.clone(),
        _ if ready => Vec::new(),
        _ => one.blamed.to_vec(),
    };
    let is_new = old.is_none_or(|old| old.digest != digest);
    let fulfilled = match old.and_then(|old| old.fulfilled.clone()) {
        _ if ready => Some(digest.clone()),
        // Half way to another wish: what differs from the one before is no drift any more.
        Some(before) if one.sent && before != digest => None,
        before => before,
    };
    let applied = old.and_then(|old| old.last_applied_revision.clone());
    ResourceStatus {
        key: one.key.clone(),
        object: one.change.object.clone(),
        location: one.change.location.clone(),
        observed_generation: old.map_or(1, |old| old.observed_generation + u64::from(is_new)),
        fulfilled,
        digest,
        last_attempted_revision: revision.clone(),
        last_applied_revision: if ready { Some(revision.clone()) } else { applied },
        conditions,
        differs,
        intent,
        attributions,
        observed_at: if one.change.error.is_none() { Some(now) } else { old.and_then(|old| old.observed_at) },
        since: unmoved.map_or(now, |old| old.since),
        failures: 0,
        next: None,
        corrections: corrections(old.filter(|_| !is_new), one, now),
        failed: rollout::stands_failed(old, one),
        halted: rollout::stands_halted(old.filter(|_| !is_new), one),
        health: match old {
            Some(old) if is_unread => old.health.clone(),
            _ => one.change.report.health.clone(),
        },
    }
}

/// What the fight detector remembers. A new wish begins anew.
fn corrections(old: Option<&ResourceStatus>, one: &Fared<'_>, now: Timestamp) -> fight::Corrections {
    let mut corrections = old.map(|old| old.corrections.clone()).unwrap_or_default();
    let corrected = one.intent == Intent::Corrective && one.verdict == Some(&Verdict::Applied);
    let fields: Vec<String> = one.change.fields.iter().map(|field| field.change.path.to_string()).collect();
    fight::note(&mut corrections, fields.iter().filter(|_| corrected).map(String::as_str), now);
    corrections
}

/// What the scheduler hears. Where the run was `halted`, nothing that it left undone is tried again soon, for that would
/// go on where it was told to end.
fn ended(one: &Fared<'_>, halted: bool) -> Ended {
    if let Some(error) = &one.change.error {
        return match (error.retryable, error.target_lost) {
            (true, true) => Ended::Unreachable,
            (true, false) => Ended::Failed,
            (false, _) => Ended::Terminal,
        };
    }
    if one.change.busy.is_some() {
        return Ended::Failed;
    }
    match one.verdict {
        Some(Verdict::Halted { .. } | Verdict::RolledBack { .. }) => Ended::Terminal,
        Some(
            Verdict::Failed { .. } | Verdict::Unknown { .. } | Verdict::Stale { .. } | Verdict::NotStarted,
        ) if halted => Ended::Terminal,
        Some(Verdict::Applied | Verdict::Drifted { .. }) => Ended::Changed,
        Some(Verdict::Failed { .. } | Verdict::Unknown { .. } | Verdict::Stale { .. }) => Ended::Failed,
        Some(Verdict::NotStarted) => Ended::NotStarted,
        _ if one.standing.reason == WAITING => Ended::Waiting,
        _ => Ended::Settled,
    }
}

/// What was, or is to be, decided about the removal of what left the manifests.
fn removals_decided(
    state: &mut State,
    errand: &Errand,
    plan: &Plan,
    run: Option<(RunId, &Run)>,
    now: Timestamp,
    batch: &mut Batch,
) {
    let entries = errand.leaving.iter().filter_map(|key| Some((key, state.inventory.get(key)?)));
    let keys: BTreeMap<(String, String), ResourceKey> =
        entries.map(|(key, entry)| ((key.id.kind.clone(), entry.object.clone()), key.clone())).collect();
    for (nth, change) in plan.changes.iter().enumerate().filter(|(_, change)| inventory::is_removal(change)) {
        let Some(key) = keys.get(&(change.id.kind.clone(), change.object.clone())) else { continue };
        let ran = run.and_then(|(id, run)| Some((id, &run.outcomes.get(nth)?.verdict)));
        let looked = Looked { key, change, revision: &errand.world.revision.id, ran };
        state.approvals.look(&looked, now, batch);
    }
}

/// What became of what left the manifests.
fn sweep(
    state: &mut State,
    errand: &Errand,
    plan: &Plan,
    run: Option<&Run>,
    now: Timestamp,
    batch: &mut Batch,
    reports: &mut BTreeMap<ResourceKey, Report>,
) {
    let Some(key) = errand.job.keys.iter().find(|key| is_sweep(&key.id)) else { return };
    let verdict = |nth: usize| run.and_then(|run| run.outcomes.get(nth)).map(|outcome| &outcome.verdict);
    let removals: Vec<(&Change, Option<&Verdict>)> = plan
        .changes
        .iter()
        .enumerate()
        .filter(|(_, change)| inventory::is_removal(change))
        .map(|(nth, change)| (change, verdict(nth)))
        .collect();
    inventory::swept(state, errand, &removals, now, batch);
    let failed = |(change, verdict): &(&Change, Option<&Verdict>)| {
        change.error.is_some()
            || matches!(
                verdict,
                Some(
                    Verdict::Failed { .. }
                        | Verdict::Halted { .. }
                        | Verdict::RolledBack { .. }
                        | Verdict::Unknown { .. }
                )
            )
    };
    let lost =
        |(change, _): &(&Change, _)| change.error.as_ref().is_some_and(|e| e.target_lost && e.retryable);
    let ended = if removals.iter().any(lost) {
        Ended::Unreachable
    } else if removals.iter().any(failed) {
        Ended::Failed
    } else {
        Ended::Settled
    };
    reports.insert(key.clone(), Report { key: key.clone(), ended, ready: ended == Ended::Settled });
}

/// What the end of a job says of its host. `said` is what was heard of it.
pub(super) fn news(job: &Job, aftermath: Aftermath, said: Option<&str>, now: Timestamp) -> Vec<NewEvent> {
    let event = |news: HostNews| {
        let (weight, reason, message) = if news.answers {
            (Weight::Normal, "TargetAnswers", format!("{} answers again", job.target))
        } else {
            let why = said.unwrap_or("it does not answer");
            (Weight::Warning, "TargetUnreachable", format!("{} is left alone for a while: {why}", job.target))
        };
        about_target(job, weight, reason, message, now)
    };
    aftermath.host.into_iter().map(event).collect()
}

fn about_target(job: &Job, weight: Weight, reason: &str, message: String, now: Timestamp) -> NewEvent {
    let target = Some(job.target.clone());
    NewEvent { target, ..about_source(&job.source, now, weight, reason, message, None) }
}
