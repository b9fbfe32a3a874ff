//! From what a pool remembers to who made a difference.

use std::collections::BTreeMap;

use evenkeel_core::diff::{FieldChange, FieldPath};
use evenkeel_core::driver::{Attribution, Drift};
use evenkeel_core::plan::Action;
use serde_json::Value;

use super::record::{Record, What};
use super::{SOURCE, Subject};

/// What each difference came from, the latest first; what the history does not tell for certain is left out.
pub(super) fn changed(subject: Subject<'_>, drift: &Drift<'_>, history: &[Record]) -> Vec<Attribution> {
    if drift.action == Action::Create {
        let gone = subject.dataset.and_then(|dataset| removed(dataset, history));
        return gone.map(|at| told(subject, None, history, at, Vec::new())).into_iter().collect();
    }
    // Properties that one command set are told of together.
    let mut found: BTreeMap<String, (usize, Attribution)> = BTreeMap::new();
    for change in drift.changes {
        let Some(at) = cause(subject, change, history) else { continue };
        let one = told(subject, property(change), history, at, vec![change.path.clone()]);
        let key = format!("{:?} {:?} {}", one.by, one.at, one.how);
        let (last, known) =
            found.entry(key).or_insert_with(|| (at, Attribution { fields: Vec::new(), ..one }));
        *last = at.max(*last);
        known.fields.push(change.path.clone());
    }
    let mut found: Vec<(usize, Attribution)> = found.into_values().collect();
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    found.into_iter().map(|(_, one)| one).collect()
}

/// The property that a field is about; other fields are about the dataset as a whole.
fn property(change: &FieldChange) -> Option<&str> {
    match change.path.keys() {
        [properties, name] if properties == "properties" => Some(name),
        _ => None,
    }
}

/// The last event that touched what the field is about, where what is there now is what came of it.
fn cause(subject: Subject<'_>, change: &FieldChange, history: &[Record]) -> Option<usize> {
    let property = property(change);
    let (at, last) = history.iter().enumerate().rfind(|(_, record)| touches(subject, property, record))?;
    let seen = change.before.as_ref();
    let source = seen.and_then(|seen| seen.get("source")).and_then(Value::as_str);
    let is_own = seen.is_some() && !matches!(source, Some("inherited" | "default"));
    let agrees = match (&last.what, property) {
        // What was mounted otherwise than it is set says nothing to the pool.
        _ if source == Some("temporary") => false,
        (What::Set { value, .. }, Some(name)) => match (seen, source) {
            (Some(Value::String(seen)), None) => may_be(subject, name, value, seen),
            _ => source == Some("local"),
        },
        (What::Inherit { .. }, _) => !is_own || source.is_none(),
        // What is new has no values of its own but those that an event of their own tells of.
        (What::Made { .. }, Some(_)) => !is_own,
        _ => true,
    };
    agrees.then_some(at)
}

fn touches(subject: Subject<'_>, wanted: Option<&str>, record: &Record) -> bool {
    match &record.what {
        What::Command | What::Gone { .. } => false,
        What::Set { dataset, property, .. } => {
            dataset.as_deref() == subject.dataset && wanted == Some(property)
        }
        What::Inherit { dataset, property } => {
            Some(dataset.as_str()) == subject.dataset && wanted == Some(property)
        }
        What::Made { dataset } => Some(dataset.as_str()) == subject.dataset,
        What::Renamed { to, .. } => subject.dataset.is_some_and(|dataset| is_within(dataset, to)),
    }
}

/// The event that removed the dataset, or took its name from it.
fn removed(dataset: &str, history: &[Record]) -> Option<usize> {
    let (at, last) = history.iter().enumerate().rfind(|(_, record)| match &record.what {
        What::Gone { dataset: gone } => gone == dataset,
        What::Renamed { from, to } => is_within(dataset, from) || is_within(dataset, to),
        What::Made { dataset: made } => made == dataset,
        _ => false,
    })?;
    let is_gone = match &last.what {
        What::Gone { .. } => true,
        What::Renamed { from, .. } => is_within(dataset, from),
        _ => false,
    };
    is_gone.then_some(at)
}

/// False where the value in an event is another than what is there now: it came about in another way.
fn may_be(subject: Subject<'_>, property: &str, logged: &str, seen: &str) -> bool {
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    match (is_number(logged), is_number(seen)) {
        _ if logged == seen => true,
        _ if property.contains(':') => false,
        (true, false) if (subject.traits)(property).is_switch => (logged == "1") == (seen == "on"),
        // Words have numbers in events, which only the host's version knows.
        (true, false) => true,
        _ => false,
    }
}

/// The event at `at`, or the command behind it that it came from.
fn told(
    subject: Subject<'_>,
    property: Option<&str>,
    history: &[Record],
    at: usize,
    fields: Vec<FieldPath>,
) -> Attribution {
    let source = SOURCE.to_owned();
    let behind = history.get(at..).unwrap_or_default();
    let event = behind.first();
    let command =
        event.and_then(|event| behind.iter().find(|record| came_of(subject, property, event, record)));
    let (by, teller) = match command {
        Some(command) => (command.by.clone(), Some(command)),
        None => (None, event),
    };
    let how = teller.map(|record| record.text.clone()).unwrap_or_default();
    Attribution { fields, by, at: teller.map(|record| record.at), how, source }
}

/// True where `command` is what caused `event`: it is of the same sort and speaks of the same.
fn came_of(subject: Subject<'_>, property: Option<&str>, event: &Record, command: &Record) -> bool {
    if command.what != What::Command || command.by.is_none() {
        return false;
    }
    let words: Vec<&str> = command.text.split(' ').collect();
    let [program, verb, rest @ ..] = words.as_slice() else { return false };
    let Some(dataset) = subject.dataset else {
        let last = rest.last().copied();
        return (*program, *verb, last) == ("zpool", "set", Some(subject.pool))
            && sets(subject, property, rest);
    };
    let is_related = |word: &&str| is_within(dataset, word) || is_within(word, dataset);
    // A name may have spaces in it.
    let is_named = rest.contains(&dataset) || (dataset.contains(' ') && command.text.contains(dataset));
    match (&event.what, *verb) {
        (What::Set { .. }, "set" | "create" | "clone" | "receive" | "recv") => {
            sets(subject, property, rest) && (is_named || (*verb != "set" && rest.iter().any(is_related)))
        }
        (What::Inherit { .. }, "inherit") => {
            let names = |word: &&str| is_called(subject, property, word);
            rest.iter().any(names) && (is_named || rest.iter().any(is_related))
        }
        (What::Made { .. }, "create" | "clone" | "receive" | "recv")
        | (What::Renamed { .. }, "rename")
        | (What::Gone { .. }, "destroy") => is_named || rest.iter().any(is_related),
        _ => false,
    }
}

/// True where one of the words sets the property, by its full or short name.
fn sets(subject: Subject<'_>, property: Option<&str>, words: &[&str]) -> bool {
    let name = |word: &&str| word.split_once('=').is_some_and(|(name, _)| is_called(subject, property, name));
    words.iter().any(name)
}

fn is_called(subject: Subject<'_>, property: Option<&str>, name: &str) -> bool {
    property.is_some_and(|property| name == property || (subject.traits)(property).alias == Some(name))
}

/// True for `above` itself and what lies in it.
fn is_within(dataset: &str, above: &str) -> bool {
    dataset.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
