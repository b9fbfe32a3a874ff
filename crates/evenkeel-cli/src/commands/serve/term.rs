//! One controller, from its opening to its end. After the configuration was read anew, another one follows in the same
//! process, with the same store and the same open doors.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::transport::Transport;
use evenkeel_engine::controller::{Controller, Drain, Handle, Parts, Settings};
use evenkeel_engine::store::{Store, StoreError};
use evenkeel_engine::{Clock as _, SystemClock};
use evenkeel_notify::Running;
use evenkeel_server::{ListenError, Listeners};
use evenkeel_transport::SshTransport;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until};

use super::pieces::Pieces;
use super::reload::{Next, Reader};
use super::signals::{Signals, Wish};
use super::systemd::Manager;
use super::{log, notifiers};
use crate::args::Output;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui;

/// When the configuration changed, transfers in flight have this long to end by themselves; nothing new begins meanwhile.
const PATIENCE: Duration = Duration::from_mins(2);

/// Who is told what happened has this long for what happened last; the rest is told after the next start.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A controller that runs.
pub(super) struct Term {
    run: JoinHandle<Result<(), StoreError>>,
    drain: Drain,
    handle: Arc<dyn Handle>,
    listeners: Listeners,
    doors: JoinHandle<Doors>,
    close_doors: oneshot::Sender<()>,
    telling: JoinHandle<()>,
    told: oneshot::Sender<()>,
    notifying: Running,
    line: Arc<dyn Transport>,
    ssh: Arc<SshTransport>,
    sources: usize,
}

impl Term {
    /// Opens a controller and lets it run.
    pub(super) async fn begin(
        pieces: Pieces,
        listeners: Listeners,
        store: &Arc<dyn Store>,
        output: Output,
    ) -> Result<Self, CliError> {
        let Pieces { controller: spec, sources, transport, ssh, on_snapshot, http, notifiers, .. } = pieces;
        let line = Arc::clone(&transport);
        let parts = Parts {
            registry: evenkeel_drivers::registry(),
            transport,
            clock: Arc::new(SystemClock),
            store: Arc::clone(store),
            on_snapshot,
        };
        let count = sources.len();
        let settings = Settings {
            sources,
            limits: spec.limits,
            history: spec.history,
            holder: format!("the controller on {}", rustix::system::uname().nodename().to_string_lossy()),
            seed: SystemClock.now().as_microsecond().unsigned_abs(),
        };
        let controller = Controller::open(settings, parts).await?;
        let (handle, drain) = (controller.handle(), controller.drain());
        let (told, telling) = oneshot::channel::<()>();
        let telling = tokio::spawn(log::tell(Arc::clone(&handle), output, telling));
        let (close_doors, closing) = oneshot::channel::<()>();
        let doors = evenkeel_server::serve(listeners.clone(), Arc::clone(&handle), http, async {
            let _ = closing.await;
        });
        let doors = tokio::spawn(guarded(tokio::spawn(doors), drain.clone()));
        let notifying = notifiers::begin(notifiers, &handle);
        let run = tokio::spawn(controller.run());
        Ok(Term {
            run,
            drain,
            handle,
            listeners,
            doors,
            close_doors,
            telling,
            told,
            notifying,
            line,
            ssh,
            sources: count,
        })
    }

    /// What can be asked of it.
    pub(super) fn handle(&self) -> Arc<dyn Handle> {
        Arc::clone(&self.handle)
    }

    /// What it serves, in words.
    pub(super) fn shown(&self) -> (String, String) {
        let address = self.listeners.address().map(|at| format!(" and at {at}")).unwrap_or_default();
        (ui::count(self.sources, "source"), address)
    }

    /// Goes on until it is told to end, or the configuration changed: then what follows.
    pub(super) async fn hold(
        mut self,
        signals: &mut Signals,
        reader: &Reader,
    ) -> Result<Option<Next>, CliError> {
        let mut reading: Option<JoinHandle<Result<Next, CliError>>> = None;
        let mut next: Option<Next> = None;
        let mut patience: Option<Instant> = None;
        let mut ending = false;
        let outcome = loop {
            tokio::select! {
                outcome = &mut self.run => break outcome,
                wish = signals.next() => match wish {
                    Wish::End => {
                        (ending, next, reading) = (true, None, None);
                        self.end();
                    }
                    Wish::EndNow => end_now(),
                    Wish::Reload if ending => {}
                    Wish::Reload => {
                        Manager::reloading();
                        reading = Some(reader.read(&self.listeners));
                    }
                },
                read = done(reading.as_mut()) => {
                    reading = None;
                    if let Some(read) = taken(read) {
                        next = Some(read);
                        patience = Some(Instant::now() + PATIENCE);
                        self.drain.request_after_step();
                    }
                }
                () = due(patience) => {
                    patience = None;
                    self.drain.request();
                }
            }
        };
        self.close(outcome).await?;
        Ok(next)
    }

    fn end(&self) {
        ui::note("stopping after the steps in flight; once more ends at once\n");
        Manager::stopping();
        self.drain.request();
    }

    /// Requests that came in last get their answers, and what happened last is told.
    async fn close(self, outcome: Result<Result<(), StoreError>, JoinError>) -> Result<(), CliError> {
        let _ = self.close_doors.send(());
        let doors = self.doors.await.unwrap_or(Doors::Fallen);
        self.notifying.stop(LAST_WORDS).await;
        let _ = self.told.send(());
        let _ = self.telling.await;
        self.line.close().await;
        self.ssh.close().await;
        let fallen = |what: &str| {
            CliError::new(format!("the {what} ended by a mistake in the program"))
                .hint("see the log above, and please report it")
        };
        outcome.map_err(|_| fallen("controller"))??;
        if doors == Doors::Fallen {
            return Err(fallen("HTTP server, and the controller with it,"));
        }
        Ok(())
    }
}

/// The listeners cannot be had.
pub(super) fn unreachable(error: ListenError) -> CliError {
    let hint = error.hint().to_owned();
    CliError::new("the controller cannot be reached").because(error).hint(hint)
}

/// What the reading of the configuration brought; waits for ever where none is read.
async fn done(
    reading: Option<&mut JoinHandle<Result<Next, CliError>>>,
) -> Result<Result<Next, CliError>, JoinError> {
    match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What was read, where it can be taken. What cannot is told, and what there is goes on.
fn taken(read: Result<Result<Next, CliError>, JoinError>) -> Option<Next> {
    let read = read.unwrap_or_else(|e| Err(CliError::new("the configuration could not be read").because(e)));
    match read {
        Ok(next) => Some(next),
        Err(error) => {
            ui::note(&format!("{error}\nnot reloaded: the configuration in force stays\n"));
            Manager::refused();
            None
        }
    }
}

fn end_now() -> ! {
    ui::note("ended; what was in flight may or may not have happened, and is looked at after the start\n");
    std::process::exit(Exit::Interrupted as i32)
}

/// How the HTTP server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doors {
    /// It was asked to.
    Closed,
    /// By a mistake in the program.
    Fallen,
}

/// A controller that nobody can ask any more ends: whoever keeps it starts it again.
async fn guarded(doors: JoinHandle<()>, drain: Drain) -> Doors {
    if doors.await.is_ok() {
        return Doors::Closed;
    }
    drain.request();
    Doors::Fallen
}
