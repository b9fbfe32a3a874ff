//! An event in the words of a person.

use evenkeel_engine::store::{NewEvent, Weight};

use crate::escape;

/// The kind of events about notifiers themselves. No driver serves it.
pub(crate) const NOTIFIER: &str = "Notifier";

/// One event has at most so many characters.
const LONGEST: usize = 400;

/// `host1: ZfsDataset/vm drifted: tank/vm: properties.atime is on, shall be off (evenkeel why …)`, as one line.
pub(crate) fn told(event: &NewEvent) -> String {
    let message = event.message.trim();
    let (Some(kind), Some(name)) = (&event.kind, &event.name) else {
        let about = event.target.as_ref().or(event.source.as_ref());
        let about = about.map(|about| format!("{about}: ")).unwrap_or_default();
        return escape::line(&format!("{about}{message}"), LONGEST);
    };
    if kind == NOTIFIER {
        return escape::line(&format!("notifier {name}: {message}"), LONGEST);
    }
    let target = event.target.as_deref().unwrap_or("?");
    let what = match verb(&event.reason) {
        Some(verb) => format!("{target}: {kind}/{name} {verb}: {message}"),
        None => format!("{target}: {kind}/{name}: {message} ({})", event.reason),
    };
    let why = match event.weight {
        Weight::Warning => format!("(evenkeel why {target}/{kind}/{name})"),
        Weight::Normal => String::new(),
    };
    // What is long is the message; the way on stays.
    let why = escape::line(&why, LONGEST / 2);
    let what = escape::line(&what, LONGEST - why.chars().count());
    if why.is_empty() { what } else { format!("{what} {why}") }
}

/// What happened to a resource, as the end of a sentence.
fn verb(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "DriftFound" => "drifted",
        "DriftCorrected" => "had drifted and was put right",
        "Applied" => "was changed",
        "InSync" => "is in order again",
        "Held" => "waits for a person",
        "Failed" => "failed",
        "Fight" => "is set by somebody else again and again",
        "Halted" => "was stopped",
        "RolledBack" => "was put back",
        "Waiting" => "waits",
        "Suspended" => "is suspended",
        _ => return None,
    })
}

/// What a message is about, in few words: for the subject of an e-mail.
pub(crate) fn title(event: &NewEvent) -> String {
    let about = match (&event.target, &event.kind, &event.name) {
        (Some(target), Some(kind), Some(name)) => format!("{target}: {kind}/{name}"),
        (Some(target), ..) => target.clone(),
        (None, Some(kind), Some(name)) => format!("{kind}/{name}"),
        _ => event.source.clone().unwrap_or_default(),
    };
    escape::line(&format!("{about} {}", verb(&event.reason).unwrap_or(&event.reason)), 120)
}
