//! A running controller as the command line sees it: the HTTP server on a socket, with a loop that does what a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use evenkeel_core::condition::Status;
use evenkeel_core::config::{HttpSpec, Role, TokenSpec};
use evenkeel_core::transport::BoxFuture;
use evenkeel_engine::controller::{
    Decision, Handle, Health, Metrics, Notice, Reconciled, Refusal, RefusalKind,
};
use evenkeel_engine::store::{
    Answer, ApprovalRecord, Batch, Event, Fence, NewEvent, Notified, ResourceFilter, ResourceStatus,
    SourceVerdict, Store,
};
use evenkeel_server::{Listeners, Settings};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

use crate::stored::Stored;

/// The token of the API, for an admin named `root`.
pub(crate) const TOKEN: &str = "0123456789abcdef-canary";

/// A controller that answers until it is dropped.
pub(crate) struct Keeper<'a> {
    pub(crate) stored: &'a Stored,
    pub(crate) fake: Arc<Fake>,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

/// The loop that does what a test says.
pub(crate) struct Fake {
    store: Arc<dyn Store>,
    fence: Fence,
    hints: broadcast::Sender<Arc<Event>>,
    /// What a look that was asked for finds; `None`: nothing is ever looked at.
    pub(crate) finds: Mutex<Option<Found>>,
    /// Wishes that came, and who had them.
    pub(crate) wishes: Mutex<Vec<(ResourceFilter, String)>>,
    /// Notifications are never answered.
    pub(crate) is_stuck: Mutex<bool>,
}

/// How things stand with everything after a look.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) ready: Status,
    pub(crate) reason: &'static str,
    /// A look that had begun before the wish ends first.
    pub(crate) after_another: bool,
}

impl<'a> Keeper<'a> {
    pub(crate) fn start(stored: &'a Stored) -> Self {
        let fake = Arc::new(Fake {
            store: Arc::clone(&stored.store) as Arc<dyn Store>,
            fence: stored.fence,
            hints: broadcast::channel(16).0,
            finds: Mutex::new(None),
            wishes: Mutex::default(),
            is_stuck: Mutex::new(false),
        });
        let token = TokenSpec { name: "root".into(), role: Role::Admin, credentials_ref: "root".into() };
        let settings = Settings::new(vec![(token, SecretString::from(TOKEN))], Vec::new(), 60).unwrap();
        let http =
            HttpSpec { listen: "127.0.0.1:0".into(), allow_remote: false, tls: None, allow_plaintext: false };
        let socket = stored.work.path().join("state/evenkeel.sock");
        let listeners = stored.runtime.block_on(Listeners::open(Some(&http), Some(&socket))).unwrap();
        let address = listeners.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let handle = Arc::clone(&fake) as Arc<dyn Handle>;
        let task = stored.runtime.spawn(evenkeel_server::serve(listeners, handle, settings, async {
            let _ = stopped.await;
        }));
        Keeper { stored, fake, address, stop: Some(stop), task: Some(task) }
    }

    /// The controller's URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Something happens.
    pub(crate) fn happens(&self, event: NewEvent) {
        let batch = Batch { events: vec![event], ..Batch::default() };
        let events =
            self.stored.runtime.block_on(self.stored.store.commit(self.stored.fence, batch)).unwrap();
        for event in events {
            // Nobody may be listening.
            let _ = self.fake.hints.send(Arc::new(event));
        }
    }
}

impl Drop for Keeper<'_> {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(task) = self.task.take() {
            // A panic there was printed there.
            let _ = self.stored.runtime.block_on(task);
        }
    }
}

impl Fake {
    async fn look(&self, filter: &ResourceFilter) -> usize {
        let resources = self.store.resources(filter).await.unwrap();
        let found = *self.finds.lock().unwrap();
        let Some(found) = found else { return resources.len() };
        if found.after_another {
            let now = Timestamp::now();
            let earlier = |status: &ResourceStatus| ResourceStatus {
                observed_at: Some(now),
                next: Some(now - SignedDuration::from_millis(1)),
                ..status.clone()
            };
            self.write(resources.iter().map(earlier).collect()).await;
            let (store, fence, looked) = (Arc::clone(&self.store), self.fence, after(&resources, found));
            tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                let batch = Batch { resources: looked, ..Batch::default() };
                store.commit(fence, batch).await.unwrap();
            });
        } else {
            self.write(after(&resources, found)).await;
        }
        resources.len()
    }

    async fn write(&self, resources: Vec<ResourceStatus>) {
        self.store.commit(self.fence, Batch { resources, ..Batch::default() }).await.unwrap();
    }
}

fn after(resources: &[ResourceStatus], found: Found) -> Vec<ResourceStatus> {
    let now = Timestamp::now();
    let looked = |status: &ResourceStatus| {
        let key = status.key.clone();
        let next = Some(now + SignedDuration::from_mins(30));
        let looked = crate::stored::status(key, found.ready, found.reason, "looked at", now);
        ResourceStatus { observed_at: Some(now), next, ..looked }
    };
    resources.iter().map(looked).collect()
}

impl Handle for Fake {
    fn notify<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Vec<String>> {
        let is_stuck = *self.is_stuck.lock().unwrap();
        Box::pin(async move {
            if is_stuck {
                std::future::pending::<()>().await;
            }
            let all = self.store.sources().await.unwrap();
            let is_meant = |name: &String| match notice {
                Notice::Sources(names) => names.contains(name),
                Notice::All | Notice::Repository { .. } => true,
            };
            all.into_iter().map(|source| source.name).filter(is_meant).collect()
        })
    }

    fn reconcile<'a>(&'a self, filter: &'a ResourceFilter, by: &'a str) -> BoxFuture<'a, Reconciled> {
        self.wishes.lock().unwrap().push((filter.clone(), by.to_owned()));
        Box::pin(async move { Reconciled { resources: self.look(filter).await, targets: 1 } })
    }

    fn accept<'a>(
        &'a self,
        source: &'a str,
        revision: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let sources = self.store.sources().await.unwrap();
            match sources.iter().find(|known| known.name == source).map(|known| &known.verdict) {
                Some(SourceVerdict::Held { revision: held, .. }) if held.id.starts_with(revision) => Ok(()),
                Some(SourceVerdict::Held { revision: held, .. }) => {
                    Err(format!("{source} holds revision {}, not {revision}", held.id))
                }
                _ => Err(format!("no revision of {source} is held")),
            }
        })
    }

    fn decide(&self, decision: Decision) -> BoxFuture<'_, Result<ApprovalRecord, Refusal>> {
        let message = format!("no plan {} waits for a decision", decision.plan);
        let hint = "`evenkeel approvals` shows what waits".to_owned();
        Box::pin(async move { Err(Refusal { kind: RefusalKind::Unknown, message, hint }) })
    }

    fn set_notified(&self, notified: Notified) -> Answer<'_, ()> {
        self.store.set_notified(self.fence, notified)
    }

    fn report(&self, _: NewEvent) {}

    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.hints.subscribe()
    }

    fn health(&self) -> Health {
        Health { live: true, ready: true, draining: false, reasons: Vec::new(), started: Timestamp::now() }
    }

    fn metrics(&self) -> Metrics {
        Metrics::default()
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}
