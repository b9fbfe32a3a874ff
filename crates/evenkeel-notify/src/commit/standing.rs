//! How things stand with the revisions of a source, out of what is known of it and its resources.

use evenkeel_core::condition::{ConditionType, Status};
use evenkeel_engine::store::{ResourceStatus, SourceStatus, SourceVerdict};

use crate::forge::CommitState;

/// How things stand with a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// The full hash.
    pub(super) revision: String,
    pub(super) state: CommitState,
    /// One sentence. It may be long.
    pub(super) description: String,
}

/// The revision in force, and the one that was set aside, where there is one.
pub(super) fn standings(status: &SourceStatus, resources: &[ResourceStatus]) -> Vec<Standing> {
    let aside =
        |revision: &str, state, description| Standing { revision: revision.to_owned(), state, description };
    let set_aside = match &status.verdict {
        SourceVerdict::Pending | SourceVerdict::InForce => None,
        SourceVerdict::Refused { revision, message, .. } => {
            revision.as_ref().map(|revision| aside(revision, CommitState::Failure, message.clone()))
        }
        SourceVerdict::Invalid { revision, diagnostics } => {
            let first = diagnostics.iter().find(|d| d.severity == evenkeel_core::diagnostic::Severity::Error);
            let said = first.map_or_else(String::new, |d| {
                let place = d.location.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
                format!(": {place}{}", d.message)
            });
            Some(aside(
                &revision.id,
                CommitState::Failure,
                format!("it has errors and changes nothing{said}"),
            ))
        }
        SourceVerdict::Held { revision, reasons } => {
            let said = format!("it waits for a person (evenkeel accept): {}", reasons.join("; "));
            Some(aside(&revision.id, CommitState::Pending, said))
        }
    };
    let in_force = status.revision.as_ref().map(|revision| {
        let (state, description) = in_force(status, resources);
        aside(&revision.id, state, description)
    });
    // A revision that was set aside under another verdict before counts as it does now.
    let in_force =
        in_force.filter(|one| set_aside.as_ref().is_none_or(|aside| aside.revision != one.revision));
    in_force.into_iter().chain(set_aside).collect()
}

/// How a resource fares under the revision in force.
enum Fares {
    Well,
    Waits,
    Failed,
}

fn in_force(status: &SourceStatus, resources: &[ResourceStatus]) -> (CommitState, String) {
    let all = status.resources;
    let (mut well, mut failed, mut waiting) = (0_u64, Vec::new(), Vec::new());
    for resource in resources {
        match fares(status, resource) {
            Fares::Well => well += 1,
            Fares::Waits => waiting.push(resource),
            Fares::Failed => failed.push(resource),
        }
    }
    let first = |some: &[&ResourceStatus]| {
        let one = some.first();
        one.map_or_else(String::new, |one| {
            let said = one.conditions.first().map_or("", |ready| ready.message.as_str());
            format!(": {}: {said}", one.key.id)
        })
    };
    if !failed.is_empty() {
        let said = format!("{} of {all} resources failed{}", failed.len(), first(&failed));
        return (CommitState::Failure, said);
    }
    if well >= all {
        let said = if all == 1 { "1 resource is".to_owned() } else { format!("{all} resources are") };
        return (CommitState::Success, format!("{said} as it says"));
    }
    (CommitState::Pending, format!("{well} of {all} resources are as it says{}", first(&waiting)))
}

fn fares(status: &SourceStatus, resource: &ResourceStatus) -> Fares {
    let ready = resource.conditions.iter().find(|one| one.kind == ConditionType::Ready);
    let is_stalled = resource
        .conditions
        .iter()
        .any(|one| one.kind == ConditionType::Stalled && one.status == Status::True);
    // What the revision changed is due from its first moment on, until it was looked at.
    let is_due = resource.next.is_some_and(|next| next <= status.since);
    let Some(ready) = ready.filter(|_| !is_due) else { return Fares::Waits };
    match (ready.status, ready.reason.as_str()) {
        // What drifted was as it says before.
        (Status::True, _) | (_, "Drifted" | "Fight") => Fares::Well,
        (_, "Held" | "Waiting" | "Suspended" | "Pending" | "Busy" | "Stale") => Fares::Waits,
        (Status::False, _) => Fares::Failed,
        (Status::Unknown, _) if is_stalled => Fares::Failed,
        (Status::Unknown, _) => Fares::Waits,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn source(verdict: &Value, resources: u64) -> SourceStatus {
        serde_json::from_value(json!({
            "name": "site", "url": "https://git.example/a/b.git", "revision": { "id": "aaaa" },
            "resources": resources, "targets": 1, "verdict": verdict, "since": "2026-11-20T18:00:00Z"
        }))
        .unwrap()
    }

    /// A resource that was looked at last after the revision came, if `next` lies after its beginning.
    fn resource(name: &str, ready: &str, reason: &str, next: &str, stalled: bool) -> ResourceStatus {
        let stalled = if stalled { "True" } else { "False" };
        serde_json::from_value(json!({
            "source": "site", "target": "host1", "kind": "ZfsDataset", "name": name, "object": "tank/vm",
            "observedGeneration": 1, "digest": "d", "lastAttemptedRevision": "aaaa",
            "conditions": [
                { "type": "Ready", "status": ready, "reason": reason, "message": "it is so" },
                { "type": "Stalled", "status": stalled, "reason": reason, "message": "it is so" }
            ],
            "since": "2026-11-20T18:00:00Z", "failures": 0, "next": next
        }))
        .unwrap()
    }

    const LATER: &str = "2026-11-20T18:30:00Z";
    const AT_ONCE: &str = "2026-11-20T18:00:00Z";

    fn state(resources: &[ResourceStatus], all: u64) -> (CommitState, String) {
        let found = standings(&source(&json!({ "state": "inForce" }), all), resources);
        assert_eq!((found.len(), found[0].revision.as_str()), (1, "aaaa"));
        (found[0].state, found[0].description.clone())
    }

    #[test]
    fn a_revision_in_force_is_what_its_resources_are() {
        let good = resource("a", "True", "InSync", LATER, false);
        let drifted = resource("b", "False", "Drifted", LATER, false);
        let held = resource("c", "False", "Held", LATER, true);
        let failed = resource("d", "False", "Failed", LATER, false);
        let silent = resource("e", "Unknown", "Unreachable", LATER, false);
        let closed = resource("f", "Unknown", "AuthenticationFailed", LATER, true);
        let due = resource("g", "True", "InSync", AT_ONCE, false);
        let is = |all: &[&ResourceStatus], count| {
            state(&all.iter().map(|r| (*r).clone()).collect::<Vec<_>>(), count)
        };
        assert_eq!(
            is(&[&good, &drifted], 2),
            (CommitState::Success, "2 resources are as it says".to_owned())
        );
        assert_eq!(is(&[&good], 2).0, CommitState::Pending, "one was never looked at");
        assert_eq!(is(&[&good, &due], 2).0, CommitState::Pending, "one was changed and not looked at since");
        assert_eq!(is(&[&good, &silent], 2).0, CommitState::Pending);
        assert_eq!(
            is(&[&good, &held], 2),
            (
                CommitState::Pending,
                "1 of 2 resources are as it says: ZfsDataset/c on host1: it is so".to_owned()
            )
        );
        assert_eq!(
            is(&[&good, &held, &failed], 3),
            (CommitState::Failure, "1 of 3 resources failed: ZfsDataset/d on host1: it is so".to_owned())
        );
        assert_eq!(is(&[&closed], 1).0, CommitState::Failure);
        assert_eq!(is(&[], 0).0, CommitState::Success);
    }

    #[test]
    fn what_was_set_aside_has_a_state_beside_what_is_in_force() {
        let good = [resource("a", "True", "InSync", LATER, false)];
        let held =
            json!({ "state": "held", "revision": { "id": "bbbb" }, "reasons": ["it would prune 9 of 10"] });
        let found = standings(&source(&held, 1), &good);
        let states: Vec<_> = found.iter().map(|one| (one.revision.as_str(), one.state)).collect();
        assert_eq!(states, [("aaaa", CommitState::Success), ("bbbb", CommitState::Pending)]);
        let refused = json!({ "state": "refused", "reason": "Unverified", "message": "no signature", "revision": "cccc" });
        let found = standings(&source(&refused, 1), &good);
        assert_eq!((found[1].revision.as_str(), found[1].state), ("cccc", CommitState::Failure));
        let lost = json!({ "state": "refused", "reason": "Unreachable", "message": "no answer" });
        assert_eq!(standings(&source(&lost, 1), &good).len(), 1);
    }
}
