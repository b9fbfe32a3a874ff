//! One event, as one line, for people and for scripts.

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::{Event, NewEvent, Weight};
use serde::Serialize;

use super::style::{Tone, paint};
use crate::times::shown;

/// An event as one document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventDocument<'a> {
    format_version: u32,
    #[serde(flatten)]
    event: &'a Event,
}

impl<'a> EventDocument<'a> {
    pub(crate) fn of(event: &'a Event) -> Self {
        EventDocument { format_version: FORMAT_VERSION, event }
    }
}

/// `2026-11-20T18:00:00Z warning DriftFound durian ZfsDataset/pool1: …`
pub(crate) fn event_line(event: &NewEvent) -> String {
    let (weight, tone) = match event.weight {
        Weight::Normal => ("", Tone::Good),
        Weight::Warning => ("warning ", Tone::Warn),
    };
    let mut about: Vec<String> = event.target.iter().chain(&event.source).take(1).cloned().collect();
    if let (Some(kind), Some(name)) = (&event.kind, &event.name) {
        about.push(format!("{kind}/{name}"));
    }
    // An event is a line, whatever a program on a target said.
    let message = event.message.trim_end().replace('\n', " ");
    let about = if about.is_empty() { String::new() } else { format!(" {}", about.join(" ")) };
    format!(
        "{} {}{about}: {message}\n",
        paint(Tone::Faint, shown(event.at)),
        paint(tone, format!("{weight}{}", event.reason))
    )
}
