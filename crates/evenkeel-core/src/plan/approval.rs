//! What persons say about changes that are held: they may be sent, or they may not.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Change;
use crate::driver::Step;

/// So many digits of a plan's hash are shown, and are enough to name it.
const SHORT: usize = 12;

/// A person's word that a change which is held may be sent: exactly that one, and not for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The hash of the change that it is about: [`Change::plan`].
    pub plan: String,
    /// Who said so.
    pub by: String,
    /// Why it is right to send it.
    pub reason: String,
    /// When it was said.
    pub at: Timestamp,
    /// From then on it opens nothing.
    pub until: Timestamp,
    /// Whether it also counts outside of the windows of the resource.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub override_window: bool,
}

impl Approval {
    /// True where it speaks of the change with this hash, at this time.
    pub fn covers(&self, plan: &str, now: Timestamp) -> bool {
        self.plan == plan && now < self.until
    }
}

/// A person's word that a change which is held shall not be sent. It counts until something else would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// The hash of the change that it is about: [`Change::plan`].
    pub plan: String,
    /// Who said so.
    pub by: String,
    /// Why it is not to be sent.
    pub reason: String,
    /// When it was said.
    pub at: Timestamp,
}

/// What was decided about a change of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// That it may be sent.
    pub approval: Option<Arc<Approval>>,
    /// That it may not.
    pub rejection: Option<Arc<Rejection>>,
}

/// Whether an approval would open what is held. What is held for several reasons is as hard to open as the hardest of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Approvable {
    /// It would.
    Yes,
    /// One that overrides the maintenance windows would.
    OverridingWindow,
    /// None would: something else has to change first.
    #[default]
    No,
}

/// The hash of a change: of what is to be done with which object, the values of the fields that differ, and everything that
/// would be sent, in order. What only says why it is held, or what can happen, is no part of it: that is told in words, and
/// words such as "in 3h" change from look to look.
pub(super) fn hash(change: &Change, steps: &[Step]) -> String {
    let fields: Vec<Value> = change
        .fields
        .iter()
        .map(|field| json!([field.change.path.to_string(), field.change.before, field.change.after]))
        .collect();
    let steps: Vec<Value> = steps.iter().map(sent).collect();
    let whole = json!({
        "id": change.id, "object": change.object, "action": change.action, "fields": fields, "steps": steps,
    });
    hex::encode(Sha256::digest(whole.to_string().as_bytes()))
}

/// A step without the words about it.
fn sent(step: &Step) -> Value {
    let hazards: Vec<Value> = step.hazards.iter().map(|hazard| json!([hazard.risk, hazard.of])).collect();
    json!({
        "target": step.target, "request": step.request, "hazards": hazards, "mayWait": step.may_wait,
        "begins": step.begins, "cleanup": step.cleanup, "part": step.part, "proof": step.proof,
        "guard": step.guard,
    })
}

/// The beginning of a plan's hash, as people see and type it.
pub fn short_plan(plan: &str) -> &str {
    plan.get(..SHORT).unwrap_or(plan)
}

impl Change {
    /// How its sending can be approved, as the end of a sentence; `None` where no approval would open it.
    pub fn approve_with(&self) -> Option<String> {
        let plan = short_plan(self.plan.as_deref()?);
        match self.approvable() {
            Approvable::Yes => Some(format!("approve it with `evenkeel approve {plan}`")),
            Approvable::OverridingWindow => {
                Some(format!("approve it before that with `evenkeel approve {plan} --override-window`"))
            }
            Approvable::No => None,
        }
    }

    /// Whether an approval would open it.
    pub fn approvable(&self) -> Approvable {
        match self.gate {
            super::Gate::Held { approvable, .. } if self.is_pending() => approvable,
            _ => Approvable::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_for_several_reasons_is_as_hard_to_open_as_the_hardest() {
        use Approvable::{No, OverridingWindow, Yes};
        assert_eq!(Yes.max(OverridingWindow), OverridingWindow);
        assert_eq!(OverridingWindow.max(No), No);
    }

    #[test]
    fn an_approval_covers_one_plan_until_its_end() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let approval = Approval {
            plan: "ab".into(),
            by: "kim".into(),
            reason: "r".into(),
            at: at("2026-11-20T00:00:00Z"),
            until: at("2026-11-21T00:00:00Z"),
            override_window: false,
        };
        assert!(approval.covers("ab", at("2026-11-20T23:59:59.999Z")));
        assert!(!approval.covers("ab", at("2026-11-21T00:00:00Z")), "it ends at its end");
        assert!(!approval.covers("abc", at("2026-11-20T12:00:00Z")));
    }
}
