//! What a source brought: refused, invalid, held, or put in force.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::config::Reconcile;
use evenkeel_core::diagnostic::{Diagnostic, Severity};
use evenkeel_core::plan::InstanceId;
use jiff::Timestamp;

use super::inventory;
use super::state::{Shared, SourceState, State, about_source, is_sweep, sweep_key};
use super::words::Trigger;
use super::world::{Difference, World};
use crate::source::{Fetched, Revision, Snapshot, SourceError};
use crate::store::{Batch, ResourceKey, SourceVerdict, Weight};

/// Takes what a look at a source brought.
pub(super) async fn take(shared: &Arc<Shared>, source: &str, outcome: Result<Fetched, SourceError>) {
    let word = match &outcome {
        Ok(Fetched::Unchanged) => "unchanged",
        Ok(Fetched::New(_)) => "ok",
        Err(_) => "failed",
    };
    *shared.state().counters.fetches.entry(word.to_owned()).or_default() += 1;
    match outcome {
        Err(error) => refuse(shared, source, error).await,
        Ok(Fetched::Unchanged) => unchanged(shared, source).await,
        Ok(Fetched::New(snapshot)) => judge(shared, source, *snapshot).await,
    }
}

/// Takes a held revision, as a person wishes.
pub(super) async fn accept(
    shared: &Arc<Shared>,
    source: &str,
    revision: &str,
    by: &str,
) -> Result<(), String> {
    let snapshot = {
        let mut state = shared.state();
        let found = state.sources.get_mut(source).ok_or_else(|| format!("there is no source {source}"))?;
        let held = found.held.as_ref().map(|held| held.revision.id.clone());
        match held {
            None => return Err(format!("no revision of {source} is held")),
            Some(id) if revision.len() < 7 || !id.starts_with(revision) => {
                return Err(format!("{source} holds revision {id}, not {revision}"));
            }
            Some(_) => found.held.take(),
        }
    };
    let Some(snapshot) = snapshot else { return Err(format!("no revision of {source} is held")) };
    match read(shared, source, &snapshot).await {
        Some(Ok(world)) => {
            put_in_force(shared, source, snapshot, world, Some(by)).await;
            Ok(())
        }
        Some(Err(_)) | None => Err(format!("the held revision of {source} cannot be read any more")),
    }
}

async fn refuse(shared: &Shared, source: &str, error: SourceError) {
    let now = shared.now();
    let reason = error.reason().to_owned();
    let hint = error.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
    let message = format!("{}{hint}", error.message);
    let SourceError { message: said, hint, revision, .. } = error;
    let verdict = SourceVerdict::Refused { reason, message: said, hint, revision: revision.clone() };
    let mut batch = Batch::default();
    if let Some(found) = shared.state().sources.get_mut(source) {
        if found.settle(verdict, now) {
            let word = "RevisionRefused";
            let event = about_source(source, now, Weight::Warning, word, message, revision.as_deref());
            batch.events.push(event);
        }
        batch.sources.push(found.status.clone());
    }
    shared.commit(batch).await;
}

/// Nothing new: what was judged before holds again, also where it could not be fetched in between.
async fn unchanged(shared: &Shared, source: &str) {
    let now = shared.now();
    let mut batch = Batch::default();
    if let Some(found) = shared.state().sources.get_mut(source) {
        found.fetched = Some(now);
        if let Some((revision, verdict)) = found.judged.clone()
            && found.settle(verdict, now)
        {
            let message = format!("{source} can be fetched again");
            let word = "SourceRecovered";
            batch.events.push(about_source(source, now, Weight::Normal, word, message, Some(&revision)));
        }
        batch.sources.push(found.status.clone());
    }
    shared.commit(batch).await;
}

async fn judge(shared: &Arc<Shared>, source: &str, snapshot: Snapshot) {
    let now = shared.now();
    match read(shared, source, &snapshot).await {
        None => {}
        Some(Err(diagnostics)) => {
            let revision = snapshot.revision.clone();
            let message = invalid(&revision, &diagnostics);
            set_aside(shared, source, SourceVerdict::Invalid { revision, diagnostics }, None, message, now)
                .await;
        }
        Some(Ok(world)) => {
            let objections = {
                let state = shared.state();
                let Some(found) = state.sources.get(source) else { return };
                let old = found.world.as_deref();
                Difference::between(old, &world).objections(old, &world, found.terms.caps)
            };
            if objections.is_empty() {
                put_in_force(shared, source, snapshot, world, None).await;
                return;
            }
            let revision = snapshot.revision.clone();
            let message = format!(
                "{} is held: {} (accept it with `evenkeel accept {source} {}`)",
                revision.short(),
                objections.join("; "),
                revision.short()
            );
            let verdict = SourceVerdict::Held { revision, reasons: objections };
            set_aside(shared, source, verdict, Some(snapshot), message, now).await;
        }
    }
}

/// Reads a snapshot away from the loop: ten thousand manifests take a while.
async fn read(
    shared: &Arc<Shared>,
    source: &str,
    snapshot: &Snapshot,
) -> Option<Result<World, Vec<Diagnostic>>> {
    let terms: Reconcile = shared.state().sources.get(source)?.terms.clone();
    let (registry, now, snapshot) = (shared.parts.registry.clone(), shared.now(), snapshot.clone());
    tokio::task::spawn_blocking(move || World::read(&registry, &snapshot, &terms, now)).await.ok()
}

fn invalid(revision: &Revision, diagnostics: &[Diagnostic]) -> String {
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    let first = errors.first().map(|d| {
        let place = d.location.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
        format!("{place}{}", d.message)
    });
    let more = match errors.len() {
        0 | 1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    format!("{} has errors and changes nothing: {}{more}", revision.short(), first.unwrap_or_default())
}

/// A revision that does not come into force. What is in force stays.
async fn set_aside(
    shared: &Shared,
    source: &str,
    verdict: SourceVerdict,
    held: Option<Snapshot>,
    message: String,
    now: Timestamp,
) {
    let (word, revision) = match &verdict {
        SourceVerdict::Held { revision, .. } => ("RevisionHeld", revision.id.clone()),
        SourceVerdict::Invalid { revision, .. } => ("RevisionInvalid", revision.id.clone()),
        _ => return,
    };
    let mut batch = Batch::default();
    if let Some(found) = shared.state().sources.get_mut(source) {
        found.fetched = Some(now);
        found.held = held;
        found.judged = Some((revision.clone(), verdict.clone()));
        if found.settle(verdict, now) {
            batch.events.push(about_source(source, now, Weight::Warning, word, message, Some(&revision)));
        }
        batch.sources.push(found.status.clone());
    }
    shared.commit(batch).await;
}

async fn put_in_force(shared: &Shared, source: &str, snapshot: Snapshot, world: World, by: Option<&str>) {
    (shared.parts.on_snapshot)(source, &snapshot);
    let now = shared.now();
    let mut batch = Batch::default();
    {
        let mut state = shared.state();
        let Some(found) = state.sources.get(source) else { return };
        let old = found.world.clone();
        let difference = Difference::between(old.as_deref(), &world);
        let message = announcement(&world, &difference, by);
        let warning = world.warnings.first().map(|d| d.message.clone());
        let revision = world.revision.id.clone();
        let world = Arc::new(world);
        state.install(source, &world, now, true, &mut batch);
        let gone = difference.gone.iter();
        inventory::leave(&mut state, source, gone, now, &mut batch);
        supersede(&state, source, old.as_deref(), &world, &difference);
        batch.events.push(about_source(
            source,
            now,
            Weight::Normal,
            "RevisionInForce",
            message,
            Some(&revision),
        ));
        if let Some(warning) = warning {
            let word = "ManifestWarning";
            batch.events.push(about_source(source, now, Weight::Warning, word, warning, Some(&revision)));
        }
    }
    batch.snapshots.push((source.to_owned(), snapshot));
    shared.turn.notify_one();
    shared.commit(batch).await;
}

fn announcement(world: &World, difference: &Difference, by: Option<&str>) -> String {
    let Revision { reference, subject, author, .. } = &world.revision;
    let of = |text: &Option<String>, before: &str| {
        text.as_ref().map(|t| format!("{before}{t}")).unwrap_or_default()
    };
    let accepted = by.map(|by| format!(", accepted by {by}")).unwrap_or_default();
    format!(
        "{}{}{}{} is in force: {} new, {} changed, {} gone{accepted}",
        world.revision.short(),
        of(reference, " of "),
        of(subject, ": "),
        of(author, " by "),
        difference.added.len(),
        difference.changed.len(),
        difference.gone.len()
    )
}

/// Running writes that the new revision wants otherwise stop at the next step.
fn supersede(state: &State, source: &str, old: Option<&World>, new: &World, difference: &Difference) {
    let touched: BTreeSet<&InstanceId> = difference.changed.iter().chain(&difference.gone).collect();
    for running in state.running.values().filter(|running| running.job.source == source) {
        let target = running.job.target.as_str();
        let moved = old.and_then(|old| old.targets.get(target)) != new.targets.get(target);
        if moved || running.job.keys.iter().any(|key| touched.contains(&key.id)) {
            running.stop.request();
        }
    }
}

impl State {
    /// Makes `world` what the source says, and tells the scheduler. `fresh`: everything that is new or another is due
    /// now; else it is due when the store says.
    pub(super) fn install(
        &mut self,
        source: &str,
        world: &Arc<World>,
        now: Timestamp,
        fresh: bool,
        batch: &mut Batch,
    ) {
        let Some(found) = self.sources.get_mut(source) else { return };
        let old = found.world.replace(Arc::clone(world));
        found.sequence += 1;
        found.held = None;
        found.status.revision = Some(world.revision.clone());
        found.status.resources = world.wanted.len() as u64;
        found.status.targets = world.targets.len() as u64;
        if fresh {
            found.fetched = Some(now);
            found.judged = Some((world.revision.id.clone(), SourceVerdict::InForce));
            found.settle(SourceVerdict::InForce, now);
        }
        batch.sources.push(found.status.clone());
        for id in world.wanted.keys() {
            self.schedule(source, old.as_deref(), world, id, now, fresh);
        }
        for target in world.targets.keys() {
            if let Some(unit) = self.sweep_unit(source, world, target) {
                self.scheduler.put(unit, now);
            } else {
                self.scheduler.remove(&sweep_key(source, target));
            }
        }
        let gone = old.iter().flat_map(|old| old.targets.keys()).filter(|t| !world.targets.contains_key(*t));
        for target in gone {
            self.scheduler.remove(&sweep_key(source, target));
        }
        for id in old.iter().flat_map(|old| old.wanted.keys()).filter(|id| !world.wanted.contains_key(id)) {
            self.scheduler.remove(&ResourceKey { source: source.to_owned(), id: id.clone() });
        }
    }

    fn schedule(
        &mut self,
        source: &str,
        old: Option<&World>,
        world: &World,
        id: &InstanceId,
        now: Timestamp,
        fresh: bool,
    ) {
        let Some(unit) = self.unit(source, world, id) else { return };
        let key = unit.key.clone();
        self.scheduler.put(unit, now);
        if !fresh {
            if let Some((next, failures)) = self.resources.get(&key).and_then(|s| Some((s.next?, s.failures)))
            {
                self.scheduler.resume(&key, next, failures, now);
            }
            return;
        }
        let (Some(before), Some(after)) = (old.and_then(|old| old.wanted.get(id)), world.wanted.get(id))
        else {
            return;
        };
        let (one, other) = (&before.instance, &after.instance);
        let retuned = (one.interval, one.drift, one.suspend, &one.ignore, &one.depends_on)
            != (other.interval, other.drift, other.suspend, &other.ignore, &other.depends_on);
        let moved = old.and_then(|old| old.targets.get(&id.target)) != world.targets.get(&id.target);
        if before.digest != after.digest || retuned || moved {
            self.scheduler.renewed(&key, now);
            self.scheduler.wake(&key, Trigger::Push, now);
        }
    }

    /// The resources that a filter means; looks for leftovers count with their target.
    pub(super) fn woken_by(&self, filter: &crate::store::ResourceFilter) -> Vec<ResourceKey> {
        let resources = self.sources.iter().flat_map(|(name, source)| {
            let ids = source.world.iter().flat_map(|world| world.wanted.keys());
            let keys = ids.map(|id| ResourceKey { source: name.clone(), id: id.clone() });
            let targets = source.world.iter().flat_map(|world| world.targets.values());
            let sweeps = targets.filter(|t| t.spec.prune).map(|t| sweep_key(name, &t.name));
            keys.chain(sweeps).collect::<Vec<_>>()
        });
        let is_meant =
            |key: &ResourceKey| filter.matches(key) && (!is_sweep(&key.id) || filter.kind.is_none());
        resources.filter(is_meant).collect()
    }
}

impl SourceState {
    /// Makes `verdict` what came of the last look. True where it is another than before.
    fn settle(&mut self, verdict: SourceVerdict, now: Timestamp) -> bool {
        self.status.checked_at = Some(now);
        let is_new = self.status.verdict != verdict;
        if is_new {
            self.status.verdict = verdict;
            self.status.since = now;
        }
        is_new
    }
}
