//! What is remembered of each resource, and how little is written while nothing happens.

use evenkeel_engine::store::ResourceFilter;

use crate::bench::{Bench, key};
use crate::origin::{dataset, site};

fn one(wish: &str, more: &str) -> String {
    site(&[dataset("kiwi", "tank/a", &format!("properties: {{ {wish} }}\n{more}"))])
}

#[tokio::test(start_paused = true)]
async fn generations_grow_with_wishes_only() {
    let mut bench = Bench::new().begun(&one("atime: off", "")).await;
    let since = bench.status("kiwi-tank-a").since;
    bench.pushed(&one("atime: off", "interval: 10m")).await;
    bench.pushed(&one("atime: \"off\"", "")).await;
    bench.run_for(60).await;
    let status = bench.status("kiwi-tank-a");
    assert_eq!((status.observed_generation, status.since), (1, since));
    assert!(status.observed_at.unwrap() > since);
    let id = bench.pushed(&one("atime: on", "")).await;
    let status = bench.status("kiwi-tank-a");
    assert_eq!((status.observed_generation, status.last_applied_revision), (2, Some(id)));
}

#[tokio::test(start_paused = true)]
async fn failures_and_the_next_time_are_told() {
    let mut bench = Bench::new().begun(&one("atime: off", "")).await;
    bench.wire.hosts.set_down("kiwi", true);
    bench.run_for(120).await;
    let status = bench.status("kiwi-tank-a");
    assert!(status.failures > 2, "{status:?}");
    let wait = status.next.unwrap().duration_since(bench.now()).as_secs();
    assert!((0..=15 * 60).contains(&wait), "{wait}");
    assert_eq!(status.conditions[1].status, evenkeel_core::condition::Status::True, "it tries again");
    bench.wire.hosts.set_down("kiwi", false);
    bench.run_for(20).await;
    assert_eq!(bench.status("kiwi-tank-a").failures, 0);
    bench.events();
}

#[tokio::test(start_paused = true)]
async fn a_day_of_nothing_says_and_keeps_nothing() {
    let mut bench = Bench::new().begun(&one("atime: off", "")).await;
    let seen = |b: &Bench| b.store.memory().observations.values().map(Vec::len).sum::<usize>();
    let (before, commits) = (seen(&bench), bench.store.memory().commits);
    bench.run_for(24 * 60).await;
    assert_eq!((bench.reasons(), seen(&bench) - before, bench.runs().len()), (vec![], 0, 1));
    let commits = bench.store.memory().commits - commits;
    assert!(commits < 24 * 15, "fetches and looks only: {commits}");
}

#[tokio::test(start_paused = true)]
async fn every_state_is_kept_once() {
    let mut bench = Bench::new();
    bench.terms.drift.mode = evenkeel_core::config::DriftMode::Report;
    let mut bench = bench.begun(&one("atime: off", "")).await;
    bench.by_hand("kiwi", "zfs set atime=on tank/a");
    bench.run_for(120).await;
    bench.restart().await;
    bench.run_for(120).await;
    let key = key("kiwi", "kiwi-tank-a");
    let memory = bench.store.memory();
    let states = &memory.observations[&key];
    assert_eq!(states[0].state, None, "not there at first");
    assert_eq!(states.len(), 3, "absent, created, changed: {states:#?}");
    assert!(states.windows(2).all(|pair| pair[0].at < pair[1].at));
}

#[tokio::test(start_paused = true)]
async fn a_person_wakes_what_a_filter_means() {
    let mut bench = Bench::new()
        .begun(&site(&[
            dataset("kiwi", "tank/a", "properties: { atime: off }"),
            dataset("lime", "tank/a", "properties: { atime: off }"),
        ]))
        .await;
    let before = (bench.wire.exchanges("kiwi"), bench.wire.exchanges("lime"));
    let filter = ResourceFilter { name: Some("lime-tank-a".into()), ..ResourceFilter::default() };
    let woken = bench.reconcile(filter).await;
    assert_eq!((woken.resources, woken.targets), (1, 1));
    bench.run_for(1).await;
    assert_eq!((bench.wire.exchanges("kiwi"), bench.wire.exchanges("lime")), (before.0, before.1 + 1));
    bench.events();
}
