//! What systemd, or another service manager that speaks its protocol, hears and passes on. Without one, nothing.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_engine::controller::{Handle, Health, Metrics};
use evenkeel_server::Inherited;
use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::CliError;
use crate::ui;

/// How often it is looked how things stand, where the watchdog does not want it more often.
const EVERY: Duration = Duration::from_secs(10);

/// The service manager. It is told on, in the background, as long as this lives.
pub(super) struct Manager {
    handle: watch::Sender<Arc<dyn Handle>>,
    telling: JoinHandle<()>,
}

impl Manager {
    /// It can be asked: the first controller is open and so are its doors.
    pub(super) fn ready(handle: Arc<dyn Handle>) -> Self {
        tell(&[NotifyState::Ready, NotifyState::Status(&standing(handle.as_ref()))]);
        let (handle, watched) = watch::channel(handle);
        Manager { handle, telling: tokio::spawn(tell_on(watched)) }
    }

    /// The configuration is read anew.
    pub(super) fn reloading() {
        // Without the time systemd takes it for a reload that it did not ask for.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "the service manager is not told of the reload"),
        }
    }

    /// Another controller goes on.
    pub(super) fn reloaded(&self, handle: Arc<dyn Handle>) {
        tell(&[NotifyState::Ready, NotifyState::Status(&standing(handle.as_ref()))]);
        self.handle.send_replace(handle);
    }

    /// The one that is there goes on.
    pub(super) fn refused() {
        tell(&[NotifyState::Ready, NotifyState::Status("the new configuration was refused: see the log")]);
    }

    /// Nothing new begins any more.
    pub(super) fn stopping() {
        tell(&[NotifyState::Stopping, NotifyState::Status("stopping after the steps in flight")]);
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.telling.abort();
    }
}

/// Tells how things stand, and that the loop turns: a controller that hangs is started anew.
async fn tell_on(mut watched: watch::Receiver<Arc<dyn Handle>>) {
    let watchdog = sd_notify::watchdog_enabled();
    // Twice in the time that there is: one that comes late is not the end.
    let every = watchdog.map_or(EVERY, |within| (within / 2).min(EVERY));
    let mut said = String::new();
    loop {
        // Another controller is looked at at once.
        let _ = tokio::time::timeout(every, watched.changed()).await;
        let handle = Arc::clone(&watched.borrow_and_update());
        if watchdog.is_some() && handle.health().live {
            tell(&[NotifyState::Watchdog]);
        }
        let now = standing(handle.as_ref());
        if now != said && !handle.health().draining {
            tell(&[NotifyState::Status(&now)]);
            said = now;
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager does not hear");
    }
}

fn standing(handle: &dyn Handle) -> String {
    words(&handle.health(), &handle.metrics())
}

/// One line: what there is, how it is, and what is missing.
fn words(health: &Health, metrics: &Metrics) -> String {
    let total: u64 = metrics.resources.values().sum();
    let many = |n: u64, what: &str| ui::count(usize::try_from(n).unwrap_or(usize::MAX), what);
    let mut text = format!("{} on {}", many(total, "resource"), many(metrics.targets, "target"));
    for (nth, (reason, count)) in metrics.resources.iter().enumerate() {
        let _ = write!(text, "{} {count} {reason}", if nth == 0 { ":" } else { "," });
    }
    if metrics.unreachable > 0 {
        let _ = write!(text, "; {} away", many(metrics.unreachable, "target"));
    }
    if metrics.writing > 0 {
        let _ = write!(text, "; writing to {}", many(metrics.writing, "target"));
    }
    for reason in &health.reasons {
        let _ = write!(text, "; {reason}");
    }
    text
}

/// The doors that the service manager opened for us.
pub(super) fn inherited() -> Result<Inherited, CliError> {
    let mut passed = ListenFd::from_env();
    let mut inherited = Inherited::default();
    for nth in 0..passed.len() {
        if let Ok(Some(socket)) = passed.take_unix_listener(nth) {
            if inherited.socket.replace(socket).is_some() {
                return Err(too_many("Unix sockets"));
            }
        } else if let Ok(Some(address)) = passed.take_tcp_listener(nth) {
            if inherited.address.replace(address).is_some() {
                return Err(too_many("addresses"));
            }
        } else {
            return Err(CliError::new(format!(
                "of what was passed on at the start, number {} is no listening stream socket",
                nth + 1
            ))
            .hint("take it out of the unit of the socket: `ListenStream=` is what is wanted"));
        }
    }
    Ok(inherited)
}

fn too_many(what: &str) -> CliError {
    CliError::new(format!("several {what} were passed on at the start"))
        .hint("one Unix socket and one address are taken: take the others out of the unit of the socket")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_line_says_how_things_stand() {
        let health = Health {
            live: true,
            ready: false,
            draining: false,
            reasons: vec!["the source site was not read yet".to_owned()],
            started: "2026-11-21T18:00:00Z".parse().unwrap(),
        };
        let metrics = Metrics {
            resources: BTreeMap::from([("Drifted".to_owned(), 1), ("InSync".to_owned(), 11)]),
            targets: 3,
            unreachable: 1,
            ..Metrics::default()
        };
        assert_eq!(
            words(&health, &metrics),
            "12 resources on 3 targets: 1 Drifted, 11 InSync; 1 target away; the source site was not read yet"
        );
        let health = Health { ready: true, reasons: Vec::new(), ..health };
        assert_eq!(words(&health, &Metrics::default()), "0 resources on 0 targets");
    }
}
