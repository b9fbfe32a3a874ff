//! Newer revisions and the end of the program stop what goes on, between two steps.

use std::time::Duration;

use evenkeel_engine::store::RunState;

use crate::bench::Bench;
use crate::origin::{dataset, site};
use crate::store::Fails;

fn wish(compression: &str) -> String {
    let more = format!("properties: {{ compression: {compression} }}");
    site(&[
        dataset("kiwi", "tank/a", &more),
        dataset("kiwi", "tank/b", &format!("dependsOn: [ZfsDataset/kiwi-tank-a]\n{more}")),
    ])
}

fn compression(bench: &Bench, dataset: &str) -> String {
    bench.ask("kiwi", &format!("zfs get -Ho value compression {dataset}"))
}

/// A controller that is about to send the first of two steps.
async fn writing() -> Bench {
    let bench = Bench::new().begun(&wish("lz4")).await;
    bench.wire.hold("zfs set compression=zstd");
    bench.push(&wish("zstd")).await;
    bench.until("the first step", |b| b.wire.is_holding()).await;
    bench
}

#[tokio::test(start_paused = true)]
async fn a_newer_revision_stops_a_run_at_the_next_step() {
    let bench = writing().await;
    let newest = bench.push(&wish("gzip")).await;
    bench.until("it", |b| b.is_in_force(&newest)).await;
    bench.wire.let_go();
    bench.until("quiet", Bench::is_quiet).await;
    bench.until("quiet", |b| compression(b, "tank/b") == "gzip").await;
    let writes = bench.writes();
    assert!(!writes.iter().any(|w| w.contains("zstd tank/b")), "{writes:?}");
    assert_eq!(compression(&bench, "tank/a"), "gzip");
    let states: Vec<RunState> = bench.runs().iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Done, RunState::Stopped, RunState::Done], "{:#?}", bench.runs());
}

#[tokio::test(start_paused = true)]
async fn a_revision_about_something_else_stops_nothing() {
    let bench = writing().await;
    let more = dataset("lime", "tank/x", "properties: { atime: off }");
    bench.push(&format!("{}{more}", wish("zstd"))).await;
    bench.until("it", |b| b.objects("lime").contains(&"tank/x".to_owned())).await;
    bench.wire.let_go();
    bench.until("quiet", Bench::is_quiet).await;
    assert_eq!(compression(&bench, "tank/b"), "zstd");
    let states: Vec<RunState> = bench.runs().iter().map(|run| run.state).collect();
    assert!(states.iter().all(|state| *state == RunState::Done), "{states:?}");
    assert_eq!(bench.writes().iter().filter(|w| w.contains("zstd")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn suspending_stops_what_goes_on() {
    let bench = writing().await;
    let suspended = wish("zstd").replace("  dependsOn", "  suspend: true\n  dependsOn");
    let id = bench.push(&suspended).await;
    bench.until("it", |b| b.is_in_force(&id)).await;
    bench.wire.let_go();
    bench.run_for(60).await;
    assert_eq!((compression(&bench, "tank/a"), compression(&bench, "tank/b")), ("zstd".into(), "lz4".into()));
}

#[tokio::test(start_paused = true)]
async fn pushes_do_not_starve_what_they_do_not_touch() {
    let bench = Bench::new();
    bench.wire.take(Duration::from_secs(20));
    let mut bench = bench.begun(&wish("lz4")).await;
    bench.by_hand("kiwi", "zfs set compression=off tank/a");
    for nth in 0..400 {
        let x = dataset("lime", "tank/x", &format!("properties: {{ com.acme:n: \"{nth}\" }}"));
        bench.push(&format!("{}{x}", wish("lz4"))).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(compression(&bench, "tank/a"), "lz4", "looked at and put right, while pushes came every 10 s");
    bench.events();
}

#[tokio::test(start_paused = true)]
async fn the_end_lets_the_step_in_flight_end_and_reads_it_back() {
    let mut bench = writing().await;
    bench.drain();
    bench.run_for(1).await;
    assert!(!bench.is_over(), "it waits for the step");
    assert!(bench.handle().health().draining);
    bench.wire.let_go();
    assert_eq!(bench.ended().await, Ok(()));
    assert_eq!((compression(&bench, "tank/a"), compression(&bench, "tank/b")), ("zstd".into(), "lz4".into()));
    let run = bench.runs().pop().unwrap();
    assert_eq!((run.state, run.commands.len()), (RunState::Stopped, 1));
    assert_eq!(bench.reason("kiwi-tank-a").unwrap(), "InSync", "it was read back");
    bench.start().await;
    bench.until("the rest", |b| compression(b, "tank/b") == "zstd").await;
    assert!(!bench.store.memory().events.iter().any(|e| e.what.reason == "RunInterrupted"));
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_looks() {
    let mut bench = Bench::new().begun(&wish("lz4")).await;
    bench.wire.hold("zfs get");
    bench.reconcile(evenkeel_engine::store::ResourceFilter::default()).await;
    bench.until("a look", |b| b.wire.is_holding()).await;
    let before = bench.now();
    bench.drain();
    assert_eq!(bench.ended().await, Ok(()));
    assert!(bench.now().duration_since(before).as_secs() < 2);
}

#[tokio::test(start_paused = true)]
async fn the_end_with_a_store_that_takes_nothing_says_so() {
    let mut bench = Bench::new().begun(&wish("lz4")).await;
    bench.store.fail(Fails::Writes);
    bench.wire.hosts.set_down("kiwi", true);
    bench.run_for(60).await;
    bench.drain();
    let said = bench.ended().await.unwrap_err().to_string();
    assert!(said.contains("what happened last is lost: the disk is full"), "{said}");
}
