//! Guarded writes: a dead man's switch is armed on the target, then comes the write, and then a new connection has to be
//! made to disarm it. Where none can be made, the target puts back what was there.

use std::time::Duration;

use evenkeel_core::condition::few;
use evenkeel_core::driver::{Guard, GuardOutcome};
use evenkeel_core::plan::{Batch, Change};
use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use tokio::time::{Instant, sleep};

use crate::brief;
use crate::observe::unknown_target;
use crate::progress::Event;
use crate::reconcile::Engine;
use crate::run::Sent;
use crate::send::End;
use crate::verify::Part;

type Answer = Result<Reply, TransportError>;

/// A new connection is tried for so much longer than the target waits: by then it has put back what was there, and says so.
const GRACE: Duration = Duration::from_mins(2);

/// The time between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// What came of one write, and of what belongs to it.
pub(crate) struct Delivered {
    /// What the target said to the write.
    pub(crate) answer: Answer,
    /// All that was sent, in order.
    pub(crate) sent: Vec<Sent>,
    /// Why nothing more may be sent to the target.
    pub(crate) end: Option<(End, String)>,
}

impl Engine {
    /// Sends one batch with all that makes it safe: its guard, and what must be so afterwards.
    pub(crate) async fn deliver_safely(
        &self,
        part: &Part<'_>,
        changes: &[Change],
        batch: &Batch,
    ) -> Delivered {
        let command = brief::command(&batch.request.display());
        let halted = |broken: String| (End::Halted, format!("{broken}, after `{command}`"));
        let Some(guard) = &batch.guard else {
            let (answer, broken) = self.deliver_and_prove(part, changes, batch).await;
            let sent = vec![told(batch, batch.request.display(), &answer)];
            return Delivered { answer, sent, end: broken.map(halted) };
        };
        let mut delivered = self.deliver_guarded(part, batch, guard).await;
        if delivered.end.is_none() && delivered.answer.as_ref().is_ok_and(|reply| reply.exit == 0) {
            delivered.end = self.broken_before(part, changes, batch).await.map(halted);
        }
        delivered
    }

    async fn deliver_guarded(&self, part: &Part<'_>, batch: &Batch, guard: &Guard) -> Delivered {
        let Some(target) = part.find(&batch.target) else {
            let answer = Err(unknown_target(Some(&batch.target)));
            return Delivered { answer, sent: Vec::new(), end: None };
        };
        let armed = self.ask_one(target, &guard.arm).await;
        let mut sent = vec![told(batch, guard.arm.display(), &armed)];
        if !armed.as_ref().is_ok_and(|reply| reply.exit == 0) {
            return Delivered { answer: not_armed(armed), sent, end: None };
        }
        let answer = self.deliver(part, batch).await;
        sent.push(told(batch, batch.request.display(), &answer));
        // Whatever came of it: only the target knows, and only a new connection tells whether it can still be reached.
        self.progress.on(&Event::Confirming { target: &part.target.name, seconds: guard.seconds });
        let outcome = self.confirm(target, guard).await;
        let exit = outcome.is_ok().then_some(0);
        sent.push(Sent { target: batch.target.clone(), command: guard.disarm.display(), exit });
        let (answer, end) = match outcome {
            Ok(GuardOutcome::Confirmed) => (done(answer), None),
            Ok(GuardOutcome::RolledBack { said, left }) => {
                let found = format!("{said}, after `{}`", brief::command(&batch.request.display()));
                let found = if left.is_empty() {
                    found
                } else {
                    format!("{found}; not put back: {}", few(&left, "; "))
                };
                (answer, Some((End::RolledBack { is_whole: left.is_empty() }, found)))
            }
            Ok(GuardOutcome::NeverBegun { said }) => (Ok(never_begun(answer, &said)), None),
            Err(problem) => (Err(silent(&batch.target, guard, &problem)), None),
        };
        Delivered { answer, sent, end }
    }

    /// Disarms a guard over a new connection, again and again until the target must have put back what was there.
    async fn confirm(&self, target: &Target, guard: &Guard) -> Result<GuardOutcome, String> {
        let deadline = Instant::now() + Duration::from_secs(guard.seconds) + GRACE;
        loop {
            self.transport.renew(target).await;
            let outcome = match self.ask_one(target, &guard.disarm).await {
                Ok(reply) => GuardOutcome::of(&reply),
                Err(error) => Err(error.message),
            };
            if outcome.is_ok() || Instant::now() >= deadline {
                return outcome;
            }
            sleep(PAUSE).await;
        }
    }

    async fn ask_one(&self, target: &Target, request: &Request) -> Answer {
        let answer = self.exchange(target, std::slice::from_ref(request)).await.pop();
        answer.unwrap_or_else(|| Err(unknown_target(Some(&target.name))))
    }
}

fn told(batch: &Batch, command: String, answer: &Answer) -> Sent {
    let exit = answer.as_ref().ok().map(|reply| reply.exit);
    Sent { target: batch.target.clone(), command, exit }
}

/// A disarmed guard says that the write is done, also where our connection did not live to hear it.
fn done(answer: Answer) -> Answer {
    answer.or_else(|_| Ok(Reply { exit: 0, stdout: Vec::new(), stderr: Vec::new() }))
}

/// The write itself says best why it was not begun, where it came to be heard.
fn never_begun(answer: Answer, said: &str) -> Reply {
    match answer {
        Ok(reply) if reply.exit != 0 => reply,
        _ => Reply { exit: 1, stdout: Vec::new(), stderr: said.as_bytes().to_vec() },
    }
}

fn not_armed(armed: Answer) -> Answer {
    const WHY: &str = "nothing was changed, because the guard could not be armed: ";
    match armed {
        Ok(reply) => Ok(Reply { stderr: [WHY.as_bytes(), &reply.stderr].concat(), ..reply }),
        Err(error) => Err(TransportError { message: format!("{WHY}{}", error.message), ..error }),
    }
}

fn silent(target: &str, guard: &Guard, problem: &str) -> TransportError {
    let tried = guard.seconds + GRACE.as_secs();
    let message = format!(
        "{target} did not say over a new connection within {tried} s what became of it ({problem}); after {} s it puts back {} by itself",
        guard.seconds, guard.restores
    );
    TransportError::new(TransportErrorKind::ConnectionLost, message)
        .hint("look at its console, then apply again: what is there is looked at first")
}
