//! What becomes of copies, as a person reads it.

use std::fmt::Write as _;

use evenkeel_core::backup::{Decision, Zone};
use jiff::Timestamp;

use super::print;
use super::status::table;
use super::style::{Tone, count, paint};
use super::wrap::paragraph;

/// Prints the copies, newest first, with the fate of each; then the sum, and what a person should look at.
pub(crate) fn show_decision(decision: &Decision, now: Timestamp, zone: &Zone) {
    let mut rows: Vec<(Timestamp, Option<&Vec<String>>)> =
        decision.keep.iter().map(|(at, reasons)| (*at, Some(reasons))).collect();
    rows.extend(decision.remove.iter().map(|at| (*at, None)));
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let shown = |at: Timestamp| at.to_zoned(zone.zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string();
    let mut text = String::new();
    if !rows.is_empty() {
        let mut table = table();
        table.set_header(["TIME", "FATE", "REASONS"]);
        for (at, reasons) in &rows {
            let fate = if reasons.is_some() { "keep" } else { "remove" };
            table.add_row([
                shown(*at),
                fate.to_owned(),
                reasons.map_or_else(String::new, |why| why.join(", ")),
            ]);
        }
        let _ = writeln!(text, "{}\n", table.trim_fmt());
    }
    if let Some(alarm) = &decision.alarm {
        let sentence = format!("{alarm}. A schedule with these rules would ask before it removes anything.");
        let _ = writeln!(text, "{} {}", paint(Tone::Bad, "!"), paragraph(&sentence, 2));
    }
    let (keep, remove) = (decision.keep.len(), decision.remove.len());
    let _ = writeln!(
        text,
        "{}: {keep} to keep, {remove} to remove, as of {} in {}",
        count(keep + remove, "copy").replace("copys", "copies"),
        shown(now),
        zone.name
    );
    print(&text);
}
