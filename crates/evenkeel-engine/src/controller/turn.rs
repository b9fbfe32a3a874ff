//! The loop itself: begins what is due, and takes what ends.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::HistorySpec;
use jiff::Timestamp;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::schedule::{Ended, Job, JobId, Phase, Start};
use super::service::HEARTBEAT_SECONDS;
use super::state::{Running, Shared};
use super::work::{Prepared, Reached, look, write};
use super::{Controller, approvals, keeper, rollout, settle, watch};
use crate::stop::Stop;
use crate::store::StoreError;

/// A store that does not take the last words within this time does not get them.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The jobs that go on.
struct Works {
    tasks: JoinSet<(Job, Reached)>,
    jobs: HashMap<Id, (Job, Phase, AbortHandle)>,
}

impl Controller {
    /// Runs until it is drained. `Err` where another controller took the store over, or the store does not take the
    /// last words.
    pub async fn run(self) -> Result<(), StoreError> {
        let Controller { shared, seed, history, holder } = self;
        let mut attendants = attendants(&shared, seed, history, holder);
        let mut works = Works { tasks: JoinSet::new(), jobs: HashMap::new() };
        let mut fenced = shared.fenced.subscribe();
        loop {
            let now = shared.now();
            shared.state().turned = now;
            approvals::expire(&shared, now);
            works.begin(&shared, now);
            if shared.is_draining() {
                works.leave_looks();
                if works.tasks.is_empty() {
                    break;
                }
            }
            let pause = pause(&shared, shared.now());
            tokio::select! {
                Ok(_) = fenced.wait_for(|fenced| *fenced) => return Err(StoreError::Fenced),
                Some(ended) = works.tasks.join_next_with_id() => works.end(&shared, ended),
                Some(Err(error)) = attendants.join_next() => return Err(broken(&error)),
                () = shared.turn.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        if !shared.is_written(LAST_WORDS).await {
            let trouble = shared.state().store_trouble.clone();
            let message = trouble.unwrap_or_else(|| "the store does not answer".to_owned());
            return Err(StoreError::Failed { message: format!("what happened last is lost: {message}") });
        }
        attendants.shutdown().await;
        shared.parts.store.release(shared.fence).await
    }
}

/// What goes on beside the loop, until it ends.
fn attendants(shared: &Arc<Shared>, seed: u64, history: HistorySpec, holder: String) -> JoinSet<()> {
    let mut attendants = JoinSet::new();
    let watched: Vec<_> = shared.state().sources.values().map(|s| Arc::clone(&s.watched)).collect();
    for (nth, source) in (0_u64..).zip(watched) {
        attendants.spawn(watch::watch(Arc::clone(shared), source, seed.wrapping_add(nth)));
    }
    attendants.spawn(keeper::write_down(Arc::clone(shared)));
    attendants.spawn(keeper::prolong(Arc::clone(shared), holder));
    attendants.spawn(keeper::tidy(Arc::clone(shared), history));
    attendants
}

/// Half a controller would be worse than none.
fn broken(error: &JoinError) -> StoreError {
    tracing::error!("a part of the controller ended by a mistake in the program: {error}");
    StoreError::Failed { message: "a part of the controller ended by a mistake in the program".to_owned() }
}

/// How long to wait if nothing happens. Never long: the clock may be set, and somebody looks whether the loop turns.
fn pause(shared: &Shared, now: Timestamp) -> Duration {
    let longest = Duration::from_secs(HEARTBEAT_SECONDS);
    let next = shared.state().scheduler.next_at(now);
    let wait = next.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    wait.map_or(longest, |wait| wait.min(longest))
}

impl Works {
    /// Begins everything that may begin.
    fn begin(&mut self, shared: &Arc<Shared>, now: Timestamp) {
        loop {
            let mut state = shared.state();
            let Some(start) = state.scheduler.next(now) else { return };
            match start {
                Start::Look(job) => {
                    let stop = Stop::default();
                    let running = Running { job: job.clone(), stop: stop.clone(), run: None };
                    state.running.insert(job.id, running);
                    drop(state);
                    let work = look(Arc::clone(shared), job.clone(), stop);
                    self.spawn(job.clone(), Phase::Looking, async move { (job, work.await) });
                }
                Start::Write(id) => {
                    let Some(mut prepared) = state.prepared.remove(&id) else {
                        // Nothing is known of it, so nothing may hold its place.
                        state.scheduler.done(id, &[], now);
                        continue;
                    };
                    rollout::hold(&state, &mut prepared, now);
                    drop(state);
                    let job = prepared.errand.job.clone();
                    let work = write(Arc::clone(shared), prepared);
                    self.spawn(job.clone(), Phase::Writing, async move {
                        work.await;
                        (job, Reached::End)
                    });
                }
            }
        }
    }

    fn spawn(&mut self, job: Job, phase: Phase, work: impl Future<Output = (Job, Reached)> + Send + 'static) {
        let task = self.tasks.spawn(work);
        self.jobs.insert(task.id(), (job, phase, task));
    }

    /// Looks that go on are not waited for: nothing is lost with them.
    fn leave_looks(&self) {
        let looks = self.jobs.values().filter(|(_, phase, _)| *phase == Phase::Looking);
        looks.for_each(|(_, _, task)| task.abort());
    }

    /// Takes the end of a task. One that panicked is a mistake in a driver: it costs its own job, nothing else.
    fn end(&mut self, shared: &Arc<Shared>, ended: Result<(Id, (Job, Reached)), JoinError>) {
        match ended {
            Ok((task, (job, reached))) => {
                self.jobs.remove(&task);
                match reached {
                    Reached::End => drop(shared.state().running.remove(&job.id)),
                    Reached::Plan(prepared) => wait_to_write(shared, job.id, *prepared),
                }
            }
            Err(error) => {
                let Some((job, ..)) = self.jobs.remove(&error.id()) else { return };
                let running = shared.state().running.remove(&job.id);
                if error.is_cancelled() {
                    settle::without_result(shared, &job, Ended::NotStarted, None);
                    return;
                }
                tracing::error!("a job on {} ended by a mistake in the program: {error}", job.target);
                settle::crashed(shared, &job, running.and_then(|running| running.run));
            }
        }
    }
}

fn wait_to_write(shared: &Shared, id: JobId, prepared: Prepared) {
    let now = shared.now();
    let mut state = shared.state();
    if shared.is_draining() || prepared.errand.stop.is_requested() {
        state.running.remove(&id);
        drop(state);
        let Prepared { errand, .. } = prepared;
        settle::without_result(shared, &errand.job, Ended::NotStarted, errand.by.as_deref());
        return;
    }
    let aftermath = state.scheduler.wants_write(id, &rollout::turns(&prepared), now);
    let events = settle::news(&prepared.errand.job, aftermath, None, now);
    state.prepared.insert(id, prepared);
    state.outbox.put(crate::store::Batch { events, ..Default::default() });
    drop(state);
    shared.unwritten.notify_one();
}
