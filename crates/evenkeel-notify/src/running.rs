//! Notifiers at work: each in a task of its own, so that none holds another up, nor what it tells of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_engine::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::commit::Watcher;
use crate::diary::Diary;
use crate::follow::Follower;
use crate::prepare::{Notifier, Telling};

/// Notifiers at work. Dropping it ends them where they are.
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("notifiers", &self.tasks.len()).finish_non_exhaustive()
    }
}

/// Lets notifiers begin.
pub fn start(notifiers: Vec<Notifier>, diary: &Arc<dyn Diary>, clock: &Arc<dyn Clock>) -> Running {
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for Notifier { name, way, .. } in notifiers {
        let (diary, clock, stop) = (Arc::clone(diary), Arc::clone(clock), stopped.clone());
        match way {
            Telling::Messages(terms, receiver) => {
                tasks.spawn(Follower { terms, receiver, diary, clock, stop }.run());
            }
            Telling::States { board, sources, max_per_hour } => {
                tasks.spawn(Watcher { name, board, sources, max_per_hour, diary, clock, stop }.run());
            }
        }
    }
    Running { stop, tasks }
}

impl Running {
    /// Lets them tell what is left, for at most this long, and ends them. What was not told is told after the next start.
    pub async fn stop(mut self, patience: Duration) {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // Those that are not done by then are cut off.
        let _ = tokio::time::timeout(patience, all).await;
    }
}
