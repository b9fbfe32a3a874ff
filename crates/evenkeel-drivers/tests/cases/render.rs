//! Problems and plans as cases expect them.

use std::fmt::Write as _;

use evenkeel_core::diagnostic::{Diagnostic, Severity};
use evenkeel_core::plan::{Change, Gate, Plan};

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
    for field in &change.fields {
        let _ = writeln!(out, "  {}: {} -> {}", field.change.path, field.before_text, field.after_text);
    }
    for step in &change.steps {
        let _ = writeln!(out, "  $ {}", step.request.display());
    }
    for note in &change.notes {
        let _ = writeln!(out, "  note: {note}");
    }
    if let Gate::Held { reasons } = &change.gate {
        let _ = writeln!(out, "  held: {}", reasons.join("; "));
    }
    out
}
