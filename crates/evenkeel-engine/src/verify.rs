//! Comparing what is there now with what a plan saw, and with what it wanted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use evenkeel_core::plan::{Action, Blueprint, Change, Gate, Instance, InstanceId, Policy, build};
use evenkeel_core::target::Target;

use crate::apply::Work;
use crate::observe::Survey;
use crate::reconcile::{Engine, Scope};
use crate::run::Verdict;

/// A planned change held against a new look.
pub(crate) enum Fresh<'a> {
    /// Nothing changed since the plan was made.
    AsPlanned(&'a Change),
    /// Nothing is to be sent.
    Settled(Verdict),
}

/// The part of a scope that lives on one target.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) target: &'a Arc<Target>,
    /// Every instance that manifests want here.
    pub(crate) instances: &'a [&'a Instance],
    pub(crate) policy: Policy,
}

/// Changes as they would be planned now, by instance and object.
pub(crate) type Look = HashMap<(InstanceId, String), Change>;

impl Engine {
    /// Plans the instances of `changes` anew from a new look at their target.
    pub(crate) async fn look_again(&self, part: &Part<'_>, changes: &[&Change]) -> Look {
        let wanted: HashSet<&InstanceId> = changes.iter().map(|c| &c.id).collect();
        let removes = changes.iter().any(|c| c.action == Action::Delete);
        let survey = Survey {
            target: part.target,
            instances: part.instances.iter().copied().filter(|i| wanted.contains(&i.id)).collect(),
            inventory: Vec::new(),
            marked: if removes { part.scope.pruned_on(part.target) } else { Vec::new() },
        };
        let replies = BTreeMap::from([(part.target.name.clone(), self.observe_target(&survey).await)]);
        let now = self.clock.now();
        let blueprint = Blueprint { replies: &replies, policy: part.policy, now };
        let mut fresh = build(&survey.instances, &blueprint).changes;
        if let (true, Some(replies)) = (removes, replies.get(&part.target.name)) {
            fresh.extend(part.scope.removals_on(part.target, part.instances, replies, part.policy, now));
        }
        fresh.into_iter().map(|c| ((c.id.clone(), c.object.clone()), c)).collect()
    }
}

/// Holds `planned` against the new look.
pub(crate) fn compare<'a>(planned: &Change, fresh: &'a Look) -> Fresh<'a> {
    let Some(now) = find(planned, fresh) else {
        let gone = Verdict::Unchanged;
        return Fresh::Settled(if planned.action == Action::Delete { gone } else { lost(planned) });
    };
    if let Some(error) = &now.error {
        return Fresh::Settled(Verdict::Unknown { message: error.message.clone(), hint: error.hint.clone() });
    }
    if let Some(reason) = &now.busy {
        return Fresh::Settled(Verdict::Skipped { reason: reason.clone() });
    }
    if now.action == Action::NoOp {
        return Fresh::Settled(Verdict::Unchanged);
    }
    if planned.action != Action::Create && now.action == Action::Create {
        return Fresh::Settled(Verdict::Stale { fields: vec![format!("{} is gone", now.object)] });
    }
    let fields = changed_since(planned, now);
    if !fields.is_empty() {
        return Fresh::Settled(Verdict::Stale { fields });
    }
    if let Gate::Held { reasons } = &now.gate {
        return Fresh::Settled(Verdict::Held { reasons: reasons.clone() });
    }
    Fresh::AsPlanned(now)
}

/// The fields that were read differently, or whose planned value is another.
fn changed_since(planned: &Change, now: &Change) -> Vec<String> {
    let paths = planned.read.keys().chain(now.read.keys());
    let mut fields: Vec<String> =
        paths.filter(|path| planned.read.get(*path) != now.read.get(*path)).cloned().collect();
    fields.sort();
    fields.dedup();
    if fields.is_empty() && (planned.action != now.action || planned.steps != now.steps) {
        fields.push(format!("{} itself", now.object));
    }
    fields
}

/// What became of a change for which something was sent.
pub(crate) fn verdict_after(change: &Change, work: &Work, after: &Look) -> Verdict {
    if work.sent.is_empty() {
        return Verdict::NotStarted;
    }
    let now = find(change, after);
    if change.action == Action::Delete && now.is_none() && !after.values().any(|c| c.error.is_some()) {
        return Verdict::Applied;
    }
    let complaint = work.complaint.clone();
    match now {
        Some(Change { error: Some(error), .. }) => {
            let (message, hint) = complaint.unwrap_or_else(|| (error.message.clone(), error.hint.clone()));
            Verdict::Unknown { message, hint }
        }
        Some(now) if now.action == Action::NoOp && now.busy.is_none() => Verdict::Applied,
        Some(now) => {
            let (message, hint) = complaint.unwrap_or_else(|| still_differs(now, work.cut_short));
            Verdict::Failed { message, hint }
        }
        None => lost(change),
    }
}

fn still_differs(now: &Change, cut_short: bool) -> (String, Option<String>) {
    let fields: Vec<String> =
        now.fields.iter().map(|f| format!("{} is {}", f.change.path, f.before_text)).collect();
    if cut_short {
        return (
            format!("stopped midway: {}", fields.join(", ")),
            Some("run apply again to finish".to_owned()),
        );
    }
    let message = format!("every command succeeded, but read back it still differs: {}", fields.join(", "));
    (
        message,
        Some(
            "something on the target puts it back, or the value is not what the target makes of it"
                .to_owned(),
        ),
    )
}

fn lost(change: &Change) -> Verdict {
    Verdict::Unknown { message: format!("{} is no longer part of this run", change.object), hint: None }
}

fn find<'a>(change: &Change, among: &'a Look) -> Option<&'a Change> {
    among.get(&(change.id.clone(), change.object.clone()))
}
