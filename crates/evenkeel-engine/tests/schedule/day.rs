//! A day of a thousand machines with ten resources each, of which some die and return.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use evenkeel_engine::controller::schedule::{Ended, Job, Limits, Report, Scheduler, Start};
use jiff::{SignedDuration, Timestamp};

use crate::rig::{INTERVAL, unit};

const TARGETS: usize = 1_000;
const DAY: i64 = 86_400_000;
/// A look at a machine, and the deadline of one that does not answer, in milliseconds.
const LOOK: i64 = 200;
const DEADLINE: i64 = 15_000;

const HOUR: i64 = 3_600_000;

/// When a machine is dead, in milliseconds of the day. Every tenth dies for two hours, and a hundred at once.
fn deaths(target: usize) -> Vec<std::ops::Range<i64>> {
    let mut deaths = Vec::new();
    if target.is_multiple_of(10) {
        let hour = i64::try_from(target / 100).unwrap() * HOUR;
        deaths.push(hour..hour + 2 * HOUR);
    }
    if (500..600).contains(&target) {
        deaths.push(14 * HOUR..16 * HOUR);
    }
    deaths
}

fn is_dead(target: usize, at: i64) -> bool {
    deaths(target).iter().any(|death| death.contains(&at))
}

struct Day {
    scheduler: Scheduler,
    start: Timestamp,
    now: i64,
    ends: BinaryHeap<Reverse<(i64, u64)>>,
    jobs: BTreeMap<u64, Job>,
    /// Of each target, when it was last seen in order.
    seen: Vec<i64>,
    /// The longest that any living machine was out of sight, and any that had returned.
    gap: i64,
    looks: usize,
    silent: usize,
    trace: u64,
}

fn number(job: &Job) -> usize {
    job.target.trim_start_matches('t').parse().unwrap()
}

impl Day {
    fn run(until: i64) -> Self {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let limits = Limits { reading: 64, writing: 8, per_host: 1, per_group: 1 };
        let mut day = Day {
            scheduler: Scheduler::new(limits, 7),
            start,
            now: 0,
            ends: BinaryHeap::new(),
            jobs: BTreeMap::new(),
            seen: vec![0; TARGETS],
            gap: 0,
            looks: 0,
            silent: 0,
            trace: 0,
        };
        for target in 0..TARGETS {
            for resource in 0..10 {
                day.scheduler.put(unit(&format!("git/t{target}/r{resource}")), start);
            }
        }
        while day.now < until {
            day.step();
        }
        day
    }

    fn wall(&self) -> Timestamp {
        self.start + SignedDuration::from_millis(self.now)
    }

    fn step(&mut self) {
        let wall = self.wall();
        while let Some(start) = self.scheduler.next(wall) {
            let Start::Look(job) = start else { panic!("nothing wants to write") };
            self.trace = self.trace.wrapping_mul(31).wrapping_add(job.id.0 ^ self.now.unsigned_abs());
            let takes = if is_dead(number(&job), self.now) { DEADLINE } else { LOOK };
            self.ends.push(Reverse((self.now + takes, job.id.0)));
            self.jobs.insert(job.id.0, job);
        }
        let next =
            self.scheduler.next_at(wall).map(|at| i64::try_from(at.duration_since(self.start).as_millis()));
        let next = next.map_or(DAY, Result::unwrap);
        let end = self.ends.peek().map_or(DAY, |Reverse((at, _))| *at);
        self.now = next.min(end).max(self.now);
        while self.ends.peek().is_some_and(|Reverse((at, _))| *at <= self.now) {
            let Reverse((_, id)) = self.ends.pop().unwrap();
            self.end(id);
        }
    }

    fn end(&mut self, id: u64) {
        let job = self.jobs.remove(&id).unwrap();
        let target = number(&job);
        let dead = is_dead(target, self.now);
        let ended = if dead { Ended::Unreachable } else { Ended::Settled };
        if dead {
            self.silent += 1;
        } else {
            self.looks += 1;
            // While it was dead nobody could see it: that counts from its return.
            let returned = deaths(target).iter().map(|death| death.end).filter(|end| *end <= self.now).max();
            let gap = self.now - self.seen[target].max(returned.unwrap_or(0));
            self.gap = self.gap.max(gap);
            self.seen[target] = self.now;
        }
        let report = |key: &_| Report { key: Clone::clone(key), ended, ready: !dead };
        let reports: Vec<Report> = job.keys.iter().map(report).collect();
        self.scheduler.done(job.id, &reports, self.wall());
    }
}

#[test]
fn a_day_of_a_thousand_machines_goes_by_in_seconds() {
    let day = Day::run(DAY);
    let expected = TARGETS * usize::try_from(DAY).unwrap() / 1_000 / usize::try_from(INTERVAL).unwrap();
    eprintln!("{} looks, {} silent, longest gap {} s", day.looks, day.silent, day.gap / 1_000);
    // One look at a machine in each interval, for all of its resources together; two thousandths of the
    // machines' time was dead time.
    assert!((expected * 95 / 100..=expected * 106 / 100).contains(&day.looks), "{} looks", day.looks);
    assert!(day.gap <= 1_960_000, "out of sight for {} s", day.gap / 1_000);
    assert!(day.silent <= 200 * 40, "{} looks at dead machines", day.silent);
    let counts = day.scheduler.counts(day.wall());
    assert_eq!((counts.targets, counts.unreachable), (TARGETS, 0));
    assert!(counts.oldest_wait_ms < 60_000, "{counts:?}");
}

#[test]
fn the_same_seed_gives_the_same_morning() {
    assert_eq!(Day::run(DAY / 8).trace, Day::run(DAY / 8).trace);
}
