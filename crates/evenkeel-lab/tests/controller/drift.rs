//! What somebody changes by hand: reported or put back, told from wishes, and not fought over for ever.

use evenkeel_core::config::DriftMode;
use evenkeel_engine::controller::Intent;
use evenkeel_engine::store::ResourceFilter;

use crate::bench::Bench;
use crate::origin::{dataset, site};

const OFF: &str = "properties: { atime: off }";

fn one(more: &str) -> String {
    site(&[dataset("kiwi", "tank", &format!("{OFF}\n{more}"))])
}

fn atime(bench: &Bench) -> String {
    bench.ask("kiwi", "zfs get -Ho value atime tank")
}

async fn reporting(manifests: &str) -> Bench {
    let mut bench = Bench::new();
    bench.terms.drift.mode = DriftMode::Report;
    bench.begun(manifests).await
}

#[tokio::test(start_paused = true)]
async fn drift_is_reported_once_and_left_alone() {
    let mut bench = reporting(&one("")).await;
    bench.by_hand("kiwi", "zfs set atime=on tank");
    bench.run_for(180).await;
    assert_eq!((atime(&bench), bench.writes()), ("on".to_owned(), vec![]));
    assert_eq!(bench.reasons(), ["DriftFound kiwi-tank"]);
    let status = bench.status("kiwi-tank");
    assert_eq!((status.conditions[0].reason.as_str(), status.intent), ("Drifted", Some(Intent::Corrective)));
    assert_eq!(status.differs.len(), 1);
    bench.restart().await;
    bench.run_for(60).await;
    assert_eq!((bench.reasons(), bench.writes()), (vec![], vec![]), "a restart does not take it for a wish");
    bench.by_hand("kiwi", "zfs set atime=off tank");
    bench.run_for(60).await;
    assert_eq!(bench.reasons(), ["InSync kiwi-tank"]);
}

#[tokio::test(start_paused = true)]
async fn drift_is_put_back_and_told_from_a_wish() {
    let mut bench = Bench::new().begun(&one("")).await;
    bench.by_hand("kiwi", "zfs set atime=on tank");
    bench.until("the correction", |b| atime(b) == "off").await;
    bench.until("quiet", Bench::is_quiet).await;
    assert_eq!(bench.reasons(), ["DriftCorrected kiwi-tank"]);
    let run = bench.runs().pop().unwrap();
    assert_eq!(run.entries[0].intent, Intent::Corrective);
    assert_eq!(bench.handle().metrics().changes["corrective"], 1);

    bench.pushed(&one("").replace("atime: off", "atime: off, compression: zstd")).await;
    assert_eq!(bench.reasons(), ["RevisionInForce", "Applied kiwi-tank"]);
    assert_eq!(bench.runs().pop().unwrap().entries[0].intent, Intent::Intentional);
}

#[tokio::test(start_paused = true)]
async fn a_resource_says_its_own_mode_and_interval() {
    let mut bench = reporting(&one("interval: 2m\ndrift: { mode: Correct }")).await;
    bench.by_hand("kiwi", "zfs set atime=on tank");
    bench.run_for(3).await;
    assert_eq!(atime(&bench), "off");
    assert_eq!(bench.reasons(), ["DriftCorrected kiwi-tank"]);

    let bench = Bench::new().begun(&one("drift: { mode: Report }")).await;
    bench.by_hand("kiwi", "zfs set atime=on tank");
    bench.run_for(60).await;
    assert_eq!(bench.reason("kiwi-tank").unwrap(), "Drifted");
}

#[tokio::test(start_paused = true)]
async fn ignored_fields_are_nobodys_business() {
    let mut bench = Bench::new().begun(&one("drift: { ignore: [properties.atime] }")).await;
    bench.by_hand("kiwi", "zfs set atime=on tank");
    bench.run_for(60).await;
    assert_eq!((atime(&bench), bench.reasons()), ("on".to_owned(), vec![]));
}

#[tokio::test(start_paused = true)]
async fn suspended_resources_are_watched_and_left_alone() {
    let mut bench = Bench::new().begun(&one("suspend: true")).await;
    assert_eq!(
        (bench.reason("kiwi-tank").unwrap(), atime(&bench)),
        ("Suspended".to_owned(), "on".to_owned())
    );
    bench.pushed(&one("suspend: false")).await;
    assert_eq!(atime(&bench), "off");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_source_goes_on_with_what_is_in_force() {
    let mut bench = Bench::new().begun(&one("")).await;
    bench.kill().await;
    bench.terms.suspend = true;
    bench.start().await;
    bench.push(&one("").replace("atime: off", "atime: off, compression: zstd")).await;
    bench.by_hand("kiwi", "zfs set atime=on tank");
    bench.run_for(60).await;
    assert_eq!(atime(&bench), "off", "drift is still met");
    assert_ne!(bench.ask("kiwi", "zfs get -Ho value compression tank"), "zstd");
    assert!(bench.handle().health().ready, "{:?}", bench.handle().health());
    assert!(bench.source().suspended, "and says so");
}

/// Somebody sets it again and again.
async fn quarrel(bench: &Bench, minutes: u64) {
    for _ in 0..minutes / 5 {
        bench.by_hand("kiwi", "zfs set atime=on tank");
        bench.run_for(5).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_fight_is_given_up_and_taken_up_again_by_a_person_or_a_new_wish() {
    let mut bench = Bench::new().begun(&one("interval: 5m")).await;
    quarrel(&bench, 120).await;
    let reasons = bench.reasons();
    let count = |word: &str| reasons.iter().filter(|r| r.starts_with(word)).count();
    assert_eq!((count("DriftCorrected"), count("Fight"), reasons.len()), (3, 1, 4), "{reasons:?}");
    assert_eq!(atime(&bench), "on");
    bench.restart().await;
    bench.run_for(30).await;
    assert_eq!((atime(&bench), bench.reasons()), ("on".to_owned(), vec![]), "also after a restart");

    let woken = bench.reconcile(ResourceFilter { target: Some("kiwi".into()), ..Default::default() }).await;
    assert_eq!((woken.resources, woken.targets), (1, 1));
    bench.until("the correction", |b| atime(b) == "off").await;
    bench.until("quiet", Bench::is_quiet).await;
    assert_eq!(bench.reasons(), ["DriftCorrected kiwi-tank"]);
    let run = bench.runs().pop().unwrap();
    assert_eq!(run.by.as_deref(), Some("kim"));

    quarrel(&bench, 120).await;
    assert_eq!(atime(&bench), "on");
    bench.events();
    bench.pushed(&one("interval: 5m").replace("atime: off", "atime: off, compression: zstd")).await;
    assert_eq!(atime(&bench), "off");
    bench.by_hand("kiwi", "zfs set atime=on tank");
    bench.run_for(12).await;
    assert_eq!(atime(&bench), "off", "a new wish begins anew");
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_was_taken_back_half_way_is_no_drift() {
    let mut bench = reporting(&one("")).await;
    // The second wish is sent and fails to stay: somebody is faster.
    let other = one("").replace("atime: off", "atime: off, compression: zstd, quota: 1");
    bench.push(&other).await;
    bench.until("a failure", |b| b.reason("kiwi-tank").is_some_and(|r| r == "Failed")).await;
    bench.by_hand("kiwi", "zfs set atime=on tank");
    bench.pushed(&one("")).await;
    assert_eq!(atime(&bench), "off", "{}", bench.story());
}

#[tokio::test(start_paused = true)]
async fn another_machine_behind_a_target_was_never_as_wished() {
    let mut bench = reporting(&one("")).await;
    bench.run_for(60).await;
    bench.by_hand("kiwi", "zfs set atime=on tank");
    bench.run_for(60).await;
    assert_eq!(bench.reasons(), ["DriftFound kiwi-tank"]);
    bench.pushed(&one("").replace("host: kiwi", "host: new-kiwi")).await;
    assert_eq!(
        bench.reasons(),
        ["RevisionInForce", "Applied kiwi-tank"],
        "it is a wish, not drift to report"
    );
    assert_eq!(atime(&bench), "off");
    assert_eq!(bench.runs().pop().unwrap().entries[0].intent, Intent::Intentional);
}
