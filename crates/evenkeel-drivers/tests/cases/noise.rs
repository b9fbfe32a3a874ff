//! Answers that went wrong on their way: whatever comes back, nothing is created that the host did not say is
//! missing, and nothing panics.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use evenkeel_core::driver::{Evaluation, Terms};
use evenkeel_core::manifest::{Loaded, SourceFile, load};
use evenkeel_core::plan::Action;
use evenkeel_core::request::{Replies, Reply, Request, join_queries};
use proptest::prelude::*;

use crate::host::Recorded;

const MANIFESTS: &str = r"
apiVersion: evenkeel.dev/v1alpha1
kind: Target
metadata: { name: host }
spec: { local: {} }
---
apiVersion: evenkeel.dev/v1alpha1
kind: ZfsDataset
metadata: { name: vm }
spec: { target: host, dataset: tank/vm, properties: { atime: off, xattr: sa, sync: inherit, com.acme:note: x } }
---
apiVersion: evenkeel.dev/v1alpha1
kind: ZfsDataset
metadata: { name: child }
spec: { target: host, dataset: tank/vm/db, properties: { casesensitivity: insensitive, mountpoint: /srv } }
---
apiVersion: evenkeel.dev/v1alpha1
kind: ZfsDataset
metadata: { name: volume }
spec: { target: host, dataset: tank/vol0, properties: { volsize: 1G, volthreading: on } }
---
apiVersion: evenkeel.dev/v1alpha1
kind: ZfsPool
metadata: { name: pool }
spec: { target: host, pool: tank, properties: { autotrim: on } }
";

static HOSTS: LazyLock<[Recorded; 2]> = LazyLock::new(|| [Recorded::of("2.1.11"), Recorded::of("2.3.2")]);

static LOADED: LazyLock<Loaded> = LazyLock::new(|| {
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    let file = SourceFile { path: "noise.yaml".to_owned(), bytes: MANIFESTS.as_bytes().to_vec() };
    let loaded = load(&evenkeel_drivers::registry(), &[file], &[], now);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    loaded
});

/// What can happen to an answer.
#[derive(Debug, Clone)]
enum Damage {
    CutAt(usize),
    DropLine(usize),
    DoubleLine(usize),
    SwapLines(usize, usize),
    SetByte(usize, u8),
    Insert(usize, Vec<u8>),
    Replace(Vec<u8>),
    Exit(i32),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<usize>().prop_map(Damage::CutAt),
        any::<usize>().prop_map(Damage::DropLine),
        any::<usize>().prop_map(Damage::DoubleLine),
        any::<(usize, usize)>().prop_map(|(a, b)| Damage::SwapLines(a, b)),
        any::<(usize, u8)>().prop_map(|(at, byte)| Damage::SetByte(at, byte)),
        any::<(usize, Vec<u8>)>().prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        any::<Vec<u8>>().prop_map(Damage::Replace),
        prop::sample::select(vec![0, 1, 2, 126, 127, 255]).prop_map(Damage::Exit),
    ]
}

fn apply(damage: &Damage, reply: &mut Reply) {
    // The list of properties is on standard error, everything else on standard output.
    let text = if reply.stdout.is_empty() { &mut reply.stderr } else { &mut reply.stdout };
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let (bytes, count) = (text.len().max(1), lines.len().max(1));
    match damage {
        Damage::CutAt(at) => return text.truncate(at % bytes),
        Damage::SetByte(at, byte) => {
            let at = at % bytes;
            return text.splice(at..(at + 1).min(text.len()), [*byte]).for_each(drop);
        }
        Damage::Insert(at, more) => {
            let at = at % bytes;
            return text.splice(at.min(text.len())..at.min(text.len()), more.clone()).for_each(drop);
        }
        Damage::Replace(other) => return text.clone_from(other),
        Damage::Exit(status) => return reply.exit = *status,
        Damage::DropLine(at) if at % count < lines.len() => drop(lines.remove(at % count)),
        Damage::DoubleLine(at) if at % count < lines.len() => {
            let line = lines.get(at % count).cloned();
            lines.splice(at % count..at % count, line).for_each(drop);
        }
        Damage::SwapLines(a, b) if !lines.is_empty() => lines.swap(a % count, b % count),
        Damage::DropLine(_) | Damage::DoubleLine(_) | Damage::SwapLines(..) => {}
    }
    *text = lines.concat();
}

fn observe(loaded: &Loaded, host: &Recorded, damages: &BTreeMap<usize, Damage>) -> Replies {
    let mut replies = Replies::default();
    let mut sent = 0;
    for _ in 0..4 {
        let queries = loaded.instances.iter().flat_map(|i| i.driver.queries(&i.spec, &replies));
        let open: Vec<_> = queries.filter(|query| !replies.has(query)).collect();
        for query in join_queries(open) {
            let empty = Reply { exit: 0, stdout: Vec::new(), stderr: Vec::new() };
            let mut reply = host.answer(query.request()).unwrap_or(empty);
            if let Some(damage) = damages.get(&sent) {
                apply(damage, &mut reply);
            }
            sent += 1;
            replies.insert(query, Ok(reply));
        }
    }
    replies
}

/// True where `dataset` was denied in so many words.
fn denied(host: &Recorded, dataset: &str) -> bool {
    let request = Request::Exec(
        evenkeel_core::request::Exec::new(["zfs", "get", "-Hp", "-o", "name,property,value,source"])
            .arg(evenkeel_core::request::Arg::Set(["type".to_owned()].into()))
            .on([dataset]),
    );
    host.answer(&request).is_some_and(|reply| reply.stderr_text().contains("does not exist"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_damaged_answer_never_creates(
        damages in prop::collection::btree_map(0_usize..6, damage(), 1..4),
        nth in 0_usize..2,
    ) {
        let host = &HOSTS[nth];
        let replies = observe(&LOADED, host, &damages);
        for instance in &LOADED.instances {
            let now = "2026-11-20T12:00:00Z".parse().unwrap();
            let found = instance.driver.evaluate(&instance.spec, &replies, Terms { owner: "evenkeel", ignore: &[], id: &instance.id, keep: evenkeel_core::driver::Keep::default() }, now);
            if let Ok(Evaluation::Known { action, .. }) = found {
                let creates = matches!(action, Action::Create | Action::Replace);
                prop_assert!(!creates || denied(host, &instance.object), "{damages:?}");
            }
        }
    }
}
