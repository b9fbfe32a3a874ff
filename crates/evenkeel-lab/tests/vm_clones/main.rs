//! Ten nights of six virtual machines on a simulated vCenter under trouble: runs that are killed anywhere, tasks that go on
//! when nobody waits, clones that break off, lines that break. Whatever happens, there are never fewer good generations than
//! before, and in the end nothing is left but those.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod by_hand;
mod ledger;
mod rig;

use evenkeel_engine::Verdict;
use evenkeel_lab::random::Random;
use rig::{Rig, VMS};
use serde_json::{Value, json};

const NIGHTS: usize = 10;

/// With one after the other, and with three at a time.
fn ways() -> [Value; 2] {
    [json!({}), json!({ "concurrency": 3, "diskFormat": "thin" })]
}

#[tokio::test]
async fn ten_nights_in_which_nothing_happens() {
    for way in ways() {
        let mut rig = Rig::new(&way);
        for night in 0..NIGHTS {
            let told = format!("night {night} of {way}");
            let run = rig.reconcile(None).await.unwrap();
            assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "{told}: {run:#?}");
            rig.ledger.expect_done(&rig.vcenter.lock(), &told);
            assert_eq!(rig.reconcile(None).await.unwrap().summary.commands, 0, "{told}: once a night");
            rig.next_night();
        }
    }
}

#[tokio::test]
async fn killed_within_every_request_it_is_made_good_by_the_next_run() {
    for way in ways() {
        let mut rig = Rig::new(&way);
        for night in 0..NIGHTS {
            // The requests of a night are dealt out to the nights: the first, that with nothing to remove, and one of the
            // usual ones see all of them.
            let (share, of) = if matches!(night, 0 | 2 | 4) { (0, 1) } else { (night, NIGHTS) };
            for after in (0..rig.requests().await).filter(|after| after % of == share) {
                for seed in 0..3 {
                    let hit = rig.copy();
                    let told = format!("{way}, night {night}, killed within {after}, seed {seed}");
                    hit.line.set_trouble(seed, 0);
                    assert!(hit.reconcile(Some(after)).await.is_none(), "{told}");
                    hit.ledger.expect_safe(&hit.vcenter.lock(), &told);
                    // The next run may come while a task still goes on.
                    hit.reconcile(None).await.unwrap();
                    hit.ledger.expect_safe(&hit.vcenter.lock(), &told);
                    hit.settles(&told).await;
                    hit.ledger.expect_done(&hit.vcenter.lock(), &told);
                }
            }
            rig.settles("the night itself").await;
            rig.next_night();
        }
    }
}

#[tokio::test]
async fn killed_again_and_again_every_night() {
    for seed in 0..12 {
        let way = &ways()[usize::try_from(seed % 2).unwrap()];
        let mut rig = Rig::new(way);
        let mut random = Random::derive(seed, 90);
        for night in 0..NIGHTS {
            let told = format!("seed {seed}, night {night}");
            rig.line.set_trouble(random.next_u64(), 0);
            for _ in 0..random.below(6) {
                let after = random.below(30);
                rig.reconcile(Some(after)).await;
                rig.ledger.expect_safe(&rig.vcenter.lock(), &told);
                if random.one_in(2) {
                    rig.pass();
                }
            }
            rig.settles(&told).await;
            rig.ledger.expect_done(&rig.vcenter.lock(), &told);
            rig.next_night();
        }
    }
}

#[tokio::test]
async fn a_line_that_breaks_now_and_then_does_no_harm() {
    for seed in 0..12 {
        let way = &ways()[usize::try_from(seed % 2).unwrap()];
        let mut rig = Rig::new(way);
        for night in 0..NIGHTS {
            let told = format!("seed {seed}, night {night}");
            rig.line.set_trouble(seed * 100 + night as u64, 8);
            for _ in 0..3 {
                rig.reconcile(None).await.unwrap();
                rig.ledger.expect_safe(&rig.vcenter.lock(), &told);
            }
            rig.line.set_trouble(0, 0);
            rig.settles(&told).await;
            rig.ledger.expect_done(&rig.vcenter.lock(), &told);
            rig.next_night();
        }
    }
}

#[tokio::test]
async fn what_fails_once_is_told_and_made_good() {
    let methods = [
        ("CreateSnapshot_Task", "SnapshotFault"),
        ("CloneVM_Task", "NoDiskSpace"),
        ("ReconfigVM_Task", "TaskInProgress"),
        ("RemoveSnapshot_Task", "SystemError"),
        ("Destroy_Task", "ResourceInUse"),
    ];
    for way in ways() {
        let mut rig = Rig::new(&way);
        for _ in 0..3 {
            rig.settles("nights before").await;
            rig.next_night();
        }
        for (method, fault) in methods {
            let told = format!("{way}: {method} fails with {fault}");
            let hit = rig.copy();
            hit.vcenter.lock().fails_next = Some((method.to_owned(), fault.to_owned()));
            let run = hit.reconcile(None).await.unwrap();
            let Verdict::Failed { message, .. } = &run.outcomes[0].verdict else {
                panic!("{told}: {run:#?}")
            };
            assert!(message.contains(fault), "{told}: {message}");
            hit.ledger.expect_safe(&hit.vcenter.lock(), &told);
            // What fails is of one machine, or of the three that are cloned together.
            let least = VMS.len() - way["concurrency"].as_u64().map_or(1, |_| 3);
            let fresh = hit.ledger.fresh(&hit.vcenter.lock());
            assert!(fresh >= least, "{told}: {fresh} have a new clone");
            hit.settles(&told).await;
            hit.ledger.expect_done(&hit.vcenter.lock(), &told);
        }
    }
}
