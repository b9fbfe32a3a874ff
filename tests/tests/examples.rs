//! Every example, run as its reader would run it, against simulated hosts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::path::{Path, PathBuf};

use evenkeel_tests::site::Site;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn folders(below: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join(below)).unwrap().flatten().map(|e| e.path());
    let mut folders: Vec<PathBuf> = entries.filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}

#[test]
fn every_example_validates_plans_applies_and_then_has_nothing_to_send() {
    for folder in folders("examples") {
        let site = Site::of_the_demo();
        let path = folder.to_str().unwrap();
        site.work.expect(0, &["validate", path]);
        site.work.expect(2, &["plan", path]).says(&["Plan:", "to "]);
        site.work.expect(0, &["apply", "--auto-approve", path]).says(&["applied"]);
        site.work.expect(0, &["apply", "--auto-approve", path]).says(&["nothing was sent"]);
        site.work.expect(0, &["status", path]).says(&["InSync"]);
    }
}

#[test]
fn every_ready_manifest_validates() {
    let site = Site::of_the_demo();
    for folder in folders("manifests") {
        site.work.expect(0, &["validate", folder.to_str().unwrap()]);
    }
}

#[test]
fn an_overlay_of_values_overrides_name_by_name() {
    let site = Site::of_the_demo();
    let fleet = repository().join("examples/fleet");
    let overlay = fleet.join("lab.values.yaml");
    let (fleet, overlay) = (fleet.to_str().unwrap(), overlay.to_str().unwrap());
    site.work.expect(2, &["plan", fleet]).says(&["zstd-9", "keep"]);
    site.work.expect(2, &["plan", fleet, "--values", overlay]).says(&["lz4", "keep"]);
}

#[test]
fn every_example_file_tells_editors_its_schema_and_the_schema_is_there() {
    for folder in folders("examples").into_iter().chain(folders("manifests")) {
        for file in std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()) {
            let name = file.file_name().unwrap().to_str().unwrap();
            if name.contains("values") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let header = text.lines().next().unwrap();
            let schema = header
                .strip_prefix("# yaml-language-server: $schema=")
                .unwrap_or_else(|| panic!("{name} has no header"));
            assert!(file.parent().unwrap().join(schema).is_file(), "{name}: no {schema}");
        }
    }
}
