//! What all requests share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use evenkeel_engine::controller::Handle;
use evenkeel_engine::store::Store;
use tokio::sync::watch;

use crate::rate::Limiter;
use crate::settings::Settings;
use crate::webhook::{Deliveries, Received};

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
            deliveries: Deliveries::default(),
            counted: Mutex::default(),
            settings,
            stopping,
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        self.handle.store()
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
