//! Problems of manifests, each with its line and a caret.

use std::collections::HashMap;
use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Message, Renderer, Snippet};
use evenkeel_core::diagnostic::{Diagnostic, Severity};

use super::note;
use super::style::{Tone, count, paint};

/// So many different problems are shown; the rest is counted. One slip can make a thousand of them.
const SHOWN: usize = 50;

/// Of problems that differ in their place only, so many further places are named.
const PLACES: usize = 5;

/// Prints problems to standard error, with a line that counts them.
pub(crate) fn show_diagnostics(diagnostics: &[Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    let groups = alike(diagnostics);
    let mut text: String = groups.iter().take(SHOWN).map(|group| render(group) + "\n").collect();
    if let Some(more) = groups.len().checked_sub(SHOWN).filter(|n| *n > 0) {
        let _ = writeln!(text, "… and {} more; `--output json` lists all", count(more, "other problem"));
    }
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let sum = match (errors, warnings) {
        (0, w) => paint(Tone::Warn, count(w, "warning")),
        (e, 0) => paint(Tone::Bad, count(e, "error")),
        (e, w) => {
            format!("{}, {}", paint(Tone::Bad, count(e, "error")), paint(Tone::Warn, count(w, "warning")))
        }
    };
    note(&format!("{text}{sum}\n"));
}

/// Problems that differ in their place only, together, in order of first appearance.
fn alike(diagnostics: &[Diagnostic]) -> Vec<Vec<&Diagnostic>> {
    let mut groups: Vec<Vec<&Diagnostic>> = Vec::new();
    let mut known = HashMap::new();
    for d in diagnostics {
        let at = *known.entry((d.severity, &d.message, &d.hint)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(d),
            None => groups.push(vec![d]),
        }
    }
    groups
}

fn render(group: &[&Diagnostic]) -> String {
    let Some((d, others)) = group.split_first() else { return String::new() };
    let level = match d.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let also = also(others);
    let also = also.as_deref().map(|places| Level::NOTE.message(places));
    let hint = d.hint.as_deref().map(|hint| Level::HELP.with_name("hint").message(hint));
    let more: Vec<Message<'_>> = also.into_iter().chain(hint).collect();
    let Some(place) = &d.location else {
        return Renderer::styled().render(&[level.primary_title(d.message.as_str()).elements(more)]) + "\n";
    };
    let snippet = Snippet::source(d.source_line.as_str())
        .line_start(place.line)
        .path(place.file.as_str())
        .annotation(AnnotationKind::Primary.span(span(&d.source_line, place.column, d.length)));
    let group = level.primary_title(d.message.as_str()).element(snippet).elements(more);
    Renderer::styled().render(&[group]) + "\n"
}

/// `also at a.yaml:3:1, b.yaml:7:5 and 12 more`
fn also(others: &[&Diagnostic]) -> Option<String> {
    let places: Vec<String> = others.iter().filter_map(|d| Some(d.location.as_ref()?.to_string())).collect();
    let named = places.get(..PLACES).unwrap_or(&places).join(", ");
    match places.len().saturating_sub(PLACES) {
        _ if places.is_empty() => None,
        0 => Some(format!("also at {named}")),
        more => Some(format!("also at {named} and {more} more")),
    }
}

/// The bytes of `line` from a column (in characters, from 1) over `length` characters, within the line.
fn span(line: &str, column: usize, length: usize) -> std::ops::Range<usize> {
    let at = |chars: usize| line.char_indices().nth(chars).map_or(line.len(), |(i, _)| i);
    let start = at(column.saturating_sub(1));
    start..at(column.saturating_sub(1) + length.max(1)).max(start)
}

#[cfg(test)]
mod tests {
    use evenkeel_core::diagnostic::Location;

    use super::*;

    #[test]
    fn spans_count_characters() {
        assert_eq!(span("名前: x", 5, 1), 8..9);
        assert_eq!(span("ab", 9, 3), 2..2);
    }

    fn problem(message: &str, line: usize) -> Diagnostic {
        let location = Location { file: "a.yaml".into(), line, column: 1 };
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            location: Some(location),
            source_line: "x".into(),
            length: 1,
            hint: None,
        }
    }

    #[test]
    fn a_slip_repeated_in_every_document_is_shown_once_with_its_places() {
        let problems: Vec<Diagnostic> = (1..=9).map(|line| problem("same", line)).collect();
        let groups = alike(&problems);
        assert_eq!(groups.len(), 1);
        let text = anstream::adapter::strip_str(&render(&groups[0])).to_string();
        assert!(text.contains("a.yaml:1:1") && text.contains("a.yaml:6:1 and 3 more"), "{text}");
    }
}
