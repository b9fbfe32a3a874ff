//! `evenkeel backup restore`

use std::collections::BTreeMap;

use evenkeel_core::driver::{Restoration, Wish};
use evenkeel_core::plan::{FORMAT_VERSION, Instance};
use evenkeel_core::request::Replies;
use evenkeel_engine::{Clock as _, Performed, SystemClock};
use serde_json::json;
use tokio::runtime::Runtime;

use super::{Reached, Slot, only, open, reach};
use crate::args::{Output, RestoreCopy as Args};
use crate::commands::apply::{Answer, confirmed, listen};
use crate::error::CliError;
use crate::exit::Exit;
use crate::session::{self, Workspace};
use crate::ui;

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let workspace = open(&args.manifests)?;
    let instance = only(&workspace)?;
    let wish = wish(args)?;
    let reached = reach(&workspace, &args.reach);
    let runtime = session::runtime().map_err(|e| CliError::new("cannot start the runtime").because(e))?;
    let ended = restore(args, &workspace, (instance, &wish), &reached, &runtime, output);
    runtime.block_on(reached.engine.close());
    // A question that nobody answers any more is not waited for.
    runtime.shutdown_background();
    ended
}

fn restore(
    args: &Args,
    workspace: &Workspace,
    (instance, wish): (&Instance, &Wish),
    reached: &Reached,
    runtime: &Runtime,
    output: Output,
) -> Result<Exit, CliError> {
    let looked = session::unless_interrupted(runtime, reached.engine.look(&workspace.scope));
    reached.bars.clear();
    let Some(replies) = looked else { return Ok(Exit::Interrupted) };
    let nothing = Replies::default();
    let replies = replies.get(&instance.id.target).unwrap_or(&nothing);
    let restoration = restoration(instance, replies, wish)?;
    if output == Output::Human {
        ui::show_restoration(&instance.id.target, &restoration, args.run);
    }
    let sends = args.run || !restoration.fetch.is_empty();
    if sends && !args.auto_approve {
        let exit = match runtime.block_on(confirmed(output))? {
            Answer::Yes => None,
            Answer::No => Some(Exit::Pending),
            Answer::Interrupted => Some(Exit::Interrupted),
        };
        if let Some(exit) = exit {
            ui::note("not restored; nothing was sent\n");
            return Ok(exit);
        }
    }
    listen(runtime, &reached.bars, &reached.stop);
    let done = runtime.block_on(carry_out(workspace, reached, instance, &restoration, args.run));
    reached.bars.clear();
    tell(instance, &restoration, &done, args.run, output)
}

fn wish(args: &Args) -> Result<Wish, CliError> {
    let slot = match args.which.slot()? {
        None | Some(Slot::Latest) => None,
        Some(Slot::At(at)) => Some(at),
    };
    let mut options = BTreeMap::new();
    for text in &args.options {
        let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(CliError::new(format!("`--set {text}` is no option")).hint("write --set KEY=VALUE"));
        };
        options.insert(key.to_owned(), value.to_owned());
    }
    let folder = args.folder.as_ref().map(|folder| {
        folder.to_str().map(str::to_owned).ok_or_else(|| CliError::new("`--folder` is not UTF-8"))
    });
    Ok(Wish {
        item: args.which.item.clone(),
        slot,
        store: args.which.store.clone(),
        to: args.to.clone(),
        folder: folder.transpose()?,
        options,
    })
}

fn restoration(instance: &Instance, replies: &Replies, wish: &Wish) -> Result<Restoration, CliError> {
    let cannot = || CliError::new(format!("cannot restore from {}", instance.id));
    let now = SystemClock.now();
    match instance.driver.restoration(&instance.spec, replies, wish, now) {
        Ok(Ok(restoration)) => Ok(restoration),
        Ok(Err(why)) => Err(cannot().because(why).hint("`evenkeel backup list` shows what there is")),
        Err(error) => {
            let hint = error.hint().map(str::to_owned);
            Err(cannot().because(error).hint_if_any(hint))
        }
    }
}

async fn carry_out(
    workspace: &Workspace,
    reached: &Reached,
    instance: &Instance,
    restoration: &Restoration,
    with_work: bool,
) -> Vec<Performed> {
    let mut steps = restoration.fetch.clone();
    if with_work {
        steps.extend(restoration.work.iter().cloned());
    }
    reached.engine.perform(&workspace.scope, &instance.id.target, &steps).await
}

/// Says what became of it.
fn tell(
    instance: &Instance,
    restoration: &Restoration,
    done: &[Performed],
    ran: bool,
    output: Output,
) -> Result<Exit, CliError> {
    let failed = done.last().filter(|last| !last.is_done());
    if let Some((last, (message, hint))) = failed.and_then(|last| Some((last, last.complaint()?))) {
        let error = CliError::new(format!("`{}` failed: {message}", last.command));
        return Err(error.hint_if_any(hint.or_else(|| {
            Some("what was fetched so far stays where it is; the copy in the store is untouched".to_owned())
        })));
    }
    let command = restoration.command();
    match output {
        Output::Human if ran => {
            let all = command.replace('\n', "`, `");
            ui::print(&format!("Restored: `{all}` ended well on {}.\n", instance.id.target));
        }
        Output::Human => {
            let all = command.replace('\n', "\n  ");
            let target = &instance.id.target;
            let first = if done.is_empty() {
                format!("Nothing was sent: `--run` sends it. On {target}, that is:")
            } else {
                format!("Fetched and checked. On {target}, run:")
            };
            ui::print(&format!("{first}\n\n  {all}\n"));
        }
        Output::Json => ui::print_json(&json!({
            "formatVersion": FORMAT_VERSION,
            "generation": restoration.generation,
            "sent": done.iter().map(|one| one.command.as_str()).collect::<Vec<_>>(),
            "command": command,
            "ran": ran,
        }))?,
    }
    Ok(Exit::Done)
}
