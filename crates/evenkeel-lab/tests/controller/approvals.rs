//! Approvals: what is held is sent when a person says so, exactly that, once, and not for ever.

use evenkeel_core::config::PushLimit;
use evenkeel_core::period::Period;
use evenkeel_core::plan::Approvable;
use evenkeel_engine::controller::{Decision, Refusal, RefusalKind, Word};
use evenkeel_engine::store::{ApprovalRecord, ApprovalState, ResourceFilter};

use crate::bench::Bench;
use crate::origin::{dataset, site, target};

/// `readonly=on` interrupts who writes, and the bench sends only what is safe by itself.
pub(crate) fn wish(properties: &str) -> String {
    site(&[dataset("kiwi", "tank", &format!("properties: {{ {properties} }}"))])
}

/// A controller that holds `readonly=on`, and the hash of that.
pub(crate) async fn held() -> (Bench, String) {
    let mut bench = Bench::new().begun(&wish("readonly: off")).await;
    bench.pushed(&wish("readonly: on")).await;
    let plan = waiting(&bench).plan;
    bench.reasons();
    (bench, plan)
}

pub(crate) fn records(bench: &Bench) -> Vec<ApprovalRecord> {
    bench.store.memory().approvals.clone()
}

/// The only one that waits.
pub(crate) fn waiting(bench: &Bench) -> ApprovalRecord {
    let mut found = records(bench);
    found.retain(|record| record.state == ApprovalState::Waiting);
    assert_eq!(found.len(), 1, "{}", bench.story());
    found.remove(0)
}

fn states(bench: &Bench) -> Vec<ApprovalState> {
    records(bench).iter().map(|record| record.state).collect()
}

pub(crate) fn yes(plan: &str, by: &str) -> Decision {
    let word = Word::Approve { within: Period::days(1), override_window: false };
    Decision { plan: plan.to_owned(), by: by.to_owned(), reason: "agreed with Ann".to_owned(), word }
}

pub(crate) fn no(plan: &str, by: &str) -> Decision {
    Decision { reason: "not on a Friday".to_owned(), word: Word::Reject, ..yes(plan, by) }
}

pub(crate) async fn say(bench: &Bench, decision: Decision) -> Result<ApprovalRecord, Refusal> {
    bench.handle().decide(decision).await
}

pub(crate) fn readonly(bench: &Bench) -> String {
    bench.ask("kiwi", "zfs get -Ho value readonly tank")
}

pub(crate) async fn sent(bench: &Bench) {
    bench.until("what was approved", |b| readonly(b) == "on").await;
    bench.until("quiet", Bench::is_quiet).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_approved_is_sent_once_and_it_is_written_down_who_and_why() {
    let (mut bench, plan) = held().await;
    let message = bench.status("kiwi-tank").conditions[0].message.clone();
    let how = format!("(approve it with `evenkeel approve {}`)", &plan[..12]);
    assert!(message.contains("held: readonly=on is disruptive") && message.ends_with(&how), "{message}");
    let record = waiting(&bench);
    assert_eq!((record.approvable(), record.change.steps.len()), (Approvable::Yes, 1));

    let record = say(&bench, yes(&plan[..8], "kim")).await.unwrap();
    assert_eq!((record.state, record.plan.as_str()), (ApprovalState::Approved, plan.as_str()));
    sent(&bench).await;
    bench.run_for(90).await;
    assert_eq!(bench.writes(), ["kiwi: zfs set readonly=on tank"]);
    let events = bench.events();
    let told: Vec<&str> = events.iter().map(|event| event.reason.as_str()).collect();
    assert_eq!(told, ["Approved", "Applied"]);
    assert!(events[0].message.ends_with("agreed with Ann"), "{}", events[0].message);
    assert!(events[1].message.ends_with("(approved by kim: agreed with Ann)"), "{}", events[1].message);

    let run = bench.runs().pop().unwrap();
    let approval = run.entries[0].approval.clone().unwrap();
    assert_eq!((approval.by.as_str(), approval.reason.as_str()), ("kim", "agreed with Ann"));
    let record = records(&bench).pop().unwrap();
    assert_eq!((record.state, record.run), (ApprovalState::Used, Some(run.id)));
    assert_eq!(bench.reason("kiwi-tank").unwrap(), "InSync");
}

#[tokio::test(start_paused = true)]
async fn a_plan_keeps_its_hash_while_nothing_changes() {
    let (mut bench, plan) = held().await;
    for _ in 0..5 {
        bench.reconcile(ResourceFilter::default()).await;
        bench.run_for(40).await;
    }
    let after = waiting(&bench);
    assert_eq!(after.plan, plan);
    bench.restart().await;
    bench.run_for(60).await;
    assert_eq!(waiting(&bench), after, "the same one still waits, also after a restart");
}

#[tokio::test(start_paused = true)]
async fn a_changed_plan_voids_the_approval() {
    let (mut bench, plan) = held().await;
    bench.wire.hosts.set_down("kiwi", true);
    say(&bench, yes(&plan, "kim")).await.unwrap();
    bench.run_for(10).await;
    assert_eq!(states(&bench), [ApprovalState::Approved], "it failed, and is still approved");
    bench.push(&wish("readonly: on, exec: off")).await;
    bench.run_for(10).await;
    bench.wire.hosts.set_down("kiwi", false);
    bench.until("the void", |b| states(b).contains(&ApprovalState::Void)).await;
    bench.until("quiet", Bench::is_quiet).await;
    assert_eq!((readonly(&bench), bench.writes()), ("off".to_owned(), vec![]));
    let events = bench.events();
    let told: Vec<_> = events.iter().filter(|event| event.reason == "ApprovalVoid").collect();
    let new = waiting(&bench).plan;
    assert_eq!(told.len(), 1);
    assert!(told[0].message.contains(&plan[..12]) && told[0].message.contains(&new[..12]), "{:?}", told[0]);

    let late = say(&bench, yes(&plan, "lee")).await.unwrap_err();
    assert_eq!(late.kind, RefusalKind::Conflict);
    assert!(late.message.contains(&plan[..12]) && late.message.contains(&new[..12]), "{late}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_changed_on_the_target_voids_it_too() {
    let mut bench = Bench::new().begun(&wish("readonly: off, atime: on")).await;
    bench.pushed(&wish("readonly: on, atime: \"off\"")).await;
    let plan = waiting(&bench).plan;
    bench.by_hand("kiwi", "zfs set atime=off tank");
    let record = say(&bench, yes(&plan, "kim")).await.unwrap();
    assert_eq!(record.state, ApprovalState::Approved);
    bench.until("the void", |b| states(b).contains(&ApprovalState::Void)).await;
    bench.run_for(60).await;
    assert_eq!(readonly(&bench), "off", "it would be another change than the one that was seen");
    assert_ne!(waiting(&bench).plan, plan);
}

#[tokio::test(start_paused = true)]
async fn an_approval_runs_out_once_and_then_it_waits_again() {
    let (mut bench, plan) = held().await;
    bench.wire.hosts.set_down("kiwi", true);
    let word = Word::Approve { within: Period::minutes(60), override_window: false };
    say(&bench, Decision { word, ..yes(&plan, "kim") }).await.unwrap();
    bench.run_for(59).await;
    assert_eq!(states(&bench), [ApprovalState::Approved]);
    bench.run_for(30).await;
    assert_eq!(states(&bench), [ApprovalState::Expired]);
    bench.wire.hosts.set_down("kiwi", false);
    bench.run_for(90).await;
    assert_eq!((readonly(&bench), bench.writes()), ("off".to_owned(), vec![]));
    assert_eq!(waiting(&bench).plan, plan, "the same plan, to be decided about anew");
    let told = bench.events().into_iter().filter(|event| event.reason == "ApprovalExpired").count();
    assert_eq!(told, 1);
    assert_eq!(say(&bench, yes(&plan, "kim")).await.unwrap().state, ApprovalState::Approved);
    sent(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_rejected_stays_held_until_it_is_another_plan() {
    let (mut bench, plan) = held().await;
    say(&bench, no(&plan, "kim")).await.unwrap();
    bench.until("the word", |b| b.status("kiwi-tank").conditions[0].message.contains("rejected")).await;
    let message = bench.status("kiwi-tank").conditions[0].message.clone();
    assert!(message.contains("rejected by kim: not on a Friday"), "{message}");
    assert!(!message.contains("evenkeel approve"), "{message}");
    let late = say(&bench, yes(&plan, "lee")).await.unwrap_err();
    assert_eq!(late.kind, RefusalKind::Conflict);
    bench.restart().await;
    bench.run_for(90).await;
    assert_eq!((states(&bench), bench.writes()), (vec![ApprovalState::Rejected], vec![]));
    bench.pushed(&wish("readonly: on, exec: off")).await;
    assert_ne!(waiting(&bench).plan, plan);
}

#[tokio::test(start_paused = true)]
async fn where_a_commit_changes_nothing_by_itself_a_person_may() {
    let mut bench = Bench::new();
    bench.terms.on_push.apply = PushLimit::None;
    let bench = bench.begun(&wish("atime: \"off\"")).await;
    let record = waiting(&bench);
    say(&bench, yes(&record.plan, "kim")).await.unwrap();
    bench.until("it", |b| b.reason("kiwi-tank").unwrap() == "InSync").await;
    assert_eq!(bench.writes(), ["kiwi: zfs set atime=off tank"]);
}

#[tokio::test(start_paused = true)]
async fn a_window_is_overridden_only_by_who_says_so() {
    let window = "window: { cron: 7 12 * * *, timeZone: Asia/Tokyo, duration: 2m }";
    let one = |readonly: &str| {
        site(&[dataset("kiwi", "tank", &format!("properties: {{ readonly: {readonly} }}\n{window}"))])
    };
    for override_window in [false, true] {
        let mut bench = Bench::new().begun(&one("off")).await;
        bench.pushed(&one("on")).await;
        let record = waiting(&bench);
        assert_eq!(record.approvable(), Approvable::OverridingWindow);
        let word = Word::Approve { within: Period::days(1), override_window };
        say(&bench, Decision { word, ..yes(&record.plan, "kim") }).await.unwrap();
        bench.run_for(60).await;
        let at_once = if override_window { "on" } else { "off" };
        assert_eq!(readonly(&bench), at_once, "the window opens at 03:07");
        bench.run_for(140).await;
        assert_eq!((readonly(&bench), bench.writes().len()), ("on".to_owned(), 1));
        let run = bench.runs().pop().unwrap();
        let approval = run.entries[0].approval.clone().unwrap();
        assert_eq!(approval.override_window, override_window, "that is written down");
    }
}

#[tokio::test(start_paused = true)]
async fn what_left_the_manifests_is_removed_when_that_is_approved() {
    let with = |resources: &[String]| {
        format!("{}{}{}", target("kiwi", "prune: true"), target("lime", ""), resources.concat())
    };
    let dataset = |name: &str| dataset("kiwi", name, "properties: { atime: off }");
    let mut bench = Bench::new().begun(&with(&[dataset("tank/a"), dataset("tank/b")])).await;
    bench.pushed(&with(&[dataset("tank/b")])).await;
    bench.until("the removal", |b| records(b).len() == 1).await;
    let record = waiting(&bench);
    assert_eq!((record.key.id.name.as_str(), record.change.object.as_str()), ("kiwi-tank-a", "tank/a"));
    bench.run_for(60).await;
    assert_eq!((waiting(&bench).plan, bench.writes()), (record.plan.clone(), vec![]));
    say(&bench, yes(&record.plan, "kim")).await.unwrap();
    bench.until("its end", |b| !b.objects("kiwi").contains(&"tank/a".to_owned())).await;
    bench.run_for(60).await;
    assert_eq!(bench.writes(), ["kiwi: zfs destroy tank/a"]);
    let run = bench.runs().pop().unwrap();
    assert_eq!(run.entries[0].approval.as_ref().unwrap().by, "kim");
    let record = records(&bench).pop().unwrap();
    assert_eq!((record.state, record.run), (ApprovalState::Used, Some(run.id)));
}

#[tokio::test(start_paused = true)]
async fn what_may_lose_data_waits_for_nobody() {
    let mut bench = Bench::new().begun(&wish("sync: standard")).await;
    bench.pushed(&wish("sync: disabled")).await;
    assert_eq!(bench.reason("kiwi-tank").unwrap(), "Held");
    assert_eq!(records(&bench), [], "that is accepted in the manifest");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_decision_is_refused_and_changes_nothing() {
    let (bench, plan) = held().await;
    let approve = |within| Word::Approve { within, override_window: false };
    let cases = [
        (Decision { reason: "  ".into(), ..yes(&plan, "kim") }, RefusalKind::Bad, "wants a reason"),
        (Decision { reason: "x".repeat(501), ..yes(&plan, "kim") }, RefusalKind::Bad, "500 characters"),
        (
            Decision { reason: "a\u{1b}[2J".into(), ..yes(&plan, "kim") },
            RefusalKind::Bad,
            "control characters",
        ),
        (yes("0123", "kim"), RefusalKind::Bad, "is not the hash of a plan"),
        (yes("kiwi-tank", "kim"), RefusalKind::Bad, "is not the hash of a plan"),
        (yes("ffffffffffff", "kim"), RefusalKind::Unknown, "no plan ffffffffffff waits"),
        (
            Decision { word: approve(Period::seconds(0)), ..yes(&plan, "kim") },
            RefusalKind::Bad,
            "cannot count for 0s",
        ),
        (Decision { word: approve(Period::days(31)), ..yes(&plan, "kim") }, RefusalKind::Bad, "cannot count"),
    ];
    for (decision, kind, says) in cases {
        let refused = say(&bench, decision.clone()).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{decision:?}: {refused}");
        assert!(refused.message.contains(says) && !refused.hint.is_empty(), "{refused:?}");
    }
    assert_eq!(waiting(&bench).plan, plan);
}
