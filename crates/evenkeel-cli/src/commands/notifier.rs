//! `evenkeel notifier test`: whether what happens reaches who shall be told.

use evenkeel_core::manifest::did_you_mean;
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::{Clock as _, SystemClock};
use evenkeel_notify::Notifier;
use serde_json::json;

use super::serve::{notifiers, secrets};
use crate::args::{Notifier as Args, NotifierCommand, Output, TryNotifier};
use crate::controller::Configuration;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::ui;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    match &args.what {
        NotifierCommand::Test(args) => test(args, output),
    }
}

fn test(args: &TryNotifier, output: Output) -> Result<Exit, CliError> {
    let configuration = Configuration::read(args.config.as_deref(), &args.values)?;
    let (chain, _) = secrets::chain(&configuration);
    let notifiers = notifiers::prepared(&configuration, &chain)?;
    let names: Vec<&str> = notifiers.iter().map(Notifier::name).collect();
    let Some(notifier) = notifiers.iter().find(|notifier| notifier.name() == args.name) else {
        let near = did_you_mean(&args.name, names.iter().copied());
        let hint = match names.as_slice() {
            [] => "add a document of `kind: Notifier`; `evenkeel explain Notifier` has its fields".to_owned(),
            names => format!("the notifiers are: {}", names.join(", ")),
        };
        return Err(
            CliError::new(format!("the configuration has no notifier `{}`{near}", args.name)).hint(hint)
        );
    };
    let tried = session::block_on_reading(async {
        notifier.try_out(SystemClock.now()).await.map_err(|failure| {
            let message = chain.redact_text(&failure.message).into_owned();
            CliError::new(format!("the notifier {}: {message}", args.name)).hint_if_any(failure.hint)
        })
    });
    let done = match tried {
        Ok(outcome) => outcome?,
        Err(interrupted) => return Ok(interrupted),
    };
    match output {
        Output::Human => ui::print(&format!("{}: {done}\n", args.name)),
        Output::Json => {
            let shown = json!({ "formatVersion": FORMAT_VERSION, "notifier": args.name, "done": done });
            ui::print_json(&shown)?;
        }
    }
    Ok(Exit::Done)
}
