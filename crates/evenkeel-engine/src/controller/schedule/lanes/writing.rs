//! Who waits to write, and who may.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Lanes, Name, Rank, Stay};
use crate::controller::schedule::pace::Draw;
use crate::controller::schedule::time::Moment;
use crate::controller::schedule::words::{JobId, Phase};

impl Lanes {
    /// This job, which reads, has something to write. Gives its host, and whether that had been given up and so
    /// came back; `None` where it does not read.
    pub(in crate::controller::schedule) fn wants_write(
        &mut self,
        job: JobId,
        now: Moment,
        draw: Draw,
    ) -> Option<(Name, bool)> {
        let stay = self.stays.get_mut(&job).filter(|stay| stay.phase == Phase::Looking)?;
        let (read, trial) = (Arc::clone(&stay.host), std::mem::take(&mut stay.trial));
        stay.phase = Phase::Waiting;
        if let Some(target) = self.targets.get(&stay.target) {
            stay.host = Arc::clone(&target.host);
            stay.group.clone_from(&target.group);
        }
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
        let (name, group, waiting) = (Arc::clone(&stay.host), stay.group.clone(), (stay.rank, job));
        self.writing += 1;
        if let Some(group) = group.as_ref().and_then(|group| self.groups.get_mut(group)) {
            group.writing += 1;
        }
        if let Some(host) = self.hosts.get_mut(&name) {
            host.busy += 1;
            host.writers.remove(&waiting);
        }
        self.show(&name);
        if let Some(group) = group {
            self.show_group(&group);
        }
    }

    /// A job that waited to write does so no more.
    pub(super) fn stop_waiting(&mut self, stay: &Stay, job: JobId) {
        let waiting = (stay.rank, job);
        if let Some(host) = self.hosts.get_mut(&stay.host) {
            host.writers.remove(&waiting);
        }
        self.writers.remove(&waiting);
        if let Some(name) = &stay.group {
            if let Some(group) = self.groups.get_mut(name) {
                group.waiting.remove(&waiting);
            }
            self.show_group(name);
            self.forget_group(name);
        }
    }

    /// A host shows this job, or hides it again.
    pub(super) fn show_writer(&mut self, writer: Option<(Rank, JobId)>, there: bool) {
        let Some(writer) = writer else { return };
        let group = self.stays.get(&writer.1).and_then(|stay| stay.group.clone());
        if let Some(name) = group
            && let Some(group) = self.groups.get_mut(&name)
        {
            set(&mut group.waiting, writer, there);
            self.show_group(&name);
        } else {
            set(&mut self.writers, writer, there);
        }
    }

    /// Brings up to date what of a group is shown.
    pub(super) fn show_group(&mut self, name: &Name) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let first = group.waiting.first().copied().filter(|_| group.writing < self.limits.per_group);
        if first != group.shown {
            if let Some(before) = std::mem::replace(&mut group.shown, first) {
                self.writers.remove(&before);
            }
            self.writers.extend(first);
        }
    }

    pub(super) fn forget_group(&mut self, name: &Name) {
        if self.groups.get(name).is_some_and(|group| group.targets == 0)
            && !self.stays.values().any(|stay| stay.group.as_ref() == Some(name))
        {
            self.groups.remove(name);
        }
    }
}

fn set<T: Ord>(set: &mut BTreeSet<T>, item: T, there: bool) {
    if there {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}
