//! Ten nights in which the controller is killed at every step once: before a call is delivered, and when the vCenter has done
//! it and nobody heard. The next run goes on with what is there.

use evenkeel_engine::Verdict;
use evenkeel_tests::pyvmomi::look;
use evenkeel_tests::soap_proxy::Moment;
use serde_json::{Value, json};

use super::catalog::{KEPT, Observer};
use super::nights::{NIGHTS, expect_seen};
use super::points::Place;
use super::rig::{Rig, VMS};

/// Where a run comes by on a usual night, on which there is something to remove, too.
async fn usual_places(more: &Value) -> Vec<Place> {
    let rig = Rig::new(&[], more);
    let mut observer = Observer::new(&rig.vcsim).await;
    for _ in 0..3 {
        assert_eq!(rig.run().await.outcomes[0].verdict, Verdict::Applied);
        rig.next_night();
    }
    let (run, mut places) = rig.places(&observer.look().await).await;
    assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "{run:#?}");
    // Of machines that are cloned together, some places have one name.
    places.sort();
    places.dedup();
    places
}

/// The night for a place: different ones for those around one write, since what is done is not done again; and those of
/// removals once there is something to remove.
fn night_for(place: &Place) -> usize {
    let machine = VMS.iter().position(|name| place.write.ends_with(name)).unwrap_or_default();
    if place.write.starts_with("Destroy") {
        KEPT + (machine + place.calls) % (NIGHTS - KEPT)
    } else {
        (machine + place.calls) % NIGHTS
    }
}

async fn killed_everywhere(moment: Moment, more: &Value, is_chosen: impl Fn(&Place) -> bool) {
    let mut usual = usual_places(more).await;
    usual.retain(is_chosen);
    let rig = Rig::new(&[], more);
    let mut observer = Observer::new(&rig.vcsim).await;
    let before = look(rig.vcsim.url());
    let mut missed: Vec<Place> = Vec::new();
    let mut nights = 0;
    while nights < NIGHTS || !missed.is_empty() {
        assert!(nights < 2 * NIGHTS, "of {} places, no run was killed {moment:?} {missed:#?}", usual.len());
        let evening = observer.look().await;
        missed.extend(usual.iter().filter(|place| night_for(place) == nights).cloned());
        let run = loop {
            let there = observer.look().await;
            let place = match rig.killed_at(&missed, moment, &there).await {
                Ok(run) => break run,
                Err(place) => place,
            };
            let told = format!("night {nights}, killed {moment:?} {place}");
            observer.look().await.expect_safe(&evening, &told);
            // What this run did not come by any more is for another night.
            missed.retain(|other| *other != place);
        };
        let told = format!("night {nights} after its kills");
        assert!(run.is_complete(), "{told}: {run:#?}");
        rig.expect_idle(&told).await;
        nights += 1;
        observer.look().await.expect_done(&evening, nights, &told);
        rig.next_night();
    }
    expect_seen(&look(rig.vcsim.url()), &before, nights, "in the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_every_call() {
    killed_everywhere(Moment::Before, &json!({}), |_| true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_every_call() {
    killed_everywhere(Moment::After, &json!({}), |_| true).await;
}

/// With several at a time, a kill finds some clones made and others not: here after each write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_every_write_for_three_machines_at_a_time() {
    killed_everywhere(Moment::After, &json!({ "concurrency": 3 }), |place| place.calls == 0).await;
}
