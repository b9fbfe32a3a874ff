//! The scanner's messages in words that help.

use super::super::source::{Mark, Source};

/// Parts of the scanner's messages, what they mean, and what to do.
const MEANINGS: &[(&str, &str, &str)] = &[
    ("tab", "a tab stands where only spaces may", "indent with spaces"),
    (
        "mapping values are not allowed",
        "a `: ` stands where no key can be",
        "check the indentation; text that holds `: ` wants quotes",
    ),
    (
        "simple key expect",
        "a line that should be `key: value` has no `:`",
        "write `key: value`, or indent the line",
    ),
    ("did not find expected key", "the line does not fit the mapping it stands in", "check its indentation"),
    (
        "expected '-' indicator",
        "the line does not fit the list it stands in",
        "start it with `- `, or check its indentation",
    ),
    (
        "expected ',' or ']'",
        "the list opened with `[` is not closed",
        "separate items with `,` and end with `]`",
    ),
    (
        "expected ',' or '}'",
        "the mapping opened with `{` is not closed",
        "separate fields with `,` and end with `}`",
    ),
    (
        "quoted scalar, found unexpected",
        "the quoted text is not closed",
        "end it with the quote it began with",
    ),
    (
        "unknown escape character",
        "no such escape in double quotes",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    (
        "unknown anchor",
        "the alias has no anchor of that name",
        "write `&name` before the value it stands for",
    ),
    ("invalid indentation", "the indentation fits no line above", "align it with the fields beside it"),
    ("misplaced bracket", "a closing bracket without an opening one", "take it away, or quote the text"),
    ("block sequence entries are not allowed", "a list cannot start here", "write `- ` on a line of its own"),
    ("unexpected character", "a plain text cannot start with this character", "put the text in quotes"),
    (
        "did not find expected <document",
        "the document has already ended here",
        "check the indentation, or separate documents with `---`",
    ),
    (
        "comment intercepting",
        "a comment stands within a text of several lines",
        "quote the text, or move the comment",
    ),
    ("recursion limit", "brackets stand too deep within each other", "nest less"),
    ("byte order mark", "a byte order mark stands within the file", "delete this invisible character"),
];

/// A message and a hint for a syntax error.
pub(super) fn explain(info: &str, source: &Source, mark: Mark) -> (String, Option<String>) {
    let line = source.line(mark.line);
    let variable = line.contains("${") && (line.contains('[') || line.contains("{ "));
    let known = MEANINGS.iter().find(|(part, _, _)| info.contains(part));
    let message = match known {
        Some((_, meaning, _)) => format!("not valid YAML: {meaning}"),
        None => format!("not valid YAML: {info}"),
    };
    let hint = if variable {
        Some("within [ ] and { } a variable wants quotes: \"${name}\"".to_owned())
    } else {
        known.map(|(_, _, hint)| (*hint).to_owned())
    };
    (message, hint)
}
