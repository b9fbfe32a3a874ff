//! Conditions: what is true of a resource, in the words of Kubernetes and Flux.

use serde::{Deserialize, Serialize};

use crate::plan::{Action, Change, Gate};

/// Which question a condition answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionType {
    /// Is the object as the manifest says?
    Ready,
    /// Is there something left to send that may be sent?
    Reconciling,
    /// Does it need a person: a changed manifest, an approval, a mended host?
    Stalled,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Yes.
    True,
    /// No.
    False,
    /// The target could not be asked.
    Unknown,
}

/// One condition of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which question.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// The answer.
    pub status: Status,
    /// One word for scripts: `InSync`, `Drifted`, `Absent`, `Held`, `Unreachable`, …
    pub reason: String,
    /// One sentence for people.
    pub message: String,
}

/// The conditions that follow from a change as planned now.
pub fn conditions(change: &Change) -> Vec<Condition> {
    let (ready, reason, message) = ready(change);
    let settled = ready == Status::True;
    let stalled = match &change.gate {
        Gate::Held { .. } => true,
        Gate::Open => change.error.as_ref().is_some_and(|e| !e.is_retryable()),
    };
    let yes = |b| if b { Status::True } else { Status::False };
    let also =
        |kind, on| Condition { kind, status: yes(on), reason: reason.clone(), message: message.clone() };
    vec![
        Condition {
            kind: ConditionType::Ready,
            status: ready,
            reason: reason.clone(),
            message: message.clone(),
        },
        also(ConditionType::Reconciling, !settled && !stalled && !change.suspended),
        also(ConditionType::Stalled, !settled && stalled),
    ]
}

fn ready(change: &Change) -> (Status, String, String) {
    if let Some(error) = &change.error {
        return (Status::Unknown, error.reason().to_owned(), error.to_string());
    }
    if let Some(busy) = &change.busy {
        return (Status::Unknown, "Busy".to_owned(), busy.clone());
    }
    if change.suspended {
        return (Status::Unknown, "Suspended".to_owned(), "the manifest says suspend: true".to_owned());
    }
    if let Gate::Held { reasons } = &change.gate {
        return (Status::False, "Held".to_owned(), reasons.join("; "));
    }
    let differing = || {
        let paths: Vec<String> = change.fields.iter().map(|f| f.change.path.to_string()).collect();
        format!("differs in {}", paths.join(", "))
    };
    match change.action {
        Action::NoOp => (Status::True, "InSync".to_owned(), "as the manifest says".to_owned()),
        Action::Create => (Status::False, "Absent".to_owned(), "does not exist yet".to_owned()),
        Action::Update | Action::Replace => (Status::False, "Drifted".to_owned(), differing()),
        Action::Delete => (Status::False, "Pruned".to_owned(), "left the manifests".to_owned()),
        Action::Forget => (Status::True, "Forgotten".to_owned(), "left the manifests, left alone".to_owned()),
    }
}
