//! Conditions: what is true of a resource, in the words of Kubernetes and Flux.

use std::borrow::Borrow;

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

/// Up to so many things are all named in a sentence.
const ALL_NAMED: usize = 6;

/// Of more, so many are.
const NAMED: usize = 3;

/// Things in one sentence, with `between` between them: of many the first, and how many more there are.
pub fn few<S: Borrow<str>>(things: &[S], between: &str) -> String {
    let named = if things.len() > ALL_NAMED { NAMED } else { things.len() };
    let (shown, more) = things.split_at(named);
    match more.len() {
        0 => shown.join(between),
        more => format!("{}{between}and {more} more", shown.join(between)),
    }
}

/// The conditions that follow from a change as planned now.
pub fn conditions(change: &Change) -> Vec<Condition> {
    let (ready, reason, message) = ready(change);
    let settled = ready == Status::True;
    let ails = change.action == Action::NoOp && change.report.trouble().is_some();
    let stalled = match &change.gate {
        Gate::Held { .. } => true,
        Gate::Open => ails || change.error.as_ref().is_some_and(|e| !e.is_retryable()),
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
    if let Gate::Held { reasons, .. } = &change.gate {
        return (Status::False, "Held".to_owned(), few(reasons, "; "));
    }
    let differing = || {
        let paths: Vec<String> = change.fields.iter().map(|f| f.change.path.to_string()).collect();
        format!("differs in {}", few(&paths, ", "))
    };
    match change.action {
        Action::NoOp => match change.report.trouble() {
            None => (Status::True, "InSync".to_owned(), change.report.in_sync()),
            Some(trouble) => (Status::False, trouble.reason.clone(), trouble.message.clone()),
        },
        Action::Create => (Status::False, "Absent".to_owned(), "does not exist yet".to_owned()),
        Action::Update | Action::Replace => (Status::False, "Drifted".to_owned(), differing()),
        Action::Delete => (Status::False, "Pruned".to_owned(), "left the manifests".to_owned()),
        Action::Forget => (Status::True, "Forgotten".to_owned(), "left the manifests, left alone".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::{Report, Risk};
    use crate::plan::{Approvable, ChangeError, InstanceId};

    fn change(action: Action) -> Change {
        let id = InstanceId { target: "t".into(), kind: "K".into(), name: "n".into() };
        Change {
            id,
            object: "o".into(),
            location: None,
            level: 0,
            action,
            risk: Risk::Safe,
            gate: Gate::Open,
            plan: None,
            approved: None,
            suspended: false,
            busy: None,
            error: None,
            fields: vec![],
            steps: vec![],
            withheld: None,
            report: Report::default(),
            notes: vec![],
            read: std::collections::BTreeMap::new(),
            seen: None,
        }
    }

    /// Ready, its reason, Reconciling, Stalled.
    fn said(change: &Change) -> (Status, String, Status, Status) {
        let all = conditions(change);
        let of = |kind| all.iter().find(|c| c.kind == kind).unwrap();
        let ready = of(ConditionType::Ready);
        let (going, stuck) = (of(ConditionType::Reconciling), of(ConditionType::Stalled));
        (ready.status, ready.reason.clone(), going.status, stuck.status)
    }

    fn failing(retryable: bool) -> Change {
        let error = ChangeError {
            reason: "R".into(),
            message: "m".into(),
            hint: None,
            retryable,
            target_lost: false,
        };
        Change { error: Some(error), ..change(Action::NoOp) }
    }

    #[test]
    fn a_sentence_names_a_few_of_many() {
        let things: Vec<String> = (1..=9).map(|n| n.to_string()).collect();
        assert_eq!(few(&things[..6], ", "), "1, 2, 3, 4, 5, 6");
        assert_eq!(few(&things, "; "), "1; 2; 3; and 6 more");
        assert_eq!(few::<String>(&[], ", "), "");
    }

    #[test]
    fn what_is_in_sync_is_ready_and_nothing_else() {
        let expected = (Status::True, "InSync".to_owned(), Status::False, Status::False);
        assert_eq!(said(&change(Action::NoOp)), expected);
    }

    #[test]
    fn what_may_be_sent_is_reconciling() {
        let expected = (Status::False, "Drifted".to_owned(), Status::True, Status::False);
        assert_eq!(said(&change(Action::Update)), expected);
        assert_eq!(said(&change(Action::Create)).1, "Absent");
    }

    #[test]
    fn what_is_held_needs_a_person() {
        let held = Change {
            gate: Gate::Held { reasons: vec!["why".into()], approvable: Approvable::No },
            ..change(Action::Update)
        };
        assert_eq!(said(&held), (Status::False, "Held".to_owned(), Status::False, Status::True));
    }

    #[test]
    fn what_could_not_be_read_is_unknown_and_stalled_only_if_it_cannot_pass() {
        assert_eq!(said(&failing(true)), (Status::Unknown, "R".to_owned(), Status::True, Status::False));
        assert_eq!(said(&failing(false)), (Status::Unknown, "R".to_owned(), Status::False, Status::True));
    }

    #[test]
    fn what_is_as_written_and_serves_no_purpose_needs_a_person() {
        let mut change = change(Action::NoOp);
        let health = |good| crate::driver::Health {
            about: "Fresh".into(),
            good,
            reason: "TooOld".into(),
            message: "the newest verified copy is 30 h old, wanted < 26 h".into(),
            since: None,
            limit_seconds: None,
        };
        change.report.health = vec![health(true)];
        assert_eq!(said(&change).0, Status::True);
        let message = conditions(&change).remove(0).message;
        assert!(message.starts_with("as the manifest says; the newest verified copy is"), "{message}");
        change.report.health.push(health(false));
        assert_eq!(said(&change), (Status::False, "TooOld".to_owned(), Status::False, Status::True));
    }

    #[test]
    fn what_is_suspended_is_neither() {
        let suspended = Change { suspended: true, ..change(Action::Update) };
        assert_eq!(said(&suspended), (Status::Unknown, "Suspended".to_owned(), Status::False, Status::False));
    }
}
