//! From a commit to hosts that are as it says, and commits that do not come into force.

use evenkeel_core::config::PushLimit;
use evenkeel_engine::controller::Intent;
use evenkeel_engine::store::{RunState, SourceVerdict};

use crate::bench::Bench;
use crate::origin::{dataset, site, target};

fn two() -> String {
    site(&[
        dataset("kiwi", "tank/a", "properties: { atime: off }"),
        dataset("kiwi", "tank/b", "properties: { atime: off, compression: lz4 }"),
        dataset("lime", "tank/a", "properties: { atime: off }"),
    ])
}

#[tokio::test(start_paused = true)]
async fn a_commit_is_applied_and_the_next_look_sends_nothing() {
    let mut bench = Bench::new();
    let id = bench.origin.commit(&two());
    bench.start().await;
    bench.until("quiet", Bench::is_quiet).await;
    let writes = bench.writes();
    assert!(writes.iter().any(|w| w.starts_with("kiwi: zfs create")), "{writes:?}");
    assert_eq!(bench.ask("kiwi", "zfs get -Ho value atime tank/a"), "off");
    for name in ["kiwi-tank-a", "kiwi-tank-b", "lime-tank-a"] {
        let status = bench.status(name);
        assert_eq!(status.conditions[0].reason, "InSync", "{}", bench.story());
        assert_eq!((&status.last_applied_revision, status.observed_generation), (&Some(id.clone()), 1));
        assert_eq!(status.intent, None);
    }
    let runs = bench.runs();
    assert_eq!(runs.len(), 2, "one on each host: {runs:#?}");
    for run in &runs {
        assert_eq!((run.state, run.revision.as_str()), (RunState::Done, id.as_str()));
        assert!(run.entries.iter().all(|entry| entry.intent == Intent::Intentional));
    }
    bench.run_for(180).await;
    assert_eq!(bench.writes(), [""; 0]);
    assert_eq!(bench.runs().len(), 2, "looks leave no runs");
}

#[tokio::test(start_paused = true)]
async fn a_warm_look_is_one_exchange_however_many_resources() {
    let many: Vec<String> =
        (0..40).map(|n| dataset("kiwi", &format!("tank/d{n}"), "properties: { atime: off }")).collect();
    let bench = Bench::new().begun(&site(&many)).await;
    let (before, looks) = (bench.wire.exchanges("kiwi"), bench.handle().metrics().looks);
    bench.run_for(24 * 60).await;
    let (after, looked) = (bench.wire.exchanges("kiwi"), bench.handle().metrics().looks);
    assert!((40..60).contains(&(looked - looks)), "about every 30 minutes: {}", looked - looks);
    assert_eq!(after - before, usize::try_from(looked - looks).unwrap(), "one exchange per look");
}

#[tokio::test(start_paused = true)]
async fn a_broken_commit_changes_nothing_and_says_where() {
    let mut bench = Bench::new().begun(&two()).await;
    let good = bench.source().revision.unwrap().id;
    let broken = two().replace("atime: off, compression: lz4", "atime: 7, compression: lz4");
    bench.push(&broken).await;
    bench.until("a verdict", |b| matches!(b.source().verdict, SourceVerdict::Invalid { .. })).await;
    let events = bench.events();
    let said = events.iter().find(|event| event.reason == "RevisionInvalid").unwrap();
    assert!(said.message.contains("site.yaml:"), "{}", said.message);
    bench.by_hand("kiwi", "zfs set atime=on tank/a");
    bench.run_for(60).await;
    assert_eq!(
        bench.ask("kiwi", "zfs get -Ho value atime tank/a"),
        "off",
        "the last good one stays in force"
    );
    assert_eq!(bench.source().revision.unwrap().id, good);

    bench.restart().await;
    bench.by_hand("kiwi", "zfs set atime=on tank/a");
    bench.run_for(60).await;
    assert_eq!(bench.ask("kiwi", "zfs get -Ho value atime tank/a"), "off", "also after a restart");
    let reasons = bench.reasons();
    assert!(!reasons.iter().any(|r| r.starts_with("Revision")), "nothing new was said: {reasons:?}");

    let fixed = bench.pushed(&two()).await;
    assert_eq!(bench.source().verdict, SourceVerdict::InForce);
    assert_eq!(bench.source().revision.unwrap().id, fixed);
    bench.run_for(60).await;
    let pushed_at = bench.now();
    bench.pushed(&two().replace("atime: off", "atime: on")).await;
    assert!(bench.source().since >= pushed_at, "since when this revision is in force, not the first one");
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_nothing_new_says_nothing_and_sends_nothing() {
    let mut bench = Bench::new().begun(&two()).await;
    let rows = bench.store.memory().rows;
    bench.restart().await;
    bench.until("a fetch", |b| b.handle().health().ready).await;
    bench.run_for(10).await;
    assert_eq!((bench.writes(), bench.reasons()), (vec![], vec![]));
    assert_eq!(bench.store.memory().rows, rows, "what is not due is not looked at");
}

fn ten(of: impl Iterator<Item = usize>) -> String {
    let datasets: Vec<String> =
        of.map(|n| dataset("kiwi", &format!("tank/d{n}"), "properties: { atime: off }")).collect();
    site(&datasets)
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_prunes_too_much_waits_for_a_person() {
    let mut bench = Bench::new().begun(&ten(0..10)).await;
    let id = bench.push(&ten(0..5)).await;
    bench.until("a verdict", |b| matches!(b.source().verdict, SourceVerdict::Held { .. })).await;
    let events = bench.events();
    let said = events.iter().find(|event| event.reason == "RevisionHeld").unwrap();
    assert!(said.message.contains("5 of 10 resources leave"), "{}", said.message);
    bench.run_for(30).await;
    assert_eq!(bench.source().resources, 10);
    assert_eq!(bench.reasons(), [""; 0], "said once");

    bench.restart().await;
    bench.until("a verdict", |b| b.source().checked_at > Some(b.now()) || b.handle().health().ready).await;
    assert_eq!(bench.reasons(), [""; 0], "and not again after a restart");
    let refused = bench.handle().accept("main", "0123456", "kim").await.unwrap_err();
    assert!(refused.contains(&id), "{refused}");
    bench.handle().accept("main", &id[..12], "kim").await.unwrap();
    bench.until("it", |b| b.source().resources == 5).await;
    let events = bench.events();
    let said = events.iter().find(|event| event.reason == "RevisionInForce").unwrap();
    assert!(said.message.contains("5 gone, accepted by kim"), "{}", said.message);
    assert!(bench.handle().accept("main", &id[..12], "kim").await.is_err(), "it is not held any more");
    bench.run_for(30).await;
    assert_eq!(bench.source().verdict, SourceVerdict::InForce);
}

#[tokio::test(start_paused = true)]
async fn an_empty_tree_waits_for_a_person_and_a_better_one_takes_its_place() {
    let mut bench = Bench::new().begun(&ten(0..2)).await;
    let id = bench.push(&target("kiwi", "")).await;
    bench.until("a verdict", |b| matches!(b.source().verdict, SourceVerdict::Held { .. })).await;
    bench.pushed(&ten(0..3)).await;
    assert_eq!(bench.source().verdict, SourceVerdict::InForce);
    assert!(bench.handle().accept("main", &id, "kim").await.is_err(), "the empty one is over");
    assert_eq!(bench.objects("kiwi").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_answer_is_said_once_and_recovers() {
    let mut bench = Bench::new().begun(&two()).await;
    bench.origin.set_down(true);
    bench.until("trouble", |b| matches!(b.source().verdict, SourceVerdict::Refused { .. })).await;
    bench.run_for(120).await;
    assert_eq!(bench.reasons(), ["RevisionRefused"]);
    assert!(bench.handle().metrics().source_age_seconds["main"] > 3600.0);
    assert!(bench.handle().health().ready, "what is in force goes on");
    bench.restart().await;
    bench.run_for(120).await;
    assert!(
        bench.handle().metrics().source_age_seconds["main"] > 3600.0,
        "also where it was down since the start"
    );
    bench.origin.set_down(false);
    bench.until("recovery", |b| b.source().verdict == SourceVerdict::InForce).await;
    assert_eq!(bench.reasons(), ["SourceRecovered"]);
    let fetches = bench.origin.fetches();
    bench.run_for(60).await;
    assert!((9..=14).contains(&(bench.origin.fetches() - fetches)), "every five minutes or so");
}

#[tokio::test(start_paused = true)]
async fn what_a_commit_may_send_by_itself_is_limited() {
    let disruptive = site(&[dataset("kiwi", "tank", "properties: { readonly: on }")]);
    for (limit, sent) in [
        (PushLimit::None, false),
        (PushLimit::Safe, false),
        (PushLimit::Disruptive, true),
        (PushLimit::Destructive, true),
    ] {
        let mut bench = Bench::new();
        bench.terms.on_push.apply = limit;
        let bench = bench.begun(&disruptive).await;
        assert_eq!(bench.reason("kiwi-tank").unwrap(), if sent { "InSync" } else { "Held" }, "{limit:?}");
        assert_eq!(bench.ask("kiwi", "zfs get -Ho value readonly tank") == "on", sent, "{limit:?}");
    }
    let mut bench = Bench::new();
    bench.terms.on_push.apply = PushLimit::None;
    let bench = bench.begun(&two()).await;
    assert_eq!(bench.objects("kiwi"), ["tank"], "not even what is safe");
    assert!(bench.status("kiwi-tank-a").conditions[0].message.contains("onPush.apply: None"));
}

#[tokio::test(start_paused = true)]
async fn who_accepts_and_goes_away_in_the_middle_loses_nothing() {
    let mut bench = Bench::new().begun(&ten(0..10)).await;
    let id = bench.push(&ten(0..5)).await;
    bench.until("a verdict", |b| matches!(b.source().verdict, SourceVerdict::Held { .. })).await;
    let handle = bench.handle().clone();
    // It is asked for once, and never waited for: most often while the manifests are read.
    drop(futures_util::poll!(handle.accept("main", &id, "kim")));
    bench.run_for(1).await;
    if bench.source().resources == 10 {
        bench.handle().accept("main", &id, "kim").await.unwrap();
    }
    bench.until("it", |b| b.source().resources == 5).await;
    bench.restart().await;
    bench.run_for(10).await;
    assert_eq!((bench.source().resources, bench.source().verdict), (5, SourceVerdict::InForce));
    let reasons = bench.reasons();
    assert_eq!(reasons.iter().filter(|r| *r == "RevisionInForce").count(), 1, "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn accepting_while_a_newer_one_arrives_never_goes_back() {
    for newer_first in [false, true] {
        let bench = Bench::new().begun(&ten(0..10)).await;
        let held = bench.push(&ten(0..5)).await;
        bench.until("a verdict", |b| matches!(b.source().verdict, SourceVerdict::Held { .. })).await;
        let newest = bench.push(&ten(0..11)).await;
        if newer_first {
            tokio::task::yield_now().await;
        }
        let accepted = bench.handle().accept("main", &held, "kim").await;
        bench.until("the newest", |b| b.is_in_force(&newest)).await;
        bench.until("quiet", Bench::is_quiet).await;
        assert_eq!(
            (bench.source().resources, bench.source().verdict),
            (11, SourceVerdict::InForce),
            "{accepted:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn other_settings_can_make_another_of_the_same_revision() {
    let mut bench = Bench::new().begun(&ten(0..3)).await;
    bench.kill().await;
    bench.origin.rewrite(&ten(0..4));
    bench.start().await;
    bench.until("it", |b| b.source().resources == 4).await;
    bench.until("quiet", Bench::is_quiet).await;
    assert_eq!(bench.objects("kiwi").len(), 5);
}
