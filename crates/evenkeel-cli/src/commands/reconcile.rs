//! `evenkeel reconcile`

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::controller::Reconciled;
use evenkeel_engine::store::{ResourceFilter, ResourceKey, ResourceStatus};
use evenkeel_engine::{Clock as _, SystemClock};
use evenkeel_server::client::Client;
use serde_json::json;
use tokio::time::Instant;

use crate::args::{Output, Reconcile as Args};
use crate::commands::standing;
use crate::controller::Place;
use crate::error::CliError;
use crate::exit::Exit;
use crate::memory::Memory;
use crate::picked::Picked;
use crate::session;
use crate::ui;

/// How often it is looked whether the controller is done, in its store.
const PAUSE: Duration = Duration::from_millis(300);

/// The same for a controller at an address, which sends everything each time.
const PAUSE_THERE: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    if !args.now {
        return Err(CliError::new("the controller looks by itself when resources are due")
            .hint("`evenkeel reconcile --now` asks it to look at once"));
    }
    let place = Place::of(&args.controller)?;
    let memory = place.memory()?;
    let asked = match session::block_on_reading(ask(&place.client(), &memory, args)) {
        Ok(asked) => asked?,
        Err(interrupted) => return Ok(interrupted),
    };
    let (resources, targets) = (asked.woken.resources, asked.woken.targets);
    let exit = asked.looked_at.as_deref().map_or(Exit::Done, standing::exit_of);
    match (output, asked.looked_at) {
        (Output::Human, None) => ui::print(&format!(
            "asked: {} on {}; `evenkeel status` with the same flags shows how things stand\n",
            ui::count(resources, "resource"),
            ui::count(targets, "target")
        )),
        (Output::Human, Some(status)) => ui::show_standing(&[], &status, SystemClock.now()),
        (Output::Json, status) => ui::print_json(&json!({
            "formatVersion": FORMAT_VERSION,
            "woken": { "resources": resources, "targets": targets },
            "resources": status,
        }))?,
    }
    Ok(exit)
}

/// What came of the wish.
struct Asked {
    woken: Reconciled,
    /// How things stand after the look, where that was waited for.
    looked_at: Option<Vec<ResourceStatus>>,
}

async fn ask(client: &Client, memory: &Memory, args: &Args) -> Result<Asked, CliError> {
    let filter = Picked::of(memory, args.resource.as_deref(), &args.within).await?.known()?;
    let before = memory.resources(&filter).await?;
    let woken: Reconciled = client.post_json("/api/v1/reconcile", &filter).await?;
    if woken.resources == 0 {
        return Err(CliError::new("the controller has no resource that this selects")
            .hint("`evenkeel status` with the controller's --config or --server lists what it has"));
    }
    let looked_at = if args.wait { Some(wait(memory, &filter, before, args).await?) } else { None };
    Ok(Asked { woken, looked_at })
}

/// Waits until each resource was looked at. Those that came since, or are gone, are not waited for.
async fn wait(
    memory: &Memory,
    filter: &ResourceFilter,
    before: Vec<ResourceStatus>,
    args: &Args,
) -> Result<Vec<ResourceStatus>, CliError> {
    let before: BTreeMap<ResourceKey, ResourceStatus> =
        before.into_iter().map(|status| (status.key.clone(), status)).collect();
    let deadline = Instant::now() + Duration::from(args.timeout);
    loop {
        let now = memory.resources(filter).await?;
        let waiting: Vec<&ResourceStatus> = now
            .iter()
            .filter(|status| before.get(&status.key).is_some_and(|old| !was_looked_at(old, status)))
            .collect();
        let Some(first) = waiting.first() else { return Ok(now) };
        if Instant::now() >= deadline {
            let (count, name) = (ui::count(waiting.len(), "resource"), &first.key.id);
            return Err(CliError::new(format!("within {} {count} was not looked at: {name}", args.timeout))
                .hint(
                    "the controller goes on; `evenkeel events --follow` shows it, --timeout waits longer",
                ));
        }
        let pause = match memory {
            Memory::Store(_) => PAUSE,
            Memory::Server(_) => PAUSE_THERE,
        };
        tokio::time::sleep(pause).await;
    }
}

/// True where the look that was asked for has happened since `old`. One that had begun before the wish leaves the
/// resource due at once: then the one that was asked for is still to come. What is suspended, and therefore never due,
/// is not looked at.
fn was_looked_at(old: &ResourceStatus, new: &ResourceStatus) -> bool {
    let is_suspended = old.next.is_none() && old.observed_at.is_some();
    let is_due = match (new.next, new.observed_at) {
        (Some(next), Some(seen)) => next <= seen,
        _ => false,
    };
    // The wish itself clears what the fight detector remembers: that is no look yet.
    let is_as_before = ResourceStatus { corrections: old.corrections.clone(), ..new.clone() } == *old;
    is_suspended || (!is_as_before && !is_due)
}

#[cfg(test)]
mod tests {
    use evenkeel_core::plan::InstanceId;
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    #[test]
    fn only_a_look_after_the_wish_counts() {
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().unwrap();
        let later = |minutes| now.saturating_add(SignedDuration::from_mins(minutes)).unwrap();
        let id = InstanceId { target: "alpha".into(), kind: "ZfsDataset".into(), name: "vm".into() };
        let fought = ResourceStatus {
            key: ResourceKey { source: "site".into(), id },
            object: "tank/vm".into(),
            location: None,
            observed_generation: 1,
            digest: "d".into(),
            fulfilled: None,
            last_attempted_revision: "r".into(),
            last_applied_revision: None,
            conditions: Vec::new(),
            differs: Vec::new(),
            intent: None,
            attributions: Vec::new(),
            observed_at: Some(now),
            since: now,
            failures: 0,
            next: Some(later(30)),
            health: Vec::new(),
            corrections: BTreeMap::from([("atime".to_owned(), vec![now])]),
            failed: false,
            halted: None,
        };
        let asked = ResourceStatus { corrections: BTreeMap::new(), ..fought.clone() };
        assert!(!was_looked_at(&fought, &fought));
        assert!(!was_looked_at(&fought, &asked), "asking clears the corrections");
        let looked = ResourceStatus { observed_at: Some(later(1)), next: Some(later(31)), ..asked };
        assert!(was_looked_at(&fought, &looked));
        let before_the_wish = ResourceStatus { next: Some(later(1)), ..looked };
        assert!(!was_looked_at(&fought, &before_the_wish), "the one that was asked for is still to come");
        let suspended = ResourceStatus { next: None, ..fought };
        assert!(was_looked_at(&suspended, &suspended));
    }
}
