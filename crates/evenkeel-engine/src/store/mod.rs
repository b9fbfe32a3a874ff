//! The port to what the controller remembers.
//!
//! What is written down is a memory of what was seen and done, never a second truth: after a crash the targets are
//! read again. One writer at a time holds a [`Fence`]; every write names it, and is refused once another writer has
//! taken over.

mod approval;
mod audit;
mod chain;
mod records;

pub use approval::{ApprovalFilter, ApprovalRecord, ApprovalState};
pub use audit::{About, AuditEntry, AuditFilter, Audited, NewAuditEntry, NewCommand, Touch};
pub use chain::{AuditLine, Broken, Chain, FIRST, Verified, link};
pub use records::{
    Event, EventFilter, InventoryEntry, InventoryState, Journaled, NewEvent, NewRun, Notified, Observation,
    ResourceFilter, ResourceKey, ResourceStatus, RunEntry, RunFilter, RunId, RunRecord, RunState,
    SourceStatus, SourceVerdict, Weight,
};

use std::path::Path;

use evenkeel_core::config::HistorySpec;
use evenkeel_core::plan::InstanceId;
use evenkeel_core::transport::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::source::Snapshot;

/// A right to write, which grows with every new holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence(pub u64);

/// Something that is read from the store, or the reason why not.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Remembers.
pub trait Store: Send + Sync {
    /// Takes the right to write until `until`, for `holder` (who that is, for messages). Refused with
    /// [`StoreError::Held`] while another holder's right has not run out. The same holder gets its own right
    /// prolonged, with the same fence.
    fn claim<'a>(&'a self, holder: &'a str, now: Timestamp, until: Timestamp) -> Answer<'a, Fence>;

    /// Gives the right up.
    fn release(&self, fence: Fence) -> Answer<'_, ()>;

    /// Writes down that a run begins. Durable when it returns.
    fn begin_run(&self, fence: Fence, run: NewRun) -> Answer<'_, RunId>;

    /// Writes down that a command is about to be sent, in the run's journal and in the audit log at once. Durable when it
    /// returns; where it fails, the command is not sent.
    fn journal(&self, fence: Fence, command: NewCommand) -> Answer<'_, ()>;

    /// Writes everything of `batch` or nothing, durably. Gives the events with their numbers. What it adds to the audit
    /// log hangs on what is there.
    fn commit(&self, fence: Fence, batch: Batch) -> Answer<'_, Vec<Event>>;

    /// Runs that began and did not end: those of a controller that was killed.
    fn unfinished_runs(&self) -> Answer<'_, Vec<RunRecord>>;

    /// The sources, by name.
    fn sources(&self) -> Answer<'_, Vec<SourceStatus>>;

    /// The snapshot of a source that was last put in force ([`Batch::snapshots`]): with it a restarted controller goes
    /// on, whatever the source has come to since.
    fn snapshot<'a>(&'a self, source: &'a str) -> Answer<'a, Option<Snapshot>>;

    /// The resources that the filter lets through, by source, target, kind and name.
    fn resources<'a>(&'a self, filter: &'a ResourceFilter) -> Answer<'a, Vec<ResourceStatus>>;

    /// Runs, the newest first.
    fn runs<'a>(&'a self, filter: &'a RunFilter) -> Answer<'a, Vec<RunRecord>>;

    /// One run, with its journal.
    fn run(&self, id: RunId) -> Answer<'_, Option<(RunRecord, Vec<Journaled>)>>;

    /// Events in the order of their numbers; with [`EventFilter::last`], the last ones.
    fn events<'a>(&'a self, filter: &'a EventFilter) -> Answer<'a, Vec<Event>>;

    /// Entries of the audit log in the order of their numbers; with [`AuditFilter::last`], the last ones. None is ever
    /// forgotten.
    fn audit<'a>(&'a self, filter: &'a AuditFilter) -> Answer<'a, Vec<AuditLine>>;

    /// What waits for a person's word, the oldest first; and after it what was decided and is over, the newest first.
    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> Answer<'a, Vec<ApprovalRecord>>;

    /// What is managed, or is to be removed or forgotten.
    fn inventory<'a>(&'a self, source: Option<&'a str>) -> Answer<'a, Vec<InventoryEntry>>;

    /// Of each object that the filter lets through, its state at `at`: the last one seen until then.
    fn observed_at<'a>(&'a self, filter: &'a ResourceFilter, at: Timestamp) -> Answer<'a, Vec<Observation>>;

    /// Every state of one object, the newest first, at most `limit`.
    fn observed<'a>(&'a self, key: &'a ResourceKey, limit: usize) -> Answer<'a, Vec<Observation>>;

    /// How far a notifier has told what happened; `None` where it never did.
    fn notified<'a>(&'a self, notifier: &'a str) -> Answer<'a, Option<Notified>>;

    /// Writes down how far a notifier has told what happened. Durable when it returns. Taken also from who gave its right
    /// up, until another takes it: the last messages go out when nothing else is done any more.
    fn set_notified(&self, fence: Fence, notified: Notified) -> Answer<'_, ()>;

    /// Forgets what is older than `keep` says. Gives how many rows went.
    fn expire(&self, fence: Fence, keep: HistorySpec, now: Timestamp) -> Answer<'_, u64>;

    /// Writes a consistent copy to `file`, while work goes on.
    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()>;
}

/// What is written down at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// A run that ended, as it now is.
    pub run: Option<RunRecord>,
    /// Resources, as they now are.
    pub resources: Vec<ResourceStatus>,
    /// Resources that are gone: they left the manifests.
    pub gone: Vec<ResourceKey>,
    /// Sources, as they now are.
    pub sources: Vec<SourceStatus>,
    /// Snapshots that are in force now, by source; each takes the place of the one before.
    pub snapshots: Vec<(String, Snapshot)>,
    /// Sources that left the configuration. Their snapshots go with them.
    pub gone_sources: Vec<String>,
    /// Inventory entries, as they now are.
    pub inventory: Vec<InventoryEntry>,
    /// Objects that are in the inventory no more.
    pub released: Vec<ResourceKey>,
    /// States that differ from the last one seen.
    pub observations: Vec<Observation>,
    /// What waits for a person's word or got it, as it now is. What is over and was never decided is forgotten.
    pub approvals: Vec<ApprovalRecord>,
    /// What happened.
    pub events: Vec<NewEvent>,
    /// What is added to the audit log.
    pub audit: Vec<NewAuditEntry>,
}

impl Batch {
    /// Notes that a run ended, in its record and in the audit log.
    pub fn end(&mut self, run: RunRecord) {
        self.audit.push(NewAuditEntry::of_run(&run));
        self.run = Some(run);
    }

    /// True where there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Batch::default()
    }
}

/// Why the store gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process writes.
    #[error("the store is in use by {holder} until {until}")]
    Held {
        /// Who.
        holder: String,
        /// Until when, unless it prolongs.
        until: Timestamp,
    },
    /// Another writer took over.
    #[error("another controller took the store over; this one writes no more")]
    Fenced,
    /// Written by a newer Evenkeel.
    #[error("{file} was written by a newer Evenkeel (schema {found}, this one knows {known})")]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
        /// The newest version that is known here.
        known: u32,
    },
    /// There is no store.
    #[error("there is no store at {file}")]
    Missing {
        /// The file.
        file: String,
    },
    /// The file is broken, or the disk is full, or anything else.
    #[error("{message}")]
    Failed {
        /// What failed, on which file.
        message: String,
    },
}

impl StoreError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            StoreError::Held { .. } => Some("stop the other controller, or wait until its right has run out"),
            StoreError::Fenced => Some("look for a second controller with the same state directory"),
            StoreError::Newer { .. } => {
                Some("use the newer Evenkeel, or restore a backup from before the upgrade")
            }
            StoreError::Missing { .. } => {
                Some("start `evenkeel serve`, or name its configuration with --config")
            }
            StoreError::Failed { .. } => None,
        }
    }
}

impl From<&InstanceId> for ResourceFilter {
    fn from(id: &InstanceId) -> Self {
        ResourceFilter {
            target: Some(id.target.clone()),
            kind: Some(id.kind.clone()),
            name: Some(id.name.clone()),
            ..ResourceFilter::default()
        }
    }
}
