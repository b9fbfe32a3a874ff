//! Tasks, followed to their end; those that take too long, or that nobody wants any longer, are cancelled.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use evenkeel_core::request::vsphere::Reference;
use evenkeel_core::transport::{TransportError, TransportErrorKind, Watch};
use tokio::time::{Instant, sleep};

use super::call::{Outcome, reference_or_null};
use super::faults::{Fault, Refusal};
use super::resolve::paths;
use super::retrieve::Found;
use super::session::Link;
use super::write;

/// Between looks at tasks: the second comes after the first of these, and each further one after twice as long.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3));

/// So often it is asked whether to stop.
const LISTENING: Duration = Duration::from_millis(250);

/// A task that was cancelled since its time was over has so long to end.
const ENDING: Duration = Duration::from_secs(15);

/// A task that nothing was seen of for so long is not waited for any longer: it goes on without us, and the next run looks.
const SILENCE: Duration = Duration::from_mins(30);

/// The pauses between looks at tasks: none at first.
#[derive(Debug, Default)]
pub(super) struct Pauses(Duration);

impl Pauses {
    /// Waits, but not on when `watch` says stop (where that is not known yet) or after `until`.
    pub(super) async fn wait(&mut self, watch: &dyn Watch, knows: bool, until: Option<Instant>) {
        let now = Instant::now();
        let end = until.map_or(now + self.0, |until| (now + self.0).min(until));
        self.0 = (self.0 * 2).clamp(PAUSES.0, PAUSES.1);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || (!knows && watch.is_stopped()) {
                return;
            }
            sleep(left.min(LISTENING)).await;
        }
    }
}

/// A task that goes on, of one of several calls.
#[derive(Debug)]
pub(super) struct Running {
    /// Which of the calls.
    pub(super) nth: usize,
    /// `CloneVM_Task of avocado2`
    pub(super) told: String,
    task: Reference,
    began: Instant,
    /// It may take so long.
    patience: Duration,
    /// When something was seen of it last.
    seen: Instant,
    cancelled: Option<Cancelled>,
    /// In hundredths.
    pub(super) progress: u8,
}

/// Why a task was cancelled, and what the server said to that.
#[derive(Debug, Clone, Copy)]
enum Cancelled {
    /// Nobody wants it any longer. Where nothing is seen of it, it is waited for until then.
    Stopped(Instant),
    /// Its time is over. It is waited for until then.
    Late(Instant),
}

/// How a task ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// So.
    As(Outcome),
    /// It was ended since somebody said stop.
    Stopped,
    /// It is not known.
    Unknown(TransportError),
}

/// What a look at a task shows.
enum Standing {
    Ended(Outcome),
    GoesOn,
    Gone,
}

impl Running {
    /// A task that began then, and may take so long.
    pub(super) fn new(
        nth: usize,
        told: String,
        task: Reference,
        (began, patience): (Instant, Duration),
    ) -> Self {
        Running { nth, told, task, began, patience, seen: Instant::now(), cancelled: None, progress: 0 }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_some()
    }

    /// True where nothing has been seen of it for longer than is waited.
    fn is_silent(&self) -> bool {
        let until = match self.cancelled {
            Some(Cancelled::Stopped(until)) => until.max(self.seen + ENDING),
            _ => self.seen + SILENCE,
        };
        Instant::now() >= until
    }

    /// When something is to be done about it.
    fn due(&self) -> Instant {
        match self.cancelled {
            Some(Cancelled::Late(end)) => end,
            _ => self.began + self.patience,
        }
    }

    /// What `outcome` means after what was done to it.
    fn ended(&self, outcome: Outcome) -> Ended {
        let refusal = match outcome {
            Err(refusal) if refusal.is_cancelled() => refusal,
            outcome => return Ended::As(outcome),
        };
        match self.cancelled {
            Some(Cancelled::Stopped(_)) => Ended::Stopped,
            Some(Cancelled::Late(_)) => {
                let seconds = self.patience.as_secs();
                let message = format!("it took longer than {seconds} seconds and was cancelled");
                Ended::As(Err(refusal.in_words(message)))
            }
            None => {
                let message = format!("somebody has cancelled it: {}", refusal.message());
                Ended::As(Err(refusal.in_words(message)))
            }
        }
    }
}

impl Link<'_> {
    /// Looks at tasks, all of them in one read, cancels those whose time is over, all of them once `watch` says stop, and
    /// gives those that have ended.
    pub(super) async fn look_at(&self, all: &mut Vec<Running>, watch: &dyn Watch) -> Vec<(Running, Ended)> {
        let tasks: BTreeSet<Reference> = all.iter().map(|running| running.task.clone()).collect();
        let paths = paths("Task", ["info.state", "info.progress", "info.result", "info.error"]);
        let seen = match self.retrieve(&tasks, &paths).await {
            Ok(Ok(found)) => Ok(found.into_iter().map(|one| (one.object.clone(), one)).collect()),
            Ok(Err(fault)) => Err(TransportError::new(TransportErrorKind::Protocol, fault.message())),
            Err(error) => Err(error),
        };
        let mut ended = Vec::new();
        let mut left = Vec::new();
        for mut running in all.drain(..) {
            match self.now(&mut running, seen.as_ref(), watch).await {
                Some(end) => ended.push((running, end)),
                None => left.push(running),
            }
        }
        *all = left;
        ended
    }

    async fn now(
        &self,
        running: &mut Running,
        seen: Result<&HashMap<Reference, Found>, &TransportError>,
        watch: &dyn Watch,
    ) -> Option<Ended> {
        match seen.map(|seen| standing(seen.get(&running.task), &mut running.progress)) {
            Ok(Standing::Ended(outcome)) => return Some(running.ended(outcome)),
            Ok(Standing::Gone) => {
                return Some(Ended::Unknown(
                    self.unknown(running, "the server does not know the task any more"),
                ));
            }
            Ok(Standing::GoesOn) => running.seen = Instant::now(),
            Err(error) if !may_pass(error) => {
                let unknown = self.unknown(running, &error.message);
                return Some(Ended::Unknown(TransportError { hint: error.hint.clone(), ..unknown }));
            }
            Err(error) => tracing::debug!(whose = self.whose, %error, "looking at a task again"),
        }
        if let Err(error) = seen
            && running.is_silent()
        {
            return Some(Ended::Unknown(self.unknown(running, &error.message)));
        }
        let is_late = Instant::now() >= running.due();
        match (running.cancelled, seen) {
            (None, _) if watch.is_stopped() => {
                running.cancelled = Some(Cancelled::Stopped(Instant::now() + ENDING));
                self.cancel(running).await;
            }
            (None | Some(Cancelled::Stopped(_)), _) if is_late => {
                running.cancelled = Some(Cancelled::Late(Instant::now() + ENDING));
                self.cancel(running).await;
            }
            (Some(Cancelled::Late(_)), Ok(_)) if is_late => {
                return Some(Ended::Unknown(self.too_long(running)));
            }
            (Some(Cancelled::Late(_)), Err(error)) if is_late => {
                return Some(Ended::Unknown(self.unknown(running, &error.message)));
            }
            _ => {}
        }
        None
    }

    /// Asks the server to end a task. What it makes of that is seen by the task.
    async fn cancel(&self, running: &Running) {
        let Ok(body) = write::method("CancelTask", &running.task, "") else { return };
        match self.send(&body, self.patience().min(ENDING)).await {
            Ok(Ok(_)) => {}
            Ok(Err(fault)) => {
                tracing::debug!(whose = self.whose, fault = fault.message(), "a task cannot be cancelled");
            }
            Err(failure) => {
                tracing::debug!(whose = self.whose, error = %failure.error, "cancelling a task");
            }
        }
    }

    fn too_long(&self, running: &Running) -> TransportError {
        let message = format!(
            "{} on {} took too long and cannot be cancelled; it is not waited for any longer and may go on there",
            running.told, self.whose
        );
        TransportError::new(TransportErrorKind::Timeout, message)
    }

    fn unknown(&self, running: &Running, why: &str) -> TransportError {
        let message = format!("it is not known what became of {} on {}: {why}", running.told, self.whose);
        TransportError::new(TransportErrorKind::ConnectionLost, message)
    }
}

/// How a task stands, by what was read of it.
fn standing(found: Option<&Found>, progress: &mut u8) -> Standing {
    let Some(found) = found else { return Standing::Gone };
    let property = |path: &str| found.properties.get(path).cloned().unwrap_or_default();
    match found.text("info.state") {
        Some("success") => Standing::Ended(Ok(reference_or_null(&property("info.result")))),
        Some("error") => {
            let fault = Fault::localized(&property("info.error"));
            Standing::Ended(Err(Refusal::from(fault)))
        }
        _ => {
            let so_far = found.text("info.progress").and_then(|percent| percent.parse::<u8>().ok());
            *progress = so_far.unwrap_or(*progress).min(100);
            Standing::GoesOn
        }
    }
}

/// True where a later look may succeed.
fn may_pass(error: &TransportError) -> bool {
    matches!(
        error.kind,
        TransportErrorKind::ConnectionLost
            | TransportErrorKind::Unreachable
            | TransportErrorKind::Timeout
            | TransportErrorKind::Protocol
    )
}

/// When the first of them needs something.
pub(super) fn first_due(all: &[Running]) -> Option<Instant> {
    all.iter().map(Running::due).min()
}
