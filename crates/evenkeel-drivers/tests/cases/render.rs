//! Problems and plans as cases expect them.

use std::fmt::Write as _;

use evenkeel_core::diagnostic::{Diagnostic, Severity};
use evenkeel_core::driver::{Fate, Guard, Proof, Report, Step};
use evenkeel_core::plan::{Change, Gate, Plan};
use evenkeel_core::request::Request;

use crate::case::HOST;

pub(crate) fn diagnostics(all: &[Diagnostic]) -> String {
    let mut out = String::new();
    for one in all {
        let severity = if one.severity == Severity::Error { "error" } else { "warning" };
        let _ = writeln!(out, "{severity}: {}", one.message);
        let _ = writeln!(out, "  at: {}", one.source_line.trim());
        if let Some(hint) = &one.hint {
            let _ = writeln!(out, "  hint: {hint}");
        }
    }
    out
}

pub(crate) fn plan(plan: &Plan) -> String {
    plan.changes.iter().map(change).collect()
}

fn change(change: &Change) -> String {
    let mut out = format!("{}\n", change.headline());
    if let Some(error) = &change.error {
        let _ = writeln!(out, "  {}: {}", error.reason, error.message);
        if let Some(hint) = &error.hint {
            let _ = writeln!(out, "  hint: {hint}");
        }
        return out;
    }
    if let Some(busy) = &change.busy {
        let _ = writeln!(out, "  busy: {busy}");
    }
    for field in &change.fields {
        let _ = writeln!(out, "  {}: {} -> {}", field.change.path, field.before_text, field.after_text);
    }
    for one in &change.steps {
        let _ = writeln!(out, "  $ {}", step(one));
        out += &one.guard.as_deref().map(guard).unwrap_or_default();
        out += &one.proof.as_ref().map(proof).unwrap_or_default();
    }
    if let Some(withheld) = &change.withheld {
        for line in withheld.steps.iter().map(step) {
            let _ = writeln!(out, "  withheld $ {line}");
        }
        let _ = writeln!(out, "  withheld: {}", withheld.reasons.join("; "));
    }
    out += &report(&change.report);
    for note in &change.notes {
        let _ = writeln!(out, "  note: {note}");
    }
    if let Gate::Held { reasons, .. } = &change.gate {
        let _ = writeln!(out, "  held: {}", reasons.join("; "));
    }
    out
}

/// A step, with the target that it is sent to where that is not the host.
fn step(step: &Step) -> String {
    let at = step.target.as_deref().filter(|name| *name != HOST);
    format!("{}{}", at.map(|name| format!("{name}: ")).unwrap_or_default(), step.request.display())
}

/// What puts the host back where a step cuts it off.
fn guard(guard: &Guard) -> String {
    format!("    guarded: {} ({})\n", guard.restores, guard.arm.display())
}

/// What must be so after a step.
fn proof(proof: &Proof) -> String {
    let reads: Vec<String> = proof.reads.iter().map(Request::display).collect();
    let least: Vec<String> = proof.at_least.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!("    then: {} ({}: {})\n", reads.join("; "), proof.counts, least.join(", "))
}

fn report(report: &Report) -> String {
    let mut out = String::new();
    for (what, names) in &report.touches {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let _ = writeln!(out, "  touches {what}: {}", names.join(", "));
    }
    for row in report.table.iter().flat_map(|table| &table.rows) {
        let _ = writeln!(out, "  | {}", row.join(" | "));
    }
    for health in &report.health {
        let sign = if health.good { "good" } else { "BAD" };
        let _ = writeln!(out, "  {}: {sign} {}: {}", health.about, health.reason, health.message);
    }
    for one in &report.generations {
        let fate = match &one.fate {
            Fate::Kept { reasons } => format!("kept: {}", reasons.join(", ")),
            Fate::Expired => "expired".to_owned(),
            Fate::LeftAlone { reason } => format!("left alone: {reason}"),
        };
        let verified = if one.verified { "" } else { ", not verified" };
        let bytes = one.bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
        let _ = writeln!(out, "  {} {}: {}{bytes}{verified}: {fate}", one.store, one.item, one.name);
    }
    if let Some(next) = report.next {
        let _ = writeln!(out, "  next: {next}");
    }
    out
}
