//! The configuration, read anew while the controller runs.

use std::path::PathBuf;

use evenkeel_server::Listeners;
use tokio::task::JoinHandle;

use super::pieces::Pieces;
use super::term::unreachable;
use crate::args::Serve as Args;
use crate::controller::{Configuration, StateDirectory};
use crate::error::CliError;

/// What is read anew, and what may not change by that.
pub(super) struct Reader {
    config: Option<PathBuf>,
    values: Vec<PathBuf>,
    state: StateDirectory,
}

/// What goes on once the controller that runs has ended.
pub(super) struct Next {
    pub(super) pieces: Pieces,
    pub(super) listeners: Listeners,
}

impl Reader {
    pub(super) fn new(args: &Args, state: StateDirectory) -> Self {
        Reader { config: args.config.clone(), values: args.values.clone(), state }
    }

    /// Reads it, in the background: secrets may come out of programs, which take their time.
    pub(super) fn read(&self, open: &Listeners) -> JoinHandle<Result<Next, CliError>> {
        let Reader { config, values, state } = self;
        let (config, values, state, open) = (config.clone(), values.clone(), state.clone(), open.clone());
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || {
                let configuration = Configuration::read(config.as_deref(), &values)?;
                stays(&state, &configuration.state())?;
                Pieces::new(configuration)
            });
            let broken = |e| CliError::new("the configuration could not be read").because(e);
            let pieces = read.await.map_err(broken)??;
            let listeners = open.renew(pieces.controller.http.as_ref()).await.map_err(unreachable)?;
            Ok(Next { pieces, listeners })
        })
    }
}

/// The store, the lock and the socket are open where they are.
fn stays(now: &StateDirectory, wanted: &StateDirectory) -> Result<(), CliError> {
    if now == wanted {
        return Ok(());
    }
    let (now, wanted) = (now.folder().display(), wanted.folder().display());
    Err(CliError::new(format!(
        "the stateDirectory of a controller that runs cannot change, from {now} to {wanted}"
    ))
    .hint("write the old one again; to move it, stop the controller, move the folder, and start it"))
}
