//! What keeps a controller in its right: it writes down what happened, prolongs its right to write, forgets what is old.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::HistorySpec;
use jiff::SignedDuration;

use super::open::CLAIM;
use super::service::HEARTBEAT_SECONDS;
use super::state::Shared;
use crate::store::StoreError;

/// How often what is too old is forgotten.
const TIDY_EVERY: Duration = Duration::from_hours(1);

/// The first time, after the start.
const TIDY_FIRST: Duration = Duration::from_mins(1);

/// The right to write is prolonged when it was taken so long ago.
const PROLONG_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// What the store did not take is offered again after this, and then ever more slowly.
const OFFER_AGAIN: Duration = Duration::from_secs(1);

/// The slowest.
const OFFER_SLOWLY: Duration = Duration::from_secs(10);

/// Writes down what is in the outbox as it comes, in order, and tells who listens.
pub(super) async fn write_down(shared: Arc<Shared>) {
    let mut pause = OFFER_AGAIN;
    loop {
        let (mut batches, count) = {
            let mut state = shared.state();
            (state.outbox.take(), state.outbox.count())
        };
        while let Some(batch) = batches.front() {
            match shared.parts.store.commit(shared.fence, batch.clone()).await {
                Ok(events) => {
                    batches.pop_front();
                    for event in events {
                        // Nobody listens: nothing lost.
                        let _ = shared.events.send(Arc::new(event));
                    }
                }
                Err(error) => {
                    tracing::error!("the store does not take what happened: {error}");
                    shared.store_failed(&error);
                    break;
                }
            }
        }
        if batches.is_empty() {
            shared.state().store_trouble = None;
            shared.written.send_replace(count);
            pause = OFFER_AGAIN;
            shared.unwritten.notified().await;
        } else {
            shared.state().outbox.put_back(batches);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(OFFER_SLOWLY);
        }
    }
}

/// Prolongs the right to write for `holder`, until another takes it.
pub(super) async fn prolong(shared: Arc<Shared>, holder: String) {
    let mut claimed = shared.now();
    loop {
        tokio::time::sleep(Duration::from_secs(HEARTBEAT_SECONDS)).await;
        let now = shared.now();
        let is_troubled = shared.state().store_trouble.is_some();
        if now.duration_since(claimed).abs() < PROLONG_AFTER && !is_troubled {
            continue;
        }
        let until = now.saturating_add(CLAIM).unwrap_or(now);
        match shared.parts.store.claim(&holder, now, until).await {
            Ok(fence) if fence == shared.fence => {
                claimed = now;
                // It takes writes again; what it did not take is offered again by itself.
                shared.unwritten.notify_one();
            }
            Ok(_) | Err(StoreError::Held { .. }) => shared.store_failed(&StoreError::Fenced),
            Err(error) => {
                tracing::error!("the right to write could not be prolonged: {error}");
                shared.store_failed(&error);
            }
        }
    }
}

/// Forgets what is too old, now and then.
pub(super) async fn tidy(shared: Arc<Shared>, history: HistorySpec) {
    // The first time soon: some controllers do not live for an hour.
    let mut pause = TIDY_FIRST;
    loop {
        tokio::time::sleep(pause).await;
        pause = TIDY_EVERY;
        if let Err(error) = shared.parts.store.expire(shared.fence, history, shared.now()).await {
            tracing::error!("what is too old could not be forgotten: {error}");
        }
    }
}
