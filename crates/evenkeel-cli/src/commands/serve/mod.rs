//! `evenkeel serve`

mod discreet;
mod log;
mod pieces;
mod secrets;

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_engine::controller::{Controller, Drain, Parts, Settings};
use evenkeel_engine::store::Store;
use evenkeel_engine::{Clock as _, SystemClock};
use evenkeel_server::Listeners;
use evenkeel_store::{Mode, SqliteStore};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::args::{Output, Serve as Args};
use crate::controller::{Configuration, StateDirectory};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui;
use pieces::Pieces;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let configuration = Configuration::read(args.config.as_deref(), &args.values)?;
    let state = configuration.state();
    make_private(state.folder())?;
    // Held until the process ends, however it ends.
    let _lock = lock(&state)?;
    let pieces = Pieces::new(configuration)?;
    log::begin(args.log, Arc::clone(&pieces.chain));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start the runtime").because(e))?;
    let ended = runtime.block_on(serve(&state, pieces, output));
    // What is left are looks at sources that nobody waits for any more.
    runtime.shutdown_background();
    ended
}

async fn serve(state: &StateDirectory, pieces: Pieces, output: Output) -> Result<Exit, CliError> {
    let Pieces { controller: spec, sources, transport, ssh, on_snapshot, http, .. } = pieces;
    let store = SqliteStore::open(state.store(), Mode::Create)?;
    let line = Arc::clone(&transport);
    let parts = Parts {
        registry: evenkeel_drivers::registry(),
        transport,
        clock: Arc::new(SystemClock),
        store: Arc::new(store) as Arc<dyn Store>,
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
    let listeners = Listeners::open(spec.http.as_ref(), Some(&state.socket())).await.map_err(|e| {
        let hint = e.hint().to_owned();
        CliError::new("the controller cannot be reached").because(e).hint(hint)
    })?;
    let address = listeners.address().map(|at| format!(" and at {at}")).unwrap_or_default();
    let handle = controller.handle();
    let (told, telling) = oneshot::channel::<()>();
    let telling = tokio::spawn(log::tell(Arc::clone(&handle), output, telling));
    ui::note(&format!(
        "evenkeel {} serves {}; it is asked at {}{address}\n",
        env!("CARGO_PKG_VERSION"),
        ui::count(count, "source"),
        state.socket().display(),
    ));
    let (ended, ending) = oneshot::channel::<()>();
    let doors = tokio::spawn(evenkeel_server::serve(listeners, handle, http, async {
        let _ = ending.await;
    }));
    let doors = tokio::spawn(guarded(doors, controller.drain()));
    let signals = tokio::spawn(signals(controller.drain()));
    let outcome = controller.run().await;
    signals.abort();
    // Requests that came in last get their answers, and what happened last is told.
    let _ = ended.send(());
    let doors = doors.await.unwrap_or(Doors::Fallen);
    let _ = told.send(());
    let _ = telling.await;
    line.close().await;
    ssh.close().await;
    outcome?;
    if doors == Doors::Fallen {
        return Err(CliError::new(
            "the HTTP server ended by a mistake in the program, and the controller with it",
        )
        .hint("see the log above, and please report it"));
    }
    ui::note("stopped; nothing is left half-done\n");
    Ok(Exit::Done)
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

/// Signals that come this soon after the first are the same wish: whatever passes a signal on to a program and its
/// group, as `timeout` does, sends it twice.
const SAME_WISH: Duration = Duration::from_millis(500);

/// The first wish to end drains, the second one ends at once.
async fn signals(drain: Drain) {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut heard: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    let mut asked: Option<Instant> = None;
    loop {
        futures_util::future::select_all(heard.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
        if asked.is_some_and(|at| at.elapsed() < SAME_WISH) {
            continue;
        }
        if asked.is_some() {
            ui::note(
                "ended; what was in flight may or may not have happened, and is looked at after the start\n",
            );
            std::process::exit(Exit::Interrupted as i32);
        }
        asked = Some(Instant::now());
        ui::note("stopping after the steps in flight; once more ends at once\n");
        drain.request();
    }
}

/// The folder for what the controller keeps; only its owner can look into it.
fn make_private(folder: &Path) -> Result<(), CliError> {
    if let Ok(found) = std::fs::metadata(folder)
        && found.is_dir()
    {
        let mode = found.mode() & 0o7777;
        if mode & 0o022 == 0 {
            return Ok(());
        }
        let folder = folder.display();
        // They could put a store or a socket of their own in the place of ours.
        return Err(CliError::new(format!(
            "{folder} is not used: other users can write to it (mode {mode:04o})"
        ))
        .hint(format!("run `chmod 700 {folder}`, or name a folder of its own as `stateDirectory`")));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| {
        CliError::new(format!("cannot create {}", folder.display()))
            .because(e)
            .hint("name another folder as `stateDirectory`, or let somebody with the right create this one")
    })
}

/// Keeps a second controller out.
fn lock(state: &StateDirectory) -> Result<File, CliError> {
    let file = state.lock();
    let about = || CliError::new(format!("cannot lock {}", file.display()));
    let opened = File::options().create(true).truncate(false).write(true).mode(0o600).open(&file);
    let opened = opened.map_err(|e| about().because(e))?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => {
            Err(CliError::new(format!("another controller runs with {}", state.folder().display()))
                .hint("stop it first, or give this one another `stateDirectory`"))
        }
        Err(TryLockError::Error(e)) => Err(about().because(e)),
    }
}
