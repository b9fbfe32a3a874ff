//! Hosts that do not answer.

use evenkeel_engine::controller::Trigger;
use evenkeel_engine::controller::schedule::{Blocked, Ended, HostNews, Job, Limits, Unit};

use crate::rig::{Rig, WIDE, names, unit};

fn on(path: &str, host: &str) -> Unit {
    Unit { host: host.to_owned(), ..unit(path) }
}

/// `git/a/1` and `git/b/1` are on the host `iron`, which did not answer twice.
fn given_up() -> Rig {
    let mut rig = Rig::settled(WIDE, [on("git/a/1", "iron"), on("git/b/1", "iron"), unit("git/c/1")]);
    rig.wake("git/a/1", Trigger::Push);
    let job = rig.look();
    assert_eq!(rig.end(&job, Ended::Unreachable).host, None, "once may be bad luck");
    rig.wake("git/b/1", Trigger::Push);
    let job = rig.look();
    let news = HostNews { host: "iron".to_owned(), answers: false };
    assert_eq!(rig.end(&job, Ended::Unreachable).host, Some(news));
    rig
}

#[test]
fn a_host_that_does_not_answer_twice_is_given_up_and_tried_now_and_then() {
    let mut rig = given_up();
    let counts = rig.scheduler.counts(rig.now);
    assert_eq!((counts.targets, counts.unreachable), (3, 2));
    let mut trials = Vec::new();
    for _ in 0..40 {
        let job = rig.look_later();
        if job.target == "c" {
            rig.end(&job, Ended::Settled);
            continue;
        }
        assert_eq!(rig.next(), None, "one job tries it");
        trials.push(rig.now);
        assert_eq!(rig.end(&job, Ended::Unreachable).host, None, "that is no news");
    }
    let gaps: Vec<f64> = trials.windows(2).map(|two| two[1].duration_since(two[0]).as_secs_f64()).collect();
    assert!(gaps.iter().all(|gap| (1.0..=1_800.0).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap > 400.0), "{gaps:?}");
}

#[test]
fn a_host_that_answers_again_makes_due_what_found_it_silent() {
    let mut rig = given_up();
    let job = rig.look_later();
    let aftermath = rig.end(&job, Ended::Settled);
    assert_eq!(aftermath.host, Some(HostNews { host: "iron".to_owned(), answers: true }));
    assert_eq!(aftermath.woken.len(), 1);
    let other = rig.look();
    assert_ne!(other.target, job.target);
    rig.end(&other, Ended::Settled);
    assert_eq!(rig.scheduler.counts(rig.now).unreachable, 0);
    assert_eq!(rig.next(), None);
}

#[test]
fn a_failure_that_is_not_silence_is_an_answer() {
    let mut rig = Rig::new(WIDE, [unit("git/a/1")]);
    for ended in [Ended::Unreachable, Ended::Failed, Ended::Unreachable, Ended::Terminal, Ended::Unreachable]
    {
        rig.wake("git/a/1", Trigger::Operator);
        let job = rig.look();
        assert_eq!(rig.end(&job, ended).host, None);
    }
    // What was not started says nothing, and neither does no report at all.
    let job = rig.look_later();
    assert_eq!(rig.report(job.id, &[]).host, None);
    let job = rig.look_later();
    assert_eq!(rig.end(&job, Ended::NotStarted).host, None);
    let job = rig.look();
    assert!(rig.end(&job, Ended::Unreachable).host.is_some());
}

#[test]
fn a_job_that_has_something_to_write_shows_that_its_host_answers() {
    let mut rig = given_up();
    let job = rig.look_later();
    let aftermath = rig.wants_write(&job);
    assert_eq!(aftermath.host, Some(HostNews { host: "iron".to_owned(), answers: true }));
    rig.write(&job);
    rig.end(&job, Ended::Changed);
    assert_ne!(rig.look().target, job.target);
}

#[test]
fn a_host_that_is_given_up_lets_its_resources_wait_and_says_until_when() {
    let mut rig = given_up();
    rig.renewed("git/a/1");
    assert_eq!(rig.next(), None, "a push does not make it answer");
    let Some(Blocked::HostDown { until }) = rig.standing("git/a/1").blocked else { panic!("it is not") };
    assert!(until > rig.now);
    assert_eq!(rig.scheduler.counts(rig.now).queued, 0, "it does not count as waiting for its turn");
    rig.now = until;
    assert_eq!(rig.look().target, "a");
}

#[test]
fn a_person_has_it_tried_at_once() {
    let mut rig = given_up();
    rig.wake("git/b/1", Trigger::Operator);
    let job = rig.look();
    assert_eq!((job.target.as_str(), job.trigger), ("b", Trigger::Operator));
    assert_eq!(rig.end(&job, Ended::Unreachable).host, None);
    assert_eq!(rig.next(), None);
}

#[test]
fn what_a_person_had_tried_in_vain_waits_its_time_again() {
    let mut rig = given_up();
    for _ in 0..10 {
        rig.wake("git/a/1", Trigger::Operator);
        let job = rig.look();
        rig.end(&job, Ended::Unreachable);
    }
    rig.renewed("git/b/1");
    for _ in 0..10 {
        rig.pass(5);
        assert_eq!(rig.next(), None, "the times that were set before count no more");
    }
}

#[test]
fn a_host_that_dies_in_the_middle_of_a_job_did_not_answer() {
    let mut rig = Rig::new(WIDE, ["git/a/1", "git/a/2"].map(unit));
    let mut news = None;
    for _ in 0..2 {
        rig.wake("git/a/1", Trigger::Operator);
        rig.wake("git/a/2", Trigger::Operator);
        let job = rig.look();
        assert_eq!(news, None);
        news = rig.end_each(&job, &[("1", Ended::Settled), ("2", Ended::Unreachable)]).host;
    }
    assert!(news.is_some_and(|news| !news.answers));
}

#[test]
fn a_silent_target_does_not_keep_its_neighbour_from_being_looked_at() {
    let mut rig = Rig::new(WIDE, [on("git/dead/1", "iron"), on("git/fine/1", "iron")]);
    let (mut looks, until) = (0, rig.now + jiff::SignedDuration::from_hours(24));
    while rig.now < until {
        let job = rig.look_later();
        looks += usize::from(job.target == "fine");
        rig.end(&job, if job.target == "fine" { Ended::Settled } else { Ended::Unreachable });
    }
    assert!((40..=60).contains(&looks), "{looks} looks in a day, every half hour");
}

#[test]
fn dead_hosts_take_a_quarter_of_the_slots_at_most() {
    let limits = Limits { reading: 8, ..WIDE };
    let units = (0..100).map(|n| unit(&format!("git/dead{n}/1")));
    let mut rig = Rig::new(limits, units);
    for _strike in 0..2 {
        loop {
            let jobs = rig.looks();
            for job in &jobs {
                rig.end(job, Ended::Unreachable);
            }
            if jobs.is_empty() {
                break;
            }
        }
        rig.pass(10);
    }
    assert_eq!(rig.looks().len(), 2, "that never end");
    for n in 0..20 {
        rig.put(unit(&format!("git/fine{n}/1")));
    }
    for _ in 0..5 {
        for job in rig.looks() {
            assert_eq!(names(&job.keys), ["1"]);
            assert!(job.target.starts_with("fine"), "{}", job.target);
            rig.end(&job, Ended::Settled);
        }
    }
    assert_eq!(rig.scheduler.counts(rig.now).queued, 0);
}

#[test]
fn with_one_slot_dead_hosts_and_others_take_turns() {
    let limits = Limits { reading: 1, ..WIDE };
    let fine: Vec<String> = (0..10).map(|n| format!("git/fine{n}/1")).collect();
    let mut rig = Rig::settled(limits, fine.iter().map(|path| unit(path)));
    for n in 0..30 {
        rig.put(unit(&format!("git/dead{n}/1")));
    }
    while let Some(job) = rig.next_look() {
        rig.end(&job, Ended::Unreachable);
    }
    rig.pass(10);
    for path in &fine {
        rig.wake(path, Trigger::Periodic);
    }
    let mut order = String::new();
    for _ in 0..20 {
        let job = rig.look();
        let dead = job.target.starts_with("dead");
        order.push(if dead { 'd' } else { 'f' });
        rig.pass(1);
        rig.end(&job, if dead { Ended::Unreachable } else { Ended::Settled });
    }
    assert_eq!(order, "df".repeat(10), "the dead ones are more urgent, and yet wait for each other");
}

/// Five targets on one host that has room for three. Three are looked at.
fn crowded() -> (Rig, Vec<Job>) {
    let units = (0..5).map(|n| on(&format!("git/t{n}/1"), "iron"));
    let mut rig = Rig::new(Limits { per_host: 3, ..WIDE }, units);
    let jobs = rig.looks();
    assert_eq!(jobs.len(), 3);
    (rig, jobs)
}

#[test]
fn jobs_that_were_under_way_when_their_host_died_say_it_once_and_one_tries_it() {
    let (mut rig, jobs) = crowded();
    rig.end(&jobs[0], Ended::Unreachable);
    assert!(rig.end(&jobs[1], Ended::Unreachable).host.is_some());
    let down = |rig: &Rig| match rig.standing("git/t4/1").blocked {
        Some(Blocked::HostDown { until }) => until,
        other => panic!("{other:?}"),
    };
    let until = down(&rig);
    rig.pass(1);
    assert_eq!(rig.end(&jobs[2], Ended::Unreachable).host, None);
    assert_eq!(down(&rig), until, "that was known");
    rig.now = until;
    rig.look();
    assert_eq!(rig.next(), None, "though there is room for more");
}

#[test]
fn a_job_that_was_under_way_shows_that_its_host_answers_after_all() {
    let (mut rig, jobs) = crowded();
    rig.end(&jobs[0], Ended::Unreachable);
    rig.end(&jobs[1], Ended::Unreachable);
    assert_eq!(rig.next(), None);
    assert!(rig.end(&jobs[2], Ended::Settled).host.is_some_and(|news| news.answers));
    assert_eq!(rig.looks().len(), 3);
}

#[test]
fn a_host_that_came_back_and_dies_again_is_tried_soon_again() {
    let mut rig = given_up();
    for round in 0..12 {
        rig.wake("git/a/1", Trigger::Operator);
        let job = rig.look();
        rig.end(&job, if round < 11 { Ended::Unreachable } else { Ended::Settled });
    }
    assert_eq!(rig.scheduler.counts(rig.now).unreachable, 0);
    let mut news = None;
    while news.is_none() {
        rig.wake("git/a/1", Trigger::Operator);
        let job = rig.look();
        news = rig.end(&job, Ended::Unreachable).host;
    }
    rig.wake("git/b/1", Trigger::Push);
    rig.renewed("git/b/1");
    rig.pass(4);
    assert_eq!(rig.look().target, "b");
}
