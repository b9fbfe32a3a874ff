//! Any bytes as a manifest and as a values file: no panic, and every problem has its place in the file.
#![no_main]

use std::sync::OnceLock;

use evenkeel_core::driver::Registry;
use evenkeel_core::manifest::{SourceFile, load};
use libfuzzer_sys::fuzz_target;

static REGISTRY: OnceLock<Registry> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let registry = REGISTRY.get_or_init(evenkeel_drivers::registry);
    let file = |path: &str| SourceFile { path: path.to_owned(), bytes: input.to_vec() };
    let loaded = load(registry, &[file("f.yaml")], &[file("v.yaml")], jiff::Timestamp::UNIX_EPOCH);
    let text = String::from_utf8_lossy(input);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines: Vec<&str> = text.split("\r\n").flat_map(|part| part.split(['\n', '\r'])).collect();
    for problem in &loaded.diagnostics {
        let Some(place) = &problem.location else { continue };
        let line = lines.get(place.line - 1).unwrap_or_else(|| panic!("no such line: {problem:?}"));
        assert!((1..=line.chars().count() + 1).contains(&place.column), "{problem:?}");
    }
    for instance in &loaded.instances {
        let nowhere = ["properties".to_owned(), "nothing".to_owned()];
        assert!(instance.node.locate(&nowhere).line <= lines.len());
    }
});
