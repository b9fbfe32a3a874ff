//! A night of 200 virtual machines of a vCenter with 1,000, planned: from the server's two answers to the steps.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use evenkeel_bench::fleet::{load_all, now};
use evenkeel_core::manifest::{Loaded, SourceFile};
use evenkeel_core::plan::{Blueprint, Policy, batches, build};
use evenkeel_core::request::{Query, Replies, Reply, join_queries};
use evenkeel_core::target::Way;
use evenkeel_lab::machine::Machine as _;
use evenkeel_lab::vsphere::Vcenter;

const TARGET: &str = "vcenter";
const CLONED: usize = 200;
const ALL: usize = 1_000;

fn manifests() -> Loaded {
    let mut text = format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {TARGET} }}\n\
         spec: {{ vsphere: {{ host: vcenter.example.com, credentialsRef: vcenter }} }}\n---\n\
         apiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: {{ name: clones }}\nspec:\n  target: {TARGET}\n  \
         schedule: {{ cron: '30 2 * * *', timeZone: Asia/Tokyo }}\n  retention: {{ keepLast: 3 }}\n  \
         vmClone:\n    datastore: NFS_durian\n    folder: backup\n    vms:\n"
    );
    for nth in 0..CLONED {
        let _ = writeln!(text, "      - vm{nth:04}");
    }
    load_all(
        &evenkeel_drivers::registry(),
        &[SourceFile { path: "clones.yaml".to_owned(), bytes: text.into_bytes() }],
    )
}

fn vcenter() -> Vcenter {
    let mut vcenter = Vcenter::new(now());
    vcenter.add_store("LocalDS_0", 100_000);
    vcenter.add_store("NFS_durian", 100_000);
    for nth in 0..ALL {
        vcenter.add_vm(&format!("vm{nth:04}"), "LocalDS_0", 20);
    }
    vcenter
}

/// What the server answers, round after round.
fn answers(loaded: &Loaded) -> Vec<(Query, Reply)> {
    let (mut vcenter, mut answers) = (vcenter(), Vec::new());
    loop {
        let replies = replies(&answers);
        let queries = loaded.instances.iter().flat_map(|each| each.driver.queries(&each.spec, &replies));
        let open: Vec<Query> = queries.filter(|query| !replies.has(query)).collect();
        if open.is_empty() {
            return answers;
        }
        for query in join_queries(open) {
            let reply = vcenter.answer(TARGET, query.request());
            answers.push((query, reply));
        }
    }
}

fn replies(answers: &[(Query, Reply)]) -> Replies {
    let mut replies = Replies::of(Way::Vsphere);
    for (query, reply) in answers {
        replies.insert(query.clone(), Ok(reply.clone()));
    }
    replies
}

fn night(c: &mut Criterion) {
    let loaded = manifests();
    let answers = answers(&loaded);
    let mut group = c.benchmark_group("a night of 200 of 1,000 virtual machines");
    group.sample_size(10);
    let steps = |replies: BTreeMap<String, Replies>| {
        let keep = evenkeel_core::driver::Keep::default();
        let (policy, now) = (Policy::default(), now());
        let plan =
            build(&loaded.instances, &Blueprint { replies: &replies, policy, now, keep, context: &[] });
        batches(black_box(&plan.changes)).len()
    };
    let read = || BTreeMap::from([(TARGET.to_owned(), replies(&answers))]);
    // A folder, and for each a snapshot, a clone, its seal, and the snapshot's removal.
    assert_eq!(steps(read()), 1 + 4 * CLONED);
    group.bench_function("planned", |b| b.iter_batched(read, steps, BatchSize::PerIteration));
    group.bench_function("its answers read as JSON, and no more", |b| {
        b.iter(|| {
            let values = answers.iter().map(|(_, reply)| serde_json::from_slice(&reply.stdout));
            values.collect::<Result<Vec<serde_json::Value>, _>>().map(|all| all.len()).unwrap_or_default()
        });
    });
    group.finish();
}

criterion_group!(benches, night);
criterion_main!(benches);
