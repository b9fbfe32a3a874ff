//! Comparing what is there now with what a plan saw, and with what it wanted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use evenkeel_core::condition::few;
use evenkeel_core::diff::{FieldChange, FieldPath};
use evenkeel_core::driver::{Keep, Step};
use evenkeel_core::plan::{
    Action, Blueprint, Change, ChangeError, Gate, Instance, InstanceId, Policy, build,
};
use evenkeel_core::target::Target;
use jiff::Timestamp;
use serde_json::Value;

use crate::brief;
use crate::observe::Survey;
use crate::reconcile::{Engine, Scope};
use crate::run::Verdict;
use crate::send::{End, Work};

/// A planned change held against a new look.
pub(crate) enum Fresh {
    /// What the plan saw is still so: what it shows can be sent.
    AsPlanned,
    /// Nothing is to be sent.
    Settled(Verdict),
}

/// The fields that a run wrote on a target so far.
pub(crate) type Written<'a> = Vec<&'a FieldChange>;

/// The part of a scope that lives on one target.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) target: &'a Arc<Target>,
    /// Every instance that manifests want here.
    pub(crate) instances: &'a [&'a Instance],
    pub(crate) policy: Policy,
}

impl Part<'_> {
    /// The target of this name: this one, or another of the scope.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Target>> {
        if name == self.target.name { Some(self.target) } else { self.scope.find(name) }
    }

    /// True where the driver of a change has a schedule.
    pub(crate) fn is_scheduled(&self, change: &Change) -> bool {
        let of = |instance: &&&Instance| instance.id == change.id;
        self.instances.iter().find(of).is_some_and(|instance| instance.driver.is_scheduled())
    }
}

/// Changes as they would be planned now, by instance and object.
pub(crate) type Look = HashMap<(InstanceId, String), Change>;

impl Engine {
    /// Plans the instances of `changes` anew from a new look at their target, as of `now`: what was sent is held against
    /// what was wanted when it was sent, though a schedule may want more by the time it is done.
    pub(crate) async fn look_again(&self, part: &Part<'_>, changes: &[&Change], now: Timestamp) -> Look {
        let wanted: HashSet<&InstanceId> = changes.iter().map(|c| &c.id).collect();
        let removes = changes.iter().any(|c| c.action == Action::Delete);
        let survey = Survey {
            target: part.target,
            scope: part.scope,
            instances: part.instances.iter().copied().filter(|i| wanted.contains(&i.id)).collect(),
            context: Vec::new(),
            inventory: Vec::new(),
            marked: if removes { part.scope.pruned_on(part.target) } else { Vec::new() },
        };
        let replies = BTreeMap::from([(part.target.name.clone(), self.observe_target(&survey).await)]);
        let blueprint =
            Blueprint { replies: &replies, policy: part.policy, now, keep: Keep::default(), context: &[] };
        let mut fresh = build(&survey.instances, &blueprint).changes;
        if let (true, Some(replies)) = (removes, replies.get(&part.target.name)) {
            fresh.extend(part.scope.removals_on(part.target, part.instances, replies, part.policy, now));
        }
        fresh.into_iter().map(|c| ((c.id.clone(), c.object.clone()), c)).collect()
    }
}

/// Holds `planned` against the new look. What this run itself has `written` before is no surprise.
pub(crate) fn compare(planned: &Change, fresh: &Look, written: &Written<'_>) -> Fresh {
    let Some(now) = find(planned, fresh) else {
        return Fresh::Settled(match listing_error(planned, fresh) {
            Some(error) => unknown(error),
            None if planned.action == Action::Delete => Verdict::Unchanged,
            None => lost(planned),
        });
    };
    if let Some(error) = &now.error {
        return Fresh::Settled(unknown(error));
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
    let fields = changed_since(planned, now, written);
    if !fields.is_empty() {
        return Fresh::Settled(Verdict::Stale { fields });
    }
    if let Gate::Held { reasons, .. } = &now.gate {
        return Fresh::Settled(Verdict::Held { reasons: reasons.clone() });
    }
    Fresh::AsPlanned
}

/// The fields that were read differently, or whose planned value is another.
fn changed_since(planned: &Change, now: &Change, written: &Written<'_>) -> Vec<String> {
    let paths: BTreeSet<&String> = planned.read.keys().chain(now.read.keys()).collect();
    let differs = |path: &&String| planned.read.get(*path) != now.read.get(*path);
    let (ours, others): (Vec<&String>, Vec<&String>) =
        paths.into_iter().filter(differs).partition(|path| is_explained(path, planned, now, written));
    let mut fields: Vec<String> = others.into_iter().cloned().collect();
    // With fields that this run wrote, the commands of now are for what is left; the approved ones still hold.
    let is_another = planned.action != now.action
        || (ours.is_empty() && planned.steps != now.steps)
        || planned.steps.iter().any(|step| is_withheld(step, now));
    if fields.is_empty() && is_another {
        fields.push(format!("what would be sent for {}", now.object));
    }
    fields
}

/// True where a step that was open when it was planned may not be sent any more.
fn is_withheld(step: &Step, now: &Change) -> bool {
    let is_same = |other: &Step| (&other.target, &other.request) == (&step.target, &step.request);
    now.withheld.iter().flat_map(|withheld| &withheld.steps).any(is_same)
}

/// True where the field has the value that this run wrote elsewhere on the target (it is inherited from there),
/// and the plan writes the field anyway, to the same value as now.
fn is_explained(path: &str, planned: &Change, now: &Change, written: &Written<'_>) -> bool {
    let of = |change: &'_ Change| {
        let holds = |field: &&FieldChange| FieldPath::of([path]).is_within(&field.path.to_string());
        change.fields.iter().map(|f| &f.change).find(holds).cloned()
    };
    let Some(approved) = of(planned) else { return false };
    let value = match of(now) {
        Some(field) if field.after != approved.after => return false,
        Some(field) => field.before,
        None => approved.after,
    };
    written.iter().any(|field| field.path == approved.path && tells(value.as_ref(), field.after.as_ref()))
}

/// True where `value` is `written`, by itself or told together with where it comes from.
fn tells(value: Option<&Value>, written: Option<&Value>) -> bool {
    let parts = value.and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values);
    value == written || parts.map(Some).any(|part| part == written)
}

/// What became of a change for which something was sent. What a driver with a schedule wants depends on what it finds.
pub(crate) fn verdict_after(change: &Change, is_scheduled: bool, work: &Work, after: &Look) -> Verdict {
    let complaint = work.complaint.clone();
    if let Some(end) = work.end {
        let (message, hint) = complaint.unwrap_or_default();
        return match end {
            End::Halted => Verdict::Halted { message, hint },
            End::RolledBack { .. } => Verdict::RolledBack { message, hint },
        };
    }
    if work.sent.is_empty() {
        return complaint.map_or(Verdict::NotStarted, |(message, hint)| Verdict::Failed { message, hint });
    }
    let Some(now) = find(change, after) else {
        return match listing_error(change, after) {
            Some(error) => unknown_after(error, complaint),
            None if change.action == Action::Delete => Verdict::Applied,
            None => lost(change),
        };
    };
    match now {
        Change { error: Some(error), .. } => unknown_after(error, complaint),
        // What is not wanted any more, such as a copy after its last try, is no success for that.
        now if complaint.is_some() && now.action == Action::NoOp && now.report.trouble().is_some() => {
            let (message, hint) = complaint.unwrap_or_default();
            Verdict::Failed { message, hint }
        }
        now if now.action == Action::NoOp && now.busy.is_none() => Verdict::Applied,
        now if is_scheduled && complaint.is_none() && !work.cut_short && is_more(change, now) => {
            Verdict::Applied
        }
        // What may be sent was; the rest waits for a person.
        Change { gate: Gate::Held { reasons, .. }, .. }
            if complaint.is_none() && change.withheld.is_some() =>
        {
            Verdict::Held { reasons: reasons.clone() }
        }
        now => {
            let (message, hint) = complaint.unwrap_or_else(|| still_differs(now, work.cut_short));
            Verdict::Failed { message, hint }
        }
    }
}

/// True where all that was planned is so, and what is to be done now has come up since: a machine is free by now that
/// something was done to before. It is for the next run.
fn is_more(change: &Change, now: &Change) -> bool {
    let was_planned = |path: &FieldPath| change.fields.iter().any(|field| field.change.path == *path);
    now.action == Action::Update
        && now.busy.is_none()
        && !now.fields.is_empty()
        && !now.fields.iter().any(|field| was_planned(&field.change.path))
}

/// What a change that was settled (by being applied in this run, or from the start) is now that others were
/// written; `None` where that could not be read.
pub(crate) fn drift(change: &Change, was_applied: bool, after: &Look) -> Option<Verdict> {
    let now = find(change, after)?;
    if now.error.is_some() || now.busy.is_some() {
        return None;
    }
    Some(match now.action {
        Action::NoOp if was_applied => Verdict::Applied,
        Action::NoOp => Verdict::Unchanged,
        _ => Verdict::Drifted { fields: readings(now) },
    })
}

/// Why the objects of the change's kind could not be listed: what is not found is then not known to be gone.
fn listing_error<'a>(change: &Change, among: &'a Look) -> Option<&'a ChangeError> {
    let same = |c: &&Change| c.id.target == change.id.target && c.id.kind == change.id.kind;
    let listed = |c: &&Change| change.action == Action::Delete && c.location.is_none();
    among.values().filter(same).filter(listed).find_map(|c| c.error.as_ref())
}

fn unknown(error: &ChangeError) -> Verdict {
    Verdict::Unknown { message: error.message.clone(), hint: error.hint.clone() }
}

fn unknown_after(error: &ChangeError, complaint: Option<(String, Option<String>)>) -> Verdict {
    let (message, hint) = complaint.unwrap_or_else(|| (error.message.clone(), error.hint.clone()));
    Verdict::Unknown { message, hint }
}

/// `properties.atime is on`, for each field that differs.
fn readings(now: &Change) -> Vec<String> {
    now.fields.iter().map(|f| format!("{} is {}", f.change.path, brief::value(&f.before_text))).collect()
}

fn still_differs(now: &Change, cut_short: bool) -> (String, Option<String>) {
    let seen = match now.action {
        Action::Delete => "it is still there".to_owned(),
        Action::Create => "it does not exist".to_owned(),
        _ => few(&readings(now), ", "),
    };
    if cut_short {
        return (format!("stopped midway: {seen}"), Some("run apply again to finish".to_owned()));
    }
    let hint = "something on the target puts it back, or the value is not what the target makes of it";
    (format!("every command succeeded, but read back it still differs: {seen}"), Some(hint.to_owned()))
}

fn lost(change: &Change) -> Verdict {
    Verdict::Unknown { message: format!("{} is no longer part of this run", change.object), hint: None }
}

fn find<'a>(change: &Change, among: &'a Look) -> Option<&'a Change> {
    among.get(&(change.id.clone(), change.object.clone()))
}
