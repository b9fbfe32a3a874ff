//! `evenkeel notify`: what a `post-receive` hook runs. It must never hold up a push.

use std::io::{IsTerminal as _, Read as _};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_server::client::ClientError;
use serde::Deserialize;
use serde_json::json;

use crate::args::{Notify as Args, Output};
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::ui;

/// For all of it: whoever pushes waits for this.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long the writer of the standard input is waited for, once everything else is done.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the controller did.
#[derive(Debug, Deserialize)]
struct Woken {
    woken: Vec<String>,
    unknown: Vec<String>,
}

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let drained = drain_input();
    let client = Place::of(&args.controller)?.client();
    let late = || {
        CliError::new(format!("the controller did not answer within {} s", DEADLINE.as_secs()))
            .hint("it looks by itself at the source's interval; its log may say why it is slow")
    };
    let work = async {
        let body = json!({ "sources": args.sources });
        match tokio::time::timeout(DEADLINE, client.post_json("/api/v1/notify", &body)).await {
            Ok(answer) => answer.map_err(|error| unheard(error, &args.sources)),
            Err(_) => Err(late()),
        }
    };
    let woken: Woken = match session::block_on_reading(work) {
        Ok(answer) => answer?,
        Err(interrupted) => return Ok(interrupted),
    };
    if let Some(drained) = drained {
        // An input that nobody closes does not hold this up.
        let _ = drained.recv_timeout(PATIENCE);
    }
    match output {
        Output::Human if !woken.woken.is_empty() => {
            ui::print(&format!("evenkeel: looking at {}\n", woken.woken.join(", ")));
        }
        Output::Human => ui::print("evenkeel: the controller has no sources\n"),
        Output::Json => ui::print_json(&json!({
            "formatVersion": FORMAT_VERSION,
            "woken": woken.woken,
            "unknown": woken.unknown,
        }))?,
    }
    if woken.unknown.is_empty() {
        return Ok(Exit::Done);
    }
    ui::note(&format!("error: the controller knows no source {}\n", woken.unknown.join(", ")));
    Ok(Exit::Error)
}

fn unheard(error: ClientError, sources: &[String]) -> CliError {
    match error {
        ClientError::Refused { status: 404, .. } => {
            CliError::new(format!("the controller knows no source {}", sources.join(", ")))
                .hint("`evenkeel status` with the controller's --config or --server lists its sources")
        }
        error => error.into(),
    }
}

/// Reads what git writes to a hook (the old and new references) and throws it away: which sources are meant is said by
/// the arguments, and what is new the controller finds out. `None` where nobody writes.
fn drain_input() -> Option<Receiver<()>> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        return None;
    }
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut some = [0; 4096];
        while matches!(input.read(&mut some), Ok(n) if n > 0) {}
        let _ = tell.send(());
    });
    Some(told)
}
