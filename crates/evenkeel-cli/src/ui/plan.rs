//! A plan as a person reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use evenkeel_core::driver::Risk;
use evenkeel_core::plan::{Action, Change, Gate, Plan, batches};
use evenkeel_core::request::Request;
use evenkeel_core::target::Target;

use super::print;
use super::style::{Tone, count, paint};
use super::wrap::paragraph;

/// From this many equal changes on one target on, they are shown as one.
const GROUP_FROM: usize = 4;

/// The same trouble is shown once: what is unknown has no fields to compare by eye.
const GROUP_ERRORS_FROM: usize = 2;

/// Names shown of a group.
const GROUP_NAMES: usize = 6;

/// How to show a plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanView<'a> {
    pub(crate) targets: &'a BTreeMap<String, std::sync::Arc<Target>>,
    pub(crate) show_commands: bool,
    pub(crate) full: bool,
}

/// Prints `plan` target by target, with a summary line.
pub(crate) fn show_plan(plan: &Plan, view: &PlanView<'_>) {
    let mut text = String::new();
    let mut rest = plan.changes.as_slice();
    while let Some(first) = rest.first() {
        let end = rest.iter().position(|c| c.id.target != first.id.target).unwrap_or(rest.len());
        let (here, others) = rest.split_at(end);
        render_target(&mut text, here, view);
        rest = others;
    }
    let _ = writeln!(text, "{}", summary(plan));
    print(&text);
}

fn render_target(text: &mut String, changes: &[Change], view: &PlanView<'_>) {
    let worth_showing = |c: &&Change| {
        let says = !c.notes.is_empty() || c.report.trouble().is_some();
        c.is_pending() || c.error.is_some() || c.busy.is_some() || c.suspended || says
    };
    let shown: Vec<&Change> = changes.iter().filter(worth_showing).collect();
    let Some(first) = shown.first() else { return };
    let name = &first.id.target;
    let address = view.targets.get(name).map(|t| describe(t)).unwrap_or_default();
    let _ = writeln!(text, "{} {}", paint(Tone::Strong, name), paint(Tone::Faint, address));
    for group in groups(&shown, view.full) {
        render_group(text, &group);
    }
    if view.show_commands {
        render_commands(text, changes);
    }
    text.push('\n');
}

/// `ssh root@host:22`
fn describe(target: &Target) -> String {
    match &target.spec.ssh {
        None if target.spec.local.is_some() => "this machine".to_owned(),
        None => target.address(),
        Some(ssh) => {
            let user = ssh.user.as_ref().map(|u| format!("{u}@")).unwrap_or_default();
            let port = ssh.port.map(|p| format!(":{p}")).unwrap_or_default();
            format!("ssh {user}{}{port}", ssh.host)
        }
    }
}

/// Changes that look the same to a reader, together.
fn groups<'a>(changes: &[&'a Change], full: bool) -> Vec<Vec<&'a Change>> {
    let mut groups: Vec<Vec<&Change>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for &change in changes {
        let at = *known.entry(likeness(change)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(change),
            None => groups.push(vec![change]),
        }
    }
    if full {
        return changes.iter().map(|c| vec![*c]).collect();
    }
    let split = |group: Vec<&'a Change>| {
        let is_error = group.first().is_some_and(|change| change.error.is_some());
        let from = if is_error { GROUP_ERRORS_FROM } else { GROUP_FROM };
        if group.len() >= from { vec![group] } else { group.into_iter().map(|c| vec![c]).collect() }
    };
    groups.into_iter().flat_map(split).collect()
}

fn likeness(change: &Change) -> String {
    let fields: Vec<String> = change
        .fields
        .iter()
        .map(|f| format!("{}\u{0}{}\u{0}{}", f.change.path, f.before_text, f.after_text))
        .collect();
    let rest = (
        &change.gate,
        &change.notes,
        change.error.as_ref().map(|e| &e.message),
        &change.busy,
        change.suspended,
        change.report.trouble(),
        change.withheld.as_ref().map(|withheld| &withheld.reasons),
    );
    format!("{:?}{}{fields:?}{rest:?}", change.action, change.id.kind)
}

fn render_group(text: &mut String, group: &[&Change]) {
    let Some(first) = group.first() else { return };
    let (sign, verb, tone) = sign(first);
    let title = match group {
        [one] => format!("{}/{}  {}", one.id.kind, one.id.name, paint(Tone::Faint, &one.object)),
        many => {
            format!("{} {}", many.len(), first.id.kind) + &paint(Tone::Faint, format!("  {}", names(many)))
        }
    };
    let _ = writeln!(text, "  {} {title}{}", paint(tone, format!("{sign} {verb}")), risk(first));
    for field in &first.fields {
        let before = if first.action == Action::Create {
            String::new()
        } else {
            format!("{} → ", paint(Tone::Faint, &field.before_text))
        };
        let _ = writeln!(text, "      {:<28} {before}{}", field.change.path.to_string(), field.after_text);
    }
    for message in &first.notes {
        let _ = writeln!(text, "      {} {}", paint(Tone::Warn, "!"), paragraph(message, 8));
    }
    if let Some(trouble) = first.report.trouble() {
        let _ = writeln!(text, "      {} {}", paint(Tone::Bad, "!"), paragraph(&trouble.message, 8));
    }
    if let (Gate::Held { reasons }, true) = (&first.gate, first.is_pending()) {
        for reason in reasons {
            let _ = writeln!(text, "      {} {}", paint(Tone::Warn, "held:"), paragraph(reason, 12));
        }
    }
    if let Some(withheld) = &first.withheld {
        let steps = count(withheld.steps.len(), "command");
        for reason in &withheld.reasons {
            let says = format!("the last {steps}: {reason}");
            let _ = writeln!(text, "      {} {}", paint(Tone::Warn, "held:"), paragraph(&says, 12));
        }
    }
    if let Some(error) = &first.error {
        let place = first.location.as_ref().filter(|_| group.len() == 1);
        let place = place.map(|l| format!("  ({l})")).unwrap_or_default();
        let _ = writeln!(text, "      {}{}", paragraph(&error.message, 6), paint(Tone::Faint, place));
        if let Some(hint) = &error.hint {
            let _ = writeln!(text, "      hint: {}", paragraph(hint, 12));
        }
    }
    if let Some(busy) = &first.busy {
        let _ = writeln!(text, "      {}", paragraph(busy, 6));
    }
}

fn names(group: &[&Change]) -> String {
    let shown: Vec<&str> = group.iter().take(GROUP_NAMES).map(|c| c.object.as_str()).collect();
    let more = group.len().saturating_sub(GROUP_NAMES);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{tail}", shown.join(", "))
}

fn sign(change: &Change) -> (&'static str, &'static str, Tone) {
    if change.error.is_some() {
        return ("?", "unknown", Tone::Bad);
    }
    if change.busy.is_some() {
        return ("·", "busy", Tone::Warn);
    }
    if change.suspended {
        return ("·", "suspended", Tone::Faint);
    }
    match change.action {
        Action::NoOp => (" ", "unchanged", Tone::Faint),
        Action::Create => ("+", "create", Tone::Create),
        Action::Update => ("~", "update", Tone::Change),
        Action::Replace => ("±", "replace", Tone::Remove),
        Action::Delete => ("-", "delete", Tone::Remove),
        Action::Forget => (" ", "forget", Tone::Faint),
    }
}

fn risk(change: &Change) -> String {
    let word = match change.risk {
        Risk::Safe => return String::new(),
        Risk::Disruptive => "disruptive",
        Risk::Destructive => "destructive",
        Risk::DataLoss => "risks data",
    };
    format!(
        "  {}",
        paint(if change.risk == Risk::Disruptive { Tone::Warn } else { Tone::Bad }, format!("[{word}]"))
    )
}

/// The commands as they will be sent: equal ones joined. What is held is shown too, marked.
fn render_commands(text: &mut String, changes: &[Change]) {
    let own = changes.first().map_or("", |change| change.id.target.as_str());
    let line = |target: &str, request: &Request| {
        // A transfer says by itself where it goes.
        let elsewhere = target != own && !matches!(request, Request::Transfer(_));
        if elsewhere { format!("{target}: {}", request.display()) } else { request.display() }
    };
    for batch in batches(changes) {
        let _ = writeln!(text, "    $ {}", line(&batch.target, &batch.request));
    }
    let held = changes.iter().filter(|c| c.is_held()).flat_map(|c| &c.steps);
    let withheld = changes.iter().filter_map(|c| c.withheld.as_ref()).flat_map(|w| &w.steps);
    for step in held.chain(withheld) {
        let said = line(step.target.as_deref().unwrap_or(own), &step.request);
        let _ = writeln!(text, "    {} {said}", paint(Tone::Faint, "(held) $"));
    }
}

fn summary(plan: &Plan) -> String {
    let sum = &plan.summary;
    let parts = [
        (sum.create, "to create", Tone::Create),
        (sum.update, "to update", Tone::Change),
        (sum.replace, "to replace", Tone::Remove),
        (sum.delete, "to delete", Tone::Remove),
    ];
    let mut words: Vec<String> = parts
        .iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, what, tone)| paint(*tone, format!("{n} {what}")))
        .collect();
    if words.is_empty() {
        words.push(if sum.errors == 0 { "nothing to do".to_owned() } else { "nothing to send".to_owned() });
    }
    words.push(format!("{} unchanged", sum.unchanged));
    if sum.held > 0 {
        words.push(paint(Tone::Warn, format!("{} held", sum.held)));
    }
    let ailing = plan.changes.iter().filter(|change| change.report.trouble().is_some()).count();
    if ailing > 0 {
        words.push(paint(Tone::Bad, format!("{ailing} in trouble")));
    }
    if sum.skipped > 0 {
        words.push(format!("{} skipped", sum.skipped));
    }
    if sum.errors > 0 {
        words.push(paint(Tone::Bad, format!("{} unknown", count(sum.errors, "resource"))));
    }
    format!("{} {}.", paint(Tone::Strong, "Plan:"), words.join(", "))
}
