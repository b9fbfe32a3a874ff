//! A scheduler with a clock that is moved by hand.

use evenkeel_core::period::Period;
use evenkeel_core::plan::InstanceId;
use evenkeel_engine::controller::Trigger;
use evenkeel_engine::controller::schedule::{
    Aftermath, Ended, Job, JobId, Limits, Report, Scheduler, Standing, Start, Turn, Unit,
};
use evenkeel_engine::store::ResourceKey;
use jiff::{SignedDuration, Timestamp};

/// Half an hour, in seconds: the interval of units that say nothing else.
pub(crate) const INTERVAL: u64 = 1_800;

/// Plenty of everything, one at a time on a host.
pub(crate) const WIDE: Limits = Limits { reading: 100, writing: 100, per_host: 1, per_group: 1 };

/// `git/pve1/a` is the resource `a` of the source `git` on the target `pve1`.
pub(crate) fn key(path: &str) -> ResourceKey {
    let [source, target, name] = path.split('/').collect::<Vec<_>>().try_into().unwrap();
    let id = InstanceId { target: target.to_owned(), kind: "Thing".to_owned(), name: name.to_owned() };
    ResourceKey { source: source.to_owned(), id }
}

/// A unit whose host has the name of its target.
pub(crate) fn unit(path: &str) -> Unit {
    let key = key(path);
    Unit {
        host: key.id.target.clone(),
        group: None,
        interval: Period::seconds(INTERVAL),
        depends_on: Vec::new(),
        suspended: false,
        lane: None,
        key,
    }
}

/// The name of a resource, without the rest.
pub(crate) fn names(keys: &[ResourceKey]) -> Vec<&str> {
    let mut names: Vec<&str> = keys.iter().map(|key| key.id.name.as_str()).collect();
    names.sort_unstable();
    names
}

pub(crate) struct Rig {
    pub(crate) scheduler: Scheduler,
    pub(crate) now: Timestamp,
}

impl Rig {
    /// These units are there; nothing has begun.
    pub(crate) fn new(limits: Limits, units: impl IntoIterator<Item = Unit>) -> Self {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut rig = Rig { scheduler: Scheduler::new(limits, 42), now };
        for unit in units {
            rig.put(unit);
        }
        rig
    }

    /// These units are there, and all of them were looked at once and are as they should be.
    pub(crate) fn settled(limits: Limits, units: impl IntoIterator<Item = Unit>) -> Self {
        let mut rig = Rig::new(limits, units);
        while let Some(job) = rig.next_look() {
            rig.end(&job, Ended::Settled);
        }
        rig
    }

    pub(crate) fn put(&mut self, unit: Unit) {
        self.scheduler.put(unit, self.now);
    }

    pub(crate) fn wake(&mut self, path: &str, trigger: Trigger) {
        self.scheduler.wake(&key(path), trigger, self.now);
    }

    pub(crate) fn renewed(&mut self, path: &str) {
        self.scheduler.renewed(&key(path), self.now);
    }

    pub(crate) fn next(&mut self) -> Option<Start> {
        let start = self.scheduler.next(self.now);
        if start.is_none()
            && let Some(at) = self.scheduler.next_at(self.now)
        {
            assert!(at > self.now, "it has nothing, and says that it would have at {at}");
        }
        start
    }

    /// The next to begin, which is a look or nothing.
    pub(crate) fn next_look(&mut self) -> Option<Job> {
        match self.next() {
            Some(Start::Look(job)) => Some(job),
            Some(Start::Write(job)) => panic!("job {job} may write"),
            None => None,
        }
    }

    /// The next to begin, which is a look.
    pub(crate) fn look(&mut self) -> Job {
        self.next_look().expect("something is due and may begin")
    }

    /// All looks that may begin now.
    pub(crate) fn looks(&mut self) -> Vec<Job> {
        std::iter::from_fn(|| self.next_look()).collect()
    }

    /// Time passes until something is due, and that begins.
    pub(crate) fn look_later(&mut self) -> Job {
        for _ in 0..1_000 {
            if let Some(job) = self.next_look() {
                return job;
            }
            self.now = self.scheduler.next_at(self.now).expect("something will be due").max(self.now);
        }
        panic!("it is woken again and again for nothing");
    }

    pub(crate) fn wants_write(&mut self, job: &Job) -> Aftermath {
        self.wants_turns(job, &[])
    }

    /// It has something to write on a host that takes turns with those of these groups, so many at once in each.
    pub(crate) fn wants_turns(&mut self, job: &Job, turns: &[(&str, usize)]) -> Aftermath {
        let turn = |(group, at_once): &(&str, usize)| Turn { group: (*group).to_owned(), at_once: *at_once };
        let turns: Vec<Turn> = turns.iter().map(turn).collect();
        self.scheduler.wants_write(job.id, &turns, self.now)
    }

    /// The next to begin, which is the writing of `job`.
    pub(crate) fn write(&mut self, job: &Job) {
        assert_eq!(self.next(), Some(Start::Write(job.id)));
    }

    /// Every resource of the job ended like this, and is ready where it is as it should be.
    pub(crate) fn end(&mut self, job: &Job, ended: Ended) -> Aftermath {
        let endings: Vec<(&str, Ended)> = job.keys.iter().map(|key| (key.id.name.as_str(), ended)).collect();
        self.end_each(job, &endings)
    }

    /// The resources of the job, by name, ended like this.
    pub(crate) fn end_each(&mut self, job: &Job, endings: &[(&str, Ended)]) -> Aftermath {
        let report = |(name, ended): &(&str, Ended)| Report {
            key: job.keys.iter().find(|key| key.id.name == *name).expect("it is in the job").clone(),
            ended: *ended,
            ready: matches!(ended, Ended::Settled | Ended::Changed),
        };
        self.report(job.id, &endings.iter().map(report).collect::<Vec<_>>())
    }

    pub(crate) fn report(&mut self, job: JobId, reports: &[Report]) -> Aftermath {
        self.scheduler.done(job, reports, self.now)
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now = self.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    pub(crate) fn standing(&self, path: &str) -> Standing {
        self.scheduler.standing(&key(path)).expect("it is known")
    }

    /// In how many seconds it is looked at.
    pub(crate) fn seconds_until(&self, path: &str) -> f64 {
        let next = self.standing(path).next.expect("it has a next time");
        next.duration_since(self.now).as_secs_f64()
    }
}
