//! A file's documents, and the scanner's events with places in the file.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScanError, Span, StrInput};

use super::super::source::{Mark, Source};

/// One piece of a file that can be read by itself, so that a syntax error ends no other document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its bytes in the file.
    pub(super) bytes: Range<usize>,
    /// How many lines stand before it.
    pub(super) lines_before: u32,
}

/// Cuts a file before every line that starts with `---`: YAML allows one nowhere but between documents.
/// Comments and directives stay with the document that follows them.
pub(super) fn pieces(source: &Source) -> impl Iterator<Item = Piece> {
    let text = source.text();
    let lines = source.lines();
    let mut next = 0;
    std::iter::from_fn(move || {
        let first = next;
        let start = *lines.get(first)? as usize;
        let mut has_content = false;
        while let Some(&at) = lines.get(next) {
            let line = text.get(at as usize..).unwrap_or_default();
            let begins = is_document_start(line);
            if begins && has_content {
                break;
            }
            has_content |=
                begins || !matches!(line.as_bytes().first(), None | Some(b'#' | b'%' | b'\n' | b'\r'));
            next += 1;
        }
        let end = lines.get(next).map_or(text.len(), |&at| at as usize);
        Some(Piece { bytes: start..end, lines_before: u32::try_from(first).unwrap_or(u32::MAX) })
    })
}

fn is_document_start(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// The events of one piece.
pub(super) struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    piece: &'a Piece,
    is_ascii: bool,
    /// The last character looked up, as its number and its byte: the scanner counts characters, not bytes.
    cursor: (usize, usize),
}

impl<'a> Events<'a> {
    pub(super) fn new(source: &'a Source, piece: &'a Piece) -> Self {
        let text = source.text().get(piece.bytes.clone()).unwrap_or_default();
        Events { parser: Parser::new_from_str(text), text, piece, is_ascii: text.is_ascii(), cursor: (0, 0) }
    }

    pub(super) fn next(&mut self) -> Option<Result<(Event<'a>, Span), ScanError>> {
        self.parser.next_event()
    }

    /// The place of a span, its width ending with its first line.
    pub(super) fn mark(&self, span: Span) -> Mark {
        let width = if span.start.line() == span.end.line() {
            span.end.col().saturating_sub(span.start.col()).max(1)
        } else {
            usize::MAX
        };
        self.place(span.start.line(), span.start.col(), width)
    }

    pub(super) fn error_mark(&self, error: &ScanError) -> Mark {
        self.place(error.marker().line(), error.marker().col(), 1)
    }

    fn place(&self, line: usize, column: usize, width: usize) -> Mark {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Mark {
            line: number(line).saturating_add(self.piece.lines_before),
            column: number(column).saturating_add(1),
            width: number(width),
        }
    }

    /// Where in the file `text` stands, if it is written at `span` as it is meant, quotes aside.
    pub(super) fn slice_of(&mut self, text: &str, span: Span) -> Option<(u32, u32)> {
        let start = self.byte_of(span.start.index())?;
        let begins = [start, start + 1];
        let found = begins.into_iter().find(|&at| self.text.get(at..at + text.len()) == Some(text))?;
        Some((u32::try_from(self.piece.bytes.start + found).ok()?, u32::try_from(text.len()).ok()?))
    }

    fn byte_of(&mut self, character: usize) -> Option<usize> {
        if self.is_ascii {
            return Some(character);
        }
        let (known, byte) = self.cursor;
        let ahead = character.checked_sub(known)?;
        let rest = self.text.get(byte..)?;
        let more = rest.char_indices().nth(ahead).map_or(rest.len(), |(at, _)| at);
        self.cursor = (character, byte + more);
        Some(byte + more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(String, u32)> {
        let source = Source::new("f".into(), text.into());
        pieces(&source).map(|p| (text[p.bytes].to_owned(), p.lines_before)).collect()
    }

    #[test]
    fn documents_are_cut_where_yaml_cuts_them() {
        assert_eq!(
            cut("a\n---\nb\n---x\n--- c"),
            [("a\n".into(), 0), ("---\nb\n---x\n".into(), 1), ("--- c".into(), 4)]
        );
        assert_eq!(cut("# head\n%YAML 1.2\n---\na\n").len(), 1);
        assert_eq!(cut("").len(), 1);
        assert_eq!(cut("a\r\n---\r\nb"), [("a\r\n".into(), 0), ("---\r\nb".into(), 1)]);
    }
}
