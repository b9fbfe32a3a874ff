//! `evenkeel backup`: the copies that schedules make.

mod list;
mod restore;
mod run;
mod verify;

pub(crate) use verify::Checked;

use std::sync::Arc;

use evenkeel_core::backup::slot_of;
use evenkeel_core::driver::Generation;
use evenkeel_core::plan::{Instance, Plan, Policy};
use evenkeel_engine::{Engine, Stop};
use jiff::Timestamp;

use crate::args::{Copies as Args, CopiesCommand, Manifests, Output, Reach, Which};
use crate::error::CliError;
use crate::exit::Exit;
use crate::session::{self, Workspace};
use crate::ui::Bars;

/// The kind that makes copies.
const KIND: &str = "BackupSchedule";

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    match &args.command {
        CopiesCommand::List(args) => list::run(args, output),
        CopiesCommand::Preview(args) => list::preview(args, output),
        CopiesCommand::Run(args) => run::make(args, output),
        CopiesCommand::Prune(args) => run::prune(args, output),
        CopiesCommand::Verify(args) => verify::run(args, output),
        CopiesCommand::Restore(args) => restore::run(args, output),
    }
}

/// The schedules among the manifests, and nothing else.
fn open(manifests: &Manifests) -> Result<Workspace, CliError> {
    let mut workspace = session::open(manifests, &evenkeel_drivers::registry())?;
    workspace.scope.instances.retain(|instance| instance.id.kind == KIND);
    if workspace.scope.instances.is_empty() {
        return Err(CliError::new(format!("there is no {KIND} among these manifests"))
            .hint("name the files or folders that have one, or select others"));
    }
    // Nothing else is looked at, so nothing can be known to have left.
    workspace.scope.prunable = evenkeel_core::driver::Registry::default();
    workspace.partial = true;
    Ok(workspace)
}

/// The one schedule that a command is about.
fn only(workspace: &Workspace) -> Result<&Instance, CliError> {
    match workspace.scope.instances.as_slice() {
        [one] => Ok(one),
        several => {
            let names: Vec<String> = several.iter().map(|i| i.id.to_string()).collect();
            Err(CliError::new(format!("there are {} schedules here", names.len()))
                .hint(format!("name one of them: {}", names.join(", "))))
        }
    }
}

/// Where a command's engine and its bars are.
struct Reached {
    engine: Engine,
    bars: Arc<Bars>,
    stop: Stop,
}

fn reach(workspace: &Workspace, reach: &Reach) -> Reached {
    let (bars, stop) = (Arc::new(Bars::new()), Stop::default());
    let credentials = session::credentials(reach, workspace.secrets.clone());
    let engine = session::engine(session::transport(reach, &credentials), Arc::clone(&bars) as _, &stop);
    Reached { engine, bars, stop }
}

/// Plans the schedules; nothing is sent.
fn plan(workspace: &Workspace, reached: &Reached, policy: Policy) -> Result<Result<Plan, Exit>, CliError> {
    let planning = async { Ok(reached.engine.plan(&workspace.scope, policy).await) };
    let planned = session::read_by(&reached.engine, planning);
    reached.bars.clear();
    match planned {
        Ok(plan) => plan.map(Ok),
        Err(interrupted) => Ok(Err(interrupted)),
    }
}

impl Which {
    /// The slot that is wanted. `None`: any.
    fn slot(&self) -> Result<Option<Slot>, CliError> {
        let Some(text) = &self.slot else { return Ok(None) };
        if text == "latest" {
            return Ok(Some(Slot::Latest));
        }
        let at = slot_of(text).or_else(|| text.parse::<Timestamp>().ok());
        at.map(|at| Some(Slot::At(at))).ok_or_else(|| {
            CliError::new(format!("`--slot {text}` is no slot"))
                .hint("write it as `evenkeel backup list` shows it, 20261120T020000Z, or `latest`")
        })
    }

    /// True for a copy of the wanted item in the wanted store.
    fn takes(&self, generation: &Generation) -> bool {
        let of_item = self.item.as_ref().is_none_or(|item| *item == generation.item);
        let in_store = self.store.as_ref().is_none_or(|store| {
            generation.store == *store || generation.store.split(':').next() == Some(store.as_str())
        });
        of_item && in_store
    }

    /// Of `generations`, those that are wanted.
    fn of<'a>(&self, generations: &'a [Generation]) -> Result<Vec<&'a Generation>, CliError> {
        let taken: Vec<&Generation> = generations.iter().filter(|g| self.takes(g)).collect();
        let slot = match self.slot()? {
            None => return Ok(taken),
            Some(Slot::At(at)) => Some(at),
            Some(Slot::Latest) => taken.iter().filter(|g| g.verified).map(|g| g.slot).max(),
        };
        Ok(taken.into_iter().filter(|g| Some(g.slot) == slot).collect())
    }
}

/// A slot as it is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    At(Timestamp),
    Latest,
}
