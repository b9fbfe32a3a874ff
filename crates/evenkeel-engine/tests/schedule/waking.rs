//! What makes a resource due, and with what it is looked at.

use evenkeel_core::period::Period;
use evenkeel_engine::controller::Trigger;
use evenkeel_engine::controller::schedule::{Blocked, Ended, Unit};

use crate::rig::{INTERVAL, Rig, WIDE, key, names, unit};

#[test]
fn what_is_new_is_due_and_a_place_is_one_job() {
    let mut rig = Rig::new(WIDE, ["git/a/1", "git/a/2", "git/b/1"].map(unit));
    let jobs = rig.looks();
    assert_eq!(jobs.len(), 2);
    assert_eq!((jobs[0].target.as_str(), names(&jobs[0].keys)), ("a", vec!["1", "2"]));
    assert_eq!((jobs[1].target.as_str(), jobs[1].trigger), ("b", Trigger::Push));
}

#[test]
fn what_is_settled_is_looked_at_after_its_interval_give_or_take_a_twentieth() {
    let mut rig = Rig::settled(WIDE, ["git/a/1", "git/b/1"].map(unit));
    let (a, b) = (rig.seconds_until("git/a/1"), rig.seconds_until("git/b/1"));
    for span in [a, b] {
        assert!((1_710.0..=1_890.0).contains(&span), "{span}");
    }
    assert!((a - b).abs() > 0.001, "targets spread: {a}, {b}");
    let job = rig.look_later();
    assert_eq!(job.trigger, Trigger::Periodic);
    assert!(f64::from(i32::try_from(INTERVAL).unwrap()) - a.min(b) < 91.0);
}

#[test]
fn resources_that_became_due_apart_end_up_in_one_look() {
    let mut rig = Rig::settled(WIDE, [unit("git/a/1")]);
    rig.pass(1_000);
    rig.put(unit("git/a/2"));
    assert_eq!(names(&rig.look().keys), ["1", "2"], "the other is due within half its interval");

    let mut rig = Rig::settled(WIDE, [unit("git/a/1")]);
    rig.pass(600);
    rig.put(unit("git/a/2"));
    let job = rig.look();
    assert_eq!(names(&job.keys), ["2"], "the other was looked at ten minutes ago");
    rig.end(&job, Ended::Settled);
    for _ in 0..20 {
        let job = rig.look_later();
        assert_eq!(names(&job.keys), ["1", "2"]);
        rig.end(&job, Ended::Settled);
        assert_eq!(rig.next(), None);
    }
}

#[test]
fn the_same_target_is_in_one_job_at_a_time_whatever_the_source() {
    let mut rig = Rig::new(WIDE, ["blue/a/1", "green/a/1"].map(unit));
    let job = rig.look();
    assert_eq!(rig.next(), None);
    assert_eq!(rig.standing("green/a/1").blocked, Some(Blocked::Busy));
    rig.end(&job, Ended::Settled);
    assert_ne!(rig.look().source, job.source);
}

#[test]
fn wake_ups_melt_into_the_most_urgent_and_the_earliest() {
    let mut rig = Rig::settled(WIDE, [unit("git/a/1")]);
    let at = |rig: &Rig, seconds| rig.now + jiff::SignedDuration::from_secs(seconds);
    rig.scheduler.wake(&key("git/a/1"), Trigger::Push, at(&rig, 50));
    rig.scheduler.wake(&key("git/a/1"), Trigger::Dependency, at(&rig, 20));
    rig.scheduler.wake(&key("git/a/1"), Trigger::Retry, at(&rig, 90));
    assert_eq!(rig.next(), None);
    rig.pass(20);
    let job = rig.look();
    assert_eq!((job.trigger, names(&job.keys)), (Trigger::Push, vec!["1"]));
    rig.end(&job, Ended::Settled);
    assert!(rig.seconds_until("git/a/1") > 1_700.0, "once is enough");
}

#[test]
fn a_wake_up_during_the_run_runs_it_once_more() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    let job = rig.look();
    rig.wake("git/a/1", Trigger::Dependency);
    rig.wake("git/a/1", Trigger::Push);
    assert_eq!(rig.next(), None, "not twice at once");
    rig.pass(5);
    rig.end(&job, Ended::Settled);
    let again = rig.look();
    assert_eq!(again.trigger, Trigger::Push);
    rig.end(&again, Ended::Settled);
    assert_eq!(rig.next(), None);
}

#[test]
fn of_several_wake_ups_during_the_run_the_earliest_and_a_new_manifest_count() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    let job = rig.look();
    let at = |rig: &Rig, seconds| rig.now + jiff::SignedDuration::from_secs(seconds);
    for seconds in [90, 20, 60] {
        rig.scheduler.wake(&key("git/a/1"), Trigger::Push, at(&rig, seconds));
    }
    rig.end(&job, Ended::Settled);
    assert!((19.9..=20.0).contains(&rig.seconds_until("git/a/1")));

    let job = rig.look_later();
    rig.renewed("git/a/1");
    rig.wake("git/a/1", Trigger::Push);
    rig.end(&job, Ended::Failed);
    assert_eq!(rig.standing("git/a/1").failures, 0);
    assert_eq!(rig.look().trigger, Trigger::Push);
}

#[test]
fn what_was_removed_counts_no_more_even_where_it_runs() {
    let mut rig = Rig::new(WIDE, ["git/a/1", "git/a/2"].map(unit));
    let job = rig.look();
    rig.scheduler.remove(&key("git/a/1"));
    rig.end(&job, Ended::Settled);
    assert_eq!(rig.scheduler.standing(&key("git/a/1")), None);
    assert_eq!(names(&rig.look_later().keys), ["2"]);
}

#[test]
fn what_is_removed_and_comes_back_while_it_runs_is_looked_at_anew() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    let job = rig.look();
    rig.scheduler.remove(&key("git/a/1"));
    rig.put(unit("git/a/1"));
    assert_eq!(rig.next(), None, "the old job is still on the target");
    rig.end(&job, Ended::Terminal);
    let standing = rig.standing("git/a/1");
    assert_eq!((standing.failures, standing.last), (0, None), "that was another one");
    rig.look();
}

#[test]
fn what_is_suspended_is_left_alone_until_it_is_not() {
    let mut rig = Rig::settled(WIDE, [unit("git/a/1")]);
    rig.put(Unit { suspended: true, ..unit("git/a/1") });
    rig.wake("git/a/1", Trigger::Operator);
    rig.renewed("git/a/1");
    rig.pass(100_000);
    assert_eq!((rig.next(), rig.scheduler.next_at(rig.now)), (None, None));
    assert_eq!(rig.standing("git/a/1").blocked, Some(Blocked::Suspended));
    rig.put(unit("git/a/1"));
    let job = rig.look();
    rig.put(Unit { suspended: true, ..unit("git/a/1") });
    rig.end(&job, Ended::Failed);
    assert_eq!(rig.standing("git/a/1").blocked, Some(Blocked::Suspended));
}

#[test]
fn a_shorter_interval_counts_from_now_a_longer_one_from_the_next_time() {
    let every = |seconds| Unit { interval: Period::seconds(seconds), ..unit("git/a/1") };
    let mut rig = Rig::settled(WIDE, [every(86_400)]);
    rig.put(every(60));
    assert!((57.0..=63.0).contains(&rig.seconds_until("git/a/1")));
    let before = rig.standing("git/a/1").next;
    rig.put(every(86_400));
    assert_eq!(rig.standing("git/a/1").next, before);
    rig.put(every(0));
    assert!((0.9..=1.1).contains(&rig.seconds_until("git/a/1")), "nought is a second");
}

#[test]
fn what_was_changed_is_soon_looked_at_again_and_slows_down_if_it_never_rests() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    let mut spans = Vec::new();
    for _ in 0..12 {
        let job = rig.look_later();
        rig.end(&job, Ended::Changed);
        spans.push(rig.seconds_until("git/a/1"));
    }
    assert!(spans[0] <= 5.0 && spans.is_sorted() && spans[11] >= 1_800.0, "{spans:?}");
    let job = rig.look_later();
    rig.end(&job, Ended::Settled);
    let job = rig.look_later();
    rig.end(&job, Ended::Changed);
    assert!(rig.seconds_until("git/a/1") <= 5.0, "a rest makes it quick again");
}

fn depends(path: &str, on: &str) -> Unit {
    Unit { depends_on: vec![key(on)], ..unit(path) }
}

#[test]
fn what_waits_is_woken_when_what_it_depends_on_turns_ready() {
    let mut rig = Rig::new(WIDE, [unit("git/a/pool"), depends("git/b/set", "git/a/pool")]);
    let jobs = rig.looks();
    rig.end(&jobs[1], Ended::Waiting);
    assert_eq!(rig.standing("git/b/set").failures, 0);
    rig.end(&jobs[0], Ended::Failed);
    assert_eq!(rig.next(), None, "not ready yet");
    let pool = rig.look_later();
    assert_eq!(pool.target, "a");
    let aftermath = rig.end(&pool, Ended::Settled);
    assert_eq!(names(&aftermath.woken), ["set"]);
    let set = rig.look();
    assert_eq!((set.target.as_str(), set.trigger), ("b", Trigger::Dependency));
    rig.end(&set, Ended::Settled);

    // It turns bad and good again: that is an event each time.
    rig.wake("git/a/pool", Trigger::Push);
    rig.wake("git/b/set", Trigger::Push);
    let jobs = rig.looks();
    rig.end(&jobs[0], Ended::Terminal);
    rig.end(&jobs[1], Ended::Waiting);
    rig.wake("git/a/pool", Trigger::Push);
    let pool = rig.look();
    assert_eq!(names(&rig.end(&pool, Ended::Settled).woken), ["set"]);
    let set = rig.look();
    rig.end(&set, Ended::Settled);

    // It stays ready: that is no event. It is changed: that is one.
    rig.wake("git/a/pool", Trigger::Push);
    let pool = rig.look();
    assert_eq!(rig.end(&pool, Ended::Settled).woken, []);
    assert_eq!(rig.next(), None);
    rig.wake("git/a/pool", Trigger::Push);
    let pool = rig.look();
    rig.end(&pool, Ended::Changed);
    assert_eq!(rig.look().trigger, Trigger::Dependency);
}

#[test]
fn turning_ready_is_not_lost_on_what_is_just_finding_that_it_must_wait() {
    let mut rig = Rig::new(WIDE, [unit("git/a/pool"), depends("git/b/set", "git/a/pool")]);
    let jobs = rig.looks();
    rig.end(&jobs[0], Ended::Settled);
    rig.end(&jobs[1], Ended::Waiting);
    assert_eq!(rig.look().target, "b");
}

#[test]
fn in_one_job_only_what_waited_is_woken() {
    let units =
        [unit("git/a/pool"), depends("git/a/first", "git/a/pool"), depends("git/a/second", "git/a/pool")];
    let mut rig = Rig::new(WIDE, units);
    let job = rig.look();
    rig.end_each(&job, &[("pool", Ended::Changed), ("first", Ended::Waiting), ("second", Ended::Settled)]);
    assert_eq!(names(&rig.look().keys), ["first"]);
}

#[test]
fn what_waits_is_looked_at_after_its_interval_anyway() {
    let mut rig = Rig::new(WIDE, [depends("git/b/set", "git/a/pool")]);
    let job = rig.look();
    rig.end(&job, Ended::Waiting);
    assert!((1_710.0..=1_890.0).contains(&rig.seconds_until("git/b/set")));
}

#[test]
fn what_failed_or_is_suspended_is_not_woken_by_what_it_depends_on() {
    let suspended = Unit { suspended: true, ..depends("git/c/set", "git/a/pool") };
    let mut rig = Rig::new(WIDE, [unit("git/a/pool"), depends("git/b/set", "git/a/pool"), suspended]);
    let jobs = rig.looks();
    rig.end(&jobs[1], Ended::Failed);
    assert_eq!(rig.end(&jobs[0], Ended::Changed).woken, []);
    assert_eq!(rig.next(), None);
}

#[test]
fn dependencies_that_were_given_up_wake_nobody() {
    let mut rig = Rig::new(WIDE, [unit("git/a/pool"), depends("git/b/set", "git/a/pool")]);
    let jobs = rig.looks();
    rig.end(&jobs[1], Ended::Waiting);
    rig.put(unit("git/b/set"));
    assert_eq!(rig.end(&jobs[0], Ended::Changed).woken, []);
}
