//! A diary in memory, a clock that goes with tokio's, and a receiver that does as a test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_core::transport::BoxFuture;
use evenkeel_engine::Clock;
use evenkeel_engine::store::{
    Answer, Event, NewEvent, Notified, ResourceStatus, SourceStatus, StoreError, Weight,
};
use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::diary::Diary;
use crate::failure::Failure;
use crate::message::Message;
use crate::receivers::Receiver;

/// When tests begin.
pub(crate) fn beginning() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

/// Goes with tokio's time, which tests pause.
pub(crate) struct Ticking(Instant);

impl Ticking {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Ticking(Instant::now()))
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        beginning() + jiff::SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
}

pub(crate) fn event(weight: Weight, reason: &str, name: &str, at: Timestamp) -> NewEvent {
    NewEvent {
        at,
        weight,
        reason: reason.to_owned(),
        message: format!("tank/{name}: atime is on, shall be off"),
        source: Some("site".to_owned()),
        target: Some("host1".to_owned()),
        kind: Some("ZfsDataset".to_owned()),
        name: Some(name.to_owned()),
        revision: None,
        run: None,
    }
}

pub(crate) struct MemoryDiary {
    events: Mutex<Vec<Event>>,
    marks: Mutex<BTreeMap<String, Notified>>,
    /// How many marks are taken until none is any more.
    pub(crate) marks_left: Mutex<usize>,
    bell: broadcast::Sender<Arc<Event>>,
    pub(crate) sources: Mutex<Vec<SourceStatus>>,
    pub(crate) resources: Mutex<Vec<ResourceStatus>>,
}

impl MemoryDiary {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(MemoryDiary {
            events: Mutex::default(),
            marks: Mutex::default(),
            marks_left: Mutex::new(usize::MAX),
            bell: broadcast::channel(4).0,
            sources: Mutex::default(),
            resources: Mutex::default(),
        })
    }

    pub(crate) fn happen(&self, what: NewEvent) -> u64 {
        let mut events = self.events.lock().unwrap();
        let seq = events.last().map_or(1, |e| e.seq + 1);
        let event = Event { seq, what };
        events.push(event.clone());
        drop(events);
        let _ = self.bell.send(Arc::new(event));
        seq
    }

    /// The reasons of what happened to notifiers.
    pub(crate) fn reports(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let own = events.iter().filter(|e| e.what.kind.as_deref() == Some(crate::words::NOTIFIER));
        own.map(|e| e.what.reason.clone()).collect()
    }

    pub(crate) fn last_report(&self) -> String {
        let events = self.events.lock().unwrap();
        let own = events.iter().rev().find(|e| e.what.kind.as_deref() == Some(crate::words::NOTIFIER));
        own.map(|e| e.what.message.clone()).unwrap_or_default()
    }
}

impl Diary for MemoryDiary {
    fn events(&self, after: u64, limit: usize) -> Answer<'_, Vec<Event>> {
        let found =
            self.events.lock().unwrap().iter().filter(|e| e.seq > after).take(limit).cloned().collect();
        Box::pin(async { Ok(found) })
    }

    fn newest(&self) -> Answer<'_, u64> {
        let newest = self.events.lock().unwrap().last().map_or(0, |e| e.seq);
        Box::pin(async move { Ok(newest) })
    }

    fn bell(&self) -> broadcast::Receiver<Arc<Event>> {
        self.bell.subscribe()
    }

    fn notified<'a>(&'a self, notifier: &'a str) -> Answer<'a, Option<Notified>> {
        let found = self.marks.lock().unwrap().get(notifier).cloned();
        Box::pin(async { Ok(found) })
    }

    fn set_notified(&self, notified: Notified) -> Answer<'_, ()> {
        let mut left = self.marks_left.lock().unwrap();
        let taken = *left > 0;
        *left = left.saturating_sub(1);
        if taken {
            self.marks.lock().unwrap().insert(notified.notifier.clone(), notified);
        }
        Box::pin(async move { if taken { Ok(()) } else { Err(StoreError::Fenced) } })
    }

    fn report(&self, event: NewEvent) {
        self.happen(event);
    }

    fn sources(&self) -> Answer<'_, Vec<SourceStatus>> {
        let found = self.sources.lock().unwrap().clone();
        Box::pin(async { Ok(found) })
    }

    fn resources<'a>(&'a self, source: &'a str) -> Answer<'a, Vec<ResourceStatus>> {
        let all = self.resources.lock().unwrap();
        let found = all.iter().filter(|r| r.key.source == source).cloned().collect();
        Box::pin(async { Ok(found) })
    }
}

/// Takes messages, and fails first as often as it is told.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) arrived: Mutex<Vec<(Message, Timestamp)>>,
    /// How the next attempts fail.
    pub(crate) fails: Mutex<VecDeque<Failure>>,
    /// Every attempt fails.
    pub(crate) dead: Mutex<Option<Failure>>,
    pub(crate) attempts: Mutex<Vec<Timestamp>>,
}

impl Recorder {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Recorder::default())
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.arrived.lock().unwrap().iter().map(|(message, _)| message.id.clone()).collect()
    }

    /// The names that messages told of, message by message.
    pub(crate) fn names(&self) -> Vec<Vec<String>> {
        let arrived = self.arrived.lock().unwrap();
        let names = |message: &Message| message.events.iter().filter_map(|e| e.what.name.clone()).collect();
        arrived.iter().map(|(message, _)| names(message)).collect()
    }

    /// Seconds since the beginning.
    pub(crate) fn times(&self) -> Vec<i64> {
        self.arrived.lock().unwrap().iter().map(|(_, at)| seconds(*at)).collect()
    }
}

pub(crate) fn seconds(at: Timestamp) -> i64 {
    at.duration_since(beginning()).as_secs()
}

impl Receiver for Recorder {
    fn deliver<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.attempts.lock().unwrap().push(now);
            tokio::time::sleep(Duration::from_millis(20)).await;
            let dead = self.dead.lock().unwrap().clone();
            if let Some(failure) = dead.or_else(|| self.fails.lock().unwrap().pop_front()) {
                return Err(failure);
            }
            self.arrived.lock().unwrap().push((message.clone(), now));
            Ok(())
        })
    }
}
