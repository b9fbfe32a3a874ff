//! Every example, run as its reader would run it, against simulated hosts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::collections::BTreeSet;
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

/// Where the manifests of an example are. One for the controller holds its configuration, too.
fn manifests(example: &Path) -> PathBuf {
    if example.join("evenkeel.yaml").is_file() { example.join("manifests") } else { example.to_path_buf() }
}

#[test]
fn every_configuration_of_the_controller_validates_with_its_manifests() {
    let site = Site::of_the_demo();
    let mut checked = 0;
    for folder in folders("examples") {
        let (config, manifests) = (folder.join("evenkeel.yaml"), manifests(&folder));
        if config.is_file() {
            let args = ["validate", "--config", config.to_str().unwrap(), manifests.to_str().unwrap()];
            let ran = site.work.expect(0, &args);
            ran.says(&[
                "valid: the configuration in ",
                "1 source and 2 secrets; 2 resources on 2 targets in 2 files",
            ]);
            assert_eq!(ran.stderr, "", "no warnings");
            checked += 1;
        }
    }
    assert_eq!(checked, 1);
}

/// Examples for other hosts than the demo's, with the test that runs each.
const ELSEWHERE: [(&str, &str); 13] = [
    ("backup-offsite", "backups/nights.rs"),
    ("backup-vzdump", "backups/cli.rs"),
    ("esxi-nfs", "path_policies.rs"),
    ("esxi-paths", "esxi.rs"),
    ("hyperv-fleet", "hyperv_manifests.rs"),
    ("hyperv-switch", "hyperv_manifests.rs"),
    ("incus-template", "incus.rs"),
    ("lxc-template", "container_templates.rs"),
    ("openvz-template", "container_templates.rs"),
    ("openvz-template-sabayon", "container_templates.rs"),
    ("pve-jobs", "pve.rs"),
    ("vm-clones", "inventory/example.rs"),
    ("zfs-snapshots", "real_zfs_snapshots.rs"),
];

#[test]
fn every_example_validates_plans_applies_and_then_has_nothing_to_send() {
    for folder in folders("examples") {
        let site = Site::of_the_demo();
        let path = manifests(&folder);
        let path = path.to_str().unwrap();
        site.work.expect(0, &["validate", path]);
        let elsewhere = |(name, _): &(&str, &str)| folder.file_name().is_some_and(|folder| folder == *name);
        if let Some((name, test)) = ELSEWHERE.into_iter().find(elsewhere) {
            let text = std::fs::read_to_string(repository().join("tests/tests").join(test)).unwrap();
            assert!(text.contains(name), "{test} does not run {name}");
            continue;
        }
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
    let examples = folders("examples");
    let below: Vec<PathBuf> = examples.iter().map(|folder| manifests(folder)).collect();
    let all: BTreeSet<PathBuf> = examples.into_iter().chain(below).chain(folders("manifests")).collect();
    for folder in all {
        for file in std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()) {
            let name = file.file_name().unwrap().to_str().unwrap();
            if name.contains("values") || Path::new(name).extension().is_none_or(|e| e != "yaml") {
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
