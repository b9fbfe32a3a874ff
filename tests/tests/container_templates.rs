//! Templates on an OpenVZ host as two articles of 2011 and 2014 tell of it, and on a node of Proxmox VE: the examples, run as
//! their reader would run them, and what they say where a host lacks what a template needs. The hosts are simulated.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::path::Path;

use evenkeel_lab::site::{openvz_host, pve_host};
use evenkeel_tests::site::Site;

fn example(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("examples").join(name).join("template.yaml").to_str().unwrap().to_owned()
}

/// The example in the work folder, where its target is that of the lab, with `edit` done to its text.
fn put(site: &Site, name: &str, edit: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(example(name)).unwrap();
    site.work.write("template.yaml", &edit(text));
}

#[test]
fn the_article_on_updating_a_template_plays_through() {
    let site = Site::with(vec![openvz_host(0)]);
    // First without what the article adds in 2014: its errors, as the host says them.
    let without_limits = |text: String| {
        let template =
            text.split_once("---\n").unwrap().1.replace("dependsOn: [OpenvzHost/ovz1]", "suspend: false");
        let (before, rest) = template.split_once("      limits:").unwrap();
        let (_, after) = rest.split_once("    provision:").unwrap();
        format!("{before}    provision:{after}")
    };
    put(&site, "openvz-template", without_limits);
    site.work.expect(2, &["plan"]).says(&["vzctl create will fail", "kind OpenvzHost"]);
    site.work.expect(1, &["apply", "--auto-approve"]).says(&[
        "diskspace quota not set",
        "this was `vzctl create 555 ",
        "all that was said is in /var/log/evenkeel/scientific-6-standard_6.0-@yyyyMMdd_i386.log on ovz1",
    ]);
    // Nothing of it is left, so that the next run has the same to do.
    site.work.expect(2, &["plan"]).says(&["1 to update"]);
    put(&site, "openvz-template", |text| {
        let (before, rest) = text.split_once("      limits:").unwrap();
        let (_, after) = rest.split_once("    provision:").unwrap();
        format!("{before}    provision:{after}")
    });
    site.work.expect(1, &["apply", "--auto-approve"]).says(&["required UB parameter"]);
    put(&site, "openvz-template", |text| text);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
    site.work.expect(0, &["status"]).says(&["InSync"]);
}

#[test]
fn the_article_on_a_distribution_that_is_not_known_plays_through() {
    let site = Site::with(vec![openvz_host(0)]);
    let imported = site.work.expect(0, &["import", "ovz1", "--kind", "ContainerTemplate"]);
    imported.says(&[
        "Sabayon_Linux_SpinBase_5.4_x86_openvz.tar.gz is not listed by Proxmox VE 1.7",
        "call it sabayon-5-SpinBase_5.4-1_i386.tar.gz",
    ]);
    put(&site, "openvz-template-sabayon", |text| text.replace("    distributionConfig: gentoo\n", ""));
    site.work.expect(2, &["plan"]).says(&["distributionConfig: gentoo"]);
    put(&site, "openvz-template-sabayon", |text| text);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
}

#[test]
fn a_template_that_left_the_manifests_goes_where_the_target_says_so() {
    let site = Site::with(vec![openvz_host(0)]);
    put(&site, "openvz-template-sabayon", |text| text);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    // A host without ZFS has no datasets to look for.
    let pruned = site.lab.manifests().replace("spec:", "spec:\n  prune: true");
    site.work.write("targets.yaml", &pruned);
    site.work.expect(0, &["plan"]).says(&["nothing to do"]);
    put(&site, "openvz-template-sabayon", |text| text.split_once("---\n").unwrap().0.to_owned());
    let removed = ["- delete", "ContainerTemplate", "containers that were made from it stay"];
    site.work.expect(2, &["plan"]).says(&removed);
    site.work.expect(0, &["apply", "--auto-approve", "--allow", "destructive"]).says(&["applied"]);
    site.work.expect(0, &["plan"]).says(&["nothing to do"]);
    let imported = site.work.expect(0, &["import", "ovz1", "--kind", "ContainerTemplate"]);
    assert!(!imported.stdout.contains("was built by"), "{}", imported.stdout);
}

#[test]
fn a_template_of_proxmox_is_built_once() {
    let site = Site::with(vec![pve_host(0)]);
    let here = |text: String| text.replace("target: pve1", "target: node1");
    put(&site, "lxc-template", here);
    let planned = site.work.expect(2, &["plan", "--show-commands"]);
    planned.says(&["pct create 900", "pct mount 900", "containers/lxc/pack.sh"]);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    site.work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
    site.work.expect(0, &["status"]).says(&["InSync"]);
    put(&site, "lxc-template", |text| here(text).replace("Asia/Tokyo", "Europe/Vienna"));
    site.work.expect(2, &["plan"]).says(&["Europe/Vienna"]);
    let imported = site.work.expect(0, &["import", "node1", "--kind", "ContainerTemplate"]);
    imported.says(&["debian-12-standard_12.7-1_amd64.tar.zst was not built by Evenkeel", "was built by"]);
}
