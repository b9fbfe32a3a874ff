//! The connections: opened once per endpoint, kept while they are of use, shared.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_core::transport::{BoxFuture, TransportError, TransportErrorKind};
use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::SshOptions;
use super::connect::{Connection, NoSession, SessionChannel, connect};
use super::endpoint::Endpoint;
use super::identities::{self, KeyCache};
use crate::credentials::Credentials;

/// How often those that are no longer of use are looked for, within a time without use.
const LOOKS: u32 = 4;

/// Bounds of the pause between looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_mins(1));

/// A goodbye that takes longer is not waited for.
const GOODBYE: Duration = Duration::from_secs(5);

type Connected = Result<Arc<Connection>, TransportError>;

/// A connection that is open or being opened; everybody who waits for it gets the same outcome.
type Opening = Shared<BoxFuture<'static, Connected>>;

pub(super) struct Pool {
    kept: Mutex<Kept>,
    /// A connection that was not used for this long is closed.
    idle: Option<Duration>,
    /// Above this many, those that are not in use are closed.
    most: usize,
    credentials: Arc<dyn Credentials>,
    keys: KeyCache,
    connects: Semaphore,
}

#[derive(Default)]
struct Kept {
    slots: HashMap<Endpoint, Slot>,
    /// The task that looks for connections that are no longer of use; it runs while there are any.
    sweeper: Option<AbortHandle>,
}

struct Slot {
    opening: Opening,
    usage: Arc<Usage>,
}

/// When a connection was last used. Everybody who uses it holds this.
struct Usage(Mutex<Instant>);

/// Somebody uses a connection, or waits for it; when he is done, its time without use begins.
#[derive(Clone)]
struct Hold(Arc<Usage>);

/// A connection in use: it is not closed for being idle or one too many.
#[derive(Clone)]
pub(super) struct Lease {
    connection: Arc<Connection>,
    _hold: Hold,
}

impl Pool {
    pub(super) fn new(options: &SshOptions, credentials: Arc<dyn Credentials>) -> Self {
        Pool {
            kept: Mutex::default(),
            idle: options.idle,
            most: options.max_connections,
            credentials,
            keys: KeyCache::default(),
            connects: Semaphore::new(options.parallel_connects),
        }
    }

    /// The connection to `endpoint`: the kept one, or a new one where there is none that lives.
    pub(super) async fn get(self: &Arc<Self>, endpoint: &Endpoint) -> Result<Lease, TransportError> {
        let (opening, hold) = {
            let mut kept = self.lock();
            let found = kept.slots.get(endpoint).filter(|slot| slot.usable() && !self.expired(slot));
            match found {
                Some(slot) => (slot.opening.clone(), slot.hold()),
                None => self.add(&mut kept, endpoint),
            }
        };
        Ok(Lease { connection: opening.await?, _hold: hold })
    }

    fn add(self: &Arc<Self>, kept: &mut Kept, endpoint: &Endpoint) -> (Opening, Hold) {
        let replaced = kept.slots.remove(endpoint);
        let surplus = kept.make_room(self.most.saturating_sub(1));
        for slot in replaced.into_iter().chain(surplus) {
            if let Some(connection) = slot.open_connection() {
                tokio::spawn(async move { say_goodbye(&connection).await });
            }
        }
        let slot = Slot { opening: self.open(endpoint.clone()), usage: Arc::new(Usage::now()) };
        let taken = (slot.opening.clone(), slot.hold());
        kept.slots.insert(endpoint.clone(), slot);
        self.watch(kept);
        taken
    }

    /// Forgets a connection that turned out dead, unless a new one has taken its place.
    pub(super) fn discard(&self, endpoint: &Endpoint, dead: &Lease) {
        let mut kept = self.lock();
        let same = |slot: &Slot| matches!(slot.opening.peek(), Some(Ok(kept)) if Arc::ptr_eq(kept, &dead.connection));
        if kept.slots.get(endpoint).is_some_and(same) {
            kept.slots.remove(endpoint);
        }
    }

    /// Forgets the connections to `endpoint` in every lane. One in use ends with its last user, the others now.
    pub(super) fn renew(&self, endpoint: &Endpoint) {
        let is_this = |kept: &Endpoint, _: &mut Slot| kept.clone().in_lane(endpoint.lane) == *endpoint;
        let gone: Vec<Slot> = self.lock().slots.extract_if(is_this).map(|(_, slot)| slot).collect();
        let idle = gone.iter().filter(|slot| !slot.in_use());
        for connection in idle.filter_map(Slot::open_connection) {
            tokio::spawn(async move { say_goodbye(&connection).await });
        }
    }

    /// Ends all connections.
    pub(super) async fn close(&self) {
        let Kept { slots, sweeper } = std::mem::take(&mut *self.lock());
        if let Some(sweeper) = sweeper {
            sweeper.abort();
        }
        for slot in slots.into_values() {
            if let Some(Ok(connection)) = slot.opening.peek() {
                connection.close().await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expired(&self, slot: &Slot) -> bool {
        self.idle.is_some_and(|idle| !slot.in_use() && slot.usage.last().elapsed() >= idle)
    }

    /// Starts the task that looks for connections that are no longer of use, unless it runs. It ends with the last
    /// connection, and with the pool.
    fn watch(self: &Arc<Self>, kept: &mut Kept) {
        let bounded = self.idle.is_some() || self.most < usize::MAX;
        if !bounded || kept.sweeper.as_ref().is_some_and(|sweeper| !sweeper.is_finished()) {
            return;
        }
        let (shortest, longest) = PAUSES;
        let pause = self.idle.map_or(longest, |idle| (idle / LOOKS).clamp(shortest, longest));
        let pool = Arc::downgrade(self);
        let sweeping = async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(useless) = pool.upgrade().and_then(|pool| pool.sweep()) else { return };
                for connection in useless {
                    say_goodbye(&connection).await;
                }
            }
        };
        kept.sweeper = Some(tokio::spawn(sweeping).abort_handle());
    }

    /// Takes out what is dead, was not used for too long, or is one too many. `None` where nothing was kept any more.
    fn sweep(&self) -> Option<Vec<Arc<Connection>>> {
        let mut kept = self.lock();
        if kept.slots.is_empty() {
            kept.sweeper = None;
            return None;
        }
        let gone = kept.slots.extract_if(|_, slot| self.expired(slot) || !slot.usable());
        let mut gone: Vec<Slot> = gone.map(|(_, slot)| slot).collect();
        gone.extend(kept.make_room(self.most));
        Some(gone.iter().filter_map(Slot::open_connection).collect())
    }

    /// Opens a connection in a task of its own, so that a caller who gives up does not leave it half open for the
    /// others.
    fn open(self: &Arc<Self>, endpoint: Endpoint) -> Opening {
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
            let first = self.connect_via(endpoint, Some(via.clone())).await;
            if first.is_ok() || !via.is_closed() {
                return first;
            }
            // The kept connection to the jump host turned out dead.
            let via = self.get(jump).await.map_err(|e| through(jump, e))?;
            self.connect_via(endpoint, Some(via)).await
        })
    }

    async fn connect_via(&self, endpoint: &Endpoint, via: Option<Lease>) -> Connected {
        let settings = &endpoint.identities;
        let identities = identities::collect(settings, self.credentials.as_ref(), &self.keys).await?;
        // Only now, or those who wait for a jump host would keep it from connecting.
        let _turn = self.connects.acquire().await;
        connect(endpoint, via, identities).await.map(Arc::new)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(sweeper) = self.lock().sweeper.take() {
            sweeper.abort();
        }
    }
}

impl Kept {
    /// Takes out dead connections, then those that were not used for longest, until there are at most `most`. Those in
    /// use stay, however many they are.
    fn make_room(&mut self, most: usize) -> Vec<Slot> {
        if self.slots.len() > most {
            self.slots.retain(|_, slot| slot.usable());
        }
        let mut surplus = Vec::new();
        while self.slots.len() > most {
            let unused = self.slots.iter().filter(|(_, slot)| !slot.in_use());
            let oldest =
                unused.min_by_key(|(_, slot)| slot.usage.last()).map(|(endpoint, _)| endpoint.clone());
            let Some(slot) = oldest.and_then(|endpoint| self.slots.remove(&endpoint)) else { break };
            surplus.push(slot);
        }
        surplus
    }
}

impl Slot {
    /// True for a connection that is being opened, or is open and lives.
    fn usable(&self) -> bool {
        match self.opening.peek() {
            None => true,
            Some(Ok(connection)) => !connection.is_closed(),
            Some(Err(_)) => false,
        }
    }

    fn hold(&self) -> Hold {
        Hold(Arc::clone(&self.usage))
    }

    /// One that is still being opened counts as in use, also where nobody waits any longer.
    fn in_use(&self) -> bool {
        Arc::strong_count(&self.usage) > 1 || self.opening.clone().now_or_never().is_none()
    }

    fn open_connection(&self) -> Option<Arc<Connection>> {
        self.opening.peek()?.as_ref().ok().cloned()
    }
}

impl Usage {
    fn now() -> Self {
        Usage(Mutex::new(Instant::now()))
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Lease {
    /// Opens a session channel, which keeps the connection in use while it lives.
    pub(super) async fn session(&self, patience: Duration) -> Result<SessionChannel, NoSession> {
        let (channel, permit) = self.connection.session(patience).await?;
        Ok(SessionChannel { channel, permit, lease: self.clone() })
    }
}

impl Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

async fn say_goodbye(connection: &Connection) {
    // One that does not take it is closed by being dropped.
    let _ = timeout(GOODBYE, connection.close()).await;
}

fn through(jump: &Endpoint, error: TransportError) -> TransportError {
    TransportError { message: format!("through the jump host {jump}: {}", error.message), ..error }
}
