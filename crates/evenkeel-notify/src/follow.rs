//! One notifier at work: it reads what happened, waits until it is time, tells it, and writes down how far it is.
//!
//! What is under way is written down before it is sent, so that after a crash the same events make the same message with
//! the same name; how far it is, after it arrived. Nothing is read while a message is under way: what happens meanwhile
//! stands in the diary.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::NotifyOn;
use evenkeel_core::period::Period;
use evenkeel_engine::Clock;
use evenkeel_engine::store::{Event, NewEvent, Notified, StoreError, Weight};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use crate::diary::Diary;
use crate::failure::Failure;
use crate::interest::Interest;
use crate::message::{Gathered, Message};
use crate::pace::{self, Sent};
use crate::receivers::Receiver;
use crate::words::NOTIFIER;

/// Events that are read at once.
const PAGE: usize = 1_000;

/// After the first of several events the others are waited for this long: they come in one batch.
const TOGETHER: Duration = Duration::from_millis(300);

/// What the diary did not give is asked for again after this.
const DIARY_AGAIN: Duration = Duration::from_secs(10);

/// A message that did not arrive for this long is given up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// One that the receiver has looked at and does not want, sooner: it holds the others up.
const REFUSED_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// After so many failures in a row it is said that something is wrong.
const FAILURES: u32 = 3;

/// What a notifier is told.
pub(crate) struct Terms {
    pub(crate) name: String,
    pub(crate) controller: String,
    pub(crate) on: NotifyOn,
    pub(crate) digest: Option<Period>,
    pub(crate) max_per_hour: u16,
    pub(crate) timeout: Duration,
}

/// What a notifier remembers beside the number of the last event.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Memory {
    /// The last event of the message that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    sending: Option<u64>,
    /// When that was first tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// What was told and is not over.
    open: BTreeSet<String>,
    /// When messages went, within the last hour.
    sent: VecDeque<Timestamp>,
    /// It was said that something is wrong.
    failing: bool,
}

/// One notifier at work.
pub(crate) struct Follower {
    pub(crate) terms: Terms,
    pub(crate) receiver: Arc<dyn Receiver>,
    pub(crate) diary: Arc<dyn Diary>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// How far it is.
struct Stand {
    /// Everything up to this event was told, or was not for it.
    told: u64,
    memory: Memory,
    /// Everything up to this event was read.
    read: u64,
    interest: Interest,
    gathered: Gathered,
}

/// What comes after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Waiting until something happens, or at most until then.
    Wait(Option<Timestamp>),
    /// The end of the program.
    End,
}

/// How an attempt to tell something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Arrived,
    GivenUp,
    /// The program ends; it goes on after the next start.
    Stopped,
}

impl Follower {
    /// Follows until it is told to stop, and then tells what is left.
    pub(crate) async fn run(mut self) {
        let mut bell = self.diary.bell();
        let Some(mut stand) = self.begin().await else { return };
        loop {
            match self.turn(&mut stand).await {
                Ok(Next::End) => return,
                Ok(Next::Wait(until)) => {
                    if !self.wait(&mut bell, until).await {
                        self.finish(&mut stand).await;
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!("the notifier {} cannot read what happened: {error}", self.terms.name);
                    if !self.rest(DIARY_AGAIN).await {
                        return;
                    }
                }
            }
        }
    }

    /// Where it left off; the first time, at the present. `None` where it is told to stop before that is known.
    async fn begin(&mut self) -> Option<Stand> {
        loop {
            match self.recall().await {
                Ok((told, memory)) => {
                    let interest = Interest::new(&self.terms.name, &self.terms.on, memory.open.clone());
                    return Some(Stand { told, memory, read: told, interest, gathered: Gathered::default() });
                }
                Err(error) => {
                    tracing::error!("the notifier {} cannot begin: {error}", self.terms.name);
                    if !self.rest(DIARY_AGAIN).await {
                        return None;
                    }
                }
            }
        }
    }

    async fn recall(&self) -> Result<(u64, Memory), StoreError> {
        if let Some(found) = self.diary.notified(&self.terms.name).await? {
            // What another version wrote is not worth to fall silent for.
            return Ok((found.seq, serde_json::from_value(found.record).unwrap_or_default()));
        }
        let (newest, memory) = (self.diary.newest().await?, Memory::default());
        self.write(newest, &memory).await?;
        Ok((newest, memory))
    }

    /// Reads, and tells what it is time for.
    async fn turn(&mut self, stand: &mut Stand) -> Result<Next, StoreError> {
        self.read(stand).await?;
        if stand.gathered.is_empty() {
            if stand.read >= stand.told + PAGE as u64 {
                stand.memory.open.clone_from(&stand.interest.open);
                stand.told = stand.read;
                self.write(stand.told, &stand.memory).await?;
            }
            return Ok(Next::Wait(None));
        }
        let now = self.clock.now();
        let due = self.due(stand, now);
        if due > now && stand.memory.sending.is_none() {
            return Ok(Next::Wait(Some(due)));
        }
        match self.tell(stand).await? {
            Outcome::Stopped => Ok(Next::End),
            Outcome::Arrived | Outcome::GivenUp => Ok(Next::Wait(Some(now))),
        }
    }

    /// When what was gathered is told.
    fn due(&self, stand: &mut Stand, now: Timestamp) -> Timestamp {
        let mut sent = Sent(std::mem::take(&mut stand.memory.sent));
        let allowed = sent.next(self.terms.max_per_hour, now);
        stand.memory.sent = sent.0;
        let collected = match (self.terms.digest, stand.gathered.since()) {
            (Some(digest), Some(since)) => {
                let digest = SignedDuration::try_from(Duration::from(digest)).unwrap_or(SignedDuration::ZERO);
                // What happened in the future was written with a clock that was wrong.
                since.min(now).saturating_add(digest).unwrap_or(now)
            }
            _ => now,
        };
        collected.max(allowed)
    }

    /// Takes in what happened since; while a message is under way, only what belongs to it.
    async fn read(&self, stand: &mut Stand) -> Result<(), StoreError> {
        let end = stand.memory.sending.unwrap_or(u64::MAX);
        loop {
            let page = self.diary.events(stand.read, PAGE).await?;
            let is_last = page.len() < PAGE || page.last().is_some_and(|event| event.seq >= end);
            for event in page.into_iter().take_while(|event| event.seq <= end) {
                stand.read = event.seq;
                if stand.interest.takes(&event.what) {
                    stand.gathered.add(event);
                }
            }
            if is_last {
                if stand.gathered.is_empty() {
                    // What was under way was forgotten since, with the history of that time.
                    stand.memory.sending = None;
                }
                return Ok(());
            }
        }
    }

    /// Sends what was gathered until it arrives, and writes down that it did.
    async fn tell(&mut self, stand: &mut Stand) -> Result<Outcome, StoreError> {
        let message = stand.gathered.message(&self.terms.controller, &self.terms.name, stand.read);
        let since = stand.memory.since.unwrap_or_else(|| self.clock.now());
        (stand.memory.sending, stand.memory.since) = (Some(stand.read), Some(since));
        self.write(stand.told, &stand.memory).await?;
        let outcome = self.insist(&message, since, stand).await;
        if outcome == Outcome::Stopped {
            return Ok(outcome);
        }
        let memory = &mut stand.memory;
        (memory.sending, memory.since) = (None, None);
        memory.open.clone_from(&stand.interest.open);
        if outcome == Outcome::Arrived {
            memory.sent.push_back(self.clock.now());
        }
        stand.gathered = Gathered::default();
        stand.told = stand.read;
        // It arrived: that this cannot be written down must not send it again, as long as we live.
        while let Err(error) = self.write(stand.told, &stand.memory).await {
            tracing::error!("the notifier {} cannot write down how far it is: {error}", self.terms.name);
            if error == StoreError::Fenced || !self.rest(DIARY_AGAIN).await {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(outcome)
    }

    /// Tries until it arrives, or nobody can expect it to any more.
    async fn insist(&mut self, message: &Message, since: Timestamp, stand: &mut Stand) -> Outcome {
        let mut failures = 0;
        loop {
            let Err(failure) = self.attempt(message).await else {
                if std::mem::take(&mut stand.memory.failing) {
                    self.report(Weight::Normal, "NotificationsWork", "messages arrive again".to_owned());
                }
                return Outcome::Arrived;
            };
            failures += 1;
            let name = &self.terms.name;
            tracing::debug!("the notifier {name}, attempt {failures}: {failure}");
            if failures == FAILURES && !stand.memory.failing {
                stand.memory.failing = true;
                if let Err(error) = self.write(stand.told, &stand.memory).await {
                    tracing::debug!("the notifier {name} cannot write down that it fails: {error}");
                }
                let hint = failure.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
                let said = format!("messages do not arrive: {failure}{hint}");
                self.report(Weight::Warning, "NotificationFailed", said);
            }
            let patience = if failure.is_refused { REFUSED_PATIENCE } else { PATIENCE };
            if self.clock.now().duration_since(since) > patience {
                let said = format!("a message is given up ({}): {failure}", message.title);
                tracing::warn!("the notifier {name}: {said}");
                self.report(Weight::Warning, "NotificationLost", said);
                return Outcome::GivenUp;
            }
            if !self.rest(pace::pause(failures, failure.retry_after)).await {
                return Outcome::Stopped;
            }
        }
    }

    async fn attempt(&self, message: &Message) -> Result<(), Failure> {
        let delivered = self.receiver.deliver(message, self.clock.now());
        // It has an end of its own; that there is one does not hang on it.
        let late = |_| Err(Failure::passing("the receiver does not answer in time"));
        tokio::time::timeout(self.terms.timeout * 2, delivered).await.unwrap_or_else(late)
    }

    /// What is left when the program ends: one attempt. A digest goes on collecting after the next start.
    async fn finish(&mut self, stand: &mut Stand) {
        if self.terms.digest.is_some() || self.read(stand).await.is_err() || stand.gathered.is_empty() {
            return;
        }
        let now = self.clock.now();
        if self.due(stand, now) <= now {
            // What fails here is told after the next start.
            let _ = self.tell(stand).await;
        }
    }

    /// Waits until something happens, or until a time. False where it is told to stop.
    async fn wait(&mut self, bell: &mut broadcast::Receiver<Arc<Event>>, until: Option<Timestamp>) -> bool {
        let pause = until.map(|until| {
            let left = until.duration_since(self.clock.now());
            Duration::try_from(left).unwrap_or_default()
        });
        let asleep = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => return false,
            () = asleep => return true,
            rung = bell.recv() => if matches!(rung, Err(broadcast::error::RecvError::Closed)) { return false },
        }
        let go_on = self.rest(TOGETHER).await;
        // Whoever rang since is read with the next page.
        *bell = bell.resubscribe();
        go_on
    }

    /// False where it is told to stop.
    async fn rest(&mut self, pause: Duration) -> bool {
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    async fn write(&self, seq: u64, memory: &Memory) -> Result<(), StoreError> {
        let record = serde_json::to_value(memory)
            .map_err(|e| StoreError::Failed { message: format!("a record cannot be written: {e}") })?;
        self.diary.set_notified(Notified { notifier: self.terms.name.clone(), seq, record }).await
    }

    fn report(&self, weight: Weight, reason: &str, message: String) {
        self.diary.report(about(&self.terms.name, self.clock.now(), weight, reason, message));
    }
}

/// An event about a notifier.
pub(crate) fn about(name: &str, at: Timestamp, weight: Weight, reason: &str, message: String) -> NewEvent {
    NewEvent {
        at,
        weight,
        reason: reason.to_owned(),
        message,
        source: None,
        target: None,
        kind: Some(NOTIFIER.to_owned()),
        name: Some(name.to_owned()),
        revision: None,
        run: None,
    }
}

#[cfg(test)]
mod tests;
