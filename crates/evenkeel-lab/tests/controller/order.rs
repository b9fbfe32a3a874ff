//! What depends on something waits for it, on whatever target, and is woken when it is ready.

use std::time::Duration;

use crate::bench::Bench;
use crate::origin::{dataset, site};

fn after(name: &str, wish: &str) -> String {
    format!("dependsOn: [ZfsDataset/{name}]\nproperties: {{ {wish} }}")
}

fn chain(wish: &str) -> String {
    site(&[
        dataset("kiwi", "tank/a", &format!("properties: {{ {wish} }}")),
        dataset("lime", "tank/b", &after("kiwi-tank-a", wish)),
        dataset("kiwi", "tank/c", &after("lime-tank-b", wish)),
    ])
}

fn created(writes: &[String]) -> Vec<&str> {
    let creates = writes.iter().filter(|w| w.contains("zfs create"));
    creates.filter_map(|w| w.rsplit(' ').next()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_chain_across_targets_is_made_in_order_and_soon() {
    let mut bench = Bench::new();
    bench.origin.commit(&chain("atime: off"));
    bench.start().await;
    let begun = bench.now();
    bench.until("all", |b| b.objects("kiwi").len() == 3 && b.objects("lime").len() == 2).await;
    let took = bench.now().duration_since(begun).as_secs_f64();
    assert!(took < 5.0, "woken by the event, not by the interval: {took} s");
    assert_eq!(created(&bench.writes()), ["tank/a", "tank/b", "tank/c"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_says_for_what() {
    let mut bench = Bench::new();
    bench.wire.hosts.set_down("kiwi", true);
    bench.origin.commit(&chain("atime: off"));
    bench.start().await;
    bench.until("a look", |b| b.reason("lime-tank-b").is_some()).await;
    bench.run_for(60).await;
    let status = bench.status("lime-tank-b");
    assert_eq!(status.conditions[0].reason, "Waiting");
    assert!(status.conditions[0].message.contains("ZfsDataset/kiwi-tank-a"), "{:?}", status.conditions[0]);
    assert_eq!(created(&bench.writes()), [""; 0]);
    bench.wire.hosts.set_down("kiwi", false);
    bench.until("all", |b| b.objects("kiwi").len() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn what_has_just_changed_is_not_ready() {
    let bench = Bench::new().begun(&chain("atime: off")).await;
    bench.wire.hold("compression=zstd tank/a");
    bench.push(&chain("atime: off, compression: zstd")).await;
    bench.until("the first write", |b| b.wire.is_holding()).await;
    bench.run_for(1).await;
    assert_eq!(bench.writes(), [""; 0], "the others wait for the first");
    bench.wire.let_go();
    bench.until("quiet", Bench::is_quiet).await;
    let order: Vec<String> =
        bench.writes().iter().map(|w| w.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(order, ["tank/a", "tank/b", "tank/c"]);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_needs_nothing_for_its_new_wish_wakes_what_waits() {
    let bench = Bench::new().begun(&chain("atime: off")).await;
    // Somebody has already done what the first is to become.
    bench.by_hand("kiwi", "zfs set compression=zstd tank/a");
    // Its look takes long, so the second is looked at before the first is known to be ready.
    bench.wire.hold("tank/a");
    bench.push(&chain("atime: off, compression: zstd")).await;
    bench.until("the second", |b| b.reason("lime-tank-b").is_some_and(|r| r == "Waiting")).await;
    bench.wire.let_go();
    let begun = bench.now();
    bench.until("all", |b| b.ask("kiwi", "zfs get -Ho value compression tank/c") == "zstd").await;
    assert!(bench.now().duration_since(begun) < Duration::from_secs(10).try_into().unwrap(), "woken soon");
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_also_where_the_program_was_killed_in_between() {
    let mut bench = Bench::new();
    bench.wire.hold("zfs create");
    bench.origin.commit(&chain("atime: off"));
    bench.start().await;
    bench.until("the second", |b| b.reason("lime-tank-b").is_some_and(|r| r == "Waiting")).await;
    bench.kill().await;
    bench.by_hand("kiwi", "zfs create -o dev.evenkeel:managed-by=evenkeel -o atime=off tank/a");
    bench.wire.let_go();
    bench.start().await;
    let begun = bench.now();
    bench.until("all", |b| b.objects("kiwi").len() == 3).await;
    assert!(bench.now().duration_since(begun) < Duration::from_secs(30).try_into().unwrap(), "woken soon");
}
