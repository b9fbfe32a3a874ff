//! `evenkeel backup run` and `prune`

use evenkeel_core::driver::Demand;
use evenkeel_core::plan::Policy;
use evenkeel_engine::{Clock as _, SystemClock};
use jiff::Timestamp;

use super::open;
use crate::args::{Output, RunCopies};
use crate::commands::apply::{Order, carry_out};
use crate::error::CliError;
use crate::exit::Exit;

/// Makes a copy now.
pub(super) fn make(args: &RunCopies, output: Output) -> Result<Exit, CliError> {
    let now = SystemClock.now();
    // Slots are to the second.
    let slot = Timestamp::from_second(now.as_second()).unwrap_or(now);
    demand(args, Demand::Run(slot), output)
}

/// Removes what no rule keeps.
pub(super) fn prune(args: &RunCopies, output: Output) -> Result<Exit, CliError> {
    demand(args, Demand::Prune, output)
}

fn demand(args: &RunCopies, demand: Demand, output: Output) -> Result<Exit, CliError> {
    let mut workspace = open(&args.manifests)?;
    for instance in &mut workspace.scope.instances {
        instance.spec = instance.driver.on_demand(&instance.spec, demand).ok_or_else(|| {
            CliError::new(format!("{} makes and removes nothing by itself", instance.id))
                .hint("its copies are made by the host that it configures; select other schedules")
        })?;
    }
    let order = Order {
        scope: workspace.scope,
        secrets: workspace.secrets,
        policy: Policy::allowing(args.view.allow.into()),
        saved: None,
        view: args.view,
        auto_approve: args.auto_approve,
    };
    carry_out(order, &args.reach, output)
}
