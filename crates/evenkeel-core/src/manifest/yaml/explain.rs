//! The scanner's messages in words that help.

use super::super::source::{Mark, Source};

const ESCAPE: (&str, &str) =
    ("no such escape in double quotes", "write `\\\\` for a backslash, or use single quotes");
const UNCLOSED_QUOTE: (&str, &str) =
    ("the quoted text is not closed", "end it with the quote that it began with");
const BAD_START: (&str, &str) = ("a plain text cannot start with this character", "put the text in quotes");

/// Parts of the scanner's messages, what they mean, and what to do. The first that fits counts.
const MEANINGS: &[(&str, (&str, &str))] = &[
    ("tab", ("a tab stands where only spaces may", "indent with spaces")),
    (
        "mapping values are not allowed",
        ("a `: ` stands where no key can be", "check the indentation; text that holds `: ` wants quotes"),
    ),
    (
        "simple key expect",
        ("a line that should be `key: value` has no `:`", "write `key: value`, or indent the line"),
    ),
    (
        "did not find expected key",
        ("the line does not fit the mapping that it stands in", "check its indentation"),
    ),
    (
        "expected '-' indicator",
        ("the line does not fit the list that it stands in", "start it with `- `, or check its indentation"),
    ),
    (
        "expected ',' or ']'",
        ("the list is not closed, or a `,` is missing", "separate items with `,` and end with `]`"),
    ),
    (
        "expected ',' or '}'",
        ("the mapping is not closed, or a `,` is missing", "separate fields with `,` and end with `}`"),
    ),
    ("quoted scalar, found unexpected", UNCLOSED_QUOTE),
    ("indentation in quoted scalar", UNCLOSED_QUOTE),
    ("escape character", ESCAPE),
    ("hexadecimal number", ESCAPE),
    (
        "unknown anchor",
        ("the alias has no anchor of that name", "write `&name` before the value that it stands for"),
    ),
    ("scanning an anchor or alias", BAD_START),
    (
        "scanning a block scalar, did not find",
        ("text stands beside `|` or `>`", "begin it on the next line, indented"),
    ),
    ("invalid indentation", ("the indentation fits no line above", "align it with the fields beside it")),
    ("misplaced bracket", ("a closing bracket without an opening one", "take it away, or quote the text")),
    (
        "block sequence entries are not allowed",
        ("a list cannot start here", "write `- ` on a line of its own"),
    ),
    ("unexpected character", BAD_START),
    (
        "did not find expected <document",
        ("the document has already ended here", "check the indentation, or separate documents with `---`"),
    ),
    (
        "comment intercepting",
        ("a comment stands within a text of several lines", "quote the text, or move the comment"),
    ),
    ("recursion limit", ("brackets stand too deep within each other", "nest less")),
    ("byte order mark", ("a byte order mark stands within the file", "delete this invisible character")),
];

/// A message and a hint for a syntax error.
pub(super) fn explain(info: &str, source: &Source, mark: Mark) -> (String, Option<String>) {
    let known = MEANINGS.iter().find(|(part, _)| info.contains(part)).map(|(_, meaning)| meaning);
    let meaning = known.map_or(info, |(meaning, _)| meaning);
    let hint = by_look(source, mark).or_else(|| known.map(|(_, hint)| (*hint).to_owned()));
    (format!("not valid YAML: {meaning}"), hint)
}

/// Mistakes that show in the text better than in what the scanner says.
fn by_look(source: &Source, mark: Mark) -> Option<String> {
    let line = source.line(mark.line);
    if line.contains("${") && (line.contains('[') || line.contains("{ ")) {
        return Some("within [ ] and { } a variable wants quotes: \"${name}\"".to_owned());
    }
    // The scanner often notices one line late.
    let near = [mark.line, mark.line.saturating_sub(1)];
    near.into_iter().find_map(|number| {
        let character = match source.line(number).trim() {
            line if lacks_space_after_dash(line) => '-',
            line if lacks_space_after_colon(line) => ':',
            _ => return None,
        };
        Some(format!("a space is missing after the `{character}` in line {number}"))
    })
}

/// True for `-item`.
fn lacks_space_after_dash(line: &str) -> bool {
    line.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric()))
}

/// True for `key:value`.
fn lacks_space_after_colon(line: &str) -> bool {
    let key = line.split_once(':').map_or("", |(key, _)| key);
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
    is_plain && !line.contains(": ") && !line.ends_with(':') && !line.contains("://")
}
