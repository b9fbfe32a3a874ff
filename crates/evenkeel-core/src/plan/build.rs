//! Building a plan: instances and what was read of their targets in, changes out.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::approval::hash;
use super::clash::refuse_clashes;
use super::gate::{Written, gate, has_run_out, word};
use super::shut::shut;
use super::wait::wait;
use super::{
    Acceptance, Action, Approvable, Approval, Change, ChangeError, Field, Gate, InstanceId, Objection, Plan,
    Policy, Rejection, Rollout, Seen, Window, Withheld,
};
use crate::config::DriftMode;
use crate::diagnostic::Location;
use crate::diff::{FieldChange, FieldPath, leaves};
use crate::driver::{ErasedDriver, ErasedSpec, Evaluation, Keep, ObserveError, Report, Step, Terms};
use crate::manifest::Node;
use crate::period::Period;
use crate::request::Replies;

/// One resource on one target, ready to be observed and compared.
#[derive(Clone)]
pub struct Instance {
    /// The resource and its target.
    pub id: InstanceId,
    /// The driver that serves it.
    pub driver: Arc<dyn ErasedDriver>,
    /// The driver's own part of the spec.
    pub spec: ErasedSpec,
    /// The object on the target.
    pub object: String,
    /// The written spec, for the positions of its fields.
    pub node: Arc<Node>,
    /// Where the resource stands in the manifests.
    pub location: Location,
    /// The labels of the resource, for selection.
    pub labels: Arc<BTreeMap<String, String>>,
    /// How many resources it has to wait for, one after another.
    pub level: usize,
    /// The resources (`Kind/name`) that it waits for.
    pub depends_on: Vec<String>,
    /// The targets that it needs besides its own.
    pub uses: Arc<[String]>,
    /// The name in the mark on what is created: [`crate::target::Target::owner`].
    pub owner: String,
    /// `suspend: true`
    pub suspend: bool,
    /// Risks to data that were accepted.
    pub accepted: Vec<Acceptance>,
    /// When what changes it may be sent. Empty: at any time.
    pub windows: Arc<[Window]>,
    /// How often the controller looks at it, where the manifest says so.
    pub interval: Option<Period>,
    /// How drift of it is met, where the manifest says so.
    pub drift: Option<DriftMode>,
    /// Fields that are given to a new object and then left alone.
    pub ignore: Arc<[String]>,
    /// The cluster whose hosts are changed a few at a time with this one; `None` where it is changed with all others.
    pub rollout: Option<Arc<Rollout>>,
    /// Why nothing may be sent for it now, where somebody outside of the plan says so.
    pub hold: Option<Objection>,
    /// A person's word that its change may be sent although it is held.
    pub approval: Option<Arc<Approval>>,
    /// A person's word that its change shall not be sent.
    pub rejection: Option<Arc<Rejection>>,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("id", &self.id).field("object", &self.object).finish_non_exhaustive()
    }
}

/// What a plan is built from, besides the instances.
#[derive(Debug)]
pub struct Blueprint<'a> {
    /// What was read, by target.
    pub replies: &'a BTreeMap<String, Replies>,
    /// What the mode allows.
    pub policy: Policy,
    /// The time of this run.
    pub now: Timestamp,
    /// What changes carry besides what a plan needs.
    pub keep: Keep,
    /// Instances that are not planned now, but want something of the same objects: what they want is not contradicted.
    pub context: &'a [Instance],
}

/// Compares every instance with what was read of its target. Changes of objects that left the manifests
/// (see [`super::removals`]) can be added to the result by [`Plan::of`].
pub fn build<I: Borrow<Instance>>(instances: &[I], blueprint: &Blueprint<'_>) -> Plan {
    Plan::of(changes(instances, blueprint))
}

fn changes<I: Borrow<Instance>>(instances: &[I], blueprint: &Blueprint<'_>) -> Vec<Change> {
    let nothing = Replies::default();
    let mut changes = Vec::with_capacity(instances.len());
    let mut lacking = Vec::new();
    for instance in instances.iter().map(Borrow::borrow) {
        let replies = blueprint.replies.get(&instance.id.target).unwrap_or(&nothing);
        let mut change = blank(instance);
        let terms = Terms {
            owner: &instance.owner,
            ignore: &instance.ignore,
            id: &instance.id,
            keep: blueprint.keep,
        };
        match instance.driver.evaluate(&instance.spec, replies, terms, blueprint.now) {
            Err(error) => {
                fail(&mut change, instance, &error);
                change.report = instance.driver.remnant(&instance.spec, replies);
            }
            Ok(Evaluation::Busy { reason }) => change.busy = Some(reason),
            Ok(Evaluation::Known { action, observed, changes: fields, steps, ignored, lacks, report }) => {
                change.notes.extend(report.notes.iter().cloned());
                change.report = *report;
                fill(&mut change, instance, Known { action, observed, fields, steps, ignored }, blueprint);
                lacking.extend(lacks.map(|container| (changes.len(), container)));
            }
        }
        changes.push(change);
    }
    refuse_clashes(&mut changes, instances, blueprint);
    wait(&mut changes, instances, &lacking);
    changes
}

struct Known {
    action: Action,
    observed: Option<Value>,
    fields: Vec<FieldChange>,
    steps: Vec<Step>,
    ignored: Vec<FieldPath>,
}

fn blank(instance: &Instance) -> Change {
    Change {
        id: instance.id.clone(),
        object: instance.object.clone(),
        location: Some(instance.location.clone()),
        level: instance.level,
        action: Action::NoOp,
        risk: crate::driver::Risk::Safe,
        gate: Gate::Open,
        plan: None,
        approved: None,
        suspended: instance.suspend,
        busy: None,
        error: None,
        fields: Vec::new(),
        steps: Vec::new(),
        withheld: None,
        report: Report::default(),
        notes: Vec::new(),
        read: BTreeMap::new(),
        seen: None,
    }
}

fn fail(change: &mut Change, instance: &Instance, error: &ObserveError) {
    if let ObserveError::Unfit { path, .. } = error {
        change.location = Some(instance.node.locate(path));
    }
    change.error = Some(ChangeError::from(error));
}

fn fill(change: &mut Change, instance: &Instance, known: Known, blueprint: &Blueprint<'_>) {
    let expired = instance.accepted.iter().filter(|a| has_run_out(a, &instance.accepted, blueprint.now));
    change.notes.extend(expired.map(|a| {
        format!(
            "the acceptance of {} ended on {} (\"{}\"): renew it or take the setting back",
            a.of, a.until, a.reason
        )
    }));
    if !known.ignored.is_empty() {
        let paths: Vec<String> = known.ignored.iter().map(ToString::to_string).collect();
        change.notes.push(format!("left as found, as `drift.ignore` says: {}", paths.join(", ")));
    }
    change.action = known.action;
    if blueprint.keep.seen {
        change.seen = Some(Seen::of(&*instance.driver, known.observed.as_ref()));
    }
    if known.action == Action::NoOp {
        return;
    }
    let mut steps = known.steps;
    for step in &mut steps {
        step.settle(&instance.id.target);
    }
    change.fields = known.fields.into_iter().map(|c| field(&*instance.driver, c)).collect();
    let plan = hash(change, &steps);
    let written = written(instance, &plan, blueprint.now);
    let gated = gate(&steps, blueprint.policy, written, blueprint.now);
    change.notes.extend(gated.notes);
    (change.steps, change.gate) = (steps, gated.gate);
    look_when_it_opens(&mut change.report, &change.steps, instance, blueprint.now);
    withhold(change, written, blueprint);
    let mut by_approval = gated.by_approval;
    if let Some(Objection { reason, approvable }) = &instance.hold {
        if *approvable == Approvable::Yes && written.approval.is_some() {
            by_approval = true;
        } else {
            change.gate.hold_as(*approvable, [reason.to_string()]);
        }
    }
    change.approved = written.approval.filter(|_| by_approval && change.gate == Gate::Open).cloned();
    change.plan = Some(plan);
    change.risk = change.steps.iter().map(Step::risk).max().unwrap_or_default();
    change.read = known.observed.as_ref().map(|state| hashes(&*instance.driver, state)).unwrap_or_default();
}

/// What counts for the change whose hash is `plan`.
fn written<'a>(instance: &'a Instance, plan: &str, now: Timestamp) -> Written<'a> {
    Written {
        accepted: &instance.accepted,
        windows: &instance.windows,
        approval: instance.approval.as_deref().filter(|approval| approval.covers(plan, now)),
        rejection: instance.rejection.as_deref().filter(|rejection| rejection.plan == plan),
    }
}

/// What waits for a window is looked at when that opens: it may be shut again before the next look otherwise.
fn look_when_it_opens(report: &mut Report, steps: &[Step], instance: &Instance, now: Timestamp) {
    let opens = shut(&instance.windows, steps, now).and_then(|shut| shut.until);
    report.next = report.next.into_iter().chain(opens).min();
}

/// Lets the steps go before one that may wait, as many as there are before anything held.
fn withhold(change: &mut Change, written: Written<'_>, blueprint: &Blueprint<'_>) {
    let Gate::Held { reasons, .. } = &change.gate else { return };
    let is_held = |step: &Step| {
        let alone = std::slice::from_ref(step);
        gate(alone, blueprint.policy, written, blueprint.now).gate != Gate::Open
    };
    let first_held = change.steps.iter().position(is_held).unwrap_or(change.steps.len());
    let may_wait = |at: &usize| change.steps.get(*at).is_some_and(|step| step.may_wait);
    if let Some(at) = (1..=first_held).rev().find(may_wait) {
        let reasons = reasons.clone();
        change.withheld = Some(Withheld { steps: change.steps.split_off(at), reasons });
        change.gate = Gate::Open;
    }
}

fn field(driver: &dyn ErasedDriver, change: FieldChange) -> Field {
    let text = |value: &Option<Value>| match value {
        None => "(absent)".to_owned(),
        Some(value) => driver.show(&change.path, value).unwrap_or_else(|| plain(value)),
    };
    Field { before_text: text(&change.before), after_text: text(&change.after), change }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A short hash of every compared field, so that a saved plan can tell what changed since.
fn hashes(driver: &dyn ErasedDriver, state: &Value) -> BTreeMap<String, String> {
    let volatile = driver.volatile();
    let kept = leaves(state).into_iter().filter(|(path, _)| !volatile.iter().any(|v| path.is_within(v)));
    kept.map(|(path, value)| (path.to_string(), short_hash(value))).collect()
}

fn short_hash(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string().as_bytes());
    hex::encode(digest.get(..8).unwrap_or(&digest))
}

impl Change {
    /// One line for lists: `update ZfsDataset/pool1 (disruptive)`.
    pub fn headline(&self) -> String {
        let risk = if self.risk == crate::driver::Risk::Safe {
            String::new()
        } else {
            format!(" ({})", word(self.risk))
        };
        let verb = match self.action {
            Action::NoOp => "unchanged",
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace => "replace",
            Action::Delete => "delete",
            Action::Forget => "forget",
        };
        format!("{verb} {}/{}{risk}", self.id.kind, self.id.name)
    }
}
