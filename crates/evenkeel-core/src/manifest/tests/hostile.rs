//! Hostile files end in few errors, whatever they ask for. Time and memory are bounded by the limits that these
//! tests count; `benches` measure them.

use super::*;
use crate::manifest::{MAX_FILE_BYTES, limits};

/// The messages, without places and hints.
fn messages(text: impl AsRef<[u8]>) -> Vec<String> {
    load_text(text).diagnostics.into_iter().map(|d| d.message).collect()
}

fn one(text: impl AsRef<[u8]>, part: &str) {
    let found = messages(text);
    assert!(found.len() == 1 && found[0].contains(part), "{part}: {found:#?}");
}

#[test]
fn billion_laughs() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    one(text, "aliases stand for more than");
}

#[test]
fn a_large_anchor_with_many_aliases() {
    let items = vec!["x"; 20_000].join(", ");
    let aliases = vec!["*a"; 20_000].join(", ");
    one(format!("a: &a [{items}]\nb: [{aliases}]\n"), "aliases stand for more than");
}

#[test]
fn anchors_within_anchors() {
    let text = "&a [".repeat(60) + &"x, ".repeat(50_000) + &"]".repeat(60);
    one(text, "aliases stand for more than");
}

#[test]
fn aliases_that_grow_in_depth() {
    let mut text = "a0: &a0 [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n".to_owned();
    for level in 1..50 {
        text += &format!("a{level}: &a{level} [[[[[*a{}]]]]]\n", level - 1);
    }
    one(text, "deep within each other");
}

#[test]
fn deep_nesting() {
    one("[".repeat(10_000), "deep within each other");
    one("{a: ".repeat(10_000), "deep within each other");
    one("- ".repeat(10_000), "deep within each other");
    let indented: String = (0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    one(indented, "deep within each other");
    one("? ".repeat(10_000), "deep within each other");
}

#[test]
fn one_huge_scalar() {
    one(vec![b'a'; MAX_FILE_BYTES + 1], "larger than the limit");
    one("a: ".to_owned() + &"x".repeat(MAX_FILE_BYTES - 3), "the document has more than");
    one("\"".to_owned() + &"x".repeat(limits::DOCUMENT_BYTES - 2), "not closed");
}

#[test]
fn a_million_documents() {
    one("---\n".repeat(1_000_000), "more than 100000 documents");
    let found = messages("--- x\n".repeat(1_000_000));
    assert!(found.len() <= limits::PROBLEMS + 1, "{}", found.len());
    let found = messages("--- [\n".repeat(1_000_000));
    assert!(found.len() <= limits::PROBLEMS + 1, "{}", found.len());
}

#[test]
fn a_million_values() {
    let document = "---\n[".to_owned() + &"x,".repeat(500_000) + "]\n";
    let found = messages(document.repeat(3));
    assert!(found.iter().any(|m| m.contains("the file has more than")), "{found:?}");
    one("- x\n".repeat(300_000), "the document has more than");
}

#[test]
fn a_million_problems() {
    let keys: String = (0..100_000).map(|n| format!("  k{n}: x\n")).collect();
    let found = messages(toy_text("target: t\nlabel: x\n") + &keys[..900_000]);
    assert!(found.len() <= limits::PROBLEMS + 1, "{}", found.len());
    let same = "a: 1\n".repeat(200_000);
    let found = messages(same);
    assert!(found.len() <= limits::PROBLEMS + 1, "{}", found.len());
}

#[test]
fn many_items_of_the_wrong_type() {
    let found =
        messages(toy_text(&("target: t\nlabel: x\nitems: [".to_owned() + &"x,".repeat(100_000) + "]\n")));
    assert!(found.len() <= limits::ROUNDS, "{}", found.len());
}
