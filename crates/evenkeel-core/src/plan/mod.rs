//! The plan: what would be sent where, why, and whether it may be sent. Plan is what apply does.

mod approval;
mod batch;
mod build;
mod change;
mod clash;
mod gate;
mod removal;
mod rollout;
mod shut;
mod wait;
mod window;

pub use approval::{Approvable, Approval, Decided, Rejection, short_plan};
pub use batch::{Batch, batches};
pub use build::{Blueprint, Instance, build};
pub use change::{Action, Change, ChangeError, Field, InstanceId, Seen, Withheld};
pub use gate::{Acceptance, Door, Gate, Objection, Policy};
pub use removal::{Removal, removals};
pub use rollout::{Order, Portion, Rollout};
pub(crate) use window::Origin;
pub use window::{AppliesTo, Effect, Window, WindowSpec};

use serde::{Deserialize, Serialize};

/// The version of the JSON form of plans and runs. It changes when a field changes its meaning or goes away.
pub const FORMAT_VERSION: u32 = 1;

/// Everything that a reconcile found and would do, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// [`FORMAT_VERSION`]
    pub format_version: u32,
    /// One entry per instance, ordered by target, then by the order in which they are applied.
    pub changes: Vec<Change>,
    /// The counts, for the last line.
    pub summary: Summary,
}

/// How many instances are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// As the manifest says.
    pub unchanged: usize,
    /// To create.
    pub create: usize,
    /// To update in place.
    pub update: usize,
    /// To remove and create anew.
    pub replace: usize,
    /// To remove.
    pub delete: usize,
    /// Of those: held back, and never sent as things are.
    pub held: usize,
    /// Suspended in the manifest, or busy on the target.
    pub skipped: usize,
    /// Unknown, because the target could not be asked or its answer did not fit.
    pub errors: usize,
}

impl Plan {
    /// A plan of these changes, which are put in order.
    pub fn of(mut changes: Vec<Change>) -> Self {
        changes.sort_by(|a, b| a.order().cmp(&b.order()));
        let summary = Summary::of(&changes);
        Plan { format_version: FORMAT_VERSION, changes, summary }
    }

    /// True where something is to be sent, or would be if it were not held.
    pub fn has_changes(&self) -> bool {
        self.changes.iter().any(Change::is_pending)
    }

    /// True where an instance could not be observed.
    pub fn has_errors(&self) -> bool {
        self.summary.errors > 0
    }
}

impl Summary {
    fn of(changes: &[Change]) -> Self {
        let mut sum = Summary::default();
        for change in changes {
            if change.error.is_some() {
                sum.errors += 1;
                continue;
            }
            if change.suspended || change.busy.is_some() {
                sum.skipped += 1;
                continue;
            }
            sum.held += usize::from(change.is_held());
            match change.action {
                Action::NoOp | Action::Forget => sum.unchanged += 1,
                Action::Create => sum.create += 1,
                Action::Update => sum.update += 1,
                Action::Replace => sum.replace += 1,
                Action::Delete => sum.delete += 1,
            }
        }
        sum
    }
}
