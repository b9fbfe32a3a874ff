//! The reconcile path against toy hosts: what is sent, when, and what is said about it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

mod toy;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evenkeel_core::driver::Risk;
use evenkeel_core::plan::{Action, Policy};
use evenkeel_engine::{Run, Stop, Verdict};
use toy::{Hosts, Trouble, engine, kv, scope};

fn verdict<'r>(run: &'r Run, name: &str) -> &'r Verdict {
    &run.outcomes.iter().find(|o| o.id.name == name).unwrap().verdict
}

fn two_keys() -> String {
    [kv("a", "h", "a", "1", ""), kv("b", "h", "b", "1", "")].join("---\n")
}

#[tokio::test]
async fn plan_only_reads_apply_converges_and_a_second_one_sends_nothing() {
    let hosts = Hosts::new(&[("h", &[("a", "0")])]);
    let scope = scope(&["h"], &two_keys());
    let engine = engine(&hosts, &Stop::default());
    let plan = engine.plan(&scope, Policy::default()).await;
    assert_eq!(plan.changes.iter().map(|c| c.action).collect::<Vec<_>>(), [Action::Update, Action::Create]);
    assert_eq!(hosts.writes(), Vec::<String>::new());
    let run = engine.apply(&scope, &plan, Policy::default()).await;
    assert!(run.is_complete() && run.summary.applied == 2, "{run:#?}");
    let again = engine.reconcile(&scope, Policy::default()).await;
    assert_eq!((again.summary.commands, again.summary.unchanged), (0, 2));
}

#[tokio::test]
async fn equal_changes_are_one_command_and_a_round_one_query() {
    let hosts = Hosts::new(&[("h", &[("a", "0"), ("b", "0")])]);
    let run =
        engine(&hosts, &Stop::default()).reconcile(&scope(&["h"], &two_keys()), Policy::default()).await;
    assert_eq!(hosts.writes(), ["h: kv set 1 a b"]);
    assert_eq!(run.summary.applied, 2);
    assert_eq!(hosts.log.lock().unwrap().first().unwrap(), "h: kv get a b");
}

#[tokio::test]
async fn what_changed_since_the_plan_is_refused_and_the_rest_goes_on() {
    let hosts = Hosts::new(&[("h", &[("a", "0"), ("b", "0")])]);
    let scope = scope(&["h"], &two_keys());
    let engine = engine(&hosts, &Stop::default());
    let plan = engine.plan(&scope, Policy::default()).await;
    hosts.state.lock().unwrap().get_mut("h").unwrap().insert("a".into(), "9".into());
    let run = engine.apply(&scope, &plan, Policy::default()).await;
    assert_eq!(verdict(&run, "a"), &Verdict::Stale { fields: vec!["value".into()] });
    assert_eq!(verdict(&run, "b"), &Verdict::Applied);
    assert_eq!(hosts.value("h", "a").as_deref(), Some("9"));
    assert!(!run.is_complete());
}

#[tokio::test]
async fn what_somebody_else_already_did_is_not_stale() {
    let hosts = Hosts::new(&[("h", &[("a", "0"), ("b", "1")])]);
    let scope = scope(&["h"], &two_keys());
    let engine = engine(&hosts, &Stop::default());
    let plan = engine.plan(&scope, Policy::default()).await;
    hosts.state.lock().unwrap().get_mut("h").unwrap().insert("a".into(), "1".into());
    let run = engine.apply(&scope, &plan, Policy::default()).await;
    assert_eq!((verdict(&run, "a"), run.summary.commands), (&Verdict::Unchanged, 0));
}

#[tokio::test]
async fn a_dead_host_is_unknown_and_stops_no_other() {
    let hosts = Hosts::new(&[("h", &[])]);
    let text = [kv("a", "h", "a", "1", ""), kv("b", "dead", "b", "1", "")].join("---\n");
    let scope = scope(&["h", "dead"], &text);
    let engine = engine(&hosts, &Stop::default());
    let plan = engine.plan(&scope, Policy::default()).await;
    assert_eq!((plan.summary.errors, plan.summary.create), (1, 1));
    let run = engine.apply(&scope, &plan, Policy::default()).await;
    assert_eq!(verdict(&run, "a"), &Verdict::Applied);
    assert!(
        matches!(verdict(&run, "b"), Verdict::Unknown { message, .. } if message.contains("dead does not answer"))
    );
    assert_eq!(hosts.writes(), ["h: kv set 1 a"]);
}

#[tokio::test]
async fn a_refusal_is_reported_in_the_hosts_own_words() {
    let refuse = |c: &str| if c.contains("kv set") { Trouble::Refused } else { Trouble::None };
    let hosts = Hosts::new(&[("h", &[])]).with_fault(refuse);
    let run = engine(&hosts, &Stop::default())
        .reconcile(&scope(&["h"], &kv("a", "h", "a", "1", "")), Policy::default())
        .await;
    assert_eq!(verdict(&run, "a"), &Verdict::Failed { message: "permission denied".into(), hint: None });
}

#[tokio::test]
async fn success_is_what_is_read_back_not_what_a_command_says() {
    let lie = |c: &str| if c.contains("kv set") { Trouble::Lies } else { Trouble::None };
    let hosts = Hosts::new(&[("h", &[("a", "0")])]).with_fault(lie);
    let scope = scope(&["h"], &kv("a", "h", "a", "1", ""));
    let run = engine(&hosts, &Stop::default()).reconcile(&scope, Policy::default()).await;
    assert!(
        matches!(verdict(&run, "a"), Verdict::Failed { message, .. } if message.contains("value is 0")),
        "{run:#?}"
    );
    let lost = |c: &str| if c.contains("kv set") { Trouble::LostAfter } else { Trouble::None };
    let hosts = Hosts::new(&[("h", &[("a", "0")])]).with_fault(lost);
    let run = engine(&hosts, &Stop::default()).reconcile(&scope, Policy::default()).await;
    assert_eq!(verdict(&run, "a"), &Verdict::Applied, "it happened, only the reply was lost");
    assert_eq!(run.commands[run.outcomes[0].sent[0]].exit, None);
}

#[tokio::test]
async fn dependents_of_what_failed_are_not_sent() {
    let refuse = |c: &str| if c.starts_with("h: kv set") { Trouble::Refused } else { Trouble::None };
    let hosts = Hosts::new(&[("h", &[]), ("i", &[])]).with_fault(refuse);
    let text = [
        kv("a", "h", "a", "1", ""),
        kv("b", "i", "b", "1", ", dependsOn: [Kv/a]"),
        kv("c", "i", "c", "1", ", dependsOn: [Kv/b]"),
        kv("d", "i", "d", "1", ""),
    ];
    let run = engine(&hosts, &Stop::default())
        .reconcile(&scope(&["h", "i"], &text.join("---\n")), Policy::default())
        .await;
    assert!(
        matches!(verdict(&run, "b"), Verdict::Skipped { reason } if reason == "waits for Kv/a, which is failed"),
        "{run:#?}"
    );
    assert!(matches!(verdict(&run, "c"), Verdict::Skipped { .. }));
    assert_eq!(
        hosts.writes(),
        ["i: kv set 1 d", "h: kv set 1 a"].map(String::from).into_iter().rev().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn dependencies_go_first_also_across_hosts() {
    let hosts = Hosts::new(&[("h", &[]), ("i", &[])]);
    let text = [kv("a", "i", "a", "1", ", dependsOn: [Kv/z]"), kv("z", "h", "z", "1", "")].join("---\n");
    engine(&hosts, &Stop::default()).reconcile(&scope(&["h", "i"], &text), Policy::default()).await;
    assert_eq!(hosts.writes(), ["h: kv set 1 z", "i: kv set 1 a"]);
}

#[tokio::test]
async fn a_stop_ends_after_the_step_in_flight() {
    let stop = Stop::default();
    let asked = stop.clone();
    let hosts = Hosts::new(&[("h", &[])]).with_fault(move |c| {
        if c.contains("kv set 1 a") {
            asked.request();
        }
        Trouble::None
    });
    let run_scope = scope(&["h"], &two_keys());
    let engine_ = engine(&hosts, &Stop::default());
    let plan = engine_.plan(&run_scope, Policy::default()).await;
    let run = engine(&hosts, &stop).apply(&run_scope, &plan, Policy::default()).await;
    assert!(run.stopped && !run.is_complete());
    assert_eq!(hosts.writes(), ["h: kv set 1 a"]);
    assert_eq!(verdict(&run, "b"), &Verdict::NotStarted);
    assert_eq!(verdict(&run, "a"), &Verdict::Applied, "the step in flight is read back: {run:#?}");
}

#[tokio::test]
async fn a_risk_to_data_is_held_until_it_is_accepted() {
    let hosts = Hosts::new(&[("h", &[])]);
    let engine = engine(&hosts, &Stop::default());
    let all = Policy::allowing(Risk::DataLoss);
    let run = engine.reconcile(&scope(&["h"], &kv("a", "h", "a", "risky", "")), all).await;
    assert!(
        matches!(verdict(&run, "a"), Verdict::Held { reasons } if reasons[0].contains("accept")),
        "{run:#?}"
    );
    assert_eq!(hosts.writes(), Vec::<String>::new());
    let accept = ", accept: { dataLoss: { of: value=risky, reason: tests, until: 2026-11-20 } }";
    let run = engine.reconcile(&scope(&["h"], &kv("a", "h", "a", "risky", accept)), Policy::default()).await;
    assert_eq!(verdict(&run, "a"), &Verdict::Applied);
}

#[tokio::test]
async fn a_container_that_nobody_creates_is_an_error_before_anything_is_sent() {
    let hosts = Hosts::new(&[("h", &[])]);
    let engine = engine(&hosts, &Stop::default());
    let plan = engine.plan(&scope(&["h"], &kv("b", "h", "a/b", "1", "")), Policy::default()).await;
    assert_eq!(plan.changes[0].error.as_ref().unwrap().reason, "ContainerMissing");
    let both = [kv("b", "h", "a/b", "1", ""), kv("a", "h", "a", "1", "")].join("---\n");
    engine.reconcile(&scope(&["h"], &both), Policy::default()).await;
    assert_eq!(hosts.writes(), ["h: kv set 1 a", "h: kv set 1 a/b"]);
}

#[tokio::test]
async fn pruning_removes_what_is_ours_and_left_only_where_it_is_allowed() {
    let keys: &[(&str, &str)] = &[("a", "1"), ("ours-old", "1"), ("theirs", "1")];
    let hosts = Hosts::new(&[("pruned", keys), ("kept", keys)]);
    let text = [kv("a", "pruned", "a", "1", ""), kv("b", "kept", "a", "1", "")].join("---\n");
    let scope = scope(&["pruned", "kept"], &text);
    let engine = engine(&hosts, &Stop::default());
    let held = engine.reconcile(&scope, Policy::default()).await;
    assert_eq!((held.summary.held, held.summary.commands), (1, 0));
    let run = engine.reconcile(&scope, Policy::allowing(Risk::Destructive)).await;
    assert!(run.is_complete() && run.summary.applied == 1, "{run:#?}");
    assert_eq!(hosts.writes(), ["pruned: kv drop ours-old"]);
    let partial = evenkeel_engine::Scope { prunable: evenkeel_core::driver::Registry::default(), ..scope };
    assert!(!engine.plan(&partial, Policy::default()).await.has_changes());
}

#[tokio::test]
async fn a_suspended_resource_is_read_and_never_sent() {
    let hosts = Hosts::new(&[("h", &[])]);
    let run = engine(&hosts, &Stop::default())
        .reconcile(&scope(&["h"], &kv("a", "h", "a", "1", ", suspend: true")), Policy::default())
        .await;
    assert!(matches!(verdict(&run, "a"), Verdict::Skipped { .. }));
    assert_eq!(hosts.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_host_without_the_program_of_a_kind_has_nothing_of_it_to_prune() {
    for (trouble, unknown) in [(Trouble::NoProgram, 0), (Trouble::Refused, 1)] {
        let ends = move |c: &str| if c.contains("kv list") { trouble } else { Trouble::None };
        let hosts = Hosts::new(&[("pruned", &[("a", "1"), ("ours-old", "1")])]).with_fault(ends);
        let scope = scope(&["pruned"], &kv("a", "pruned", "a", "2", ""));
        let run =
            engine(&hosts, &Stop::default()).reconcile(&scope, Policy::allowing(Risk::Destructive)).await;
        assert_eq!((run.summary.unknown, run.summary.applied), (unknown, 1), "{run:#?}");
        assert_eq!(hosts.writes(), ["pruned: kv set 2 a"]);
    }
}

#[tokio::test]
async fn a_lost_inventory_deletes_nothing() {
    let lose = |c: &str| if c.contains("kv list") { Trouble::LostBefore } else { Trouble::None };
    let hosts = Hosts::new(&[("pruned", &[("ours-old", "1")])]).with_fault(lose);
    let run = engine(&hosts, &Stop::default())
        .reconcile(
            &scope(&["pruned"], &kv("a", "pruned", "ours-old", "1", "")),
            Policy::allowing(Risk::Destructive),
        )
        .await;
    assert_eq!(run.summary.unknown, 1);
    assert_eq!(hosts.writes(), Vec::<String>::new());
}

async fn reconcile(hosts: &Arc<Hosts>, resources: &[String]) -> Run {
    engine(hosts, &Stop::default())
        .reconcile(&scope(&["h"], &resources.join("---\n")), Policy::default())
        .await
}

#[tokio::test]
async fn what_a_dependent_inherits_from_this_run_is_not_stale() {
    let hosts = Hosts::new(&[("h", &[("a", "0"), ("a.b", "0"), ("a.c", "0")])]);
    let resources = [
        kv("a", "h", "a", "1", ""),
        kv("b", "h", "a.b", "2", ", dependsOn: [Kv/a]"),
        kv("c", "h", "a.c", "1", ", dependsOn: [Kv/a]"),
    ];
    let run = reconcile(&hosts, &resources).await;
    assert_eq!(verdict(&run, "b"), &Verdict::Applied, "{run:#?}");
    assert_eq!(verdict(&run, "c"), &Verdict::Unchanged, "it inherited what it wants");
    assert_eq!(hosts.writes(), ["h: kv set 1 a", "h: kv set 2 a.b"]);
    assert_eq!(reconcile(&hosts, &resources).await.summary.commands, 0);
}

#[tokio::test]
async fn what_somebody_else_changes_while_a_run_goes_on_is_stale() {
    let hosts = Hosts::new(&[("h", &[("a", "0"), ("z", "0")])]);
    let inside = Arc::clone(&hosts);
    let hosts = hosts.with_fault(move |command| {
        if command == "h: kv set 1 a" {
            inside.state.lock().unwrap().get_mut("h").unwrap().insert("z".into(), "7".into());
        }
        Trouble::None
    });
    let resources = [kv("a", "h", "a", "1", ""), kv("z", "h", "z", "2", ", dependsOn: [Kv/a]")];
    let run = reconcile(&hosts, &resources).await;
    assert_eq!(verdict(&run, "z"), &Verdict::Stale { fields: vec!["value".into()] }, "{run:#?}");
    assert_eq!(hosts.value("h", "z").as_deref(), Some("7"));
}

#[tokio::test]
async fn what_a_write_changes_beside_its_own_object_is_told() {
    let hosts = Hosts::new(&[("h", &[("a", "0"), ("a.n", "0")])]);
    let resources = [kv("a", "h", "a", "1", ""), kv("n", "h", "a.n", "0", "")];
    let run = reconcile(&hosts, &resources).await;
    assert_eq!(verdict(&run, "n"), &Verdict::Drifted { fields: vec!["value is 1".into()] }, "{run:#?}");
    assert!(!run.is_complete());
    assert_eq!(verdict(&reconcile(&hosts, &resources).await, "n"), &Verdict::Applied);
    assert_eq!(reconcile(&hosts, &resources).await.summary.commands, 0);
}

#[tokio::test]
async fn a_joined_command_that_fails_for_one_goes_on_for_the_others() {
    let refuse = |c: &str| if c.contains("kv set once") { Trouble::RefusedFor("b") } else { Trouble::None };
    let hosts = Hosts::new(&[("h", &[("a", "0"), ("b", "0"), ("c", "0")])]).with_fault(refuse);
    let resources = ["a", "b", "c"].map(|key| kv(key, "h", key, "twice", ""));
    let run = reconcile(&hosts, &resources).await;
    assert_eq!(hosts.writes(), ["h: kv set once a b c", "h: kv set twice a c"]);
    assert_eq!((verdict(&run, "a"), verdict(&run, "c")), (&Verdict::Applied, &Verdict::Applied), "{run:#?}");
    assert!(
        matches!(verdict(&run, "b"), Verdict::Failed { message, .. } if message == "cannot set 'b': denied"),
        "{run:#?}"
    );
    assert_eq!(hosts.value("h", "b").as_deref(), Some("0"));
}

#[tokio::test]
async fn a_lost_target_is_not_tried_with_every_further_command() {
    let lose = |c: &str| if c.contains("kv set") { Trouble::LostBefore } else { Trouble::None };
    let hosts = Hosts::new(&[("h", &[("a", "0"), ("b", "0"), ("c", "0")])]).with_fault(lose);
    let resources = [("a", "1"), ("b", "2"), ("c", "3")].map(|(key, value)| kv(key, "h", key, value, ""));
    let run = reconcile(&hosts, &resources).await;
    assert_eq!(hosts.writes(), ["h: kv set 1 a"]);
    assert!(matches!(verdict(&run, "a"), Verdict::Failed { message, .. } if message == "connection lost"));
    assert_eq!((verdict(&run, "b"), verdict(&run, "c")), (&Verdict::NotStarted, &Verdict::NotStarted));
}

#[tokio::test]
async fn an_inventory_that_is_lost_while_applying_is_no_proof_that_things_are_gone() {
    for nth in [1, 2] {
        let asked = AtomicUsize::new(0);
        let lose = move |c: &str| {
            let is_it = c.contains("kv list") && asked.fetch_add(1, Ordering::SeqCst) == nth;
            if is_it { Trouble::LostBefore } else { Trouble::None }
        };
        let hosts = Hosts::new(&[("pruned", &[("a", "1"), ("ours-old", "1")])]).with_fault(lose);
        let run = engine(&hosts, &Stop::default())
            .reconcile(
                &scope(&["pruned"], &kv("a", "pruned", "a", "1", "")),
                Policy::allowing(Risk::Destructive),
            )
            .await;
        assert!(matches!(verdict(&run, "ours-old"), Verdict::Unknown { .. }), "{run:#?}");
        assert_eq!(hosts.writes().len(), nth - 1, "asked before anything is sent, and after");
    }
}

#[tokio::test]
async fn what_is_still_there_after_its_removal_is_said_so() {
    let lie = |c: &str| if c.contains("kv drop") { Trouble::Lies } else { Trouble::None };
    let hosts = Hosts::new(&[("pruned", &[("a", "1"), ("ours-old", "1")])]).with_fault(lie);
    let run = engine(&hosts, &Stop::default())
        .reconcile(&scope(&["pruned"], &kv("a", "pruned", "a", "1", "")), Policy::allowing(Risk::Destructive))
        .await;
    assert!(
        matches!(verdict(&run, "ours-old"), Verdict::Failed { message, .. } if message.ends_with("it is still there")),
        "{run:#?}"
    );
}

#[tokio::test]
async fn dependents_of_what_was_not_started_are_not_sent() {
    let lose = |c: &str| if c == "h: kv set 1 a" { Trouble::LostBefore } else { Trouble::None };
    let hosts = Hosts::new(&[("h", &[]), ("i", &[])]).with_fault(lose);
    let text = [
        kv("a", "h", "a", "1", ""),
        kv("b", "h", "b", "2", ""),
        kv("c", "i", "c", "1", ", dependsOn: [Kv/b]"),
    ];
    let run = engine(&hosts, &Stop::default())
        .reconcile(&scope(&["h", "i"], &text.join("---\n")), Policy::default())
        .await;
    assert_eq!(verdict(&run, "b"), &Verdict::NotStarted);
    assert_eq!(
        verdict(&run, "c"),
        &Verdict::Skipped { reason: "waits for Kv/b, which is not started".into() }
    );
    assert_eq!(hosts.value("i", "c"), None);
}

#[tokio::test]
async fn what_lies_in_a_container_that_is_not_created_is_not_sent() {
    let inner = kv("b", "h", "a/b", "1", "");
    let deeper = kv("c", "h", "a/b/c", "1", "");
    let cases = [
        (vec![kv("a", "h", "a", "risky", ""), inner.clone(), deeper.clone()], "a, which is held"),
        (
            vec![kv("a", "h", "a", "1", ", suspend: true"), inner.clone(), deeper.clone()],
            "a, which is suspended",
        ),
        (
            vec![kv("z", "h", "z", "1", ""), kv("a", "h", "a", "1", ", dependsOn: [Kv/z]"), inner.clone()],
            "a, which is created later: write `dependsOn: [Kv/a]`",
        ),
    ];
    for (text, why) in cases {
        let hosts = Hosts::new(&[("h", &[])]);
        let run = reconcile(&hosts, &text).await;
        let expected = Verdict::Held { reasons: vec![format!("waits for {why}")] };
        assert_eq!(verdict(&run, "b"), &expected, "{run:#?}");
        assert!(!hosts.writes().iter().any(|w| w.contains("a/b")), "{:?}", hosts.writes());
    }
    let hosts = Hosts::new(&[("h", &[])]);
    let plan = engine(&hosts, &Stop::default())
        .plan(&scope(&["h"], &[inner, deeper].join("---\n")), Policy::default())
        .await;
    let reasons = plan.changes.iter().map(|c| c.error.as_ref().map(|e| e.reason.as_str()));
    assert!(reasons.eq([Some("ContainerMissing"); 2]), "{plan:#?}");
}

#[tokio::test]
async fn an_object_of_two_resources_is_created_once() {
    let hosts = Hosts::new(&[("h", &[])]);
    let text = [kv("first", "h", "a", "1", ""), kv("second", "h", "a", "1", "")];
    let run = reconcile(&hosts, &text).await;
    assert_eq!(hosts.writes(), ["h: kv set 1 a"]);
    assert_eq!(verdict(&run, "first"), &Verdict::Applied);
    let waits = Verdict::Held { reasons: vec!["waits for Kv/first, which creates a".into()] };
    assert_eq!(verdict(&run, "second"), &waits);
    let again = reconcile(&hosts, &text).await;
    assert_eq!((again.summary.unchanged, again.summary.commands), (2, 0));
}

#[tokio::test]
async fn nothing_is_removed_from_a_host_where_something_failed() {
    let refuse = |c: &str| if c.contains("kv set") { Trouble::Refused } else { Trouble::None };
    let keys: &[(&str, &str)] = &[("ours-old", "1")];
    let hosts = Hosts::new(&[("pruned", keys), ("pruned2", keys)]).with_fault(refuse);
    let text = kv("new", "pruned", "ours-new", "1", "");
    let all = Policy::allowing(Risk::Destructive);
    let run = engine(&hosts, &Stop::default()).reconcile(&scope(&["pruned", "pruned2"], &text), all).await;
    assert!(matches!(verdict(&run, "new"), Verdict::Failed { .. }), "{run:#?}");
    assert_eq!(hosts.value("pruned", "ours-old").as_deref(), Some("1"), "what replaces it is not there");
    assert_eq!(hosts.value("pruned2", "ours-old"), None, "another host does not wait");
    assert!(!run.is_complete());
}
