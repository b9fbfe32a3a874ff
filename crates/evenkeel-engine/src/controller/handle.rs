//! What others can ask of a running controller.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::transport::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::decide::{Decision, Refusal};
use crate::store::{Answer, ApprovalRecord, Event, NewEvent, Notified, ResourceFilter, ResourceKey, Store};

/// A running controller, as its API and its tests see it.
pub trait Handle: Send + Sync {
    /// Somebody says that a source has something new. That is only a hint: the source is fetched and read. Gives the
    /// names of the sources that were woken.
    fn notify<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Vec<String>>;

    /// Looks at the resources that `filter` lets through now, and lets go what the fight detector stopped. Gives
    /// what was woken.
    fn reconcile<'a>(&'a self, filter: &'a ResourceFilter, by: &'a str) -> BoxFuture<'a, Reconciled>;

    /// Takes a held revision of a source. `Err` says in one sentence why not: it is not held, or is another one.
    fn accept<'a>(
        &'a self,
        source: &'a str,
        revision: &'a str,
        by: &'a str,
    ) -> BoxFuture<'a, Result<(), String>>;

    /// Writes down how far a notifier has told what happened.
    fn set_notified(&self, notified: Notified) -> Answer<'_, ()>;

    /// Something happened beside the loop: to who tells others of it.
    fn report(&self, event: NewEvent);

    /// Takes a person's word about a change that is held. Gives how it stands with it then; it is written down by that
    /// time. Whoever comes first decides.
    fn decide(&self, decision: Decision) -> BoxFuture<'_, Result<ApprovalRecord, Refusal>>;

    /// Events as they happen. A slow listener loses the oldest and reads them from the store.
    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>>;

    /// How it is.
    fn health(&self) -> Health;

    /// What there is to count.
    fn metrics(&self) -> Metrics;

    /// What it remembers.
    fn store(&self) -> &Arc<dyn Store>;
}

/// Which sources may have something new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// These, by name.
    Sources(Vec<String>),
    /// Those that follow one of these repositories (all ways in which it can be written), and this branch or tag
    /// where it is known.
    Repository {
        /// URLs of the repository.
        urls: Vec<String>,
        /// The full name of what was pushed: `refs/heads/main`.
        reference: Option<String>,
    },
    /// All.
    All,
}

/// What was woken by a person's wish.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reconciled {
    /// How many resources.
    pub resources: usize,
    /// On how many targets.
    pub targets: usize,
}

/// How the controller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The loop turns: it was seen alive within the last seconds.
    pub live: bool,
    /// Every source was read at least once (or was refused), and the store takes writes.
    pub ready: bool,
    /// It is on its way out: what runs is finished, nothing new begins.
    pub draining: bool,
    /// Why it is not ready.
    pub reasons: Vec<String>,
    /// Since when it runs.
    pub started: Timestamp,
}

/// Numbers of a running controller.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Resources by the reason of their Ready condition: `InSync`, `Drifted`, `Held`, …
    pub resources: BTreeMap<String, u64>,
    /// Targets, known.
    pub targets: u64,
    /// Targets whose breaker is open: they did not answer.
    pub unreachable: u64,
    /// Resources that are due and wait for their turn.
    pub queued: u64,
    /// For how long the oldest of them waits, in seconds.
    pub oldest_wait_seconds: f64,
    /// Targets that are being read.
    pub reading: u64,
    /// Targets that are being written to.
    pub writing: u64,
    /// Looks at targets, since the start.
    pub looks: u64,
    /// Runs since the start, by how they ended: `done`, `failed`, `stopped`.
    pub runs: BTreeMap<String, u64>,
    /// Commands that were sent, since the start.
    pub commands: u64,
    /// Differences that were put right, since the start: `intentional`, `corrective`.
    pub changes: BTreeMap<String, u64>,
    /// Fetches of sources since the start, by `ok`, `unchanged`, `failed`.
    pub fetches: BTreeMap<String, u64>,
    /// Seconds since each source that is not suspended was last fetched with success, or since the start.
    pub source_age_seconds: BTreeMap<String, f64>,
    /// What is true of resources beside being as their manifests say.
    pub health: Vec<HealthMetric>,
}

/// A truth about a resource, as a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthMetric {
    /// The resource: source, target, kind, name.
    #[serde(flatten)]
    pub key: ResourceKey,
    /// What it is about: `Fresh`.
    pub about: String,
    /// Whether it is as it should be.
    pub good: bool,
    /// For an age: how old, in seconds.
    pub age_seconds: Option<f64>,
    /// For an age: how old it may be, in seconds.
    pub limit_seconds: Option<u64>,
}
