//! What holds for any input.

use proptest::prelude::*;

use super::*;
use crate::manifest::problems::Problems;
use crate::manifest::source::Source;
use crate::manifest::yaml::{self, Kind, Style, Tree};

/// Pieces that YAML and manifests are made of, so that random text gets past the first character.
const WORDS: &[&str] = &[
    "a",
    "プ",
    "\u{feff}",
    "\t",
    "  ",
    " ",
    "\n",
    "\r\n",
    "\r",
    "---\n",
    "...\n",
    "- ",
    ": ",
    ":",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "&x ",
    "*x",
    "!!str ",
    "!t ",
    "# c",
    "%YAML 1.2\n",
    "<<",
    "${",
    "}",
    "$${x}",
    "null",
    "~",
    "\\",
    "\u{0}",
    "kind: Toy\n",
    "spec:\n",
    "apiVersion: evenkeel.dev/v1alpha1\n",
    "metadata: {name: a}\n",
    "target: t\n",
    "label: x\n",
    "dependsOn: [Toy/a]\n",
    "\u{85}",
    "\u{2028}",
    "0",
    "-",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 0..60).prop_map(|words| words.concat())
}

/// Every place lies within its file, and its line is the file's line.
fn check_places(bytes: &[u8]) {
    let loaded = load_files(&[file("f.yaml", bytes)], &[file("v.yaml", bytes)]);
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines: Vec<&str> = text.split("\r\n").flat_map(|part| part.split(['\n', '\r'])).collect();
    for d in &loaded.diagnostics {
        let place = d.location.as_ref().unwrap();
        let line = lines.get(place.line - 1).unwrap_or_else(|| panic!("{place} of {} lines", lines.len()));
        assert!(place.column >= 1 && place.column <= line.chars().count() + 1, "{place} in {line:?}");
        assert!(
            d.length >= 1 && place.column - 1 + d.length <= line.chars().count().max(place.column),
            "{d:?}"
        );
        if std::str::from_utf8(bytes).is_ok() {
            assert_eq!(&d.source_line, line);
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Written {
    Text(String),
    List(Vec<Written>),
    Map(std::collections::BTreeMap<String, Written>),
}

fn written() -> impl Strategy<Value = Written> {
    let scalar = prop_oneof![any::<String>(), "[ -~]{0,12}", "[ぁ-ん:#\\-]{0,6}"];
    let scalar = scalar.prop_map(|text| {
        let printable = |c: &char| !c.is_control() && !matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        text.chars().filter(printable).collect::<String>()
    });
    let leaf = scalar.clone().prop_map(Written::Text);
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Written::List),
            prop::collection::btree_map(scalar.clone(), inner, 0..5).prop_map(Written::Map),
        ]
    })
}

/// JSON is YAML: written by `serde_json`, every text must come back as it was.
fn to_json(value: &Written) -> serde_json::Value {
    match value {
        Written::Text(text) => serde_json::Value::String(text.clone()),
        Written::List(items) => items.iter().map(to_json).collect(),
        Written::Map(fields) => fields.iter().map(|(k, v)| (k.clone(), to_json(v))).collect(),
    }
}

/// Block style, scalars in single quotes.
fn to_block(value: &Written, indent: usize, out: &mut String) {
    let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let pad = " ".repeat(indent);
    match value {
        Written::Text(text) => *out += &format!(" {}\n", quote(text)),
        Written::List(items) if items.is_empty() => *out += " []\n",
        Written::Map(fields) if fields.is_empty() => *out += " {}\n",
        Written::List(items) => {
            *out += "\n";
            for item in items {
                *out += &format!("{pad}-");
                to_block(item, indent + 2, out);
            }
        }
        Written::Map(fields) => {
            *out += "\n";
            for (key, item) in fields {
                *out += &format!("{pad}{}:", quote(key));
                to_block(item, indent + 2, out);
            }
        }
    }
}

fn read_back(tree: &Tree, file: &str) -> Written {
    match &tree.kind {
        Kind::Scalar { text, style } => {
            assert_eq!(*style, Style::Text);
            Written::Text(text.get(file).to_owned())
        }
        Kind::List(items) => Written::List(items.iter().map(|item| read_back(item, file)).collect()),
        Kind::Map(entries) => Written::Map(
            entries.iter().map(|e| (e.key.get(file).to_owned(), read_back(&e.value, file))).collect(),
        ),
    }
}

fn parse_one(text: &str) -> Written {
    let source = std::sync::Arc::new(Source::new("f".into(), text.into()));
    let mut problems = Problems::default();
    let trees = yaml::parse(&source, &mut problems);
    let found = problems.into_diagnostics();
    assert!(found.is_empty(), "{found:?}\n{text}");
    assert_eq!(trees.len(), 1, "{text}");
    read_back(&trees[0], source.text())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_well(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check_places(&bytes);
    }

    #[test]
    fn any_text_ends_well(text in text()) {
        check_places(text.as_bytes());
    }

    #[test]
    fn what_is_written_is_read(value in written()) {
        let json = to_json(&value).to_string();
        prop_assert_eq!(&parse_one(&format!("--- {json}\n")), &value);
        let mut block = "---".to_owned();
        to_block(&value, 0, &mut block);
        prop_assert_eq!(&parse_one(&block), &value);
    }
}
