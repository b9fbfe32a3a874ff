//! `evenkeel store`

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::{Store as _, StoreError, Verified};
use evenkeel_engine::{Clock as _, SystemClock};
use evenkeel_store::Restored;
use serde_json::json;

use crate::args::{Backup, Output, RestoreStore, Store as Args, StoreCommand};
use crate::commands::serve::folder;
use crate::controller::{StateDirectory, open_store, state_directory};
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::ui;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    match &args.what {
        StoreCommand::Backup(args) => backup(args, output),
        StoreCommand::Restore(args) => restore(args, output),
    }
}

fn restore(args: &RestoreStore, output: Output) -> Result<Exit, CliError> {
    let state = state_directory(args.config.as_deref(), &args.values)?;
    folder::make_private(state.folder())?;
    // Nobody may have it open while its file is replaced.
    let _lock = folder::lock(&state)?;
    let restored = evenkeel_store::restore(&args.file, &state.store(), SystemClock.now()).map_err(|e| {
        let hint = match e {
            StoreError::Missing { .. } => Some("name a file that `evenkeel store backup` wrote"),
            _ => e.hint(),
        };
        let about = CliError::new("nothing was restored, and the store is as it was");
        about.because(e.to_string()).hint_if_any(hint)
    })?;
    match output {
        Output::Human => ui::print(&told(args, &state, &restored)),
        Output::Json => ui::print_json(&json!({
            "formatVersion": FORMAT_VERSION,
            "file": args.file,
            "store": state.store(),
            "kept": restored.kept,
            "audit": restored.audit,
            "unfinishedRuns": restored.unfinished,
        }))?,
    }
    Ok(Exit::Done)
}

/// What was done, and what the controller will do.
fn told(args: &RestoreStore, state: &StateDirectory, restored: &Restored) -> String {
    let kept = match &restored.kept {
        Some(kept) => format!("the store that was there, as {}", kept.display()),
        None => "nothing, for there was no store".to_owned(),
    };
    let audit = match &restored.audit {
        Some(Verified { entries, head, .. }) => format!("whole, {entries} entries to {head}"),
        None => "none yet, for the copy is of an older Evenkeel".to_owned(),
    };
    let unfinished = match usize::try_from(restored.unfinished).unwrap_or(usize::MAX) {
        0 => String::new(),
        count => format!(
            "{} went on when the copy was made; they count as cut off, and their targets are looked at first.\n",
            ui::count(count, "run")
        ),
    };
    let (file, store) = (args.file.display(), state.store());
    format!(
        "restored: {file} as {}\nkept:     {kept}\naudit:    {audit}\n\
         At its start the controller reads every source and then looks at every target anew. Nothing that was sent is\n\
         sent again, and nothing is in force before its source was read.\n{unfinished}",
        store.display()
    )
}

fn backup(args: &Backup, output: Output) -> Result<Exit, CliError> {
    let state = state_directory(args.config.as_deref(), &args.values)?;
    let store = open_store(&state)?;
    let about = |why: String| CliError::new("the store was not backed up").because(why);
    let copied =
        session::block_on_reading(async { store.backup(&args.file).await.map_err(|e| about(e.to_string())) });
    match copied {
        Ok(done) => done?,
        Err(interrupted) => return Ok(interrupted),
    }
    let file = args.file.display();
    match output {
        Output::Human => ui::print(&format!("saved: {} as {file}\n", state.store().display())),
        Output::Json => ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "file": args.file }))?,
    }
    Ok(Exit::Done)
}
