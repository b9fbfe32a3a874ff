//! The audit log, one line per entry.

use std::fmt::Write as _;

use evenkeel_core::plan::short_plan;
use evenkeel_engine::store::{About, AuditEntry, Audited, RunState, Touch, Verified};

use super::print;
use super::status::table;
use super::style::count;
use super::visible::one_line;
use crate::times::shown;

/// Characters of a revision that people see.
const SHORT: usize = 12;

/// Prints one line per entry.
pub(crate) fn show_audit(entries: &[AuditEntry]) {
    if entries.is_empty() {
        print("no entries: nothing was sent, and nobody decided anything\n");
        return;
    }
    let mut table = table();
    table.set_header(["SEQ", "AT", "BY", "TARGET", "RESOURCE", "MANIFEST", "REVISION", "RUN", "WHAT"]);
    for AuditEntry { seq, entry } in entries {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.add_row([
            seq.to_string(),
            shown(entry.at),
            or_dash(entry.by.clone()),
            or_dash(entry.target.clone().or_else(|| entry.source.clone())),
            resource(&entry.about),
            or_dash(place(&entry.about)),
            or_dash(entry.revision.as_deref().map(|id| id.get(..SHORT).unwrap_or(id).to_owned())),
            or_dash(entry.run.map(|run| run.to_string())),
            one_line(&said(&entry.what, &entry.about, entry.reason.as_deref())).into_owned(),
        ]);
    }
    print(&(table.trim_fmt() + "\n"));
}

/// `ZfsDataset/vm`, or how many.
fn resource(about: &[About]) -> String {
    match about {
        [] => "-".to_owned(),
        [one] => format!("{}/{}", one.id.kind, one.id.name),
        [first, more @ ..] => format!("{}/{} and {} more", first.id.kind, first.id.name, more.len()),
    }
}

/// The place of the first resource in the manifests.
fn place(about: &[About]) -> Option<String> {
    let location = about.first()?.location.as_ref()?;
    Some(format!("{}:{}", location.file, location.line))
}

/// What happened, in one line.
fn said(what: &Audited, about: &[About], reason: Option<&str>) -> String {
    let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    match what {
        Audited::Started { version, holder, sources } => {
            format!("{holder} started, version {version}, with {}", count(sources.len(), "source"))
        }
        Audited::Command { command } => {
            let approvals = about.iter().filter_map(|about| about.approval.as_ref());
            let approved = approvals.map(|yes| format!("  (approved by {}: {})", yes.by, yes.reason)).next();
            format!("$ {command}{}", approved.unwrap_or_default())
        }
        Audited::RunEnded { state, commands, .. } => {
            let word = match state {
                RunState::Running => "goes on",
                RunState::Done => "done",
                RunState::Failed => "failed",
                RunState::Stopped => "stopped",
                RunState::Interrupted => "was cut off",
            };
            format!(
                "run {word}, {} answered",
                count(commands.iter().filter(|c| c.exit.is_some()).count(), "command")
            )
        }
        Audited::RevisionInForce { commit } => {
            let of = |touch: Touch| about.iter().filter(|about| about.touch == Some(touch)).count();
            let subject = commit.subject.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
            let (new, changed, gone) = (of(Touch::Added), of(Touch::Changed), of(Touch::Gone));
            format!("revision in force{subject}: {new} new, {changed} changed, {gone} gone")
        }
        Audited::Asked { .. } => "asked for a look now".to_owned(),
        Audited::Approved { approval } => {
            format!("approved {} until {}{why}", short_plan(&approval.plan), shown(approval.until))
        }
        Audited::Rejected { plan } => format!("rejected {}{why}", short_plan(plan)),
        Audited::Restored { file, kept, .. } => {
            let kept =
                kept.as_ref().map(|kept| format!("; the store before it is {kept}")).unwrap_or_default();
            format!("restored from {file}{kept}")
        }
    }
}

/// Says that a log is as it was written, and what that does not say.
pub(crate) fn show_verified(name: &str, verified: &Verified, was_expected: bool) {
    let Verified { entries, first, head } = verified;
    let mut text = format!("whole: {} of the audit log of {name}\nhead:  {head}\n", entries_of(*entries));
    if *first > 1 {
        let _ = writeln!(text, "It begins with entry {first}: of what was before it says nothing.");
    }
    if !was_expected {
        text.push_str(
            "Keep the head elsewhere: only with it (--expect) it is seen that the end was cut off.\n",
        );
    }
    print(&text);
}

fn entries_of(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}
