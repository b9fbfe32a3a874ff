//! Scalars keep what the user meant.

use serde_json::json;

use super::*;

fn spec_of(text: &str) -> (Loaded, Vec<String>) {
    let loaded = load_text(text);
    let found = lines(&loaded);
    (loaded, found)
}

#[test]
fn text_is_what_was_written() {
    for written in [
        "off",
        "on",
        "yes",
        "no",
        "true",
        "False",
        "0755",
        "0o17",
        "1.10",
        "1e3",
        "12:30:00",
        "1:2",
        "+5",
        "10G",
        "2027-03-31",
        "1_000",
        "0x1F",
        ".5",
        "a b",
        "sync=disabled",
        "com.acme:x",
        "a#b",
        "プール",
        "-1",
        "18446744073709551616",
        ".inf",
        "y",
        "n",
        "=",
        "http://x/y",
    ] {
        let (loaded, found) = spec_of(&toy_text(&format!("target: t\nlabel: {written}")));
        assert_eq!(found, Vec::<String>::new(), "{written}");
        assert_eq!(loaded.instances[0].object, written);
    }
}

#[test]
fn quotes_blocks_and_tags_are_text() {
    for (written, read) in [
        ("'it''s'", "it's"),
        ("\"a\\tb\\u00e9\"", "a\tbé"),
        ("''", ""),
        ("'~'", "~"),
        ("!!str null", "null"),
        ("! 5", "5"),
        ("|\n    two\n    lines", "two\nlines\n"),
        (">-\n    two\n    lines", "two lines"),
        ("a\n    b", "a b"),
    ] {
        let (loaded, found) = spec_of(&toy_text(&format!("target: t\nlabel: {written}")));
        assert_eq!(found, Vec::<String>::new(), "{written}");
        assert_eq!(loaded.instances[0].object, read, "{written}");
    }
}

#[test]
fn values_of_any_type_are_numbers_only_where_that_loses_nothing() {
    for (written, read) in [
        ("5", json!(5)),
        ("-5", json!(-5)),
        ("1.5", json!(1.5)),
        ("true", json!(true)),
        ("off", json!("off")),
        ("0755", json!("0755")),
        ("1.10", json!("1.10")),
        ("12:30:00", json!("12:30:00")),
        ("1e3", json!("1e3")),
        ("'5'", json!("5")),
        ("18446744073709551616", json!("18446744073709551616")),
        ("[1, a, ~]", json!([1, "a", null])),
        ("{ on: yes }", json!({ "on": "yes" })),
    ] {
        let (loaded, found) = spec_of(&toy_text(&format!("target: t\nlabel: x\nanything: {written}")));
        assert_eq!(found, Vec::<String>::new(), "{written}");
        let spec: &toy::Spec = loaded.instances[0].spec.downcast_ref().unwrap();
        assert_eq!(spec.anything, Some(read), "{written}");
    }
}

#[test]
fn numbers_and_enums_that_are_asked_for() {
    let (loaded, found) = spec_of(&toy_text(
        "target: t\nlabel: x\ncount: 0x10\nweight: 3\nsize: { custom: { width: 0o17 } }\nitems:\n- { name: 7, number: +5 }\nfragile: TRUE",
    ));
    assert_eq!(found, Vec::<String>::new());
    let spec: &toy::Spec = loaded.instances[0].spec.downcast_ref().unwrap();
    assert_eq!((spec.count, spec.weight, spec.fragile), (Some(16), Some(3.0), Some(true)));
    assert_eq!(spec.size, Some(toy::Size::Custom { width: 15 }));
    assert_eq!((spec.items[0].name.as_str(), spec.items[0].number), ("7", 5));
}

#[test]
fn null_is_as_good_as_not_written_for_what_may_be_left_out() {
    let (loaded, found) = spec_of(&toy_text("target: t\nlabel: x\ncount: ~\nfragile:\nsize: null"));
    assert_eq!(found, Vec::<String>::new());
    let spec: &toy::Spec = loaded.instances[0].spec.downcast_ref().unwrap();
    assert_eq!((spec.count, spec.fragile, spec.size), (None, None, None));
}

#[test]
fn line_breaks_and_byte_order_marks_change_nothing() {
    let text = toy_text("target: t\nlabel: x\ncount: bad\n");
    let expected = lines(&load_text(&text));
    assert_eq!(expected.len(), 1);
    assert_eq!(lines(&load_text(text.replace('\n', "\r\n"))), expected);
    assert_eq!(lines(&load_text(text.replace('\n', "\r"))), expected);
    assert_eq!(lines(&load_text(format!("\u{feff}{text}"))), expected);
    assert_eq!(lines(&load_text(format!("%YAML 1.2\n---\n{text}")))[0].replace(":15:", ":13:"), expected[0]);
}

#[test]
fn anchors_and_aliases_stand_for_their_values() {
    let (loaded, found) = spec_of(&toy_text(
        "target: &name t\nlabel: *name\nproperties: &p { a: on }\nanything: [*p, *p]\ncount: *name",
    ));
    assert_eq!(
        found,
        ["f.yaml:15:10: error: expected a whole number, found the text \"t\" (write digits, without a unit)"]
    );
    assert_eq!(loaded.resources, 1);
    let (loaded, _) =
        spec_of(&toy_text("target: &name t\nlabel: *name\nproperties: &p { a: on }\nanything: [*p, *p]"));
    let spec: &toy::Spec = loaded.instances[0].spec.downcast_ref().unwrap();
    assert_eq!(spec.anything, Some(json!([{ "a": "on" }, { "a": "on" }])));
}
