//! What is worth an event: once per transition, in words that tell wishes from drift.

use evenkeel_core::condition::Condition;
use evenkeel_core::plan::{Action, Change};
use jiff::Timestamp;

use super::settle::Fared;
use super::state::about_resource;
use super::words::Intent;
use crate::run::Verdict;
use crate::store::{NewEvent, ResourceStatus, Weight};

/// The event for how a resource fared, where something about it is new.
pub(super) fn of_resource(old: Option<&ResourceStatus>, one: &Fared<'_>, now: Timestamp) -> Option<NewEvent> {
    let about =
        |weight, reason: &str, message: String| Some(about_resource(&one.key, now, weight, reason, message));
    if one.verdict == Some(&Verdict::Applied) {
        let reason = match one.intent {
            Intent::Intentional => "Applied",
            Intent::Corrective => "DriftCorrected",
        };
        return about(Weight::Normal, reason, done(one.change));
    }
    let ready = old.and_then(|old| old.conditions.first());
    if ready.is_some_and(|ready| is_known(ready, one)) {
        return None;
    }
    let standing = &one.standing;
    let message = || format!("{}: {}", one.change.object, standing.message);
    match standing.reason.as_str() {
        "InSync" => old.and_then(|_| {
            about(Weight::Normal, "InSync", format!("{} is as the manifest says again", one.change.object))
        }),
        "Pending" | "Busy" => None,
        "Drifted" => about(Weight::Warning, "DriftFound", message()),
        "Waiting" | "Suspended" => about(Weight::Normal, &standing.reason, message()),
        // The target as a whole is silent: that is said once, of the target.
        _ if one.change.error.as_ref().is_some_and(|e| e.target_lost && e.retryable) => None,
        reason => about(Weight::Warning, reason, message()),
    }
}

/// True where the same was said before.
fn is_known(ready: &Condition, one: &Fared<'_>) -> bool {
    let standing = &one.standing;
    let same = ready.status == standing.ready && ready.reason == standing.reason;
    // What drifted further, or is held for another reason, is news.
    let detailed = matches!(standing.reason.as_str(), "Drifted" | "Held" | "Failed");
    same && (!detailed || ready.message == standing.message)
}

/// What was done, in one sentence.
fn done(change: &Change) -> String {
    let object = &change.object;
    match change.action {
        Action::Create => format!("{object} was created"),
        Action::Replace => format!("{object} was replaced"),
        Action::Delete => format!("{object} was removed"),
        Action::NoOp | Action::Forget | Action::Update => {
            let field = |f: &evenkeel_core::plan::Field| {
                format!("{} {} -> {}", f.change.path, f.before_text, f.after_text)
            };
            let fields: Vec<String> = change.fields.iter().map(field).collect();
            format!("{object}: {}", fields.join("; "))
        }
    }
}
