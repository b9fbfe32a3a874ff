//! Copies as a person reads them.

use std::fmt::Write as _;

use evenkeel_core::backup::slot_name;
use evenkeel_core::driver::{Fate, Generation, Restoration};
use evenkeel_core::plan::Change;
use indicatif::HumanBytes;

use super::print;
use super::status::table;
use super::style::{Tone, paint};
use super::wrap::paragraph;
use crate::commands::Checked;

/// Prints for each schedule its health and its copies.
pub(crate) fn show_copies(schedules: &[(&Change, Vec<&Generation>)]) {
    let mut text = String::new();
    for (change, generations) in schedules {
        let _ = writeln!(text, "{}", paint(Tone::Strong, change.id.to_string()));
        for health in &change.report.health {
            let (sign, tone) = if health.good { ("✓", Tone::Good) } else { ("!", Tone::Bad) };
            let _ = writeln!(text, "  {} {}", paint(tone, sign), paragraph(&health.message, 4));
        }
        if let Some(error) = &change.error {
            let _ = writeln!(text, "  {} {}", paint(Tone::Bad, "?"), paragraph(&error.message, 4));
            if let Some(hint) = &error.hint {
                let _ = writeln!(text, "    hint: {}", paragraph(hint, 10));
            }
        }
        if let Some(next) = change.report.next {
            let _ = writeln!(text, "    next: {next}");
        }
        render(&mut text, generations, change.error.is_none());
        text.push('\n');
    }
    print(&text);
}

fn render(text: &mut String, generations: &[&Generation], all_known: bool) {
    if generations.is_empty() {
        let none = if all_known { "no copies" } else { "what copies there are is not known" };
        let _ = writeln!(text, "    {none}");
        return;
    }
    let mut table = table();
    table.set_header(["  SLOT", "ITEM", "SIZE", "VERIFIED", "FATE", "STORE", "NAME"]);
    for generation in generations {
        let size = generation.bytes.map_or_else(|| "-".to_owned(), |bytes| HumanBytes(bytes).to_string());
        let verified = if generation.verified { "yes" } else { "no" };
        table.add_row([
            format!("  {}", slot_name(generation.slot)),
            generation.item.clone(),
            size,
            verified.to_owned(),
            fate(&generation.fate),
            generation.store.clone(),
            generation.name.clone(),
        ]);
    }
    let _ = writeln!(text, "{}", table.trim_fmt());
}

fn fate(fate: &Fate) -> String {
    match fate {
        Fate::Kept { reasons } => format!("kept: {}", reasons.join(", ")),
        Fate::Expired => "to be removed".to_owned(),
        Fate::LeftAlone { reason } => format!("left alone: {reason}"),
    }
}

/// Prints what became of copies that were read again.
pub(crate) fn show_checked(checked: &[Checked], unread: &[String]) {
    let mut text = String::new();
    for why in unread {
        let _ = writeln!(text, "{}  {}", paint(Tone::Bad, "???"), paragraph(why, 5));
    }
    for one in checked {
        let what = format!("{} in {}", one.generation.name, one.generation.store);
        let _ = match &one.problem {
            None => writeln!(text, "{} {what}", paint(Tone::Good, "good")),
            Some(problem) => writeln!(text, "{}  {what}: {}", paint(Tone::Bad, "BAD"), paragraph(problem, 5)),
        };
    }
    let bad = checked.iter().filter(|one| one.problem.is_some()).count();
    let read = match checked.len() {
        1 => "1 copy".to_owned(),
        n => format!("{n} copies"),
    };
    let verdict = match (checked.is_empty(), bad) {
        (true, _) => "there was no copy to read".to_owned(),
        (_, 0) => format!("{read} read, all as they were made"),
        (_, bad) => format!("{read} read, {bad} not as made"),
    };
    let silent = match unread.len() {
        0 => String::new(),
        1 => "; 1 store could not be read".to_owned(),
        n => format!("; {n} stores could not be read"),
    };
    let _ = writeln!(text, "{verdict}{silent}.");
    print(&text);
}

/// Prints what a restoration sends.
pub(crate) fn show_restoration(target: &str, restoration: &Restoration, runs: bool) {
    let Restoration { generation, fetch, work, notes } = restoration;
    let mut text = format!(
        "{} of {} from {} ({})\n",
        paint(Tone::Strong, &generation.item),
        slot_name(generation.slot),
        generation.store,
        generation.name
    );
    for step in fetch {
        let _ = writeln!(text, "    $ {}", step.request.display());
    }
    let then = if runs { String::new() } else { paint(Tone::Faint, "(printed, not run) ") };
    for step in work {
        let _ = writeln!(text, "    {then}$ {}", step.request.display());
    }
    for note in notes {
        let _ = writeln!(text, "  {} {}", paint(Tone::Warn, "!"), paragraph(note, 4));
    }
    let _ = writeln!(text, "  on {target}");
    print(&text);
}
