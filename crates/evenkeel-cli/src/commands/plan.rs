//! `evenkeel plan`

use std::path::Path;
use std::sync::Arc;

use evenkeel_core::plan::{FORMAT_VERSION, Plan, Policy};
use evenkeel_core::transport::Transport;
use evenkeel_engine::{Clock, Engine, InputFile, SavedPlan, Scope, Stop, SystemClock};
use evenkeel_transport::credentials::NamedSecret;
use evenkeel_transport::{Recorder, Replayer};
use jiff::Timestamp;

use super::comment::Comment;
use crate::args::{Output, Plan as Args, View};
use crate::error::CliError;
use crate::exit::Exit;
use crate::session::{self, Workspace};
use crate::ui::{self, Bars, PlanView};

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    if let Some(file) = &args.out {
        writable(file)?;
    }
    let comment = args.comment.as_deref().map(Comment::new).transpose()?;
    let workspace = session::open(&args.manifests, &evenkeel_drivers::registry())?;
    let policy = Policy::allowing(args.view.allow.into());
    let bars = Arc::new(Bars::new());
    let (transport, clock) = reach(args, &workspace.secrets)?;
    let engine = Engine::new(transport, clock, Arc::clone(&bars) as _, Stop::default());
    let engine = if args.view.full { engine.keeping_tables() } else { engine };
    let planned = session::read_by(&engine, async { Ok(engine.plan(&workspace.scope, policy).await) });
    bars.clear();
    let plan = match planned {
        Ok(plan) => plan?,
        Err(interrupted) => return Ok(interrupted),
    };
    let saved = match &args.out {
        Some(file) => save(file, &workspace, args.view, plan.clone()),
        None => Ok(()),
    };
    let posted = comment.map_or(Ok(()), |comment| comment.post(&plan, &workspace.scope, args));
    // A script gets one document: the plan, or why it could not be saved or posted.
    if (saved.is_ok() && posted.is_ok()) || output == Output::Human {
        show(&plan, &workspace.scope, args.view, output)?;
    }
    saved?;
    posted?;
    if let Some(file) = &args.out {
        ui::note(&format!("saved: apply exactly this with `evenkeel apply {}`\n", file.display()));
    }
    let code = exit(&plan);
    // The program ends here: to take a large plan apart first would only cost time.
    std::mem::forget((plan, workspace));
    Ok(code)
}

/// The exit code of a plan.
pub(crate) fn exit(plan: &Plan) -> Exit {
    match (plan.has_errors(), plan.has_changes()) {
        (true, _) => Exit::Error,
        (false, true) => Exit::Pending,
        (false, false) => Exit::Done,
    }
}

/// Prints a plan in the wanted form.
pub(crate) fn show(plan: &Plan, scope: &Scope, view: View, output: Output) -> Result<(), CliError> {
    match output {
        Output::Json => ui::print_json(plan),
        Output::Human => {
            let View { show_commands, full, .. } = view;
            let (targets, instances) = (&scope.targets, scope.instances.as_slice());
            ui::show_plan(plan, &PlanView { targets, instances, show_commands, full });
            Ok(())
        }
    }
}

type Reached = (Arc<dyn Transport>, Arc<dyn Clock>);

/// The transport and clock: real ones, recorded, or a recording's.
fn reach(args: &Args, secrets: &[NamedSecret]) -> Result<Reached, CliError> {
    if let Some(folder) = &args.replay {
        let about = |e| {
            CliError::new(format!("cannot replay {}", folder.display()))
                .because(e)
                .hint("name a folder that `evenkeel plan --record` wrote")
        };
        let replayer = Replayer::open(folder).map_err(about)?;
        let clock = Arc::new(RecordedClock(replayer.now()));
        return Ok((Arc::new(replayer), clock));
    }
    let credentials = session::credentials(&args.reach, secrets.to_vec());
    let transport = session::transport(&args.reach, &credentials);
    let Some(folder) = &args.record else { return Ok((transport, Arc::new(SystemClock))) };
    let now = SystemClock.now();
    let about = |e| {
        CliError::new(format!("cannot record into {}", folder.display()))
            .because(e)
            .hint("name a folder that does not exist yet")
    };
    let recorder = Recorder::new(transport, folder, now, credentials).map_err(about)?;
    Ok((Arc::new(recorder), Arc::new(RecordedClock(now))))
}

/// The time at which a recording was made: the same replies at the same time give the same plan.
struct RecordedClock(Timestamp);

impl Clock for RecordedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Refuses a place that cannot take the plan before hundreds of machines are read for it.
fn writable(file: &Path) -> Result<(), CliError> {
    let about = |why: &str| CliError::new(format!("cannot save the plan to {}: {why}", file.display()));
    if file.is_dir() {
        return Err(about("it is a folder").hint("name a file in it"));
    }
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(about("its folder does not exist"))
        }
        _ => Ok(()),
    }
}

fn save(file: &Path, workspace: &Workspace, view: View, plan: Plan) -> Result<(), CliError> {
    let about = |e: Box<dyn std::error::Error + Send + Sync>| {
        CliError::new(format!("cannot save the plan to {}", file.display())).because(e)
    };
    let texts = |files: &[evenkeel_core::manifest::SourceFile]| {
        files
            .iter()
            .map(|f| InputFile { path: f.path.clone(), text: String::from_utf8_lossy(&f.bytes).into_owned() })
            .collect()
    };
    let saved = SavedPlan {
        format_version: FORMAT_VERSION,
        evenkeel: env!("CARGO_PKG_VERSION").to_owned(),
        created: SystemClock.now(),
        manifests: texts(&workspace.manifests),
        values: texts(&workspace.values),
        allow: view.allow.into(),
        partial: workspace.partial,
        plan,
    };
    let text = serde_json::to_string_pretty(&saved).map_err(|e| about(e.into()))?;
    std::fs::write(file, text + "\n").map_err(|e| about(e.into()))
}
