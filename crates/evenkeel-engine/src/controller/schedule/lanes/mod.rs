//! What may run beside what: slots for reading and writing, one job per target, few per host and group, and hosts that
//! do not answer in a lane of their own.
//!
//! Whoever waits stands in its host's queue. Of each host, and each group, only the first in the queue is shown to the
//! next level, and only while there is room for it. So finding the next to run is looking at the head of three short
//! lists, however many wait behind a host that is busy or dead.
//!
//! A job may be in several groups, and writes when it is the first of each of them and each has room. All queues have
//! the same order, so the first of all that wait is the first everywhere: it is kept waiting by what writes only, and
//! nobody overtakes it for ever.

mod host;
mod view;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use host::{Host, Shown};

use super::pace::Draw;
use super::rank::Rank;
use super::time::Moment;
use super::words::{JobId, Limits, Phase};
pub(super) use view::Obstacle;

/// A name that many share.
pub(super) type Name = Arc<str>;

/// One source's resources on one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) target: Name,
    pub(super) source: Name,
}

/// Hosts, targets, groups, and the jobs in them.
#[derive(Debug)]
pub(super) struct Lanes {
    limits: Limits,
    hosts: BTreeMap<Name, Host>,
    targets: BTreeMap<Name, Target>,
    groups: BTreeMap<Name, Group>,
    stays: BTreeMap<JobId, Stay>,
    /// The first of each host that answers and has room.
    sound: BTreeSet<(Rank, Name)>,
    /// The first of each host that did not answer the last time, and may be tried.
    doubtful: BTreeSet<(Rank, Name)>,
    /// Jobs that may write as soon as there is a slot.
    writers: BTreeSet<(Rank, JobId)>,
    /// When hosts that were given up may be tried again.
    trials: BTreeSet<(Moment, Name)>,
    reading: usize,
    writing: usize,
    /// Jobs that read a doubtful host.
    trying: usize,
    /// The last job to begin was one of those.
    tried: bool,
}

#[derive(Debug)]
struct Target {
    host: Name,
    group: Option<Name>,
    busy: bool,
    /// Its sources, each with its rank where it has something to do.
    sources: BTreeMap<Name, Option<Rank>>,
}

/// Jobs that are not written beside each other without limit: of an exclusion group, or of a rollout.
#[derive(Debug, Default)]
struct Group {
    /// Jobs that write, each with how many of them it bears at the same time.
    writing: BTreeMap<JobId, usize>,
    /// Jobs that would write, one of each host, and what each bears.
    waiting: BTreeMap<(Rank, JobId), usize>,
    /// The one of them that is shown.
    shown: Option<(Rank, JobId)>,
}

impl Group {
    /// The first that waits, where there is room for it: what bears the least counts.
    fn first(&self) -> Option<(Rank, JobId)> {
        let (first, bears) = self.waiting.first_key_value()?;
        let bears = self.writing.values().chain([bears]).copied().min().unwrap_or(1);
        (self.writing.len() < bears.max(1)).then_some(*first)
    }

    fn is_left(&self) -> bool {
        self.writing.is_empty() && self.waiting.is_empty()
    }
}

/// A job's stay.
#[derive(Debug)]
struct Stay {
    target: Name,
    host: Name,
    /// Where it waits to write, or writes, and how many each of these bears at the same time.
    groups: Vec<(Name, usize)>,
    rank: Rank,
    phase: Phase,
    /// Its host was doubtful when it began.
    trial: bool,
}

/// What can begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pick {
    /// A look at this place.
    Look(Place),
    /// This job's writing.
    Write(JobId),
}

impl Lanes {
    pub(super) fn new(limits: Limits) -> Self {
        let limits = Limits {
            reading: limits.reading.max(1),
            writing: limits.writing.max(1),
            per_host: limits.per_host.max(1),
            per_group: limits.per_group.max(1),
        };
        Lanes {
            limits,
            hosts: BTreeMap::new(),
            targets: BTreeMap::new(),
            groups: BTreeMap::new(),
            stays: BTreeMap::new(),
            sound: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            writers: BTreeSet::new(),
            trials: BTreeSet::new(),
            reading: 0,
            writing: 0,
            trying: 0,
            tried: false,
        }
    }

    /// There is this place, on this host and in this group.
    pub(super) fn settle(&mut self, place: &Place, host: &str, group: Option<&str>) {
        let known = self.targets.get(&place.target);
        if !known.is_some_and(|t| &*t.host == host && t.group.as_deref() == group) {
            self.move_target(&place.target, host, group);
        }
        if let Some(target) = self.targets.get_mut(&place.target) {
            target.sources.entry(Arc::clone(&place.source)).or_insert(None);
        }
    }

    fn move_target(&mut self, name: &Name, host: &str, group: Option<&str>) {
        let (host, group): (Name, Option<Name>) = (host.into(), group.map(Name::from));
        let new = Target {
            host: Arc::clone(&host),
            group: group.clone(),
            busy: self.targets.get(name).is_some_and(|old| old.busy),
            sources: self.targets.get(name).map(|old| old.sources.clone()).unwrap_or_default(),
        };
        if let Some(old) = self.targets.remove(name) {
            self.leave_host(name, &old);
        }
        self.hosts.entry(host).or_default().targets.insert(Arc::clone(name));
        self.targets.insert(Arc::clone(name), new);
        self.queue(name);
    }

    /// This place has no resources any more.
    pub(super) fn leave(&mut self, place: &Place) {
        self.offer(place, None);
        if let Some(target) = self.targets.get_mut(&place.target) {
            target.sources.remove(&place.source);
        }
        self.forget_target(&place.target);
    }

    fn forget_target(&mut self, name: &Name) {
        if self.targets.get(name).is_some_and(|target| target.sources.is_empty() && !target.busy)
            && let Some(old) = self.targets.remove(name)
        {
            self.leave_host(name, &old);
        }
    }

    /// `target` is on its old host no more.
    fn leave_host(&mut self, name: &Name, old: &Target) {
        if let Some(host) = self.hosts.get_mut(&old.host) {
            host.targets.remove(name);
            host.queue.retain(|(_, place)| place.target != *name);
        }
        self.show(&old.host);
        self.forget_host(&old.host);
    }

    fn forget_host(&mut self, name: &Name) {
        if self.hosts.get(name).is_some_and(Host::is_left)
            && let Some(host) = self.hosts.remove(name)
            && let Some(until) = host.breaker.until()
        {
            self.trials.remove(&(until, Arc::clone(name)));
        }
    }

    /// This place has something to do, of this rank; or nothing.
    pub(super) fn offer(&mut self, place: &Place, rank: Option<Rank>) {
        let Some(target) = self.targets.get_mut(&place.target) else { return };
        let Some(known) = target.sources.get_mut(&place.source) else { return };
        let before = std::mem::replace(known, rank);
        if before == rank || target.busy {
            return;
        }
        let Some(host) = self.hosts.get_mut(&target.host) else { return };
        if let Some(before) = before {
            host.queue.remove(&(before, place.clone()));
        }
        if let Some(rank) = rank {
            host.queue.insert((rank, place.clone()));
        }
        let name = Arc::clone(&target.host);
        self.show(&name);
    }

    /// All of a target's places into its host's queue, or, while it is busy, out of it.
    fn queue(&mut self, name: &Name) {
        let Some(target) = self.targets.get(name) else { return };
        let Some(host) = self.hosts.get_mut(&target.host) else { return };
        for (source, rank) in &target.sources {
            let Some(rank) = rank else { continue };
            let entry = (*rank, Place { target: Arc::clone(name), source: Arc::clone(source) });
            if target.busy {
                host.queue.remove(&entry);
            } else {
                host.queue.insert(entry);
            }
        }
        let host = Arc::clone(&target.host);
        self.show(&host);
    }

    /// Brings up to date what of a host is shown.
    fn show(&mut self, name: &Name) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        let room = host.busy < self.limits.per_host;
        let look = host.first_look(room);
        if look != host.look {
            let before = std::mem::replace(&mut host.look, look);
            if let Some(Shown { rank, doubtful }) = before {
                let lane = if doubtful { &mut self.doubtful } else { &mut self.sound };
                lane.remove(&(rank, Arc::clone(name)));
            }
            if let Some(Shown { rank, doubtful }) = look {
                let lane = if doubtful { &mut self.doubtful } else { &mut self.sound };
                lane.insert((rank, Arc::clone(name)));
            }
        }
        let Some(host) = self.hosts.get_mut(name) else { return };
        let writer = host.writers.first().copied().filter(|_| room);
        if writer != host.writer {
            let before = std::mem::replace(&mut host.writer, writer);
            self.show_writer(before, false);
            self.show_writer(writer, true);
        }
    }

    /// Lets hosts that were given up be tried whose time has come. Call before [`Lanes::first`].
    pub(super) fn advance(&mut self, now: Moment) {
        while self.trials.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, name)) = self.trials.pop_first() else { return };
            if let Some(host) = self.hosts.get_mut(&name) {
                host.breaker.may_try();
            }
            self.show(&name);
        }
    }

    /// When [`Lanes::advance`] has something to do.
    pub(super) fn next_trial(&self) -> Option<Moment> {
        self.trials.first().map(|(at, _)| *at)
    }

    /// A person wants this place looked at: its host is tried even where its time has not come.
    pub(super) fn insist(&mut self, place: &Place) {
        let Some(name) = self.targets.get(&place.target).map(|target| Arc::clone(&target.host)) else {
            return;
        };
        let Some(host) = self.hosts.get_mut(&name) else { return };
        if let Some(until) = host.breaker.until() {
            self.trials.remove(&(until, Arc::clone(&name)));
            host.breaker.may_try();
            self.show(&name);
        }
    }

    /// The next to begin. Writing goes first: it holds what was read, which ages.
    pub(super) fn first(&self) -> Option<Pick> {
        if self.writing < self.limits.writing
            && let Some((_, job)) = self.writers.first()
        {
            return Some(Pick::Write(*job));
        }
        if self.reading >= self.limits.reading {
            return None;
        }
        let trials = (self.limits.reading / 4).max(1);
        let doubtful = self.doubtful.first().filter(|_| self.trying < trials);
        let (_, host) = match (self.sound.first(), doubtful) {
            // A dead host costs a slot until its deadline: they take turns with those that answer.
            (Some(sound), Some(doubtful)) if self.tried || sound < doubtful => sound,
            (_, Some(doubtful)) => doubtful,
            (sound, None) => sound?,
        };
        let (_, place) = self.hosts.get(host)?.queue.first()?;
        Some(Pick::Look(place.clone()))
    }

    /// The look at this place, which [`Lanes::first`] named, begins as `job`.
    pub(super) fn look(&mut self, place: &Place, job: JobId) {
        let Some(target) = self.targets.get_mut(&place.target) else { return };
        let Some(rank) = target.sources.get(&place.source).copied().flatten() else { return };
        let Some(host) = self.hosts.get_mut(&target.host) else { return };
        let trial = host.breaker.begin();
        host.busy += 1;
        target.busy = true;
        let stay = Stay {
            target: Arc::clone(&place.target),
            host: Arc::clone(&target.host),
            groups: Vec::new(),
            rank,
            phase: Phase::Looking,
            trial,
        };
        self.stays.insert(job, stay);
        self.reading += 1;
        self.trying += usize::from(trial);
        self.tried = trial;
        self.queue(&place.target);
    }

    /// This job is over. `answered` says whether its host did, where that is known. Gives the host where that gave it
    /// up (false) or brought it back (true).
    pub(super) fn end(
        &mut self,
        job: JobId,
        answered: Option<bool>,
        now: Moment,
        draw: Draw,
    ) -> Option<(Name, bool)> {
        let stay = self.stays.remove(&job)?;
        let name = &stay.host;
        self.trying = self.trying.saturating_sub(usize::from(stay.trial));
        self.reading = self.reading.saturating_sub(usize::from(stay.phase == Phase::Looking));
        self.writing = self.writing.saturating_sub(usize::from(stay.phase == Phase::Writing));
        self.leave_groups(&stay, job);
        let news = if stay.phase == Phase::Waiting {
            self.stop_waiting(&stay, job);
            None
        } else {
            self.leave_slot(name, stay.trial, answered, now, draw)
        };
        if let Some(target) = self.targets.get_mut(&stay.target) {
            target.busy = false;
        }
        self.queue(&stay.target);
        self.show(name);
        self.forget_target(&stay.target);
        self.forget_host(name);
        news.map(|answers| (Arc::clone(name), answers))
    }

    /// A job that read or wrote on this host does so no more.
    fn leave_slot(
        &mut self,
        name: &Name,
        trial: bool,
        answered: Option<bool>,
        now: Moment,
        draw: Draw,
    ) -> Option<bool> {
        let host = self.hosts.get_mut(name)?;
        host.busy = host.busy.saturating_sub(1);
        let before = host.breaker.until();
        let news = host.breaker.end(trial, answered, now, draw);
        let after = host.breaker.until();
        if before != after {
            if let Some(until) = before {
                self.trials.remove(&(until, Arc::clone(name)));
            }
            self.trials.extend(after.map(|until| (until, Arc::clone(name))));
        }
        news
    }
}
