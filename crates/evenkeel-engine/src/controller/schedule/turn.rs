//! How a job begins and ends, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::agenda::{Id, When};
use super::lanes::{Name, Pick, Place};
use super::pace::{Draw, proof, resumption};
use super::time::Moment;
use super::words::{Aftermath, Ended, HostNews, Job, JobId, Phase, Report, Start, Turn};
use super::{Going, Scheduler, without_lane};
use crate::controller::Trigger;
use crate::store::ResourceKey;

impl Scheduler {
    /// What may begin now. Ask until there is nothing.
    pub fn next(&mut self, now: Timestamp) -> Option<Start> {
        let now = self.clock.see(now);
        if self.draining {
            return None;
        }
        for place in self.agenda.advance(now) {
            self.offer(&place);
        }
        self.lanes.advance(now);
        match self.lanes.first()? {
            Pick::Write(id) => {
                self.lanes.write(id);
                self.set_phase(id, Phase::Writing);
                Some(Start::Write(id))
            }
            Pick::Look(place) => Some(Start::Look(self.begin(&place, now))),
        }
    }

    fn begin(&mut self, place: &Place, now: Moment) -> Job {
        self.last_job += 1;
        let id = JobId(self.last_job);
        self.lanes.look(place, id);
        let taken = self.agenda.take(place, id, now);
        self.offer(place);
        let trigger = taken.iter().map(|(_, trigger)| *trigger).max().unwrap_or(Trigger::Periodic);
        let ids: Vec<Id> = taken.into_iter().map(|(id, _)| id).collect();
        let keys = ids.iter().filter_map(|id| self.agenda.get(*id)).map(|entry| entry.key.clone()).collect();
        let (source, target) = (place.source.to_string(), without_lane(&place.target).to_owned());
        let job = Job { id, source, target, keys, trigger, phase: Phase::Looking };
        self.jobs.insert(id, Going { job: job.clone(), place: place.clone(), ids });
        job
    }

    fn set_phase(&mut self, id: JobId, phase: Phase) {
        if let Some(going) = self.jobs.get_mut(&id) {
            going.job.phase = phase;
        }
    }

    /// This job has read and has something to send: it leaves its slot to others, and [`Scheduler::next`] says when it
    /// may write, which is when it is its turn in each of the groups in `turns`, too. So its host answers. Nothing happens
    /// where it does not read.
    pub fn wants_write(&mut self, id: JobId, turns: &[Turn], now: Timestamp) -> Aftermath {
        let now = self.clock.see(now);
        let mut aftermath = Aftermath::default();
        let Some(Going { job, .. }) = self.jobs.get(&id) else { return aftermath };
        let draw = Draw::new(self.seed, &[&job.source, &job.target], 0);
        let Some((host, back)) = self.lanes.wants_write(id, turns, now, draw) else { return aftermath };
        self.set_phase(id, Phase::Waiting);
        if back {
            self.host_answers(&host, now, &mut aftermath);
        }
        aftermath
    }

    /// This job is over, in whatever phase it was; plans what comes next. A resource of the job that has no report
    /// counts as failed; a report of what was not in the job counts for nothing.
    pub fn done(&mut self, id: JobId, reports: &[Report], now: Timestamp) -> Aftermath {
        let now = self.clock.see(now);
        let mut aftermath = Aftermath::default();
        let Some(Going { job, place, ids }) = self.jobs.remove(&id) else { return aftermath };
        let turn = self.agenda.turn(&place);
        let draw = self.draw(&place, turn);
        let reports: BTreeMap<&ResourceKey, &Report> = reports.iter().map(|r| (&r.key, r)).collect();
        let (mut seen, mut ready) = (BTreeSet::new(), Vec::new());
        for (key, unit) in job.keys.iter().zip(&ids) {
            let report = reports.get(key);
            let ended = report.map_or(Ended::Failed, |report| report.ended);
            seen.insert(report.and_then(|report| answered(report.ended)));
            let is_ready = report.is_some_and(|report| report.ready);
            if let Some(why) = self.settle(*unit, id, (ended, is_ready), now, draw) {
                ready.push((key, why));
            }
        }
        // It answered one and not the other: it died in between.
        let answered = if seen.contains(&Some(false)) { Some(false) } else { seen.last().copied().flatten() };
        let news = self.lanes.end(id, answered, now, draw);
        for (key, why) in ready {
            self.wake_dependents(key, why, &ids, now, &mut aftermath);
        }
        self.offer(&place);
        match news {
            Some((host, true)) => self.host_answers(&host, now, &mut aftermath),
            Some((host, false)) => {
                let host = without_lane(&host).to_owned();
                aftermath.host = Some(HostNews { host, answers: false });
            }
            None => {}
        }
        aftermath
    }

    /// Plans the next time of a resource whose turn in `job` ended. Says whether what depends on it is to be woken,
    /// and why.
    fn settle(
        &mut self,
        id: Id,
        job: JobId,
        (ended, ready): (Ended, bool),
        now: Moment,
        draw: Draw,
    ) -> Option<Why> {
        let entry = self.agenda.get_mut(id).filter(|entry| entry.when == When::Running(job))?;
        let interval = entry.interval;
        entry.stops = if ended == Ended::NotStarted { entry.stops.saturating_add(1) } else { 0 };
        let (mut why, before) = (None, entry.backoff);
        if ended != Ended::NotStarted {
            entry.backoff = 0;
            let was_ready = std::mem::replace(&mut entry.ready, ready);
            why = (ready && !was_ready).then_some(Why::Ready);
            entry.last = Some(ended);
            entry.changes = if ended == Ended::Changed { entry.changes.saturating_add(1) } else { 0 };
        }
        let (span, slack, trigger) = match ended {
            Ended::Settled | Ended::Changed => {
                entry.failures = 0;
                if ended == Ended::Changed {
                    why = ready.then_some(Why::Changed);
                    (proof(entry.changes, interval), 0, Trigger::Periodic)
                } else {
                    (draw.interval(interval), interval / 2, Trigger::Periodic)
                }
            }
            Ended::Failed | Ended::Unreachable => {
                entry.failures = entry.failures.saturating_add(1);
                entry.backoff = draw.backoff(before);
                (entry.backoff, entry.backoff / 10, Trigger::Retry)
            }
            Ended::Terminal => {
                entry.failures = entry.failures.saturating_add(1);
                (draw.interval(interval), interval / 2, Trigger::Periodic)
            }
            Ended::Waiting => (draw.interval(interval), interval / 2, Trigger::Periodic),
            Ended::NotStarted => (resumption(entry.stops), 0, entry.trigger),
        };
        let (pending, suspended) = (entry.pending.take(), entry.suspended);
        if suspended {
            self.agenda.off(id);
            return why;
        }
        self.agenda.later(id, now.saturating_add(span), slack, trigger);
        match pending {
            Some(pending) if pending.renewed => self.renew(id, pending.at, pending.trigger),
            Some(pending) => self.rouse(id, pending.trigger, pending.at),
            None => {}
        }
        why
    }

    fn wake_dependents(&mut self, key: &ResourceKey, why: Why, job: &[Id], now: Moment, out: &mut Aftermath) {
        for dependent in self.agenda.dependents(key) {
            let Some(entry) = self.agenda.get(dependent) else { continue };
            let waits = entry.last == Some(Ended::Waiting);
            // One of the same job had its turn after what it depends on.
            let concerned = match why {
                Why::Ready => waits || matches!(entry.when, When::Running(_)),
                Why::Changed => waits || !job.contains(&dependent),
            };
            if concerned {
                if entry.backoff == 0 && entry.when != When::Off {
                    out.woken.push(entry.key.clone());
                }
                self.rouse(dependent, Trigger::Dependency, now);
            }
        }
    }

    /// A host that was given up answers: what found it silent is due.
    fn host_answers(&mut self, host: &Name, now: Moment, out: &mut Aftermath) {
        let places = self.lanes.places_on(host);
        let ids: Vec<Id> = places.iter().flat_map(|place| self.agenda.ids_at(place)).collect();
        for id in ids {
            let Some(entry) = self.agenda.get_mut(id) else { continue };
            if entry.last == Some(Ended::Unreachable) && matches!(entry.when, When::Later { .. }) {
                entry.backoff = 0;
                out.woken.push(entry.key.clone());
                self.rouse(id, Trigger::Retry, now);
            }
        }
        out.host = Some(HostNews { host: without_lane(host).to_owned(), answers: true });
    }
}

/// Why what depends on a resource is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It turned ready.
    Ready,
    /// It was changed, and is ready.
    Changed,
}

/// Whether the host answered, as far as the end of a turn says.
fn answered(ended: Ended) -> Option<bool> {
    match ended {
        Ended::Unreachable => Some(false),
        Ended::Settled | Ended::Changed | Ended::Failed | Ended::Terminal | Ended::Waiting => Some(true),
        Ended::NotStarted => None,
    }
}
