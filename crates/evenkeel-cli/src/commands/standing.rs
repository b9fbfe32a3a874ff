//! `evenkeel status` of what a controller knows: its sources and resources, without asking a target.

use evenkeel_core::condition::{Condition, ConditionType, Status};
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::store::{ResourceFilter, ResourceStatus, SourceStatus, SourceVerdict};
use evenkeel_engine::{Clock as _, SystemClock};
use serde_json::json;

use crate::args::{Controller, Output, Status as Args, Within};
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::memory::Memory;
use crate::picked::Known;
use crate::session;
use crate::times;
use crate::ui;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let wrong = |flag: &str| {
        CliError::new(format!("`{flag}` is for `status` of the targets, not of a controller"))
            .hint("select by KIND/NAME, --target or --source")
    };
    if !args.manifests.label.is_empty() {
        return Err(wrong("--label"));
    }
    let place = Place::of(&Controller { way: args.way.clone(), values: args.manifests.values.clone() })?;
    let memory = place.memory()?;
    let read = session::block_on_reading(read(&memory, args));
    let (sources, resources) = match read {
        Ok(found) => found?,
        Err(interrupted) => return Ok(interrupted),
    };
    let running = place.is_running();
    match output {
        Output::Human => ui::show_standing(&sources, &resources, SystemClock.now()),
        Output::Json => ui::print_json(&json!({
            "formatVersion": FORMAT_VERSION,
            "running": running,
            "sources": sources,
            "resources": resources,
        }))?,
    }
    if !running {
        ui::note(&not_running(&sources, &resources));
    }
    let everything = args.manifests.paths.is_empty() && args.manifests.target.is_empty();
    let unseen = if everything { unseen(&sources, &resources) } else { 0 };
    if unseen > 0 {
        ui::note(&format!("not looked at yet: {} in force\n", ui::count(unseen, "resource")));
    }
    Ok(worst([exit(&sources, &resources), if unseen > 0 { Exit::Pending } else { Exit::Done }].into_iter()))
}

/// What was true when it was written down may not be so any more.
fn not_running(sources: &[SourceStatus], resources: &[ResourceStatus]) -> String {
    let looks = sources.iter().map(|source| source.checked_at);
    let last = looks.chain(resources.iter().map(|status| status.observed_at)).flatten().max();
    let last = last.map(|at| format!(", the last of it at {}", times::shown(at))).unwrap_or_default();
    format!("warning: no controller is running; this is what it wrote down{last}\n")
}

/// How many resources the revisions in force have that the controller says nothing of yet.
fn unseen(sources: &[SourceStatus], resources: &[ResourceStatus]) -> usize {
    let seen = |name: &str| resources.iter().filter(|status| status.key.source == name).count();
    let of = |source: &SourceStatus| usize::try_from(source.resources).unwrap_or(usize::MAX);
    sources.iter().map(|source| of(source).saturating_sub(seen(&source.name))).sum()
}

/// What was asked for: all of it, or the resources that a name and a target let through, and their sources.
async fn read(memory: &Memory, args: &Args) -> Result<(Vec<SourceStatus>, Vec<ResourceStatus>), CliError> {
    let names: Vec<Option<&str>> = any_or(args.manifests.paths.iter().map(String::as_str));
    let targets: Vec<Option<&str>> = any_or(args.manifests.target.iter().map(String::as_str));
    let known = Known::of(memory).await?;
    let mut filters: Vec<ResourceFilter> = Vec::new();
    for name in &names {
        for target in &targets {
            let within = Within { target: target.map(str::to_owned), source: args.source.clone() };
            filters.push(known.picked(*name, &within)?.known()?);
        }
    }
    let Known { mut resources, mut sources } = known;
    resources.retain(|status| filters.iter().any(|filter| filter.matches(&status.key)));
    let everything = args.manifests.paths.is_empty() && args.manifests.target.is_empty();
    sources.retain(|source| {
        args.source.as_ref().is_none_or(|name| *name == source.name)
            && (everything || resources.iter().any(|status| status.key.source == source.name))
    });
    if resources.is_empty() && !everything {
        return Err(CliError::new("nothing matches this selection")
            .hint("leave out the selection to see what the controller knows"));
    }
    Ok((sources, resources))
}

/// Each of `wanted`, or one that lets everything through where nothing in particular is wanted.
fn any_or<'a>(wanted: impl Iterator<Item = &'a str>) -> Vec<Option<&'a str>> {
    let wanted: Vec<Option<&str>> = wanted.map(Some).collect();
    if wanted.is_empty() { vec![None] } else { wanted }
}

/// The answer to whether a resource is as its manifest says.
pub(crate) fn ready(status: &ResourceStatus) -> Option<&Condition> {
    status.conditions.iter().find(|c| c.kind == ConditionType::Ready)
}

fn exit(sources: &[SourceStatus], resources: &[ResourceStatus]) -> Exit {
    let of_sources = sources.iter().map(|source| match source.verdict {
        SourceVerdict::InForce => Exit::Done,
        SourceVerdict::Pending | SourceVerdict::Held { .. } => Exit::Pending,
        SourceVerdict::Refused { .. } | SourceVerdict::Invalid { .. } => Exit::Error,
    });
    worst(of_sources.chain([exit_of(resources)]))
}

/// The exit code for how things stand with resources. What could not be read is an error, as for `plan`.
pub(crate) fn exit_of(resources: &[ResourceStatus]) -> Exit {
    worst(resources.iter().map(|status| match ready(status) {
        Some(Condition { status: Status::True, .. }) => Exit::Done,
        Some(Condition { status: Status::Unknown, reason, .. }) if reason != "Busy" => Exit::Error,
        _ => Exit::Pending,
    }))
}

/// Exit 1 wins over 2.
fn worst(all: impl Iterator<Item = Exit>) -> Exit {
    let weight = |exit: &Exit| match exit {
        Exit::Done => 0,
        Exit::Pending => 1,
        Exit::Interrupted => 2,
        Exit::Error => 3,
    };
    all.max_by_key(weight).unwrap_or(Exit::Done)
}
