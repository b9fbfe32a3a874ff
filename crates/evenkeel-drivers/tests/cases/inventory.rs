//! Import and removal: what the inventory says of real hosts.

use std::collections::BTreeMap;

use evenkeel_core::driver::{ErasedDriver, Found};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Action, Blueprint, Policy, build};
use evenkeel_core::request::{Query, Replies, join_queries};
use serde_json::json;

use crate::host::Recorded;

const MARK: &str = "dev.evenkeel:managed-by";

fn driver(kind: &str) -> std::sync::Arc<dyn ErasedDriver> {
    evenkeel_drivers::registry().of_kind(kind).next().unwrap().clone()
}

fn ask(host: &Recorded, queries: Vec<Query>, replies: &mut Replies) {
    for query in join_queries(queries) {
        let request = query.request();
        let reply = host.answer(request).unwrap_or_else(|| panic!("no answer to {}", request.display()));
        replies.insert(query, Ok(reply));
    }
}

fn inventory(host: &Recorded, kind: &str) -> (Vec<Found>, Replies) {
    let driver = driver(kind);
    let mut replies = Replies::default();
    ask(host, driver.inventory_queries(&replies), &mut replies);
    (driver.inventory(&replies).unwrap(), replies)
}

/// The manifests that `import` would write, as JSON, which is YAML too.
fn manifests(found: &[Found], kind: &str) -> String {
    let target = json!({
        "apiVersion": "evenkeel.dev/v1alpha1", "kind": "Target",
        "metadata": { "name": "host" }, "spec": { "local": {} },
    });
    let mut documents = vec![target.to_string()];
    for (nth, found) in found.iter().enumerate() {
        let mut spec = found.spec.clone();
        spec.insert("target".to_owned(), json!("host"));
        let name = format!("imported-{nth}");
        let document = json!({
            "apiVersion": "evenkeel.dev/v1alpha1", "kind": kind,
            "metadata": { "name": name }, "spec": spec,
        });
        documents.push(document.to_string());
    }
    documents.join("\n---\n")
}

fn actions(host: &Recorded, manifests: String) -> Vec<(String, Action)> {
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    let file = SourceFile { path: "import.yaml".to_owned(), bytes: manifests.into_bytes() };
    let loaded = load(&evenkeel_drivers::registry(), &[file], &[], now);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    let mut replies = Replies::default();
    for _ in 0..4 {
        let queries = loaded.instances.iter().flat_map(|i| i.driver.queries(&i.spec, &replies));
        let open: Vec<Query> = queries.filter(|query| !replies.has(query)).collect();
        ask(host, open, &mut replies);
    }
    let replies = BTreeMap::from([("host".to_owned(), replies)]);
    let plan = build(
        &loaded.instances,
        &Blueprint {
            replies: &replies,
            policy: Policy::default(),
            now,
            keep: evenkeel_core::driver::Keep::default(),
            context: &[],
        },
    );
    assert!(!plan.has_errors(), "{:#?}", plan.changes);
    plan.changes.into_iter().map(|change| (change.object, change.action)).collect()
}

#[test]
fn what_is_imported_gives_an_empty_plan() {
    for version in ["2.1.11", "2.3.2"] {
        let host = Recorded::of(version);
        for (kind, least) in [("ZfsDataset", 15), ("ZfsPool", 1)] {
            let (found, _) = inventory(&host, kind);
            assert!(found.len() >= least, "{version}: only {} of {kind}", found.len());
            let planned = actions(&host, manifests(&found, kind));
            assert_eq!(planned.len(), found.len());
            assert!(planned.iter().all(|(_, action)| *action == Action::NoOp), "{version}: {planned:?}");
        }
    }
}

#[test]
fn an_import_says_what_a_person_would_write() {
    let (found, _) = inventory(&Recorded::of("2.3.2"), "ZfsDataset");
    let spec = |object: &str| {
        let found = found.iter().find(|f| f.object == object).unwrap();
        assert_eq!(found.owner, None);
        serde_json::to_value(&found.spec).unwrap()
    };
    assert_eq!(spec("tank/vol0"), json!({ "dataset": "tank/vol0", "properties": { "volsize": "32M" } }));
    assert_eq!(spec("tank/a/b"), json!({ "dataset": "tank/a/b", "properties": { "sync": "always" } }));
    assert_eq!(spec("data/part"), json!({ "dataset": "data/part" }));
    let cl0 = spec("tank/cl0");
    assert_eq!(cl0["properties"]["quota"], "1536M");
    assert_eq!(cl0["properties"]["recordsize"], "1M");
    assert!(cl0["properties"].get("used").is_none());
    // A tab can be in a value, but not be written in a manifest and read back for sure.
    assert!(spec("tank/vm")["properties"].get("com.acme:note").is_none());
}

#[test]
fn values_that_cannot_be_written_are_left_out() {
    let mut host = Recorded::of("2.3.2");
    host.set("tank/a", "com.acme:nl", "line1\nline2");
    host.set("tank/a", "com.acme:word", "inherit");
    let (found, _) = inventory(&host, "ZfsDataset");
    let a = found.iter().find(|f| f.object == "tank/a").unwrap();
    assert_eq!(a.spec["properties"], json!({ "sync": "always" }));
    assert!(
        actions(&host, manifests(&found, "ZfsDataset")).iter().all(|(_, action)| *action == Action::NoOp)
    );
}

#[test]
fn only_what_carries_a_mark_and_holds_nothing_else_is_removed() {
    let mut host = Recorded::of("2.3.2");
    host.set("tank/a/b", MARK, "evenkeel");
    host.set("tank/a/b/c", MARK, "evenkeel");
    host.set("tank/vm", MARK, "evenkeel");
    host.set("tank/vm/db", MARK, "another-site");
    host.set("tank", MARK, "evenkeel");
    let (found, replies) = inventory(&host, "ZfsDataset");
    let owned: Vec<(&str, &str)> =
        found.iter().filter_map(|f| Some((f.object.as_str(), f.owner.as_deref()?))).collect();
    let expected = [
        ("tank", "evenkeel"),
        ("tank/a/b", "evenkeel"),
        ("tank/a/b/c", "evenkeel"),
        ("tank/vm", "evenkeel"),
        ("tank/vm/db", "another-site"),
    ];
    assert_eq!(owned, expected);
    let removal = |object: &str, keep: &[&str]| {
        let steps = driver("ZfsDataset").removal(object, keep, &replies)?;
        Ok::<_, String>(steps.iter().map(|s| s.request.display()).collect::<Vec<_>>())
    };
    assert_eq!(removal("tank/a/b/c", &[]), Ok(vec!["zfs destroy tank/a/b/c".to_owned()]));
    assert_eq!(removal("tank/a/b", &[]), Ok(vec!["zfs destroy tank/a/b".to_owned()]), "its child goes first");
    let refused = |object: &str, keep: &[&str]| removal(object, keep).unwrap_err();
    assert!(refused("tank/a/b", &["tank/a/b/c"]).contains("tank/a/b/c lies in it, or will, and is in"));
    assert!(refused("tank/a/b", &["tank/a/b/new"]).contains("tank/a/b/new lies in it, or will, and is in"));
    assert!(refused("tank/vm", &[]).contains("tank/vm/db lies in it and was not created by"));
    assert!(refused("tank/a", &[]).contains("was not created by Evenkeel"));
    assert!(refused("tank", &[]).contains("pool's own dataset"));
    assert!(refused("tank/gone", &[]).contains("was not created by Evenkeel"));
}

#[test]
fn mount_points_below_an_alternate_root_are_imported_as_they_were_set() {
    let mut host = Recorded::of("2.3.2");
    host.set_pool("tank", "altroot", "/mnt");
    host.set("tank/a", "mountpoint", "/mnt/srv/a");
    let (found, _) = inventory(&host, "ZfsDataset");
    let a = found.iter().find(|f| f.object == "tank/a").unwrap();
    assert_eq!(a.spec["properties"]["mountpoint"], "/srv/a");
    let planned = actions(&host, manifests(&found, "ZfsDataset"));
    assert!(planned.iter().all(|(_, action)| *action == Action::NoOp), "{planned:?}");
}

#[test]
fn marks_are_found_without_reading_every_value() {
    let mut host = Recorded::of("2.3.2");
    host.set("tank/a/b/c", MARK, "evenkeel");
    let driver = driver("ZfsDataset");
    let mut replies = Replies::default();
    let queries = driver.marked_queries(&replies);
    assert!(queries.iter().all(|query| !query.request().display().ends_with(" all")));
    ask(&host, queries, &mut replies);
    let marked = driver.marked(&replies).unwrap();
    assert_eq!(
        marked.iter().map(|m| (&*m.object, &*m.owner)).collect::<Vec<_>>(),
        [("tank/a/b/c", "evenkeel")]
    );
    assert!(driver.removal("tank/a/b/c", &[], &replies).is_ok());
    assert!(driver.removal("tank/a/b", &[], &replies).is_err());
}

#[test]
fn a_snapshot_keeps_its_dataset() {
    let mut host = Recorded::of("2.3.2");
    host.set("tank/a/b/c", MARK, "evenkeel");
    host.set("tank/a/b/c@keep", "type", "snapshot");
    let (_, replies) = inventory(&host, "ZfsDataset");
    let refused = driver("ZfsDataset").removal("tank/a/b/c", &[], &replies).unwrap_err();
    assert!(refused.contains("tank/a/b/c@keep would go with it"), "{refused}");
}

#[test]
fn a_list_that_ends_midway_is_not_all_there_is() {
    let mut host = Recorded::of("2.3.2");
    host.set("tank/a/b/c", MARK, "evenkeel");
    let driver = driver("ZfsDataset");
    let mut replies = Replies::default();
    for query in join_queries(driver.inventory_queries(&replies)) {
        let mut reply = host.answer(query.request()).unwrap();
        if query.request().display().contains(MARK) {
            reply.exit = 1;
        }
        replies.insert(query, Ok(reply));
    }
    assert!(driver.marked(&replies).is_err());
    assert!(driver.inventory(&replies).is_err());
    assert!(driver.removal("tank/a/b/c", &[], &replies).is_err());
}

#[test]
fn an_incus_server_is_asked_for_no_list_of_templates() {
    // Where a target is none, a question of its own kind would take the answers to all others with it.
    let registry = evenkeel_drivers::registry();
    let all = registry.of_kind("ContainerTemplate").filter(|driver| driver.backend() == Some("incus"));
    let none = Replies::default();
    let asked = all.map(|driver| (driver.inventory_queries(&none), driver.marked_queries(&none)));
    assert_eq!(asked.collect::<Vec<_>>(), [(Vec::new(), Vec::new())]);
}
