//! People work in the same vCenter: what they do to machines, clones and snapshots is seen and told, and none of it is
//! destroyed. The simulator lets clones be made from snapshots that are gone and under names that are taken; a vCenter would
//! not, and Evenkeel does not ask it to.

use std::collections::BTreeSet;

use evenkeel_engine::{Run, Verdict};
use evenkeel_tests::soap_proxy::Moment;
use serde_json::json;

use super::catalog::{Catalog, Observer};
use super::points::Place;
use super::rig::{Rig, VMS};

/// A vCenter after some nights.
async fn after(nights: usize) -> (Rig, Observer) {
    let rig = Rig::new(&[], &json!({}));
    let observer = Observer::new(&rig.vcsim).await;
    for _ in 0..nights {
        assert_eq!(rig.run().await.outcomes[0].verdict, Verdict::Applied);
        rig.next_night();
    }
    (rig, observer)
}

/// The first clone of avocado3.
const TAKEN: &str = "zz_avocado3-01-201909250230";

/// What a run says that did not do everything, and how many clones it asked for.
fn failed(rig: &Rig, run: &Run) -> (String, usize) {
    let Verdict::Failed { message, .. } = &run.outcomes[0].verdict else { panic!("{run:#?}") };
    (message.clone(), clones(rig))
}

fn clones(rig: &Rig) -> usize {
    rig.writes().iter().filter(|method| *method == "CloneVM_Task").count()
}

/// Those of which there are so many good clones.
fn with(catalog: &Catalog, count: usize) -> Vec<&'static str> {
    let good = catalog.good("");
    VMS.into_iter().filter(|name| good.get(*name).map_or(0, BTreeSet::len) == count).collect()
}

const OTHERS: [&str; 5] = ["avocado2", "avocado5", "papaya3", "support_private", "vcenter"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_somebody_else_has_is_neither_taken_nor_renamed() {
    let (rig, mut people) = after(0).await;
    let evening = people.look().await;
    // In the middle of the run: it was free when the run was planned.
    let place = Place::of("CreateSnapshot_Task", "avocado3", 0);
    let mut hands = Observer::new(&rig.vcsim).await;
    let run = rig
        .run_while((&place, Moment::Before), &evening, async {
            hands.copy("avocado2", TAKEN, "backup").await;
        })
        .await;
    let (message, clones) = failed(&rig, &run);
    assert!(message.starts_with("avocado3: not done, since VirtualMachine of the name `"), "{message}");
    assert!(message.contains(TAKEN) && message.ends_with("is there"), "{message}");
    assert_eq!(clones, 5, "the server was not asked: it would have made a second one of that name");
    let now = people.look().await;
    assert_eq!(with(&now, 1), OTHERS);
    assert!(now.0.iter().all(|machine| !machine.has_snapshots), "it was taken away again");
    // Before the run: it is told, and the others have theirs already.
    let run = rig.expect_idle("while the name is taken").await;
    assert!(run.is_complete(), "{run:#?}");
    let told = rig.told().await.join("\n");
    assert!(told.contains(&format!("avocado3: its clone would be called /DC0/vm/backup/{TAKEN}")), "{told}");
    people.destroy(TAKEN).await;
    rig.run().await;
    assert_eq!(with(&people.look().await, 1), VMS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_cloned_from_a_snapshot_that_went() {
    let (rig, mut people) = after(0).await;
    let evening = people.look().await;
    let place = Place::of("CreateSnapshot_Task", "avocado3", 1);
    let mut hands = Observer::new(&rig.vcsim).await;
    let run = rig
        .run_while((&place, Moment::After), &evening, async { hands.remove_snapshots("avocado3").await })
        .await;
    let (message, clones) = failed(&rig, &run);
    assert!(message.starts_with("avocado3: there is no snapshot `Clone Snapshot` of "), "{message}");
    assert_eq!(clones, 5, "the server was not asked: it would have cloned the machine as it is now");
    assert_eq!(with(&people.look().await, 1), OTHERS);
    rig.run().await;
    rig.expect_idle("then").await;
    people.look().await.expect_done(&evening, 1, "then");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_that_are_renamed_moved_or_there_twice_are_told() {
    let (rig, mut people) = after(1).await;
    people.rename("avocado2", "avocado2-old").await;
    people.move_to("avocado5", "backup").await;
    people.copy("papaya3", "papaya3-by-hand", "backup").await;
    people.rename("papaya3-by-hand", "papaya3").await;
    let evening = people.look().await;
    let run = rig.run().await;
    assert!(run.is_complete(), "{run:#?}");
    let told = rig.told().await.join("\n");
    for part in [
        "avocado2: avocado2 is now called avocado2-old: write that name",
        "papaya3: 2 virtual machines are called papaya3: write the path, /DC0/vm/backup/papaya3 or /DC0/vm/papaya3",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let now = people.look().await;
    now.expect_safe(&evening, "with strange machines");
    assert_eq!(
        with(&now, 2),
        ["avocado3", "avocado5", "support_private", "vcenter"],
        "moved, it is the same"
    );
    people.rename("avocado2-old", "avocado2").await;
    let copy = now
        .0
        .iter()
        .find(|machine| machine.name == "papaya3" && machine.folder == now.named("avocado5").folder);
    people.destroy_by_id(&copy.unwrap().id).await;
    people.move_to("avocado5", "vm").await;
    rig.run().await;
    assert_eq!(with(&people.look().await, 2), VMS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clones_that_people_use_are_never_touched() {
    let (rig, mut people) = after(3).await;
    let first = |vm: &str| format!("zz_{vm}-01-201909250230");
    people.power_on(&first("avocado2")).await;
    people.rename(&first("avocado3"), "mine").await;
    people.move_to(&first("avocado5"), "vm").await;
    people.copy(&first("papaya3"), "a copy of a copy", "backup").await;
    people.snapshot("vcenter", "Clone Snapshot").await;
    let evening = people.look().await;
    let run = rig.run().await;
    assert!(run.is_complete(), "{run:#?}");
    rig.expect_idle("with strange clones").await;
    let told = rig.told().await.join("\n");
    for part in [
        "Clones: never touched, and not counted: zz_avocado2-01-201909250230: it is powered on",
        "/DC0/vm/backup/a copy of a copy is a copy of a clone of papaya3: it is left alone, and not counted",
        "Snapshots: snapshots that are called `Clone Snapshot` and are not ours grow with their machines: /DC0/vm/vcenter",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let now = people.look().await;
    now.expect_safe(&evening, "with strange clones");
    let names: Vec<&str> = now.0.iter().map(|machine| machine.name.as_str()).collect();
    assert!(
        names.contains(&"zz_avocado2-01-201909250230") && names.contains(&"a copy of a copy"),
        "{names:?}"
    );
    // Wherever it is and whatever it is called, it is known by its mark, and goes in its turn.
    assert!(!names.contains(&"mine") && !names.contains(&"zz_avocado5-01-201909250230"), "{names:?}");
    assert!(now.named("vcenter").has_snapshots, "the snapshot of a person stays");
    assert_eq!(with(&now, 3), VMS);
    people.power_off(&first("avocado2")).await;
    rig.run().await;
    let now = people.look().await;
    assert!(now.0.iter().all(|machine| machine.name != first("avocado2")), "off, it goes in its turn");
}
