//! One instance's part of a plan.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Approval, Gate};
use crate::diagnostic::Location;
use crate::diff::FieldChange;
use crate::driver::{ErasedDriver, ObserveError, Report, Risk, Step};

/// One resource on one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceId {
    /// The target's name.
    pub target: String,
    /// The resource's kind.
    pub kind: String,
    /// The resource's name.
    pub name: String,
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} on {}", self.kind, self.name, self.target)
    }
}

/// What is to be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is as the manifest says.
    NoOp,
    /// It does not exist yet.
    Create,
    /// Fields are changed in place.
    Update,
    /// A field cannot be changed in place: removed and created anew.
    Replace,
    /// It left the manifests, carries our mark, and pruning is on.
    Delete,
    /// It left the manifests and is left alone.
    Forget,
}

/// A differing field, with its values as a person reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// The field and its exact values.
    #[serde(flatten)]
    pub change: FieldChange,
    /// The value that is there, for people.
    pub before_text: String,
    /// The value that shall be, for people.
    pub after_text: String,
}

/// Why the state of an instance is unknown, or why its plan cannot work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct ChangeError {
    /// One word for scripts.
    pub reason: String,
    /// What happened, and on what.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether it may pass by itself.
    pub retryable: bool,
    /// Whether the target as a whole gave no answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub target_lost: bool,
}

impl ChangeError {
    /// One word for scripts.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// True where it may pass without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }
}

impl From<&ObserveError> for ChangeError {
    fn from(error: &ObserveError) -> Self {
        let reason = match error {
            ObserveError::Transport(e) => e.kind.word().to_owned(),
            ObserveError::Command { .. } => "CommandFailed".to_owned(),
            ObserveError::Unparsable { .. } => "UnexpectedOutput".to_owned(),
            ObserveError::Unfit { .. } => "Unfit".to_owned(),
            ObserveError::NotAsked { .. } => "Bug".to_owned(),
        };
        ChangeError {
            reason,
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            retryable: error.is_retryable(),
            target_lost: matches!(error, ObserveError::Transport(e) if e.kind.loses_target()),
        }
    }
}

/// What is planned for one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The resource and its target.
    pub id: InstanceId,
    /// The object on the target.
    pub object: String,
    /// Where the resource stands in the manifests; `None` for an object that left them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// How many resources it has to wait for, one after another (`dependsOn`).
    pub level: usize,
    /// What is to be done.
    pub action: Action,
    /// The worst risk of its steps.
    pub risk: Risk,
    /// Whether it may be sent.
    pub gate: Gate,
    /// A hash of what would be sent and why, for what is to be changed: an approval speaks of exactly that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The approval that counts for it, where it would be held without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approval>,
    /// `suspend: true` in the manifest: observed, never sent.
    #[serde(default)]
    pub suspended: bool,
    /// What is at work on the object just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<String>,
    /// Why nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ChangeError>,
    /// The fields that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// What is sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The steps that wait while the others are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
    /// What there is to tell beside the difference.
    #[serde(default, skip_serializing_if = "Report::is_empty")]
    pub report: Report,
    /// What else the reader should know: loss windows, expired acceptances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// A hash of every field that was read, by path: what a saved plan is checked against.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub read: BTreeMap<String, String>,
    /// What was seen, where that was asked for: it is not part of the JSON form.
    #[serde(skip)]
    pub seen: Option<Seen>,
}

/// Steps at the end of a change that may not be sent as things are, although what stands before them may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Withheld {
    /// The steps.
    pub steps: Vec<Step>,
    /// Why, and what would open them.
    pub reasons: Vec<String>,
}

/// What was seen of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The target answered, and it is not there.
    Absent,
    /// Its State without volatile fields.
    Present(Value),
}

impl Seen {
    pub(super) fn of(driver: &dyn ErasedDriver, observed: Option<&Value>) -> Self {
        let Some(observed) = observed else { return Seen::Absent };
        let mut state = observed.clone();
        for path in driver.volatile() {
            remove(&mut state, &path.split('.').collect::<Vec<_>>());
        }
        Seen::Present(state)
    }
}

/// Takes the field at `path` out of `state`.
fn remove(state: &mut Value, path: &[&str]) {
    let (Some(fields), Some((key, rest))) = (state.as_object_mut(), path.split_first()) else { return };
    if rest.is_empty() {
        fields.remove(*key);
    } else if let Some(inner) = fields.get_mut(*key) {
        remove(inner, rest);
    }
}

impl Change {
    /// True where there is something to send, held or not.
    pub fn is_pending(&self) -> bool {
        let acts = !matches!(self.action, Action::NoOp | Action::Forget);
        acts && self.error.is_none() && self.busy.is_none() && !self.suspended
    }

    /// True where there is something to send that must not be sent as things are.
    pub fn is_held(&self) -> bool {
        self.is_pending() && matches!(self.gate, Gate::Held { .. })
    }

    /// True where its steps will be sent by an apply.
    pub fn is_open(&self) -> bool {
        self.is_pending() && self.gate == Gate::Open
    }

    /// The sort key of plans: target, level, removals last and backwards, then the object.
    pub(super) fn order(&self) -> impl Ord + use<'_> {
        let backwards = (self.action == Action::Delete).then_some(std::cmp::Reverse(&self.object));
        (
            &self.id.target,
            self.action == Action::Delete,
            self.level,
            &self.id.kind,
            backwards,
            &self.object,
            &self.id.name,
        )
    }
}
