//! Watching a source: fetched when somebody gives a hint, and now and then anyway.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::period::Period;
use futures_util::FutureExt as _;
use tokio::sync::Notify;

use super::state::Shared;
use crate::source::{Source, SourceError, SourceErrorKind};

/// After a failure it is tried again sooner than its interval, but not at once.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// A source and the bell that wakes its watcher.
pub(super) struct Watched {
    pub(super) name: String,
    pub(super) source: Arc<dyn Source>,
    pub(super) url: String,
    pub(super) reference: Option<String>,
    pub(super) bell: Notify,
    /// Who takes a revision of it in hand: one at a time, so that an older one never comes after a newer one.
    pub(super) intake: tokio::sync::Mutex<()>,
}

/// Fetches until the controller drains. `seed` spreads sources that have the same interval.
pub(super) async fn watch(shared: Arc<Shared>, watched: Arc<Watched>, seed: u64) {
    let mut draining = shared.draining.subscribe();
    let mut turn = 0_u64;
    loop {
        let ok = tokio::select! {
            ok = fetch(&shared, &watched) => ok,
            _ = draining.wait_for(|draining| *draining) => return,
        };
        turn += 1;
        let interval =
            shared.state().sources.get(&watched.name).map_or(Period::minutes(5), |s| s.terms.interval);
        let pause = jittered(interval.into(), seed, turn);
        let pause = if ok { pause } else { pause.min(AFTER_FAILURE) };
        tokio::select! {
            () = watched.bell.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = draining.wait_for(|draining| *draining) => return,
        }
    }
}

/// Fetches once. False where that failed.
async fn fetch(shared: &Arc<Shared>, watched: &Watched) -> bool {
    let known = {
        let state = shared.state();
        let Some(source) = state.sources.get(&watched.name) else { return true };
        if source.terms.suspend && source.world.is_some() {
            return true;
        }
        source.judged.as_ref().map(|(id, _)| id.clone())
    };
    // A mistake in what fetches must not end the watch.
    let outcome = AssertUnwindSafe(watched.source.fetch(known.as_deref())).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| {
        let said = format!("fetching {} ended by a mistake in the program: see the log", watched.url);
        Err(SourceError::new(SourceErrorKind::Failed, said))
    });
    let ok = outcome.is_ok();
    super::intake::take(shared, watched, outcome).await;
    ok
}

/// Within 10 % around `interval`, so that sources do not march in step.
fn jittered(interval: Duration, seed: u64, turn: u64) -> Duration {
    // A step of a linear congruential generator is random enough to spread.
    let noise = (seed ^ turn.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD129_0C5D_3E5B_8B4D) >> 32;
    let thousandth = u32::try_from(noise % 201).unwrap_or_default();
    interval * (900 + thousandth) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_do_not_march_in_step() {
        let minute = Duration::from_mins(1);
        let pauses: Vec<Duration> = (0..100).map(|turn| jittered(minute, 7, turn)).collect();
        assert!(pauses.iter().all(|p| (54..=66).contains(&p.as_secs())), "{pauses:?}");
        let distinct: std::collections::BTreeSet<Duration> = pauses.iter().copied().collect();
        assert!(distinct.len() > 30, "{}", distinct.len());
    }
}
