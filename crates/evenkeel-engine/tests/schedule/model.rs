//! A scheduler that is watched: beside it stands what must be true, worked out in the plainest way.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::period::Period;
use evenkeel_engine::controller::Trigger;
use evenkeel_engine::controller::schedule::{
    Blocked, Ended, Job, JobId, Limits, Phase, Report, Scheduler, Start, Turn, Unit,
};
use evenkeel_engine::store::ResourceKey;
use jiff::{SignedDuration, Timestamp};

/// Something that can happen. Numbers choose among what there is.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Put { what: usize, host: usize, group: usize, interval: u64, suspended: bool, on: usize },
    Remove { what: usize },
    Renew { what: usize },
    Wake { what: usize, trigger: Trigger, ahead: i64 },
    Resume { what: usize, ahead: i64, failures: u32 },
    Next,
    WantsWrite { job: usize, turns: Vec<(usize, usize)> },
    Done { job: usize, endings: Vec<(Ended, bool)> },
    Pass { milliseconds: i64 },
}

/// The longest that anything may be put off beyond its interval: a quarter of an hour.
const CAP: i64 = 900_000;

pub(crate) struct Watched {
    pub(crate) scheduler: Scheduler,
    pub(crate) now: Timestamp,
    pub(crate) trace: Vec<String>,
    limits: Limits,
    units: BTreeMap<ResourceKey, Unit>,
    /// Of each target, its host and group: the last that were named.
    places: BTreeMap<String, (String, Option<String>)>,
    jobs: BTreeMap<JobId, Going>,
    /// Some host did not answer at some time.
    silence: bool,
}

struct Going {
    job: Job,
    phase: Phase,
    host: String,
    group: Option<String>,
    turns: Vec<Turn>,
}

/// Two sources, three targets, three resources each.
pub(crate) fn all_keys() -> Vec<ResourceKey> {
    let path = |n: usize| format!("s{}/t{}/r{}", n / 9, n / 3 % 3, n % 3);
    (0..18).map(|n| crate::rig::key(&path(n))).collect()
}

impl Watched {
    pub(crate) fn new(limits: Limits, seed: u64) -> Self {
        Watched {
            scheduler: Scheduler::new(limits, seed),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            trace: Vec::new(),
            limits,
            units: BTreeMap::new(),
            places: BTreeMap::new(),
            jobs: BTreeMap::new(),
            silence: false,
        }
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        let keys = all_keys();
        let failures = self.failures();
        match event {
            Event::Put { what, host, group, interval, suspended, on } => {
                let key = keys[what % keys.len()].clone();
                let host = format!("h{}", host % 3);
                let group = (group % 3 > 0).then(|| format!("g{}", group % 3));
                self.places.insert(key.id.target.clone(), (host.clone(), group.clone()));
                let depends_on = if on % 2 == 0 { vec![keys[on % keys.len()].clone()] } else { Vec::new() };
                let interval = Period::seconds(*interval);
                let unit = Unit {
                    key: key.clone(),
                    host,
                    group,
                    interval,
                    depends_on,
                    suspended: *suspended,
                    lane: None,
                };
                self.units.insert(key, unit.clone());
                self.scheduler.put(unit, self.now);
            }
            Event::Remove { what } => {
                let key = &keys[what % keys.len()];
                self.units.remove(key);
                self.scheduler.remove(key);
            }
            Event::Renew { what } => self.scheduler.renewed(&keys[what % keys.len()], self.now),
            Event::Wake { what, trigger, ahead } => {
                let at = self.now.saturating_add(SignedDuration::from_millis(*ahead)).unwrap();
                self.scheduler.wake(&keys[what % keys.len()], *trigger, at);
            }
            Event::Resume { what, ahead, failures } => {
                let at = self.now.saturating_add(SignedDuration::from_millis(*ahead)).unwrap();
                self.scheduler.resume(&keys[what % keys.len()], at, *failures, self.now);
            }
            Event::Next => {
                self.next();
            }
            Event::WantsWrite { job, turns } => self.wants_write(*job, turns),
            Event::Done { job, endings } => self.done(*job, endings),
            Event::Pass { milliseconds } => {
                let span = SignedDuration::from_millis(*milliseconds);
                self.now = self.now.saturating_add(span).unwrap();
                // A clock that was set back is noticed when the scheduler is next told the time.
                self.scheduler.renewed(&crate::rig::key("no/such/thing"), self.now);
            }
        }
        let grew =
            |(key, count): (&ResourceKey, &u32)| failures.get(key).is_some_and(|before| count > before);
        if !matches!(event, Event::Done { .. } | Event::Resume { .. }) {
            assert!(!self.failures().iter().any(grew), "only the end of a job counts as a failure");
        }
        self.check_limits();
        self.check_units();
    }

    fn failures(&self) -> BTreeMap<ResourceKey, u32> {
        let count = |key: &ResourceKey| self.scheduler.standing(key).map(|s| (key.clone(), s.failures));
        self.units.keys().filter_map(count).collect()
    }

    pub(crate) fn next(&mut self) -> bool {
        let start = self.scheduler.next(self.now);
        self.trace.push(format!("{} {start:?}", self.now));
        match start {
            None => self.check_idle(),
            Some(Start::Write(id)) => {
                let going = self.jobs.get_mut(&id).expect("it goes on");
                assert_eq!(going.phase, Phase::Waiting);
                going.phase = Phase::Writing;
            }
            Some(Start::Look(job)) => {
                assert!(!job.keys.is_empty());
                for key in &job.keys {
                    let unit = self.units.get(key).expect("it is there");
                    assert!(!unit.suspended, "{key} is suspended");
                    assert_eq!((&key.source, &key.id.target), (&job.source, &job.target));
                }
                let target = |going: &Going| going.job.target == job.target;
                assert!(!self.jobs.values().any(target), "{} is in two jobs", job.target);
                let host = self.places[&job.target].0.clone();
                let going = Going { phase: Phase::Looking, host, group: None, turns: Vec::new(), job };
                assert!(self.jobs.insert(going.job.id, going).is_none(), "each job has its own number");
            }
        }
        self.trace.last().is_some_and(|line| !line.ends_with("None"))
    }

    fn pick(&self, number: usize) -> Option<JobId> {
        self.jobs.keys().nth(number % self.jobs.len().max(1)).copied()
    }

    fn wants_write(&mut self, number: usize, turns: &[(usize, usize)]) {
        let Some(id) = self.pick(number) else { return };
        // Named like the exclusion groups, which they have nothing to do with.
        let turn =
            |(group, at_once): &(usize, usize)| Turn { group: format!("g{}", group % 3), at_once: *at_once };
        let turns: Vec<Turn> = turns.iter().map(turn).collect();
        let going = self.jobs.get_mut(&id).unwrap();
        if going.phase == Phase::Looking {
            going.phase = Phase::Waiting;
            if self.units.keys().any(|key| key.id.target == going.job.target) {
                (going.host, going.group) = self.places[&going.job.target].clone();
            }
            going.turns.clone_from(&turns);
        }
        self.scheduler.wants_write(id, &turns, self.now);
    }

    fn done(&mut self, number: usize, endings: &[(Ended, bool)]) {
        let Some(id) = self.pick(number) else { return };
        let going = self.jobs.remove(&id).unwrap();
        let report = |(key, (ended, ready)): (&ResourceKey, &(Ended, bool))| Report {
            key: key.clone(),
            ended: *ended,
            ready: *ready,
        };
        let reports: Vec<Report> = going.job.keys.iter().zip(endings).map(report).collect();
        self.silence |= reports.iter().any(|report| report.ended == Ended::Unreachable);
        let aftermath = self.scheduler.done(id, &reports, self.now);
        self.trace.push(format!("{aftermath:?}"));
    }

    fn check_limits(&self) {
        let in_phase = |phase| self.jobs.values().filter(move |going| going.phase == phase);
        assert!(in_phase(Phase::Looking).count() <= self.limits.reading.max(1));
        assert!(in_phase(Phase::Writing).count() <= self.limits.writing.max(1));
        let (mut hosts, mut groups) = (BTreeMap::new(), BTreeMap::new());
        for going in self.jobs.values() {
            if going.phase != Phase::Waiting {
                *hosts.entry(&going.host).or_insert(0) += 1;
            }
            if let (Phase::Writing, Some(group)) = (going.phase, &going.group) {
                *groups.entry(group).or_insert(0) += 1;
            }
        }
        self.check_turns();
        assert!(hosts.values().all(|count| *count <= self.limits.per_host.max(1)), "{hosts:?}");
        assert!(groups.values().all(|count| *count <= self.limits.per_group.max(1)), "{groups:?}");
        let going: Vec<_> = self.jobs.values().map(|going| (going.job.id, going.phase)).collect();
        let running: Vec<_> = self.scheduler.running().map(|job| (job.id, job.phase)).collect();
        assert_eq!(going, running);
        let counts = self.scheduler.counts(self.now);
        assert_eq!(counts.reading, in_phase(Phase::Looking).count());
        assert_eq!(counts.waiting, in_phase(Phase::Waiting).count());
        assert_eq!(counts.writing, in_phase(Phase::Writing).count());
    }

    /// Of each group there write no more than any of those that write bears.
    fn check_turns(&self) {
        let writing = || self.jobs.values().filter(|going| going.phase == Phase::Writing);
        for Turn { group, at_once } in writing().flat_map(|going| &going.turns) {
            let beside =
                writing().filter(|going| going.turns.iter().any(|turn| turn.group == *group)).count();
            assert!(beside <= (*at_once).max(1), "{beside} of {group} write, one bears {at_once}");
        }
    }

    /// Nothing is lost: what is there runs, or is suspended, or has a next time that is not too far.
    fn check_units(&self) {
        let mut running = BTreeSet::new();
        for key in all_keys() {
            let standing = self.scheduler.standing(&key);
            let Some(unit) = self.units.get(&key) else {
                assert_eq!(standing, None);
                continue;
            };
            let standing = standing.expect("it is known");
            if let Some(id) = standing.running {
                assert!(self.jobs[&id].job.keys.contains(&key));
                assert!(running.insert(key));
            } else if unit.suspended {
                assert_eq!((standing.next, standing.blocked), (None, Some(Blocked::Suspended)));
            } else {
                let wait = standing.next.expect("it has a next time").duration_since(self.now).as_millis();
                // A shorter interval does not shorten the wait after a failure.
                let longest = i64::try_from(unit.interval.as_seconds()).unwrap() * 1_050 + CAP + 1_000;
                assert!(wait <= i128::from(longest), "{key} in {wait} ms");
                assert!(standing.blocked.is_some());
            }
        }
    }

    /// It gave nothing, though there is time: then there is a reason.
    fn check_idle(&self) {
        if let Some(at) = self.scheduler.next_at(self.now) {
            assert!(at > self.now, "it gives nothing, and says that it would");
        }
        let counts = self.scheduler.counts(self.now);
        let waits = |key: &&ResourceKey| {
            self.scheduler.standing(key).is_some_and(|standing| standing.blocked == Some(Blocked::Turn))
        };
        if let Some(key) = self.units.keys().find(waits)
            && !self.silence
        {
            assert!(counts.reading >= self.limits.reading.max(1), "{key} could begin");
        }
        let full = |host: &str| {
            let there = |going: &&Going| going.host == *host && going.phase != Phase::Waiting;
            self.jobs.values().filter(there).count() >= self.limits.per_host.max(1)
        };
        let could = |going: &&Going| {
            // One that waits for its group may keep its host's next from writing, for as long as it waits.
            let alone =
                self.jobs.values().filter(|g| g.host == going.host && g.phase == Phase::Waiting).count() == 1;
            let bears = |turn: &Turn| {
                // Those before it in the same queue count as if they wrote: nobody overtakes them.
                let others = self.jobs.values().filter(|g| g.job.id != going.job.id);
                !others.flat_map(|g| &g.turns).any(|other| other.group == turn.group)
            };
            let free = going.group.is_none() && going.turns.iter().all(bears);
            going.phase == Phase::Waiting && free && alone && !full(&going.host)
        };
        if let Some(going) = self.jobs.values().find(could) {
            assert!(counts.writing >= self.limits.writing.max(1), "job {} could write", going.job.id);
        }
    }

    /// From now on all goes well: every resource that is not suspended has its turn before long.
    pub(crate) fn comes_to_rest(&mut self) {
        let mut left: BTreeSet<ResourceKey> =
            self.units.values().filter(|unit| !unit.suspended).map(|unit| unit.key.clone()).collect();
        for _ in 0..10_000 {
            while self.next() {}
            let waits = |going: &Going| going.phase == Phase::Waiting;
            let all_wait = !self.jobs.is_empty() && self.jobs.values().all(waits);
            assert!(!all_wait, "those that wait to write keep each other waiting");
            for id in self.jobs.keys().copied().collect::<Vec<_>>() {
                if waits(&self.jobs[&id]) {
                    continue;
                }
                for key in self.jobs[&id].job.keys.clone() {
                    left.remove(&key);
                }
                let number = self.jobs.keys().position(|other| *other == id).unwrap();
                self.done(number, &[(Ended::Settled, true); 9]);
            }
            self.check_limits();
            self.check_units();
            if left.is_empty() {
                return;
            }
            if let Some(at) = self.scheduler.next_at(self.now) {
                self.now = at.max(self.now);
            }
        }
        panic!("{left:?} never had their turn");
    }

    /// Everything leaves: nothing may be left of it.
    pub(crate) fn leaves_nothing(mut self) {
        for key in all_keys() {
            self.units.remove(&key);
            self.scheduler.remove(&key);
        }
        for id in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.scheduler.done(id, &[], self.now);
        }
        let inside = format!("{:?}", self.scheduler);
        for empty in
            ["hosts", "targets", "groups", "stays", "ids", "entries", "boards", "dependents", "jobs", "sound"]
        {
            assert!(inside.contains(&format!("{empty}: {{}}")), "{empty}: {inside}");
        }
        for empty in ["doubtful", "writers", "trials", "timeline"] {
            assert!(inside.contains(&format!("{empty}: {{}}")), "{empty}: {inside}");
        }
        assert_eq!(self.scheduler.counts(self.now), evenkeel_engine::controller::schedule::Counts::default());
    }
}
