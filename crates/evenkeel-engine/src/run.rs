//! What a run did, as data.

use evenkeel_core::plan::{Action, FORMAT_VERSION, InstanceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The record of one apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The version of this form, as in plans.
    pub format_version: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// True where it was asked to stop before everything was sent.
    pub stopped: bool,
    /// One entry per instance, in plan order.
    pub outcomes: Vec<Outcome>,
    /// What was sent, target by target, each command once however many instances it served.
    pub commands: Vec<Sent>,
    /// The counts, for the last line.
    pub summary: RunSummary,
}

/// What became of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The resource and its target.
    pub id: InstanceId,
    /// The object on the target.
    pub object: String,
    /// What was planned.
    pub action: Action,
    /// What became of it.
    pub verdict: Verdict,
    /// The commands that were sent for it, as indexes into [`Run::commands`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<usize>,
}

/// A command that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The target's name.
    pub target: String,
    /// The command as a person would type it, without secrets.
    pub command: String,
    /// Its exit status; `None` where no reply came, so that it may or may not have run.
    pub exit: Option<i32>,
}

/// What became of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Verdict {
    /// Was, or meanwhile became, as the manifest says; nothing was sent.
    Unchanged,
    /// Sent, read back, and as the manifest says.
    Applied,
    /// Held by a gate; nothing was sent.
    Held {
        /// Why, and what would open it.
        reasons: Vec<String>,
    },
    /// Suspended, busy, or waiting for something that did not become ready; nothing was sent.
    Skipped {
        /// Why.
        reason: String,
    },
    /// Changed on the target since the plan was made; nothing was sent.
    Stale {
        /// The fields that changed.
        fields: Vec<String>,
    },
    /// Was as the manifest says until this run wrote something else, and is no longer: an inherited value.
    Drifted {
        /// The fields, and what they are now.
        fields: Vec<String>,
    },
    /// Sent, and not as the manifest says.
    Failed {
        /// What the target said.
        message: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// Sent, and what was to be so after a step was not: nothing more was sent to the target.
    Halted {
        /// What was found.
        message: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// Sent, and no new connection could be made afterwards: the target itself put back what was there before. Nothing
    /// more was sent to it.
    RolledBack {
        /// What the target said.
        message: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// Could not be observed, before or after.
    Unknown {
        /// Why.
        message: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// The run was stopped before its turn; nothing was sent.
    NotStarted,
}

/// How many instances ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// [`Verdict::Unchanged`]
    pub unchanged: usize,
    /// [`Verdict::Applied`]
    pub applied: usize,
    /// [`Verdict::Held`]
    pub held: usize,
    /// [`Verdict::Skipped`]
    pub skipped: usize,
    /// [`Verdict::Stale`]
    pub stale: usize,
    /// [`Verdict::Drifted`]
    #[serde(default)]
    pub drifted: usize,
    /// [`Verdict::Failed`], [`Verdict::Halted`] and [`Verdict::RolledBack`]
    pub failed: usize,
    /// [`Verdict::Unknown`]
    pub unknown: usize,
    /// [`Verdict::NotStarted`]
    pub not_started: usize,
    /// How many commands were sent.
    pub commands: usize,
}

impl Verdict {
    /// True where a step ended badly enough that nothing more is sent to the target.
    pub fn ends_target(&self) -> bool {
        matches!(self, Verdict::Halted { .. } | Verdict::RolledBack { .. })
    }
}

impl Run {
    pub(crate) fn of(
        started: Timestamp,
        finished: Timestamp,
        stopped: bool,
        outcomes: Vec<Outcome>,
        commands: Vec<Sent>,
    ) -> Self {
        let mut summary = RunSummary { commands: commands.len(), ..RunSummary::default() };
        for outcome in &outcomes {
            let count = match outcome.verdict {
                Verdict::Unchanged => &mut summary.unchanged,
                Verdict::Applied => &mut summary.applied,
                Verdict::Held { .. } => &mut summary.held,
                Verdict::Skipped { .. } => &mut summary.skipped,
                Verdict::Stale { .. } => &mut summary.stale,
                Verdict::Drifted { .. } => &mut summary.drifted,
                Verdict::Failed { .. } | Verdict::Halted { .. } | Verdict::RolledBack { .. } => {
                    &mut summary.failed
                }
                Verdict::Unknown { .. } => &mut summary.unknown,
                Verdict::NotStarted => &mut summary.not_started,
            };
            *count += 1;
        }
        Run { format_version: FORMAT_VERSION, started, finished, stopped, outcomes, commands, summary }
    }

    /// True where everything that was to be done is done.
    pub fn is_complete(&self) -> bool {
        let sum = &self.summary;
        sum.stale + sum.drifted + sum.failed + sum.unknown + sum.not_started == 0
    }
}
