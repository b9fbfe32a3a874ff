//! Benchmarks of the pure core: reading manifests, comparing, joining.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use evenkeel_bench::fleet::{Fleet, load_all, now};
use evenkeel_bench::hosts::{Drift, answer, ask};
use evenkeel_core::diff::unmet;
use evenkeel_core::plan::{Blueprint, Plan, Policy, batches, build};
use evenkeel_core::request::{Query, Replies, join_queries};
use saphyr_parser::Parser;
use serde_json::json;

const MANY: Fleet = Fleet { hosts: 200, datasets: 500 };
const ONE_HOST: Fleet = Fleet { hosts: 1, datasets: 5000 };

fn plan(c: &mut Criterion) {
    let loaded = load_all(&evenkeel_drivers::registry(), &MANY.in_memory());
    let asked = ask(&loaded.instances);
    let mut group = c.benchmark_group("plan of 100,000 datasets");
    group.sample_size(10);
    for (name, drift) in [("nothing to do", Drift::None), ("a tenth drifted", Drift::Tenth)] {
        group.bench_function(name, |b| {
            // New replies each time: what is parsed of them is kept in them.
            let build = |replies| build(&loaded.instances, &blueprint(&replies));
            b.iter_batched(|| answer(&asked, drift), build, BatchSize::PerIteration);
        });
    }
    group.bench_function("asking", |b| b.iter(|| ask(black_box(&loaded.instances))));
    group.finish();
}

fn blueprint(replies: &BTreeMap<String, Replies>) -> Blueprint<'_> {
    Blueprint {
        replies,
        policy: Policy::default(),
        now: now(),
        keep: evenkeel_core::driver::Keep::default(),
        context: &[],
    }
}

fn manifests(c: &mut Criterion) {
    let files = Fleet { hosts: 70, datasets: 500 }.in_memory();
    let bytes: usize = files.iter().map(|f| f.bytes.len()).sum();
    let registry = evenkeel_drivers::registry();
    let mut group = c.benchmark_group("a 10 MB folder of manifests");
    group.sample_size(10).throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("load", |b| b.iter(|| load_all(&registry, black_box(&files))));
    group.bench_function("events of saphyr-parser", |b| {
        b.iter(|| files.iter().map(|f| Parser::new_from_str(text(&f.bytes)).count()).sum::<usize>());
    });
    group.finish();
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

fn one_host(c: &mut Criterion) {
    let loaded = load_all(&evenkeel_drivers::registry(), &ONE_HOST.in_memory());
    let nothing = Replies::default();
    let queries: Vec<Query> =
        loaded.instances.iter().flat_map(|i| i.driver.queries(&i.spec, &nothing)).collect();
    let mut group = c.benchmark_group("5,000 datasets of one host");
    group.bench_function("joining the queries", |b| {
        b.iter_batched(|| queries.clone(), join_queries, BatchSize::LargeInput);
    });
    let replies = answer(&ask(&loaded.instances), Drift::All);
    let Plan { changes, .. } = build(&loaded.instances, &blueprint(&replies));
    group.bench_function("batches of equal updates", |b| b.iter(|| batches(black_box(&changes))));
    group.finish();
}

fn diff(c: &mut Criterion) {
    let properties =
        |on: &str| (0..20).map(|n| (format!("p{n}"), json!(on))).collect::<serde_json::Map<_, _>>();
    let state = |on| json!({ "type": "filesystem", "properties": properties(on) });
    let (wanted, same, other) = (state("on"), state("on"), state("off"));
    let mut group = c.benchmark_group("diff of 20 fields");
    group.bench_function("equal", |b| b.iter(|| unmet(black_box(&wanted), Some(&same))));
    group.bench_function("all different", |b| b.iter(|| unmet(black_box(&wanted), Some(&other))));
    group.finish();
}

criterion_group!(benches, plan, manifests, one_host, diff);
criterion_main!(benches);
