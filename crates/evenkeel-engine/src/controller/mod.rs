//! The loop: sources are watched, resources looked at when they are due, and put right.
//!
//! [`schedule`] is pure: what is due when, what may run beside what, and what failed how often. `watch` and `intake`
//! bring revisions in, `world` is what a source says now. `errand` and `work` do a job, `rollout` lets hosts of a
//! cluster take turns, `settle` takes what came of it. `approvals` knows what waits for persons, and `decide` takes their
//! word.
//! What is to be remembered goes through `outbox`, in the order in which it happened; `keeper` writes it down.

mod approvals;
mod blame;
mod decide;
mod errand;
mod fight;
mod handle;
mod history;
mod intake;
mod inventory;
mod keeper;
mod open;
mod outbox;
mod repository;
mod rollout;
pub mod schedule;
mod service;
mod settle;
mod standing;
mod state;
mod tidings;
mod turn;
mod watch;
mod words;
mod work;
mod world;

use std::sync::Arc;

pub use decide::{Decision, LONGEST, Refusal, RefusalKind, Word};
pub use handle::{Handle, Health, HealthMetric, Metrics, Notice, Reconciled};
pub use open::Settings;
pub use state::{ConfiguredSource, Parts, SnapshotListener};
pub use words::{Intent, Trigger};

use crate::stop::Stop;
use state::Shared;

/// A controller that is ready to run.
pub struct Controller {
    shared: Arc<Shared>,
    seed: u64,
    history: evenkeel_core::config::HistorySpec,
    holder: String,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller").field("holder", &self.holder).finish_non_exhaustive()
    }
}

/// What others ask of a controller.
struct Service(Arc<Shared>);

/// Ends a controller.
#[derive(Clone)]
pub struct Drain(Arc<Shared>);

impl std::fmt::Debug for Drain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drain").finish_non_exhaustive()
    }
}

impl Controller {
    /// What others can ask of it, also before and after it runs.
    pub fn handle(&self) -> Arc<dyn Handle> {
        Arc::new(Service(Arc::clone(&self.shared)))
    }

    /// What ends it.
    pub fn drain(&self) -> Drain {
        Drain(Arc::clone(&self.shared))
    }
}

impl Drain {
    /// Asks the controller to end: nothing new begins, writes stop after the step in flight and are read back.
    pub fn request(&self) {
        self.end(Stop::request);
    }

    /// Asks for the same, but lets the steps in flight take as long as they take, transfers too.
    pub fn request_after_step(&self) {
        self.end(Stop::request_after_step);
    }

    fn end(&self, stop: fn(&Stop)) {
        self.0.draining.send_replace(true);
        let mut state = self.0.state();
        state.scheduler.drain();
        state.running.values().for_each(|running| stop(&running.stop));
        drop(state);
        self.0.turn.notify_one();
    }
}
