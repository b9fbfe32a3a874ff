//! The loop itself: begins what is due, takes what ends, prolongs its right to write.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::HistorySpec;
use jiff::{SignedDuration, Timestamp};
use tokio::task::{Id, JoinError, JoinSet};

use super::open::CLAIM;
use super::schedule::{Ended, Job, JobId, Phase, Start};
use super::service::HEARTBEAT_SECONDS;
use super::state::{Running, Shared};
use super::work::{Prepared, Reached, look, write};
use super::{Controller, settle, watch};
use crate::stop::Stop;
use crate::store::StoreError;

/// How often what is too old is forgotten.
const TIDY_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// The right to write is prolonged when this much of it is left.
const PROLONG_AT: SignedDuration = SignedDuration::from_mins(4);

/// The jobs that go on.
struct Works {
    tasks: JoinSet<(Job, Reached)>,
    jobs: HashMap<Id, Job>,
}

impl Controller {
    /// Runs until it is drained. `Err` where another controller took the store over.
    pub async fn run(self) -> Result<(), StoreError> {
        let Controller { shared, seed, history, holder } = self;
        let mut watchers = JoinSet::new();
        let watched: Vec<_> = shared.state().sources.values().map(|s| Arc::clone(&s.watched)).collect();
        for (nth, source) in (0_u64..).zip(watched) {
            watchers.spawn(watch::watch(Arc::clone(&shared), source, seed.wrapping_add(nth)));
        }
        let mut works = Works { tasks: JoinSet::new(), jobs: HashMap::new() };
        let mut duties = Duties::new(shared.now());
        loop {
            let now = shared.now();
            shared.state().turned = now;
            works.begin(&shared, now);
            if shared.is_draining() && works.tasks.is_empty() {
                break;
            }
            duties.attend(&shared, &holder, history, now).await?;
            let pause = pause(&shared, shared.now());
            tokio::select! {
                Some(ended) = works.tasks.join_next_with_id() => works.end(&shared, ended),
                () = shared.turn.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        watchers.shutdown().await;
        shared.parts.store.release(shared.fence).await
    }
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
                    state.running.insert(job.id, Running { job: job.clone(), stop: stop.clone() });
                    drop(state);
                    let work = look(Arc::clone(shared), job.clone(), stop);
                    self.spawn(job.clone(), async move { (job, work.await) });
                }
                Start::Write(id) => {
                    let prepared = state.prepared.remove(&id);
                    drop(state);
                    let Some(prepared) = prepared else { continue };
                    let job = prepared.errand.job.clone();
                    let work = write(Arc::clone(shared), prepared);
                    self.spawn(job.clone(), async move {
                        work.await;
                        (job, Reached::End)
                    });
                }
            }
        }
    }

    fn spawn(&mut self, job: Job, work: impl Future<Output = (Job, Reached)> + Send + 'static) {
        let task = self.tasks.spawn(work);
        self.jobs.insert(task.id(), job);
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
                let Some(job) = self.jobs.remove(&error.id()) else { return };
                tracing::error!("a job on {} ended by a mistake in the program: {error}", job.target);
                shared.state().running.remove(&job.id);
                settle::without_result(shared, &job, Ended::Failed);
            }
        }
    }
}

fn wait_to_write(shared: &Shared, id: JobId, prepared: Prepared) {
    let now = shared.now();
    let mut state = shared.state();
    if shared.is_draining()
        || !state.scheduler.running().any(|job| job.id == id && job.phase == Phase::Looking)
    {
        state.running.remove(&id);
        drop(state);
        settle::without_result(shared, &prepared.errand.job, Ended::NotStarted);
        return;
    }
    state.scheduler.wants_write(id, now);
    state.prepared.insert(id, prepared);
}

/// What is done now and then.
struct Duties {
    claimed: Timestamp,
    tidied: Timestamp,
}

impl Duties {
    fn new(now: Timestamp) -> Self {
        Duties { claimed: now, tidied: now }
    }

    async fn attend(
        &mut self,
        shared: &Shared,
        holder: &str,
        history: HistorySpec,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let left = CLAIM.checked_sub(now.duration_since(self.claimed)).unwrap_or(SignedDuration::ZERO);
        if left <= PROLONG_AT {
            self.claimed = now;
            let until = now.saturating_add(CLAIM).unwrap_or(now);
            match shared.parts.store.claim(holder, now, until).await {
                Ok(fence) if fence == shared.fence => {}
                Ok(_) | Err(StoreError::Held { .. } | StoreError::Fenced) => return Err(StoreError::Fenced),
                Err(error) => {
                    tracing::error!("the right to write could not be prolonged: {error}");
                    shared.state().store_trouble = Some(error.to_string());
                }
            }
        }
        if now.duration_since(self.tidied) >= TIDY_EVERY {
            self.tidied = now;
            if let Err(error) = shared.parts.store.expire(shared.fence, history, now).await {
                tracing::error!("what is too old could not be forgotten: {error}");
            }
        }
        Ok(())
    }
}
