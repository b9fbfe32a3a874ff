//! What the server does in the background, followed to its end.

use std::time::Duration;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use hyper::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::answer::{Answer, Operation, Refusal};
use super::line::{Call, Line};

/// The server is asked to answer after so many seconds also where nothing has happened: it is a sign of life.
const ROUND: u64 = 20;

/// Between attempts to get through again, and where the server answers at once that nothing has happened.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// So long is waited for the answer to a request to stop.
const STOPPING: Duration = Duration::from_secs(5);

/// What a call came to.
pub(super) type Outcome = Result<Value, Refusal>;

/// How an operation stands.
enum Standing {
    Ended(Outcome),
    GoesOn,
    /// The server does not know it.
    Gone,
}

impl Line<'_> {
    /// Calls, and where that starts an operation follows it until `until`. Then the server is told to cancel it.
    pub(super) async fn perform(&mut self, call: &Call, until: Instant) -> Result<Outcome, TransportError> {
        match self.ask(call, until).await? {
            Answer::Done(metadata) => Ok(Ok(metadata)),
            Answer::Failed(refusal) => Ok(Err(refusal)),
            Answer::Goes(operation) => self.follow(&operation, until).await,
        }
    }

    /// Waits for an operation. A connection that breaks meanwhile is made again, as long as the server gives a sign of life
    /// now and then.
    async fn follow(&mut self, operation: &str, until: Instant) -> Result<Outcome, TransportError> {
        let mut alive = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            let now = Instant::now();
            if now >= until {
                return Err(self.too_long(operation).await);
            }
            let wait = (until - now).as_secs().clamp(1, ROUND);
            let asked = until.min(now + Duration::from_secs(wait) + self.patience);
            match self.look(operation, wait, asked).await {
                Ok(Standing::Ended(outcome)) => return Ok(outcome),
                Ok(Standing::Gone) => return Err(self.unknown("the server does not know it any more")),
                Ok(Standing::GoesOn) => {
                    alive = Instant::now();
                    if alive - now >= Duration::from_secs(1) {
                        pause = PAUSES.0;
                        continue;
                    }
                }
                // Its time is over, which is told above.
                Err(_) if Instant::now() >= until => continue,
                Err(error) if is_loss(&error) && alive.elapsed() < self.patience => {
                    tracing::debug!(whose = self.whose, %error, "asking again for an operation");
                }
                Err(error) if is_loss(&error) => return Err(self.unknown(&error.message)),
                Err(error) => return Err(error),
            }
            sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Waits some seconds for an operation. A wait that ends with a failure may be that of the operation, or of the wait: the
    /// operation itself tells, for the few seconds that the server remembers it after its end.
    async fn look(&mut self, operation: &str, wait: u64, until: Instant) -> Result<Standing, TransportError> {
        let seconds = wait.to_string();
        let call = self.call(Method::GET, &format!("{operation}/wait"), [("timeout", seconds.as_str())])?;
        let refusal = match self.ask(&call, until).await? {
            Answer::Done(shown) => return self.standing(shown),
            Answer::Goes(_) => return Ok(Standing::GoesOn),
            Answer::Failed(refusal) => refusal,
        };
        let call = self.call(Method::GET, operation, [])?;
        match self.ask(&call, until).await? {
            Answer::Done(shown) => self.standing(shown),
            Answer::Goes(_) => Ok(Standing::GoesOn),
            Answer::Failed(gone) if gone.code == 404 && !is_known(&refusal) => Ok(Standing::Gone),
            Answer::Failed(gone) if gone.code == 404 => Ok(Standing::Ended(Err(refusal))),
            Answer::Failed(refusal) => Ok(Standing::Ended(Err(refusal))),
        }
    }

    fn standing(&self, shown: Value) -> Result<Standing, TransportError> {
        let operation = Operation::of(shown).ok_or_else(|| {
            let message = format!("what {} shows of an operation is not understood", self.whose);
            TransportError::new(TransportErrorKind::Protocol, message)
        })?;
        Ok(operation.ended().map_or(Standing::GoesOn, Standing::Ended))
    }

    async fn too_long(&mut self, operation: &str) -> TransportError {
        let until = Instant::now() + STOPPING;
        let stopped = match self.call(Method::DELETE, operation, []) {
            Ok(call) => matches!(self.ask(&call, until).await, Ok(Answer::Done(_))),
            Err(_) => false,
        };
        let and = if stopped { "was cancelled" } else { "is not waited for any longer; it may go on there" };
        let message = format!("what {} was asked for took too long and {and}", self.whose);
        TransportError::new(TransportErrorKind::Timeout, message)
            .hint("raise the target's `timeoutSeconds` if it needs longer")
    }

    fn unknown(&self, why: &str) -> TransportError {
        let message = format!("it is not known how what {} was asked for has ended: {why}", self.whose);
        TransportError::new(TransportErrorKind::ConnectionLost, message)
    }
}

/// True where the wait told of the operation's own failure, and not of its own.
fn is_known(refusal: &Refusal) -> bool {
    refusal.code != 404
        && !refusal.words.contains("deadline exceeded")
        && !refusal.words.contains("context canceled")
}

fn is_loss(error: &TransportError) -> bool {
    matches!(
        error.kind,
        TransportErrorKind::ConnectionLost | TransportErrorKind::Unreachable | TransportErrorKind::Timeout
    )
}
