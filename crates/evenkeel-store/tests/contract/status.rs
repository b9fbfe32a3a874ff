//! Promises about how things stand: sources, snapshots, resources, the inventory.

use evenkeel_core::diagnostic::{Diagnostic, Location, Severity};
use evenkeel_engine::source::Snapshot;
use evenkeel_engine::store::{Batch, ResourceFilter, ResourceKey, SourceStatus, SourceVerdict, Store};

use super::sample::*;

pub(crate) async fn sources_are_given_by_name_as_they_were_last_written(store: &dyn Store) {
    let fence = fence(store).await;
    let sources = vec![source("b", 1), source("a", 2)];
    store.commit(fence, Batch { sources, ..Batch::default() }).await.unwrap();
    let batch = Batch { sources: vec![source("b", 3), source("c", 4)], ..Batch::default() };
    store.commit(fence, batch).await.unwrap();
    assert_eq!(store.sources().await.unwrap(), [source("a", 2), source("b", 3), source("c", 4)]);
    let batch = Batch { gone_sources: vec!["a".into(), "never".into()], ..Batch::default() };
    store.commit(fence, batch).await.unwrap();
    assert_eq!(store.sources().await.unwrap(), [source("b", 3), source("c", 4)]);
}

pub(crate) async fn every_verdict_about_a_source_comes_back(store: &dyn Store) {
    let fence = fence(store).await;
    let diagnostic = |location| Diagnostic {
        severity: Severity::Error,
        message: "unknown field".into(),
        location,
        source_line: "  atme: off".into(),
        length: 4,
        hint: Some("atime?".into()),
    };
    let place = Location { file: "a.yaml".into(), line: 3, column: 3 };
    let refused = |hint: Option<&str>| SourceVerdict::Refused {
        reason: "Unsigned".into(),
        message: "nobody signed it".into(),
        hint: hint.map(str::to_owned),
        revision: hint.map(str::to_owned),
    };
    let verdicts = [
        SourceVerdict::Pending,
        SourceVerdict::InForce,
        refused(None),
        refused(Some("abc")),
        SourceVerdict::Invalid {
            revision: revision("abc"),
            diagnostics: vec![diagnostic(Some(place)), diagnostic(None)],
        },
        SourceVerdict::Held { revision: revision("abc"), reasons: vec![] },
    ];
    for verdict in verdicts {
        let written = SourceStatus { verdict, suspended: true, ..source("a", 1) };
        let batch = Batch { sources: vec![written.clone()], ..Batch::default() };
        store.commit(fence, batch).await.unwrap();
        assert_eq!(store.sources().await.unwrap(), [written]);
    }
}

pub(crate) async fn the_snapshot_in_force_is_kept_whole_and_goes_with_its_source(store: &dyn Store) {
    let fence = fence(store).await;
    let put = async |name: &str, snapshot: Snapshot| {
        let batch = Batch { snapshots: vec![(name.to_owned(), snapshot)], ..Batch::default() };
        store.commit(fence, batch).await.unwrap();
    };
    assert_eq!(store.snapshot("a").await.unwrap(), None);
    put("a", snapshot("1")).await;
    put("b", snapshot("2")).await;
    assert_eq!(store.snapshot("a").await.unwrap(), Some(snapshot("1")));
    let smaller = Snapshot { values: vec![], ..snapshot("3") };
    put("a", smaller.clone()).await;
    assert_eq!(store.snapshot("a").await.unwrap(), Some(smaller));
    let batch = Batch { gone_sources: vec!["a".into()], ..Batch::default() };
    store.commit(fence, batch).await.unwrap();
    assert_eq!(store.snapshot("a").await.unwrap(), None);
    assert_eq!(store.snapshot("b").await.unwrap(), Some(snapshot("2")));
}

fn keys() -> Vec<ResourceKey> {
    let mut keys = Vec::new();
    for source in ["s1", "s2"] {
        for target in ["a", "b"] {
            for kind in ["K", "L"] {
                for name in ["x", "y"] {
                    keys.push(key(source, target, kind, name));
                }
            }
        }
    }
    keys
}

/// Every filter that can be made of these keys, and some that let nothing through.
fn filters() -> Vec<ResourceFilter> {
    let choices = |values: [&str; 3]| {
        [None, Some(values[0]), Some(values[1]), Some(values[2])].map(|v| v.map(str::to_owned))
    };
    let mut filters = Vec::new();
    for source in choices(["s1", "s2", "?"]) {
        for target in choices(["a", "b", "?"]) {
            for kind in choices(["K", "L", "?"]) {
                for name in choices(["x", "y", "?"]) {
                    let (source, target, kind) = (source.clone(), target.clone(), kind.clone());
                    filters.push(ResourceFilter { source, target, kind, name });
                }
            }
        }
    }
    filters
}

pub(crate) async fn resources_are_given_by_key_as_they_were_last_written(store: &dyn Store) {
    let fence = fence(store).await;
    let mut resources: Vec<_> = keys().into_iter().map(|key| resource(key, 1)).collect();
    resources.reverse();
    store.commit(fence, Batch { resources, ..Batch::default() }).await.unwrap();
    let (changed, gone) = (keys()[3].clone(), keys()[5].clone());
    let batch = Batch {
        resources: vec![resource(changed.clone(), 2)],
        gone: vec![gone.clone(), key("never", "a", "K", "x")],
        ..Batch::default()
    };
    store.commit(fence, batch).await.unwrap();
    let there = keys().into_iter().filter(|key| *key != gone);
    let there: Vec<_> = there.map(|key| resource(key.clone(), if key == changed { 2 } else { 1 })).collect();
    for filter in filters() {
        let expected: Vec<_> = there.iter().filter(|r| filter.matches(&r.key)).cloned().collect();
        assert_eq!(store.resources(&filter).await.unwrap(), expected, "{filter:?}");
    }
}

pub(crate) async fn the_inventory_is_given_by_key_and_source(store: &dyn Store) {
    let fence = fence(store).await;
    let mut entries: Vec<_> = keys().into_iter().map(|key| inventory(key, false)).collect();
    entries.reverse();
    store.commit(fence, Batch { inventory: entries, ..Batch::default() }).await.unwrap();
    let (leaving, released) = (keys()[2].clone(), keys()[9].clone());
    let batch = Batch {
        inventory: vec![inventory(leaving.clone(), true)],
        released: vec![released.clone(), key("never", "a", "K", "x")],
        ..Batch::default()
    };
    store.commit(fence, batch).await.unwrap();
    let there = keys().into_iter().filter(|key| *key != released);
    let there: Vec<_> = there.map(|key| inventory(key.clone(), key == leaving)).collect();
    assert_eq!(store.inventory(None).await.unwrap(), there);
    for name in ["s1", "s2", "?"] {
        let expected: Vec<_> = there.iter().filter(|e| e.key.source == name).cloned().collect();
        assert_eq!(store.inventory(Some(name)).await.unwrap(), expected);
    }
}

pub(crate) async fn what_a_batch_removes_and_writes_is_there_afterwards(store: &dyn Store) {
    let fence = fence(store).await;
    let key = key("s", "t", "K", "n");
    for generation in 1..3 {
        let batch = Batch {
            resources: vec![resource(key.clone(), generation)],
            gone: vec![key.clone()],
            sources: vec![source("s", generation)],
            snapshots: vec![("s".into(), snapshot("1"))],
            gone_sources: vec!["s".into()],
            inventory: vec![inventory(key.clone(), false)],
            released: vec![key.clone()],
            ..Batch::default()
        };
        store.commit(fence, batch).await.unwrap();
        let all = ResourceFilter::default();
        assert_eq!(store.resources(&all).await.unwrap(), [resource(key.clone(), generation)]);
        assert_eq!(store.sources().await.unwrap(), [source("s", generation)]);
        assert!(store.snapshot("s").await.unwrap().is_some());
        assert_eq!(store.inventory(None).await.unwrap(), [inventory(key.clone(), false)]);
    }
}
