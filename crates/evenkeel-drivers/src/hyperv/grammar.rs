//! Every script is read by an independent parser of the language.

use super::scripts::{ARM, DISARM, INVOKE, OBSERVE, RESTORE};

/// The lines in which the parser of the language stumbles.
fn stumbles(text: &str) -> Vec<String> {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let tree = parser.parse(text, None).unwrap();
    let mut open = vec![tree.root_node()];
    let mut found = Vec::new();
    while let Some(node) = open.pop() {
        if node.is_error() || node.is_missing() {
            let line = node.start_position().row;
            found.push(format!("{}: {}", line + 1, text.lines().nth(line).unwrap_or_default()));
        }
        open.extend((0..node.child_count()).filter_map(|at| node.child(at)));
    }
    found
}

#[test]
fn every_script_is_powershell() {
    let restore = (std::borrow::Cow::Borrowed("restore"), RESTORE);
    let scripts = [OBSERVE, INVOKE, ARM, DISARM].map(|script| match (script.name, script.text) {
        (name, std::borrow::Cow::Borrowed(text)) => (name, text),
        (name, _) => panic!("{name} is not fixed"),
    });
    for (name, text) in scripts.into_iter().chain([restore]) {
        assert_eq!(stumbles(text), [""; 0], "{name}");
        assert!(text.is_ascii(), "{name}: code pages change what is not ASCII");
    }
    assert_ne!(stumbles("if ($x -eq ) {"), [""; 0]);
}
