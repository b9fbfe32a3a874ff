//! Approvals under races: the first decision counts, none is lost, and nothing is sent twice or before it is written down.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_engine::controller::RefusalKind;
use evenkeel_engine::store::{ApprovalState, ResourceFilter};
use evenkeel_lab::random::Random;

use crate::approvals::{held, no, readonly, records, say, sent, waiting, wish, yes};
use crate::bench::Bench;
use crate::origin::{dataset, site};
use crate::store::Fails;

/// Programs that are killed, by seed.
const SEEDS: u64 = 60;

#[tokio::test(start_paused = true)]
async fn of_two_approvals_one_counts() {
    let (mut bench, plan) = held().await;
    let (one, other) = tokio::join!(say(&bench, yes(&plan, "kim")), say(&bench, yes(&plan, "lee")));
    let refused = other.unwrap_err();
    assert_eq!((one.unwrap().approval.unwrap().by.as_str(), refused.kind), ("kim", RefusalKind::Conflict));
    assert!(refused.message.contains("approved by kim"), "{refused}");
    sent(&bench).await;
    assert_eq!(bench.writes().len(), 1);
    assert_eq!(bench.reasons(), ["Approved kiwi-tank", "Applied kiwi-tank"]);
}

#[tokio::test(start_paused = true)]
async fn of_an_approval_and_a_rejection_the_first_counts() {
    for approves_first in [true, false] {
        let (bench, plan) = held().await;
        let approve = say(&bench, yes(&plan, "kim"));
        let reject = say(&bench, no(&plan, "lee"));
        let (first, second) =
            if approves_first { tokio::join!(approve, reject) } else { tokio::join!(reject, approve) };
        assert!(first.is_ok());
        assert_eq!(second.unwrap_err().kind, RefusalKind::Conflict);
        bench.run_for(60).await;
        assert_eq!(readonly(&bench), if approves_first { "on" } else { "off" });
        assert_eq!(bench.writes().len(), usize::from(approves_first));
    }
}

#[tokio::test(start_paused = true)]
async fn an_approval_during_a_look_is_not_lost() {
    let (bench, plan) = held().await;
    bench.wire.hold("zfs get");
    bench.reconcile(ResourceFilter::default()).await;
    bench.until("a look", |b| b.wire.is_holding()).await;
    say(&bench, yes(&plan, "kim")).await.unwrap();
    bench.wire.let_go();
    sent(&bench).await;
    bench.run_for(60).await;
    assert_eq!(bench.writes(), ["kiwi: zfs set readonly=on tank"], "and sent once");
}

#[tokio::test(start_paused = true)]
async fn an_approval_during_a_run_on_its_host_is_sent_after_it() {
    let manifests = |readonly: &str, compression: &str| {
        let more = format!("properties: {{ compression: {compression} }}");
        let tank = format!("properties: {{ readonly: {readonly} }}");
        site(&[dataset("kiwi", "tank", &tank), dataset("kiwi", "tank/a", &more)])
    };
    let mut bench = Bench::new().begun(&manifests("off", "lz4")).await;
    bench.pushed(&manifests("on", "lz4")).await;
    let plan = waiting(&bench).plan;
    bench.wire.hold("zfs set compression=zstd");
    bench.push(&manifests("on", "zstd")).await;
    bench.until("a run", |b| b.wire.is_holding()).await;
    say(&bench, yes(&plan, "kim")).await.unwrap();
    assert_eq!(readonly(&bench), "off");
    bench.wire.let_go();
    sent(&bench).await;
    bench.run_for(60).await;
    let writes = bench.writes();
    let wanted = ["kiwi: zfs set compression=zstd tank/a", "kiwi: zfs set readonly=on tank"];
    assert_eq!(writes, wanted, "each once");
}

#[tokio::test(start_paused = true)]
async fn an_approval_while_the_wish_changes_sends_nothing_else() {
    let (bench, plan) = held().await;
    bench.wire.take(Duration::from_secs(5));
    let newer = wish("readonly: on, exec: off");
    let (id, decided) = tokio::join!(bench.push(&newer), say(&bench, yes(&plan, "kim")));
    bench.until("it", |b| b.is_in_force(&id)).await;
    bench.run_for(60).await;
    assert!(decided.is_ok(), "the plan stood when it was said");
    // Either the run was through before the commit came, or the approval is void: never is the newer wish sent.
    assert!(!bench.writes().iter().any(|write| write.contains("exec")), "{}", bench.story());
    let state = records(&bench)[0].state;
    let was_sent = readonly(&bench) == "on";
    assert_eq!(state, if was_sent { ApprovalState::Used } else { ApprovalState::Void }, "{}", bench.story());
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_written_down_before_it_is_told_or_acted_on() {
    let (bench, plan) = held().await;
    bench.store.fail(Fails::Commits);
    let refused = say(&bench, yes(&plan, "kim")).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Unwritten);
    assert!(refused.message.contains("the disk is full"), "{refused}");
    bench.run_for(30).await;
    assert_eq!((readonly(&bench), waiting(&bench).plan), ("off".to_owned(), plan.clone()));
    bench.store.fail(Fails::Nothing);
    sent(&bench).await;
    assert_eq!(bench.writes().len(), 1);
    assert_eq!(records(&bench)[0].state, ApprovalState::Used);

    // One that was not written down is gone with the program, as the person was told.
    let (mut bench, plan) = held().await;
    bench.store.fail(Fails::Commits);
    say(&bench, yes(&plan, "kim")).await.unwrap_err();
    bench.kill().await;
    bench.store.fail(Fails::Nothing);
    bench.start().await;
    bench.run_for(60).await;
    assert_eq!((readonly(&bench), waiting(&bench).plan), ("off".to_owned(), plan));
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_what_was_decided() {
    let (mut bench, plan) = held().await;
    bench.wire.hosts.set_down("kiwi", true);
    say(&bench, yes(&plan, "kim")).await.unwrap();
    bench.restart().await;
    bench.run_for(30).await;
    bench.wire.hosts.set_down("kiwi", false);
    sent(&bench).await;
    assert_eq!((bench.writes().len(), records(&bench)[0].state), (1, ApprovalState::Used));
}

/// Approved, and killed somewhere on the way.
async fn killed_on_the_way(seed: u64) {
    let mut random = Random::derive(seed, 41);
    let (mut bench, plan) = held().await;
    bench.kill.after(random.below(14), random.one_in(2));
    let kill = Arc::clone(&bench.kill);
    let was_told = tokio::select! {
        decided = say(&bench, yes(&plan, "kim")) => decided.is_ok(),
        () = kill.rung.notified() => false,
    };
    if was_told {
        tokio::select! {
            () = sent(&bench) => {}
            () = kill.rung.notified() => {}
        }
    }
    bench.kill().await;
    let is_durable = records(&bench).iter().any(|record| record.approval.is_some());
    assert!(is_durable || !was_told, "seed {seed}: told, and lost");
    assert!(is_durable || readonly(&bench) == "off", "seed {seed}: sent, and not written down");
    bench.start().await;
    bench.run_for(60).await;
    let story = bench.story();
    assert_eq!(readonly(&bench), if is_durable { "on" } else { "off" }, "seed {seed}\n{story}");
    assert_eq!(bench.writes().len(), usize::from(is_durable), "seed {seed}: once, or never\n{story}");
    let live = records(&bench).into_iter().filter(|record| record.state.is_live());
    assert_eq!(live.count(), usize::from(!is_durable), "seed {seed}: nothing hangs about\n{story}");
}

#[test]
fn killed_at_any_moment_an_approval_counts_or_was_never_told() {
    for seed in 0..SEEDS {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(killed_on_the_way(seed));
    }
}
