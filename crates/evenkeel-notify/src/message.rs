//! What is sent at once: events as lines, bounded, with what did not find room.

use std::collections::BTreeMap;

use evenkeel_engine::store::{Event, Weight};
use jiff::Timestamp;

use crate::escape;
use crate::words;

/// So many events have a line of their own; of more it is said how many there are.
const LINES: usize = 20;

/// Events on their way to be told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    shown: Vec<Event>,
    /// The others, by reason.
    more: BTreeMap<String, u64>,
    is_warning: bool,
}

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Made of the numbers of its events, so that the same one has the same name whenever it is sent.
    pub(crate) id: String,
    /// Who says it.
    pub(crate) controller: String,
    /// What it is about, as one short line.
    pub(crate) title: String,
    /// One line for each event, up to a bound.
    pub(crate) lines: Vec<String>,
    /// What has no line of its own, as one.
    pub(crate) more: Option<String>,
    /// The events that have a line.
    pub(crate) events: Vec<Event>,
    /// How many have none.
    pub(crate) omitted: u64,
    /// Whether a person should know of any of them.
    pub(crate) is_warning: bool,
}

impl Gathered {
    pub(crate) fn add(&mut self, event: Event) {
        self.is_warning |= event.what.weight == Weight::Warning;
        if self.shown.len() < LINES {
            self.shown.push(event);
        } else {
            *self.more.entry(event.what.reason).or_default() += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// When the first of them happened.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.shown.first().map(|event| event.what.at)
    }

    /// The message of them; `last` is the number of the last event that was looked at for it.
    pub(crate) fn message(&self, controller: &str, notifier: &str, last: u64) -> Message {
        let omitted: u64 = self.more.values().sum();
        let all = self.shown.len() as u64 + omitted;
        let first = self.shown.first();
        let title = match (first, all) {
            (Some(one), 1) => words::title(&one.what),
            _ => summary(&self.shown, all),
        };
        let more = (omitted > 0).then(|| {
            let reasons: Vec<String> = self.more.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
            escape::line(&format!("and {omitted} more: {} (evenkeel events)", reasons.join(", ")), 400)
        });
        Message {
            id: format!("evenkeel-{controller}-{notifier}-{}-{last}", first.map_or(last, |one| one.seq)),
            controller: controller.to_owned(),
            title,
            lines: self.shown.iter().map(|event| words::told(&event.what)).collect(),
            more,
            events: self.shown.clone(),
            omitted,
            is_warning: self.is_warning,
        }
    }
}

/// `5 events: DriftFound, Held`
fn summary(shown: &[Event], all: u64) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for event in shown {
        if !reasons.contains(&event.what.reason.as_str()) {
            reasons.push(&event.what.reason);
        }
    }
    let dots = if reasons.len() > 3 { ", …" } else { "" };
    reasons.truncate(3);
    escape::line(&format!("{all} events: {}{dots}", reasons.join(", ")), 120)
}

impl Message {
    /// A message to try a receiver out with.
    pub(crate) fn trial(controller: &str, notifier: &str, now: Timestamp) -> Self {
        Message {
            id: format!("evenkeel-{controller}-{notifier}-trial-{}", now.as_microsecond()),
            controller: controller.to_owned(),
            title: "a trial".to_owned(),
            lines: vec![format!("This is a trial of the notifier {notifier}: nothing happened.")],
            more: None,
            events: Vec::new(),
            omitted: 0,
            is_warning: false,
        }
    }

    /// All of it as plain text, a line for each event.
    pub(crate) fn text(&self) -> String {
        let mut lines = self.lines.clone();
        lines.extend(self.more.clone());
        lines.join("\n")
    }
}
