//! A plan as a person reads it.

mod block;
mod fleet;
mod heading;
mod rollouts;
mod said;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use evenkeel_core::driver::Guard;
use evenkeel_core::plan::{Change, Instance, Plan, batches};
use evenkeel_core::request::Request;
use evenkeel_core::target::Target;

use super::abridge::{Line, abridged, more};
use super::fold::GROUP_FROM;
use super::print;
use super::style::{Tone, count, paint};
use super::visible::visible;
use block::Look;
use rollouts::Rollouts;

/// The same trouble is shown once: what is unknown has no fields to compare by eye.
const GROUP_ERRORS_FROM: usize = 2;

/// How to show a plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanView<'a> {
    pub(crate) targets: &'a BTreeMap<String, std::sync::Arc<Target>>,
    /// What the plan is of: they know how hosts take turns.
    pub(crate) instances: &'a [Instance],
    pub(crate) show_commands: bool,
    pub(crate) full: bool,
}

/// Prints `plan`: what is alike on several targets, the rest target by target, and a summary line.
pub(crate) fn show_plan(plan: &Plan, view: &PlanView<'_>) {
    print(&render(plan, view));
}

/// A plan for where there is no terminal: the summary, and all of it, without colours.
pub(crate) fn plain_plan(plan: &Plan, view: &PlanView<'_>) -> (String, String) {
    let without_colours = |text: &str| anstream::adapter::strip_str(&visible(text)).to_string();
    (without_colours(&summary(plan)), without_colours(&render(plan, view)))
}

fn render(plan: &Plan, view: &PlanView<'_>) -> String {
    let mut text = String::new();
    let rollouts = Rollouts::of(plan, view.instances);
    let look = Look { full: view.full, rollouts: &rollouts };
    let shown: Vec<&Change> = plan.changes.iter().filter(|change| is_shown(change, view.full)).collect();
    let (fleets, rest) = if view.full { (Vec::new(), shown.clone()) } else { fleet::fleets(&shown) };
    for fleet in &fleets {
        let hosts = count(fleet.hosts.len(), "host");
        let names = heading::some_hosts(&fleet.hosts);
        let _ = writeln!(text, "{}  {}", paint(Tone::Strong, hosts), paint(Tone::Faint, names));
        for members in &fleet.changes {
            look.render(&mut text, members);
        }
        text.push('\n');
    }
    let mut by_target: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in rest {
        by_target.entry(&change.id.target).or_default().push(change);
    }
    let with_commands = shown.iter().filter(|_| view.show_commands);
    for change in with_commands {
        by_target.entry(&change.id.target).or_default();
    }
    for (target, changes) in by_target {
        let address = view.targets.get(target).map(|t| heading::describe(t)).unwrap_or_default();
        let _ = writeln!(text, "{} {}", paint(Tone::Strong, target), paint(Tone::Faint, address));
        for group in groups(&changes, view.full) {
            look.render(&mut text, &group);
        }
        if view.show_commands {
            let here = plan.changes.partition_point(|change| change.id.target.as_str() < target);
            let here = plan.changes.get(here..).unwrap_or_default();
            let end = here.partition_point(|change| change.id.target == target);
            render_commands(&mut text, here.get(..end).unwrap_or_default(), view.full);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", summary(plan));
    text
}

/// True where there is more to say of it than that it is as its manifest says.
fn is_shown(change: &Change, full: bool) -> bool {
    let says = !change.notes.is_empty() || change.report.trouble().is_some();
    let is_told = full && change.report.table.is_some();
    change.is_pending()
        || change.error.is_some()
        || change.busy.is_some()
        || change.suspended
        || says
        || is_told
}

/// Changes that look the same to a reader, together.
fn groups<'a>(changes: &[&'a Change], full: bool) -> Vec<Vec<&'a Change>> {
    if full {
        return changes.iter().map(|c| vec![*c]).collect();
    }
    let mut groups: Vec<Vec<&Change>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for &change in changes {
        let at = *known.entry(likeness(change)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(change),
            None => groups.push(vec![change]),
        }
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

/// The commands as they will be sent: equal ones joined. What is held is shown too, marked.
fn render_commands(text: &mut String, changes: &[Change], full: bool) {
    let own = changes.first().map_or("", |change| change.id.target.as_str());
    let line = |target: &str, request: &Request| {
        // A transfer says by itself where it goes.
        let elsewhere = target != own && !matches!(request, Request::Transfer(_));
        // Further lines of a text are set in, so that none looks like one of the plan.
        let shown = request.display().replace('\n', "\n      ");
        let shown = if matches!(request, Request::PowerShell(_)) { one_a_line(&shown) } else { shown };
        if elsewhere { format!("{target}: {shown}") } else { shown }
    };
    let marked = |line: String, guard: Option<&Guard>, cleanup: bool| match (guard, cleanup) {
        (Some(_), _) => format!("{line} {}", paint(Tone::Faint, "(guarded)")),
        (None, true) => format!("{line} {}", paint(Tone::Faint, "(always)")),
        (None, false) => line,
    };
    let open = batches(changes);
    let open: Vec<String> = open
        .iter()
        .map(|batch| marked(line(&batch.target, &batch.request), batch.guard.as_deref(), batch.cleanup))
        .collect();
    list_commands(text, "$", &open, full);
    let held = changes.iter().filter(|c| c.is_held()).flat_map(|c| &c.steps);
    let withheld = changes.iter().filter_map(|c| c.withheld.as_ref()).flat_map(|w| &w.steps);
    let held: Vec<String> = held
        .chain(withheld)
        .map(|step| {
            let shown = line(step.target.as_deref().unwrap_or(own), &step.request);
            marked(shown, step.guard.as_deref(), step.cleanup)
        })
        .collect();
    list_commands(text, &format!("{} $", paint(Tone::Faint, "(held)")), &held, full);
}

/// Cmdlets that are called one after the other, one on each line.
fn one_a_line(shown: &str) -> String {
    let mut text = String::new();
    let mut is_quoted = false;
    for (nth, part) in shown.split("; ").enumerate() {
        text.push_str(match (nth, is_quoted) {
            (0, _) => "",
            (_, true) => "; ",
            (_, false) => ";\n      ",
        });
        text.push_str(part);
        is_quoted ^= part.matches('\'').count() % 2 == 1;
    }
    text
}

fn list_commands(text: &mut String, prompt: &str, commands: &[String], full: bool) {
    let lines = if full { (0..commands.len()).map(Line::Command).collect() } else { abridged(commands) };
    for line in lines {
        let _ = match line {
            Line::Command(nth) => {
                writeln!(text, "    {prompt} {}", commands.get(nth).map_or("", String::as_str))
            }
            Line::More(count, shapes) => {
                writeln!(text, "      {}", paint(Tone::Faint, more(count, shapes, "--full shows all")))
            }
        };
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
