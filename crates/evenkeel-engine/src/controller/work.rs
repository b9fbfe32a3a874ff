//! The two halves of a job: the look, and the writes where something is to be sent.

use std::sync::Arc;

use evenkeel_core::plan::{Change, Plan};
use evenkeel_core::transport::BoxFuture;

use super::errand::{Errand, prepare};
use super::schedule::{Ended, Job, Report};
use super::settle;
use super::state::{Shared, is_sweep};
use crate::clock::Clock;
use crate::journal::Journal;
use crate::progress::Silent;
use crate::reconcile::Engine;
use crate::run::Run;
use crate::stop::Stop;
use crate::store::{NewRun, RunId};

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
    let Some(errand) = prepare(&shared, &job, stop) else {
        settle::without_result(&shared, &job, Ended::NotStarted);
        return Reached::End;
    };
    let engine = engine(&shared, &errand.stop);
    let plan = engine.plan(&errand.scope, errand.policy).await;
    let is_void = shared.state().sources.get(&job.source).is_none_or(|s| s.sequence != errand.sequence);
    if is_void {
        settle::without_result(&shared, &job, Ended::NotStarted);
        return Reached::End;
    }
    if plan.changes.iter().any(Change::is_open) {
        return Reached::Plan(Box::new(Prepared { errand, plan }));
    }
    settle::settle(&shared, &errand, &plan, None).await;
    Reached::End
}

/// Sends what is open, and reads it back.
pub(super) async fn write(shared: Arc<Shared>, prepared: Prepared) {
    let Prepared { errand, plan } = prepared;
    let is_void =
        shared.state().sources.get(&errand.job.source).is_none_or(|s| s.sequence != errand.sequence);
    if is_void || errand.stop.is_requested() {
        settle::without_result(&shared, &errand.job, Ended::NotStarted);
        return;
    }
    let new = NewRun {
        source: errand.job.source.clone(),
        target: errand.job.target.clone(),
        trigger: errand.job.trigger,
        by: errand.by.clone(),
        revision: errand.world.revision.id.clone(),
        started: shared.now(),
    };
    let id = match shared.parts.store.begin_run(shared.fence, new).await {
        Ok(id) => id,
        Err(error) => {
            tracing::error!("{} is not written to: {error}", errand.job.target);
            shared.state().store_trouble = Some(error.to_string());
            settle::without_result(&shared, &errand.job, Ended::Failed);
            return;
        }
    };
    let journal = Arc::new(Written { shared: Arc::clone(&shared), run: id });
    let run: Run =
        engine(&shared, &errand.stop).with_journal(journal).apply(&errand.scope, &plan, errand.policy).await;
    settle::settle(&shared, &errand, &plan, Some((id, run))).await;
}

fn engine(shared: &Arc<Shared>, stop: &Stop) -> Engine {
    let transport = Arc::clone(&shared.parts.transport);
    let clock: Arc<dyn Clock> = Arc::clone(&shared.parts.clock);
    Engine::new(transport, clock, Arc::new(Silent), stop.clone()).keeping_seen()
}

/// Writes commands down in the store.
struct Written {
    shared: Arc<Shared>,
    run: RunId,
}

impl Journal for Written {
    fn about_to_send<'a>(&'a self, target: &'a str, command: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let Shared { parts, fence, .. } = &*self.shared;
            let at = parts.clock.now();
            parts
                .store
                .journal(*fence, self.run, target, command, at)
                .await
                .map_err(|error| error.to_string())
        })
    }
}

/// What the scheduler hears of a job whose resources all fared alike.
pub(super) fn alike(job: &Job, ended: Ended) -> Vec<Report> {
    job.keys.iter().map(|key| Report { key: key.clone(), ended, ready: is_sweep(&key.id) }).collect()
}
