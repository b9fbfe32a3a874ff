//! What all requests share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::http::StatusCode;
use evenkeel_engine::controller::Handle;
use evenkeel_engine::store::Store;
use tokio::sync::{Semaphore, watch};

use crate::problem::Problem;
use crate::rate::Limiter;
use crate::settings::Settings;
use crate::webhook::{Deliveries, Received};

/// So many webhooks are read at once, and with them so many MiB are in memory at most; the others wait.
const WEBHOOKS_AT_ONCE: usize = 32;

/// What all requests share.
pub(crate) struct App {
    pub(crate) handle: Arc<dyn Handle>,
    pub(crate) settings: Settings,
    /// Turns true when the server is to stop.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Wrong tokens, by address.
    pub(crate) wrong_tokens: Limiter<IpAddr>,
    /// Webhooks, by their name and the address that they come from.
    pub(crate) webhooks: Limiter<(String, Option<IpAddr>)>,
    pub(crate) webhook_places: Semaphore,
    /// The deliveries that came of late.
    pub(crate) deliveries: Deliveries,
    counted: Mutex<BTreeMap<(String, Received), u64>>,
}

impl App {
    pub(crate) fn new(handle: Arc<dyn Handle>, settings: Settings, stopping: watch::Receiver<bool>) -> Self {
        let now = Instant::now();
        App {
            handle,
            wrong_tokens: Limiter::new(settings.bounds.wrong_tokens_per_minute, now),
            webhooks: Limiter::new(settings.webhooks_per_minute, now),
            webhook_places: Semaphore::new(WEBHOOKS_AT_ONCE),
            deliveries: Deliveries::default(),
            counted: Mutex::default(),
            settings,
            stopping,
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        self.handle.store()
    }

    /// What the controller is asked is done to its end, also where the client goes away in the middle.
    pub(crate) async fn ask<T, W>(&self, work: impl FnOnce(Arc<dyn Handle>) -> W) -> Result<T, Problem>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let failed = |_| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the controller failed at this")
                .hint("its log says more; please report it")
        };
        tokio::spawn(work(Arc::clone(&self.handle))).await.map_err(failed)
    }

    /// Counts a webhook. Those of unknown names are not counted: anybody can make them up.
    pub(crate) fn count(&self, webhook: &str, outcome: Received) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.entry((webhook.to_owned(), outcome)).or_default() += 1;
    }

    /// Webhooks since the start, by name and what came of them.
    pub(crate) fn counted(&self) -> BTreeMap<(String, Received), u64> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
