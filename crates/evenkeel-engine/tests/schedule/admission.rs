//! Who goes first, and who may go beside whom.

use evenkeel_engine::controller::Trigger;
use evenkeel_engine::controller::schedule::{Blocked, Ended, Job, Limits, Phase, Start, Unit};

use crate::rig::{Rig, WIDE, key, names, unit};

const ONE: Limits = Limits { reading: 1, ..WIDE };

/// One slot; a job holds it while the others come. Gives the targets in the order in which they then begin.
fn order(rig: &mut Rig, job: &Job) -> Vec<String> {
    rig.end(job, Ended::Settled);
    let mut order = Vec::new();
    while let Some(job) = rig.next_look() {
        rig.end(&job, Ended::Settled);
        order.push(job.target);
    }
    order
}

fn busy(targets: &[&str]) -> (Rig, Job) {
    let units = targets.iter().chain(&["first"]).map(|target| unit(&format!("git/{target}/1")));
    let mut rig = Rig::settled(ONE, units);
    rig.wake("git/first/1", Trigger::Push);
    let job = rig.look();
    (rig, job)
}

#[test]
fn the_most_urgent_goes_first() {
    let (mut rig, job) = busy(&["a", "b", "c", "d", "e"]);
    for (target, trigger) in [
        ("a", Trigger::Periodic),
        ("b", Trigger::Retry),
        ("c", Trigger::Dependency),
        ("d", Trigger::Push),
        ("e", Trigger::Operator),
    ] {
        rig.wake(&format!("git/{target}/1"), trigger);
        rig.pass(1);
        assert_eq!(rig.next(), None);
    }
    assert_eq!(order(&mut rig, &job), ["e", "d", "c", "b", "a"]);
}

#[test]
fn among_equals_the_first_to_come_goes_first() {
    let (mut rig, job) = busy(&["a", "b", "c", "d"]);
    for target in ["c", "a", "d", "b", "c"] {
        rig.wake(&format!("git/{target}/1"), Trigger::Push);
    }
    assert_eq!(order(&mut rig, &job), ["c", "a", "d", "b"]);
}

#[test]
fn a_place_is_as_urgent_as_its_most_urgent_resource_and_may_rise_while_it_waits() {
    let (mut rig, job) = busy(&["a", "b"]);
    rig.put(unit("git/b/2"));
    rig.wake("git/b/1", Trigger::Periodic);
    rig.wake("git/a/1", Trigger::Push);
    assert_eq!(rig.next(), None);
    rig.wake("git/b/1", Trigger::Operator);
    assert_eq!(order(&mut rig, &job), ["b", "a"]);
}

#[test]
fn who_waits_long_rises_past_the_more_urgent_that_come_later() {
    let (mut rig, job) = busy(&["old", "new"]);
    rig.wake("git/old/1", Trigger::Periodic);
    assert_eq!(rig.next(), None);
    rig.pass(301);
    rig.wake("git/new/1", Trigger::Push);
    assert_eq!(order(&mut rig, &job), ["old", "new"]);
}

#[test]
fn a_flood_of_urgent_work_starves_nobody() {
    let targets: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();
    let mut rig = Rig::settled(ONE, targets.iter().map(|t| unit(&format!("git/{t}/1"))));
    rig.wake("git/t0/1", Trigger::Periodic);
    for seconds in 0..1_000 {
        for target in targets.iter().skip(1) {
            rig.wake(&format!("git/{target}/1"), Trigger::Operator);
        }
        let job = rig.look();
        if job.target == "t0" {
            assert!(seconds > 800, "a person goes first for a quarter of an hour");
            return;
        }
        rig.pass(1);
        rig.end(&job, Ended::Settled);
    }
    panic!("it never had its turn");
}

#[test]
fn a_host_that_two_targets_share_has_room_for_so_many() {
    let shared = |path: &str| Unit { host: "iron".to_owned(), ..unit(path) };
    for (per_host, expected) in [(0, 1), (1, 1), (2, 2), (5, 3)] {
        let units = ["git/a/1", "git/b/1", "git/c/1"].map(shared);
        let mut rig = Rig::new(Limits { per_host, ..WIDE }, units);
        assert_eq!(rig.looks().len(), expected);
    }
}

#[test]
fn what_takes_hours_keeps_nothing_else_on_its_host_waiting() {
    let on = |lane: &str, path: &str| Unit {
        lane: Some(lane.to_owned()),
        group: Some("cluster".to_owned()),
        ..unit(path)
    };
    let grouped = |path: &str| Unit { group: Some("cluster".to_owned()), ..unit(path) };
    let dumps = ["git/a/dump", "git/a/more", "git/b/dump"].map(|path| on("vzdump", path));
    let units =
        dumps.into_iter().chain(["git/a/1", "git/a/2"].map(grouped)).chain([on("send", "git/a/send")]);
    let mut rig = Rig::new(WIDE, units);
    let jobs = rig.looks();
    let mut visits: Vec<(&str, Vec<&str>)> =
        jobs.iter().map(|job| (job.target.as_str(), names(&job.keys))).collect();
    visits.sort_unstable();
    assert_eq!(
        visits,
        [("a", vec!["1", "2"]), ("a", vec!["dump", "more"]), ("a", vec!["send"]), ("b", vec!["dump"])]
    );
    let of = |target: &str, name: &str| {
        jobs.iter().find(|job| job.target == target && names(&job.keys)[0] == name).unwrap().clone()
    };
    let (dump, others, second) = (of("a", "dump"), of("a", "1"), of("b", "dump"));
    rig.wants_write(&dump);
    rig.write(&dump);
    rig.wants_write(&others);
    rig.write(&others);
    rig.wants_write(&second);
    assert_eq!(rig.next(), None, "two dumps of one exclusion group go one after the other");
    rig.end(&others, Ended::Changed);
    assert_eq!(rig.next(), None);
    rig.end(&dump, Ended::Changed);
    rig.write(&second);
}

#[test]
fn a_look_that_has_something_to_send_makes_room_for_others_and_waits_for_its_turn_to_write() {
    let limits = Limits { reading: 1, writing: 1, ..WIDE };
    let mut rig = Rig::new(limits, ["git/a/1", "git/b/1"].map(unit));
    let a = rig.look();
    assert_eq!(rig.next(), None);
    rig.wants_write(&a);
    rig.wants_write(&a);
    assert_eq!(rig.scheduler.running().next().unwrap().phase, Phase::Waiting);
    rig.write(&a);
    assert_eq!(rig.scheduler.running().next().unwrap().phase, Phase::Writing);
    let b = rig.look();
    rig.wants_write(&b);
    assert_eq!(rig.next(), None, "one writes at a time");
    let counts = rig.scheduler.counts(rig.now);
    assert_eq!((counts.reading, counts.waiting, counts.writing), (0, 1, 1));
    rig.end(&a, Ended::Changed);
    rig.write(&b);
    rig.end(&b, Ended::Changed);
    let counts = rig.scheduler.counts(rig.now);
    assert_eq!((counts.reading, counts.waiting, counts.writing), (0, 0, 0));
}

#[test]
fn of_an_exclusion_group_so_many_are_written_to_and_all_are_read() {
    let grouped = |path: &str| Unit { group: Some("cluster".to_owned()), ..unit(path) };
    for (per_group, expected) in [(0, 1), (1, 1), (2, 2), (5, 3)] {
        let units = [grouped("git/a/1"), grouped("git/b/1"), grouped("git/c/1"), unit("git/free/1")];
        let mut rig = Rig::new(Limits { per_group, ..WIDE }, units);
        let jobs = rig.looks();
        assert_eq!(jobs.len(), 4);
        for job in &jobs {
            rig.wants_write(job);
        }
        let mut writing = Vec::new();
        while let Some(Start::Write(job)) = rig.next() {
            writing.push(job);
        }
        assert_eq!(writing.len(), expected + 1, "and the one outside the group");
        // One ends: the next goes.
        rig.end(&jobs[0], Ended::Changed);
        assert_eq!(rig.next().is_some(), expected < 3);
    }
}

#[test]
fn a_write_of_a_host_waits_while_the_host_is_read() {
    let shared = |path: &str| Unit { host: "iron".to_owned(), ..unit(path) };
    let mut rig = Rig::new(WIDE, ["git/a/1", "git/b/1"].map(shared));
    let a = rig.look();
    rig.wants_write(&a);
    rig.write(&a);
    assert_eq!(rig.next(), None);
    rig.end(&a, Ended::Changed);
    let b = rig.look();
    rig.wants_write(&b);
    rig.pass(5);
    rig.write(&b);
    assert_eq!(rig.next(), None, "a is due, and b writes");
    rig.end(&b, Ended::Changed);
    assert_eq!(rig.look().target, "a");
}

#[test]
fn a_job_that_waits_to_write_can_be_given_up() {
    let grouped = |path: &str| Unit { group: Some("cluster".to_owned()), ..unit(path) };
    let mut rig = Rig::new(WIDE, ["git/a/1", "git/b/1", "git/c/1"].map(grouped));
    let jobs = rig.looks();
    for job in &jobs {
        rig.wants_write(job);
    }
    rig.write(&jobs[0]);
    rig.renewed("git/b/1");
    rig.end(&jobs[1], Ended::NotStarted);
    let again = rig.look();
    assert_eq!((again.target.as_str(), again.trigger), ("b", Trigger::Push));
    rig.end(&jobs[0], Ended::Settled);
    rig.write(&jobs[2]);
    assert_eq!(rig.next(), None);
}

#[test]
fn a_target_that_moves_to_another_host_or_group_takes_its_job_along() {
    let at = |host: &str, group: Option<&str>| Unit {
        host: host.to_owned(),
        group: group.map(str::to_owned),
        ..unit("git/a/1")
    };
    let mut rig = Rig::new(WIDE, [at("old", Some("g")), Unit { host: "new".to_owned(), ..unit("git/b/1") }]);
    let jobs = rig.looks();
    rig.put(at("new", None));
    rig.wants_write(&jobs[0]);
    assert_eq!(rig.next(), None, "b is read on that host");
    rig.put(at("newer", Some("h")));
    rig.end(&jobs[1], Ended::Settled);
    rig.write(&jobs[0]);
    rig.end(&jobs[0], Ended::Settled);
    rig.wake("git/a/1", Trigger::Push);
    rig.wake("git/b/1", Trigger::Push);
    assert_eq!(rig.looks().len(), 2, "they share no host now");
}

#[test]
fn a_group_that_nobody_is_in_any_more_is_forgotten() {
    let grouped = |group: Option<&str>| Unit { group: group.map(str::to_owned), ..unit("git/a/1") };
    let mut rig = Rig::new(WIDE, [grouped(Some("g"))]);
    let job = rig.look();
    rig.wants_write(&job);
    rig.put(grouped(None));
    rig.end(&job, Ended::NotStarted);
    assert!(format!("{:?}", rig.scheduler).contains("groups: {}"));
}

#[test]
fn on_the_way_out_nothing_begins() {
    let mut rig = Rig::new(WIDE, ["git/a/1", "git/b/1", "git/c/1"].map(unit));
    let (a, b) = (rig.look(), rig.look());
    rig.wants_write(&a);
    rig.scheduler.drain();
    assert_eq!((rig.next(), rig.scheduler.next_at(rig.now)), (None, None));
    rig.wants_write(&b);
    assert_eq!(rig.next(), None);
    assert!(rig.scheduler.running().all(|job| job.phase == Phase::Waiting));
    rig.end(&a, Ended::NotStarted);
    rig.end(&b, Ended::NotStarted);
    assert_eq!((rig.next(), rig.scheduler.running().count()), (None, 0));
}

#[test]
fn what_waits_is_counted_and_says_why() {
    let (mut rig, _job) = busy(&["a", "b"]);
    rig.wake("git/a/1", Trigger::Push);
    assert_eq!(rig.next(), None);
    rig.pass(3);
    rig.wake("git/b/1", Trigger::Push);
    rig.wake("git/first/1", Trigger::Push);
    for asked in ["before next", "after it"] {
        let counts = rig.scheduler.counts(rig.now);
        assert_eq!((counts.queued, counts.oldest_wait_ms, counts.reading), (2, 3_000, 1), "{asked}");
        rig.next();
    }
    assert_eq!(rig.standing("git/a/1").blocked, Some(Blocked::Turn));
    assert_eq!(rig.scheduler.standing(&key("git/unheard/1")), None);
    let running: Vec<_> =
        rig.scheduler.running().map(|job| (job.target.as_str(), names(&job.keys))).collect();
    assert_eq!(running, [("first", vec!["1"])]);
}

/// Looks at these targets that all want to write, with the groups that each takes turns in.
fn wanting(turns: &[(&str, &[(&str, usize)])]) -> (Rig, Vec<Job>) {
    let mut rig = Rig::new(WIDE, turns.iter().map(|(target, _)| unit(&format!("git/{target}/1"))));
    let jobs = rig.looks();
    for (job, (target, turns)) in jobs.iter().zip(turns) {
        assert_eq!(job.target, *target);
        rig.wants_turns(job, turns);
    }
    (rig, jobs)
}

/// The targets whose writing may begin now.
fn writes(rig: &mut Rig, jobs: &[Job]) -> Vec<String> {
    let mut targets = Vec::new();
    while let Some(Start::Write(id)) = rig.next() {
        targets.extend(jobs.iter().filter(|job| job.id == id).map(|job| job.target.clone()));
    }
    targets
}

#[test]
fn hosts_that_take_turns_are_written_to_so_many_at_a_time_in_the_order_in_which_they_came() {
    let two: &[(&str, usize)] = &[("cluster=a", 2)];
    let (mut rig, jobs) = wanting(&[("a", two), ("b", two), ("c", two), ("d", two), ("free", &[])]);
    assert_eq!(writes(&mut rig, &jobs), ["a", "b", "free"]);
    rig.end(&jobs[1], Ended::Changed);
    assert_eq!(writes(&mut rig, &jobs), ["c"]);
    rig.end(&jobs[0], Ended::Failed);
    assert_eq!(writes(&mut rig, &jobs), ["d"]);
}

#[test]
fn what_bears_the_least_of_those_that_write_counts() {
    let (mut rig, jobs) =
        wanting(&[("a", &[("g", 3)]), ("b", &[("g", 1)]), ("c", &[("g", 3)]), ("d", &[("g", 0)])]);
    assert_eq!(writes(&mut rig, &jobs), ["a"], "b bears nobody beside it");
    rig.end(&jobs[0], Ended::Changed);
    assert_eq!(writes(&mut rig, &jobs), ["b"], "and keeps c out, which came later");
    rig.end(&jobs[1], Ended::Changed);
    assert_eq!(writes(&mut rig, &jobs), ["c"]);
    rig.end(&jobs[2], Ended::Changed);
    assert_eq!(writes(&mut rig, &jobs), ["d"], "nought counts as one");
}

#[test]
fn who_is_in_several_groups_waits_for_all_of_them_and_is_not_overtaken() {
    let (mut rig, jobs) = wanting(&[
        ("a", &[("g", 1)]),
        ("both", &[("g", 1), ("h", 1)]),
        ("c", &[("h", 1)]),
        ("d", &[("i", 1)]),
    ]);
    assert_eq!(writes(&mut rig, &jobs), ["a", "d"], "c came after the one that waits for both");
    rig.end(&jobs[0], Ended::Changed);
    assert_eq!(writes(&mut rig, &jobs), ["both"]);
    rig.end(&jobs[1], Ended::Changed);
    assert_eq!(writes(&mut rig, &jobs), ["c"]);
}

#[test]
fn who_waits_for_its_turn_and_is_given_up_keeps_nobody_waiting() {
    let (mut rig, jobs) = wanting(&[("a", &[("g", 1)]), ("both", &[("g", 1), ("h", 1)]), ("c", &[("h", 1)])]);
    assert_eq!(writes(&mut rig, &jobs), ["a"]);
    rig.end(&jobs[1], Ended::NotStarted);
    assert_eq!(writes(&mut rig, &jobs), ["c"]);
    rig.end(&jobs[0], Ended::Changed);
    rig.end(&jobs[2], Ended::Changed);
    assert!(format!("{:?}", rig.scheduler).contains("groups: {}"), "nothing is left of them");
}

#[test]
fn a_rollout_is_no_exclusion_group_of_the_same_name() {
    let grouped = |path: &str| Unit { group: Some("g".to_owned()), ..unit(path) };
    let mut rig = Rig::new(WIDE, [grouped("git/a/1"), unit("git/b/1"), grouped("git/c/1")]);
    let jobs = rig.looks();
    rig.wants_write(&jobs[0]);
    rig.wants_turns(&jobs[1], &[("g", 1)]);
    rig.wants_turns(&jobs[2], &[("g", 5)]);
    assert_eq!(writes(&mut rig, &jobs), ["a", "b"]);
    rig.end(&jobs[0], Ended::Changed);
    assert_eq!(writes(&mut rig, &jobs), [""; 0], "the other group still has b");
    rig.end(&jobs[1], Ended::Changed);
    assert_eq!(writes(&mut rig, &jobs), ["c"]);
}

#[test]
fn a_flood_of_one_group_starves_nobody_that_is_in_two() {
    // Every second a new one of either group comes, and each writes for two: the one in both has its turn nevertheless.
    let mut rig = Rig::new(WIDE, (0..60).map(|n| unit(&format!("git/t{n:02}/1"))));
    let jobs = rig.looks();
    let mut writing: Vec<(usize, i64)> = Vec::new();
    for (second, job) in jobs.iter().enumerate() {
        match second {
            5 => rig.wants_turns(job, &[("g", 1), ("h", 1)]),
            even if even % 2 == 0 => rig.wants_turns(job, &[("g", 1)]),
            _ => rig.wants_turns(job, &[("h", 1)]),
        };
        let over: Vec<usize> = writing.iter().filter(|(_, left)| *left == 0).map(|(nth, _)| *nth).collect();
        for nth in over {
            rig.end(&jobs[nth], Ended::Changed);
        }
        writing.retain(|(_, left)| *left > 0);
        for (_, left) in &mut writing {
            *left -= 1;
        }
        while let Some(Start::Write(id)) = rig.next() {
            let nth = jobs.iter().position(|job| job.id == id).unwrap();
            if nth == 5 {
                assert!(second < 20, "after {second} seconds");
                return;
            }
            writing.push((nth, 1));
        }
        rig.pass(1);
    }
    panic!("it never had its turn");
}
