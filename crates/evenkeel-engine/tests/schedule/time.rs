//! Restarts, and clocks that jump.

use evenkeel_engine::controller::Trigger;
use evenkeel_engine::controller::schedule::{Ended, Limits};
use jiff::{SignedDuration, Timestamp};

use crate::rig::{Rig, WIDE, key, unit};

const YEAR: i64 = 366 * 86_400;

#[test]
fn after_a_restart_it_goes_on_where_it_was() {
    let mut rig = Rig::new(WIDE, ["git/a/1", "git/b/1", "git/c/1"].map(unit));
    let ago = |rig: &Rig, seconds| rig.now - SignedDuration::from_secs(seconds);
    for (path, late, failures) in [("git/a/1", 100, 0), ("git/b/1", 9_000, 0), ("git/c/1", -70, 6)] {
        let next = ago(&rig, late);
        rig.scheduler.resume(&key(path), next, failures, rig.now);
    }
    let order: Vec<String> = rig.looks().into_iter().map(|job| job.target).collect();
    assert_eq!(order, ["b", "a"], "the longest overdue first, and what is not due not at all");
    let standing = rig.standing("git/c/1");
    assert_eq!((standing.failures, standing.trigger), (6, Trigger::Retry));
    assert!((69.0..=70.0).contains(&rig.seconds_until("git/c/1")));
    rig.wake("git/c/1", Trigger::Push);
    assert_eq!(rig.next(), None, "it is still left alone");
    let job = rig.look_later();
    rig.end(&job, Ended::Failed);
    assert_eq!(rig.standing("git/c/1").failures, 7);
}

#[test]
fn no_memory_puts_anything_off_for_ever() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    rig.scheduler.resume(&key("git/a/1"), Timestamp::MAX, 0, rig.now);
    assert!(rig.seconds_until("git/a/1") <= 1_890.0);
    rig.scheduler.resume(&key("git/a/1"), Timestamp::MIN, u32::MAX, rig.now);
    let job = rig.look();
    rig.end(&job, Ended::Failed);
    assert_eq!(rig.standing("git/a/1").failures, u32::MAX);
}

#[test]
fn a_clock_that_is_set_back_puts_nothing_off() {
    let mut rig = Rig::settled(WIDE, [unit("git/a/1")]);
    let wait = rig.seconds_until("git/a/1");
    rig.pass(-YEAR);
    assert_eq!(rig.next(), None);
    assert!((rig.seconds_until("git/a/1") - wait).abs() < 0.01, "it is as far away as before");
    rig.pass(1_900);
    let job = rig.look();
    rig.end(&job, Ended::Failed);
    rig.pass(-YEAR);
    assert_eq!(rig.next(), None);
    rig.pass(4);
    rig.look();
}

#[test]
fn a_clock_that_is_set_ahead_makes_all_due_once_within_limits() {
    let limits = Limits { reading: 4, ..WIDE };
    let units = (0..50).map(|n| unit(&format!("git/t{n}/1")));
    let mut rig = Rig::settled(limits, units);
    rig.pass(YEAR);
    let mut jobs = 0;
    loop {
        let batch = rig.looks();
        assert!(batch.len() <= 4);
        if batch.is_empty() {
            break;
        }
        jobs += batch.len();
        for job in batch {
            rig.end(&job, Ended::Settled);
        }
    }
    assert_eq!(jobs, 50);
    rig.pass(-YEAR);
    assert_eq!(rig.next(), None);
    rig.pass(1_900);
    assert_eq!(rig.looks().len(), 4);
}

#[test]
fn the_ends_of_time_do_no_harm() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1"), unit("git/b/1")]);
    for now in [Timestamp::MIN, Timestamp::MAX, Timestamp::MIN, Timestamp::UNIX_EPOCH] {
        rig.now = now;
        while let Some(start) = rig.scheduler.next(now) {
            let evenkeel_engine::controller::schedule::Start::Look(job) = start else { panic!("{start:?}") };
            rig.end(&job, if job.target == "a" { Ended::Settled } else { Ended::Unreachable });
        }
        rig.scheduler.next_at(now);
        rig.scheduler.counts(now);
        rig.scheduler.wake(&key("git/a/1"), Trigger::Push, Timestamp::MAX);
        rig.scheduler.resume(&key("git/b/1"), Timestamp::MIN, 3, now);
    }
}

#[test]
fn the_same_seed_gives_the_same_times() {
    let run = || {
        let mut rig = Rig::settled(WIDE, ["git/a/1", "git/b/1"].map(unit));
        let mut times = Vec::new();
        for n in 0..40 {
            let job = rig.look_later();
            times.push((rig.now, job.clone()));
            rig.end(&job, if n % 3 == 0 { Ended::Failed } else { Ended::Settled });
        }
        times
    };
    assert_eq!(run(), run());
}
