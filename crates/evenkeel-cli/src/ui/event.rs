//! One event, as one line.

use evenkeel_engine::store::{Event, Weight};

use super::print;
use super::style::{Tone, paint};
use crate::times::shown;

/// Prints one line: when, what, about what, in which words.
pub(crate) fn show_event(event: &Event) {
    let what = &event.what;
    let tone = match what.weight {
        Weight::Normal => Tone::Good,
        Weight::Warning => Tone::Warn,
    };
    let resource = match (&what.kind, &what.name) {
        (Some(kind), Some(name)) => Some(format!("{kind}/{name}")),
        _ => None,
    };
    let about: Vec<String> = [
        resource,
        what.target.as_ref().map(|target| format!("on {target}")),
        what.source.as_ref().map(|source| format!("from {source}")),
        what.run.map(|run| format!("run {run}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let about = if about.is_empty() { String::new() } else { format!("  ({})", about.join(", ")) };
    // An event is a line, whatever a program on a target said.
    let message = what.message.trim_end().replace('\n', " ");
    print(&format!(
        "{}  {}  {message}{}\n",
        shown(what.at),
        paint(tone, format!("{:<16}", what.reason)),
        paint(Tone::Faint, about)
    ));
}
