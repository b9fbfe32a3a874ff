//! What a source brought: refused, invalid, held, or put in force.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::diagnostic::{Diagnostic, Severity};
use evenkeel_core::plan::InstanceId;
use jiff::Timestamp;

use super::inventory;
use super::schedule::Job;
use super::standing::WAITING;
use super::state::{Shared, SourceState, State, about_source, is_sweep, sweep_key};
use super::watch::Watched;
use super::world::{Difference, World};
use crate::source::{Fetched, Revision, Snapshot, SourceError, SourceErrorKind};
use crate::store::{
    About, Audited, Batch, NewAuditEntry, ResourceFilter, ResourceKey, SourceVerdict, Touch, Weight,
};

/// A person who accepts a revision is told when that is written down, or after this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes what a look at a source brought.
pub(super) async fn take(shared: &Arc<Shared>, watched: &Watched, outcome: Result<Fetched, SourceError>) {
    let _one_at_a_time = watched.intake.lock().await;
    let source = watched.name.as_str();
    let word = match &outcome {
        Ok(Fetched::Unchanged) => "unchanged",
        Ok(Fetched::New(_)) => "ok",
        Err(_) => "failed",
    };
    *shared.state().counters.fetches.entry(word.to_owned()).or_default() += 1;
    match outcome {
        Err(error) => refuse(shared, source, error),
        Ok(Fetched::Unchanged) => unchanged(shared, source),
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
    let unknown = || format!("there is no source {source}");
    let watched = shared.state().sources.get(source).map(|s| Arc::clone(&s.watched)).ok_or_else(unknown)?;
    let _one_at_a_time = watched.intake.lock().await;
    let held = shared.state().sources.get(source).and_then(|found| found.held.clone());
    let snapshot = held.ok_or_else(|| format!("no revision of {source} is held"))?;
    let id = &snapshot.revision.id;
    if revision.len() < 7 || !id.starts_with(revision) {
        return Err(format!("{source} holds revision {id}, not {revision}"));
    }
    let Ok(world) = read(shared, source, Arc::clone(&snapshot)).await else {
        return Err(format!("the held revision of {source} cannot be read any more"));
    };
    put_in_force(shared, source, &snapshot, world, Some(by));
    shared.is_written(PATIENCE).await;
    Ok(())
}

fn refuse(shared: &Shared, source: &str, error: SourceError) {
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
    shared.put(batch);
}

/// Nothing new: what was judged before holds again, also where it could not be fetched in between.
fn unchanged(shared: &Shared, source: &str) {
    let now = shared.now();
    let mut batch = Batch::default();
    if let Some(found) = shared.state().sources.get_mut(source) {
        found.fetched = Some(now);
        let before = found.status.verdict.clone();
        if let Some((revision, verdict)) = found.judged.clone()
            && found.settle(verdict, now)
        {
            let (word, message) = match before {
                SourceVerdict::Refused { .. } => ("SourceRecovered", "can be fetched again"),
                _ => ("RevisionInForce", "says what is in force again"),
            };
            let message = format!("{source} {message}");
            batch.events.push(about_source(source, now, Weight::Normal, word, message, Some(&revision)));
        }
        batch.sources.push(found.status.clone());
    }
    shared.put(batch);
}

async fn judge(shared: &Arc<Shared>, source: &str, snapshot: Snapshot) {
    let snapshot = Arc::new(snapshot);
    if let Some(found) = shared.state().sources.get_mut(source)
        && found.world.as_ref().is_some_and(|world| world.is_of(&snapshot))
    {
        // After a restart, or after another one was taken back.
        found.judged = Some((snapshot.revision.id.clone(), SourceVerdict::InForce));
        found.held = None;
    } else {
        judge_new(shared, source, snapshot).await;
        return;
    }
    unchanged(shared, source);
}

async fn judge_new(shared: &Arc<Shared>, source: &str, snapshot: Arc<Snapshot>) {
    let world = match read(shared, source, Arc::clone(&snapshot)).await {
        Ok(world) => world,
        Err(Unread::Errors(diagnostics)) => {
            let revision = snapshot.revision.clone();
            let message = invalid(&revision, &diagnostics);
            set_aside(shared, source, SourceVerdict::Invalid { revision, diagnostics }, None, message);
            return;
        }
        Err(Unread::Mistake) => {
            let said = format!("reading {} ended by a mistake in the program", snapshot.revision.short());
            let error = SourceError::new(SourceErrorKind::Failed, said).hint("see the log");
            refuse(shared, source, error);
            return;
        }
    };
    let objections = {
        let state = shared.state();
        let Some(found) = state.sources.get(source) else { return };
        let known = state.resources.keys().filter(|key| key.source == source).count();
        state.difference(source, &world).objections(found.world.as_deref(), known, &world, found.terms.caps)
    };
    if objections.is_empty() {
        put_in_force(shared, source, &snapshot, world, None);
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
    set_aside(shared, source, verdict, Some(snapshot), message);
}

/// Why a snapshot was not understood.
enum Unread {
    /// Its manifests have errors.
    Errors(Vec<Diagnostic>),
    /// What reads it panicked.
    Mistake,
}

/// Reads a snapshot away from the loop: ten thousand manifests take a while.
async fn read(shared: &Shared, source: &str, snapshot: Arc<Snapshot>) -> Result<World, Unread> {
    let terms = shared.state().sources.get(source).map(|found| found.terms.clone()).ok_or(Unread::Mistake)?;
    let (registry, now) = (shared.parts.registry.clone(), shared.now());
    let reading = tokio::task::spawn_blocking(move || World::read(&registry, &snapshot, &terms, now));
    reading.await.map_err(|_| Unread::Mistake)?.map_err(Unread::Errors)
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
fn set_aside(
    shared: &Shared,
    source: &str,
    verdict: SourceVerdict,
    held: Option<Arc<Snapshot>>,
    message: String,
) {
    let now = shared.now();
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
    shared.put(batch);
}

fn put_in_force(shared: &Shared, source: &str, snapshot: &Arc<Snapshot>, world: World, by: Option<&str>) {
    (shared.parts.on_snapshot)(source, snapshot);
    let now = shared.now();
    let mut batch = Batch::default();
    let about = |weight, word, message, world: &World| {
        about_source(source, now, weight, word, message, Some(&world.revision.id))
    };
    let mut state = shared.state();
    let Some(found) = state.sources.get(source) else { return };
    let old = found.world.clone();
    let difference = state.difference(source, &world);
    let message = announcement(&world, &difference, by);
    batch.events.push(about(Weight::Normal, "RevisionInForce", message, &world));
    if let Some(warning) = world.warnings.first() {
        let place = warning.location.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
        let message = format!("{place}{}", warning.message);
        batch.events.push(about(Weight::Warning, "ManifestWarning", message, &world));
    }
    let world = Arc::new(world);
    state.install(source, &world, now, &mut batch);
    state.renew(source, &difference, now, &mut batch);
    inventory::leave(&mut state, source, difference.gone.iter(), now, &mut batch);
    inventory::reconsider(&mut state, source, now, &mut batch);
    state.reconsider_rollouts(source, now);
    state.close_approvals(source, now, &mut batch);
    supersede(&state, source, old.as_deref(), &world, &difference);
    batch.snapshots.push((source.to_owned(), Snapshot::clone(snapshot)));
    batch.audit.push(in_force(source, &world, &difference, by, now));
    drop(state);
    shared.put(batch);
}

/// What the audit log says of a revision that is put in force.
fn in_force(
    source: &str,
    world: &World,
    difference: &Difference,
    by: Option<&str>,
    now: Timestamp,
) -> NewAuditEntry {
    let Difference { added, changed, gone, .. } = difference;
    let touched = [(added, Touch::Added), (changed, Touch::Changed), (gone, Touch::Gone)];
    let about = touched.into_iter().flat_map(|(ids, touch)| {
        ids.iter().map(move |id| About {
            location: world.wanted.get(id).map(|wanted| wanted.instance.location.clone()),
            touch: Some(touch),
            ..About::of(id.clone())
        })
    });
    let commit = world.revision.clone();
    NewAuditEntry {
        source: Some(source.to_owned()),
        revision: Some(commit.id.clone()),
        by: by.map(str::to_owned),
        about: about.collect(),
        ..NewAuditEntry::new(now, Audited::RevisionInForce { commit })
    }
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

/// Running jobs that the new revision wants otherwise stop: at once while they read, at the next step while they write.
fn supersede(state: &State, source: &str, old: Option<&World>, new: &World, difference: &Difference) {
    let Difference { added, changed, retuned, gone, .. } = difference;
    let touched: BTreeSet<&InstanceId> = changed.iter().chain(retuned).chain(gone).collect();
    let targets: BTreeSet<&str> = touched.iter().copied().chain(added).map(|id| id.target.as_str()).collect();
    let machines: BTreeSet<String> = added.iter().chain(changed).map(|id| new.machine(&id.target)).collect();
    for running in state.running.values() {
        let Job { source: from, target, keys, .. } = &running.job;
        let sweeps = keys.iter().any(|key| is_sweep(&key.id));
        let of = |world: Option<&World>| world.and_then(|world| world.targets.get(target).cloned());
        let is_hit = if from == source {
            of(old) != of(Some(new))
                || (sweeps && targets.contains(target.as_str()))
                || keys.iter().any(|key| touched.contains(&key.id))
        } else {
            false
        };
        // What is to be removed may be wanted now, under another name of the machine.
        let machine = state.sources.get(from).and_then(|s| s.world.as_ref()).map(|w| w.machine(target));
        if is_hit || (sweeps && machine.is_some_and(|machine| machines.contains(&machine))) {
            // A dump that has run for hours is not begun anew for every commit.
            running.stop.request_after_step();
        }
    }
}

impl State {
    /// How a new revision differs from the one in force. Where none is, as after the store was restored, what the store
    /// knows and the revision does not want is gone.
    fn difference(&self, source: &str, new: &World) -> Difference {
        let old = self.sources.get(source).and_then(|found| found.world.as_deref());
        let mut difference = Difference::between(old, new);
        if old.is_none() {
            let known = self.resources.keys().filter(|key| key.source == source).map(|key| &key.id);
            difference.gone = known.filter(|id| !new.wanted.contains_key(id)).cloned().collect();
        }
        difference
    }

    /// Makes `world` what the source says, and tells the scheduler: what is new is due now.
    fn install(&mut self, source: &str, world: &Arc<World>, now: Timestamp, batch: &mut Batch) {
        let Some(found) = self.sources.get_mut(source) else { return };
        let old = found.world.replace(Arc::clone(world));
        if found.status.revision.as_ref().is_none_or(|before| before.id != world.revision.id) {
            found.status.since = now;
        }
        found.held = None;
        found.status.revision = Some(world.revision.clone());
        found.status.resources = world.wanted.len() as u64;
        found.status.targets = world.targets.len() as u64;
        found.fetched = Some(now);
        found.judged = Some((world.revision.id.clone(), SourceVerdict::InForce));
        found.settle(SourceVerdict::InForce, now);
        batch.sources.push(found.status.clone());
        self.put_units(source, world, now);
        for id in old.iter().flat_map(|old| old.wanted.keys()).filter(|id| !world.wanted.contains_key(id)) {
            self.scheduler.remove(&ResourceKey { source: source.to_owned(), id: id.clone() });
        }
        for target in old.iter().flat_map(|old| old.targets.keys()) {
            if world.targets.get(target).is_none_or(|target| !target.spec.prune) {
                let key = sweep_key(source, target);
                self.scheduler.remove(&key);
                self.asked.remove(&key);
            }
        }
    }

    /// Puts the revision that was in force before a restart back in force: what it knows is due when the store says.
    pub(super) fn reinstall(&mut self, source: &str, world: &Arc<World>, now: Timestamp) {
        let Some(found) = self.sources.get_mut(source) else { return };
        found.world = Some(Arc::clone(world));
        self.put_units(source, world, now);
        for (id, wanted) in &world.wanted {
            let key = ResourceKey { source: source.to_owned(), id: id.clone() };
            let Some(status) = self.resources.get(&key) else { continue };
            // What it waits for may have turned ready in the last moment.
            let waits = status.conditions.first().is_some_and(|ready| ready.reason == WAITING);
            if let (Some(next), false) = (status.next, waits || status.digest != wanted.digest) {
                self.scheduler.resume(&key, next, status.failures, now);
            }
        }
    }

    fn put_units(&mut self, source: &str, world: &World, now: Timestamp) {
        let resources = world.wanted.keys().filter_map(|id| self.unit(source, world, id));
        let sweeps = world.targets.keys().filter_map(|target| self.sweep_unit(source, world, target));
        for unit in resources.chain(sweeps).collect::<Vec<_>>() {
            self.scheduler.put(unit, now);
        }
    }

    /// What is wanted in another way is due now, whatever failed before.
    fn renew(&mut self, source: &str, difference: &Difference, now: Timestamp, batch: &mut Batch) {
        for id in difference.changed.iter().chain(&difference.retuned) {
            let key = ResourceKey { source: source.to_owned(), id: id.clone() };
            self.scheduler.renewed(&key, now);
            if let Some(status) = self.resources.get_mut(&key) {
                // So that it is due after a restart as well.
                (status.next, status.failures) = (Some(now), 0);
                batch.resources.push(status.clone());
            }
        }
    }

    /// The resources that a filter means; looks for leftovers count with their target.
    pub(super) fn woken_by(&self, filter: &ResourceFilter) -> Vec<ResourceKey> {
        let mut keys = Vec::new();
        for (name, found) in &self.sources {
            let Some(world) =
                found.world.as_ref().filter(|_| filter.source.as_ref().is_none_or(|s| s == name))
            else {
                continue;
            };
            let key = |id: &InstanceId| ResourceKey { source: name.clone(), id: id.clone() };
            keys.extend(world.wanted.keys().map(key).filter(|key| filter.matches(key)));
            if filter.kind.is_none() && filter.name.is_none() {
                let pruned = world.targets.values().filter(|target| target.spec.prune);
                keys.extend(pruned.map(|t| sweep_key(name, &t.name)).filter(|key| filter.matches(key)));
            }
        }
        keys
    }
}

impl SourceState {
    /// Makes `verdict` what came of the last look. True where it is another than before.
    fn settle(&mut self, verdict: SourceVerdict, now: Timestamp) -> bool {
        self.status.checked_at = Some(now);
        // A refusal in other words (how long it took, which address) is the same one.
        let is_same = match (&self.status.verdict, &verdict) {
            (
                SourceVerdict::Refused { reason, revision, .. },
                SourceVerdict::Refused { reason: other_reason, revision: other, .. },
            ) => (reason, revision) == (other_reason, other),
            (one, other) => one == other,
        };
        self.status.verdict = verdict;
        if !is_same {
            self.status.since = now;
        }
        !is_same
    }
}
