//! What others ask of a running controller, answered.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::transport::BoxFuture;
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::decide::{Decision, Refusal};
use super::handle::{Handle, Health, HealthMetric, Metrics, Notice, Reconciled};
use super::repository::same_repository;
use super::state::{Shared, SourceState, is_sweep};
use super::words::Trigger;
use super::{Service, decide, intake};
use crate::store::{
    Answer, ApprovalRecord, Audited, Batch, Event, NewAuditEntry, NewEvent, Notified, ResourceFilter, Store,
};

/// The loop turns at least this often; three times that without a turn, and it is taken for dead.
pub(super) const HEARTBEAT_SECONDS: u64 = 10;

impl Handle for Service {
    fn notify<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Vec<String>> {
        let woken = {
            let state = self.0.state();
            let meant = state.sources.iter().filter(|(name, source)| is_meant(notice, name, source));
            meant
                .map(|(name, source)| {
                    source.watched.bell.notify_one();
                    name.clone()
                })
                .collect()
        };
        Box::pin(async move { woken })
    }

    fn reconcile<'a>(&'a self, filter: &'a ResourceFilter, by: &'a str) -> BoxFuture<'a, Reconciled> {
        let reconciled = reconcile(&self.0, filter, by);
        Box::pin(async move { reconciled })
    }

    fn accept<'a>(
        &'a self,
        source: &'a str,
        revision: &'a str,
        by: &'a str,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(intake::accept(&self.0, source, revision, by))
    }

    fn set_notified(&self, notified: Notified) -> Answer<'_, ()> {
        self.0.parts.store.set_notified(self.0.fence, notified)
    }

    fn report(&self, event: NewEvent) {
        self.0.put(Batch { events: vec![event], ..Batch::default() });
    }

    fn decide(&self, decision: Decision) -> BoxFuture<'_, Result<ApprovalRecord, Refusal>> {
        Box::pin(decide::decide(&self.0, decision))
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.events.subscribe()
    }

    fn health(&self) -> Health {
        let now = self.0.now();
        let state = self.0.state();
        let mut reasons: Vec<String> =
            state.store_trouble.iter().map(|why| format!("the store does not take writes: {why}")).collect();
        let unread = state
            .sources
            .iter()
            .filter(|(_, source)| source.judged.is_none() && source.status.checked_at.is_none())
            .filter(|(_, source)| !source.terms.suspend || source.world.is_none());
        reasons.extend(unread.map(|(name, _)| format!("the source {name} was not read yet")));
        let quiet = seconds_between(state.turned, now);
        Health {
            live: quiet < 3.0 * f64::from(u32::try_from(HEARTBEAT_SECONDS).unwrap_or(u32::MAX)),
            ready: reasons.is_empty(),
            draining: self.0.is_draining(),
            reasons,
            started: self.0.started,
        }
    }

    fn metrics(&self) -> Metrics {
        metrics(&self.0)
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.0.parts.store
    }
}

fn is_meant(notice: &Notice, name: &str, source: &SourceState) -> bool {
    match notice {
        Notice::All => true,
        Notice::Sources(names) => names.iter().any(|wanted| wanted == name),
        Notice::Repository { urls, reference } => {
            let followed = source.watched.reference.as_ref();
            let same_branch = match (reference, followed) {
                (Some(pushed), Some(followed)) => pushed == followed,
                _ => true,
            };
            same_branch && urls.iter().any(|url| same_repository(url, &source.watched.url))
        }
    }
}

fn reconcile(shared: &Arc<Shared>, filter: &ResourceFilter, by: &str) -> Reconciled {
    let now = shared.now();
    let mut state = shared.state();
    let keys = state.woken_by(filter);
    let mut batch = Batch::default();
    for key in &keys {
        if let Some(status) = state.resources.get_mut(key).filter(|status| !status.corrections.is_empty()) {
            status.corrections.clear();
            batch.resources.push(status.clone());
        }
        state.asked.insert(key.clone(), by.to_owned());
        state.scheduler.wake(key, Trigger::Operator, now);
    }
    if !keys.is_empty() {
        let asked = NewAuditEntry::new(now, Audited::Asked { filter: filter.clone() });
        let source = filter.source.clone();
        batch.audit.push(NewAuditEntry { by: Some(by.to_owned()), source, ..asked });
    }
    drop(state);
    shared.put(batch);
    let resources = keys.iter().filter(|key| !is_sweep(&key.id));
    let targets: BTreeSet<(&str, &str)> =
        keys.iter().map(|key| (key.source.as_str(), key.id.target.as_str())).collect();
    Reconciled { resources: resources.count(), targets: targets.len() }
}

fn metrics(shared: &Shared) -> Metrics {
    let now = shared.now();
    let state = shared.state();
    let counts = state.scheduler.counts(now);
    let mut metrics = Metrics {
        targets: state.sources.values().map(|source| source.status.targets).sum(),
        unreachable: counts.unreachable as u64,
        queued: counts.queued as u64,
        oldest_wait_seconds: f64::from(u32::try_from(counts.oldest_wait_ms).unwrap_or(u32::MAX)) / 1000.0,
        reading: counts.reading as u64,
        writing: counts.writing as u64,
        looks: state.counters.looks,
        runs: state.counters.runs.clone(),
        commands: state.counters.commands,
        changes: state.counters.changes.clone(),
        fetches: state.counters.fetches.clone(),
        ..Metrics::default()
    };
    for status in state.resources.values() {
        let reason = status.conditions.first().map_or("Unknown", |condition| condition.reason.as_str());
        *metrics.resources.entry(reason.to_owned()).or_default() += 1;
        // An age grows while nobody looks.
        metrics.health.extend(status.health.iter().map(|health| HealthMetric {
            key: status.key.clone(),
            about: health.about.clone(),
            good: health.good,
            age_seconds: health.since.map(|since| seconds_between(since, now)),
            limit_seconds: health.limit_seconds,
        }));
    }
    // Who watches the age has to see, too, that a source was never fetched since the start.
    let ages = state.sources.iter().filter(|(_, source)| !source.terms.suspend);
    let ages = ages.map(|(name, source)| (name, source.fetched.unwrap_or(shared.started)));
    metrics.source_age_seconds = ages.map(|(name, at)| (name.clone(), seconds_between(at, now))).collect();
    metrics
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}
