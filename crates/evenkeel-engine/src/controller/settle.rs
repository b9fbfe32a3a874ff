//! What came of a job: statuses, events, history, inventory, and what the scheduler hears.

use std::collections::BTreeMap;

use evenkeel_core::condition::Status;
use evenkeel_core::plan::{Change, Plan};
use jiff::Timestamp;

use super::errand::Errand;
use super::fight;
use super::history;
use super::inventory;
use super::schedule::{Ended, HostNews, Job, Report};
use super::standing::{Standing, after_look, after_run};
use super::state::{Shared, State, about_source, is_sweep};
use super::tidings;
use super::words::Intent;
use super::work::alike;
use crate::run::{Run, Verdict};
use crate::store::{Batch, NewEvent, ResourceKey, ResourceStatus, RunId, Weight};

/// A change with what became of it in this job.
pub(super) struct Fared<'a> {
    pub(super) key: ResourceKey,
    pub(super) change: &'a Change,
    pub(super) verdict: Option<&'a Verdict>,
    pub(super) intent: Intent,
    pub(super) standing: Standing,
}

/// Takes what came of a job into the state, and writes it down.
pub(super) async fn settle(shared: &Shared, errand: &Errand, plan: &Plan, run: Option<(RunId, Run)>) {
    let now = shared.now();
    let mut batch = Batch::default();
    {
        let mut state = shared.state();
        let mut reports = BTreeMap::new();
        let fared = fared(errand, plan, run.as_ref().map(|(_, run)| run));
        for one in &fared {
            let number = run.as_ref().map(|(id, _)| *id);
            take(&mut state, errand, one, number, now, &mut batch);
            let report = Report { key: one.key.clone(), ended: ended(one), ready: one.standing.is_ready() };
            reports.insert(one.key.clone(), report);
        }
        sweep(&mut state, errand, plan, run.as_ref().map(|(_, run)| run), now, &mut batch, &mut reports);
        if let Some((id, run)) = &run {
            state.counters.count(run, &fared);
            batch.run = Some(history::record(*id, errand, &fared, run));
        }
        let reports = errand.job.keys.iter().map(|key| {
            let unheard = || Report { key: key.clone(), ended: Ended::NotStarted, ready: false };
            reports.remove(key).unwrap_or_else(unheard)
        });
        let reports: Vec<Report> = reports.collect();
        let aftermath = state.scheduler.done(errand.job.id, &reports, now);
        let trouble = fared.iter().find_map(|one| one.change.error.as_ref());
        let said = trouble.map(|error| error.message.as_str());
        batch.events.extend(aftermath.host.map(|news| host_event(&errand.job, &news, said, now)));
        for status in &mut batch.resources {
            if let Some(standing) = state.scheduler.standing(&status.key) {
                (status.next, status.failures) = (standing.next, standing.failures);
            }
            state.resources.insert(status.key.clone(), status.clone());
        }
    }
    shared.turn.notify_one();
    shared.commit(batch).await;
}

/// The end of a job that found nothing out.
pub(super) fn without_result(shared: &Shared, job: &Job, ended: Ended) {
    let mut state = shared.state();
    state.scheduler.done(job.id, &alike(job, ended), shared.now());
    drop(state);
    shared.turn.notify_one();
}

fn fared<'a>(errand: &'a Errand, plan: &'a Plan, run: Option<&'a Run>) -> Vec<Fared<'a>> {
    let verdict = |nth: usize| run.and_then(|run| run.outcomes.get(nth)).map(|outcome| &outcome.verdict);
    let wanted = plan.changes.iter().enumerate().filter(|(_, c)| errand.world.wanted.contains_key(&c.id));
    let fared = wanted.map(|(nth, change)| {
        let (intent, hold) = (errand.intent(&change.id), errand.holds.get(&change.id));
        let verdict = verdict(nth);
        let standing = verdict.map_or_else(
            || after_look(change, hold, intent),
            |verdict| after_run(change, verdict, hold, intent),
        );
        let key = ResourceKey { source: errand.job.source.clone(), id: change.id.clone() };
        Fared { key, change, verdict, intent, standing }
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
    let Some(digest) = errand.world.wanted.get(&one.change.id).map(|wanted| wanted.digest.clone()) else {
        return;
    };
    if one.standing.is_ready() {
        inventory::manage(state, &one.key, &one.change.object, now, batch);
    }
    let world = state.sources.get(&one.key.source).and_then(|source| source.world.clone());
    if !world.is_some_and(|world| world.wanted.contains_key(&one.change.id)) {
        // It left the manifests while the job ran.
        inventory::leave(state, &one.key.source, std::iter::once(&one.change.id), now, batch);
        return;
    }
    let old = state.resources.get(&one.key);
    let status = status(old, errand, one, digest, now);
    batch.events.extend(tidings::of_resource(old, one, now).map(|event| NewEvent { run, ..event }));
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
    let conditions = one.standing.conditions();
    let unmoved = old.filter(|old| {
        let of = |c: &evenkeel_core::condition::Condition| (c.status, c.reason.clone());
        old.conditions.first().map(of) == conditions.first().map(of)
    });
    let mut corrections = old.map(|old| old.corrections.clone()).unwrap_or_default();
    let corrected = one.intent == Intent::Corrective && one.verdict == Some(&Verdict::Applied);
    let fields: Vec<String> = one.change.fields.iter().map(|field| field.change.path.to_string()).collect();
    fight::note(&mut corrections, fields.iter().filter(|_| corrected).map(String::as_str), now);
    let generation = old.map_or(1, |old| old.observed_generation + u64::from(old.digest != digest));
    ResourceStatus {
        key: one.key.clone(),
        object: one.change.object.clone(),
        location: one.change.location.clone(),
        observed_generation: generation,
        fulfilled: if ready { Some(digest.clone()) } else { old.and_then(|old| old.fulfilled.clone()) },
        digest,
        last_attempted_revision: revision.clone(),
        last_applied_revision: if ready {
            Some(revision.clone())
        } else {
            old.and_then(|old| old.last_applied_revision.clone())
        },
        conditions,
        differs: if ready { Vec::new() } else { one.change.fields.clone() },
        intent: (!ready && one.standing.ready != Status::Unknown).then_some(one.intent),
        observed_at: if one.change.error.is_none() { Some(now) } else { old.and_then(|old| old.observed_at) },
        since: unmoved.map_or(now, |old| old.since),
        failures: 0,
        next: None,
        corrections,
    }
}

/// What the scheduler hears.
fn ended(one: &Fared<'_>) -> Ended {
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
        Some(Verdict::Applied | Verdict::Drifted { .. }) => Ended::Changed,
        Some(Verdict::Failed { .. } | Verdict::Unknown { .. } | Verdict::Stale { .. }) => Ended::Failed,
        Some(Verdict::NotStarted) => Ended::NotStarted,
        _ if one.standing.reason == "Waiting" => Ended::Waiting,
        _ => Ended::Settled,
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
    inventory::swept(state, (&errand.job.source, &errand.job.target), &removals, now, batch);
    let failed = |(change, verdict): &(&Change, Option<&Verdict>)| {
        change.error.is_some() || matches!(verdict, Some(Verdict::Failed { .. } | Verdict::Unknown { .. }))
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

fn host_event(job: &Job, news: &HostNews, said: Option<&str>, now: Timestamp) -> NewEvent {
    let (weight, reason, message) = if news.answers {
        (Weight::Normal, "TargetAnswers", format!("{} answers again", job.target))
    } else {
        let why = said.unwrap_or("it does not answer");
        (Weight::Warning, "TargetUnreachable", format!("{} is left alone for a while: {why}", job.target))
    };
    let target = Some(job.target.clone());
    NewEvent { target, ..about_source(&job.source, now, weight, reason, message, None) }
}
