//! What became different between two times, as a person reads it.

use std::fmt::Write as _;

use evenkeel_engine::store::RunId;
use jiff::Timestamp;

use super::fold::{Fold, folds};
use super::style::{Tone, count, paint};
use super::{print, wrap::paragraph};
use crate::between::{Difference, FieldDifference, What};
use crate::times::shown;

/// Prints every difference, with a line that counts them.
pub(crate) fn show_differences(differences: &[Difference], from: Timestamp, to: Timestamp) {
    let mut text = String::new();
    let mut target = None;
    for difference in differences {
        let id = &difference.key.id;
        if target.replace(&id.target) != Some(&id.target) {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{}", paint(Tone::Strong, &id.target));
        }
        render(&mut text, difference);
    }
    if !differences.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", summary(differences, from, to));
    print(&text);
}

fn render(text: &mut String, difference: &Difference) {
    let Difference { key, object, what, seen, run, fields } = difference;
    let (sign, tone) = match what {
        What::Changed => ("~ changed", Tone::Change),
        What::Created => ("+ created", Tone::Create),
        What::Gone => ("- gone", Tone::Remove),
        What::FirstSeen => ("+ first seen", Tone::Create),
    };
    let about = format!("{object}  (from {}, seen {})", key.source, shown(*seen));
    let _ = writeln!(
        text,
        "  {} {}/{}  {}{}",
        paint(tone, sign),
        key.id.kind,
        key.id.name,
        paint(Tone::Faint, about),
        by(*run)
    );
    let compared: Vec<_> = fields.iter().map(|f| (&f.path, (&f.before_text, &f.after_text, f.run))).collect();
    for fold in folds(&compared, false) {
        if let Some(field) = fold.at.first().and_then(|at| fields.get(*at)) {
            render_field(text, &fold, field);
        }
    }
}

fn render_field(text: &mut String, fold: &Fold, field: &FieldDifference) {
    let value = match (&field.before_text, &field.after_text) {
        (Some(before), Some(after)) => format!("{} → {after}", paint(Tone::Faint, before)),
        (None, Some(after)) => format!("{} {after}", paint(Tone::Create, "added")),
        (Some(before), None) => format!("{} {before}", paint(Tone::Remove, "removed")),
        (None, None) => String::new(),
    };
    let (path, how_many) = (&fold.path, fold.how_many());
    let _ = writeln!(text, "      {path:<28} {}{how_many}{}", paragraph(&value, 35), by(field.run));
}

fn by(run: Option<RunId>) -> String {
    run.map(|run| paint(Tone::Faint, format!("  by run {run}"))).unwrap_or_default()
}

fn summary(differences: &[Difference], from: Timestamp, to: Timestamp) -> String {
    let between = paint(Tone::Strong, format!("From {} to {}:", shown(from), shown(to)));
    let of = |what| differences.iter().filter(|difference| difference.what == what).count();
    let words: Vec<String> = [
        (of(What::Changed), "changed"),
        (of(What::Created), "created"),
        (of(What::Gone), "gone"),
        (of(What::FirstSeen), "first seen"),
    ]
    .iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, word)| format!("{} {word}", count(*n, "object")))
    .collect();
    if words.is_empty() {
        format!("{between} no difference.")
    } else {
        format!("{between} {}.", words.join(", "))
    }
}
