//! Calls under way at the same time, to the end of each.

use evenkeel_core::request::vsphere::VsphereCall;
use evenkeel_core::transport::{TransportError, TransportErrorKind, Watch};

use super::call::{Begun, Outcome, told};
use super::session::Link;
use super::tasks::{Ended, Pauses, Running, first_due};

/// What is known of the calls so far.
struct Progress<'a> {
    outcomes: Vec<Option<Outcome>>,
    /// Somebody said stop, and something was not done for it.
    stopped: bool,
    /// One has no answer. What is under way is still waited for.
    trouble: Option<TransportError>,
    watch: &'a dyn Watch,
}

impl Progress<'_> {
    fn end(&mut self, nth: usize, outcome: Outcome) {
        if let Some(place) = self.outcomes.get_mut(nth) {
            *place = Some(outcome);
        }
    }

    fn took(&mut self, running: &Running, ended: Ended) {
        match ended {
            Ended::As(outcome) => self.end(running.nth, outcome),
            Ended::Stopped => self.stopped = true,
            Ended::Unknown(error) => self.trouble = self.trouble.take().or(Some(error)),
        }
    }

    /// Tells how far all of them are.
    fn tell(&self, running: &[Running]) {
        let ended = self.outcomes.iter().flatten().count() * 100;
        let sum = running.iter().map(|one| usize::from(one.progress)).sum::<usize>() + ended;
        let percent = sum / self.outcomes.len().max(1);
        self.watch.advanced(u8::try_from(percent).unwrap_or(100).min(100));
    }
}

impl Link<'_> {
    /// Makes calls, so many at a time, and waits for their tasks. What became of each, in order.
    pub(super) async fn perform(
        &self,
        calls: &[VsphereCall],
        at_once: u32,
        watch: &dyn Watch,
    ) -> Result<Vec<Outcome>, TransportError> {
        let at_once = usize::try_from(at_once.max(1)).unwrap_or(usize::MAX);
        let mut progress =
            Progress { outcomes: vec![None; calls.len()], stopped: false, trouble: None, watch };
        let mut queue = calls.iter().enumerate();
        let mut running: Vec<Running> = Vec::new();
        let mut pauses = Pauses::default();
        loop {
            while running.len() < at_once && progress.trouble.is_none() {
                let Some((nth, call)) = queue.next() else { break };
                if watch.is_stopped() {
                    progress.stopped = true;
                    break;
                }
                match self.begin(call).await {
                    Ok(Begun::Ended(outcome)) => progress.end(nth, outcome),
                    Ok(Begun::Goes(task, began, patience)) => {
                        running.push(Running::new(nth, told(call), task, (began, patience)));
                        pauses = Pauses::default();
                    }
                    Err(error) => progress.trouble = Some(error),
                }
            }
            if running.is_empty() {
                break;
            }
            pauses.wait(watch, running.iter().all(Running::is_cancelled), first_due(&running)).await;
            let cancelled = |all: &[Running]| all.iter().filter(|one| one.is_cancelled()).count();
            let before = (running.len(), cancelled(&running));
            for (one, ended) in self.look_at(&mut running, watch).await {
                progress.took(&one, ended);
            }
            if (running.len(), cancelled(&running)) != before {
                pauses = Pauses::default();
            }
            progress.tell(&running);
        }
        self.finish(progress)
    }

    fn finish(&self, progress: Progress<'_>) -> Result<Vec<Outcome>, TransportError> {
        let Progress { outcomes, stopped, trouble, .. } = progress;
        if let Some(error) = trouble {
            return Err(error);
        }
        if stopped {
            let message = format!("what {} was asked for was ended before its time", self.whose);
            return Err(TransportError::new(TransportErrorKind::Stopped, message));
        }
        let all: Option<Vec<Outcome>> = outcomes.into_iter().collect();
        all.ok_or_else(|| {
            let message = format!("{}: a call was left out", self.whose);
            TransportError::new(TransportErrorKind::Protocol, message)
        })
    }
}
