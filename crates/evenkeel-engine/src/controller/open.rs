//! A controller as it begins: with what the store remembers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use evenkeel_core::config::{HistorySpec, LimitsSpec};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::Controller;
use super::approvals::Approvals;
use super::history::fingerprint;
use super::inventory;
use super::outbox::Outbox;
use super::rollout::Rests;
use super::schedule::{Limits, Scheduler};
use super::state::{ConfiguredSource, Counters, Parts, Shared, SourceState, State, about_source};
use super::watch::Watched;
use super::words::Trigger;
use super::world::World;
use crate::store::{
    ApprovalFilter, Audited, Batch, NewAuditEntry, NewEvent, ResourceFilter, ResourceKey, RunRecord,
    RunState, SourceStatus, SourceVerdict, Store, StoreError, Weight,
};

/// The right to write is taken for this long, and prolonged well before.
pub(super) const CLAIM: SignedDuration = SignedDuration::from_mins(5);

/// What a controller is told.
#[derive(Debug)]
pub struct Settings {
    /// The sources.
    pub sources: Vec<ConfiguredSource>,
    /// How much is done at the same time.
    pub limits: LimitsSpec,
    /// How long the store remembers.
    pub history: HistorySpec,
    /// Who this controller is, for whoever finds the store in use. The same one takes its store over from itself.
    pub holder: String,
    /// Spreads times.
    pub seed: u64,
}

impl Controller {
    /// Takes the store, and goes on where it left off.
    pub async fn open(settings: Settings, parts: Parts) -> Result<Controller, StoreError> {
        let Settings { sources, limits, history, holder, seed } = settings;
        let now = parts.clock.now();
        let fence = parts.store.claim(&holder, now, now.saturating_add(CLAIM).unwrap_or(now)).await?;
        let mut state = recall(parts.store.as_ref(), limits, seed, now).await?;
        let mut batch = Batch::default();
        let configured: BTreeSet<String> = sources.iter().map(|source| source.name.clone()).collect();
        forget_sources(&mut state, parts.store.as_ref(), &configured, now, &mut batch).await?;
        let known: BTreeMap<String, SourceStatus> =
            parts.store.sources().await?.into_iter().map(|status| (status.name.clone(), status)).collect();
        for source in sources {
            let (name, status) = (source.name.clone(), known.get(&source.name).cloned());
            add(&mut state, source, status, now, &mut batch);
            if let Some(snapshot) = parts.store.snapshot(&name).await? {
                restore(&mut state, &parts, &name, &snapshot, now, &mut batch);
            }
        }
        for source in state.sources_with_approvals() {
            state.close_approvals(&source, now, &mut batch);
        }
        batch.audit.push(started(&holder, configured, now));
        state.outbox.put(batch);
        interrupted(&mut state, parts.store.as_ref(), now).await?;
        let shared = Arc::new(Shared::new(parts, limits, fence, state));
        Ok(Controller { shared, seed, history, holder })
    }
}

/// The first word of a controller in the audit log.
fn started(holder: &str, sources: BTreeSet<String>, now: Timestamp) -> NewAuditEntry {
    let (version, holder) = (env!("CARGO_PKG_VERSION").to_owned(), holder.to_owned());
    let sources = sources.into_iter().collect();
    NewAuditEntry::new(now, Audited::Started { version, holder, sources })
}

/// What the store knows of resources and objects.
async fn recall(
    store: &dyn Store,
    limits: LimitsSpec,
    seed: u64,
    now: Timestamp,
) -> Result<State, StoreError> {
    let all = ResourceFilter::default();
    let resources = store.resources(&all).await?.into_iter().map(|status| (status.key.clone(), status));
    let resources: BTreeMap<_, _> = resources.collect();
    let inventory = store.inventory(None).await?.into_iter().map(|entry| (entry.key.clone(), entry));
    let approvals =
        Approvals::of(store.approvals(&ApprovalFilter { live: true, ..Default::default() }).await?);
    let observed = store.observed_at(&all, now).await?.into_iter();
    let limits =
        Limits { reading: limits.reading.into(), writing: limits.writing.into(), per_host: 1, per_group: 1 };
    Ok(State {
        scheduler: Scheduler::new(limits, seed),
        sources: BTreeMap::new(),
        rests: Rests::begin(!resources.is_empty(), now),
        resources,
        inventory: inventory.collect(),
        approvals,
        seen: observed.map(|seen| (seen.key, fingerprint(seen.state.as_ref()))).collect(),
        running: HashMap::new(),
        prepared: HashMap::new(),
        asked: HashMap::new(),
        outbox: Outbox::default(),
        store_trouble: None,
        counters: Counters::default(),
        turned: now,
    })
}

/// Sources that left the configuration take their resources with them; objects are left as they are.
async fn forget_sources(
    state: &mut State,
    store: &dyn Store,
    configured: &BTreeSet<String>,
    now: Timestamp,
    batch: &mut Batch,
) -> Result<(), StoreError> {
    let known = store.sources().await?.into_iter().map(|source| source.name);
    for name in known.filter(|name| !configured.contains(name)) {
        let left = state.inventory.keys().filter(|key| key.source == name).count();
        let message = format!(
            "{name} left the configuration: it is forgotten, and its objects ({left}) are left as they are"
        );
        batch.events.push(about_source(&name, now, Weight::Warning, "SourceForgotten", message, None));
        batch.gone_sources.push(name);
    }
    let is_gone = |key: &ResourceKey| !configured.contains(&key.source);
    batch.gone.extend(state.resources.keys().filter(|key| is_gone(key)).cloned());
    batch.released.extend(state.inventory.keys().filter(|key| is_gone(key)).cloned());
    state.resources.retain(|key, _| !is_gone(key));
    state.inventory.retain(|key, _| !is_gone(key));
    state.seen.retain(|key, _| !is_gone(key));
    Ok(())
}

fn add(
    state: &mut State,
    source: ConfiguredSource,
    known: Option<SourceStatus>,
    now: Timestamp,
    batch: &mut Batch,
) {
    let ConfiguredSource { name, url, source, terms, reference } = source;
    let fresh = SourceStatus {
        name: name.clone(),
        url: url.clone(),
        revision: None,
        resources: 0,
        targets: 0,
        verdict: SourceVerdict::Pending,
        checked_at: None,
        since: now,
        suspended: false,
    };
    // Where it is now counts, not where it was; and it is looked at anew before anybody relies on it.
    let known = known.unwrap_or(fresh);
    let status = SourceStatus { url: url.clone(), checked_at: None, suspended: terms.suspend, ..known };
    batch.sources.push(status.clone());
    let (bell, intake) = (Notify::new(), tokio::sync::Mutex::new(()));
    let watched = Arc::new(Watched { name: name.clone(), source, url, reference, bell, intake });
    let found = SourceState { terms, watched, world: None, status, judged: None, held: None, fetched: None };
    state.sources.insert(name, found);
}

/// Puts the revision that was in force back in force, until the source is read.
fn restore(
    state: &mut State,
    parts: &Parts,
    name: &str,
    snapshot: &crate::source::Snapshot,
    now: Timestamp,
    batch: &mut Batch,
) {
    let Some(terms) = state.sources.get(name).map(|found| found.terms.clone()) else { return };
    (parts.on_snapshot)(name, snapshot);
    let Ok(world) = World::read(&parts.registry, snapshot, &terms, now) else {
        let message = format!(
            "{} cannot be read by this version of Evenkeel; nothing is in force until the source is read",
            snapshot.revision.short()
        );
        batch.events.push(about_source(name, now, Weight::Warning, "RevisionUnreadable", message, None));
        return;
    };
    let world = Arc::new(world);
    state.reinstall(name, &world, now);
    let is_gone = |key: &&ResourceKey| key.source == name && !world.wanted.contains_key(&key.id);
    let gone: Vec<_> = state.resources.keys().filter(is_gone).map(|key| key.id.clone()).collect();
    inventory::leave(state, name, gone.iter(), now, batch);
    inventory::reconsider(state, name, now, batch);
}

/// Runs that a killed controller left behind: what they sent last may or may not have happened, so their targets are
/// looked at now.
async fn interrupted(state: &mut State, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    for run in store.unfinished_runs().await? {
        let journal = store.run(run.id).await?.map(|(_, journal)| journal).unwrap_or_default();
        let message = match journal.last() {
            None => format!("run {} on {} was cut off before it sent anything", run.id, run.target),
            Some(last) => format!(
                "run {} on {} was cut off; `{}` may or may not have happened: its resources are looked at again",
                run.id, run.target, last.command
            ),
        };
        let event =
            about_source(&run.source, now, Weight::Warning, "RunInterrupted", message, Some(&run.revision));
        let event = NewEvent { target: Some(run.target.clone()), run: Some(run.id), ..event };
        let here = |key: &&ResourceKey| key.source == run.source && key.id.target == run.target;
        let keys: Vec<ResourceKey> = state.resources.keys().filter(here).cloned().collect();
        let mut batch = Batch { events: vec![event], ..Batch::default() };
        for key in keys {
            state.scheduler.wake(&key, Trigger::Retry, now);
            let wanted = state.digest(&key).map(str::to_owned);
            let Some(status) = state.resources.get_mut(&key) else { continue };
            if !journal.is_empty() && status.fulfilled.is_some() && status.fulfilled != wanted {
                // It may be half way to another wish: what differs from the old one now is no drift.
                status.fulfilled = None;
                batch.resources.push(status.clone());
            }
        }
        batch.end(RunRecord { finished: Some(now), state: RunState::Interrupted, ..run });
        state.outbox.put(batch);
    }
    Ok(())
}
