//! What failed is left alone for a while.

use evenkeel_engine::controller::Trigger;
use evenkeel_engine::controller::schedule::{Blocked, Ended, Report};

use crate::rig::{Rig, WIDE, key, names, unit};

#[test]
fn what_fails_again_and_again_is_tried_ever_more_slowly() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    let mut longest = 0.0_f64;
    for failures in 1..=60 {
        let job = rig.look_later();
        rig.end(&job, Ended::Failed);
        let wait = rig.seconds_until("git/a/1");
        assert!((1.0..=900.0).contains(&wait) && wait <= longest.max(1.0) * 3.0, "{wait}");
        longest = longest.max(wait);
        let standing = rig.standing("git/a/1");
        assert_eq!((standing.failures, standing.trigger), (failures, Trigger::Retry));
        assert_eq!(standing.blocked, Some(Blocked::NotDue));
    }
    assert!(longest > 800.0, "{longest}");
    let job = rig.look_later();
    rig.end(&job, Ended::Settled);
    assert_eq!(rig.standing("git/a/1").failures, 0);
    let job = rig.look_later();
    rig.end(&job, Ended::Failed);
    assert!(rig.seconds_until("git/a/1") <= 3.0, "a success makes it quick again");
}

#[test]
fn trying_one_again_does_not_look_at_the_others() {
    let mut rig = Rig::new(WIDE, ["git/a/bad", "git/a/worse", "git/a/good"].map(unit));
    let job = rig.look();
    rig.end_each(&job, &[("bad", Ended::Failed), ("worse", Ended::Failed), ("good", Ended::Settled)]);
    for _ in 0..5 {
        let job = rig.look_later();
        assert_eq!(names(&job.keys), ["bad", "worse"], "those that failed together are tried together");
        rig.end(&job, Ended::Failed);
    }
}

#[test]
fn only_a_person_or_a_new_manifest_ends_the_wait_and_no_wake_up_counts_as_failure() {
    let fail = || {
        let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
        for _ in 0..8 {
            let job = rig.look_later();
            rig.end(&job, Ended::Failed);
        }
        rig
    };
    let mut rig = fail();
    let before = rig.standing("git/a/1");
    for trigger in [Trigger::Periodic, Trigger::Retry, Trigger::Dependency, Trigger::Push] {
        rig.wake("git/a/1", trigger);
        rig.put(unit("git/a/1"));
        assert_eq!(rig.next(), None);
    }
    let after = rig.standing("git/a/1");
    assert_eq!((after.failures, after.next), (8, before.next));
    assert_eq!(after.trigger, Trigger::Push, "how urgent it is, is remembered");

    rig.wake("git/a/1", Trigger::Operator);
    let job = rig.look();
    assert_eq!((job.trigger, rig.standing("git/a/1").failures), (Trigger::Operator, 8));
    rig.end(&job, Ended::Failed);
    assert_eq!(rig.standing("git/a/1").failures, 9);

    let mut rig = fail();
    rig.renewed("git/a/1");
    let job = rig.look();
    assert_eq!((job.trigger, rig.standing("git/a/1").failures), (Trigger::Push, 0));
    rig.end(&job, Ended::Failed);
    assert!(rig.seconds_until("git/a/1") <= 3.0, "from the beginning");
}

#[test]
fn a_wake_up_during_a_run_that_fails_does_not_end_the_wait() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    let job = rig.look();
    rig.wake("git/a/1", Trigger::Push);
    rig.end(&job, Ended::Failed);
    assert_eq!(rig.next(), None);
    let job = rig.look_later();
    rig.wake("git/a/1", Trigger::Operator);
    rig.end(&job, Ended::Failed);
    assert_eq!(rig.look().trigger, Trigger::Operator);
}

#[test]
fn how_the_run_of_an_old_manifest_ends_does_not_count() {
    for ended in [Ended::Failed, Ended::Terminal, Ended::Unreachable, Ended::NotStarted, Ended::Settled] {
        let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
        let job = rig.look();
        rig.renewed("git/a/1");
        rig.end(&job, ended);
        let standing = rig.standing("git/a/1");
        assert_eq!((standing.failures, standing.last), (0, None), "{ended:?}");
        assert_eq!(rig.look().trigger, Trigger::Push);
    }
}

#[test]
fn what_failed_for_good_is_looked_at_after_its_interval_and_when_a_person_or_a_manifest_says_so() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    let job = rig.look();
    rig.end(&job, Ended::Terminal);
    assert!((1_710.0..=1_890.0).contains(&rig.seconds_until("git/a/1")));
    assert_eq!(rig.standing("git/a/1").last, Some(Ended::Terminal));
    rig.wake("git/a/1", Trigger::Operator);
    let job = rig.look();
    rig.end(&job, Ended::Terminal);
    rig.renewed("git/a/1");
    assert_eq!(rig.standing("git/a/1").last, None);
    rig.look();
}

#[test]
fn what_was_stopped_before_its_turn_goes_again_at_once() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    let job = rig.look();
    rig.end(&job, Ended::Failed);
    let job = rig.look_later();
    rig.end(&job, Ended::NotStarted);
    let again = rig.look();
    assert_eq!((again.trigger, rig.standing("git/a/1").failures), (Trigger::Retry, 1));
    rig.end(&again, Ended::Failed);
    assert_eq!(rig.standing("git/a/1").failures, 2);
}

#[test]
fn what_is_stopped_again_and_again_slows_down() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    let mut looks = 0;
    let until = rig.now + jiff::SignedDuration::from_hours(1);
    while rig.now < until {
        let job = rig.look_later();
        rig.end(&job, Ended::NotStarted);
        looks += 1;
    }
    assert!((60..=70).contains(&looks), "{looks} in an hour");
    assert_eq!(rig.standing("git/a/1").failures, 0);
    rig.renewed("git/a/1");
    let job = rig.look();
    rig.end(&job, Ended::Settled);
    rig.wake("git/a/1", Trigger::Push);
    let job = rig.look();
    rig.end(&job, Ended::NotStarted);
    rig.look();
}

#[test]
fn no_report_is_a_failure_and_a_report_of_a_stranger_is_none() {
    let mut rig = Rig::new(WIDE, ["git/a/1", "git/b/1"].map(unit));
    let jobs = rig.looks();
    let stranger = Report { key: key("git/b/1"), ended: Ended::Terminal, ready: true };
    rig.report(jobs[0].id, &[stranger]);
    let standing = rig.standing("git/a/1");
    assert_eq!((standing.failures, standing.last), (1, Some(Ended::Failed)));
    assert_eq!(rig.standing("git/b/1").running, Some(jobs[1].id));
    rig.end(&jobs[1], Ended::Settled);
    assert_eq!(
        rig.end(&jobs[1], Ended::Terminal),
        evenkeel_engine::controller::schedule::Aftermath::default()
    );
    assert_eq!(rig.standing("git/b/1").last, Some(Ended::Settled), "a job ends once");
}
