//! A store in memory that answers at once, keeps what the port promises, and fails or falls silent when told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use evenkeel_core::config::HistorySpec;
use evenkeel_engine::RunSummary;
use evenkeel_engine::source::Snapshot;
use evenkeel_engine::store::{
    Answer, ApprovalFilter, ApprovalRecord, AuditFilter, AuditLine, Batch, Event, EventFilter, Fence,
    InventoryEntry, Journaled, NewAuditEntry, NewCommand, NewEvent, NewRun, Notified, Observation,
    ResourceFilter, ResourceKey, ResourceStatus, RunFilter, RunId, RunRecord, RunState, SourceStatus, Store,
    StoreError,
};
use jiff::Timestamp;

use crate::kill::Kill;

/// What is remembered.
#[derive(Default)]
pub(crate) struct Memory {
    fence: u64,
    holder: Option<(String, Timestamp)>,
    pub(crate) runs: BTreeMap<i64, (RunRecord, Vec<Journaled>)>,
    pub(crate) sources: BTreeMap<String, SourceStatus>,
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    pub(crate) resources: BTreeMap<ResourceKey, ResourceStatus>,
    pub(crate) inventory: BTreeMap<ResourceKey, InventoryEntry>,
    pub(crate) observations: BTreeMap<ResourceKey, Vec<Observation>>,
    pub(crate) events: Vec<Event>,
    /// Decided or not, in the order in which they were first seen.
    pub(crate) approvals: Vec<ApprovalRecord>,
    pub(crate) audit: Vec<AuditLine>,
    pub(crate) notified: BTreeMap<String, Notified>,
    /// Statuses of resources that were written, ever.
    pub(crate) rows: usize,
    /// Commits that were taken, ever.
    pub(crate) commits: usize,
}

/// Which operations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    Nothing,
    Writes,
    Commits,
    Journal,
}

pub(crate) struct MemoryStore {
    memory: Mutex<Memory>,
    fails: Mutex<Fails>,
    kill: Arc<Kill>,
}

impl MemoryStore {
    pub(crate) fn new(kill: Arc<Kill>) -> Arc<Self> {
        Arc::new(MemoryStore { memory: Mutex::default(), fails: Mutex::new(Fails::Nothing), kill })
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    pub(crate) fn fail(&self, what: Fails) {
        *self.fails.lock().unwrap() = what;
    }

    /// Another controller takes the store over.
    pub(crate) fn steal(&self) {
        let mut memory = self.memory();
        memory.fence += 1;
        memory.holder = Some(("thief".to_owned(), Timestamp::MAX));
    }

    fn read<T: Send + 'static>(&self, act: impl FnOnce(&Memory) -> T) -> Answer<'_, T> {
        let answer = act(&self.memory());
        Box::pin(async move { Ok(answer) })
    }

    /// A write: it may be the one at which the program is killed, before or after it takes effect.
    fn write<T: Send + 'static>(
        &self,
        fence: Option<Fence>,
        what: Fails,
        act: impl FnOnce(&mut Memory) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(async move {
            self.kill
                .around(|| {
                    let fails = *self.fails.lock().unwrap();
                    if fails == Fails::Writes || (fails == what && what != Fails::Nothing) {
                        return Err(StoreError::Failed { message: "the disk is full".to_owned() });
                    }
                    let mut memory = self.memory();
                    match fence {
                        Some(Fence(fence)) if fence != memory.fence || memory.holder.is_none() => {
                            Err(StoreError::Fenced)
                        }
                        _ => act(&mut memory),
                    }
                })
                .await
        })
    }
}

impl Memory {
    fn claim(&mut self, holder: &str, now: Timestamp, until: Timestamp) -> Result<Fence, StoreError> {
        match &self.holder {
            Some((other, end)) if other != holder && *end > now => {
                return Err(StoreError::Held { holder: other.clone(), until: *end });
            }
            Some((same, _)) if same == holder => {}
            _ => self.fence += 1,
        }
        self.holder = Some((holder.to_owned(), until));
        Ok(Fence(self.fence))
    }

    fn begin(&mut self, run: NewRun) -> RunId {
        let id = self.runs.keys().last().map_or(1, |last| last + 1);
        let record = RunRecord {
            id: RunId(id),
            source: run.source,
            target: run.target,
            trigger: run.trigger,
            by: run.by,
            revision: run.revision,
            started: run.started,
            finished: None,
            state: RunState::Running,
            entries: Vec::new(),
            commands: Vec::new(),
            summary: RunSummary::default(),
        };
        self.runs.insert(id, (record, Vec::new()));
        RunId(id)
    }

    fn commit(&mut self, batch: Batch) -> Result<Vec<Event>, StoreError> {
        self.commits += 1;
        if let Some(run) = batch.run {
            let Some(known) = self.runs.get_mut(&run.id.0) else {
                return Err(StoreError::Failed { message: format!("there is no run {}", run.id) });
            };
            known.0 = run;
        }
        for name in batch.gone_sources {
            self.sources.remove(&name);
            self.snapshots.remove(&name);
        }
        self.snapshots.extend(batch.snapshots);
        self.sources.extend(batch.sources.into_iter().map(|s| (s.name.clone(), s)));
        batch.gone.iter().for_each(|key| drop(self.resources.remove(key)));
        self.rows += batch.resources.len();
        self.resources.extend(batch.resources.into_iter().map(|r| (r.key.clone(), r)));
        batch.released.iter().for_each(|key| drop(self.inventory.remove(key)));
        self.inventory.extend(batch.inventory.into_iter().map(|e| (e.key.clone(), e)));
        for seen in batch.observations {
            self.observations.entry(seen.key.clone()).or_default().push(seen);
        }
        for record in batch.approvals {
            let is_it = |old: &ApprovalRecord| {
                (&old.key, &old.plan, old.since) == (&record.key, &record.plan, record.since)
            };
            let at = self.approvals.iter().position(is_it);
            match (at, record.ended.is_some() && !record.is_decided()) {
                (Some(at), true) => drop(self.approvals.remove(at)),
                (Some(at), false) => self.approvals[at] = record,
                (None, true) => {}
                (None, false) => self.approvals.push(record),
            }
        }
        let first = self.events.last().map_or(1, |last| last.seq + 1);
        let numbered = (first..).zip(batch.events).map(|(seq, what)| Event { seq, what });
        let events: Vec<Event> = numbered.collect();
        self.events.extend(events.iter().cloned());
        self.write_audit(batch.audit);
        Ok(events)
    }

    fn write_audit(&mut self, entries: Vec<NewAuditEntry>) {
        for entry in entries {
            let before = self.audit.last().map(|last| (last.seq, last.hash.as_str()));
            let next = AuditLine::next(before, entry).expect("an entry has a JSON form");
            self.audit.push(next);
        }
    }
}

fn is_about(filter: &ResourceFilter, event: &NewEvent) -> bool {
    let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
    is(&filter.source, &event.source)
        && is(&filter.target, &event.target)
        && is(&filter.kind, &event.kind)
        && is(&filter.name, &event.name)
}

impl Store for MemoryStore {
    fn claim<'a>(&'a self, holder: &'a str, now: Timestamp, until: Timestamp) -> Answer<'a, Fence> {
        let holder = holder.to_owned();
        self.write(None, Fails::Nothing, move |memory| memory.claim(&holder, now, until))
    }

    fn release(&self, fence: Fence) -> Answer<'_, ()> {
        self.write(Some(fence), Fails::Nothing, |memory| {
            memory.holder = None;
            Ok(())
        })
    }

    fn begin_run(&self, fence: Fence, run: NewRun) -> Answer<'_, RunId> {
        self.write(Some(fence), Fails::Nothing, |memory| Ok(memory.begin(run)))
    }

    fn journal(&self, fence: Fence, new: NewCommand) -> Answer<'_, ()> {
        let line = Journaled { target: new.target.clone(), command: new.command.clone(), at: new.at };
        self.write(Some(fence), Fails::Journal, move |memory| {
            memory.runs.get_mut(&new.run.0).expect("a run that began").1.push(line);
            memory.write_audit(vec![new.into()]);
            Ok(())
        })
    }

    fn commit(&self, fence: Fence, batch: Batch) -> Answer<'_, Vec<Event>> {
        self.write(Some(fence), Fails::Commits, |memory| memory.commit(batch))
    }

    fn unfinished_runs(&self) -> Answer<'_, Vec<RunRecord>> {
        self.read(|memory| {
            let runs = memory.runs.values().map(|(run, _)| run);
            runs.filter(|run| run.state == RunState::Running).cloned().collect()
        })
    }

    fn sources(&self) -> Answer<'_, Vec<SourceStatus>> {
        self.read(|memory| memory.sources.values().cloned().collect())
    }

    fn snapshot<'a>(&'a self, source: &'a str) -> Answer<'a, Option<Snapshot>> {
        self.read(|memory| memory.snapshots.get(source).cloned())
    }

    fn resources<'a>(&'a self, filter: &'a ResourceFilter) -> Answer<'a, Vec<ResourceStatus>> {
        self.read(|memory| {
            memory.resources.values().filter(|status| filter.matches(&status.key)).cloned().collect()
        })
    }

    fn runs<'a>(&'a self, filter: &'a RunFilter) -> Answer<'a, Vec<RunRecord>> {
        let limit = filter.limit.unwrap_or(50);
        self.read(|memory| memory.runs.values().rev().take(limit).map(|(run, _)| run.clone()).collect())
    }

    fn run(&self, id: RunId) -> Answer<'_, Option<(RunRecord, Vec<Journaled>)>> {
        self.read(|memory| memory.runs.get(&id.0).cloned())
    }

    fn events<'a>(&'a self, filter: &'a EventFilter) -> Answer<'a, Vec<Event>> {
        self.read(|memory| {
            let events = memory.events.iter().filter(|event| filter.after.is_none_or(|seq| event.seq > seq));
            events.filter(|event| is_about(&filter.about, &event.what)).cloned().collect()
        })
    }

    fn audit<'a>(&'a self, filter: &'a AuditFilter) -> Answer<'a, Vec<AuditLine>> {
        self.read(|memory| {
            let lines = memory.audit.iter().filter(|line| filter.after.is_none_or(|after| line.seq > after));
            lines.take(filter.limit.unwrap_or(1000)).cloned().collect()
        })
    }

    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> Answer<'a, Vec<ApprovalRecord>> {
        self.read(|memory| {
            let meant = memory.approvals.iter().filter(|record| filter.about.matches(&record.key));
            meant.filter(|record| !filter.live || record.state.is_live()).cloned().collect()
        })
    }

    fn inventory<'a>(&'a self, source: Option<&'a str>) -> Answer<'a, Vec<InventoryEntry>> {
        self.read(|memory| {
            let entries = memory.inventory.values();
            entries.filter(|entry| source.is_none_or(|source| entry.key.source == source)).cloned().collect()
        })
    }

    fn observed_at<'a>(&'a self, filter: &'a ResourceFilter, at: Timestamp) -> Answer<'a, Vec<Observation>> {
        self.read(|memory| {
            let meant = memory.observations.iter().filter(|(key, _)| filter.matches(key));
            meant.filter_map(|(_, all)| all.iter().rfind(|seen| seen.at <= at).cloned()).collect()
        })
    }

    fn observed<'a>(&'a self, key: &'a ResourceKey, limit: usize) -> Answer<'a, Vec<Observation>> {
        self.read(|memory| {
            memory.observations.get(key).into_iter().flatten().rev().take(limit).cloned().collect()
        })
    }

    fn notified<'a>(&'a self, notifier: &'a str) -> Answer<'a, Option<Notified>> {
        self.read(|memory| memory.notified.get(notifier).cloned())
    }

    fn set_notified(&self, fence: Fence, notified: Notified) -> Answer<'_, ()> {
        self.write(Some(fence), Fails::Nothing, move |memory| {
            memory.notified.insert(notified.notifier.clone(), notified);
            Ok(())
        })
    }

    fn expire(&self, fence: Fence, _: HistorySpec, _: Timestamp) -> Answer<'_, u64> {
        self.write(Some(fence), Fails::Nothing, |_| Ok(0))
    }

    fn backup<'a>(&'a self, _: &'a Path) -> Answer<'a, ()> {
        self.read(|_| ())
    }
}
