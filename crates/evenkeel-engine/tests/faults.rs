//! What one write does to others, and what a run makes of failures midway.

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
use evenkeel_core::plan::Policy;
use evenkeel_engine::{Run, Stop, Verdict};
use toy::{Hosts, Trouble, engine, kv, scope};

fn verdict<'r>(run: &'r Run, name: &str) -> &'r Verdict {
    &run.outcomes.iter().find(|o| o.id.name == name).unwrap().verdict
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
        let lose = move |c: &str| match c.contains("kv list") && asked.fetch_add(1, Ordering::SeqCst) == nth {
            true => Trouble::LostBefore,
            false => Trouble::None,
        };
        let hosts = Hosts::new(&[("pruned", &[("a", "1"), ("ours-old", "1")])]).with_fault(lose);
        let run = engine(&hosts, &Stop::default())
            .reconcile(
                &scope(&["pruned"], &kv("a", "pruned", "a", "1", "")),
                Policy { allow: Risk::Destructive },
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
        .reconcile(&scope(&["pruned"], &kv("a", "pruned", "a", "1", "")), Policy { allow: Risk::Destructive })
        .await;
    assert!(
        matches!(verdict(&run, "ours-old"), Verdict::Failed { message, .. } if message.ends_with("it is still there")),
        "{run:#?}"
    );
}
