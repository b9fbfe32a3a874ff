//! A Windows host while it is served: its clock, and what the network sees of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use evenkeel_core::request::Reply;
use tokio::sync::watch;

use super::hvlab;
use crate::windows::WindowsHost;
use crate::windows::shell::{Printed, run_command_line};
use crate::wire::Call;

/// Between two looks at the host's clock.
const TICK: Duration = Duration::from_millis(50);

pub(super) struct Windows {
    machine: Mutex<Machine>,
    /// How many seconds pass on the host in a second.
    speed: u64,
    /// Whether its network lets anybody reach it; connections do not outlive that.
    reachable: watch::Sender<bool>,
}

struct Machine {
    host: WindowsHost,
    /// When its clock was last put on.
    since: Instant,
}

impl Windows {
    pub(super) fn new(host: WindowsHost, speed: u64) -> Self {
        let reachable = watch::Sender::new(host.is_reachable());
        Windows { machine: Mutex::new(Machine { since: Instant::now(), host }), speed, reachable }
    }

    /// Lets its clock go on, and what is due happen, also while nobody talks to it. Ends with the host.
    pub(super) fn start(self: &Arc<Self>) {
        let host = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let Some(host) = host.upgrade() else { return };
                // A script may run in it.
                let ticked = tokio::task::spawn_blocking(move || host.act(|_| ())).await;
                if ticked.is_err() {
                    return;
                }
            }
        });
    }

    /// What OpenSSH does with a command line. `None` where the command does not come, or cuts the way that the answer would
    /// have gone.
    pub(super) fn run(&self, line: &str, stdin: &[u8]) -> Option<Printed> {
        self.act(|host| {
            if !host.is_reachable() {
                return None;
            }
            let printed = run_command_line(host, line, stdin);
            host.is_reachable().then_some(printed)
        })
    }

    /// By hand.
    pub(super) fn reply(&self, call: &Call) -> Reply {
        self.act(|host| hvlab::run(host, &call.argv))
    }

    /// Looks at or changes it. Where that cuts it off, everybody is thrown out.
    pub(super) fn act<R>(&self, act: impl FnOnce(&mut WindowsHost) -> R) -> R {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.go_on(self.speed);
        let result = act(&mut machine.host);
        let is_reachable = machine.host.is_reachable();
        self.reachable.send_if_modified(|was| std::mem::replace(was, is_reachable) != is_reachable);
        result
    }

    /// Whether it could be reached when it was last looked at. Does not wait for a command that runs.
    pub(super) fn is_reachable(&self) -> bool {
        *self.reachable.borrow()
    }

    /// Returns when it cannot be reached.
    pub(super) async fn falls(&self) {
        // The sender is our own.
        let _ = self.reachable.subscribe().wait_for(|is_reachable| !is_reachable).await;
    }
}

impl Machine {
    fn go_on(&mut self, speed: u64) {
        let passed = self.since.elapsed().as_millis();
        let seconds = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(speed) / 1000;
        if seconds == 0 || speed == 0 {
            return;
        }
        // What is left over of the second counts next time.
        self.since += Duration::from_millis(seconds * 1000 / speed);
        self.host.pass(seconds);
    }
}
