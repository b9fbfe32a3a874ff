//! What is remembered, as plain data.

use std::collections::BTreeMap;
use std::fmt;

use evenkeel_core::condition::Condition;
use evenkeel_core::diagnostic::{Diagnostic, Location};
use evenkeel_core::driver::{Attribution, Health};
use evenkeel_core::plan::{Action, Approval, Field, InstanceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::controller::{Intent, Trigger};
use crate::run::{RunSummary, Sent, Verdict};
use crate::source::Revision;

/// One resource on one target, out of one source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceKey {
    /// The source's name.
    pub source: String,
    /// The resource and its target.
    #[serde(flatten)]
    pub id: InstanceId,
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.source)
    }
}

/// How things stand with a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// Which one.
    #[serde(flatten)]
    pub key: ResourceKey,
    /// The object on the target.
    pub object: String,
    /// Where it stands in the manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Grows by one with every change of its manifest; the conditions are about this one.
    pub observed_generation: u64,
    /// A hash of what its manifest says.
    pub digest: String,
    /// The hash of the manifest that was last seen fulfilled. Where it is `digest`, a difference is drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fulfilled: Option<String>,
    /// The revision that was last tried.
    pub last_attempted_revision: String,
    /// The revision that was last seen fulfilled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// Ready, Reconciling, Stalled.
    pub conditions: Vec<Condition>,
    /// The fields that differ now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<Field>,
    /// Whether what differs is a wish not yet fulfilled, or drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Who made what differs, where it is drift and the target told. Kept until it is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributions: Vec<Attribution>,
    /// When it was last looked at with success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
    /// When Ready last changed.
    pub since: Timestamp,
    /// How often in a row it failed.
    pub failures: u32,
    /// When it will be looked at next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// When each field was put right of late: the memory of the fight detector.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub corrections: BTreeMap<String, Vec<Timestamp>>,
    /// Something was sent for it that went wrong, and it was not seen as its manifest says since then. Other hosts of
    /// its cluster wait for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// What was found when a run was halted for it: nothing more is sent until its manifest changes or a person asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
    /// What is true of it beside being as its manifest says, as it was last seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Health>,
}

/// How things stand with a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Where it is, without secrets.
    pub url: String,
    /// The revision in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// How many resources that has, on how many targets.
    pub resources: u64,
    /// How many targets that has.
    pub targets: u64,
    /// What came of the last look.
    pub verdict: SourceVerdict,
    /// When it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
    /// Since when the verdict is this one, of this revision.
    pub since: Timestamp,
    /// True where nothing new is taken, as the configuration wishes (`suspend: true`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
}

/// What came of a look at a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum SourceVerdict {
    /// Not looked at yet.
    Pending,
    /// The newest revision is in force.
    InForce,
    /// It could not be fetched or is not signed as it shall be; what is in force stays.
    Refused {
        /// One word for scripts.
        reason: String,
        /// What happened.
        message: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// The revision that it is about, where one was found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
    },
    /// Its manifests have errors; what is in force stays.
    Invalid {
        /// The revision.
        revision: Revision,
        /// All problems, with file and line.
        diagnostics: Vec<Diagnostic>,
    },
    /// It would change or prune too much at once; what is in force stays until a person accepts it.
    Held {
        /// The revision.
        revision: Revision,
        /// Why.
        reasons: Vec<String>,
    },
}

/// The number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A run that begins to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The source.
    pub source: String,
    /// The target.
    pub target: String,
    /// What woke it.
    pub trigger: Trigger,
    /// Who, where a person or token did.
    pub by: Option<String>,
    /// The revision.
    pub revision: String,
    /// When.
    pub started: Timestamp,
}

/// A run: one target, something was sent or could not be. Looks that found nothing leave no run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// Its number.
    pub id: RunId,
    /// The source.
    pub source: String,
    /// The target.
    pub target: String,
    /// What woke it.
    pub trigger: Trigger,
    /// Who, where a person or token did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The revision.
    pub revision: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// How it ended.
    pub state: RunState,
    /// What became of each resource that was to be changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<RunEntry>,
    /// What was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Sent>,
    /// The counts.
    pub summary: RunSummary,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// It goes on.
    Running,
    /// Everything that was to be done is done and read back.
    Done,
    /// Something failed.
    Failed,
    /// A newer commit, or the end of the controller, stopped it between two steps.
    Stopped,
    /// The controller was killed in the middle: what was journaled last may or may not have happened.
    Interrupted,
}

/// What became of one resource in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunEntry {
    /// The resource and its target.
    pub id: InstanceId,
    /// The object.
    pub object: String,
    /// Because its manifest changed, or because of drift.
    pub intent: Intent,
    /// What was planned.
    pub action: Action,
    /// The fields that differed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// What became of it.
    pub verdict: Verdict,
    /// Who let it through, and why, where it would have been held without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}

/// A command that was about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journaled {
    /// The target.
    pub target: String,
    /// The command as a person would type it, without secrets.
    pub command: String,
    /// When.
    pub at: Timestamp,
}

/// Whether an object is managed, or on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum InventoryState {
    /// A manifest wants it.
    Managed,
    /// It left the manifests and is to be pruned; it stays here until that is confirmed.
    Leaving {
        /// Since when.
        // Flattened into an entry, which has a `since` of its own.
        #[serde(rename = "leavingSince")]
        since: Timestamp,
        /// Why it is still here.
        message: String,
    },
}

/// An object that is, or was, managed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// The resource.
    #[serde(flatten)]
    pub key: ResourceKey,
    /// The object on the target.
    pub object: String,
    /// When it was first seen as its manifest says, or was about to be created.
    pub since: Timestamp,
    /// Managed, or leaving.
    #[serde(flatten)]
    pub state: InventoryState,
}

/// The state of an object as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The resource.
    #[serde(flatten)]
    pub key: ResourceKey,
    /// The object.
    pub object: String,
    /// When it was first seen like this.
    pub at: Timestamp,
    /// The observed State without volatile fields; `None` where the object was absent.
    pub state: Option<Value>,
}

/// How much an event weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Weight {
    /// As it should be.
    Normal,
    /// A person should know.
    Warning,
}

/// Something that happened, once per transition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewEvent {
    /// When.
    pub at: Timestamp,
    /// How much it weighs.
    pub weight: Weight,
    /// One word for scripts: `Applied`, `DriftFound`, `DriftCorrected`, `Held`, `RevisionInForce`, …
    pub reason: String,
    /// One sentence for people, without secrets.
    pub message: String,
    /// The source it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The target it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The resource it is about: its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The resource it is about: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The revision it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The run it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// An event with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Grows by at least one from event to event.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: NewEvent,
}

/// How far a notifier has told what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notified {
    /// Its name.
    pub notifier: String,
    /// The last event that was delivered, or was not for it.
    pub seq: u64,
    /// What else it has to remember, in its own form.
    pub record: Value,
}

/// Which resources are asked for; what is `None` matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceFilter {
    /// The source's name.
    pub source: Option<String>,
    /// The target's name.
    pub target: Option<String>,
    /// The kind.
    pub kind: Option<String>,
    /// The resource's name.
    pub name: Option<String>,
}

impl ResourceFilter {
    /// True where `key` is asked for.
    pub fn matches(&self, key: &ResourceKey) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
        is(&self.source, &key.source)
            && is(&self.target, &key.id.target)
            && is(&self.kind, &key.id.kind)
            && is(&self.name, &key.id.name)
    }
}

/// Which runs are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunFilter {
    /// The source's name.
    pub source: Option<String>,
    /// The target's name.
    pub target: Option<String>,
    /// Runs that had to do with this kind.
    pub kind: Option<String>,
    /// Runs that had to do with a resource of this name.
    pub name: Option<String>,
    /// Only runs with smaller numbers: the next page.
    pub before: Option<RunId>,
    /// At most so many. Default: 50.
    pub limit: Option<usize>,
}

/// Which events are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventFilter {
    /// Only events with greater numbers.
    pub after: Option<u64>,
    /// The last ones, so many, instead of the first ones.
    pub last: Option<usize>,
    /// At most so many. Default: 1000.
    pub limit: Option<usize>,
    /// The resource, target or source that they are about.
    #[serde(flatten)]
    pub about: ResourceFilter,
}
