//! The mistakes that people make in YAML, and what is said about them.

use super::*;

/// Place in the spec, message and hint of the first problem.
fn slip(spec: &str) -> (String, String, String) {
    let loaded = load_text(toy_text(spec));
    let d = loaded.diagnostics.into_iter().next().unwrap_or_else(|| panic!("no problem in\n{spec}"));
    let place = d.location.unwrap();
    let message = d.message.trim_start_matches("not valid YAML: ").to_owned();
    (format!("{}:{}", place.line + 1 - SPEC_LINE, place.column), message, d.hint.unwrap_or_default())
}

fn check(cases: &[(&str, &str, &str, &str)]) {
    for (spec, place, message, hint) in cases {
        let expected = ((*place).to_owned(), (*message).to_owned(), (*hint).to_owned());
        assert_eq!(slip(spec), expected, "{spec}");
    }
}

#[test]
fn slips_in_indentation() {
    check(&[
        (
            "target: t\nlabel:x\ncount: 1",
            "3:3",
            "a line that should be `key: value` has no `:`",
            "a space is missing after the `:` in line 12",
        ),
        (
            "properties:\n    a: 1\n   b: 2",
            "3:6",
            "the line does not fit the mapping that it stands in",
            "check its indentation",
        ),
        ("properties:\n\ta: 1", "2:4", "a tab stands where only spaces may", "indent with spaces"),
    ]);
}

#[test]
fn slips_in_quotes_and_brackets() {
    const QUOTES: &str = "put the text in quotes";
    check(&[
        (
            "label: because: reasons",
            "1:17",
            "a `: ` stands where no key can be",
            "check the indentation; text that holds `: ` wants quotes",
        ),
        (
            "label: \"abc\ncount: 1",
            "1:10",
            "the quoted text is not closed",
            "end it with the quote that it began with",
        ),
        (
            "properties: { a: 1, b: 2",
            "1:15",
            "the mapping is not closed, or a `,` is missing",
            "separate fields with `,` and end with `}`",
        ),
        (
            "properties: { a: 1 b: 2 }",
            "1:23",
            "the mapping is not closed, or a `,` is missing",
            "separate fields with `,` and end with `}`",
        ),
        (
            "properties: { a: 1 }}",
            "1:23",
            "a closing bracket without an opening one",
            "take it away, or quote the text",
        ),
        ("label: %d", "1:10", "a plain text cannot start with this character", QUOTES),
        ("label: @home", "1:10", "a plain text cannot start with this character", QUOTES),
        ("label: *", "1:10", "a plain text cannot start with this character", QUOTES),
        (
            "label: \"C:\\Users\"",
            "1:10",
            "no such escape in double quotes",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        ("label: | abc", "1:10", "text stands beside `|` or `>`", "begin it on the next line, indented"),
        (
            "items:\n-name\nlabel: x",
            "3:3",
            "a line that should be `key: value` has no `:`",
            "a space is missing after the `-` in line 12",
        ),
    ]);
}

#[test]
fn slips_in_form() {
    const NAME_VALUE: &str = "write `name: value`, with a space after the `:`";
    const LOOKS: &str = "it holds a wide or no-break character that looks like a space or `:`";
    check(&[
        (
            "target: t\nlabel: x\nitems:\n  -name",
            "4:5",
            "expected a list, found the text \"-name\"",
            "a list item wants a space after its `-`",
        ),
        (
            "properties:\n- a: 1\ntarget: t\nlabel: x",
            "2:5",
            "expected a mapping, found a list",
            "take the `- ` before its fields away",
        ),
        (
            "properties:\n  a=1\ntarget: t\nlabel: x",
            "2:5",
            "expected a mapping, found the text \"a=1\"",
            NAME_VALUE,
        ),
        (
            "properties:\n  a:\u{a0}1\ntarget: t\nlabel: x",
            "2:5",
            "expected a mapping, found the text \"a:\u{a0}1\"",
            LOOKS,
        ),
        (
            "properties:\n  名前：値\ntarget: t\nlabel: x",
            "2:5",
            "expected a mapping, found the text \"名前：値\"",
            LOOKS,
        ),
        (
            "target: t\nlabel: !important",
            "2:10",
            "the tag `!important` is not supported",
            "take the tag away",
        ),
    ]);
}

#[test]
fn a_manifest_that_begins_without_a_separator_is_one_problem() {
    let text = toy_text("target: t\nlabel: x\n");
    let (_, toy) = text.split_once("---\n").unwrap();
    assert_eq!(
        lines(&load_text(format!("{text}{toy}"))),
        [
            "f.yaml:13:1: error: the key `apiVersion` is written twice in this mapping (if another manifest begins here, write `---` before it)"
        ]
    );
}

#[test]
fn an_empty_spec_is_shown_at_its_key() {
    let text = "apiVersion: evenkeel.dev/v1alpha1\nkind: Toy\nmetadata: { name: a }\nspec:\n";
    assert_eq!(
        lines(&load_text(text)),
        ["f.yaml:4:1: error: expected a mapping of fields, found nothing (null)"]
    );
}
