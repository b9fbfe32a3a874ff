//! Any bytes as the controller's configuration and as a values file: no panic, every problem has its place in the file,
//! and what has no errors is what it says to be.
#![no_main]

use evenkeel_core::config::{SourceSpec, load};
use evenkeel_core::manifest::SourceFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let file = |path: &str| SourceFile { path: path.to_owned(), bytes: input.to_vec() };
    let loaded = load(&[file("f.yaml")], &[file("v.yaml")]);
    check_places(input, &load(&[file("f.yaml")], &[]));
    check_places(input, &loaded);
    if loaded.has_errors() {
        return;
    }
    let (_, controller) = loaded.controller.as_ref().expect("without errors there is a controller");
    for name in controller.webhooks.iter().flat_map(|webhook| &webhook.sources) {
        assert!(loaded.sources.contains_key(name), "{name} is no source");
    }
    for source in loaded.sources.values() {
        let reconcile = source.reconcile();
        assert!(reconcile.interval.as_seconds() > 0 && reconcile.caps.prune_percent <= 100);
        if let SourceSpec::Git(git) = source {
            assert!(!git.path.as_ref().is_some_and(|path| path.starts_with('/') || path.contains("../")));
            let text = serde_json::to_string(git).expect("a spec can be written");
            assert_eq!(git, &serde_json::from_str(&text).expect("what was written can be read"));
        }
    }
});

fn check_places(input: &[u8], loaded: &evenkeel_core::config::LoadedConfig) {
    let text = String::from_utf8_lossy(input);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines: Vec<&str> = text.split("\r\n").flat_map(|part| part.split(['\n', '\r'])).collect();
    for problem in &loaded.diagnostics {
        let Some(place) = &problem.location else { continue };
        let line = lines.get(place.line - 1).unwrap_or_else(|| panic!("no such line: {problem:?}"));
        assert!((1..=line.chars().count() + 1).contains(&place.column), "{problem:?}");
    }
}
