//! Hosts of one cluster take turns, whatever job they are in, and stand still while too many of them failed.

use std::collections::BTreeMap;

use evenkeel_core::condition::{ConditionType, Status};
use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Proof, Step};
use evenkeel_core::request::{Exec, Query, Replies, Request};
use evenkeel_engine::store::ResourceFilter;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bench::Bench;
use crate::origin::dataset;

const HOSTS: [&str; 6] = ["fig", "kiwi", "lime", "olive", "pear", "plum"];

fn head(hosts: &[&str]) -> String {
    let target = |host: &&str| {
        format!(
            "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {host}, labels: {{ cluster: tokyo, name: {host} }} }}\nspec: {{ ssh: {{ host: {host} }} }}\n"
        )
    };
    hosts.iter().map(target).collect()
}

/// A dataset on each of these hosts, with these properties, under this rollout; and one beside it that takes no turns.
fn site(hosts: &[&str], wish: &str, rollout: &str) -> String {
    let more = format!("properties: {{ {wish} }}\nrollout: {{ {rollout} }}");
    let of = |host: &&str| {
        dataset(host, "tank/a", &more) + &dataset(host, "tank/free", &format!("properties: {{ {wish} }}"))
    };
    head(hosts) + &hosts.iter().map(of).collect::<String>()
}

async fn begun(rollout: &str) -> Bench {
    let bench = Bench::with_hosts(HOSTS).begun(&site(&HOSTS, "atime: off", rollout)).await;
    for host in HOSTS {
        assert_eq!(bench.reason(&format!("{host}-tank-a")).unwrap(), "InSync", "{}", bench.story());
    }
    bench
}

/// The hosts whose dataset has the value.
fn with(bench: &Bench, name: &str, value: &str) -> Vec<&'static str> {
    let has = |host: &&str| bench.ask(host, &format!("zfs get -Ho value compression tank/{name}")) == value;
    HOSTS.into_iter().filter(has).collect()
}

/// Nobody can set the dataset of this host any more.
fn spoil(bench: &Bench, host: &str) {
    bench.wire.refuse(&format!("{host}: zfs set"), "cannot set property for 'tank/a': permission denied");
}

const LZ4: &str = "atime: off, compression: lz4";

#[tokio::test(start_paused = true)]
async fn a_push_changes_one_host_of_a_cluster_after_the_other() {
    let mut bench = begun("").await;
    bench.wire.watch("zfs set");
    bench.pushed(&site(&HOSTS, LZ4, "")).await;
    assert_eq!((with(&bench, "a", "lz4"), with(&bench, "free", "lz4")), (HOSTS.to_vec(), HOSTS.to_vec()));
    assert_eq!(bench.wire.most_at_once(), 1, "{}", bench.story());
    bench.run_for(120).await;
    let mut more = begun("maxUnavailable: 50%").await;
    more.wire.watch("zfs set");
    more.pushed(&site(&HOSTS, LZ4, "maxUnavailable: 50%")).await;
    assert_eq!((with(&more, "a", "lz4").len(), more.wire.most_at_once()), (6, 3));
}

#[tokio::test(start_paused = true)]
async fn one_fails_the_rest_stays_it_is_mended_and_the_rest_follows() {
    let mut bench = begun("").await;
    spoil(&bench, "lime");
    bench.push(&site(&HOSTS, LZ4, "")).await;
    bench.until("the failure", |b| b.reason("lime-tank-a").is_some_and(|reason| reason == "Failed")).await;
    // Tried again and again, and looked at again and again; nobody else is written to.
    let before = with(&bench, "a", "lz4");
    bench.run_for(180).await;
    assert_eq!(with(&bench, "a", "lz4"), before);
    assert!(before.len() < 6 && !before.contains(&"lime"), "{before:?}");
    assert!(bench.status("lime-tank-a").failures > 2, "it is tried again itself");
    let why = "not begun, because 1 of the hosts with cluster=tokyo failed (lime)";
    let waiting: Vec<&str> = HOSTS.into_iter().filter(|h| *h != "lime" && !before.contains(h)).collect();
    assert!(!waiting.is_empty(), "{}", bench.story());
    for host in &waiting {
        let status = bench.status(&format!("{host}-tank-a"));
        assert_eq!(
            (status.conditions[0].reason.as_str(), status.conditions[0].message.as_str()),
            ("Waiting", why)
        );
    }
    assert_eq!(with(&bench, "free", "lz4").len(), 5, "what takes no turns has nothing to do with it");
    let said = bench.reasons();
    for host in &waiting {
        let said = said.iter().filter(|said| **said == format!("Waiting {host}-tank-a")).count();
        assert_eq!(said, 1, "said once: {}", bench.story());
    }

    // A restart forgets nothing of it.
    bench.restart().await;
    bench.run_for(60).await;
    assert_eq!(with(&bench, "a", "lz4"), before, "{}", bench.story());

    bench.wire.refuse_nothing();
    bench.reconcile(ResourceFilter { target: Some("lime".into()), ..ResourceFilter::default() }).await;
    let begun = bench.now();
    bench.until("all", |b| with(b, "a", "lz4").len() == 6).await;
    assert!(bench.now().duration_since(begun).as_secs() < 60, "woken, not waited for: {}", bench.story());
    bench.until("quiet", Bench::is_quiet).await;
    for host in HOSTS {
        let status = bench.status(&format!("{host}-tank-a"));
        assert_eq!((status.conditions[0].reason.as_str(), status.failed), ("InSync", false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_host_that_then_falls_silent_still_stops_the_others_until_it_is_left_out() {
    let bench = begun("").await;
    spoil(&bench, "fig");
    bench.push(&site(&HOSTS, LZ4, "")).await;
    bench.until("the failure", |b| b.reason("fig-tank-a").is_some_and(|reason| reason == "Failed")).await;
    bench.wire.hosts.set_down("fig", true);
    bench.run_for(120).await;
    let before = with(&bench, "a", "lz4");
    assert_eq!(bench.reason("fig-tank-a").unwrap(), "Unreachable");
    assert!(bench.status("fig-tank-a").failed && before.len() < 5, "{}", bench.story());
    bench.run_for(120).await;
    assert_eq!(with(&bench, "a", "lz4"), before);
    let begun = bench.now();
    let left: Vec<&str> = HOSTS[1..].to_vec();
    bench.push(&site(&left, LZ4, "")).await;
    bench.until("the others", |b| with(b, "a", "lz4").len() >= 5).await;
    assert!(bench.now().duration_since(begun).as_secs() < 60, "woken, not waited for: {}", bench.story());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_is_away_already() {
    let bench = begun("").await;
    bench.wire.hosts.set_down("fig", true);
    bench.run_for(60).await;
    bench.push(&site(&HOSTS, LZ4, "")).await;
    bench.until("what takes no turns", |b| with(b, "free", "lz4").len() == 5).await;
    bench.run_for(60).await;
    assert_eq!(with(&bench, "a", "lz4"), [""; 0], "{}", bench.story());
    bench.wire.hosts.set_down("fig", false);
    bench.until("all", |b| with(b, "a", "lz4").len() == 6).await;

    let bench = begun("maxUnavailable: 2").await;
    bench.wire.hosts.set_down("fig", true);
    bench.run_for(60).await;
    bench.push(&site(&HOSTS, LZ4, "maxUnavailable: 2")).await;
    bench.until("the others", |b| with(b, "a", "lz4").len() == 5).await;
}

#[tokio::test(start_paused = true)]
async fn so_many_failures_are_borne() {
    let mut bench = begun("maxFailures: 2").await;
    spoil(&bench, "kiwi");
    bench.push(&site(&HOSTS, LZ4, "maxFailures: 2")).await;
    bench.until("the others", |b| with(b, "a", "lz4").len() == 5).await;
    assert_eq!(bench.reason("kiwi-tank-a").unwrap(), "Failed");
    assert!(bench.reasons().iter().all(|said| !said.starts_with("Waiting")), "{}", bench.story());
}

#[tokio::test(start_paused = true)]
async fn a_person_or_another_wish_has_a_halted_host_tried_again() {
    for is_asked in [true, false] {
        let bench = halted().await;
        // Nothing is lost this time.
        bench.wire.refuse("fig: zfs set recordsize", "");
        bench.by_hand("fig", "zfs set recordsize=128K tank");
        let value = if is_asked { "zstd" } else { "gzip" };
        if is_asked {
            bench.reconcile(ResourceFilter { target: Some("fig".into()), ..ResourceFilter::default() }).await;
        } else {
            bench.push(&paths(&HOSTS, value)).await;
        }
        let begun = bench.now();
        let all = |b: &Bench| HOSTS.iter().all(|h| b.ask(h, "zfs get -Ho value compression tank") == value);
        bench.until("all", all).await;
        assert!(bench.now().duration_since(begun).as_secs() < 60, "{}", bench.story());
        bench.until("quiet", Bench::is_quiet).await;
        assert_eq!((bench.status("fig-paths").halted, bench.status("fig-paths").failed), (None, false));
    }
}

#[tokio::test(start_paused = true)]
async fn the_others_wait_for_the_canary_and_go_when_it_is_well() {
    let rollout = "maxUnavailable: 50%, maxFailures: 3, canary: { matchLabels: { name: olive } }";
    let bench = begun(rollout).await;
    spoil(&bench, "olive");
    bench.push(&site(&HOSTS, LZ4, rollout)).await;
    bench.until("what takes no turns", |b| with(b, "free", "lz4").len() >= 5).await;
    bench.run_for(120).await;
    assert_eq!(with(&bench, "a", "lz4"), [""; 0], "{}", bench.story());
    let status = bench.status("fig-tank-a");
    assert_eq!(
        (status.conditions[0].reason.as_str(), status.conditions[0].message.as_str()),
        (
            "Waiting",
            "not begun, because of the hosts with cluster=tokyo olive goes first, and is not as the manifests say yet"
        )
    );
    bench.wire.refuse_nothing();
    bench.reconcile(ResourceFilter { target: Some("olive".into()), ..ResourceFilter::default() }).await;
    let begun = bench.now();
    bench.until("all", |b| with(b, "a", "lz4").len() == 6).await;
    assert!(bench.now().duration_since(begun).as_secs() < 60, "woken, not waited for: {}", bench.story());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_rests_between_its_hosts_and_after_a_restart() {
    let mut bench = begun("").await;
    bench.push(&site(&HOSTS, LZ4, "pause: 10m")).await;
    bench.until("the first", |b| with(b, "a", "lz4").len() == 1).await;
    bench.run_for(9).await;
    assert_eq!(with(&bench, "a", "lz4").len(), 1, "{}", bench.story());
    let host = HOSTS.into_iter().find(|host| !with(&bench, "a", "lz4").contains(host)).unwrap();
    let status = bench.status(&format!("{host}-tank-a"));
    assert_eq!(status.conditions[0].reason, "Waiting");
    let message = &status.conditions[0].message;
    assert!(message.starts_with("the hosts with cluster=tokyo rest until 2026-11-20 "), "{message}");
    bench.run_for(2).await;
    assert_eq!(with(&bench, "a", "lz4").len(), 2, "{}", bench.story());
    bench.run_for(5).await;
    bench.restart().await;
    bench.run_for(9).await;
    assert_eq!(with(&bench, "a", "lz4").len(), 2, "it does not know when it was: {}", bench.story());
    bench.run_for(45).await;
    assert_eq!(with(&bench, "a", "lz4").len(), 6, "{}", bench.story());
}

/// A pool whose guests have paths, of which some are lost when it is set.
struct Paths;

#[derive(Deserialize, JsonSchema)]
struct PathsSpec {
    dataset: String,
    compression: String,
    /// What is written before the compression. As the size of records stands for paths, they may be lost by that.
    records: String,
}

#[derive(Serialize)]
struct PathsState {
    compression: String,
}

fn get(dataset: &str) -> Request {
    Request::Exec(Exec::new(["zfs", "get", "-Hpo", "value", "compression,recordsize"]).on([dataset]))
}

fn values(dataset: &str, replies: &Replies) -> Result<Vec<String>, ObserveError> {
    let reply = replies.get(&Query::reading(get(dataset)))?;
    Ok(String::from_utf8_lossy(&reply.stdout).lines().map(str::to_owned).collect())
}

impl Driver for Paths {
    const KIND: &'static str = "Paths";
    const ROLLING: bool = true;
    type Spec = PathsSpec;
    type State = PathsState;

    fn check(&self, _: &PathsSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &PathsSpec) -> String {
        spec.dataset.clone()
    }

    fn queries(&self, spec: &PathsSpec, _: &Replies) -> Vec<Query> {
        vec![Query::reading(get(&spec.dataset))]
    }

    fn observe(&self, spec: &PathsSpec, replies: &Replies) -> Result<Observed<PathsState>, ObserveError> {
        let compression = values(&spec.dataset, replies)?.remove(0);
        Ok(Observed::Present(PathsState { compression }))
    }

    fn desired(&self, spec: &PathsSpec, _: Option<&PathsState>, _: Timestamp) -> Option<PathsState> {
        Some(PathsState { compression: spec.compression.clone() })
    }

    fn steps(&self, spec: &PathsSpec, _: &Delta<'_, PathsState>) -> Vec<Step> {
        let set = format!("compression={}", spec.compression);
        let step = |words: &[&str]| Step::new(Request::Exec(Exec::new(words.iter().copied())));
        let proof = Proof {
            reads: vec![get(&spec.dataset)],
            counts: "bytes of a record".to_owned(),
            at_least: BTreeMap::from([(spec.dataset.clone(), 131_072)]),
        };
        let first =
            step(&["zfs", "set", &format!("recordsize={}", spec.records), &spec.dataset]).proven(proof);
        vec![first, step(&["zfs", "set", &set, &spec.dataset])]
    }

    fn measure(&self, proof: &Proof, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError> {
        let name = proof.at_least.keys().next().unwrap();
        Ok(BTreeMap::from([(name.clone(), values(name, replies)?.remove(1).parse().unwrap())]))
    }
}

fn paths(hosts: &[&str], compression: &str) -> String {
    let of = |host: &&str| {
        let kind = |kind: &str, name: &str, spec: &str| {
            format!(
                "---\napiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: {host}-{name} }}\nspec: {{ target: {host}, {spec} }}\n"
            )
        };
        kind(
            "Paths",
            "paths",
            &format!(
                "dataset: tank, compression: {compression}, records: {}",
                if *host == "fig" { "64K" } else { "128K" }
            ),
        ) + &kind(
            "ZfsDataset",
            "later",
            &format!(
                "dataset: tank/later, properties: {{ compression: {compression} }}, dependsOn: [Paths/{host}-paths]"
            ),
        )
    };
    head(hosts) + &hosts.iter().map(of).collect::<String>()
}

/// The first host that was written to lost what must not fall.
async fn halted() -> Bench {
    let mut bench = Bench::with_hosts(HOSTS);
    bench.registry = bench.registry.with(Paths);
    for host in HOSTS {
        bench.by_hand(host, "zfs set compression=lz4 tank");
    }
    let bench = bench.begun(&paths(&HOSTS, "lz4")).await;
    assert_eq!(bench.reason("fig-paths").unwrap(), "InSync", "{}", bench.story());
    bench.push(&paths(&HOSTS, "zstd")).await;
    bench.until("the halt", |b| b.reason("fig-paths").is_some_and(|reason| reason == "Halted")).await;
    bench
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_halted_stays_so_and_the_others_wait() {
    let mut bench = halted().await;
    let status = bench.status("fig-paths");
    let stalled = status.conditions.iter().find(|c| c.kind == ConditionType::Stalled).unwrap();
    assert_eq!((stalled.status, stalled.reason.as_str(), status.failed), (Status::True, "Halted", true));
    assert!(
        stalled.message.contains("tank has 65536 bytes of a record, it had 131072"),
        "{}",
        stalled.message
    );
    bench.run_for(10).await;
    let waits =
        |b: &Bench| HOSTS.iter().filter(|h| b.reason(&format!("{h}-paths")).unwrap() == "Waiting").count();
    assert!(
        waits(&bench) >= 1 && bench.ask("fig", "zfs get -Ho value compression tank") == "lz4",
        "{}",
        bench.story()
    );
    let writes: Vec<String> = bench.writes().into_iter().filter(|write| write.starts_with("fig")).collect();
    assert_eq!(writes, ["fig: zfs set recordsize=64K tank"], "it ended there, and is not tried again");
    let events = bench.events();
    let halted: Vec<_> = events.iter().filter(|event| event.reason == "Halted").collect();
    assert_eq!(halted.len(), 1, "{}", bench.story());
    assert_eq!(halted[0].weight, evenkeel_engine::store::Weight::Warning);

    bench.restart().await;
    bench.run_for(5).await;
    assert!(waits(&bench) >= 1, "{}", bench.story());
    assert_eq!(bench.writes().len(), 0, "{}", bench.story());

    // The paths are back, and it is seen again. Nothing is sent while nobody asks for it.
    bench.by_hand("fig", "zfs set recordsize=128K tank");
    bench.run_for(120).await;
    assert_eq!(bench.writes().len(), 0, "{}", bench.story());
    let status = bench.status("fig-paths");
    assert_eq!((status.conditions[0].reason.as_str(), status.failed), ("Halted", true));
    assert!(status.observed_at.is_some_and(|at| bench.now().duration_since(at).as_secs() < 3_600));
    assert!(bench.events().iter().all(|event| event.reason != "Halted"), "said once: {}", bench.story());

    // It is put right by hand: nothing is to be done there any more, and the others go on.
    bench.by_hand("fig", "zfs set compression=zstd tank");
    bench.reconcile(ResourceFilter { target: Some("fig".into()), ..ResourceFilter::default() }).await;
    let all = |b: &Bench| HOSTS.iter().all(|h| b.ask(h, "zfs get -Ho value compression tank") == "zstd");
    let begun = bench.now();
    bench.until("the others", all).await;
    assert!(bench.now().duration_since(begun).as_secs() < 60, "{}", bench.story());
}
