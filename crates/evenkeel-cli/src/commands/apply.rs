//! `evenkeel apply`

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use evenkeel_core::driver::Risk;
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Change, InstanceId, Plan, Policy};
use evenkeel_engine::{Clock as _, Engine, InputFile, Run, SavedPlan, Scope, Stop, SystemClock};
use evenkeel_transport::credentials::NamedSecret;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Allow, Apply as Args, Manifests, Output, Reach, View};
use crate::commands::plan;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::ui::{self, Bars};

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let registry = evenkeel_drivers::registry();
    let (scope, secrets, policy, saved) = if let Some(saved) = plan_file(args)? {
        let (scope, secrets) = reopen(&saved, &registry)?;
        (scope, secrets, Policy::allowing(saved.allow), Some(saved.plan))
    } else {
        let workspace = session::open(&args.manifests, &registry)?;
        (workspace.scope, workspace.secrets, Policy::allowing(args.view.allow.into()), None)
    };
    let order = Order { scope, secrets, policy, saved, view: args.view, auto_approve: args.auto_approve };
    carry_out(order, &args.reach, output)
}

/// What is to be shown, asked for, and sent.
pub(crate) struct Order {
    pub(crate) scope: Scope,
    pub(crate) secrets: Vec<NamedSecret>,
    pub(crate) policy: Policy,
    /// What was shown before, where it is to be exactly that.
    pub(crate) saved: Option<Plan>,
    pub(crate) view: View,
    pub(crate) auto_approve: bool,
}

/// Plans (where there is no saved plan), shows, asks, sends, and says what came of it.
pub(crate) fn carry_out(mut order: Order, reach: &Reach, output: Output) -> Result<Exit, CliError> {
    let runtime = session::runtime().map_err(|e| CliError::new("cannot start the runtime").because(e))?;
    let (stop, bars) = (Stop::default(), Arc::new(Bars::new()));
    let secrets = std::mem::take(&mut order.secrets);
    let transport = session::transport(reach, &session::credentials(reach, secrets));
    let engine = session::engine(transport, Arc::clone(&bars) as _, &stop);
    let engine = if order.view.full { engine.keeping_tables() } else { engine };
    let ended = carry_out_on(&runtime, &engine, order, (&bars, &stop), output);
    runtime.block_on(engine.close());
    // The thread that waits for an answer may wait for ever.
    runtime.shutdown_background();
    ended
}

fn carry_out_on(
    runtime: &tokio::runtime::Runtime,
    engine: &Engine,
    order: Order,
    (bars, stop): (&Arc<Bars>, &Stop),
    output: Output,
) -> Result<Exit, CliError> {
    let Order { scope, policy, saved, view, auto_approve, .. } = order;
    let shown = match saved {
        Some(plan) => plan,
        None => match session::unless_interrupted(runtime, engine.plan(&scope, policy)) {
            Some(plan) => plan,
            None => return Ok(Exit::Interrupted),
        },
    };
    bars.clear();
    if output == Output::Human {
        plan::show(&shown, &scope, view, output)?;
    }
    if shown.changes.iter().any(Change::is_open) && !auto_approve {
        let exit = match runtime.block_on(confirmed(output))? {
            Answer::Yes => None,
            Answer::No => Some(Exit::Pending),
            Answer::Interrupted => Some(Exit::Interrupted),
        };
        if let Some(exit) = exit {
            ui::note("not applied; nothing was sent\n");
            return Ok(exit);
        }
    }
    listen(runtime, bars, stop);
    bars.expect_turns(turns(&shown));
    let run = runtime.block_on(engine.apply(&scope, &shown, policy));
    bars.clear();
    match output {
        Output::Json => ui::print_json(&run)?,
        Output::Human => ui::show_run(&run, &shown),
    }
    Ok(exit(&run))
}

/// The targets that something may be sent to, one level (`dependsOn`) after another.
fn turns(plan: &Plan) -> Vec<String> {
    let open = plan.changes.iter().filter(|change| change.is_open());
    let turns: BTreeSet<(usize, &str)> =
        open.map(|change| (change.level, change.id.target.as_str())).collect();
    turns.into_iter().map(|(_, target)| target.to_owned()).collect()
}

fn exit(run: &Run) -> Exit {
    let sum = &run.summary;
    match run {
        run if run.stopped => Exit::Interrupted,
        _ if sum.stale + sum.failed + sum.unknown + sum.not_started > 0 => Exit::Error,
        _ if sum.held + sum.drifted > 0 => Exit::Pending,
        _ => Exit::Done,
    }
}

/// From now on the first Ctrl-C stops after the step in flight, a second one ends the program at once. So do a wish to
/// end from outside and the end of the terminal: nothing is cut off in the middle of a write.
pub(crate) fn listen(runtime: &tokio::runtime::Runtime, bars: &Arc<Bars>, stop: &Stop) {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    for kind in kinds {
        let (stop, bars) = (stop.clone(), Arc::clone(bars));
        // Listening begins here: a task of its own might come too late.
        let _inside = runtime.enter();
        let Ok(mut signals) = signal(kind) else { continue };
        runtime.spawn(async move {
            while signals.recv().await.is_some() {
                if stop.is_requested() {
                    bars.say("ended; what was in flight may or may not have happened: plan again to see\n");
                    std::process::exit(Exit::Interrupted as i32);
                }
                stop.request();
                bars.say("stopping after the step in flight; Ctrl-C again ends at once\n");
            }
        });
    }
}

/// The saved plan, where one is given instead of manifests.
fn plan_file(args: &Args) -> Result<Option<SavedPlan>, CliError> {
    let Some(path) = args.manifests.paths.iter().find(|path| is_plan_file(Path::new(path))) else {
        return Ok(None);
    };
    let Manifests { paths, values, label, target } = &args.manifests;
    if paths.len() > 1 || !(values.is_empty() && label.is_empty() && target.is_empty()) {
        return Err(CliError::new(format!("{path} is a saved plan: it is applied as it is, or not at all"))
            .hint("leave out the other paths, the selection and `--values`, or plan again with them"));
    }
    let about = |e: Box<dyn std::error::Error + Send + Sync>| {
        CliError::new(format!("cannot apply {path}")).because(e)
    };
    let text = std::fs::read_to_string(path).map_err(|e| about(e.into()))?;
    let saved = SavedPlan::parse(&text)
        .map_err(|e| about(e.into()).hint("plan again with `evenkeel plan --out FILE`"))?;
    let allowed = Risk::from(args.view.allow);
    if args.view.allow != Allow::default() && allowed != saved.allow {
        return Err(CliError::new(format!("{path} was planned with another `--allow`"))
            .hint("plan again with the `--allow` that is wanted, and look at it"));
    }
    Ok(Some(saved))
}

fn is_plan_file(file: &Path) -> bool {
    !file.extension().is_some_and(|e| e == "yaml" || e == "yml") && file.is_file()
}

/// The scope that a saved plan was made from, and its credentials: its own manifests, and of them what it shows.
fn reopen(
    saved: &SavedPlan,
    registry: &evenkeel_core::driver::Registry,
) -> Result<(Scope, Vec<NamedSecret>), CliError> {
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
    // Of everything, all counts: what is in no change, by whatever accident, must not look left over.
    instances.retain(|i| !saved.partial || shown.contains(&i.id));
    let secrets = session::secrets(&loaded);
    Ok((session::scope(loaded, instances, registry, saved.partial), secrets))
}

/// What was said to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    Interrupted,
}

/// Asks on the terminal; without one, nobody can say yes. Ctrl-C is an answer too: reading goes on over it.
pub(crate) async fn confirmed(output: Output) -> Result<Answer, CliError> {
    let hint = "look at `evenkeel plan`, then use `apply --auto-approve` or a saved plan with it";
    asked(output, "Send this?", "nothing was sent", hint).await
}

/// Asks `question`. Where nobody can answer, that is an error with `hint`, and `undone` says what was left.
pub(crate) async fn asked(
    output: Output,
    question: &str,
    undone: &str,
    hint: &str,
) -> Result<Answer, CliError> {
    if output == Output::Json || !std::io::stdin().is_terminal() {
        return Err(CliError::new(format!("there is no terminal to ask on; {undone}")).hint(hint));
    }
    ui::note(&format!("\n{question} Only `yes` is taken: "));
    let line = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answer = tokio::select! {
        answer = line => answer.map_err(std::io::Error::other).flatten(),
        _ = tokio::signal::ctrl_c() => {
            ui::note("\n");
            return Ok(Answer::Interrupted);
        }
    };
    let answer = answer.map_err(|e| CliError::new("cannot read the answer").because(e))?;
    if !answer.ends_with('\n') {
        ui::note("\n");
    }
    Ok(if answer.trim() == "yes" { Answer::Yes } else { Answer::No })
}
