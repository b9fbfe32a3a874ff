//! A manifest file's text, with its lines.

use crate::diagnostic::{Diagnostic, Location, Severity};

/// Longer lines are shown without their end, and not at all where the problem stands behind this column.
const MAX_SHOWN_COLUMN: usize = 400;

/// A place in a [`Source`]: line and column from 1, columns and width in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// Line, from 1.
    pub(super) line: u32,
    /// Column in characters, from 1.
    pub(super) column: u32,
    /// How many characters of that line belong to it, at least 1.
    pub(super) width: u32,
}

/// The decoded text of one file.
#[derive(Debug)]
pub(super) struct Source {
    path: String,
    text: String,
    /// Byte offset of the first character of every line.
    lines: Vec<u32>,
}

impl Source {
    /// `text` is at most [`super::limits::FILE_BYTES`] long, so that offsets fit.
    pub(super) fn new(path: String, text: String) -> Self {
        let lines = line_starts(&text);
        Source { path, text, lines }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where each line starts, in bytes.
    pub(super) fn lines(&self) -> &[u32] {
        &self.lines
    }

    /// A line (from 1) without its line break; empty where there is none.
    pub(super) fn line(&self, number: u32) -> &str {
        let at = (number as usize).saturating_sub(1);
        let Some(&start) = self.lines.get(at) else { return "" };
        let end = self.lines.get(at + 1).map_or(self.text.len(), |&next| next as usize);
        self.text.get(start as usize..end).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// The same place, moved to the end of the text or line where it lies behind that.
    pub(super) fn within(&self, mark: Mark) -> Mark {
        let last = u32::try_from(self.lines.len()).unwrap_or(u32::MAX).max(1);
        if mark.line > last {
            let end = self.line(last).chars().count();
            return Mark { line: last, column: u32::try_from(end + 1).unwrap_or(u32::MAX), width: 1 };
        }
        let end = u32::try_from(self.line(mark.line).chars().count()).unwrap_or(u32::MAX);
        let column = mark.column.clamp(1, end.saturating_add(1));
        let width = mark.width.min(end.saturating_add(1).saturating_sub(column)).max(1);
        Mark { line: mark.line.max(1), column, width }
    }

    pub(super) fn location(&self, mark: Mark) -> Location {
        Location { file: self.path.clone(), line: mark.line as usize, column: mark.column as usize }
    }

    /// A problem at `mark`, with its line.
    pub(super) fn diagnostic(
        &self,
        mark: Mark,
        severity: Severity,
        message: String,
        hint: Option<String>,
    ) -> Diagnostic {
        let mark = self.within(mark);
        let source_line = if mark.column as usize > MAX_SHOWN_COLUMN {
            String::new()
        } else {
            self.line(mark.line).chars().take(MAX_SHOWN_COLUMN).collect()
        };
        let room = (MAX_SHOWN_COLUMN + 1).saturating_sub(mark.column as usize).max(1);
        Diagnostic {
            severity,
            message,
            location: Some(self.location(mark)),
            source_line,
            length: (mark.width as usize).min(room),
            hint,
        }
    }
}

/// YAML 1.2 knows LF, CR LF and CR as line breaks.
fn line_starts(text: &str) -> Vec<u32> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (at, byte) in bytes.iter().enumerate() {
        let ends = match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        if ends && at + 1 < bytes.len() {
            starts.push(u32::try_from(at + 1).unwrap_or(u32::MAX));
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_every_yaml_line_break() {
        let source = Source::new("a.yaml".into(), "a\r\nb\rc\n\nd\n".into());
        let lines: Vec<&str> = (1..=6).map(|n| source.line(n)).collect();
        assert_eq!(lines, ["a", "b", "c", "", "d", ""]);
    }

    #[test]
    fn a_place_behind_the_end_is_moved_to_the_end() {
        let source = Source::new("a.yaml".into(), "名前: x\n".into());
        let at = |line, column| source.within(Mark { line, column, width: 9 });
        assert_eq!(at(7, 3), Mark { line: 1, column: 6, width: 1 });
        assert_eq!(at(1, 5), Mark { line: 1, column: 5, width: 1 });
        assert_eq!(at(1, 99).column, 6);
    }

    #[test]
    fn a_very_long_line_is_shortened_and_left_out_where_the_place_is_behind() {
        let source = Source::new("a.yaml".into(), "x".repeat(10_000));
        let shown = |column| {
            let mark = Mark { line: 1, column, width: 5000 };
            source.diagnostic(mark, Severity::Error, String::new(), None)
        };
        assert_eq!(shown(10).source_line.len(), MAX_SHOWN_COLUMN);
        assert_eq!(shown(10).length, MAX_SHOWN_COLUMN - 9);
        assert_eq!(shown(5000).source_line, "");
    }
}
