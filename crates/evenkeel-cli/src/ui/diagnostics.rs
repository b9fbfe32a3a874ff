//! Problems of manifests, each with its line and a caret.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use evenkeel_core::diagnostic::{Diagnostic, Severity};

use super::note;
use super::style::{Tone, count, paint};

/// Prints problems to standard error, with a line that counts them.
pub(crate) fn show_diagnostics(diagnostics: &[Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    let text: Vec<String> = diagnostics.iter().map(render).collect();
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let sum = match (errors, warnings) {
        (0, w) => paint(Tone::Warn, count(w, "warning")),
        (e, 0) => paint(Tone::Bad, count(e, "error")),
        (e, w) => {
            format!("{}, {}", paint(Tone::Bad, count(e, "error")), paint(Tone::Warn, count(w, "warning")))
        }
    };
    note(&format!("{}\n{sum}\n", text.join("\n")));
}

fn render(d: &Diagnostic) -> String {
    let level = match d.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let Some(place) = &d.location else {
        let group = level.primary_title(d.message.as_str()).elements(hint(d));
        return Renderer::styled().render(&[group]) + "\n";
    };
    let span = span(&d.source_line, place.column, d.length);
    let snippet = Snippet::source(d.source_line.as_str())
        .line_start(place.line)
        .path(place.file.as_str())
        .annotation(AnnotationKind::Primary.span(span));
    let group = level.primary_title(d.message.as_str()).element(snippet).elements(hint(d));
    Renderer::styled().render(&[group]) + "\n"
}

fn hint(d: &Diagnostic) -> Option<annotate_snippets::Message<'_>> {
    d.hint.as_deref().map(|hint| Level::HELP.with_name("hint").message(hint))
}

/// The bytes of `line` from a column (in characters, from 1) over `length` characters, within the line.
fn span(line: &str, column: usize, length: usize) -> std::ops::Range<usize> {
    let at = |chars: usize| line.char_indices().nth(chars).map_or(line.len(), |(i, _)| i);
    let start = at(column.saturating_sub(1));
    start..at(column.saturating_sub(1) + length.max(1)).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_characters() {
        assert_eq!(span("名前: x", 5, 1), 8..9);
        assert_eq!(span("ab", 9, 3), 2..2);
    }
}
