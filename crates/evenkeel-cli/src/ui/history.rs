//! Runs of a controller: many as a table, one in full.

use std::fmt::Write as _;

use evenkeel_core::plan::{Action, Approval};
use evenkeel_engine::Sent;
use evenkeel_engine::controller::{Intent, Trigger};
use evenkeel_engine::store::{Journaled, RunEntry, RunRecord, RunState};

use super::abridge::{Line, abridged, more};
use super::fold::folds;
use super::lines::differing_lines;
use super::print;
use super::run::{detail, word};
use super::status::table;
use super::style::{Tone, paint};
use super::visible::one_line;
use super::wrap::paragraph;
use crate::times::shown;

/// Characters of a revision that people see.
const SHORT: usize = 12;

/// Of an interrupted run, so many of the last commands that were about to be sent.
const JOURNAL_SHOWN: usize = 10;

/// Prints one line per run.
pub(crate) fn show_history(runs: &[RunRecord]) {
    if runs.is_empty() {
        print("no runs: nothing was sent, and nothing failed\n");
        return;
    }
    let mut table = table();
    table.set_header([
        "RUN", "STARTED", "SOURCE", "TARGET", "TRIGGER", "BY", "REVISION", "CHANGES", "STATE", "COMMANDS",
    ]);
    for run in runs {
        // Its journal has what was about to be sent; the record is written at the end.
        let is_open = matches!(run.state, RunState::Running | RunState::Interrupted);
        let (changes, commands) =
            if is_open { ("?".into(), "?".into()) } else { (changes(run), run.commands.len().to_string()) };
        table.add_row([
            run.id.to_string(),
            shown(run.started),
            run.source.clone(),
            run.target.clone(),
            trigger(run.trigger).to_owned(),
            run.by.clone().unwrap_or_else(|| "-".to_owned()),
            short(&run.revision).to_owned(),
            changes,
            state(run.state).0.to_owned(),
            commands,
        ]);
    }
    print(&(table.trim_fmt() + "\n"));
}

/// Prints one run: what it was to change, what became of that, and what was sent.
pub(crate) fn show_run_record(run: &RunRecord, journal: &[Journaled]) {
    let mut text = String::new();
    let (word, tone) = state(run.state);
    let _ = writeln!(
        text,
        "{} {} on {} {}",
        paint(Tone::Strong, format!("Run {}", run.id)),
        paint(tone, word),
        run.target,
        paint(Tone::Faint, format!("from {}", run.source))
    );
    let by = run.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
    let until = run.finished.map(|at| format!(" to {}", shown(at))).unwrap_or_default();
    let _ = writeln!(text, "  woken by {}{by}, revision {}", trigger(run.trigger), short(&run.revision));
    let _ = writeln!(text, "  {}{until}", shown(run.started));
    for entry in &run.entries {
        text.push('\n');
        render_entry(&mut text, entry);
    }
    if !run.commands.is_empty() {
        text.push('\n');
    }
    render_commands(&mut text, &run.commands);
    if matches!(run.state, RunState::Interrupted | RunState::Running) {
        render_journal(&mut text, run, journal);
    }
    print(&text);
}

fn render_entry(text: &mut String, entry: &RunEntry) {
    let (sign, verb, tone) = match entry.action {
        Action::NoOp => (" ", "unchanged", Tone::Faint),
        Action::Create => ("+", "create", Tone::Create),
        Action::Update => ("~", "update", Tone::Change),
        Action::Replace => ("±", "replace", Tone::Remove),
        Action::Delete => ("-", "delete", Tone::Remove),
        Action::Forget => (" ", "forget", Tone::Faint),
    };
    let why = match entry.intent {
        Intent::Intentional => "manifest changed",
        Intent::Corrective => "drift",
    };
    let (became, its_tone) = word(&entry.verdict);
    let _ = writeln!(
        text,
        "  {} {}/{}  {}  {}: {}",
        paint(tone, format!("{sign} {verb}")),
        entry.id.kind,
        entry.id.name,
        paint(Tone::Faint, &entry.object),
        why,
        paint(its_tone, became)
    );
    let compared: Vec<_> =
        entry.fields.iter().map(|f| (&f.change.path, (&f.before_text, &f.after_text))).collect();
    for fold in folds(&compared, false) {
        let Some(field) = fold.at.first().and_then(|at| entry.fields.get(*at)) else { continue };
        let (path, how_many) = (one_line(&fold.path), fold.how_many());
        if let Some(lines) = differing_lines(field, Some("`--output json` has all")) {
            let _ = writeln!(text, "      {path}{how_many}");
            for line in lines {
                let _ = writeln!(text, "          {line}");
            }
            continue;
        }
        let (before, after) = (one_line(&field.before_text), one_line(&field.after_text));
        let _ = writeln!(text, "      {path:<28} {} → {after}{how_many}", paint(Tone::Faint, before));
    }
    if let Some(approval) = &entry.approval {
        let Approval { by, reason, at, override_window, .. } = approval;
        let also = if *override_window { ", also outside of its windows" } else { "" };
        let said = format!("approved by {by} on {}{also}: {reason}", shown(*at));
        let _ = writeln!(text, "      {}", paragraph(&one_line(&said), 6));
    }
    for line in detail(&entry.verdict).lines() {
        let _ = writeln!(text, "      {}", paragraph(line, 6));
    }
}

/// What was sent. Of many commands that differ in names only, and went well, the first.
fn render_commands(text: &mut String, commands: &[Sent]) {
    let lines: Vec<String> = commands
        .iter()
        .map(|sent| {
            let exit = match sent.exit {
                Some(0) => paint(Tone::Faint, "exit 0"),
                Some(code) => paint(Tone::Bad, format!("exit {code}")),
                None => paint(Tone::Warn, "no reply: it may or may not have run"),
            };
            format!("{}  {exit}", sent.command)
        })
        .collect();
    for line in abridged(&lines) {
        let _ = match line {
            Line::Command(nth) => writeln!(text, "  $ {}", lines.get(nth).map_or("", String::as_str)),
            Line::More(count, shapes) => {
                let more = more(count, shapes, "`--output json` has all");
                writeln!(text, "    {}", paint(Tone::Faint, more))
            }
        };
    }
}

/// What was about to be sent when the controller was killed: the last may or may not have happened.
fn render_journal(text: &mut String, run: &RunRecord, journal: &[Journaled]) {
    if journal.is_empty() {
        let _ = writeln!(text, "\n  nothing was sent yet");
        return;
    }
    let title = match run.state {
        RunState::Running => "about to be sent so far",
        _ => "about to be sent before it was cut off; the last may or may not have happened",
    };
    let _ = writeln!(text, "\n  {}", paint(Tone::Warn, format!("{title}:")));
    let left_out = journal.len().saturating_sub(JOURNAL_SHOWN);
    if left_out > 0 {
        let _ = writeln!(text, "  … {left_out} before");
    }
    for entry in journal.iter().skip(left_out) {
        let _ = writeln!(text, "  {}  $ {}", paint(Tone::Faint, shown(entry.at)), entry.command);
    }
}

/// `2 manifest, 1 drift`
fn changes(run: &RunRecord) -> String {
    let of = |intent| run.entries.iter().filter(|entry| entry.intent == intent).count();
    let words: Vec<String> = [(of(Intent::Intentional), "manifest"), (of(Intent::Corrective), "drift")]
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn short(revision: &str) -> &str {
    revision.get(..SHORT).unwrap_or(revision)
}

pub(super) fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Periodic => "interval",
        Trigger::Retry => "retry",
        Trigger::Dependency => "dependency",
        Trigger::Push => "push",
        Trigger::Operator => "operator",
    }
}

fn state(state: RunState) -> (&'static str, Tone) {
    match state {
        RunState::Running => ("running", Tone::Warn),
        RunState::Done => ("done", Tone::Good),
        RunState::Failed => ("failed", Tone::Bad),
        RunState::Stopped => ("stopped", Tone::Warn),
        RunState::Interrupted => ("interrupted", Tone::Bad),
    }
}
