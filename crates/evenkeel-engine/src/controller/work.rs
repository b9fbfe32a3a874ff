//! The two halves of a job: the look, and the writes where something is to be sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evenkeel_core::plan::{Action, Change, InstanceId, Plan};
use evenkeel_core::transport::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use super::blame;
use super::errand::{Errand, prepare};
use super::inventory;
use super::schedule::{Ended, Job, Report};
use super::settle;
use super::state::{Shared, is_sweep};
use super::words::Intent;
use crate::clock::Clock;
use crate::journal::Journal;
use crate::progress::{Event, Progress};
use crate::reconcile::Engine;
use crate::run::Run;
use crate::stop::Stop;
use crate::store::{About, Batch, NewCommand, NewRun, ResourceKey, RunId};

/// How long a run waits for the store to take what happened before.
const PATIENCE: Duration = Duration::from_secs(5);

/// A job that has read and has something to send.
pub(super) struct Prepared {
    pub(super) errand: Errand,
    pub(super) plan: Plan,
}

/// How far a task brought its job.
pub(super) enum Reached {
    /// To the end; it is written down.
    End,
    /// It wants to write.
    Plan(Box<Prepared>),
}

/// Reads a target and compares.
pub(super) async fn look(shared: Arc<Shared>, job: Job, stop: Stop) -> Reached {
    let Some(mut errand) = prepare(&shared, &job, stop) else {
        settle::without_result(&shared, &job, Ended::NotStarted, None);
        return Reached::End;
    };
    let engine = engine(&shared, &errand.stop);
    let plan = engine.plan(&errand.scope, errand.policy).await;
    if errand.stop.is_requested() {
        // A newer revision wants it otherwise.
        settle::without_result(&shared, &job, Ended::NotStarted, errand.by.as_deref());
        return Reached::End;
    }
    errand.blamed = blame::blame(&shared, &engine, &errand, &plan).await;
    if plan.changes.iter().any(Change::is_open) {
        return Reached::Plan(Box::new(Prepared { errand, plan }));
    }
    settle::settle(&shared, &errand, &plan, None);
    Reached::End
}

/// Sends what is open, and reads it back.
pub(super) async fn write(shared: Arc<Shared>, prepared: Prepared) {
    let Prepared { errand, plan } = prepared;
    if errand.stop.is_requested() {
        settle::without_result(&shared, &errand.job, Ended::NotStarted, errand.by.as_deref());
        return;
    }
    if !plan.changes.iter().any(Change::is_open) {
        // All that was open is held since.
        settle::settle(&shared, &errand, &plan, None);
        return;
    }
    announce(&shared, &errand, &plan);
    let Some(id) = begin(&shared, &errand).await else {
        settle::without_result(&shared, &errand.job, Ended::Failed, errand.by.as_deref());
        return;
    };
    let journal = Arc::new(Written::of(&shared, &errand, id));
    let run: Run =
        engine(&shared, &errand.stop).with_journal(journal).apply(&errand.scope, &plan, errand.policy).await;
    settle::settle(&shared, &errand, &plan, Some((id, &run)));
}

/// What is about to be created is in the inventory before: where the program is killed and the resource leaves the
/// manifests before anybody looks again, it is still known to be ours.
fn announce(shared: &Shared, errand: &Errand, plan: &Plan) {
    let now = shared.now();
    let mut batch = Batch::default();
    let mut state = shared.state();
    let creates = |c: &&Change| c.is_open() && matches!(c.action, Action::Create | Action::Replace);
    for change in plan.changes.iter().filter(creates) {
        let key = ResourceKey { source: errand.job.source.clone(), id: change.id.clone() };
        if state.digest(&key).is_some() {
            inventory::manage(&mut state, &key, &change.object, now, &mut batch);
        }
    }
    drop(state);
    shared.put(batch);
}

/// Writes down that a run begins; not before what it rests on is written, for a controller that is killed goes on with
/// what the store knows. `None` where the store does not take it.
async fn begin(shared: &Shared, errand: &Errand) -> Option<RunId> {
    if !shared.is_written(PATIENCE).await {
        tracing::error!("{} is not written to: the store takes nothing", errand.job.target);
        return None;
    }
    let new = NewRun {
        source: errand.job.source.clone(),
        target: errand.job.target.clone(),
        trigger: errand.job.trigger,
        by: errand.by.clone(),
        revision: errand.world.revision.id.clone(),
        started: shared.now(),
    };
    match shared.parts.store.begin_run(shared.fence, new.clone()).await {
        Ok(id) => {
            if let Some(running) = shared.state().running.get_mut(&errand.job.id) {
                running.run = Some((id, new));
            }
            Some(id)
        }
        Err(error) => {
            tracing::error!("{} is not written to: {error}", errand.job.target);
            shared.store_failed(&error);
            None
        }
    }
}

fn engine(shared: &Arc<Shared>, stop: &Stop) -> Engine {
    let transport = Arc::clone(&shared.parts.transport);
    let clock: Arc<dyn Clock> = Arc::clone(&shared.parts.clock);
    let progress = Arc::new(Logged { clock: Arc::clone(&clock), said: Mutex::default() });
    Engine::new(transport, clock, progress, stop.clone()).keeping_seen()
}

/// Says in the log how far long transfers and tasks are, once a minute.
struct Logged {
    clock: Arc<dyn Clock>,
    said: Mutex<Option<Timestamp>>,
}

/// How often.
const TELL_EVERY: SignedDuration = SignedDuration::from_secs(60);

impl Progress for Logged {
    fn on(&self, event: &Event<'_>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            // A short one says nothing.
            Event::Sending { .. } => *said = Some(self.clock.now()),
            Event::Moving { .. } | Event::Advancing { .. } => {
                let now = self.clock.now();
                if said.is_some_and(|at| now.duration_since(at) < TELL_EVERY) {
                    return;
                }
                *said = Some(now);
                tell(event);
            }
            _ => {}
        }
    }
}

fn tell(event: &Event<'_>) {
    match event {
        Event::Moving { target, bytes, of: Some(of) } => {
            tracing::info!("{target}: {bytes} of {of} bytes are moved");
        }
        Event::Moving { target, bytes, of: None } => {
            tracing::info!("{target}: {bytes} bytes are moved so far");
        }
        Event::Advancing { target, percent } => tracing::info!("{target}: {percent} % are done"),
        _ => {}
    }
}

/// Writes commands down in the store, with all that says why.
struct Written {
    shared: Arc<Shared>,
    run: RunId,
    job: Job,
    revision: String,
    by: Option<String>,
    intents: BTreeMap<InstanceId, Intent>,
}

impl Written {
    fn of(shared: &Arc<Shared>, errand: &Errand, run: RunId) -> Self {
        Written {
            shared: Arc::clone(shared),
            run,
            job: errand.job.clone(),
            revision: errand.world.revision.id.clone(),
            by: errand.by.clone(),
            intents: errand.intents.clone(),
        }
    }

    fn about(&self, change: &Change) -> About {
        About {
            object: Some(change.object.clone()),
            location: change.location.clone(),
            action: Some(change.action),
            intent: self.intents.get(&change.id).copied(),
            fields: change.fields.iter().map(|field| field.change.path.clone()).collect(),
            approval: change.approved.clone(),
            ..About::of(change.id.clone())
        }
    }

    fn command(&self, target: &str, command: &str, changes: &[&Change]) -> NewCommand {
        NewCommand {
            run: self.run,
            source: self.job.source.clone(),
            target: target.to_owned(),
            command: command.to_owned(),
            at: self.shared.now(),
            revision: self.revision.clone(),
            trigger: self.job.trigger,
            by: self.by.clone(),
            about: changes.iter().map(|change| self.about(change)).collect(),
        }
    }
}

impl Journal for Written {
    fn about_to_send<'a>(
        &'a self,
        target: &'a str,
        command: &'a str,
        changes: &'a [&'a Change],
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let Shared { parts, fence, .. } = &*self.shared;
            let written = parts.store.journal(*fence, self.command(target, command, changes)).await;
            written.map_err(|error| {
                self.shared.store_failed(&error);
                error.to_string()
            })
        })
    }
}

/// What the scheduler hears of a job whose resources all fared alike.
pub(super) fn alike(job: &Job, ended: Ended) -> Vec<Report> {
    job.keys.iter().map(|key| Report { key: key.clone(), ended, ready: is_sweep(&key.id) }).collect()
}
