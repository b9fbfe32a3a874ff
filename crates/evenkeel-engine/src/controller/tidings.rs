//! What is worth an event: once per transition, in words that tell wishes from drift.

use evenkeel_core::condition::{Status, few};
use evenkeel_core::plan::{Action, Change, ChangeError};
use evenkeel_core::transport::TransportErrorKind;
use jiff::Timestamp;

use super::blame;
use super::settle::Fared;
use super::standing::{CRASHED, WAITING};
use super::state::about_resource;
use super::words::Intent;
use crate::brief;
use crate::run::Verdict;
use crate::store::{NewEvent, ResourceStatus, Weight};

/// A target that does not answer.
const SILENT: [TransportErrorKind; 3] =
    [TransportErrorKind::Unreachable, TransportErrorKind::Timeout, TransportErrorKind::ConnectionLost];

/// A target that lets nobody in until somebody does something.
const CLOSED: [TransportErrorKind; 7] = [
    TransportErrorKind::AuthenticationFailed,
    TransportErrorKind::HostKeyUnknown,
    TransportErrorKind::HostKeyChanged,
    TransportErrorKind::NoCommonAlgorithm,
    TransportErrorKind::BecomeFailed,
    TransportErrorKind::Credentials,
    TransportErrorKind::Configuration,
];

/// The event for how a resource fared, where something about it is new.
pub(super) fn of_resource(old: Option<&ResourceStatus>, one: &Fared<'_>, now: Timestamp) -> Option<NewEvent> {
    let about =
        |weight, reason: &str, message: String| Some(about_resource(&one.key, now, weight, reason, message));
    if one.verdict == Some(&Verdict::Applied) {
        let reason = match one.intent {
            Intent::Intentional => "Applied",
            Intent::Corrective => "DriftCorrected",
        };
        let who = blame::told(one.blamed, one.change).map(|who| format!("; {who}")).unwrap_or_default();
        let approved = one.change.approved.as_ref();
        let approved = approved.map(|word| format!(" (approved by {}: {})", word.by, word.reason));
        let message = format!("{}{who}{}", done(one.change), approved.unwrap_or_default());
        return about(Weight::Normal, reason, message);
    }
    if lost(one).is_some() || old.is_some_and(|old| is_known(old, one)) {
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
        WAITING | "Suspended" => about(Weight::Normal, &standing.reason, message()),
        reason => about(Weight::Warning, reason, message()),
    }
}

/// The event for a target that lets nobody in, or does so again: said once, not of each of its resources. What only
/// does not answer is the scheduler's to say.
pub(super) fn of_target<'f, 'c: 'f>(
    mut fared: impl Iterator<Item = (&'f Fared<'c>, Option<&'f ResourceStatus>)>,
    now: Timestamp,
) -> Option<NewEvent> {
    fared.find_map(|(one, old)| {
        let before = old.and_then(|old| among(&CLOSED, old));
        let error = lost(one).filter(|error| !error.retryable);
        let (weight, reason, message) = match (before, error) {
            (before, Some(error)) if before != Some(error.reason.as_str()) => {
                (Weight::Warning, error.reason.as_str(), one.standing.message.clone())
            }
            (Some(_), None) if one.change.error.is_none() => {
                (Weight::Normal, "TargetAnswers", format!("{} lets us in again", one.key.id.target))
            }
            _ => return None,
        };
        let event = about_resource(&one.key, now, weight, reason, message);
        Some(NewEvent { kind: None, name: None, ..event })
    })
}

/// The error of a target that as a whole gave no answer.
fn lost<'f>(one: &'f Fared<'_>) -> Option<&'f ChangeError> {
    one.change.error.as_ref().filter(|error| error.target_lost)
}

/// The word for why nothing was heard of a resource's target, where it was one of these.
fn among(kinds: &[TransportErrorKind], old: &ResourceStatus) -> Option<&'static str> {
    let ready = old.conditions.first()?;
    kinds.iter().map(|kind| kind.word()).find(|word| *word == ready.reason)
}

/// True where the same was said before.
fn is_known(old: &ResourceStatus, one: &Fared<'_>) -> bool {
    let standing = &one.standing;
    let Some(ready) = old.conditions.first() else { return false };
    if ready.reason == CRASHED || among(&SILENT, old).or_else(|| among(&CLOSED, old)).is_some() {
        // Nothing was said of the resource while its target was silent: what differed before still does, or not.
        let intent = (!standing.is_ready()).then_some(one.intent);
        return one.change.error.is_none() && old.intent == intent && old.differs == one.change.fields;
    }
    // What passes by itself is not said, so its end is none either.
    let passing = matches!(ready.reason.as_str(), "Pending" | "Busy");
    if passing && standing.is_ready() {
        return true;
    }
    // What cannot be read is told in one word after a look and in another after a run.
    let unread_as_before = standing.ready == Status::Unknown && ready.message == standing.message;
    let same = ready.status == standing.ready && (ready.reason == standing.reason || unread_as_before);
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
                let (before, after) = (brief::value(&f.before_text), brief::value(&f.after_text));
                format!("{} {before} -> {after}", f.change.path)
            };
            let fields: Vec<String> = change.fields.iter().map(field).collect();
            format!("{object}: {}", few(&fields, "; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::transport::TransportError;

    use super::*;

    #[test]
    fn the_kinds_are_what_they_are_taken_for() {
        let is_retryable = |kind: &TransportErrorKind| TransportError::new(*kind, "").is_retryable();
        assert!(SILENT.iter().all(|kind| kind.loses_target() && is_retryable(kind)));
        assert!(CLOSED.iter().all(|kind| kind.loses_target() && !is_retryable(kind)));
    }
}
