//! Bytes to text.

use super::super::limits;
use super::super::source::{Mark, Source};
use crate::diagnostic::{Diagnostic, Severity};

/// The text of a file, or the one problem that keeps it from being text.
pub(in crate::manifest) fn decode(path: &str, bytes: &[u8]) -> Result<Source, Box<Diagnostic>> {
    if bytes.len() > limits::FILE_BYTES {
        let message = format!("the file is larger than the limit of {} bytes", limits::FILE_BYTES);
        return Err(Box::new(whole_file(path, message, "split it into several files")));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Box::new(whole_file(
            path,
            "the file is UTF-16, not UTF-8".to_owned(),
            "save it as UTF-8",
        )));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => printable(Source::new(path.to_owned(), text.to_owned())),
        Err(error) => {
            let (good, rest) = bytes.split_at_checked(error.valid_up_to()).unwrap_or((bytes, &[]));
            let byte = rest.first().copied().unwrap_or_default();
            let message = format!("the file is not UTF-8: byte 0x{byte:02x} is not part of a character");
            let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
            let text = String::from_utf8_lossy(good).into_owned();
            let at = text.len();
            let source = Source::new(path.to_owned(), text + &line);
            let hint = Some("save the file as UTF-8".to_owned());
            Err(Box::new(source.diagnostic(mark_at(&source, at), Severity::Error, message, hint)))
        }
    }
}

/// Control characters are no part of YAML; a NUL would end the text unseen.
fn printable(source: Source) -> Result<Source, Box<Diagnostic>> {
    let is_bad = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    let Some(at) = source.text().find(is_bad) else { return Ok(source) };
    let code = source.text().get(at..).and_then(|rest| rest.chars().next()).map_or(0, u32::from);
    let message = format!("the control character U+{code:04X} is not allowed in YAML");
    let hint =
        Some("take it out, or write it as an escape in double quotes, for instance \"\\x1b\"".to_owned());
    Err(Box::new(source.diagnostic(mark_at(&source, at), Severity::Error, message, hint)))
}

fn mark_at(source: &Source, byte: usize) -> Mark {
    let before = source.lines().partition_point(|&start| start as usize <= byte);
    let start = before.checked_sub(1).and_then(|at| source.lines().get(at)).map_or(0, |&s| s as usize);
    let column = source.text().get(start..byte).unwrap_or_default().chars().count() + 1;
    Mark {
        line: u32::try_from(before.max(1)).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        width: 1,
    }
}

fn whole_file(path: &str, message: String, hint: &str) -> Diagnostic {
    let source = Source::new(path.to_owned(), String::new());
    let mark = Mark { line: 1, column: 1, width: 1 };
    source.diagnostic(mark, Severity::Error, message, Some(hint.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(bytes: &[u8]) -> (String, String, String) {
        let d = *decode("f.yaml", bytes).unwrap_err();
        (d.location.unwrap().to_string(), d.source_line, d.message)
    }

    #[test]
    fn the_first_bad_byte_is_shown_in_its_line() {
        let (place, line, message) = problem(
            "a: 1\nプール: x"
                .as_bytes()
                .iter()
                .copied()
                .chain(*b"\xe3\x81y\nz")
                .collect::<Vec<_>>()
                .as_slice(),
        );
        assert_eq!(place, "f.yaml:2:7");
        assert_eq!(line, "プール: x\u{fffd}y");
        assert_eq!(message, "the file is not UTF-8: byte 0xe3 is not part of a character");
    }

    #[test]
    fn control_characters_are_refused_where_they_stand() {
        assert_eq!(problem(b"a: 1\nb: \0c").0, "f.yaml:2:4");
        assert!(problem(b"\x1b[31m").2.contains("U+001B"));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(decode("f", "\u{feff}a: 1".as_bytes()).unwrap().text(), "a: 1");
        assert!(problem(b"\xff\xfea\0").2.contains("UTF-16"));
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        assert!(problem(&vec![b'a'; limits::FILE_BYTES + 1]).2.contains("larger than the limit"));
    }
}
