//! One change, or several that are shown as one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use evenkeel_core::driver::Table;
use evenkeel_core::period::Period;
use evenkeel_core::plan::{Action, Change};

use super::heading::{GROUP_NAMES, title};
use super::rollouts::Rollouts;
use super::said::{only_on, reasons, said};
use crate::ui::fold::{counted, folds, some_of};
use crate::ui::lines::differing_lines;
use crate::ui::status::table;
use crate::ui::style::{Tone, count, paint};
use crate::ui::visible::one_line;
use crate::ui::wrap::paragraph;

/// The column of paths is as wide as they are, within these bounds; a longer one pushes its values to the right.
const NARROWEST_COLUMN: usize = 28;
const WIDEST_COLUMN: usize = 40;

fn column(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.filter(|length| *length <= WIDEST_COLUMN).fold(NARROWEST_COLUMN, usize::max)
}

/// How changes are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) full: bool,
    pub(super) rollouts: &'a Rollouts<'a>,
}

impl Look<'_> {
    /// Shows a change, several of one target that look the same, or those of one resource on several targets.
    pub(super) fn render(&self, text: &mut String, members: &[&Change]) {
        let Some(&first) = members.first() else { return };
        let one_resource = members.iter().all(|change| change.id.name == first.id.name);
        let _ = writeln!(text, "  {}", title(members, one_resource));
        // Of several that look the same, one says everything.
        let (all, members) = (members, if one_resource { members } else { std::slice::from_ref(&first) });
        self.render_fields(text, members);
        for line in self.stakes(all) {
            let _ = writeln!(text, "      {}", paragraph(&line, 8));
        }
        for note in said(members, self.full, |change| change.notes.iter().map(String::as_str).collect()) {
            let _ = writeln!(text, "      {} {}", paint(Tone::Warn, "!"), paragraph(&note, 8));
        }
        for trouble in said(members, self.full, trouble) {
            let _ = writeln!(text, "      {} {}", paint(Tone::Bad, "!"), paragraph(&trouble, 8));
        }
        for reason in reasons(members, self.full) {
            let _ = writeln!(text, "      {} {}", paint(Tone::Warn, "held:"), paragraph(&reason, 12));
        }
        if let Some(proof) = proof(members) {
            let _ = writeln!(text, "      {}", paint(Tone::Faint, paragraph(&proof, 6)));
        }
        for guard in guards(members) {
            let _ = writeln!(text, "      {}", paint(Tone::Faint, paragraph(&guard, 6)));
        }
        render_error(text, first, one_resource);
        if let Some(busy) = &first.busy {
            let _ = writeln!(text, "      {}", paragraph(busy, 6));
        }
        if let Some(table) = first.report.table.as_ref().filter(|_| self.full) {
            render_table(text, table);
        }
    }

    /// Each field that differs, before and after.
    fn render_fields(&self, text: &mut String, members: &[&Change]) {
        let all: Vec<_> = members
            .iter()
            .flat_map(|change| change.fields.iter().map(move |field| (change.id.target.as_str(), field)))
            .collect();
        let compared: Vec<_> =
            all.iter().map(|(_, f)| (&f.change.path, (&f.before_text, &f.after_text))).collect();
        let folds = folds(&compared, self.full);
        let width = column(folds.iter().map(|fold| fold.path.chars().count()));
        for fold in folds {
            let Some((_, field)) = fold.at.first().and_then(|at| all.get(*at)) else { continue };
            let hosts: BTreeSet<&str> =
                fold.at.iter().filter_map(|at| all.get(*at)).map(|(h, _)| *h).collect();
            let hosts: Vec<&str> = hosts.into_iter().collect();
            let on = only_on(&hosts, members.len());
            let how_many = match &fold.noun {
                None => on,
                Some(noun) => {
                    let number = counted(fold.at.len(), noun);
                    match (members.len(), on.as_str()) {
                        (1, _) => number,
                        (of, "") => format!("{number} on {}", count(of, "host")),
                        (_, on) => format!("{number} {on}"),
                    }
                }
            };
            let how_many =
                if how_many.is_empty() { how_many } else { paint(Tone::Faint, format!("  ({how_many})")) };
            let path = one_line(&fold.path);
            if let Some(lines) = differing_lines(field, (!self.full).then_some("--full")) {
                let _ = writeln!(text, "      {path}{how_many}");
                for line in lines {
                    let _ = writeln!(text, "          {line}");
                }
                continue;
            }
            let is_new = members.first().is_some_and(|change| change.action == Action::Create);
            let before = if is_new {
                String::new()
            } else {
                format!("{} → ", paint(Tone::Faint, one_line(&field.before_text)))
            };
            let after = one_line(&field.after_text);
            let _ = writeln!(text, "      {path:<width$} {before}{after}{how_many}");
        }
    }

    /// What would be touched, and how the hosts take turns.
    fn stakes(&self, members: &[&Change]) -> Vec<String> {
        let rollout = self.rollouts.says(members).map(|says| format!("rollout: {says}"));
        self.touches(members).into_iter().chain(rollout).collect()
    }

    /// `touches 14 datastores (vol1, vol2, …) and 1 virtual machine (web)`
    fn touches(&self, members: &[&Change]) -> Option<String> {
        let mut touched: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for change in members.iter().filter(|change| change.is_pending()) {
            for (what, names) in change.report.touches.iter().filter(|(_, names)| !names.is_empty()) {
                touched.entry(what).or_default().extend(names.iter().map(String::as_str));
            }
        }
        let most = if self.full { usize::MAX } else { GROUP_NAMES };
        let parts: Vec<String> = touched
            .into_iter()
            .map(|(what, names)| {
                let names: Vec<&str> = names.into_iter().collect();
                format!("{} ({})", counted(names.len(), what), some_of(&names, most))
            })
            .collect();
        (!parts.is_empty()).then(|| format!("touches {}", parts.join(" and ")))
    }
}

fn trouble(change: &Change) -> Vec<&str> {
    change.report.trouble().map(|health| health.message.as_str()).into_iter().collect()
}

/// What is proven after each command, where something is.
fn proof(members: &[&Change]) -> Option<String> {
    let open = members.iter().filter(|change| change.is_open());
    let counts: BTreeSet<&str> =
        open.flat_map(|c| &c.steps).filter_map(|step| Some(step.proof.as_ref()?.counts.as_str())).collect();
    let counts: Vec<&str> = counts.into_iter().collect();
    (!counts.is_empty()).then(|| {
        let counts = counts.join(" and ");
        format!("after each command the {counts} are counted again; fewer end the run on that host")
    })
}

/// What hosts put back by themselves, where a step may cut the way to them.
fn guards(members: &[&Change]) -> Vec<String> {
    let guards: BTreeSet<(u64, &str)> = members
        .iter()
        .flat_map(|change| &change.steps)
        .filter_map(|step| step.guard.as_ref())
        .map(|guard| (guard.seconds, guard.restores.as_str()))
        .collect();
    let told = |(seconds, restores): (u64, &str)| {
        let within = Period::seconds(seconds);
        format!(
            "guarded: unless a new connection confirms it within {within}, the host itself puts back: {restores}"
        )
    };
    guards.into_iter().map(told).collect()
}

fn render_error(text: &mut String, change: &Change, with_place: bool) {
    let Some(error) = &change.error else { return };
    let place = change.location.as_ref().filter(|_| with_place);
    let place = place.map(|l| format!("  ({l})")).unwrap_or_default();
    let _ = writeln!(text, "      {}{}", paragraph(&error.message, 6), paint(Tone::Faint, place));
    if let Some(hint) = &error.hint {
        let _ = writeln!(text, "      hint: {}", paragraph(hint, 12));
    }
}

fn render_table(text: &mut String, seen: &Table) {
    let mut table = table();
    table.set_header(&seen.columns);
    for row in &seen.rows {
        table.add_row(row);
    }
    for line in table.trim_fmt().lines() {
        let _ = writeln!(text, "     {line}");
    }
}
