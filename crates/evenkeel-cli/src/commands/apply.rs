//! `evenkeel apply`

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Change, InstanceId, Plan, Policy};
use evenkeel_engine::{Clock as _, Engine, InputFile, Run, SavedPlan, Scope, Stop, SystemClock};

use crate::args::{Apply as Args, Output};
use crate::commands::plan;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::ui::{self, Bars};

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let registry = evenkeel_drivers::registry();
    let runtime = session::runtime().map_err(|e| CliError::new("cannot start the runtime").because(e))?;
    let stop = Stop::default();
    let bars = Arc::new(Bars::new());
    let transport = session::transport(&args.reach, &session::credentials(&args.reach));
    let engine = session::engine(transport, Arc::clone(&bars) as _, &stop);
    let (scope, policy, saved) = match plan_file(args)? {
        Some(saved) => (reopen(&saved, &registry)?, Policy { allow: saved.allow }, Some(saved.plan)),
        None => {
            (session::open(&args.manifests, &registry)?.scope, Policy { allow: args.view.allow.into() }, None)
        }
    };
    let shown = match saved {
        Some(plan) => plan,
        None => match reading(&runtime, &engine, &scope, policy) {
            Some(plan) => plan,
            None => return Ok(Exit::Interrupted),
        },
    };
    bars.clear();
    if output == Output::Human {
        plan::show(&shown, &scope.targets, args.view, output)?;
    }
    if shown.changes.iter().any(Change::is_open) && !args.auto_approve && !confirmed(output)? {
        ui::note("not applied; nothing was sent\n");
        return Ok(Exit::Pending);
    }
    let run = applying(&runtime, &engine, &scope, &shown, policy, &stop);
    bars.clear();
    match output {
        Output::Json => ui::print_json(&run)?,
        Output::Human => ui::show_run(&run),
    }
    Ok(exit(&run))
}

fn exit(run: &Run) -> Exit {
    match run {
        run if run.stopped => Exit::Interrupted,
        run if !run.is_complete() => Exit::Error,
        run if run.summary.held > 0 => Exit::Pending,
        _ => Exit::Done,
    }
}

fn reading(
    runtime: &tokio::runtime::Runtime,
    engine: &Engine,
    scope: &Scope,
    policy: Policy,
) -> Option<Plan> {
    runtime.block_on(async {
        tokio::select! {
            plan = engine.plan(scope, policy) => Some(plan),
            _ = tokio::signal::ctrl_c() => None,
        }
    })
}

/// Applies; the first Ctrl-C stops after the step in flight, a second one ends the program at once.
fn applying(
    runtime: &tokio::runtime::Runtime,
    engine: &Engine,
    scope: &Scope,
    plan: &Plan,
    policy: Policy,
    stop: &Stop,
) -> Run {
    let stop = stop.clone();
    runtime.spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if stop.is_requested() {
                std::process::exit(Exit::Interrupted as i32);
            }
            stop.request();
            ui::note("stopping after the step in flight; Ctrl-C again ends at once\n");
        }
    });
    runtime.block_on(engine.apply(scope, plan, policy))
}

/// The saved plan, where the only path given is one.
fn plan_file(args: &Args) -> Result<Option<SavedPlan>, CliError> {
    let [path] = args.manifests.paths.as_slice() else { return Ok(None) };
    let file = Path::new(path);
    let is_manifest = file.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if is_manifest || !file.is_file() {
        return Ok(None);
    }
    let about = |e: Box<dyn std::error::Error + Send + Sync>| {
        CliError::new(format!("cannot apply {path}")).because(e)
    };
    let text = std::fs::read_to_string(file).map_err(|e| about(e.into()))?;
    let saved = SavedPlan::parse(&text)
        .map_err(|e| about(e.into()).hint("plan again with `evenkeel plan --out FILE`"))?;
    Ok(Some(saved))
}

/// The scope that a saved plan was made from: its own manifests, and of them what it shows.
fn reopen(saved: &SavedPlan, registry: &evenkeel_core::driver::Registry) -> Result<Scope, CliError> {
    let files = |inputs: &[InputFile]| -> Vec<SourceFile> {
        inputs
            .iter()
            .map(|f| SourceFile { path: f.path.clone(), bytes: f.text.clone().into_bytes() })
            .collect()
    };
    let mut loaded = load(registry, &files(&saved.manifests), &files(&saved.values), SystemClock.now());
    session::check(&loaded.diagnostics)?;
    let shown: std::collections::HashSet<&InstanceId> = saved.plan.changes.iter().map(|c| &c.id).collect();
    let mut instances = std::mem::take(&mut loaded.instances);
    instances.retain(|i| shown.contains(&i.id));
    Ok(session::scope(loaded, instances, registry, saved.partial))
}

/// Asks on the terminal; without one, nobody can say yes.
fn confirmed(output: Output) -> Result<bool, CliError> {
    if output == Output::Json || !std::io::stdin().is_terminal() {
        return Err(CliError::new("there is no terminal to ask on; nothing was sent")
            .hint("look at `evenkeel plan`, then use `apply --auto-approve` or a saved plan with it"));
    }
    ui::note("\nSend this? Only `yes` is taken: ");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|e| CliError::new("cannot read the answer").because(e))?;
    Ok(answer.trim() == "yes")
}
