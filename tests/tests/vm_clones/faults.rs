//! Everything that a vCenter and the way to it can do to a call, for each method that the driver calls: the run ends and says
//! of which machine it was; the others get theirs where the server can still be reached; the next run makes it good, and
//! nothing is there twice.

use std::time::Duration;

use evenkeel_engine::{Run, Verdict};
use evenkeel_tests::pyvmomi::look;
use evenkeel_tests::soap_proxy::Act;
use serde_json::json;

use super::catalog::{KEPT, Observer};
use super::rig::{Rig, VMS};

/// What becomes of a run that it happens to.
enum Outcome {
    /// One machine fails, and this is said; the others have their clones.
    One(&'static str),
    /// It is not known whether the call was done, and nothing more is asked of a server that cannot be reached.
    Lost,
    /// Nothing.
    Fine,
}

fn acts() -> Vec<(Act, Outcome)> {
    let fault = |kind: &'static str| (Act::fault(kind), Outcome::One(kind));
    vec![
        (Act::TaskFails("NoDiskSpace".to_owned()), Outcome::One("NoDiskSpace")),
        fault("DuplicateName"),
        fault("ManagedObjectNotFound"),
        fault("NoPermission"),
        (Act::CutBefore, Outcome::Lost),
        (Act::CutAfter, Outcome::Lost),
        (Act::Truncate, Outcome::Lost),
        (Act::Unavailable, Outcome::Lost),
        // The session went; the call is sent again in a new one, since it was not done.
        (Act::fault("NotAuthenticated"), Outcome::Fine),
        (Act::Wait(Duration::from_millis(150)), Outcome::Fine),
    ]
}

fn message(run: &Run, told: &str) -> String {
    match &run.outcomes[0].verdict {
        Verdict::Failed { message, .. } | Verdict::Unknown { message, .. } => message.clone(),
        verdict => panic!("{told}: {verdict:?}"),
    }
}

/// A rig on which there is something to remove every night.
async fn usual() -> (Rig, Observer) {
    let rig = Rig::new(&[], &json!({}));
    let observer = Observer::new(&rig.vcsim).await;
    for _ in 0..KEPT {
        assert_eq!(rig.run().await.outcomes[0].verdict, Verdict::Applied);
        rig.next_night();
    }
    (rig, observer)
}

/// Every act, each in a night of its own, on the second call of a method.
async fn everything_happens_to(method: &str) {
    let (rig, mut observer) = usual().await;
    for (act, outcome) in acts() {
        let told = format!("{method}: {act:?}");
        let evening = observer.look().await;
        rig.proxy.on(method, 2, act);
        let run = rig.run().await;
        rig.proxy.clear();
        let now = observer.look().await;
        now.expect_safe(&evening, &told);
        match outcome {
            Outcome::One(fault) => {
                let message = message(&run, &told);
                let (hit, said) = message.split_once(": ").unwrap();
                assert!(VMS.contains(&hit) && said.contains(fault), "{told}: {message}");
                let (old, new) = (evening.good(&told), now.good(&told));
                let has_new = |vm: &&str| new[*vm].last() > old[*vm].last();
                let with: Vec<&str> = VMS.into_iter().filter(has_new).collect();
                let is_made = matches!(method, "RemoveSnapshot_Task" | "Destroy_Task");
                let wanted: Vec<&str> = VMS.into_iter().filter(|vm| is_made || *vm != hit).collect();
                assert_eq!(with, wanted, "{told}: {run:#?}");
            }
            Outcome::Lost => {
                let message = message(&run, &told);
                let says = format!(": it is not known whether {method} of ");
                assert!(message.contains(&says), "{told}: {message}");
            }
            Outcome::Fine => assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "{told}: {run:#?}"),
        }
        let run = rig.run().await;
        assert!(run.is_complete(), "{told}: the next run makes it good: {run:#?}");
        rig.expect_idle(&told).await;
        observer.look().await.expect_done(&evening, KEPT, &told);
        rig.next_night();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_a_snapshot() {
    everything_happens_to("CreateSnapshot_Task").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_a_clone() {
    everything_happens_to("CloneVM_Task").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_a_seal() {
    everything_happens_to("ReconfigVM_Task").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_the_removal_of_a_snapshot() {
    everything_happens_to("RemoveSnapshot_Task").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_the_removal_of_a_clone() {
    everything_happens_to("Destroy_Task").await;
}

/// Reads are asked again once where that may help; else the run ends before or between its writes, and says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_a_read() {
    let (rig, mut observer) = usual().await;
    for nth in [1, 2, 4, 9] {
        for (act, says) in [
            (Act::fault("NoPermission"), Some("NoPermission")),
            (Act::CutBefore, None),
            (Act::CutAfter, None),
            (Act::Truncate, None),
            (Act::fault("NotAuthenticated"), None),
            (Act::Unavailable, Some("503")),
        ] {
            let told = format!("read {nth}: {act:?}");
            let evening = observer.look().await;
            rig.proxy.on("RetrievePropertiesEx", nth, act);
            let run = rig.run().await;
            rig.proxy.clear();
            observer.look().await.expect_safe(&evening, &told);
            match says {
                Some(says) => assert!(message(&run, &told).contains(says), "{told}: {run:#?}"),
                None => assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "{told}: {run:#?}"),
            }
            let run = rig.run().await;
            assert!(run.is_complete(), "{told}: the next run makes it good: {run:#?}");
            rig.expect_idle(&told).await;
            observer.look().await.expect_done(&evening, KEPT, &told);
            rig.next_night();
        }
    }
}

/// The folder is made in the first night, with what it is in; nobody makes a second one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_a_folder() {
    for nth in [1, 2] {
        for (act, outcome) in acts() {
            if matches!(act, Act::TaskFails(_)) {
                continue;
            }
            let told = format!("folder {nth}: {act:?}");
            let rig = Rig::new(&[], &json!({ "vms": ["avocado3"], "folder": "nightly/clones" }));
            rig.proxy.on("CreateFolder", nth, act);
            let run = rig.run().await;
            rig.proxy.clear();
            match outcome {
                Outcome::One(fault) => assert!(message(&run, &told).contains(fault), "{told}: {run:#?}"),
                Outcome::Lost => {
                    let message = message(&run, &told);
                    assert!(
                        message.contains("it is not known whether CreateFolder of "),
                        "{told}: {message}"
                    );
                }
                Outcome::Fine => assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "{told}: {run:#?}"),
            }
            let run = rig.run().await;
            assert!(run.is_complete(), "{told}: the next run makes it good: {run:#?}");
            rig.expect_idle(&told).await;
            let seen = look(rig.vcsim.url());
            let made: Vec<&String> = seen.folders.iter().filter(|path| path.contains("nightly")).collect();
            assert_eq!(made, ["DC0/vm/nightly", "DC0/vm/nightly/clones"], "{told}");
            assert_eq!(seen.within("DC0/vm/nightly/clones").count(), 1, "{told}");
        }
    }
}

/// One that hangs is given up after the time that the target says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_hangs_ends_the_run_in_time() {
    let rig = Rig::with(&json!({ "timeoutSeconds": 1 }), &[], &json!({}));
    let mut observer = Observer::new(&rig.vcsim).await;
    let evening = observer.look().await;
    rig.proxy.on("CloneVM_Task", 2, Act::Hang);
    let run = rig.run().await;
    rig.proxy.clear();
    let said = message(&run, "hangs");
    assert!(
        said.starts_with("avocado3: it is not known whether CloneVM_Task of avocado3 was done"),
        "{said}"
    );
    let run = rig.run().await;
    assert!(run.is_complete(), "{run:#?}");
    rig.expect_idle("then").await;
    observer.look().await.expect_done(&evening, 1, "then");
}
