//! What a controller knows of its sources and resources, as tables.

use comfy_table::Table;
use evenkeel_core::condition::ConditionType;
use evenkeel_core::diagnostic::Diagnostic;
use evenkeel_engine::store::{ResourceStatus, SourceStatus, SourceVerdict};
use jiff::Timestamp;

use super::status::{answer, table};
use super::{count, print};
use crate::times::span;

/// Prints a table of the sources, where there are any, and one of the resources.
pub(crate) fn show_standing(sources: &[SourceStatus], resources: &[ResourceStatus], now: Timestamp) {
    let mut parts = Vec::new();
    if !sources.is_empty() {
        parts.push(sources_table(sources, now).trim_fmt());
    }
    if !resources.is_empty() {
        parts.push(resources_table(resources, now).trim_fmt());
    }
    let text =
        if parts.is_empty() { "the controller knows no sources".to_owned() } else { parts.join("\n\n") };
    print(&(text + "\n"));
}

fn sources_table(sources: &[SourceStatus], now: Timestamp) -> Table {
    let mut table = table();
    table.set_header(["SOURCE", "REVISION", "RESOURCES", "VERDICT", "SINCE", "MESSAGE"]);
    for source in sources {
        let revision = source.revision.as_ref().map_or("-", |revision| revision.short());
        let (verdict, message) = verdict(source);
        let suspended = if source.suspended { "suspended, nothing new is taken; " } else { "" };
        let line = format!("{suspended}{}", message.lines().next().unwrap_or_default());
        table.add_row([
            source.name.clone(),
            revision.to_owned(),
            source.resources.to_string(),
            verdict.to_owned(),
            span(source.since, now),
            line,
        ]);
    }
    table
}

/// The word for a verdict, and what there is to say about it.
fn verdict(source: &SourceStatus) -> (&'static str, String) {
    let hinted = |message: &str, hint: &Option<String>| match hint {
        Some(hint) => format!("{message} (hint: {hint})"),
        None => message.to_owned(),
    };
    match &source.verdict {
        SourceVerdict::Pending => ("Pending", "not looked at yet".to_owned()),
        SourceVerdict::InForce => {
            let subject = source.revision.as_ref().and_then(|revision| revision.subject.clone());
            ("InForce", subject.unwrap_or_default())
        }
        SourceVerdict::Refused { message, hint, .. } => ("Refused", hinted(message, hint)),
        SourceVerdict::Invalid { revision, diagnostics } => {
            ("Invalid", format!("{}: {}", revision.short(), first_of(diagnostics)))
        }
        SourceVerdict::Held { revision, reasons } => {
            let reasons = reasons.join("; ");
            let accept = format!("`evenkeel accept {} {}` lets it in", source.name, revision.short());
            ("Held", format!("{}: {reasons} ({accept})", revision.short()))
        }
    }
}

/// The first problem with its place, and how many there are beside it.
fn first_of(diagnostics: &[Diagnostic]) -> String {
    let Some((first, others)) = diagnostics.split_first() else {
        return "its manifests have errors".to_owned();
    };
    let place = first.location.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let more = match others.len() {
        0 => String::new(),
        n => format!(" (and {})", count(n, "more problem")),
    };
    format!("{place}{}{more}", first.message)
}

fn resources_table(resources: &[ResourceStatus], now: Timestamp) -> Table {
    let mut table = table();
    table.set_header(["RESOURCE", "TARGET", "OBJECT", "READY", "REASON", "SINCE", "NEXT", "MESSAGE"]);
    for status in resources {
        let id = &status.key.id;
        let ready = status.conditions.iter().find(|c| c.kind == ConditionType::Ready);
        let (answer, reason, message) =
            ready.map_or(("Unknown", "", ""), |c| (answer(c.status), c.reason.as_str(), c.message.as_str()));
        table.add_row([
            format!("{}/{}", id.kind, id.name),
            id.target.clone(),
            status.object.clone(),
            answer.to_owned(),
            reason.to_owned(),
            span(status.since, now),
            next(status.next, now),
            message.lines().next().unwrap_or_default().to_owned(),
        ]);
    }
    table
}

/// When it will be looked at: `in 25m`, `now`, or `-` where it will not.
fn next(next: Option<Timestamp>, now: Timestamp) -> String {
    match next {
        None => "-".to_owned(),
        Some(at) if at <= now => "now".to_owned(),
        Some(at) => format!("in {}", span(now, at)),
    }
}
