//! What the controller is told by signals.

use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::CliError;

/// Signals that come this soon after the first are the same wish: whatever passes a signal on to a program and its
/// group, as `timeout` does, sends it twice.
const SAME_WISH: Duration = Duration::from_millis(500);

/// What is wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To end after the steps in flight.
    End,
    /// To end at once.
    EndNow,
    /// To read the configuration anew.
    Reload,
}

/// The signals that are heard, from the first moment on.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// When the end was asked for first.
    asked: Option<Instant>,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, CliError> {
        let hear =
            |kind| signal(kind).map_err(|e| CliError::new("the system's signals are not heard").because(e));
        Ok(Signals {
            interrupt: hear(SignalKind::interrupt())?,
            terminate: hear(SignalKind::terminate())?,
            hangup: hear(SignalKind::hangup())?,
            asked: None,
        })
    }

    /// The next wish. Nothing is lost where it is dropped before.
    pub(super) async fn next(&mut self) -> Wish {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = self.hangup.recv() => return Wish::Reload,
            }
            match self.asked {
                None => {
                    self.asked = Some(Instant::now());
                    return Wish::End;
                }
                Some(at) if at.elapsed() < SAME_WISH => {}
                Some(_) => return Wish::EndNow,
            }
        }
    }
}
