//! The state of a revision, shown at its commit.
//!
//! Here no event is told: the state is read from what is known of a source and its resources, and sent where it is another
//! than the one that was sent last. So nothing is missed, whatever happened in between.

mod standing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::{CommitStatusSpec, Forge};
use evenkeel_engine::Clock;
use evenkeel_engine::store::{Notified, StoreError, Weight};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{broadcast, watch};

use crate::credential::Credential;
use crate::diary::Diary;
use crate::escape;
use crate::failure::Failure;
use crate::follow::about;
use crate::forge::{CommitState, Repository, api, authorized, below};
use crate::http::{self, Way};
use crate::pace::{self, Sent};
use standing::{Standing, standings};

/// After something happened, what follows from it is waited for this long.
const TOGETHER: Duration = Duration::from_secs(2);

/// It is looked this often, whatever happens.
const EVERY: Duration = Duration::from_mins(5);

/// After so many failures in a row it is said that something is wrong.
const FAILURES: u32 = 3;

/// Forges cut longer descriptions, or refuse them.
const LONGEST: usize = 140;

/// A forge that shows the state of commits.
pub(crate) struct Board {
    pub(crate) spec: CommitStatusSpec,
    pub(crate) credential: Credential,
    pub(crate) way: Way,
    /// Under which name the state is shown: `evenkeel/main/site`.
    pub(crate) controller: String,
}

/// What shows the states of commits, at work.
pub(crate) struct Watcher {
    pub(crate) name: String,
    pub(crate) board: Arc<Board>,
    /// The sources that it shows, with their repositories.
    pub(crate) sources: BTreeMap<String, Repository>,
    pub(crate) max_per_hour: u16,
    pub(crate) diary: Arc<dyn Diary>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// What it remembers: the states that were sent, by source and revision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Memory {
    shown: BTreeMap<String, BTreeMap<String, CommitState>>,
    failing: bool,
}

impl Board {
    /// Shows the state of a commit.
    async fn show(&self, source: &str, repository: &Repository, standing: &Standing) -> Result<(), Failure> {
        let forge = self.spec.provider;
        let api = api(forge, &repository.host, self.spec.url.as_deref())?;
        let parts: Vec<&str> =
            repository.parts(forge).into_iter().chain(["statuses", &standing.revision]).collect();
        let url = below(&api, &parts)?;
        let who = url.host_str().unwrap_or_default().to_owned();
        let token = self.credential.get("token").await?;
        let context = format!("evenkeel/{}/{source}", self.controller);
        let description = escape::line(&standing.description, LONGEST);
        let state = standing.state.word(forge);
        let context_field = if forge == Forge::GitLab { "name" } else { "context" };
        let body = json!({ "state": state, context_field: context, "description": description });
        let client = self.way.client(&url).await?;
        let request = authorized(client.post(url), forge, &token)?.json(&body);
        let answer = http::ask(request, &who).await?;
        // GitLab calls it a mistake to say the same twice.
        if answer.status.as_u16() == 400
            && String::from_utf8_lossy(&answer.body).contains("Cannot transition")
        {
            return Ok(());
        }
        answer.accepted(&who, &token).map(drop)
    }

    /// Looks whether the forge knows the repository and lets us in. Nothing is changed.
    pub(crate) async fn look(&self, repository: &Repository) -> Result<(), Failure> {
        let forge = self.spec.provider;
        let api = api(forge, &repository.host, self.spec.url.as_deref())?;
        let url = below(&api, &repository.parts(forge))?;
        let who = url.host_str().unwrap_or_default().to_owned();
        let token = self.credential.get("token").await?;
        let client = self.way.client(&url).await?;
        let answer = http::ask(authorized(client.get(url), forge, &token)?, &who).await?;
        answer.accepted(&who, &token).map(drop)
    }
}

impl Watcher {
    /// Watches until it is told to stop.
    pub(crate) async fn run(mut self) {
        let mut bell = self.diary.bell();
        let (mut memory, mut sent, mut failures) = (None, Sent::default(), 0);
        loop {
            let pause = match self.turn(&mut memory, &mut sent, &mut failures).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!("the notifier {} cannot read how things stand: {error}", self.name);
                    EVERY
                }
            };
            let is_failing = failures > 0;
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(pause) => continue,
                // What does not arrive is not tried more often for each thing that happens.
                rung = bell.recv(), if !is_failing => {
                    if matches!(rung, Err(broadcast::error::RecvError::Closed)) { break }
                }
            }
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(TOGETHER) => bell = bell.resubscribe(),
            }
        }
        // How things stand at the end: what fails is shown after the next start.
        let _ = self.turn(&mut memory, &mut sent, &mut failures).await;
    }

    /// Shows what is not shown yet. Gives how long there is nothing to do unless something happens.
    async fn turn(
        &self,
        memory: &mut Option<Memory>,
        sent: &mut Sent,
        failures: &mut u32,
    ) -> Result<Duration, StoreError> {
        let known = match memory.take() {
            Some(known) => known,
            None => self.recall().await?,
        };
        let memory = memory.insert(known);
        let before = memory.clone();
        let mut pause = EVERY;
        for status in self.diary.sources().await? {
            let Some(repository) = self.sources.get(&status.name) else { continue };
            let standings = standings(&status, &self.diary.resources(&status.name).await?);
            let shown = memory.shown.entry(status.name.clone()).or_default();
            shown.retain(|revision, _| standings.iter().any(|s| s.revision == *revision));
            for standing in standings {
                let now = self.clock.now();
                let known = shown.get(&standing.revision).copied();
                // What drifts later is not the commit's fault.
                if known == Some(standing.state) || known == Some(CommitState::Success) {
                    continue;
                }
                let allowed = sent.next(self.max_per_hour, now);
                if allowed > now {
                    pause = pause.min(Duration::try_from(allowed.duration_since(now)).unwrap_or(EVERY));
                    continue;
                }
                match self.board.show(&status.name, repository, &standing).await {
                    Ok(()) => {
                        shown.insert(standing.revision, standing.state);
                        sent.note(now);
                        self.works(failures, &mut memory.failing);
                    }
                    Err(failure) => {
                        *failures += 1;
                        pause = pause.min(pace::pause(*failures, failure.retry_after));
                        self.fails(*failures, &failure, &mut memory.failing);
                    }
                }
            }
        }
        if *memory != before {
            let record = serde_json::to_value(&*memory)
                .map_err(|e| StoreError::Failed { message: format!("a record cannot be written: {e}") })?;
            self.diary.set_notified(Notified { notifier: self.name.clone(), seq: 0, record }).await?;
        }
        Ok(pause)
    }

    async fn recall(&self) -> Result<Memory, StoreError> {
        let found = self.diary.notified(&self.name).await?;
        Ok(found.and_then(|found| serde_json::from_value(found.record).ok()).unwrap_or_default())
    }

    fn works(&self, failures: &mut u32, failing: &mut bool) {
        *failures = 0;
        if std::mem::take(failing) {
            let said = "states of commits are shown again".to_owned();
            self.diary.report(about(&self.name, self.clock.now(), Weight::Normal, "NotificationsWork", said));
        }
    }

    fn fails(&self, failures: u32, failure: &Failure, failing: &mut bool) {
        tracing::debug!("the notifier {}, attempt {failures}: {failure}", self.name);
        if failures >= FAILURES && !std::mem::replace(failing, true) {
            let hint = failure.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
            let said = format!("states of commits cannot be shown: {failure}{hint}");
            self.diary.report(about(
                &self.name,
                self.clock.now(),
                Weight::Warning,
                "NotificationFailed",
                said,
            ));
        }
    }
}

#[cfg(test)]
mod tests;
