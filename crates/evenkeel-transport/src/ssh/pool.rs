//! The connections: opened once per endpoint, kept, shared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_core::transport::{BoxFuture, TransportError, TransportErrorKind};
use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::Semaphore;

use super::SshOptions;
use super::connect::{Connection, connect};
use super::endpoint::Endpoint;
use super::identities::{self, KeyCache};
use crate::credentials::Credentials;

type Connected = Result<Arc<Connection>, TransportError>;

/// A connection that is open or being opened; everybody who waits for it gets the same outcome.
type Slot = Shared<BoxFuture<'static, Connected>>;

pub(super) struct Pool {
    slots: Mutex<HashMap<Endpoint, Slot>>,
    credentials: Arc<dyn Credentials>,
    keys: KeyCache,
    connects: Semaphore,
}

impl Pool {
    pub(super) fn new(options: &SshOptions, credentials: Arc<dyn Credentials>) -> Self {
        let connects = Semaphore::new(options.parallel_connects);
        Pool { slots: Mutex::default(), credentials, keys: KeyCache::default(), connects }
    }

    /// The connection to `endpoint`: the kept one, or a new one where there is none that lives.
    pub(super) async fn get(self: &Arc<Self>, endpoint: &Endpoint) -> Connected {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = slots.get(endpoint).filter(|slot| usable(slot)).cloned();
            kept.unwrap_or_else(|| {
                let slot = self.open(endpoint.clone());
                slots.insert(endpoint.clone(), slot.clone());
                slot
            })
        };
        slot.await
    }

    /// Forgets a connection that turned out dead, unless a new one has taken its place.
    pub(super) fn discard(&self, endpoint: &Endpoint, dead: &Arc<Connection>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |slot: &Slot| matches!(slot.peek(), Some(Ok(kept)) if Arc::ptr_eq(kept, dead));
        if slots.get(endpoint).is_some_and(same) {
            slots.remove(endpoint);
        }
    }

    /// Ends all connections.
    pub(super) async fn close(&self) {
        let slots = std::mem::take(&mut *self.slots.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in slots.into_values() {
            if let Some(Ok(connection)) = slot.peek() {
                connection.close().await;
            }
        }
    }

    /// Opens a connection in a task of its own, so that a caller who gives up does not leave it half open for the
    /// others.
    fn open(self: &Arc<Self>, endpoint: Endpoint) -> Slot {
        let pool = Arc::clone(self);
        let task = tokio::spawn(async move { pool.connect(&endpoint).await });
        let outcome = async move {
            task.await.unwrap_or_else(|e| {
                Err(TransportError::new(TransportErrorKind::Protocol, format!("connecting broke off: {e}")))
            })
        };
        (Box::pin(outcome) as BoxFuture<'static, Connected>).shared()
    }

    fn connect<'a>(self: &'a Arc<Self>, endpoint: &'a Endpoint) -> BoxFuture<'a, Connected> {
        Box::pin(async move {
            let Some(jump) = &endpoint.jump else { return self.connect_via(endpoint, None).await };
            let via = self.get(jump).await.map_err(|e| through(jump, e))?;
            let first = self.connect_via(endpoint, Some(Arc::clone(&via))).await;
            if first.is_ok() || !via.is_closed() {
                return first;
            }
            // The kept connection to the jump host turned out dead.
            let via = self.get(jump).await.map_err(|e| through(jump, e))?;
            self.connect_via(endpoint, Some(via)).await
        })
    }

    async fn connect_via(&self, endpoint: &Endpoint, via: Option<Arc<Connection>>) -> Connected {
        let settings = &endpoint.identities;
        let identities = identities::collect(settings, self.credentials.as_ref(), &self.keys).await?;
        // Only now, or those who wait for a jump host would keep it from connecting.
        let _turn = self.connects.acquire().await;
        connect(endpoint, via, identities).await.map(Arc::new)
    }
}

/// True for a connection that is being opened, or is open and lives.
fn usable(slot: &Slot) -> bool {
    match slot.peek() {
        None => true,
        Some(Ok(connection)) => !connection.is_closed(),
        Some(Err(_)) => false,
    }
}

fn through(jump: &Endpoint, error: TransportError) -> TransportError {
    TransportError { message: format!("through the jump host {jump}: {}", error.message), ..error }
}
