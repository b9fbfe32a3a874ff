//! Tasks that take their time, and a controller that is killed while they go on: the next run waits for them, and clones
//! nothing twice.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_engine::{Run, Verdict};
use evenkeel_tests::soap_proxy::Moment;
use serde_json::json;

use super::catalog::Observer;
use super::points::Place;
use super::rig::{Rig, VMS};

/// Whether there was nothing to do; nothing may fail. A task that ends between the plan and its first step makes the plan stale; the next run has another.
fn is_idle(run: &Run) -> bool {
    match &run.outcomes[0].verdict {
        Verdict::Unchanged => true,
        Verdict::Applied | Verdict::Stale { .. } => false,
        verdict => panic!("{verdict:?}: {run:#?}"),
    }
}

/// Runs until nothing is left to do, and nothing is waited for.
async fn settles(rig: &Rig, told: &str) -> Run {
    for _ in 0..40 {
        // Asked before: a task may end at any time.
        let waits = rig.waits().await;
        let run = rig.run().await;
        if is_idle(&run) && waits.is_empty() {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{told}: it does not settle: {:#?}", rig.plan().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_tasks_go_on_nothing_is_cloned_twice() {
    let rig = Rig::new(&["-task-time", "200ms"], &json!({}));
    let mut observer = Observer::new(&rig.vcsim).await;
    let evening = observer.look().await;
    let places = |(nth, vm): (usize, &'static str)| {
        // The task goes on, and was asked for before or not.
        let clone = Place::of("CloneVM_Task", vm, if nth % 2 == 0 { 0 } else { 2 });
        [Place::of("CreateSnapshot_Task", vm, 0), clone, Place::of("RemoveSnapshot_Task", vm, 0)]
    };
    let mut left: Vec<Place> = VMS.into_iter().enumerate().flat_map(places).collect();
    let (mut kills, mut idle) = (0, 0);
    // A run that finds nothing to do may have found tasks at work; one that comes after those has not.
    while idle < 2 {
        let there = observer.look().await;
        match rig.killed_at(&left, Moment::After, &there).await {
            Err(place) => {
                observer.look().await.expect_safe(&evening, &format!("killed after {place}"));
                left.retain(|other| *other != place);
                kills += 1;
            }
            Ok(run) => {
                idle = if is_idle(&run) { idle + 1 } else { 0 };
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
    }
    // One that is waited for goes on by itself, so that not every place is come by.
    assert!(kills >= 2 * VMS.len(), "only {kills} kills, and none at {left:?}");
    observer.look().await.expect_done(&evening, 1, "in the end");
    let counts = rig.proxy.counts();
    assert_eq!(counts["CloneVM_Task"], VMS.len(), "each is cloned once: {counts:?}");
}

/// The same with so much time that the next run certainly finds the task at work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_finds_a_task_at_work_says_so_and_leaves_that_machine_alone() {
    let rig = Rig::new(&["-task-time", "3s"], &json!({ "vms": ["avocado2"] }));
    let mut observer = Observer::new(&rig.vcsim).await;
    let there = observer.look().await;
    let place = Place::of("CloneVM_Task", "avocado2", 0);
    rig.killed_at(&[place], Moment::After, &there).await.unwrap_err();
    let run = rig.expect_idle("while the task goes on").await;
    assert_eq!(run.outcomes[0].verdict, Verdict::Unchanged, "{run:#?}");
    assert_eq!(rig.waits().await, ["waits until it is done: avocado2: VirtualMachine.cloneVm runs on it"]);
    // Its end is waited for by the clock of the vCenter's machine, not by ours.
    let run = settles(&rig, "later").await;
    assert_eq!(run.summary.commands, 0);
    let seen: BTreeMap<String, usize> = rig.proxy.counts();
    assert_eq!((seen.get("CloneVM_Task"), seen.get("RemoveSnapshot_Task")), (None, Some(&1)), "{seen:?}");
}
