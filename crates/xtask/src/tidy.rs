//! Checks of the house: who depends on whom, how large files are, and that the map names every room.
//! (Function sizes are Clippy's: `too-many-lines-threshold` in clippy.toml.)

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Which crates of ours each crate may depend on. xtask, tests and the lab may use all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("evenkeel-core", &[]),
    ("evenkeel-drivers", &["evenkeel-core"]),
    ("evenkeel-transport", &["evenkeel-core"]),
    ("evenkeel-engine", &["evenkeel-core"]),
    ("evenkeel-store", &["evenkeel-core", "evenkeel-engine"]),
    ("evenkeel-source", &["evenkeel-core", "evenkeel-engine", "evenkeel-transport"]),
    ("evenkeel-server", &["evenkeel-core", "evenkeel-engine"]),
    ("evenkeel-notify", &["evenkeel-core", "evenkeel-engine"]),
    (
        "evenkeel-cli",
        &[
            "evenkeel-core",
            "evenkeel-drivers",
            "evenkeel-engine",
            "evenkeel-notify",
            "evenkeel-server",
            "evenkeel-source",
            "evenkeel-store",
            "evenkeel-transport",
        ],
    ),
];

/// Crates that do I/O or bring clocks and randomness: not for the pure crates.
const IMPURE: &[&str] = &["tokio", "russh", "reqwest", "rand", "fastrand", "futures-util", "async-trait"];

/// The longest a source file may be.
const MAX_LINES: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "common", "misc"];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = dependencies(root);
    let mut sources = Vec::new();
    for folder in ["benches", "crates", "tests", "fuzz"] {
        rust_files(&root.join(folder), &mut sources);
    }
    for file in &sources {
        let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().count();
        if lines > MAX_LINES {
            problems.push(format!(
                "{shown}: {lines} lines, more than {MAX_LINES}: which second idea wants its own file?"
            ));
        }
        let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let folder = file.parent().and_then(Path::file_name).and_then(|s| s.to_str()).unwrap_or_default();
        if shown.contains("/src/") && (EMPTY_NAMES.contains(&stem) || EMPTY_NAMES.contains(&folder)) {
            problems.push(format!("{shown}: name it by what is in it"));
        }
        if shown.contains("/src/") && !text.starts_with("//!") && !stem.ends_with("tests") {
            problems.push(format!("{shown}: say in a `//!` line what the file is about"));
        }
    }
    problems.extend(map_is_complete(root));
    problems.extend(crate::links::run(root));
    problems.extend(crate::runbook::run(root, &sources));
    problems
}

fn dependencies(root: &Path) -> Vec<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output();
    let Some(metadata) = output.ok().and_then(|o| serde_json::from_slice::<Value>(&o.stdout).ok()) else {
        return vec!["cargo metadata does not answer".to_owned()];
    };
    let mut problems = Vec::new();
    for package in metadata.get("packages").and_then(Value::as_array).into_iter().flatten() {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some((_, may)) = MAY_USE.iter().find(|(n, _)| *n == name) else { continue };
        let pure = matches!(name, "evenkeel-core" | "evenkeel-drivers");
        for dependency in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
            let uses = dependency.get("name").and_then(Value::as_str).unwrap_or_default();
            if !dependency.get("kind").is_none_or(Value::is_null) {
                continue; // Tests may use what they like.
            }
            if uses.starts_with("evenkeel") && !may.contains(&uses) {
                problems.push(format!(
                    "{name} must not depend on {uses} (docs/ARCHITECTURE.md, the table of crates)"
                ));
            }
            if pure && IMPURE.contains(&uses) {
                problems.push(format!("{name} is pure and must not depend on {uses}"));
            }
        }
    }
    problems
}

fn rust_files(folder: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != "target") {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// docs/ARCHITECTURE.md names every crate and every driver folder.
fn map_is_complete(root: &Path) -> Vec<String> {
    let map = std::fs::read_to_string(root.join("docs/ARCHITECTURE.md")).unwrap_or_default();
    let folders = |path: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten().filter(|e| e.path().is_dir());
        entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
    };
    let mut rooms = folders(&root.join("crates"));
    rooms.extend(
        folders(&root.join("crates/evenkeel-drivers/src")).into_iter().map(|name| format!("{name}/")),
    );
    rooms.sort();
    let missing = rooms.into_iter().filter(|room| !map.contains(room.as_str()));
    missing.map(|room| format!("docs/ARCHITECTURE.md: does not name {room}")).collect()
}
