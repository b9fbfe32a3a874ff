//! What a plan costs on the wire: commands per host, not per resource.

use std::fmt::Write as _;

use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::request::{Replies, join_queries};

/// 5,000 datasets with everything that has to be asked for besides the properties themselves: mount points,
/// which need the pools' alternate roots, and `xattr`, whose meaning differs between versions.
fn manifests() -> String {
    let mut text =
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: host }\nspec: { local: {} }\n"
            .to_owned();
    for n in 0..5_000 {
        let own = match n % 4 {
            0 => format!("mountpoint: /srv/{n}"),
            1 => "xattr: sa, quota: 10G".to_owned(),
            2 => format!("com.acme:number: {n}"),
            _ => "volsize: 1G, refreservation: auto".to_owned(),
        };
        let _ = write!(
            text,
            "---\napiVersion: evenkeel.dev/v1alpha1\nkind: ZfsDataset\nmetadata: {{ name: d{n} }}\n\
             spec: {{ target: host, dataset: tank/d{n}, properties: {{ sync: always, {own} }} }}\n"
        );
    }
    text + "---\napiVersion: evenkeel.dev/v1alpha1\nkind: ZfsPool\nmetadata: { name: tank }\n\
            spec: { target: host, pool: tank, properties: { autotrim: on } }\n"
}

#[test]
fn five_thousand_datasets_are_asked_for_in_one_round_of_three_commands() {
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    let file = SourceFile { path: "many.yaml".to_owned(), bytes: manifests().into_bytes() };
    let loaded = load(&evenkeel_drivers::registry(), &[file], &[], now);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics.first());
    assert_eq!(loaded.instances.len(), 5_001);
    let nothing = Replies::default();
    let queries = loaded.instances.iter().flat_map(|i| i.driver.queries(&i.spec, &nothing));
    let commands: Vec<String> =
        join_queries(queries).iter().map(|q| q.request().display().chars().take(16).collect()).collect();
    assert_eq!(commands, ["zfs get -Hp -o n", "zpool get -Hp -o", "zfs get"]);
}
