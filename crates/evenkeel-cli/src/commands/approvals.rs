//! `evenkeel approvals`, `evenkeel approve`, `evenkeel reject`

use std::collections::BTreeMap;

use evenkeel_core::plan::{Approvable, Change, FORMAT_VERSION, Plan, short_plan};
use evenkeel_engine::store::{ApprovalFilter, ApprovalRecord, ApprovalState, ResourceFilter};
use evenkeel_engine::{Clock as _, SystemClock};
use evenkeel_server::client::escaped;
use serde_json::{Map, Value, json};

use crate::args::{Approvals as Args, Approve, Held, Output, Reject};
use crate::commands::apply::{Answer, asked};
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::memory::Memory;
use crate::picked::{Picked, kind_and_name};
use crate::session;
use crate::ui::{self, PlanView};

/// So many of the last decisions that are over are shown.
const OVER: usize = 20;

/// The least of a hash that names a plan.
const LEAST: usize = 8;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let memory = Place::of(&args.controller)?.memory()?;
    let listed = session::block_on_reading(async {
        let picked = Picked::of(&memory, args.resource.as_deref(), &args.within).await?;
        let filter = ApprovalFilter { live: false, about: picked.filter.clone(), limit: Some(OVER) };
        let found = memory.approvals(&filter).await?;
        picked.found(!found.is_empty())?;
        Ok::<_, CliError>(found)
    });
    let records = match listed {
        Ok(records) => records?,
        Err(interrupted) => return Ok(interrupted),
    };
    match output {
        Output::Human => ui::show_approvals(&records, SystemClock.now()),
        Output::Json => {
            ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "approvals": records }))?;
        }
    }
    let waits = records.iter().any(|record| record.state == ApprovalState::Waiting);
    Ok(if waits { Exit::Pending } else { Exit::Done })
}

pub(crate) fn approve(args: &Approve, output: Output) -> Result<Exit, CliError> {
    let place = Place::of(&args.controller)?;
    let runtime = session::runtime().map_err(|e| CliError::new("cannot start the runtime").because(e))?;
    let exit = runtime.block_on(approving(&place, args, output));
    // The thread that waits for an answer may wait for ever.
    runtime.shutdown_background();
    exit
}

async fn approving(place: &Place, args: &Approve, output: Output) -> Result<Exit, CliError> {
    let found = meant(&place.memory()?, &args.held).await?;
    if let (Some(record), Output::Human) = (&found, output) {
        show(record);
    }
    // Of what does not wait there is nothing to show: the controller says what became of it.
    if found.is_some() && !args.unasked {
        let hint = "look at `evenkeel approvals`, then use `approve --auto-approve`";
        let exit = match asked(output, "Approve this?", "nothing was approved", hint).await? {
            Answer::Yes => None,
            Answer::No => Some(Exit::Pending),
            Answer::Interrupted => Some(Exit::Interrupted),
        };
        if let Some(exit) = exit {
            ui::note("not approved; nothing was sent\n");
            return Ok(exit);
        }
    }
    let wish = json!({
        "reason": args.held.reason, "for": args.within, "overrideWindow": args.override_window,
    });
    // Exactly what was shown: something else by now is refused.
    let plan = found.map_or_else(|| args.held.what.clone(), |record| record.plan);
    tell(&decided(place, &plan, "approve", &wish).await?, output)?;
    Ok(Exit::Done)
}

pub(crate) fn reject(args: &Reject, output: Output) -> Result<Exit, CliError> {
    let place = Place::of(&args.controller)?;
    let rejected = session::block_on_reading(async {
        let found = meant(&place.memory()?, &args.held).await?;
        let plan = found.map_or_else(|| args.held.what.clone(), |record| record.plan);
        decided(&place, &plan, "reject", &json!({ "reason": args.held.reason })).await
    });
    match rejected {
        Ok(record) => tell(&record?, output)?,
        Err(interrupted) => return Ok(interrupted),
    }
    Ok(Exit::Done)
}

/// The one that waits and is meant. `None` for the hash of a plan that does not wait: the controller knows what became of
/// it.
async fn meant(memory: &Memory, held: &Held) -> Result<Option<ApprovalRecord>, CliError> {
    let within = &held.within;
    let about =
        ResourceFilter { source: within.source.clone(), target: within.target.clone(), ..Default::default() };
    let mut found = memory.approvals(&ApprovalFilter { live: true, about, limit: None }).await?;
    found.retain(|record| record.state == ApprovalState::Waiting);
    let everything: Vec<String> = found.iter().map(choice).collect();
    let named = if held.what.contains('/') { Some(kind_and_name(&held.what)?) } else { None };
    match &named {
        Some((kind, name)) => found.retain(|record| {
            let id = &record.key.id;
            id.kind.eq_ignore_ascii_case(kind) && id.name.eq_ignore_ascii_case(name)
        }),
        None => found.retain(|record| record.plan.starts_with(&held.what.to_ascii_lowercase())),
    }
    let what = &held.what;
    if found.len() > 1 {
        let choices: Vec<String> = found.iter().map(choice).collect();
        return Err(CliError::new(format!("`{what}` is not only one: {}", choices.join(", ")))
            .hint("name one of them by its plan, or with --target"));
    }
    let is_plan = what.len() >= LEAST && what.bytes().all(|byte| byte.is_ascii_hexdigit());
    match found.pop() {
        None if named.is_none() && is_plan => Ok(None),
        None => Err(CliError::new(format!("nothing of `{what}` waits for a decision")).hint(
            match everything.as_slice() {
                [] => {
                    "nothing waits at all; `evenkeel status --config FILE` shows how things stand".to_owned()
                }
                waiting => format!("what waits: {}", waiting.join(", ")),
            },
        )),
        found => Ok(found),
    }
}

fn choice(record: &ApprovalRecord) -> String {
    format!("{} ({})", short_plan(&record.plan), record.key.id)
}

async fn decided(place: &Place, plan: &str, word: &str, wish: &Value) -> Result<ApprovalRecord, CliError> {
    let path = format!("/api/v1/approvals/{}/{word}", escaped(plan));
    let mut document: Map<String, Value> = place.client().post_json(&path, wish).await?;
    serde_json::from_value(document.remove("decided").unwrap_or_default()).map_err(|e| {
        CliError::new("the controller's answer cannot be read")
            .because(e)
            .hint("is that a controller, and of the same version? `evenkeel approvals` shows how it stands")
    })
}

/// Exactly what would be sent, and why it is held.
fn show(record: &ApprovalRecord) {
    let nothing = BTreeMap::new();
    let view = PlanView { targets: &nothing, instances: &[], show_commands: true, full: true };
    ui::show_plan(&Plan::of(vec![Change::clone(&record.change)]), &view);
}

fn tell(record: &ApprovalRecord, output: Output) -> Result<(), CliError> {
    if output == Output::Json {
        return ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "decided": record }));
    }
    let (plan, id) = (short_plan(&record.plan), &record.key.id);
    let text = match &record.approval {
        None => format!("rejected: {plan}, {id}; it stays as it is until something else would be sent\n"),
        Some(approval) => {
            let waits = record.approvable() == Approvable::OverridingWindow && !approval.override_window;
            let when = if waits { "when its window opens" } else { "now" };
            format!(
                "approved until {}: {plan}, {id}; the controller sends it {when}\n  `evenkeel events --follow` shows it, `evenkeel history` keeps it\n",
                crate::times::shown(approval.until)
            )
        }
    };
    ui::print(&text);
    Ok(())
}
