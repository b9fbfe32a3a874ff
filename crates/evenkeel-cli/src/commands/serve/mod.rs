//! `evenkeel serve`

mod discreet;
pub(super) mod folder;
mod log;
pub(super) mod notifiers;
pub(super) mod pieces;
mod reload;
pub(super) mod secrets;
mod signals;
mod systemd;
mod term;

use std::sync::Arc;

use evenkeel_engine::store::Store;
use evenkeel_server::{Inherited, Listeners};
use evenkeel_store::{Mode, SqliteStore};

use crate::args::{Output, Serve as Args};
use crate::controller::{Configuration, StateDirectory};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui;
use log::Log;
use pieces::Pieces;
use reload::{Next, Reader};
use signals::Signals;
use systemd::Manager;
use term::Term;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    // Before anything else opens files: what was passed on is known by its numbers.
    let inherited = systemd::inherited()?;
    let configuration = Configuration::read(args.config.as_deref(), &args.values)?;
    let state = configuration.state();
    folder::make_private(state.folder())?;
    // Held until the process ends, however it ends.
    let _lock = folder::lock(&state)?;
    let pieces = Pieces::new(configuration)?;
    let log = Log::begin(args.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start the runtime").because(e))?;
    let reader = Reader::new(args, state.clone());
    let ended = runtime.block_on(serve(&state, inherited, pieces, &reader, &log, output));
    // What is left are looks at sources that nobody waits for any more.
    runtime.shutdown_background();
    ended
}

/// One controller after the other, until one is told to end.
async fn serve(
    state: &StateDirectory,
    inherited: Inherited,
    pieces: Pieces,
    reader: &Reader,
    log: &Log,
    output: Output,
) -> Result<Exit, CliError> {
    let mut signals = Signals::listen()?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(state.store(), Mode::Create)?);
    let http = pieces.controller.http.as_ref();
    let listeners =
        Listeners::take(inherited, http, Some(&state.socket())).await.map_err(term::unreachable)?;
    let mut next = Some(Next { pieces, listeners });
    let mut manager: Option<Manager> = None;
    while let Some(Next { pieces, listeners }) = next.take() {
        log.keep_secrets_of(&pieces.chain);
        let term = Term::begin(pieces, listeners, &store, output).await?;
        let (sources, address) = term.shown();
        let begun =
            if manager.is_some() { "reloaded: it" } else { concat!("evenkeel ", env!("CARGO_PKG_VERSION")) };
        let socket = state.socket();
        ui::note(&format!("{begun} serves {sources}; it is asked at {}{address}\n", socket.display()));
        match &manager {
            Some(manager) => manager.reloaded(term.handle()),
            None => manager = Some(Manager::ready(term.handle())),
        }
        next = term.hold(&mut signals, reader).await?;
    }
    ui::note("stopped; nothing is left half-done\n");
    Ok(Exit::Done)
}
