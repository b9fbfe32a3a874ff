//! The ten nights of failing dumps that cost the seed's script all its generations.

use evenkeel_engine::Verdict;
use evenkeel_lab::vzdump::Trouble;
use jiff::{SignedDuration, Timestamp};

use crate::ledger::{Ledger, temporaries};
use crate::site::{HOST, Setting, Site};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Ten good nights, ten failing ones, and one that is good again.
async fn ten_failing_nights(layout: &'static str, trouble: Trouble) {
    let registry = evenkeel_drivers::registry();
    let begin: Timestamp = "2026-11-01T17:05:00Z".parse().unwrap();
    let site = Site::new(&registry, &Setting::linkstation(layout), begin);
    let store = format!("{HOST}-nas");
    for _ in 0..12 {
        let change = site.settles().await;
        assert!(change.report.trouble().is_none(), "{:#?}", change.report);
        site.later(HOUR * 24);
    }
    let good = Ledger::of(&site, &store);
    assert_eq!((good.slots.len(), good.good.len()), (10, 30), "{good:#?}");
    for guest in site.world.lock().host.guests.values_mut() {
        guest.trouble = Some(trouble);
    }
    for night in 1..=10 {
        for _ in 0..12 {
            let run = site.reconcile().await.unwrap();
            let failed = matches!(run.outcomes[0].verdict, Verdict::Failed { .. });
            let report = site.look().await.report;
            assert!(failed || report.trouble().is_some(), "in failing night {night}: {run:#?} {report:#?}");
            site.later(HOUR);
        }
        let there = Ledger::of(&site, &store);
        assert_eq!(there.good.len(), 30, "after {night} failing nights: {there:#?}");
        let report = site.look().await.report;
        assert!(report.trouble().is_some(), "after {night} failing nights: {report:#?}");
        site.later(HOUR * 12);
    }
    for guest in site.world.lock().host.guests.values_mut() {
        guest.trouble = None;
    }
    let change = site.settles().await;
    assert!(change.report.trouble().is_none(), "{:#?}", change.report);
    let there = Ledger::of(&site, &store);
    assert_eq!(there.good.len(), 30, "{there:#?}");
    assert_eq!(there.slots.last().unwrap().as_second() % 86_400, 17 * 3600);
    assert_eq!(temporaries(&site), Vec::<String>::new());
}

#[tokio::test]
async fn ten_nights_of_failing_dumps_leave_ten_good_generations_in_a_rotation() {
    ten_failing_nights("daily.{n}", Trouble::Error).await;
}

#[tokio::test]
async fn ten_nights_of_failing_dumps_leave_ten_good_generations_by_slot() {
    ten_failing_nights("{slot}", Trouble::Error).await;
}

#[tokio::test]
async fn ten_nights_of_dying_dumps_leave_ten_good_generations() {
    ten_failing_nights("daily.{n}", Trouble::Dies).await;
}
