//! Who waits to write, and who may.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Lanes, Name, Rank, Stay};
use crate::controller::schedule::LANE;
use crate::controller::schedule::pace::Draw;
use crate::controller::schedule::time::Moment;
use crate::controller::schedule::words::{JobId, Phase, Turn};

impl Lanes {
    /// This job, which reads, has something to write, beside its target's exclusion group also in the groups of these
    /// `turns`. Gives its host, and whether that had been given up and so came back; `None` where it does not read.
    pub(in crate::controller::schedule) fn wants_write(
        &mut self,
        job: JobId,
        turns: &[Turn],
        now: Moment,
        draw: Draw,
    ) -> Option<(Name, bool)> {
        let stay = self.stays.get_mut(&job).filter(|stay| stay.phase == Phase::Looking)?;
        let (read, trial) = (Arc::clone(&stay.host), std::mem::take(&mut stay.trial));
        stay.phase = Phase::Waiting;
        let mut groups: BTreeMap<Name, usize> = BTreeMap::new();
        if let Some(target) = self.targets.get(&stay.target) {
            stay.host = Arc::clone(&target.host);
            groups.extend(target.group.iter().map(|group| (Arc::clone(group), self.limits.per_group)));
        }
        for turn in turns {
            let bears = groups.entry(format!("{LANE}{}", turn.group).into()).or_insert(turn.at_once.max(1));
            *bears = turn.at_once.max(1).min(*bears);
        }
        stay.groups = groups.into_iter().collect();
        let (wanted, waiting) = (Arc::clone(&stay.host), (stay.rank, job));
        self.reading = self.reading.saturating_sub(1);
        self.trying = self.trying.saturating_sub(usize::from(trial));
        let back = self.leave_slot(&read, trial, Some(true), now, draw);
        if let Some(host) = self.hosts.get_mut(&wanted) {
            host.writers.insert(waiting);
        }
        self.show(&wanted);
        self.show(&read);
        self.forget_host(&read);
        Some((read, back.is_some()))
    }

    /// This job's writing, which [`Lanes::first`] named, begins.
    pub(in crate::controller::schedule) fn write(&mut self, job: JobId) {
        let Some(stay) = self.stays.get_mut(&job) else { return };
        stay.phase = Phase::Writing;
        let (name, waiting, groups) = (Arc::clone(&stay.host), (stay.rank, job), stay.groups.clone());
        self.writing += 1;
        for (group, bears) in groups {
            self.groups.entry(group).or_default().writing.insert(job, bears);
        }
        if let Some(host) = self.hosts.get_mut(&name) {
            host.busy += 1;
            host.writers.remove(&waiting);
        }
        // Its host hides it, and so do its groups, which show the next where there is room.
        self.show(&name);
    }

    /// A job that waited to write does so no more.
    pub(super) fn stop_waiting(&mut self, stay: &Stay, job: JobId) {
        let waiting = (stay.rank, job);
        if let Some(host) = self.hosts.get_mut(&stay.host) {
            host.writers.remove(&waiting);
        }
        self.writers.remove(&waiting);
    }

    /// A job that is over keeps nobody of its groups waiting any more.
    pub(super) fn leave_groups(&mut self, stay: &Stay, job: JobId) {
        for (name, _) in &stay.groups {
            if let Some(group) = self.groups.get_mut(name) {
                group.writing.remove(&job);
                group.waiting.remove(&(stay.rank, job));
            }
            self.show_group(name);
        }
    }

    /// A host shows this job, or hides it again.
    pub(super) fn show_writer(&mut self, writer: Option<(Rank, JobId)>, there: bool) {
        let Some(writer) = writer else { return };
        let groups = self.stays.get(&writer.1).map(|stay| stay.groups.clone()).unwrap_or_default();
        if groups.is_empty() {
            set(&mut self.writers, writer, there);
        }
        for (name, bears) in &groups {
            let group = self.groups.entry(Arc::clone(name)).or_default();
            if there {
                group.waiting.insert(writer, *bears);
            } else {
                group.waiting.remove(&writer);
            }
        }
        for (name, _) in &groups {
            self.show_group(name);
        }
    }

    /// Brings up to date what of a group is shown.
    fn show_group(&mut self, name: &Name) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let first = group.first();
        let before = std::mem::replace(&mut group.shown, first);
        if group.is_left() {
            self.groups.remove(name);
        }
        if let Some(before) = before.filter(|before| Some(*before) != first) {
            self.writers.remove(&before);
        }
        if let Some(first) = first.filter(|first| self.is_shown_by_all(*first)) {
            self.writers.insert(first);
        }
    }

    /// True where each group of a job shows it.
    fn is_shown_by_all(&self, writer: (Rank, JobId)) -> bool {
        let shows = |name: &Name| self.groups.get(name).is_some_and(|group| group.shown == Some(writer));
        self.stays.get(&writer.1).is_some_and(|stay| stay.groups.iter().all(|(name, _)| shows(name)))
    }
}

fn set<T: Ord>(set: &mut BTreeSet<T>, item: T, there: bool) {
    if there {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}
